//! Answers the requests of pages.

use super::placeholder::with_placeholder;
use super::view::{ROWS, RowCounts, View};
use crate::catalog::{
    Catalog, Datasource, Kind, Listing, Measurement, Query, RequestLimits, Resolution, Snapshot,
};
use crate::error::{Error, Result};
use crate::genome::Region;
use crate::protocol::{Combined, CombinedPart, Dialect, RangeRequest, Reply, Request, SearchHit};
use crate::source::{Hit, Level, Shape};
use crate::table::{Column, Data, Table};
use std::sync::Arc;

const DEFAULT_HITS: usize = 12;
/// About how many bytes a cell takes, in memory and in JSON together.
const CELL: usize = 20;
/// The columns of every answer: start, end, strand and values.
const COLUMNS: usize = 4;
/// Up to this many unknown columns of a request are filled with one null per row.
const MAX_UNKNOWN: usize = 32;

/// Answers requests from a catalog.
#[derive(Debug)]
pub struct Provider {
    /// The served datasources.
    pub catalog: Catalog,
    /// The target number of rows in a page's view.
    pub page_rows: u64,
}

/// The target of a range request of a page with a cache: the datasource group, which has the level,
/// the key under which the page caches the answer, and the region.
#[derive(Clone, Debug)]
pub struct Target {
    /// The datasource's group.
    pub group: String,
    /// `rows` or a measurement's id.
    pub key: String,
    /// The requested piece, with the listed name of its sequence. It may extend beyond the
    /// sequence's end, like the page's own cached interval.
    pub piece: Region,
}

impl Provider {
    /// Returns the target of a request, if it is a range request whose answer the page caches.
    pub fn target(&self, request: &Request) -> Option<Target> {
        let (range, key) = match request {
            Request::GetRows(range) => (range, ROWS),
            Request::GetValues(range) => (range, range.measurement.as_deref()?),
            _ => return None,
        };
        let listing = self.catalog.listing();
        let name = range.datasource.as_deref()?;
        // Charts of unloaded data may stay on the page, which then requests their rows.
        let group = listing.datasource(name);
        let group = group.map_or_else(|| name.to_owned(), |datasource| datasource.group.clone());
        let region = range.region()?;
        let sequence = listing.sequences().get(&region.sequence)?.name.into();
        Some(Target { group, key: key.to_owned(), piece: Region { sequence, ..region } })
    }

    /// Answers a request, rows and values at `resolution`; without one, the request's region is the
    /// view.
    ///
    /// There always is an answer. A region that cannot be read is answered with no rows, since a
    /// page never repeats a request that failed; the reason is logged.
    pub async fn answer(&self, request: &Request, resolution: Option<Resolution>) -> Reply {
        self.answer_with(request, resolution, None).await
    }

    /// As [`Provider::answer`], with a placeholder row at a position without rows; see
    /// `View::set_placeholder`.
    pub async fn answer_with(
        &self,
        request: &Request,
        resolution: Option<Resolution>,
        placeholder: Option<&Region>,
    ) -> Reply {
        if let Some(reply) = too_many_names(request, self.catalog.limits()) {
            return reply;
        }
        match request {
            Request::GetMeasurements { version } => {
                Reply::Measurements(self.measurements(Dialect::of(version.as_deref())))
            }
            Request::GetSeqInfos { version } => {
                Reply::SeqInfos(self.seq_infos(Dialect::of(version.as_deref())))
            }
            Request::GetRows(range) => {
                let read = self.rows(range, resolution, placeholder).await;
                Reply::Rows(self.or_empty(read, range, &range.metadata), range.row_positions())
            }
            Request::GetValues(range) => {
                let read = self.values(range, resolution, placeholder).await;
                let column = range.measurement.clone().unwrap_or_default();
                Reply::Values(self.or_empty(read, range, &[column]), range.dialect())
            }
            Request::GetCombined(range) => self.combined(range).await,
            Request::Search { q, max_results } => {
                let wanted = max_results.and_then(|n| usize::try_from(n).ok());
                let limit = self.catalog.limits().hits(wanted.unwrap_or(DEFAULT_HITS));
                let text = q.as_deref().unwrap_or_default();
                match self.catalog.search(text, limit).await {
                    Ok(hits) => Reply::Hits(hits.iter().map(wire_hit).collect()),
                    Err(error) => Reply::Refused(error.for_page()),
                }
            }
            Request::RegisterChartTypes { .. } | Request::SetChartSettings { .. } => Reply::Done,
            Request::ReportChange { .. }
            | Request::GetWorkspaces { .. }
            | Request::SaveWorkspace { .. }
            | Request::DeleteWorkspace { .. }
            | Request::Subscribe(_)
            | Request::Unsubscribe { .. }
            | Request::Describe {}
            | Request::GetHierarchy {}
            | Request::PropagateHierarchyChanges {} => {
                Reply::Refused(format!("{} is not served by this endpoint", request.name()))
            }
        }
    }

    /// Returns about how many bytes the answer to a request takes while it is built and sent. Reads
    /// nothing.
    pub fn about_bytes(&self, request: &Request, resolution: Option<Resolution>) -> usize {
        let listing = self.catalog.listing();
        let resolution = resolution.unwrap_or_else(|| self.for_view());
        let rows_of = |datasource: &Datasource, range: &RangeRequest| {
            let region = range.region().and_then(|region| listing.locate(&region));
            region.map_or(0, |region| self.about_rows(&listing, datasource, &region, resolution))
        };
        let cells = match request {
            Request::GetMeasurements { .. } => listing.measurements().count() * COLUMNS,
            Request::GetRows(range) | Request::GetValues(range) => {
                let name = range.datasource.as_deref().unwrap_or_default();
                let rows = listing.datasource(name).map_or(0, |found| rows_of(&found, range));
                rows.saturating_mul(COLUMNS + range.metadata.len())
            }
            Request::GetCombined(range) => {
                let parts = range.wanted().into_iter().filter_map(|(name, ids)| {
                    let found = listing.datasource(&name)?;
                    let metadata = found.measurements.first().map_or(0, |m| m.metadata.len());
                    let columns = COLUMNS + ids.len() + metadata;
                    Some(rows_of(&found, range).saturating_mul(columns))
                });
                parts.fold(0, usize::saturating_add)
            }
            _ => 0,
        };
        cells.saturating_mul(CELL)
    }

    /// As [`Provider::about_bytes`], for rows that are read otherwise.
    pub fn about_query(&self, query: &Query) -> usize {
        let listing = self.catalog.listing();
        let rows = self.about_rows(&listing, &query.datasource, &query.region, query.resolution);
        let columns = COLUMNS + query.measurements.len() + query.metadata.len();
        rows.saturating_mul(columns).saturating_mul(CELL)
    }

    fn about_rows(
        &self,
        listing: &Listing,
        datasource: &Datasource,
        region: &Region,
        resolution: Resolution,
    ) -> usize {
        let rows = match resolution {
            Resolution::At(level) => datasource.count(listing, region, level),
            Resolution::AtMost(rows) | Resolution::AtMostInSequence(rows) => rows,
        };
        usize::try_from(rows.min(self.catalog.limits().rows)).unwrap_or(usize::MAX)
    }

    /// Answers a request for rows or values with no rows; refuses any other.
    pub fn nothing(&self, request: &Request) -> Reply {
        match request {
            Request::GetCombined(range) => {
                let (dialect, positions) = (range.dialect(), range.combined_positions());
                Reply::Combined(Combined { parts: Vec::new(), dialect, positions })
            }
            Request::GetRows(range) => {
                let none = self.or_empty(Ok(None), range, &range.metadata);
                Reply::Rows(none, range.row_positions())
            }
            Request::GetValues(range) => {
                let column = range.measurement.clone().unwrap_or_default();
                Reply::Values(self.or_empty(Ok(None), range, &[column]), range.dialect())
            }
            other => Reply::Refused(format!("{} has no rows", other.name())),
        }
    }

    async fn rows(
        &self,
        range: &RangeRequest,
        resolution: Option<Resolution>,
        placeholder: Option<&Region>,
    ) -> Result<Option<Table>> {
        let snapshot = self.catalog.snapshot();
        let datasource = &find(&snapshot, range)?;
        let Some(region) = range.region().and_then(|region| snapshot.locate(&region)) else {
            return Ok(None);
        };
        let served = datasource.measurements.first().map_or(&[][..], |first| &first.metadata);
        let find = |name: &String| served.iter().find(|served| ***served == **name).cloned();
        let metadata: Vec<_> = range.metadata.iter().filter_map(find).collect();
        let is_whole = metadata.len() == range.metadata.len();
        let answer = snapshot.read(Query {
            datasource: datasource.clone(),
            region: region.clone(),
            measurements: Vec::new(),
            metadata,
            resolution: resolution.unwrap_or_else(|| self.for_view()),
        });
        let mut table = answer.await?.table;
        if !is_whole {
            // A page may know the column from an earlier file with this name; the others are shown.
            let unknown = range.metadata.iter().filter(|name| find(name).is_none());
            tracing::warn!("'{}' has no {}", datasource.id, listed(unknown));
            fill_in(&mut table, &range.metadata);
        }
        let (Some(at), Some(Resolution::At(level))) = (placeholder, resolution) else {
            return Ok(Some(table));
        };
        with_placeholder(&snapshot, datasource, &region, level, table, at).await.map(Some)
    }

    async fn values(
        &self,
        range: &RangeRequest,
        resolution: Option<Resolution>,
        placeholder: Option<&Region>,
    ) -> Result<Option<Table>> {
        let snapshot = self.catalog.snapshot();
        let datasource = &find(&snapshot, range)?;
        let id = range.measurement.as_deref().unwrap_or_default();
        let measurement = measurement(datasource, id)?;
        let Some(region) = range.region().and_then(|region| snapshot.locate(&region)) else {
            return Ok(None);
        };
        let query = Query {
            datasource: datasource.clone(),
            region: region.clone(),
            measurements: vec![measurement],
            metadata: Vec::new(),
            resolution: resolution.unwrap_or_else(|| self.for_view()),
        };
        let mut table = snapshot.read(query).await?.table;
        let (Some(at), Some(Resolution::At(level))) = (placeholder, resolution) else {
            return Ok(Some(table));
        };
        if table.is_empty() {
            table.columns = vec![Column::new(id, Data::Doubles(Vec::new()))];
        }
        with_placeholder(&snapshot, datasource, &region, level, table, at).await.map(Some)
    }

    async fn combined(&self, range: &RangeRequest) -> Reply {
        let snapshot = self.catalog.snapshot();
        let region = range.region().and_then(|region| snapshot.locate(&region));
        let wanted = range.wanted().into_iter();
        let (mut parts, queries): (Vec<_>, Vec<_>) = wanted
            .map(|(name, ids)| self.wanted_part(&snapshot, region.as_ref(), name, ids))
            .unzip();
        let unknown: Vec<_> = parts.iter().filter(|part| !part.is_known).map(|p| &p.name).collect();
        if !unknown.is_empty() {
            tracing::warn!("no datasource is called {}", listed(unknown.into_iter()));
        }
        let asked = parts.iter_mut().zip(&queries).filter(|(_, query)| query.is_some());
        let asked: Vec<_> = asked.map(|(part, _)| part).collect();
        let answers = snapshot.read_all(queries.iter().flatten().cloned().collect()).await;
        for (part, answer) in asked.into_iter().zip(answers) {
            match answer {
                Ok(answer) => part.table = answer.table,
                Err(error) => {
                    tracing::error!("cannot read rows of '{}': {error}", part.name);
                }
            }
        }
        let parts = parts.into_iter().map(WantedPart::finish).collect();
        let (dialect, positions) = (range.dialect(), range.combined_positions());
        Reply::Combined(Combined { parts, dialect, positions })
    }

    /// Returns the part of an answer for one datasource, still without rows, and the query for
    /// them.
    fn wanted_part(
        &self,
        snapshot: &Snapshot,
        region: Option<&Region>,
        name: String,
        mut ids: Vec<String>,
    ) -> (WantedPart, Option<Query>) {
        let Some(datasource) = &snapshot.datasource(&name) else {
            let names = ids.iter().map(String::as_str).collect::<Vec<_>>();
            let table = Table::empty(&names);
            let part = WantedPart { name, ids, unknown: Vec::new(), is_known: false, table };
            return (part, None);
        };
        let (mut measurements, mut unknown) = (Vec::new(), Vec::new());
        ids.retain_mut(|id| match measurement(datasource, id) {
            Ok(found) if found.kind == Kind::Feature => {
                measurements.push(found);
                true
            }
            Ok(_) => false,
            Err(_) => {
                unknown.push(std::mem::take(id));
                false
            }
        });
        if !unknown.is_empty() {
            tracing::warn!("'{name}' has no measurement called {}", listed(unknown.iter()));
        }
        let metadata = datasource.measurements.first().map_or(&[][..], |first| &first.metadata);
        let columns = ids.iter().map(String::as_str).chain(metadata.iter().map(|name| &**name));
        let table = Table::empty(&columns.collect::<Vec<_>>());
        let query = region.map(|region| Query {
            datasource: datasource.clone(),
            region: region.clone(),
            measurements,
            metadata: metadata.to_vec(),
            resolution: self.for_view(),
        });
        (WantedPart { name, ids, unknown, is_known: true, table }, query)
    }

    /// Returns the resolution for a region that is a page's view.
    pub(super) fn for_view(&self) -> Resolution {
        Resolution::AtMost(View::max_rows(self.page_rows))
    }

    /// Returns the rows, or none if the region is invalid or could not be read.
    fn or_empty(
        &self,
        read: Result<Option<Table>>,
        range: &RangeRequest,
        columns: &[String],
    ) -> Table {
        let none = || Table::empty(&columns.iter().map(String::as_str).collect::<Vec<_>>());
        match read {
            Ok(Some(mut table)) => {
                table.first_rank += range.first_index();
                table
            }
            Ok(None) => none(),
            Err(error) => {
                let asked = range.datasource.as_deref().unwrap_or_default();
                tracing::error!("cannot read rows of '{asked}': {error}");
                none()
            }
        }
    }
}

/// The part of an answer for one datasource.
struct WantedPart {
    name: String,
    /// The measurements whose values are columns of the table.
    ids: Vec<String>,
    unknown: Vec<String>,
    is_known: bool,
    table: Table,
}

impl WantedPart {
    /// Adds empty columns for unknown measurements: a chart of unloaded data must get its columns,
    /// and must not make the charts beside it empty.
    fn finish(mut self) -> CombinedPart {
        let known = self.ids.len();
        for (index, id) in self.unknown.iter().enumerate() {
            let nothing = Column::new(id.as_str(), Data::Singles(Vec::new()));
            self.table.columns.insert(known + index, nothing);
        }
        self.ids.extend(self.unknown);
        CombinedPart { datasource: self.name, table: self.table, measurements: self.ids }
    }
}

impl RowCounts for Listing {
    fn shape(&self, group: &str) -> Option<Shape> {
        self.group(group).map(|datasource| datasource.shape)
    }

    fn rows(&self, group: &str, region: &Region, level: Level) -> u64 {
        let Some(region) = self.locate(region) else { return 0 };
        self.group(group).map_or(0, |datasource| datasource.count(self, &region, level))
    }
}

/// Returns the answer to a request with too many names: a well-formed one without rows, since a
/// page never repeats a request that failed.
fn too_many_names(request: &Request, limits: &RequestLimits) -> Option<Reply> {
    let (Request::GetRows(range) | Request::GetValues(range) | Request::GetCombined(range)) =
        request
    else {
        return None;
    };
    let names = range.names();
    if limits.allow_names(names) {
        return None;
    }
    let (name, most) = (request.name(), limits.names);
    tracing::warn!("{name} with {names} names is not answered; at most {most} (--max-names)");
    Some(match request {
        Request::GetRows(_) => Reply::Rows(Table::default(), range.row_positions()),
        Request::GetValues(_) => Reply::Values(Table::empty(&[""]), range.dialect()),
        _ => {
            let (dialect, positions) = (range.dialect(), range.combined_positions());
            Reply::Combined(Combined { parts: Vec::new(), dialect, positions })
        }
    })
}

/// Adds the missing ones of these columns to a table, filled with nulls, and sorts its columns in
/// this order.
fn fill_in(table: &mut Table, names: &[String]) {
    let rows = table.len();
    let mut known: Vec<_> = std::mem::take(&mut table.columns);
    let mut unknown = 0;
    for name in names {
        let column = match known.iter().position(|column| *column.name == **name) {
            Some(at) => known.remove(at),
            None => {
                unknown += 1;
                let nulls = if unknown <= MAX_UNKNOWN { rows } else { 0 };
                Column::new(name.as_str(), Data::Singles(vec![f32::NAN; nulls]))
            }
        };
        table.columns.push(column);
    }
}

/// Lists the first of some names, and how many more there are, since there may be thousands.
fn listed<'a>(names: impl Iterator<Item = &'a String>) -> String {
    const SHOWN: usize = 5;
    let names: Vec<_> = names.collect();
    let shown: Vec<_> =
        names.iter().take(SHOWN).map(|name| format!("'{}'", name.escape_debug())).collect();
    match names.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn find(listing: &Listing, range: &RangeRequest) -> Result<Arc<Datasource>> {
    let name = range.datasource.as_deref().unwrap_or_default();
    listing.datasource(name).ok_or_else(|| unknown_datasource(name))
}

fn unknown_datasource(name: &str) -> Error {
    Error::NotFound(format!("no datasource is called '{name}'"))
}

fn measurement(datasource: &Datasource, id: &str) -> Result<Arc<Measurement>> {
    datasource.measurements.iter().find(|m| m.id == id).cloned().ok_or_else(|| {
        Error::NotFound(format!("'{}' has no measurement called '{id}'", datasource.id))
    })
}

fn wire_hit(hit: &Hit) -> SearchHit {
    SearchHit {
        probe: None,
        gene: hit.name.to_string(),
        seq_name: hit.region.sequence.to_string(),
        start: hit.region.start + 1,
        end: hit.region.end,
    }
}
