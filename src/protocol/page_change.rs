//! Changes that users make by hand, as pages report them: an extension of the protocol. The copy of
//! EpiViz that the endpoint serves (`ui/epiviz/`) and the built-in page send it, other pages do not.

use super::{WireRegion, lenient};
use serde::Deserialize;
use serde_json::{Map, Value};

/// A change that a page reports with `reportChange`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PageChange {
    /// The user added a chart.
    AddChart(ReportedChart),
    /// The user closed a chart.
    RemoveChart {
        /// The page's id of the chart.
        #[serde(rename = "chartId")]
        chart: String,
    },
    /// The user moved a chart among the others.
    MoveChart {
        /// The page's id of the chart.
        #[serde(rename = "chartId")]
        chart: String,
        /// Its new position among the charts, from 0.
        to: usize,
    },
    /// The user changed the type of a chart; the page already draws it so.
    SetChartType {
        /// The page's id of the chart.
        #[serde(rename = "chartId")]
        chart: String,
        /// The type, with or without a module.
        r#type: String,
    },
    /// The user opened a workspace, which replaces the session's charts and region.
    OpenWorkspace {
        /// Its id.
        id: String,
    },
    /// The user saved the session as a workspace.
    SaveWorkspace {
        /// Its name.
        name: String,
    },
    /// The page has reconnected, or shows other charts than the session's: reports all of its charts.
    Resume {
        /// Its charts in their order, and those that the user closed in the meantime.
        charts: Vec<ReportedChart>,
        /// The region that it shows.
        #[serde(default)]
        place: Option<WireRegion>,
        /// Whether they replace the session's charts: the user opened an address that names charts.
        #[serde(default)]
        replace: bool,
    },
}

/// A chart as a page reports it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ReportedChart {
    /// The page's id of the chart; `None` if the page does not draw it until it is told to.
    #[serde(default, rename = "chartId", deserialize_with = "lenient::text")]
    pub id: Option<String>,
    /// Its type, with or without a module: `epiviz.plugins.charts.LineTrack`.
    pub r#type: String,
    /// The ids of its measurements.
    pub measurements: Vec<String>,
    /// Settings that differ from the defaults of its type.
    #[serde(default)]
    pub settings: Map<String, Value>,
    /// Its colours, if the user chose any.
    #[serde(default)]
    pub colors: Vec<String>,
    /// Whether the session knows it: the endpoint added it, or has answered the page's report of it.
    #[serde(default)]
    pub known: bool,
    /// Whether the user closed it while the page was not connected.
    #[serde(default)]
    pub closed: bool,
}
