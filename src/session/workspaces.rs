//! Workspaces: sessions in EpiViz's own format.

use super::charts::{MODULE, drawn};
use super::state::{Chart, State, default_settings};
use super::{Session, Topic};
use crate::catalog::{ChartType, Measurement};
use crate::error::{Error, Result};
use crate::protocol::{Reply, Request, WireRegion, Workspace};
use crate::provider::wire_measurement;
use crate::store::{self, Store};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The parts of a workspace that are read; pages write more.
#[derive(Debug, Deserialize)]
struct WorkspaceContent {
    range: Option<Range>,
    #[serde(default)]
    measurements: Vec<MeasurementId>,
    #[serde(default)]
    charts: BTreeMap<String, Vec<SavedChart>>,
}

/// A region in a workspace, 1-based.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Range {
    seq_name: String,
    start: i64,
    width: i64,
}

#[derive(Debug, Deserialize)]
struct MeasurementId {
    id: String,
}

#[derive(Debug, Deserialize)]
struct SavedChart {
    r#type: String,
    #[serde(default)]
    properties: Properties,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Properties {
    vis_config_selection: PlottedMeasurements,
    colors: Value,
    custom_settings: Map<String, Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PlottedMeasurements {
    measurements: Vec<usize>,
}

/// The time that a page gets to remove its charts before those of a workspace are added.
const CLEARED_AFTER: Duration = Duration::from_secs(1);

impl Session {
    /// Saves the session as a workspace, replacing one of the same name. Returns its id.
    ///
    /// # Errors
    /// [`Error::NotFound`] without a store, [`Error::Data`] if it cannot be written.
    pub async fn save_as(&self, name: &str) -> Result<i64> {
        let (name, content) = (name.to_owned(), self.export().to_string());
        let saved = self.stored(move |store| {
            let same = store.workspaces(&name)?.into_iter().find(|known| known.name == name);
            store.save_workspace(same.map(|known| known.id), &name, &content)
        });
        let id = saved.await?;
        self.change(|state| state.workspace = Some(id));
        Ok(id)
    }

    /// Returns the saved workspaces, the latest first.
    ///
    /// # Errors
    /// As [`Session::save_as`].
    pub async fn workspaces(&self) -> Result<Vec<store::Workspace>> {
        self.stored(|store| store.workspaces("")).await
    }

    /// Opens the latest workspace with this name or id.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none; otherwise as [`Session::import`].
    pub async fn open(&self, name: &str) -> Result<()> {
        let found = self.find_workspace(name).await?;
        let revision = self.replace(&found.content, Some(found.id))?;
        self.settle(revision).await
    }

    /// Opens the workspace with this id.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub(super) async fn open_workspace(&self, id: &str) -> Result<()> {
        let known = self.known_workspace(id).await?.ok_or_else(|| {
            Error::NotFound(format!("there is no workspace {id}; it may have been deleted"))
        })?;
        let revision = self.replace(&known.content, Some(known.id))?;
        self.settle(revision).await
    }

    async fn known_workspace(&self, id: &str) -> Result<Option<store::Workspace>> {
        let id = id.parse().ok();
        self.stored(move |store| id.map_or(Ok(None), |id| store.workspace(id))).await
    }

    /// Deletes the latest workspace with this name or id.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none, [`Error::Data`] if the store cannot be written.
    pub async fn delete(&self, name: &str) -> Result<()> {
        let id = self.find_workspace(name).await?.id;
        self.stored(move |store| store.delete_workspace(id)).await.map(drop)
    }

    async fn find_workspace(&self, name: &str) -> Result<store::Workspace> {
        let known = self.workspaces().await?;
        let id = name.parse().ok();
        let named = known.iter().find(|known| known.name == name);
        named.or_else(|| known.iter().find(|known| Some(known.id) == id)).cloned().ok_or_else(
            || Error::NotFound(format!("no workspace is called '{name}'; 'workspaces' lists them")),
        )
    }

    async fn stored<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let config = self.config.clone();
        let work = tokio::task::spawn_blocking(move || match &config.store {
            Some(store) => work(store),
            None => Err(Error::NotFound(
                "there is no store for workspaces; start epivizrs with --state FOLDER".into(),
            )),
        });
        work.await.unwrap_or_else(|stopped| Err(Error::Bug(stopped.to_string())))
    }

    /// Returns the session in EpiViz's workspace format.
    pub fn export(&self) -> Value {
        let state = self.state();
        let listing = self.provider.catalog.listing();
        let of_chart = |chart: &Chart| {
            let find = |id: &String| listing.measurements().find(|m| m.id == *id).cloned();
            // If one of them is not served, the others remain.
            drawn(&listing, chart)
                .unwrap_or_else(|_| chart.measurements.iter().filter_map(find).collect())
        };
        let of_charts: Vec<_> = state.charts.iter().map(of_chart).collect();
        let name = |m: &Arc<Measurement>| (m.id.clone(), m.datasource.clone());
        let mut served: Vec<_> = of_charts.iter().flatten().cloned().collect();
        served.sort_by_key(name);
        served.dedup_by_key(|m| name(m));
        let place = |m: &Arc<Measurement>| served.iter().position(|known| name(known) == name(m));
        let mut charts: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
        for (chart, measurements) in state.charts.iter().zip(&of_charts) {
            let measurements: Vec<_> = measurements.iter().filter_map(place).collect();
            let display = if is_track(chart.kind) { "track" } else { "plot" };
            charts.entry(display).or_default().push(json!({
                "id": format!("{display}-{}", chart.number),
                "type": format!("{MODULE}{}", chart.kind.page_name()),
                "properties": {
                    "width": "100%", "height": if is_track(chart.kind) { 120 } else { 400 },
                    // As in the copy of EpiViz that is served: room for the labels of the y axis.
                    "margins": {"top": 25, "left": 55, "bottom": 23, "right": 10},
                    "visConfigSelection": {
                        "measurements": measurements, "annotation": {},
                        "minSelectedMeasurements": 1,
                    },
                    "colors": {"id": format!("chart-{}", chart.number), "name": "epivizrs", "colors": chart.colors},
                    "modifiedMethods": {}, "customSettings": chart.settings, "chartMarkers": [],
                },
            }));
        }
        let measurements: Vec<_> = served
            .iter()
            .map(|measurement| {
                let mut wire = json!(wire_measurement(measurement));
                wire["dataprovider"] = "websocket-0".into();
                wire["formula"] = Value::Null;
                wire
            })
            .collect();
        let range = state.place.and_then(|place| place.region()).map(|region| {
            json!({"seqName": &*region.sequence, "start": region.start + 1, "width": region.len()})
        });
        json!({"range": range, "measurements": measurements, "charts": charts})
    }

    /// Replaces charts and region with those of a workspace. Charts of measurements that are not
    /// served are omitted, with a warning.
    ///
    /// # Errors
    /// [`Error::Input`] if the text is not a workspace, [`Error::Pages`] if a page refused something.
    pub async fn import(&self, text: &str) -> Result<()> {
        let revision = self.replace(text, None)?;
        self.settle(revision).await
    }

    /// Replaces charts and region with those of a workspace. Returns the revision to wait for.
    ///
    /// # Errors
    /// As [`Session::import`].
    fn replace(&self, text: &str, workspace: Option<i64>) -> Result<u64> {
        let content: WorkspaceContent = serde_json::from_str(text)
            .map_err(|error| Error::Input(format!("this is not an EpiViz workspace: {error}")))?;
        let listing = self.provider.catalog.listing();
        let mut charts = Vec::new();
        for saved in content.charts.values().flatten() {
            let kind = saved.r#type.rsplit('.').next().and_then(ChartType::from_word);
            let ids = saved.properties.vis_config_selection.measurements.iter();
            let ids: Option<Vec<_>> =
                ids.map(|at| content.measurements.get(*at).map(|m| m.id.clone())).collect();
            let found = ids.as_ref().map_or(Vec::new(), |ids| {
                let by_id = |id: &String| listing.measurements().find(|m| m.id == *id).cloned();
                ids.iter().filter_map(by_id).collect::<Vec<_>>()
            });
            match (kind, ids) {
                (Some(kind), Some(ids)) if !ids.is_empty() && found.len() == ids.len() => {
                    let mut chart = Chart::new(0, kind, &found);
                    chart.settings = default_settings(kind);
                    chart.settings.extend(saved.properties.custom_settings.clone());
                    chart.recolor(colors(&saved.properties.colors));
                    charts.push(chart);
                }
                (_, ids) => {
                    let (what, of) = (&saved.r#type, ids.unwrap_or_default().join(", "));
                    tracing::warn!("chart not opened: a {what} of {of}, which is not served here");
                }
            }
        }
        let place = content.range.map(|range| WireRegion {
            sequence: range.seq_name,
            start: Some(range.start),
            end: Some(range.start + range.width.max(1) - 1),
        });
        self.tell(Topic::Charts, || json!({"what": "opened", "charts": charts.len()}));
        Ok(self.depart(|state: &mut State| {
            state.workspace = workspace;
            for chart in &mut charts {
                chart.number = state.next_number();
            }
            state.charts = charts;
            if let Some(place) = place.filter(|place| place.region().is_some()) {
                state.go(place);
            }
        }))
    }

    /// Answers a request about workspaces, from a page or over HTTP.
    pub(super) async fn answer_workspaces(
        self: &Arc<Self>,
        is_page: bool,
        request: &Request,
    ) -> Reply {
        let answer = match request.clone() {
            Request::GetWorkspaces { q, ws } => {
                // Over HTTP, pages send an empty string for null.
                let ws = ws.filter(|ws| is_page || !ws.is_empty());
                self.found(q.unwrap_or_default(), ws).await
            }
            Request::SaveWorkspace { id, name, content } => {
                let name = name.unwrap_or_else(|| "unnamed".into());
                // Pages encode it with JavaScript's `encodeURIComponent`.
                let content = content.unwrap_or_default();
                let content = percent_decode_str(&content).decode_utf8_lossy().into_owned();
                let id = id.and_then(|id| id.parse().ok());
                let saved = self.stored(move |store| store.save_workspace(id, &name, &content));
                saved.await.map(|id| Reply::Saved(id.to_string()))
            }
            Request::DeleteWorkspace { id } => {
                let id = id.and_then(|id| id.parse().ok());
                let deleted =
                    self.stored(move |store| id.map_or(Ok(false), |id| store.delete_workspace(id)));
                deleted.await.map(Reply::Deleted)
            }
            other => Err(Error::Bug(format!("{} is not about workspaces", other.name()))),
        };
        answer.unwrap_or_else(|error| match request {
            // Pages expect a list even if there was an error.
            Request::GetWorkspaces { .. } => {
                tracing::debug!("no workspaces: {error}");
                Reply::Workspaces(Vec::new())
            }
            _ => Reply::Refused(error.for_page()),
        })
    }

    /// Returns the workspaces that a page requests, on one of three occasions (`docs/protocol.md`, 9):
    ///
    /// - The page starts (`q` is empty), perhaps with an id in its address. It would open the first
    ///   one of a list, so it gets none. The workspace with the id is opened in the session, unless it
    ///   was the last one opened: then the page was reloaded, and later changes are kept.
    /// - The user searches for workspaces: `ws` is also what was typed.
    /// - The user has chosen one by its id.
    ///
    /// A page that opens one gets it without its charts, which the session adds itself.
    async fn found(self: &Arc<Self>, q: String, ws: Option<String>) -> Result<Reply> {
        let starts = q.is_empty();
        let id = match ws {
            None if starts => return Ok(Reply::Workspaces(Vec::new())),
            Some(id) if id != q => id,
            _ => {
                let listed = self.stored(move |store| store.workspaces(&q)).await?;
                let wire = |known: store::Workspace| {
                    let id = Some(known.id.to_string());
                    let (name, content) = (known.name, known.content);
                    Workspace { id: id.clone(), id_v1: id, name, content }
                };
                return Ok(Reply::Workspaces(listed.into_iter().map(wire).collect()));
            }
        };
        let Some(known) = self.known_workspace(&id).await? else {
            return Ok(Reply::Workspaces(Vec::new()));
        };
        if !starts {
            self.open_later(&known);
        } else if self.state().workspace != Some(known.id) {
            self.replace(&known.content, Some(known.id))?;
            self.save_soon();
        }
        let content = without_charts(&known.content);
        let opened = Workspace { id: None, id_v1: None, name: known.name, content };
        Ok(Reply::Workspaces(vec![opened]))
    }

    /// Opens a workspace once the page that requested it has removed its charts. The page does so when
    /// it gets the answer, on another connection than that for charts, and does not report it.
    fn open_later(self: &Arc<Self>, known: &store::Workspace) {
        let (session, content, id) = (self.clone(), known.content.clone(), known.id);
        tokio::spawn(async move {
            tokio::time::sleep(CLEARED_AFTER).await;
            match session.replace(&content, Some(id)) {
                Ok(_) => session.save().await,
                Err(error) => tracing::warn!("workspace {id}: {error}"),
            }
        });
    }
}

fn is_track(kind: ChartType) -> bool {
    use ChartType::{Blocks, Genes, Line, StackedLine};
    matches!(kind, Blocks | Genes | Line | StackedLine)
}

/// Removes the charts from a workspace's JSON.
fn without_charts(content: &str) -> String {
    match serde_json::from_str::<Value>(content) {
        Ok(mut content) if content.is_object() => {
            content["charts"] = json!({});
            content.to_string()
        }
        _ => content.to_owned(),
    }
}

/// Returns the colours of a saved chart: a list, or a palette with a list or only a name.
fn colors(saved: &Value) -> Vec<String> {
    let list = saved.as_array().or_else(|| saved.get("colors")?.as_array());
    let texts = list.into_iter().flatten().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_have_three_forms() {
        assert_eq!(colors(&json!(["#1", "#2"])), ["#1", "#2"]);
        assert_eq!(colors(&json!({"id": "x", "colors": ["#3"]})), ["#3"]);
        assert!(colors(&json!({"id": "d3-category10"})).is_empty());
    }
}
