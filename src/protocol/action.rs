//! Requests of the endpoint to pages.
//!
//! Some members are JSON inside a string and some are not; pages are strict about this
//! (`docs/protocol.md`, 3.1), so the types of each struct express it.

use super::{SeqInfo, lenient};
use crate::genome::Region;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use std::collections::BTreeMap;

/// An action that a page can be asked to do: its arguments, name and answer.
pub trait Action: Serialize + Sized + Send + 'static {
    /// The name on the wire.
    const NAME: &'static str;
    /// The `value` of a successful answer; [`Value`] if it has no content.
    type Answer: DeserializeOwned + Send;
    /// Whether pages answer it. If not, it is sent without waiting.
    const ANSWERED: bool = true;

    /// Returns the whole message.
    fn to_json(&self, id: u64) -> String {
        #[derive(Serialize)]
        struct Message<'a, A> {
            r#type: &'static str,
            #[serde(rename = "requestId")]
            id: u64,
            data: Data<'a, A>,
        }
        #[derive(Serialize)]
        struct Data<'a, A> {
            action: &'static str,
            #[serde(flatten)]
            arguments: &'a A,
        }
        let data = Data { action: Self::NAME, arguments: self };
        serde_json::to_string(&Message { r#type: "request", id, data }).unwrap_or_default()
    }
}

macro_rules! actions {
    ($($name:ident $(($silent:literal))? -> $answer:ty = $wire:literal: $about:literal),* $(,)?) => {
        /// Every action: its name on the wire and what it does. The table in `docs/protocol.md` is
        /// generated from this list.
        #[cfg(feature = "internals")]
        pub const ACTIONS: &[(&str, &str)] = &[$(($wire, $about)),*];
        $(impl Action for $name {
            const NAME: &'static str = $wire;
            type Answer = $answer;
            $(const ANSWERED: bool = $silent;)?
        })*
    };
}

actions! {
    AddMeasurements -> Value = "addMeasurements": "lists measurements in the page's menus",
    RemoveMeasurements -> Value = "removeMeasurements": "removes measurements from the menus",
    AddSeqInfos -> Value = "addSeqInfos": "adds sequences to the page's menu",
    RemoveSeqNames -> Value = "removeSeqNames": "removes sequences from the menu",
    AddChart -> ChartId = "addChart": "draws measurements in a new chart",
    RemoveChart -> Value = "removeChart": "removes a chart",
    ArrangeCharts -> Value = "arrangeCharts": "reorders charts; sent to the built-in page only",
    ClearDatasourceGroupCache -> Value = "clearDatasourceGroupCache": "clears the cached rows of a group",
    FlushCache -> Value = "flushCache": "clears all cached rows",
    Navigate -> Value = "navigate": "shows a region",
    Redraw -> Value = "redraw": "draws all charts again",
    GetCurrentLocation -> WireRegion = "getCurrentLocation": "returns the region that the page shows",
    SetChartSettings -> Value = "setChartSettings": "changes settings and colours of a chart",
    PrintWorkspace -> Value = "printWorkspace": "saves the page or a chart as a picture",
    WriteMsg (false) -> Value = "writeMsg": "shows a message",
}

/// A measurement in the form of the protocol.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the wire's own names")]
pub struct WireMeasurement {
    pub id: String,
    pub name: String,
    pub r#type: &'static str,
    pub datasource_id: String,
    pub datasource_group: String,
    pub default_chart_type: String,
    pub annotation: BTreeMap<String, String>,
    pub min_value: Option<f64>,
    pub max_value: Option<f64>,
    pub metadata: Vec<String>,
}

/// A region in the form of the protocol: 1-based, both ends included.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WireRegion {
    /// The sequence.
    #[serde(rename = "seqName")]
    pub sequence: String,
    /// First base; null while the page has no location.
    #[serde(deserialize_with = "lenient::coordinate")]
    pub start: Option<i64>,
    /// Last base.
    #[serde(deserialize_with = "lenient::coordinate")]
    pub end: Option<i64>,
}

impl From<&Region> for WireRegion {
    fn from(region: &Region) -> Self {
        WireRegion {
            sequence: region.sequence.to_string(),
            start: Some(i64::from(region.start) + 1),
            end: Some(region.end.into()),
        }
    }
}

impl WireRegion {
    /// Returns the region; `None` while the page has no valid location.
    pub fn region(&self) -> Option<Region> {
        super::request::region(&self.sequence, self.start?, self.end?)
    }
}

/// A page's id of a chart.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ChartId {
    /// Such as `track-lines-f1Qc2`.
    pub id: String,
}

/// Lists measurements in the page's menus.
#[derive(Debug, Serialize)]
pub struct AddMeasurements {
    /// The measurements.
    #[serde(serialize_with = "as_text")]
    pub measurements: Vec<WireMeasurement>,
}

/// Removes measurements from the page's menus; their charts stay.
#[derive(Debug, Serialize)]
pub struct RemoveMeasurements {
    /// The measurements.
    #[serde(serialize_with = "as_text")]
    pub measurements: Vec<WireMeasurement>,
}

/// Adds sequences; a known sequence keeps its length.
#[derive(Debug, Serialize)]
pub struct AddSeqInfos {
    /// The sequences.
    #[serde(rename = "seqInfos", serialize_with = "as_text")]
    pub sequences: Vec<SeqInfo>,
}

/// Removes sequences.
#[derive(Debug, Serialize)]
pub struct RemoveSeqNames {
    /// Their names.
    #[serde(rename = "seqNames", serialize_with = "as_text")]
    pub sequences: Vec<String>,
}

/// Draws measurements in a new chart.
#[derive(Debug, Serialize)]
pub struct AddChart {
    /// The chart type with its module: `epiviz.plugins.charts.LineTrack`.
    pub r#type: String,
    /// The measurements; they need not be in the menus.
    #[serde(serialize_with = "as_text")]
    pub measurements: Vec<WireMeasurement>,
}

/// Removes a chart.
#[derive(Debug, Serialize)]
pub struct RemoveChart {
    /// The page's id of the chart.
    #[serde(rename = "chartId")]
    pub chart: String,
}

/// Reorders charts: an extension of the protocol that only the built-in page knows.
#[derive(Debug, Serialize)]
pub struct ArrangeCharts {
    /// The page's ids of the charts.
    #[serde(rename = "chartIds")]
    pub charts: Vec<String>,
}

/// Clears the cached rows of a datasource group; the page requests them again when it draws.
#[derive(Debug, Serialize)]
pub struct ClearDatasourceGroupCache {
    /// The group.
    #[serde(rename = "datasourceGroup")]
    pub group: String,
}

/// Clears all cached rows.
#[derive(Debug, Serialize)]
pub struct FlushCache {}

/// Shows a region.
#[derive(Debug, Serialize)]
pub struct Navigate {
    /// The region.
    #[serde(serialize_with = "as_text")]
    pub range: WireRegion,
}

/// Redraws all charts. The page does not request rows that it has cached.
#[derive(Debug, Serialize)]
pub struct Redraw {}

/// Asks for the region that the page shows.
#[derive(Debug, Serialize)]
pub struct GetCurrentLocation {}

/// Changes settings and colours of a chart. Without colours, the page fails
/// (`docs/protocol.md`, 5.3).
#[derive(Debug, Serialize)]
pub struct SetChartSettings {
    /// The page's id of the chart.
    #[serde(rename = "chartId")]
    pub chart: String,
    /// The settings to change.
    pub settings: serde_json::Map<String, Value>,
    /// The colours, in CSS notation.
    #[serde(rename = "colorMap")]
    pub color_map: Vec<String>,
}

/// Saves the page, or one chart, as a picture in the browser's downloads.
#[derive(Debug, Serialize)]
pub struct PrintWorkspace {
    /// The page's id of the chart; [`PrintWorkspace::WHOLE`] for the whole page.
    #[serde(rename = "chartId")]
    pub chart: String,
    /// The picture's file name, without extension.
    #[serde(rename = "fileName")]
    pub file_name: String,
    /// `pdf` or `png`.
    #[serde(rename = "fileType")]
    pub file_type: String,
}

impl PrintWorkspace {
    /// The id of the element that contains all charts.
    pub const WHOLE: &'static str = "pagemain";
}

/// Shows a message.
#[derive(Debug, Serialize)]
pub struct WriteMsg {
    /// The message, as plain text.
    #[serde(serialize_with = "as_plain")]
    pub msg: String,
}

/// Escapes text for a page that inserts it as HTML (`innerHTML`), so that it is shown and cannot run
/// scripts. EpiViz writes `&amp;` for each `&` and `&lt;` for each `\<`, so a backslash makes it show
/// a `<`. If a page does not replace it, the invisible word joiner after the `<` prevents an element.
fn as_plain<S: Serializer>(text: &str, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&text.replace('<', "\\<\u{2060}"))
}

/// Serializes to JSON inside a string, which the page parses a second time.
fn as_text<T: Serialize, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&serde_json::to_string(value).map_err(serde::ser::Error::custom)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_inside_strings_where_pages_expect_it() {
        let range = WireRegion::from(&Region::new("chr1", 99, 200));
        assert_eq!(
            Navigate { range }.to_json(3),
            r#"{"type":"request","requestId":3,"data":{"action":"navigate","range":"{\"seqName\":\"chr1\",\"start\":100,\"end\":200}"}}"#
        );
        assert_eq!(
            Redraw {}.to_json(4),
            r#"{"type":"request","requestId":4,"data":{"action":"redraw"}}"#
        );
    }

    #[test]
    fn messages_contain_no_markup() {
        let message = WriteMsg { msg: "a<b & <img src=x onerror=run()> </pre><!--".into() };
        let json: serde_json::Value = serde_json::from_str(&message.to_json(1)).unwrap();
        let sent = json["data"]["msg"].as_str().unwrap();
        // As in epiviz-2, master and 4.1; other pages may insert it unchanged.
        let shown = sent.replace('&', "&amp;").replace("\\<", "&lt;");
        assert!(!shown.contains('<'), "{shown}");
        for (at, _) in sent.match_indices('<') {
            assert!(sent[at + 1..].starts_with('\u{2060}'), "an element begins in {sent}");
        }
        let read = shown.replace("&lt;", "<").replace("&amp;", "&").replace('\u{2060}', "");
        assert_eq!(read, message.msg);
    }

    #[test]
    fn a_page_without_a_location_has_no_region() {
        let region = |json: &str| serde_json::from_str::<WireRegion>(json).unwrap().region();
        assert_eq!(region(r#"{"seqName":"c","start":1,"end":10}"#), Some(Region::new("c", 0, 10)));
        assert_eq!(region(r#"{"seqName":"c","start":null,"end":null}"#), None);
    }
}
