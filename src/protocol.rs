//! The protocol of EpiViz pages: types and their JSON, nothing else.
//!
//! Rows on the wire are 1-based with both ends included; only this module and the format readers
//! convert coordinates. `docs/protocol.md` describes the protocol, as observed on the page's branches
//! `epiviz-2`, `master` (version 4), `epiviz-4.1` and `epiviz-5-devel`.

mod action;
mod depth;
mod frame;
mod lenient;
mod page_change;
mod reply;
mod request;

#[cfg(feature = "internals")]
pub use action::ACTIONS;
pub use action::{
    Action, AddChart, AddMeasurements, AddSeqInfos, ArrangeCharts, ChartId,
    ClearDatasourceGroupCache, FlushCache, GetCurrentLocation, Navigate, PrintWorkspace, Redraw,
    RemoveChart, RemoveMeasurements, RemoveSeqNames, SetChartSettings, WireMeasurement, WireRegion,
    WriteMsg,
};
pub use depth::depth;
pub use frame::{Frame, PageAnswer, parse, unread};
pub use page_change::{PageChange, ReportedChart};
pub use reply::{
    Combined, CombinedPart, MeasurementTable, MetadataNames, Reply, SearchHit, SeqInfo, Workspace,
};
pub use request::{Dialect, Positions, REQUESTS, RangeRequest, Request};
