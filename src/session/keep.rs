//! Keeps a page at the session's state: one task a page.
//!
//! Nothing is sent because something happened; what is sent is what still differs. So a page that
//! has just been loaded, one that missed a change and one that was slow are all brought to the same
//! state, once and in order, and pages cannot disturb each other.

use super::handle::{Page, Stage};
use super::state::{Chart, State};
use super::{Session, chart_message};
use crate::error::PageError;
use crate::protocol::{
    AddSeqInfos, ChartId, Navigate, RemoveChart, RemoveSeqNames, SeqInfo, SetChartSettings,
    WireRegion,
};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// Pages of version 2 do not register their chart types: this long after their first requests they
/// count as ready.
const UNREGISTERED: Duration = Duration::from_millis(700);

/// Unanswered changes of colour that are remembered of a page.
const ECHOES: usize = 64;

/// How far a page has been brought.
#[derive(Clone, Debug, Default)]
pub(super) struct Settled {
    /// The session's revision that the page has.
    pub(super) revision: u64,
    /// What it would not do on the way there.
    pub(super) refusals: Arc<[Refusal]>,
}

/// Something that a page would not do.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    /// The chart concerned, if one is.
    pub(super) chart: Option<usize>,
    pub(super) error: PageError,
}

/// What the page has been asked to show.
#[derive(Debug, Default)]
pub(super) struct Shown {
    charts: BTreeMap<usize, ShownChart>,
    sequences: BTreeMap<String, u32>,
    hidden: Vec<String>,
    /// The number of the last journey that the page was sent on.
    journey: Option<u64>,
    /// Colours and settings that were sent and not yet answered: pages of versions 4 and 5 echo
    /// them as if the user had chosen them.
    echoes: VecDeque<(String, Vec<String>)>,
}

#[derive(Debug)]
struct ShownChart {
    status: Status,
    chart: Chart,
}

#[derive(Clone, Debug, PartialEq)]
enum Status {
    /// Under this id; whether its settings have been sent.
    There(String),
    /// The page has not answered yet.
    Asked,
    /// The page would not.
    Refused,
}

/// What to do next to bring a page to the state.
#[derive(Debug, PartialEq)]
enum Step {
    Remove(usize, String),
    AddSequences(BTreeMap<String, u32>),
    RemoveSequences(Vec<String>),
    Add(Chart),
    Look(String, Chart),
    Go(WireRegion),
}

impl Shown {
    /// The page's id of a chart, if the page shows it.
    pub(super) fn id(&self, number: usize) -> Option<String> {
        match &self.charts.get(&number)?.status {
            Status::There(id) => Some(id.clone()),
            _ => None,
        }
    }

    /// The page tells of new settings or colours. Returns the chart concerned if that is news, and
    /// takes note that the page has them.
    pub(super) fn told(
        &mut self,
        id: &str,
        settings: &Map<String, Value>,
        colors: Option<&[String]>,
    ) -> Option<usize> {
        let colors = colors.unwrap_or_default();
        let is_echo = |sent: &(String, Vec<String>)| sent.0 == id && sent.1 == colors;
        if let Some(at) = self.echoes.iter().position(is_echo).filter(|_| settings.is_empty()) {
            self.echoes.remove(at);
            return None;
        }
        let (number, shown) = self
            .charts
            .iter_mut()
            .find(|(_, shown)| matches!(&shown.status, Status::There(known) if known == id))?;
        shown.chart.settings.extend(settings.clone());
        if !colors.is_empty() {
            shown.chart.colors = colors.to_vec();
        }
        Some(*number)
    }

    /// Whether the page would not draw the chart.
    pub(super) fn is_refused(&self, number: usize) -> bool {
        self.charts.get(&number).is_some_and(|shown| shown.status == Status::Refused)
    }

    /// Charts that could not be drawn are tried again: what is served has changed.
    pub(super) fn retry(&mut self) {
        self.charts.retain(|_, shown| shown.status != Status::Refused);
    }

    /// Charts of these measurements are drawn again.
    pub(super) fn outdate(&mut self, concerned: impl Fn(&String) -> bool) {
        for shown in self.charts.values_mut() {
            if shown.chart.measurements.iter().any(&concerned) {
                shown.chart.measurements.clear();
            }
        }
    }

    fn next(&mut self, state: &State, journey: u64) -> Option<Step> {
        self.charts.retain(|number, shown| {
            shown.status != Status::Refused || state.chart(*number).is_some()
        });
        let stale = |(number, shown): (&usize, &ShownChart)| {
            let wanted = state.chart(*number);
            let same = |chart: &Chart| {
                (chart.kind, &chart.measurements) == (shown.chart.kind, &shown.chart.measurements)
            };
            match &shown.status {
                Status::There(id) if !wanted.is_some_and(same) => {
                    Some(Step::Remove(*number, id.clone()))
                }
                _ => None,
            }
        };
        if let Some(step) = self.charts.iter().find_map(stale) {
            return Some(step);
        }
        if self.sequences != state.sequences {
            let gone = |name: &&String| !state.sequences.contains_key(*name);
            let gone: Vec<_> = self.sequences.keys().filter(gone).cloned().collect();
            return Some(match gone.is_empty() {
                true => Step::AddSequences(state.sequences.clone()),
                false => Step::RemoveSequences(gone),
            });
        }
        if self.hidden != state.hidden {
            return Some(Step::RemoveSequences(state.hidden.clone()));
        }
        if let Some(new) =
            state.charts.iter().find(|chart| !self.charts.contains_key(&chart.number))
        {
            return Some(Step::Add(new.clone()));
        }
        let looks = |chart: &Chart| {
            let shown = self.charts.get(&chart.number)?;
            let same =
                (&shown.chart.settings, &shown.chart.colors) == (&chart.settings, &chart.colors);
            match &shown.status {
                Status::There(id) if !same => Some(Step::Look(id.clone(), chart.clone())),
                _ => None,
            }
        };
        if let Some(step) = state.charts.iter().find_map(looks) {
            return Some(step);
        }
        let sent = self.journey.replace(journey) == Some(journey);
        // A page of a session whose endpoint did nothing to it stays where its user opened it.
        let led = state.went || !state.charts.is_empty();
        state.place.clone().filter(|_| !sent && led).map(Step::Go)
    }
}

type Late = FuturesUnordered<BoxFuture<'static, (Chart, Result<ChartId, PageError>)>>;

/// Brings the page to the session's state and keeps it there, until it is gone.
pub(super) async fn keep(session: Arc<Session>, page: Page) {
    if !ready(&page).await {
        return;
    }
    let mut revisions = session.revision.subscribe();
    let mut late = Late::new();
    loop {
        let (state, journey, revision) = session.snapshot();
        match bring(&session, &page, &state, journey, &mut late).await {
            Ok(refusals) => {
                page.info.settled.send_replace(Settled { revision, refusals: refusals.into() });
            }
            Err(_) => return,
        }
        tokio::select! {
            changed = revisions.wait_for(|known| *known > revision) => if changed.is_err() { return },
            Some((chart, answer)) = late.next() => arrived(&page, &chart, answer),
        }
    }
}

/// Waits until the page can be asked for actions; false if it leaves before.
async fn ready(page: &Page) -> bool {
    let mut stage = page.info.stage.subscribe();
    let reached = async |stage: &mut tokio::sync::watch::Receiver<Stage>, wanted| {
        stage.wait_for(|known| *known >= wanted).await.is_ok()
    };
    if !reached(&mut stage, Stage::Starting).await {
        return false;
    }
    let _ = tokio::time::timeout(UNREGISTERED, reached(&mut stage, Stage::Ready)).await;
    page.reach(Stage::Ready);
    page.stage() == Stage::Ready
}

/// Takes the steps that are left. A page that does not answer is asked nothing more this time.
///
/// # Errors
/// The page is gone.
async fn bring(
    session: &Session,
    page: &Page,
    state: &State,
    journey: u64,
    late: &mut Late,
) -> Result<Vec<Refusal>, PageError> {
    let mut refusals = Vec::new();
    loop {
        let step = page.known().shown.next(state, journey);
        let Some(step) = step else { return Ok(refusals) };
        let chart = match &step {
            Step::Add(chart) | Step::Look(_, chart) => Some(chart.number),
            Step::Remove(number, _) => Some(*number),
            _ => None,
        };
        match take(session, page, step, late).await {
            Ok(()) => {}
            Err(PageError::Disconnected) => return Err(PageError::Disconnected),
            Err(error @ PageError::TimedOut(_)) => {
                refusals.push(Refusal { chart, error });
                return Ok(refusals);
            }
            Err(error) => refusals.push(Refusal { chart, error }),
        }
    }
}

/// Takes one step. Before the page is asked, it is noted as done: what fails is reported, not
/// repeated.
async fn take(
    session: &Session,
    page: &Page,
    step: Step,
    late: &mut Late,
) -> Result<(), PageError> {
    let patience = session.patience();
    match step {
        Step::Remove(number, id) => {
            page.known().shown.charts.remove(&number);
            match page.call(RemoveChart { chart: id }, patience).await {
                // Its user has removed the chart before us.
                Err(PageError::Refused(why)) => tracing::debug!("chart {number}: {why}"),
                other => drop(other?),
            }
        }
        Step::AddSequences(wanted) => {
            page.known().shown.sequences.clone_from(&wanted);
            let info = |(name, length): (String, u32)| SeqInfo(name, 1, length, None);
            let sequences = wanted.into_iter().map(info).collect();
            page.call(AddSeqInfos { sequences }, patience).await?;
        }
        Step::RemoveSequences(names) => {
            {
                let shown = &mut page.known().shown;
                let own = names.iter().any(|name| shown.sequences.remove(name).is_some());
                if !own {
                    shown.hidden.clone_from(&names);
                }
            }
            page.call(RemoveSeqNames { sequences: names }, patience).await?;
        }
        Step::Add(chart) => return add(session, page, chart, late).await,
        Step::Look(id, chart) => {
            if let Some(known) = page.known().shown.charts.get_mut(&chart.number) {
                known.chart = chart.clone();
            }
            if !page.has_settings() {
                return Ok(());
            }
            {
                let echoes = &mut page.known().shown.echoes;
                echoes.push_back((id.clone(), chart.colors.clone()));
                // A page that never answers must not fill the memory.
                let surplus = echoes.len().saturating_sub(ECHOES);
                echoes.drain(..surplus);
            }
            let look = SetChartSettings {
                chart: id.clone(),
                settings: chart.settings,
                color_map: chart.colors.clone(),
            };
            let answer = page.call(look, patience).await;
            if !matches!(answer, Err(PageError::TimedOut(_))) {
                // The echo comes before the answer, if it comes at all.
                let echoes = &mut page.known().shown.echoes;
                echoes.retain(|sent| (&sent.0, &sent.1) != (&id, &chart.colors));
            }
            answer?;
        }
        Step::Go(range) => drop(page.call(Navigate { range }, patience).await?),
    }
    Ok(())
}

async fn add(
    session: &Session,
    page: &Page,
    chart: Chart,
    late: &mut Late,
) -> Result<(), PageError> {
    // Settings and colours are a step of their own, since the chart does not have them yet.
    let bare = Chart { settings: Map::new(), colors: Vec::new(), ..chart.clone() };
    let note = |status: Status| {
        let shown = ShownChart { status, chart: bare.clone() };
        page.known().shown.charts.insert(chart.number, shown);
    };
    note(Status::Refused);
    let message = chart_message(&session.provider, &chart)?;
    note(Status::Asked);
    let mut answer = Box::pin(page.start(message).await?);
    match tokio::time::timeout(session.patience(), &mut answer).await {
        Ok(answer) => {
            let id = answer.inspect_err(|_| note(Status::Refused))?.id;
            note(Status::There(id));
            Ok(())
        }
        Err(_) => {
            // It may come yet; then the chart is there, and must not be added again.
            let bare = bare.clone();
            late.push(Box::pin(async move { (bare, answer.await) }));
            Err(PageError::TimedOut(session.patience()))
        }
    }
}

fn arrived(page: &Page, chart: &Chart, answer: Result<ChartId, PageError>) {
    let status = match answer {
        Ok(added) => Status::There(added.id),
        Err(_) => Status::Refused,
    };
    tracing::debug!("page {}: late answer about chart {}", page.id(), chart.number);
    let shown = ShownChart { status, chart: chart.clone() };
    page.known().shown.charts.insert(chart.number, shown);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::ChartType;

    fn state(numbers: &[usize]) -> State {
        let chart = |&number: &usize| Chart::new(number, ChartType::Line, &[]);
        State { charts: numbers.iter().map(chart).collect(), ..State::default() }
    }

    /// Takes all steps as a page that does everything, and names them.
    fn bring(shown: &mut Shown, state: &State, journey: u64) -> Vec<String> {
        let mut taken = Vec::new();
        while let Some(step) = shown.next(state, journey) {
            match step {
                Step::Remove(number, _) => {
                    shown.charts.remove(&number);
                    taken.push(format!("remove {number}"));
                }
                Step::Add(chart) => {
                    let bare = Chart { settings: Map::new(), colors: vec![], ..chart.clone() };
                    let status = Status::There(format!("id{}", chart.number));
                    shown.charts.insert(chart.number, ShownChart { status, chart: bare });
                    taken.push(format!("add {}", chart.number));
                }
                Step::Look(_, chart) => {
                    taken.push(format!("look {}", chart.number));
                    if let Some(known) = shown.charts.get_mut(&chart.number) {
                        known.chart = chart;
                    }
                }
                Step::Go(place) => taken.push(format!("go {}", place.sequence)),
                Step::AddSequences(wanted) => {
                    shown.sequences = wanted;
                    taken.push("add sequences".into());
                }
                Step::RemoveSequences(names) => {
                    taken.push(format!("remove {names:?}"));
                    let own = names.iter().any(|name| shown.sequences.remove(name).is_some());
                    if !own {
                        shown.hidden = names;
                    }
                }
            }
            assert!(taken.len() < 50, "it never ends: {taken:?}");
        }
        taken
    }

    #[test]
    fn a_new_page_gets_charts_then_settings_then_the_place_once() {
        let mut state = state(&[3, 1, 2]);
        state.go(WireRegion { sequence: "chr1".into(), start: Some(1), end: Some(9) });
        state.sequences.insert("x".into(), 5);
        let mut shown = Shown::default();
        assert_eq!(
            bring(&mut shown, &state, 0),
            ["add sequences", "add 3", "add 1", "add 2", "look 3", "look 1", "look 2", "go chr1"]
        );
        assert!(bring(&mut shown, &state, 0).is_empty());
        assert_eq!(bring(&mut shown, &state, 1), ["go chr1"]);
        state.charts.remove(1);
        state.charts[0].settings.insert("title".into(), "t".into());
        state.charts[1].kind = ChartType::Scatter;
        state.sequences.clear();
        let taken = bring(&mut shown, &state, 1);
        assert_eq!(taken, ["remove 1", "remove 2", "remove [\"x\"]", "add 2", "look 3", "look 2"]);
    }

    #[test]
    fn a_page_that_was_not_led_stays_where_it_is() {
        let place = WireRegion { sequence: "chr1".into(), start: Some(1), end: Some(9) };
        let state = State { place: Some(place), ..State::default() };
        assert!(bring(&mut Shown::default(), &state, 0).is_empty());
    }

    #[test]
    fn an_echo_is_no_news_and_a_choice_is() {
        let mut shown = Shown::default();
        bring(&mut shown, &state(&[1]), 0);
        let red = ["#f00".to_owned()];
        shown.echoes.push_back(("id1".into(), red.to_vec()));
        assert_eq!(shown.told("id1", &Map::new(), Some(&red)), None);
        assert_eq!(shown.told("id1", &Map::new(), Some(&red)), Some(1));
        assert_eq!(shown.told("id2", &Map::new(), Some(&red)), None);
        let title = Map::from_iter([("title".to_owned(), Value::from("t"))]);
        assert_eq!(shown.told("id1", &title, None), Some(1));
        // The page has them, so nothing is sent to it.
        let mut wanted = state(&[1]);
        wanted.charts[0].settings.extend(title);
        wanted.charts[0].colors = red.to_vec();
        assert!(bring(&mut shown, &wanted, 0).is_empty());
    }

    #[test]
    fn an_unanswered_chart_is_not_added_twice() {
        let wanted = state(&[1]);
        let mut shown = Shown::default();
        let chart = wanted.charts[0].clone();
        shown.charts.insert(1, ShownChart { status: Status::Asked, chart });
        assert!(bring(&mut shown, &wanted, 0).is_empty());
    }
}
