//! Pages and the endpoint's own code on a simulated clock, with a network between them that preserves
//! the order of messages, and an endpoint that answers late and out of order.

use crate::data::{SEQUENCES, Track, mixed, tracks};
use crate::ui::{Measurement, PageRow, Range, Ui};
use epivizrs::catalog::{Catalog, Kind, Resolution};
use epivizrs::genome::Region;
use epivizrs::protocol::{Reply, Request};
use epivizrs::provider::{Clear, Order, Provider, Ticket, View};
use epivizrs::source::{CLOSE, Level, Shape, Spec};
use serde_json::value::RawValue;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// A page is idle after this time without messages other than requests for its location: more
/// than the longest interval between two of these.
const QUIET: Duration = Duration::from_millis(6_500);
const NEVER: Duration = Duration::from_secs(180);

/// The served data; expensive to create, so many runs share it.
pub(crate) struct House {
    pub(crate) provider: Provider,
    pub(crate) aim: u64,
    tracks: HashMap<&'static str, Track>,
    specs: HashMap<&'static str, Spec>,
    runtime: Runtime,
    _folder: TempDir,
}

impl House {
    pub(crate) fn new(aim: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let tracks = tracks();
        // Alignment files are not text.
        let (made, files): (Vec<_>, Vec<_>) =
            tracks.iter().partition(|track| track.shape == Shape::Reads);
        let specs: Vec<_> =
            files.iter().map(|track| (track.id, track.write(folder.path()))).collect();
        let catalog = Catalog::new(None);
        let (_, errors) =
            runtime.block_on(catalog.load(specs.iter().map(|(_, spec)| spec.clone()).collect()));
        assert!(errors.is_empty(), "{errors:?}");
        made.into_iter().for_each(|track| drop(catalog.add(track.id, track.source())));
        House {
            provider: Provider { catalog, page_rows: aim },
            aim,
            tracks: tracks.into_iter().map(|track| (track.id, track)).collect(),
            specs: specs.into_iter().collect(),
            runtime,
            _folder: folder,
        }
    }

    /// Returns the measurement with this id, as the page knows it.
    pub(crate) fn measurement(&self, id: &str) -> Measurement {
        let listing = self.provider.catalog.listing();
        let known = listing.measurements().find(|m| m.id == id);
        let (datasource, group, is_range) = match known {
            Some(m) => (m.datasource.clone(), m.group.clone(), m.kind == Kind::Range),
            // It was unloaded; the page may still have it.
            None if id == "extra" => ("signals".into(), "signals".into(), false),
            None => (id.to_owned(), id.to_owned(), true),
        };
        Measurement { group, datasource, id: id.to_owned(), is_range }
    }

    fn is_loaded(&self, id: &str) -> bool {
        self.provider.catalog.listing().measurements().any(|m| m.id == id)
    }

    /// Loads or unloads a track; returns the group whose rows changed.
    fn toggle(&self, id: &str) -> String {
        let changed = if self.is_loaded(id) {
            self.provider.catalog.unload(id).unwrap()
        } else {
            let specs = vec![self.specs[id].clone()];
            let (added, errors) = self.runtime.block_on(self.provider.catalog.load(specs));
            assert!(errors.is_empty(), "{errors:?}");
            added
        };
        changed[0].group.clone()
    }

    /// Loads all tracks.
    pub(crate) fn restore(&self) {
        for id in ["extra", "spare"] {
            if !self.is_loaded(id) {
                self.toggle(id);
            }
        }
    }
}

/// How the network and the endpoint behave.
#[derive(Clone, Debug)]
pub(crate) struct Weather {
    pub(crate) seed: u64,
    /// The latency of a message in milliseconds.
    pub(crate) latency: u64,
    /// The maximum time in which the endpoint answers, in milliseconds.
    pub(crate) slowness: u64,
}

enum Event {
    /// A page's request reaches the endpoint.
    Asked(usize, u64, Request),
    /// The endpoint has computed an answer.
    Ready(usize, u64, Request, Option<Ticket>),
    /// A message reaches a page.
    Answer(usize, u64, String),
    Order(usize, Order),
    /// A page's answer to an order reaches the endpoint.
    Cleared(usize, Clear),
    Located(usize, Range),
}

struct Peer {
    ui: Ui,
    view: View,
    /// When the last message in each direction arrives, to preserve their order.
    up: Duration,
    down: Duration,
    questions: usize,
    /// Requests that the endpoint has not answered yet, with their groups.
    held: Vec<(String, u64, Request)>,
}

/// Counts of the messages.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) requests: u64,
    pub(crate) questions: u64,
    pub(crate) clears: u64,
    pub(crate) redraws: u64,
    /// The maximum number of rows that a page ever had of one group.
    pub(crate) most_held: usize,
}

pub(crate) struct World<'a> {
    house: &'a House,
    weather: Weather,
    now: Duration,
    busy: Duration,
    events: BTreeMap<(Duration, u64), Event>,
    count: u64,
    peers: Vec<Peer>,
    pub(crate) traffic: Traffic,
    /// Prints every message, to understand a failure.
    pub(crate) verbose: bool,
}

impl<'a> World<'a> {
    /// Creates pages at the same location; those with `true` have a cache.
    pub(crate) fn new(house: &'a House, weather: Weather, pages: &[bool]) -> Self {
        let place = Range { sequence: "chr1".into(), start: 1_000_000, end: 1_100_000 };
        let peer = |&cached: &bool| Peer {
            ui: Ui::new(cached, place.clone()),
            view: View::new(house.aim),
            up: Duration::ZERO,
            down: Duration::ZERO,
            questions: 0,
            held: Vec::new(),
        };
        World {
            house,
            weather,
            now: Duration::ZERO,
            busy: Duration::ZERO,
            events: BTreeMap::new(),
            count: 0,
            peers: pages.iter().map(peer).collect(),
            traffic: Traffic::default(),
            verbose: false,
        }
    }

    pub(crate) fn ui(&self, page: usize) -> &Ui {
        &self.peers[page].ui
    }

    /// Performs an action of the user, or of another part of the endpoint, on a page.
    pub(crate) fn act(&mut self, page: usize, act: impl FnOnce(&mut Ui, Duration)) {
        self.busy = self.now;
        act(&mut self.peers[page].ui, self.now);
        self.flush(page);
    }

    /// Loads or unloads a track.
    pub(crate) fn toggle(&mut self, id: &str) {
        let group = self.house.toggle(id);
        self.busy = self.now;
        for page in 0..self.peers.len() {
            self.peers[page].view.invalidate(&group, self.now);
            self.obey(page);
        }
    }

    /// Advances the clock.
    pub(crate) fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(next) = self.next_time().filter(|next| *next <= until) {
            self.step(next);
        }
        self.now = until;
    }

    /// Waits until everything is idle.
    pub(crate) fn settle(&mut self) -> Result<(), String> {
        let limit = self.now + NEVER;
        loop {
            let waits = self.peers.iter().any(|peer| peer.ui.waits());
            if !waits && self.now >= self.busy + QUIET {
                return Ok(());
            }
            if self.now > limit {
                return Err(format!("no rest after {NEVER:?}"));
            }
            let quiet = self.busy + QUIET;
            match self.next_time() {
                Some(next) if waits || next < quiet => self.step(next),
                None if waits => return Err("an answer never came".into()),
                _ => self.now = quiet.max(self.now),
            }
        }
    }

    fn next_time(&self) -> Option<Duration> {
        let events = self.events.keys().next().map(|(time, _)| *time);
        let own = self.peers.iter().flat_map(|peer| {
            let trim = peer.ui.trims_at();
            std::iter::once(peer.view.next()).chain(trim)
        });
        events.into_iter().chain(own).min().map(|next| next.max(self.now))
    }

    fn step(&mut self, now: Duration) {
        self.now = now;
        for page in 0..self.peers.len() {
            if self.peers[page].ui.trims_at().is_some_and(|at| at <= now) {
                self.peers[page].ui.trim();
            }
            if self.peers[page].view.next() <= now {
                self.obey(page);
            }
        }
        while let Some(entry) = self.events.first_entry().filter(|entry| entry.key().0 <= now) {
            let event = entry.remove();
            self.happen(event);
        }
    }

    fn happen(&mut self, event: Event) {
        let now = self.now;
        let house = self.house;
        let listing = house.provider.catalog.listing();
        match event {
            Event::Asked(page, id, request) => {
                self.busy = now;
                self.traffic.requests += 1;
                let view = &mut self.peers[page].view;
                let ticket = house.provider.target(&request).map(|target| {
                    view.request(&target.group, &target.key, &target.piece, &*listing, now)
                });
                if ticket.as_ref().is_some_and(Ticket::is_deferred) {
                    self.note(page, || format!("{} is deferred", request_text(&request)));
                    let group = house.provider.target(&request).unwrap().group;
                    self.peers[page].held.push((group, id, request));
                    return self.obey(page);
                }
                let delay = self.random() % (self.weather.slowness + 1);
                self.at(delay, Event::Ready(page, id, request, ticket));
                self.obey(page);
            }
            Event::Ready(page, id, request, ticket) => {
                self.busy = now;
                let resolution = ticket.as_ref().map(|ticket| Resolution::At(ticket.level));
                let at = ticket.as_ref().and_then(|ticket| ticket.placeholder.clone());
                let reply = house.runtime.block_on(house.provider.answer_with(
                    &request,
                    resolution,
                    at.as_ref(),
                ));
                let json = to_json(&reply, id);
                if let Some(ticket) = ticket {
                    self.note(page, || format!("{} at {}", request_text(&request), ticket.level));
                    self.peers[page].view.answered(&ticket, now);
                }
                self.down(page, Event::Answer(page, id, json));
                self.obey(page);
            }
            Event::Answer(page, id, json) => {
                self.busy = now;
                self.peers[page].ui.receive(id, json);
                self.traffic.most_held = self.traffic.most_held.max(self.peers[page].ui.held());
                self.flush(page);
            }
            Event::Order(page, order) => {
                self.note(page, || format!("does {order:?}"));
                match order {
                    Order::Dismiss(_) => {}
                    Order::Clear(clear) => {
                        self.busy = now;
                        self.peers[page].ui.clear(&clear.group);
                        self.up(page, Event::Cleared(page, clear));
                    }
                    Order::Redraw => {
                        self.busy = now;
                        self.peers[page].ui.redraw(now);
                        self.flush(page);
                    }
                    Order::Locate => {
                        let location = self.peers[page].ui.location.clone();
                        self.up(page, Event::Located(page, location));
                    }
                }
            }
            Event::Cleared(page, clear) => {
                self.peers[page].view.cleared(&clear);
                self.obey(page);
            }
            Event::Located(page, Range { sequence, start, end }) => {
                self.peers[page].questions -= 1;
                let region = Region::new(sequence, (start - 1).max(0) as u32, end as u32);
                let region = listing.locate(&region);
                self.peers[page].view.located(region, &*listing, now);
                self.obey(page);
            }
        }
    }

    /// Sends the page's requests.
    fn flush(&mut self, page: usize) {
        for (id, request) in std::mem::take(&mut self.peers[page].ui.sent) {
            self.note(page, || format!("asks {}", request_text(&request)));
            self.up(page, Event::Asked(page, id, request));
        }
    }

    /// Sends the endpoint's requests to the page.
    fn obey(&mut self, page: usize) {
        let listing = self.house.provider.catalog.listing();
        for order in self.peers[page].view.orders(&*listing, self.now) {
            match &order {
                Order::Clear(_) => self.traffic.clears += 1,
                Order::Redraw => self.traffic.redraws += 1,
                Order::Dismiss(group) => {
                    let held = self.peers[page].held.extract_if(.., |held| held.0 == *group);
                    for (_, id, request) in held.collect::<Vec<_>>() {
                        let json = to_json(&self.house.provider.nothing(&request), id);
                        self.down(page, Event::Answer(page, id, json));
                    }
                }
                Order::Locate => {
                    self.traffic.questions += 1;
                    self.peers[page].questions += 1;
                    let open = self.peers[page].questions;
                    assert_eq!(open, 1, "a page is asked once at a time where it looks");
                }
            }
            self.down(page, Event::Order(page, order));
        }
    }

    fn up(&mut self, page: usize, event: Event) {
        let arrival = self.now + Duration::from_millis(self.weather.latency);
        let arrival = arrival.max(self.peers[page].up);
        self.peers[page].up = arrival;
        self.schedule(arrival, event);
    }

    fn down(&mut self, page: usize, event: Event) {
        let arrival = self.now + Duration::from_millis(self.weather.latency);
        let arrival = arrival.max(self.peers[page].down);
        self.peers[page].down = arrival;
        self.schedule(arrival, event);
    }

    fn at(&mut self, delay: u64, event: Event) {
        self.schedule(self.now + Duration::from_millis(delay), event);
    }

    fn schedule(&mut self, time: Duration, event: Event) {
        self.count += 1;
        self.events.insert((time, self.count), event);
    }

    fn random(&mut self) -> u64 {
        self.weather.seed = mixed(self.weather.seed);
        self.weather.seed >> 8
    }

    fn note(&self, page: usize, text: impl FnOnce() -> String) {
        if self.verbose {
            eprintln!("{:>9.3} page {page} {}", self.now.as_secs_f64(), text());
        }
    }

    /// Compares every chart of every page with the data.
    pub(crate) fn check(&self) -> Result<(), String> {
        let most_held = self.traffic.most_held;
        if most_held as u64 > self.house.aim * 6 {
            return Err(format!("a page held {most_held} rows of a group"));
        }
        for (page, peer) in self.peers.iter().enumerate() {
            for (chart, measurements) in &peer.ui.charts {
                let fail = |why: String| {
                    let names: Vec<_> = measurements.iter().map(|m| m.id.as_str()).collect();
                    format!("page {page}, chart of {names:?} at {:?}: {why}", peer.ui.location)
                };
                let Some((drawing, live)) = peer.ui.drawing(*chart) else {
                    return Err(fail("nothing was drawn".into()));
                };
                if drawing.range != peer.ui.location {
                    return Err(fail(format!("it shows {:?}", drawing.range)));
                }
                for ((m, painted), held) in measurements.iter().zip(&drawing.painted).zip(&live) {
                    let right = self.compare(m, &drawing.range, painted);
                    right.map_err(|why| fail(format!("painted of {}: {why}", m.id)))?;
                    if held != painted {
                        let right = self.compare(m, &drawing.range, held);
                        right.map_err(|why| fail(format!("held of {}: {why}", m.id)))?;
                    }
                }
            }
        }
        Ok(())
    }

    fn compare(
        &self,
        measurement: &Measurement,
        range: &Range,
        rows: &[(PageRow, Option<f64>)],
    ) -> Result<(), String> {
        let house = self.house;
        let name = measurement.id.split('.').next().unwrap();
        let loaded = house.is_loaded(&measurement.id);
        let track = &house.tracks[name];
        if !loaded && track.is_features() {
            return if rows.is_empty() { Ok(()) } else { Err("rows of what is not there".into()) };
        }
        let sequence = SEQUENCES.iter().position(|(name, _)| *name == range.sequence).unwrap();
        // The page's last base lies just outside the right edge of its charts.
        let (start, end) = ((range.start - 1) as u32, (range.end - 1) as u32);
        let mut nearest = format!("{} rows fit no level", rows.len());
        // Requests include both ends.
        if track.shape == Shape::Reads && range.end - range.start + 1 > i64::from(CLOSE) {
            return if rows.is_empty() { Ok(()) } else { Err(nearest) };
        }
        // The width of a signal's rows gives the level; only the last row of a sequence is shorter.
        let widest = rows.iter().map(|(row, _)| row.end - row.start + 1).max().unwrap_or(1);
        let possible = |level: &Level| {
            let width = i64::from(level.width());
            let wide = track.shape.hides(*level);
            !wide && track.is_features() || width == widest || (rows.len() < 3 && width > widest)
        };
        for level in track.shape.levels().filter(possible) {
            let fits = |level| track.count(sequence, start, end, level) == rows.len();
            if track.is_features() && !fits(level) {
                continue;
            }
            let truth = track.rows(sequence, start, end, level);
            if truth.len() != rows.len() {
                continue;
            }
            let wrong = truth.iter().zip(rows).find(|(truth, (row, value))| {
                let value_fits = match (truth.value, value) {
                    _ if !loaded => value.is_none(),
                    _ if measurement.is_range => true,
                    (Some(truth), Some(value)) => {
                        (truth - value).abs() <= 1e-5 * truth.abs().max(1.0)
                    }
                    (None, None) => true,
                    _ => false,
                };
                i64::from(truth.start) + 1 != row.start
                    || i64::from(truth.end) != row.end
                    || truth.name != row.name
                    || !value_fits
            });
            match wrong {
                None if track.is_features() => {
                    // A long row entails all rows in between, which count as well.
                    let run = track.run(sequence, start, end, level);
                    return self.bounds(track, range, level, run as u64);
                }
                None => return self.bounds(track, range, level, rows.len() as u64),
                Some(wrong) => nearest = format!("at {level}, {wrong:?}"),
            }
        }
        Err(nearest)
    }

    /// Checks that the page has about the intended number of rows: at most twice the target, and
    /// fewer than half only if finer levels would put too many rows into the windows beside the view.
    fn bounds(&self, track: &Track, range: &Range, level: Level, rows: u64) -> Result<(), String> {
        let aim = self.house.aim;
        // A bin at the edge of the view counts as one more.
        if rows > aim * 2 + 1 {
            return Err(format!("{rows} rows at {level}"));
        }
        let finer = track.shape.levels().take_while(|known| *known < level).last();
        let Some(finer) = finer.filter(|_| rows < aim * 2 / 5) else { return Ok(()) };
        let sequence = SEQUENCES.iter().position(|(name, _)| *name == range.sequence).unwrap();
        let length = i64::from(SEQUENCES[sequence].1);
        let width = range.end - range.start;
        let start = (range.start - width).max(1) - 1;
        let end = (range.end + width).min(length);
        let around = track.run(sequence, start as u32, end as u32, finer) as u64;
        let inside = track.run(sequence, range.start as u32 - 1, range.end as u32, finer) as u64;
        if around > aim * 4 || inside > aim * 3 / 2 {
            return Ok(());
        }
        Err(format!("only {rows} rows at {level}; finer ones would be {around} with the windows"))
    }
}

fn to_json(reply: &Reply, id: u64) -> String {
    reply.to_json(&RawValue::from_string(id.to_string()).unwrap())
}

fn request_text(request: &Request) -> String {
    match request {
        Request::GetRows(r) | Request::GetValues(r) | Request::GetCombined(r) => format!(
            "{:?} {:?} of {:?} {:?}-{:?}",
            request.name(),
            r.measurement,
            r.datasource,
            r.start,
            r.end
        ),
        other => format!("{other:?}"),
    }
}
