//! `/api/v1/...`: tables for scripts, which pandas, R and polars can read directly.
//!
//! A region is written as `chr1:1,001-2,000` (1-based, both ends included); rows have the
//! coordinates of BED files, 0-based and half-open.

use super::cells::Cells;
use super::state::AppState;
use super::table_query::{PATHS, TableQuery, missing};
use super::table_response::{ChargedBody, TableResponse, respond};
use crate::catalog::{Datasource, Kind, Listing, Measurement, Query, QueryResult, Snapshot};
use crate::error::{Error, Result};
use crate::genome::{Region, Sequences};
use crate::session::{Charge, Limit, Metrics};
use crate::source::{Level, Shape};
use crate::table::{Column, Data, Table, Texts};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::sync::Arc;
use std::time::Instant;

/// Returns the routes.
pub(super) fn routes() -> Router<AppState> {
    PATHS.iter().fold(Router::new(), |router, (path, ..)| router.route(path, get(answer)))
}

async fn answer(State(state): State<AppState>, request: Request) -> Response {
    let started = Instant::now();
    let query = TableQuery::of(&request);
    let result = table(&state, request.uri().path(), &query).await;
    let written = result.and_then(|FoundTable { table, level, mut charge }| {
        let format = query.format()?;
        let bytes = table.write(format)?;
        if let Some(charge) = &mut charge {
            charge.settle(bytes.len());
        }
        Ok((format, level, ChargedBody { bytes, _charge: charge }))
    });
    let (refused, bytes, response) = match written {
        Ok((format, level, body)) => {
            let bytes = body.bytes.len();
            let mut response = respond(request.headers(), format, body);
            if let Some(level) = level {
                let text = HeaderValue::from_str(&level.to_string());
                response.headers_mut().extend(text.ok().map(|text| (LEVEL, text)));
            }
            (false, bytes, response)
        }
        Err(error) => {
            let text = error.for_page() + "\n";
            (true, text.len(), (status(&error), text).into_response())
        }
    };
    state.session.metrics.record(Metrics::REST, refused, bytes, started.elapsed());
    response
}

/// The header that names the level of the rows.
const LEVEL: header::HeaderName = header::HeaderName::from_static("epivizrs-level");

pub(super) fn status(error: &Error) -> StatusCode {
    match error {
        Error::Input(_) => StatusCode::BAD_REQUEST,
        Error::NotFound(_) => StatusCode::NOT_FOUND,
        Error::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// A table, and the level of its rows if they were read from a datasource.
struct FoundTable {
    table: TableResponse,
    level: Option<Level>,
    charge: Option<Charge>,
}

async fn table(state: &AppState, path: &str, query: &TableQuery) -> Result<FoundTable> {
    query.check(path)?;
    let listing = state.session.provider.catalog.snapshot();
    let plain = |table| Ok(FoundTable { table, level: None, charge: None });
    match path.rsplit('/').next() {
        Some("measurements") => plain(measurements(&listing)),
        Some("sequences") => plain(sequences(&listing)),
        Some("search") => plain(hits(state, query).await?),
        Some("rows") => rows(state, &listing, query).await,
        _ => values(state, &listing, query).await,
    }
}

fn measurements(listing: &Listing) -> TableResponse {
    let all: Vec<_> = listing.measurements().collect();
    let texts = |of: fn(&Measurement) -> String| all.iter().map(move |m| of(m));
    let kind = |m: &Measurement| match m.kind {
        Kind::Range => "rows".to_owned(),
        Kind::Feature => "values".to_owned(),
    };
    TableResponse::new(all.len())
        .with_texts("id", texts(|m| m.id.clone()))
        .with_texts("name", texts(|m| m.name.clone()))
        .with_texts("kind", all.iter().map(|m| kind(m)))
        .with_texts("datasource", texts(|m| m.datasource.clone()))
        .with_texts("columns", texts(|m| m.metadata.join(",")))
        .with_texts("chart", texts(|m| m.chart.word().to_owned()))
}

fn sequences(listing: &Listing) -> TableResponse {
    let all = listing.sequences();
    TableResponse::new(all.len())
        .with_texts("name", all.iter().map(|sequence| sequence.name))
        .with("length", Cells::Whole(all.iter().map(|sequence| sequence.length).collect()))
}

async fn hits(state: &AppState, query: &TableQuery) -> Result<TableResponse> {
    let catalog = &state.session.provider.catalog;
    let limit = match query.number("limit")? {
        Some(wanted) => catalog.limits().hits(usize::try_from(wanted).unwrap_or(usize::MAX)),
        None => catalog.limits().hits,
    };
    let hits = catalog.search(query.needed("q")?, limit).await?;
    Ok(TableResponse::new(hits.len())
        .with_texts("name", hits.iter().map(|hit| &hit.name))
        .with_texts("sequence", hits.iter().map(|hit| &hit.region.sequence))
        .with("start", Cells::Whole(hits.iter().map(|hit| hit.region.start).collect()))
        .with("end", Cells::Whole(hits.iter().map(|hit| hit.region.end).collect())))
}

/// Returns all columns of a datasource, or the selected ones.
async fn rows(state: &AppState, listing: &Snapshot, query: &TableQuery) -> Result<FoundTable> {
    let name = query.needed("datasource")?;
    let datasource = listing.datasource(name).ok_or_else(|| {
        let known: Vec<_> = listing.datasources().iter().map(|d| d.id.as_str()).collect();
        Error::NotFound(format!(
            "no datasource is called '{name}'; the datasources are {}",
            known.join(", ")
        ))
    })?;
    let (mut chosen, mut metadata) = all_columns(&datasource);
    if let Some(wanted) = query.list("columns") {
        let known = || {
            metadata.iter().map(ToString::to_string).chain(chosen.iter().map(|m| column_name(m)))
        };
        if let Some(unknown) = wanted.iter().find(|name| !known().any(|known| known == **name)) {
            let known: Vec<_> = known().collect();
            let known = known.join(", ");
            let why = format!("no column is called '{unknown}'; the columns are {known}");
            return Err(Error::NotFound(why));
        }
        metadata.retain(|name| wanted.iter().any(|wanted| **wanted == **name));
        chosen.retain(|measurement| wanted.contains(&column_name(measurement)));
    }
    read(state, listing, &datasource, query, chosen, metadata).await
}

/// Returns measurements by their ids.
async fn values(state: &AppState, listing: &Snapshot, query: &TableQuery) -> Result<FoundTable> {
    let ids = query.list("measurement").ok_or_else(|| missing("measurement"))?;
    let find = |id: &String| {
        let found = listing.measurements().find(|m| m.id == *id);
        found.cloned().ok_or_else(|| {
            Error::NotFound(format!(
                "no measurement is called '{id}'; /api/v1/measurements lists them"
            ))
        })
    };
    let chosen = ids.iter().map(find).collect::<Result<Vec<_>>>()?;
    // Those with different rows share bins.
    let chosen = listing.comparable(&chosen).map_err(Error::Input)?;
    let first = chosen.first().ok_or_else(|| missing("measurement"))?;
    let datasource = listing.datasource(&first.datasource);
    let datasource =
        datasource.ok_or_else(|| Error::Bug(format!("{} has no datasource", first.id)))?;
    read(state, listing, &datasource, query, chosen, Vec::new()).await
}

fn all_columns(datasource: &Datasource) -> (Vec<Arc<Measurement>>, Vec<Arc<str>>) {
    let values = datasource.measurements.iter().filter(|m| m.kind == Kind::Feature);
    let metadata = datasource.measurements.first().map_or(&[][..], |first| &first.metadata);
    (values.cloned().collect(), metadata.to_vec())
}

/// Returns the name of the column with a measurement's values: that in the file, if the rows come
/// from one file.
fn column_name(measurement: &Measurement) -> String {
    match (&measurement.column, measurement.source.shape()) {
        (Some(column), Shape::Features | Shape::Genes | Shape::Reads | Shape::Bases) => {
            column.to_string()
        }
        _ => measurement.id.clone(),
    }
}

async fn read(
    state: &AppState,
    listing: &Snapshot,
    datasource: &Arc<Datasource>,
    query: &TableQuery,
    measurements: Vec<Arc<Measurement>>,
    metadata: Vec<Arc<str>>,
) -> Result<FoundTable> {
    let provider = &state.session.provider;
    let text = query.needed("region")?;
    let region = provider.catalog.find(text, &Sequences::default(), None).await?.region;
    let resolution = query.resolution(provider, datasource)?;
    let names = measurements.iter().map(|m| column_name(m));
    let names: Vec<_> = names.chain(metadata.iter().map(ToString::to_string)).collect();
    let (datasource, shape) = (datasource.clone(), datasource.shape);
    let query = Query { datasource, region: region.clone(), measurements, metadata, resolution };
    let about = provider.about_query(&query);
    let charge = match state.session.replies().charge(about).await {
        Some(charge) => Some(charge),
        None => {
            state.session.metrics.hit(Limit::ReplyMemory);
            let why = "too many answers are being sent; try again (--max-reply-memory)";
            return Err(Error::Busy(why.into()));
        }
    };
    let QueryResult { table, level } = listing.read(query).await?;
    let rows = overlapping(table, &region);
    Ok(FoundTable { table: as_response(&region, shape, names, rows), level: Some(level), charge })
}

/// Returns the rows that overlap the region, and rows of length 0 in it. A source also returns the
/// rows between them, because pages join answers by rank; scripts need only those that overlap.
fn overlapping(table: Table, region: &Region) -> Table {
    let overlaps = |row: &usize| {
        let (start, end) = (table.start[*row], table.end[*row]);
        start < region.end && end.max(start + 1) > region.start
    };
    let rows: Vec<usize> = (0..table.len()).filter(overlaps).collect();
    if rows.len() == table.len() {
        return table;
    }
    let pick = |column: Column| Column { data: column.data.pick(rows.iter().copied()), ..column };
    Table {
        start: rows.iter().map(|row| table.start[*row]).collect(),
        end: rows.iter().map(|row| table.end[*row]).collect(),
        strand: rows.iter().filter_map(|row| table.strand.get(*row).copied()).collect(),
        columns: table.columns.into_iter().map(pick).collect(),
        ..Table::default()
    }
}

fn as_response(region: &Region, shape: Shape, names: Vec<String>, rows: Table) -> TableResponse {
    let mut table = TableResponse::new(rows.len())
        .with("sequence", Cells::Same(region.sequence.to_string()))
        .with("start", Cells::Whole(rows.start))
        .with("end", Cells::Whole(rows.end));
    if !matches!(shape, Shape::Dense | Shape::Sparse) {
        let strand = if rows.strand.is_empty() {
            Cells::Same("*".into())
        } else {
            let texts = rows.strand.iter().map(|strand| strand.as_str()).collect::<Texts>();
            Cells::Data(Data::Text(texts))
        };
        table = table.with("strand", strand);
    }
    let columns = names.into_iter().zip(rows.columns);
    columns.fold(table, |table, (name, column)| table.with(name, Cells::Data(column.data)))
}
