//! Requests of pages.

use super::{PageChange, lenient};
use crate::genome::Region;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A request of a page. Serde's tag is the wire's `action`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "action", rename_all = "camelCase")]
#[non_exhaustive]
pub enum Request {
    /// The measurements.
    GetMeasurements {
        /// The protocol version that the page speaks.
        #[serde(default, deserialize_with = "lenient::text")]
        version: Option<String>,
    },
    /// The sequences and their lengths.
    GetSeqInfos {
        /// The protocol version that the page speaks.
        #[serde(default, deserialize_with = "lenient::text")]
        version: Option<String>,
    },
    /// Rows of a datasource.
    GetRows(RangeRequest),
    /// Values of a measurement.
    GetValues(RangeRequest),
    /// Rows and values of several measurements; sent by pages without a cache.
    GetCombined(RangeRequest),
    /// Names that contain a text.
    Search {
        /// The text.
        #[serde(default, deserialize_with = "lenient::text")]
        q: Option<String>,
        /// How many hits the page can show.
        #[serde(default, rename = "maxResults", deserialize_with = "lenient::coordinate")]
        max_results: Option<i64>,
    },
    /// The chart types that the page can draw, with their settings.
    RegisterChartTypes {
        /// An object with the keys 0, 1, 2, ..., or null.
        #[serde(default)]
        data: Value,
        /// The kind of page, if it is not EpiViz: `epivizrs` is the built-in one.
        #[serde(default, deserialize_with = "lenient::text")]
        page: Option<String>,
    },
    /// The user changed settings or colours of a chart.
    SetChartSettings {
        /// The chart.
        #[serde(default, rename = "chartId", deserialize_with = "lenient::text")]
        chart: Option<String>,
        /// New settings, if they changed.
        #[serde(default)]
        settings: Value,
        /// New colours, if they changed.
        #[serde(default, rename = "colorMap")]
        color_map: Value,
    },
    /// The user changed something by hand; an extension of the protocol, see [`PageChange`].
    ReportChange {
        /// The change.
        #[serde(default)]
        change: Option<PageChange>,
    },
    /// Saved workspaces: those whose name contains `q`, or the one with the id `ws`.
    GetWorkspaces {
        /// Part of a name.
        #[serde(default, deserialize_with = "lenient::text")]
        q: Option<String>,
        /// An id.
        #[serde(default, deserialize_with = "lenient::text")]
        ws: Option<String>,
    },
    /// Saves a workspace.
    SaveWorkspace {
        /// Its id, if it was saved before.
        #[serde(default, deserialize_with = "lenient::text")]
        id: Option<String>,
        /// Its name.
        #[serde(default, deserialize_with = "lenient::text")]
        name: Option<String>,
        /// JSON, percent-encoded.
        #[serde(default, deserialize_with = "lenient::text")]
        content: Option<String>,
    },
    /// Deletes a workspace.
    DeleteWorkspace {
        /// Its id.
        #[serde(default, deserialize_with = "lenient::text")]
        id: Option<String>,
    },
    /// Subscribes to a stream; an extension of the protocol, like those that follow.
    Subscribe(Map<String, Value>),
    /// Ends a subscription.
    Unsubscribe {
        /// Its number.
        #[serde(default)]
        subscription: Option<u64>,
    },
    /// What can be asked for.
    Describe {},
    /// Nodes of a hierarchical (metagenomic) datasource.
    GetHierarchy {},
    /// The user selected nodes of a hierarchy.
    PropagateHierarchyChanges {},
}

/// Every request: its name, whether it is served, and what it asks for. The table in
/// `docs/protocol.md` and the tests use this list.
pub const REQUESTS: &[(&str, bool, &str)] = &[
    ("getMeasurements", true, "the measurements"),
    ("getSeqInfos", true, "the sequences and their lengths"),
    ("getRows", true, "rows of a datasource in a region, with metadata"),
    ("getValues", true, "values of a measurement in a region"),
    ("getCombined", true, "rows and values of several measurements at once"),
    ("search", true, "genes and features by name"),
    ("registerChartTypes", true, "reports the chart types that the page can draw"),
    ("setChartSettings", true, "reports that the user changed a chart"),
    ("reportChange", true, "reports that the user added or closed charts"),
    ("getWorkspaces", true, "saved workspaces"),
    ("saveWorkspace", true, "save a workspace"),
    ("deleteWorkspace", true, "delete a workspace"),
    ("subscribe", true, "records of a topic or a datasource as they arrive, see docs/streams.md"),
    ("unsubscribe", true, "end a subscription"),
    ("describe", true, "requests, topics and streams, with the roles that they need"),
    ("getHierarchy", false, "nodes of a hierarchical datasource"),
    ("propagateHierarchyChanges", false, "selected nodes of a hierarchy"),
];

/// A request for the rows of a region. All parts may be absent.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct RangeRequest {
    /// The sequence: `seqName`, or `chr` in the tutorial's version of the protocol.
    #[serde(flatten, deserialize_with = "sequence")]
    pub sequence: Option<String>,
    /// First base, 1-based; pages also send 0.
    #[serde(default, deserialize_with = "lenient::coordinate")]
    pub start: Option<i64>,
    /// Last base, 1-based, included.
    #[serde(default, deserialize_with = "lenient::coordinate")]
    pub end: Option<i64>,
    /// The datasource. For range measurements, pages send the measurement's id here.
    #[serde(default, deserialize_with = "lenient::text")]
    pub datasource: Option<String>,
    /// `getValues`: the measurement.
    #[serde(default, deserialize_with = "lenient::text")]
    pub measurement: Option<String>,
    /// `getRows`: the requested metadata columns.
    #[serde(default, deserialize_with = "lenient::names")]
    pub metadata: Vec<String>,
    /// `getCombined`: measurement ids by datasource (versions up to 4), or only of `datasource`
    /// (version 5).
    #[serde(default)]
    pub measurements: Wanted,
    /// The protocol version that the page speaks.
    #[serde(default, deserialize_with = "lenient::text")]
    pub version: Option<String>,
    /// `getCombined`: whether starts and ends are answered as offsets; an extension of the protocol
    /// (`docs/protocol.md`, 4.13).
    #[serde(default, rename = "useOffset", deserialize_with = "lenient::switch")]
    pub use_offset: bool,
}

/// Reads the sequence from `seqName` or `chr`; both may be given if they agree.
fn sequence<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    struct EitherName {
        #[serde(default, rename = "seqName", deserialize_with = "lenient::text")]
        sequence: Option<String>,
        #[serde(default, deserialize_with = "lenient::text")]
        chr: Option<String>,
    }
    let EitherName { sequence, chr } = EitherName::deserialize(from)?;
    match (sequence, chr) {
        (Some(sequence), Some(chr)) if sequence != chr => {
            let message = format!("seqName is '{sequence}' and chr is '{chr}'; give only one");
            Err(serde::de::Error::custom(message))
        }
        (sequence, chr) => Ok(sequence.or(chr)),
    }
}

/// The measurements that `getCombined` requests.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Wanted {
    /// By datasource.
    ByDatasource(BTreeMap<String, Ids>),
    /// Of the request's only datasource.
    Of(Ids),
    /// None, or something else.
    Nothing(Value),
}

impl Default for Wanted {
    fn default() -> Self {
        Wanted::Nothing(Value::Null)
    }
}

/// A list of ids, read leniently; each counts once.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Ids(#[serde(deserialize_with = "lenient_list")] pub Vec<String>);

fn lenient_list<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    Vec::<Option<String>>::deserialize(from).map(|ids| lenient::once(ids.into_iter().flatten()))
}

/// The form of answers to range requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Pages of versions 2 to 4.
    Classic,
    /// Pages of version 5: rows and values together.
    Five,
}

impl Dialect {
    /// Returns the dialect for a version of the protocol.
    pub fn of(version: Option<&str>) -> Self {
        match version {
            Some(version) if version.starts_with('5') => Dialect::Five,
            _ => Dialect::Classic,
        }
    }
}

/// How the starts and ends of rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Positions {
    /// As they are.
    Absolute,
    /// Each as its difference to the one before.
    Offsets,
}

impl RangeRequest {
    /// Returns how the positions in the answer to `getRows` are written: as offsets for pages, which
    /// all name their version and read offsets (`docs/protocol.md`, 4.13).
    pub fn row_positions(&self) -> Positions {
        if self.version.is_some() { Positions::Offsets } else { Positions::Absolute }
    }

    /// Returns how the positions in the answer to `getCombined` are written: EpiViz does not read
    /// offsets there.
    pub fn combined_positions(&self) -> Positions {
        if self.use_offset { Positions::Offsets } else { Positions::Absolute }
    }

    /// Returns the dialect of the page.
    pub fn dialect(&self) -> Dialect {
        Dialect::of(self.version.as_deref())
    }

    /// Returns the rank of the first row of a sequence. Pages of version 2 take an index of 0 for
    /// none, so theirs begin at 1 (`docs/protocol.md`, 8.3).
    pub fn first_index(&self) -> u64 {
        u64::from(self.version.as_deref().is_some_and(|version| version.starts_with('2')))
    }

    /// Returns the region, 0-based and half-open. `None` if a part is absent, null or reversed: pages
    /// send such requests while their own state is invalid, and expect an empty answer.
    pub fn region(&self) -> Option<Region> {
        region(self.sequence.as_deref().unwrap_or_default(), self.start?, self.end?)
    }

    /// Returns the number of names in the request: datasources, measurements and columns.
    pub fn names(&self) -> usize {
        let wanted = match &self.measurements {
            Wanted::ByDatasource(map) => {
                map.len() + map.values().map(|ids| ids.0.len()).sum::<usize>()
            }
            Wanted::Of(ids) => ids.0.len(),
            Wanted::Nothing(_) => 0,
        };
        wanted + self.metadata.len()
    }

    /// Returns the requested measurement ids, by datasource.
    pub fn wanted(&self) -> BTreeMap<String, Vec<String>> {
        match &self.measurements {
            Wanted::ByDatasource(map) => {
                map.iter().map(|(datasource, ids)| (datasource.clone(), ids.0.clone())).collect()
            }
            Wanted::Of(ids) => self
                .datasource
                .iter()
                .map(|datasource| (datasource.clone(), ids.0.clone()))
                .collect(),
            Wanted::Nothing(_) => {
                self.datasource.iter().map(|datasource| (datasource.clone(), Vec::new())).collect()
            }
        }
    }
}

/// Converts the wire's 1-based interval, with both ends included, to a region; `None` if it is
/// reversed or before the first base.
pub(super) fn region(sequence: &str, start: i64, end: i64) -> Option<Region> {
    let last = i64::from(crate::genome::MAX_POSITION);
    (start <= end && end >= 1).then(|| {
        let start = (start - 1).clamp(0, last) as u32;
        Region::new(sequence, start, end.min(last) as u32)
    })
}

impl Request {
    /// Returns the action's name on the wire.
    pub fn name(&self) -> &'static str {
        match self {
            Request::GetMeasurements { .. } => "getMeasurements",
            Request::GetSeqInfos { .. } => "getSeqInfos",
            Request::GetRows(_) => "getRows",
            Request::GetValues(_) => "getValues",
            Request::GetCombined(_) => "getCombined",
            Request::Search { .. } => "search",
            Request::RegisterChartTypes { .. } => "registerChartTypes",
            Request::SetChartSettings { .. } => "setChartSettings",
            Request::ReportChange { .. } => "reportChange",
            Request::GetWorkspaces { .. } => "getWorkspaces",
            Request::SaveWorkspace { .. } => "saveWorkspace",
            Request::DeleteWorkspace { .. } => "deleteWorkspace",
            Request::Subscribe(_) => "subscribe",
            Request::Unsubscribe { .. } => "unsubscribe",
            Request::Describe {} => "describe",
            Request::GetHierarchy {} => "getHierarchy",
            Request::PropagateHierarchyChanges {} => "propagateHierarchyChanges",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn range(value: Value) -> RangeRequest {
        match serde_json::from_value(value).unwrap() {
            Request::GetRows(range) | Request::GetValues(range) | Request::GetCombined(range) => {
                range
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_listed_request_is_parsed() {
        for (name, ..) in REQUESTS {
            let request: Request = serde_json::from_value(json!({ "action": name })).unwrap();
            assert_eq!(request.name(), *name);
        }
    }

    #[test]
    fn coordinates_have_many_forms() {
        let region = |start: Value, end: Value| {
            range(json!({"action": "getRows", "seqName": "chr1", "start": start, "end": end}))
                .region()
        };
        let some = |start, end| Some(Region::new("chr1", start, end));
        assert_eq!(region(json!(1), json!(100)), some(0, 100));
        assert_eq!(region(json!("1"), json!("100.0")), some(0, 100));
        assert_eq!(region(json!(0), json!(100)), some(0, 100));
        assert_eq!(region(json!(-50), json!(100)), some(0, 100));
        assert_eq!(region(json!(7), json!(7)), some(6, 7));
        assert_eq!(region(json!(5), json!(1e18)), some(4, crate::genome::MAX_POSITION));
        for (start, end) in [
            (json!(null), json!(9)),
            (json!(1), json!("x")),
            (json!(9), json!(1)),
            (json!(-5), json!(0)),
        ] {
            assert_eq!(region(start, end), None);
        }
        assert_eq!(range(json!({"action": "getRows"})).region(), None);
    }

    #[test]
    fn a_sequence_may_be_named_twice_if_both_names_agree() {
        let named = |value: Value| range(value).sequence;
        let both = json!({"action": "getRows", "seqName": "1", "chr": "1", "start": 1, "end": 9});
        assert_eq!(named(both).as_deref(), Some("1"));
        assert_eq!(named(json!({"action": "getRows", "chr": "1"})).as_deref(), Some("1"));
        assert_eq!(
            named(json!({"action": "getRows", "chr": null, "seqName": 1})).as_deref(),
            Some("1")
        );
        let two = json!({"action": "getRows", "seqName": "1", "chr": "2"});
        let error = serde_json::from_value::<Request>(two).unwrap_err().to_string();
        assert!(error.contains("give only one"), "{error}");
    }

    #[test]
    fn both_dialects_of_get_combined() {
        let old = range(
            json!({"action": "getCombined", "chr": "1", "measurements": {"d": ["a", null, "b"], "e": []}}),
        );
        assert_eq!(old.sequence.as_deref(), Some("1"));
        assert_eq!(old.wanted()["d"], ["a", "b"]);
        assert!(old.wanted()["e"].is_empty());
        assert_eq!(old.dialect(), Dialect::Classic);
        let new = range(
            json!({"action": "getCombined", "version": "5", "datasource": "d", "measurements": ["a"], "bins": 1400}),
        );
        assert_eq!(new.wanted()["d"], ["a"]);
        assert_eq!(new.dialect(), Dialect::Five);
    }
}
