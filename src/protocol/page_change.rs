//! What a page reports that its user did by hand: the endpoint's own addition to the protocol,
//! spoken by the copy of EpiViz that it serves (`ui/epiviz/`). Pages elsewhere never send it.

use super::{WireRegion, lenient};
use serde::Deserialize;
use serde_json::{Map, Value};

/// A change that a page reports with `reportChange`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PageChange {
    /// The user made a chart.
    AddChart(ReportedChart),
    /// The user closed a chart.
    RemoveChart {
        /// The page's id for it.
        #[serde(rename = "chartId")]
        chart: String,
    },
    /// The user moved a chart among the others.
    MoveChart {
        /// The page's id for it.
        #[serde(rename = "chartId")]
        chart: String,
        /// Its new place among the charts, from 0.
        to: usize,
    },
    /// The user had a chart drawn as another type; the page draws it so already.
    SetChartType {
        /// The page's id for it.
        #[serde(rename = "chartId")]
        chart: String,
        /// The type, with or without a module.
        r#type: String,
    },
    /// The user opened a workspace: it replaces what the session shows.
    OpenWorkspace {
        /// Its id.
        id: String,
    },
    /// The user saved what is shown as a workspace.
    SaveWorkspace {
        /// Its name.
        name: String,
    },
    /// The page is connected again, or shows other charts than it was asked to: all of them.
    Resume {
        /// Its charts in their order, and those that its user closed in the meantime.
        charts: Vec<ReportedChart>,
        /// Where it looks.
        #[serde(default)]
        place: Option<WireRegion>,
        /// Whether they are shown instead of the session's: the user opened an address that names
        /// charts.
        #[serde(default)]
        replace: bool,
    },
}

/// A chart as a page reports it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ReportedChart {
    /// The page's id for it; none if the page does not draw it until it is asked to.
    #[serde(default, rename = "chartId", deserialize_with = "lenient::text")]
    pub id: Option<String>,
    /// Its type, with or without a module: `epiviz.plugins.charts.LineTrack`.
    pub r#type: String,
    /// The ids of its measurements.
    pub measurements: Vec<String>,
    /// Settings that differ from those that its type has by default.
    #[serde(default)]
    pub settings: Map<String, Value>,
    /// Its colours, if its user chose any.
    #[serde(default)]
    pub colors: Vec<String>,
    /// Whether the session knows it: the endpoint added it, or has answered a report of it.
    #[serde(default)]
    pub known: bool,
    /// Whether the user closed it while the page was not connected.
    #[serde(default)]
    pub closed: bool,
}
