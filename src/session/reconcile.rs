//! Reconciles a page with the session's state, in one task per page.
//!
//! Messages are not sent because of events, but for what still differs. So a page that has just been
//! loaded, one that missed a change and one that was slow all reach the same state, without repeated
//! messages and in order, and pages do not affect each other.

use super::handle::{Page, Stage};
use super::page_state::{Change, PageChart, Refusal, Status};
use super::state::{Chart, State};
use super::{Session, chart_message};
use crate::error::PageError;
use crate::protocol::{
    AddSeqInfos, ArrangeCharts, ChartId, GetCurrentLocation, Navigate, RemoveChart, RemoveSeqNames,
    SeqInfo, SetChartSettings,
};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use serde_json::Map;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Pages of version 2 do not register their chart types: they count as ready this long after their
/// first requests.
const REGISTRATION_TIME: Duration = Duration::from_millis(700);

/// How long to wait for the location of a page, which may know no sequences or never answer.
const LOCATION_TIMEOUT: Duration = Duration::from_secs(10);
/// The interval at which a page is asked for its location.
const LOCATION_INTERVAL: Duration = Duration::from_millis(50);

/// How many unanswered changes of colours are remembered per page.
const MAX_ECHOES: usize = 64;

type Late = FuturesUnordered<BoxFuture<'static, (Chart, Result<ChartId, PageError>)>>;

/// Brings the page to the session's state and keeps it there until it is gone.
pub(super) async fn reconcile(session: Arc<Session>, page: Page) {
    if !ready(&page).await || !has_started(&page, session.timeout()).await {
        return;
    }
    let mut revisions = session.revision.subscribe();
    let mut late = Late::new();
    loop {
        let (state, navigation_id, revision) = session.snapshot();
        match bring(&session, &page, &state, navigation_id, &mut late).await {
            Ok(refusals) => {
                page.info.settled.send_modify(|known| known.reach(revision, refusals));
            }
            Err(_) => return,
        }
        tokio::select! {
            changed = revisions.wait_for(|known| *known > revision) => if changed.is_err() { return },
            Some((chart, answer)) = late.next() => arrived(&page, &chart, answer),
            () = page.info.fits_changed.notified() => {}
        }
    }
}

/// Waits until the page accepts actions; false if it leaves before.
async fn ready(page: &Page) -> bool {
    let mut stage = page.info.stage.subscribe();
    let reached = async |stage: &mut tokio::sync::watch::Receiver<Stage>, wanted| {
        stage.wait_for(|known| *known >= wanted).await.is_ok()
    };
    if !reached(&mut stage, Stage::Starting).await {
        return false;
    }
    let _ = tokio::time::timeout(REGISTRATION_TIME, reached(&mut stage, Stage::Ready)).await;
    page.reach(Stage::Ready);
    page.stage() == Stage::Ready
}

/// Waits until the page has a location; false if it leaves before. When a page gets the list of
/// workspaces, perhaps long after it has connected, it removes all its charts without reporting it;
/// until then it has no location (`docs/protocol.md`, 2.7).
async fn has_started(page: &Page, timeout: Duration) -> bool {
    let deadline = Instant::now() + LOCATION_TIMEOUT;
    loop {
        match page.call(GetCurrentLocation {}, timeout).await {
            Err(PageError::Disconnected) => return false,
            Err(PageError::Refused(_)) if Instant::now() < deadline => {
                tokio::time::sleep(LOCATION_INTERVAL).await;
            }
            // It has a location, never answers this, or the time is over.
            _ => return true,
        }
    }
}

/// Makes the remaining changes. If the page does not answer one, the others wait for the next time.
///
/// # Errors
/// The page is gone.
async fn bring(
    session: &Session,
    page: &Page,
    state: &State,
    navigation_id: u64,
    late: &mut Late,
) -> Result<Vec<Refusal>, PageError> {
    let mut refusals = Vec::new();
    loop {
        let step = page.known().state.next(state, navigation_id);
        let Some(step) = step else { return Ok(refusals) };
        let chart = match &step {
            Change::Add(chart) | Change::Settings(_, chart) => Some(chart.number),
            Change::Remove(number, _) => Some(*number),
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

/// Makes one change. It is recorded as done before it is sent: failures are reported, not repeated.
async fn take(
    session: &Session,
    page: &Page,
    step: Change,
    late: &mut Late,
) -> Result<(), PageError> {
    let timeout = session.timeout();
    match step {
        Change::Remove(number, id) => {
            page.known().state.charts.remove(&number);
            match page.call(RemoveChart { chart: id }, timeout).await {
                // The user has already removed the chart.
                Err(PageError::Refused(why)) => tracing::debug!("chart {number}: {why}"),
                other => drop(other?),
            }
        }
        Change::AddSequences(wanted) => {
            page.known().state.sequences.clone_from(&wanted);
            let info = |(name, length): (String, u32)| SeqInfo(name, 1, length, None);
            let sequences = wanted.into_iter().map(info).collect();
            page.call(AddSeqInfos { sequences }, timeout).await?;
        }
        Change::RemoveSequences(names) => {
            {
                let shown = &mut page.known().state;
                let own = names.iter().any(|name| shown.sequences.remove(name).is_some());
                if !own {
                    shown.hidden.clone_from(&names);
                }
            }
            page.call(RemoveSeqNames { sequences: names }, timeout).await?;
        }
        Change::Add(chart) => return add(session, page, chart, late).await,
        Change::Settings(id, chart) => {
            if let Some(known) = page.known().state.charts.get_mut(&chart.number) {
                known.chart = chart.clone();
                known.sent.remember(&chart.settings);
            }
            if !page.has_settings() {
                return Ok(());
            }
            {
                let echoes = &mut page.known().state.echoes;
                echoes.push_back((id.clone(), chart.colors.clone()));
                // This limits the memory for a page that never answers.
                let surplus = echoes.len().saturating_sub(MAX_ECHOES);
                echoes.drain(..surplus);
            }
            let action = SetChartSettings {
                chart: id.clone(),
                settings: chart.settings,
                color_map: chart.colors.clone(),
            };
            let answer = page.call(action, timeout).await;
            if !matches!(answer, Err(PageError::TimedOut(_))) {
                // The echo, if any, comes before the answer.
                let echoes = &mut page.known().state.echoes;
                echoes.retain(|sent| (&sent.0, &sent.1) != (&id, &chart.colors));
            }
            match answer {
                // The user has closed the chart in the meantime.
                Err(PageError::Refused(why)) if page.chart_id(chart.number).is_none() => {
                    tracing::debug!("chart {}: {why}", chart.number);
                }
                answer => drop(answer?),
            }
        }
        Change::Arrange(charts) => {
            page.known().state.order.clone_from(&charts);
            page.call(ArrangeCharts { charts }, timeout).await?;
        }
        Change::Go(range) => drop(page.call(Navigate { range }, timeout).await?),
    }
    Ok(())
}

async fn add(
    session: &Session,
    page: &Page,
    chart: Chart,
    late: &mut Late,
) -> Result<(), PageError> {
    // Settings and colours are a separate change, since the chart does not have them yet.
    let bare = Chart { settings: Map::new(), colors: Vec::new(), ..chart.clone() };
    let note = |status: Status| {
        let shown = PageChart::new(status, bare.clone());
        page.known().state.charts.insert(chart.number, shown);
    };
    note(Status::Refused);
    session.restore_summary(&chart).await;
    let is_built_in = page.known().state.is_built_in;
    let message = chart_message(&session.provider, &chart, is_built_in)?;
    note(Status::Requested);
    let to_clear = if page.draws_too_early() && !chart.kind.has_own_rows() {
        message.measurements.iter().map(|m| m.datasource_group.clone()).collect::<BTreeSet<_>>()
    } else {
        BTreeSet::new()
    };
    let mut answer = Box::pin(page.start(message, to_clear.into_iter().collect()).await?);
    match tokio::time::timeout(session.timeout(), &mut answer).await {
        Ok(answer) => {
            let id = answer.inspect_err(|_| note(Status::Refused))?.id;
            note(Status::Drawn(id));
            Ok(())
        }
        Err(_) => {
            // A late answer means that the chart exists, and it must not be added again.
            let bare = bare.clone();
            late.push(Box::pin(async move { (bare, answer.await) }));
            Err(PageError::TimedOut(session.timeout()))
        }
    }
}

fn arrived(page: &Page, chart: &Chart, answer: Result<ChartId, PageError>) {
    let status = match answer {
        Ok(added) => Status::Drawn(added.id),
        Err(_) => Status::Refused,
    };
    tracing::debug!("page {}: late answer about chart {}", page.id(), chart.number);
    let shown = PageChart::new(status, chart.clone());
    page.known().state.charts.insert(chart.number, shown);
}
