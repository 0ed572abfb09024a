//! A model of the EpiViz page: its request stacks, its cache, and the contents of its charts.
//!
//! Follows the observed behaviour of the real page (`docs/protocol.md`, 4 to 7), including its
//! faults: a piece that does not touch the stored interval replaces it; a late answer makes a
//! chart draw a location that the page has left; a clear drops pending answers.

use epivizrs::protocol::{RangeRequest, Request};
use serde::Deserialize;
use serde_json::json;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

/// The page trims its cache after this time without navigation.
const TRIM: Duration = Duration::from_secs(30);

/// A range of bases as the page counts them: it includes `end` when the page requests and
/// draws, but not when it subtracts and joins ranges.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Range {
    pub(crate) sequence: String,
    pub(crate) start: i64,
    pub(crate) end: i64,
}

impl Range {
    fn of(&self, start: i64, end: i64) -> Range {
        Range { sequence: self.sequence.clone(), start, end }
    }

    fn width(&self) -> i64 {
        self.end - self.start
    }

    /// Returns the parts that are not in `other`.
    fn without(&self, other: &Range) -> Vec<Range> {
        let apart = other.sequence != self.sequence
            || other.start >= other.end
            || other.start >= self.end
            || self.start >= other.end;
        if apart {
            return vec![self.clone()];
        }
        let before = (other.start > self.start).then(|| self.of(self.start, other.start));
        let behind = (other.end < self.end).then(|| self.of(other.end, self.end));
        before.into_iter().chain(behind).collect()
    }

    /// Returns the view and the windows to its left and right.
    fn windows(&self) -> Vec<Range> {
        let left = self.of((self.start - self.width()).max(0), self.start);
        vec![self.clone(), left, self.of(self.end, self.end + self.width())]
    }
}

/// What a chart draws: a column of rows, or the rows themselves.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Measurement {
    pub(crate) group: String,
    pub(crate) datasource: String,
    pub(crate) id: String,
    pub(crate) is_range: bool,
}

impl Measurement {
    /// Returns the rows that the measurement belongs to, as a measurement.
    fn rows(&self) -> Measurement {
        let id = self.datasource.clone();
        Measurement { id, is_range: true, ..self.clone() }
    }
}

/// A row as received.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PageRow {
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) name: Option<String>,
}

/// Rows with the values of a measurement.
pub(crate) type Rows = Vec<(PageRow, Option<f64>)>;

/// A contiguous run of rows or values, and the range for which it is complete.
#[derive(Clone, Debug)]
pub(crate) struct Array<T> {
    range: Range,
    first: Option<i64>,
    entries: Vec<T>,
}

impl<T: Clone> Array<T> {
    /// Returns what the page stores when a piece arrives.
    fn add(stored: Option<Array<T>>, new: Array<T>) -> Array<T> {
        let Some(stored) = stored else { return new };
        let touch = stored.range.sequence == new.range.sequence
            && stored.range.start <= new.range.end
            && stored.range.end >= new.range.start;
        if !touch {
            return new;
        }
        let stored_is_first = stored.range.start < new.range.start;
        let (first, second) = if stored_is_first { (stored, new) } else { (new, stored) };
        if first.range.end >= second.range.end {
            return first;
        }
        // Joined by rank: the first may already have the beginning of the second.
        let known = match (first.first, second.first) {
            (Some(a), Some(b)) => a + first.entries.len() as i64 - b,
            _ => 0,
        };
        let mut entries = first.entries;
        entries.extend_from_slice(slice(&second.entries, known));
        Array {
            range: first.range.of(first.range.start, second.range.end),
            first: first.first.or(second.first),
            entries,
        }
    }

    fn covers(&self, range: &Range) -> bool {
        range.without(&self.range).is_empty()
    }
}

/// `Array.slice` of JavaScript: a negative index counts from the end.
fn slice<T>(entries: &[T], from: i64) -> &[T] {
    let length = entries.len() as i64;
    let from = if from < 0 { (length + from).max(0) } else { from.min(length) };
    &entries[from as usize..]
}

/// The page's cache of a datasource group.
#[derive(Clone, Debug, Default)]
pub(crate) struct Experiment {
    rows: Option<Array<PageRow>>,
    values: BTreeMap<String, Array<Option<f64>>>,
}

impl Experiment {
    fn trimmed(&self, to: &Range) -> Experiment {
        let Some(rows) = self.rows.as_ref().and_then(|rows| trim_rows(rows, to)) else {
            return Experiment::default();
        };
        let (first, count) = (rows.first, rows.entries.len() as i64);
        let values = self
            .values
            .iter()
            .filter_map(|(id, values)| Some((id.clone(), trim_values(values, to, first?, count)?)));
        Experiment { values: values.collect(), rows: Some(rows) }
    }

    /// Returns the rows of a measurement in the range, with its values.
    fn drawn(&self, measurement: &Measurement, range: &Range) -> Rows {
        let Some(rows) = &self.rows else { return Vec::new() };
        let values = self.values.get(&measurement.id);
        let value = |index: usize| {
            let values = values?;
            let index = rows.first? + index as i64 - values.first?;
            *values.entries.get(usize::try_from(index).ok()?)?
        };
        let all = rows.entries.iter().enumerate();
        let inside = all.filter(|(_, row)| row.end >= range.start && row.start < range.end);
        inside.map(|(index, row)| (row.clone(), value(index))).collect()
    }
}

fn common(a: &Range, b: &Range) -> Option<Range> {
    let (start, end) = (a.start.max(b.start), a.end.min(b.end));
    (a.sequence == b.sequence && start < end).then(|| a.of(start, end))
}

fn trim_rows(rows: &Array<PageRow>, to: &Range) -> Option<Array<PageRow>> {
    let known = rows.first.filter(|_| !rows.entries.is_empty())?;
    let range = common(&rows.range, to)?;
    let from = rows.entries.iter().position(|row| row.end >= range.start);
    let to = rows.entries.iter().rposition(|row| row.start < range.end).map(|last| last + 1);
    let entries = match (from, to) {
        (Some(from), Some(to)) if to > from => rows.entries[from..to].to_vec(),
        (None, Some(_)) => Vec::new(),
        _ => return None,
    };
    let first = from.filter(|_| !entries.is_empty()).map(|from| known + from as i64);
    Some(Array { range, first, entries })
}

fn trim_values(
    values: &Array<Option<f64>>,
    to: &Range,
    first: i64,
    count: i64,
) -> Option<Array<Option<f64>>> {
    let known = values.first.filter(|_| !values.entries.is_empty())?;
    let range = common(&values.range, to)?;
    let from = first.max(known);
    let to = (first + count).min(known + values.entries.len() as i64);
    (from < to).then(|| Array {
        range,
        first: Some(from),
        entries: values.entries[(from - known) as usize..(to - known) as usize].to_vec(),
    })
}

/// Charts that wait to be drawn at a location.
type Context = Rc<RefCell<(Range, BTreeMap<usize, Vec<Measurement>>)>>;

/// Requests are answered in the order in which they were sent.
#[derive(Default)]
struct Stack {
    requests: VecDeque<(u64, Option<Range>, Context)>,
    early: HashMap<u64, String>,
}

/// What a chart shows.
#[derive(Clone)]
pub(crate) struct Drawing {
    pub(crate) range: Range,
    /// As it was painted.
    pub(crate) painted: Vec<Rows>,
    /// The data that it would use now.
    data: Vec<Rc<RefCell<Experiment>>>,
}

/// The page.
pub(crate) struct Ui {
    cached: bool,
    pub(crate) location: Range,
    pub(crate) charts: BTreeMap<usize, Vec<Measurement>>,
    drawings: BTreeMap<usize, Drawing>,
    data: BTreeMap<String, Rc<RefCell<Experiment>>>,
    stacks: BTreeMap<Measurement, Stack>,
    pending: BTreeMap<Measurement, BTreeMap<u64, Range>>,
    combined: Stack,
    owners: HashMap<u64, Measurement>,
    /// Windows around the last location that was navigated to.
    around: Option<Range>,
    trim_at: Option<Duration>,
    last_id: u64,
    last_chart: usize,
    /// Messages to the endpoint.
    pub(crate) sent: Vec<(u64, Request)>,
}

impl Ui {
    pub(crate) fn new(cached: bool, location: Range) -> Self {
        Ui {
            cached,
            location,
            charts: BTreeMap::new(),
            drawings: BTreeMap::new(),
            data: BTreeMap::new(),
            stacks: BTreeMap::new(),
            pending: BTreeMap::new(),
            combined: Stack::default(),
            owners: HashMap::new(),
            around: None,
            trim_at: None,
            last_id: 0,
            last_chart: 0,
            sent: Vec::new(),
        }
    }

    pub(crate) fn navigate(&mut self, to: Range, now: Duration) {
        self.location = to;
        self.redraw(now);
    }

    pub(crate) fn redraw(&mut self, now: Duration) {
        self.get_data(self.charts.clone(), now);
    }

    pub(crate) fn add_chart(&mut self, measurements: Vec<Measurement>, now: Duration) {
        self.last_chart += 1;
        self.charts.insert(self.last_chart, measurements.clone());
        self.get_data(BTreeMap::from([(self.last_chart, measurements)]), now);
    }

    pub(crate) fn remove_chart(&mut self, chart: usize) {
        self.charts.remove(&chart);
        self.drawings.remove(&chart);
    }

    pub(crate) fn clear(&mut self, group: &str) {
        self.data.remove(group);
        for (_, stack) in self.stacks.iter_mut().filter(|(m, _)| m.group == group) {
            *stack = Stack::default();
        }
        self.pending.retain(|m, _| m.group != group);
    }

    /// Returns when the page next does something by itself.
    pub(crate) fn trims_at(&self) -> Option<Duration> {
        self.trim_at
    }

    pub(crate) fn trim(&mut self) {
        self.trim_at = None;
        let Some(around) = &self.around else { return };
        for experiment in self.data.values_mut() {
            let trimmed = experiment.borrow().trimmed(around);
            *experiment = Rc::new(RefCell::new(trimmed));
        }
    }

    /// Returns whether it waits for an answer.
    pub(crate) fn waits(&self) -> bool {
        self.pending.values().any(|pending| !pending.is_empty())
            || !self.combined.requests.is_empty()
    }

    /// Returns what a chart shows, and for each of its measurements what it would show if it were
    /// redrawn from the cache.
    pub(crate) fn drawing(&self, chart: usize) -> Option<(&Drawing, Vec<Rows>)> {
        let drawing = self.drawings.get(&chart)?;
        let live = self.charts[&chart].iter().zip(&drawing.data);
        let live = live.map(|(m, data)| data.borrow().drawn(m, &drawing.range)).collect();
        Some((drawing, live))
    }

    /// Returns the largest number of rows in the cache of a group.
    pub(crate) fn held(&self) -> usize {
        let lengths = self.data.values().flat_map(|data| {
            let data = data.borrow();
            let rows = data.rows.as_ref().map(|rows| rows.entries.len());
            rows.into_iter().chain(data.values.values().map(|v| v.entries.len())).max()
        });
        lengths.max().unwrap_or(0)
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn get_data(&mut self, charts: BTreeMap<usize, Vec<Measurement>>, now: Duration) {
        let range = self.location.clone();
        if !self.cached {
            return self.get_combined(range, charts);
        }
        self.around = Some(range.of(range.start - range.width(), range.end + range.width()));
        self.trim_at = Some(now + TRIM);
        let context: Context = Rc::new(RefCell::new((range.clone(), charts)));
        self.serve(&context);
        let needed = self.needed(&range, &context.borrow().1);
        for (measurement, pieces) in needed {
            if pieces.is_empty() {
                let id = self.next_id();
                self.push(&measurement, id, None, &context);
                self.answer_of(&measurement, id, String::new());
            }
            for piece in pieces {
                let id = self.next_id();
                self.push(&measurement, id, Some(piece.clone()), &context);
                self.pending.entry(measurement.clone()).or_default().insert(id, piece.clone());
                self.owners.insert(id, measurement.clone());
                let mut request = RangeRequest {
                    sequence: Some(piece.sequence.clone()),
                    start: Some(piece.start),
                    end: Some(piece.end),
                    datasource: Some(measurement.datasource.clone()),
                    version: Some("4".into()),
                    ..RangeRequest::default()
                };
                let request = if measurement.is_range {
                    request.metadata = metadata(&measurement.datasource);
                    Request::GetRows(request)
                } else {
                    request.measurement = Some(measurement.id.clone());
                    Request::GetValues(request)
                };
                self.sent.push((id, request));
            }
        }
    }

    fn push(&mut self, owner: &Measurement, id: u64, piece: Option<Range>, context: &Context) {
        let stack = self.stacks.entry(owner.clone()).or_default();
        stack.requests.push_back((id, piece, context.clone()));
    }

    /// Returns the ranges to request for each measurement: the windows without cached or pending data.
    fn needed(
        &self,
        range: &Range,
        charts: &BTreeMap<usize, Vec<Measurement>>,
    ) -> Vec<(Measurement, Vec<Range>)> {
        let mut needed: Vec<(Measurement, Vec<Range>)> = Vec::new();
        for measurement in charts.values().flatten().flat_map(|m| [m.clone(), m.rows()]) {
            if needed.iter().any(|(known, _)| *known == measurement) {
                continue;
            }
            let stored = self.data.get(&measurement.group).map(|data| data.borrow());
            let held = stored.as_ref().and_then(|data| {
                if measurement.is_range {
                    data.rows.as_ref().map(|rows| rows.range.clone())
                } else {
                    data.values.get(&measurement.id).map(|values| values.range.clone())
                }
            });
            let pending = self.pending.get(&measurement).into_iter().flat_map(|p| p.values());
            let mut pieces = range.windows();
            for known in held.iter().chain(pending) {
                pieces = pieces.iter().flat_map(|piece| piece.without(known)).collect();
            }
            needed.push((measurement, pieces));
        }
        needed
    }

    /// Handles an answer.
    pub(crate) fn receive(&mut self, id: u64, json: String) {
        if !self.cached {
            self.combined.early.insert(id, json);
            while let Some((id, _, context)) = self.combined.requests.front().cloned() {
                let Some(json) = self.combined.early.remove(&id) else { return };
                self.combined.requests.pop_front();
                self.take_combined(&json, &context);
            }
        } else if let Some(owner) = self.owners.remove(&id) {
            self.answer_of(&owner, id, json);
        }
    }

    fn answer_of(&mut self, owner: &Measurement, id: u64, json: String) {
        let stack = self.stacks.entry(owner.clone()).or_default();
        // Nothing waits for requests sent before a clear.
        if !stack.requests.iter().any(|(waiting, ..)| *waiting == id) {
            return;
        }
        stack.early.insert(id, json);
        while let Some(stack) = self.stacks.get_mut(owner)
            && let Some((id, ..)) = stack.requests.front()
            && let Some(json) = stack.early.remove(id)
            && let Some((id, piece, context)) = stack.requests.pop_front()
        {
            self.take(owner, id, piece, &context, &json);
        }
    }

    fn take(
        &mut self,
        owner: &Measurement,
        id: u64,
        piece: Option<Range>,
        context: &Context,
        json: &str,
    ) {
        if let Some(range) = piece {
            let data = self.data.entry(owner.group.clone()).or_default().clone();
            let mut data = data.borrow_mut();
            if owner.is_range {
                let answer: Answer<RowsAnswer> = serde_json::from_str(json).unwrap();
                let RowsAnswer { first, use_offset, mut values } = answer.data;
                if use_offset {
                    values.add_up();
                }
                for name in metadata(&owner.datasource) {
                    assert!(values.metadata.contains_key(&name), "the page breaks when it joins");
                }
                let new = Array { range, first, entries: values.rows(&owner.datasource) };
                data.rows = Some(Array::add(data.rows.take(), new));
            } else {
                let answer: Answer<ValuesAnswer> = serde_json::from_str(json).unwrap();
                let ValuesAnswer { first, values } = answer.data;
                let new = Array { range, first, entries: values };
                let stored = data.values.remove(&owner.id);
                data.values.insert(owner.id.clone(), Array::add(stored, new));
            }
        }
        if let Some(pending) = self.pending.get_mut(owner) {
            pending.remove(&id);
        }
        self.serve(context);
    }

    /// Draws the charts of a context that can be drawn, at the context's location, even if the page
    /// has moved since.
    fn serve(&mut self, context: &Context) {
        let (range, charts) = &mut *context.borrow_mut();
        charts.retain(|chart, measurements| {
            let available = measurements.iter().all(|m| {
                self.data.get(&m.group).is_some_and(|data| {
                    let data = data.borrow();
                    data.rows.as_ref().is_some_and(|rows| rows.covers(range))
                        && (m.is_range
                            || data.values.get(&m.id).is_some_and(|values| values.covers(range)))
                })
            });
            if available && self.charts.contains_key(chart) {
                let data: Vec<_> =
                    measurements.iter().map(|m| self.data[&m.group].clone()).collect();
                draw(&mut self.drawings, *chart, range, measurements, data);
            }
            !available
        });
    }

    fn get_combined(&mut self, range: Range, charts: BTreeMap<usize, Vec<Measurement>>) {
        let mut wanted: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for m in charts.values().flatten() {
            let ids = wanted.entry(&m.datasource).or_default();
            if !ids.contains(&&*m.id) {
                ids.push(&m.id);
            }
        }
        if wanted.is_empty() {
            return;
        }
        let request = json!({
            "action": "getCombined", "version": "4", "measurements": wanted,
            "seqName": range.sequence, "start": range.start, "end": range.end,
        });
        let request = serde_json::from_value(request).unwrap();
        let id = self.next_id();
        let context = Rc::new(RefCell::new((range, charts)));
        self.combined.requests.push_back((id, None, context));
        self.sent.push((id, request));
    }

    fn take_combined(&mut self, json: &str, context: &Context) {
        let answer: Answer<HashMap<String, Part>> = serde_json::from_str(json).unwrap();
        let (range, charts) = &*context.borrow();
        let experiments: HashMap<String, Rc<RefCell<Experiment>>> = answer
            .data
            .into_iter()
            .map(|(datasource, Part { first, rows, cols })| {
                let array = |entries| Array { range: range.clone(), first, entries };
                let values = cols.into_iter().map(|(id, values)| (id, array(values))).collect();
                let entries = rows.rows(&datasource);
                let rows = Some(Array { range: range.clone(), first, entries });
                (datasource, Rc::new(RefCell::new(Experiment { rows, values })))
            })
            .collect();
        for (chart, measurements) in charts {
            if self.charts.contains_key(chart) {
                let data =
                    measurements.iter().map(|m| experiments[&m.datasource].clone()).collect();
                draw(&mut self.drawings, *chart, range, measurements, data);
            }
        }
    }
}

fn draw(
    drawings: &mut BTreeMap<usize, Drawing>,
    chart: usize,
    range: &Range,
    measurements: &[Measurement],
    data: Vec<Rc<RefCell<Experiment>>>,
) {
    let painted = measurements.iter().zip(&data).map(|(m, data)| data.borrow().drawn(m, range));
    let painted = painted.collect();
    drawings.insert(chart, Drawing { range: range.clone(), painted, data });
}

/// Returns the metadata columns that the page knows.
fn metadata(datasource: &str) -> Vec<String> {
    match datasource {
        "few" | "many" | "spare" | "close" => vec!["name".into()],
        _ => Vec::new(),
    }
}

#[derive(Deserialize)]
struct Answer<T> {
    data: T,
}

#[derive(Deserialize)]
struct RowsAnswer {
    #[serde(rename = "globalStartIndex")]
    first: Option<i64>,
    #[serde(rename = "useOffset")]
    use_offset: bool,
    values: Columns,
}

#[derive(Deserialize)]
struct ValuesAnswer {
    #[serde(rename = "globalStartIndex")]
    first: Option<i64>,
    values: Vec<Option<f64>>,
}

#[derive(Deserialize)]
struct Part {
    #[serde(rename = "globalStartIndex")]
    first: Option<i64>,
    rows: Columns,
    cols: HashMap<String, Vec<Option<f64>>>,
}

#[derive(Deserialize)]
struct Columns {
    start: Vec<i64>,
    end: Vec<i64>,
    metadata: HashMap<String, Vec<Option<String>>>,
}

impl Columns {
    /// Replaces offsets by positions.
    fn add_up(&mut self) {
        for row in 1..self.start.len() {
            self.start[row] += self.start[row - 1];
            self.end[row] += self.end[row - 1];
        }
    }

    /// The rows.
    fn rows(mut self, datasource: &str) -> Vec<PageRow> {
        let mut names = metadata(datasource).pop().and_then(|name| self.metadata.remove(&name));
        let places = self.start.into_iter().zip(self.end).enumerate();
        let mut name = |index: usize| names.as_mut().and_then(|names| names[index].take());
        places.map(|(index, (start, end))| PageRow { start, end, name: name(index) }).collect()
    }
}
