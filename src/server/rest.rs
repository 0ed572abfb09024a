//! `/api/v1/...`: the data for scripts, as tables that pandas, R and polars read in one line.
//!
//! Regions are asked for as people write them, `chr1:1,001-2,000`; rows come as in BED files,
//! 0-based and half-open.

use super::http::Door;
use super::sheet::{Cells, Sheet, Wire, sent};
use crate::catalog::{Datasource, Kind, Listing, Measurement};
use crate::error::{Error, Result};
use crate::genome::{Region, Sequences};
use crate::provider::Provider;
use crate::session::Metrics;
use crate::source::{Level, Shape};
use crate::table::{Column, Data, Table, Texts};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::sync::Arc;
use std::time::Instant;

/// The most names that one search gives.
const MAX_HITS: usize = 100;

/// Every path of the tables for scripts, the arguments it takes, and what it gives. `docs/http.md`
/// goes by this list.
pub const PATHS: &[(&str, &str, &str)] = &[
    ("/api/v1/measurements", "", "what is served"),
    ("/api/v1/sequences", "", "the sequences and their lengths"),
    ("/api/v1/rows", "datasource region columns level bins", "all columns of a datasource"),
    ("/api/v1/values", "measurement region level bins", "measurements of one datasource"),
    ("/api/v1/search", "q limit", "genes and features by name"),
];

/// The paths.
pub(super) fn routes() -> Router<Door> {
    PATHS.iter().fold(Router::new(), |router, (path, ..)| router.route(path, get(answer)))
}

async fn answer(State(door): State<Door>, request: Request) -> Response {
    let started = Instant::now();
    let asked = Asked::of(&request);
    let result = sheet(&door, request.uri().path(), &asked).await;
    let (refused, bytes, response) = match result.and_then(|found| Ok((found, asked.wire()?))) {
        Ok((Found { sheet, level }, wire)) => {
            let body = sheet.write(wire);
            let bytes = body.len();
            let mut response = sent(request.headers(), wire, body);
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
    door.session.metrics.record(Metrics::REST, refused, bytes, started.elapsed());
    response
}

/// The header that says at which level rows were given.
const LEVEL: header::HeaderName = header::HeaderName::from_static("epivizrs-level");

fn status(error: &Error) -> StatusCode {
    match error {
        Error::Input(_) => StatusCode::BAD_REQUEST,
        Error::NotFound(_) => StatusCode::NOT_FOUND,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// A table, and the level of its rows if they are rows of data.
struct Found {
    sheet: Sheet,
    level: Option<Level>,
}

async fn sheet(door: &Door, path: &str, asked: &Asked) -> Result<Found> {
    asked.check(path)?;
    let listing = door.session.provider.catalog.listing();
    let plain = |sheet| Ok(Found { sheet, level: None });
    match path.rsplit('/').next() {
        Some("measurements") => plain(measurements(&listing)),
        Some("sequences") => plain(sequences(&listing)),
        Some("search") => plain(hits(door, asked).await?),
        Some("rows") => rows(door, &listing, asked).await,
        _ => values(door, &listing, asked).await,
    }
}

fn measurements(listing: &Listing) -> Sheet {
    let all: Vec<_> = listing.measurements().collect();
    let texts = |of: fn(&Measurement) -> String| all.iter().map(move |m| of(m));
    let kind = |m: &Measurement| match m.kind {
        Kind::Range => "rows".to_owned(),
        Kind::Feature => "values".to_owned(),
    };
    Sheet::new(all.len())
        .with_texts("id", texts(|m| m.id.clone()))
        .with_texts("name", texts(|m| m.name.clone()))
        .with_texts("kind", all.iter().map(|m| kind(m)))
        .with_texts("datasource", texts(|m| m.datasource.clone()))
        .with_texts("columns", texts(|m| m.metadata.join(",")))
        .with_texts("chart", texts(|m| m.chart.word().to_owned()))
}

fn sequences(listing: &Listing) -> Sheet {
    let all = listing.sequences();
    Sheet::new(all.len())
        .with_texts("name", all.iter().map(|sequence| &sequence.name))
        .with("length", Cells::Whole(all.iter().map(|sequence| sequence.length).collect()))
}

async fn hits(door: &Door, asked: &Asked) -> Result<Sheet> {
    let limit = asked.number("limit")?.unwrap_or(MAX_HITS as u64).min(MAX_HITS as u64);
    let catalog = &door.session.provider.catalog;
    let hits = catalog.search(asked.needed("q")?, limit as usize).await?;
    Ok(Sheet::new(hits.len())
        .with_texts("name", hits.iter().map(|hit| &hit.name))
        .with_texts("sequence", hits.iter().map(|hit| &hit.region.sequence))
        .with("start", Cells::Whole(hits.iter().map(|hit| hit.region.start).collect()))
        .with("end", Cells::Whole(hits.iter().map(|hit| hit.region.end).collect())))
}

/// All columns of a datasource, or those named.
async fn rows(door: &Door, listing: &Listing, asked: &Asked) -> Result<Found> {
    let name = asked.needed("datasource")?;
    let datasource = listing.datasource(name).ok_or_else(|| {
        let known: Vec<_> = listing.datasources().iter().map(|d| d.id.as_str()).collect();
        Error::NotFound(format!("no datasource is called '{name}'; known are {}", known.join(", ")))
    })?;
    let (mut chosen, mut metadata) = all_columns(datasource);
    if let Some(wanted) = asked.list("columns") {
        let known = || metadata.iter().cloned().chain(chosen.iter().map(|m| column_name(m)));
        if let Some(unknown) = wanted.iter().find(|name| !known().any(|known| known == **name)) {
            let known: Vec<_> = known().collect();
            let known = known.join(", ");
            let why = format!("no column is called '{unknown}'; known are {known}");
            return Err(Error::NotFound(why));
        }
        metadata.retain(|name| wanted.contains(name));
        chosen.retain(|measurement| wanted.contains(&column_name(measurement)));
    }
    read(door, listing, datasource, asked, chosen, metadata).await
}

/// Measurements by their ids, all of one datasource.
async fn values(door: &Door, listing: &Listing, asked: &Asked) -> Result<Found> {
    let ids = asked.list("measurement").ok_or_else(|| missing("measurement"))?;
    let find = |id: &String| {
        let found = listing.measurements().find(|m| m.id == *id);
        found.cloned().ok_or_else(|| {
            Error::NotFound(format!(
                "no measurement is called '{id}'; /api/v1/measurements lists them"
            ))
        })
    };
    let chosen = ids.iter().map(find).collect::<Result<Vec<_>>>()?;
    let first = chosen.first().ok_or_else(|| missing("measurement"))?;
    if let Some(other) = chosen.iter().find(|m| m.datasource != first.datasource) {
        return Err(Error::Input(format!(
            "'{}' and '{}' do not share their rows; ask for each alone",
            first.id, other.id
        )));
    }
    let datasource = listing.datasources().iter().find(|d| d.id == first.datasource);
    let datasource = datasource.ok_or_else(|| Error::Bug(format!("{} is lost", first.id)))?;
    read(door, listing, datasource, asked, chosen, Vec::new()).await
}

fn all_columns(datasource: &Datasource) -> (Vec<Arc<Measurement>>, Vec<String>) {
    let values = datasource.measurements.iter().filter(|m| m.kind == Kind::Feature);
    let metadata = datasource.measurements.first().map_or(&[][..], |first| &first.metadata);
    (values.cloned().collect(), metadata.iter().map(ToString::to_string).collect())
}

/// The column under which a measurement's values stand: the file's own name for it, if the rows
/// have one file.
fn column_name(measurement: &Measurement) -> String {
    match (&measurement.column, measurement.source.shape()) {
        (Some(column), Shape::Features | Shape::Genes | Shape::Reads) => column.to_string(),
        _ => measurement.id.clone(),
    }
}

async fn read(
    door: &Door,
    listing: &Listing,
    datasource: &Arc<Datasource>,
    asked: &Asked,
    measurements: Vec<Arc<Measurement>>,
    metadata: Vec<String>,
) -> Result<Found> {
    let provider = &door.session.provider;
    let text = asked.needed("region")?;
    let region = provider.catalog.find(text, &Sequences::default(), None).await?.region;
    let level = asked.level(provider, listing, datasource, &region).await?;
    let names: Vec<_> =
        measurements.iter().map(|m| column_name(m)).chain(metadata.clone()).collect();
    let rows = provider.catalog.read(datasource, region.clone(), level, measurements, metadata);
    let table = overlapping(rows.await?, &region);
    Ok(Found { sheet: as_sheet(&region, datasource.shape, names, table), level: Some(level) })
}

/// The rows that have a base in the region, or stand there without any. Pages join what they get
/// by rank and so are given what lies between as well; a script wants what it asked for.
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

fn as_sheet(region: &Region, shape: Shape, names: Vec<String>, table: Table) -> Sheet {
    let rows = table.len();
    let mut sheet = Sheet::new(rows)
        .with("sequence", Cells::Same(region.sequence.to_string()))
        .with("start", Cells::Whole(table.start))
        .with("end", Cells::Whole(table.end));
    if !matches!(shape, Shape::Dense | Shape::Sparse) {
        sheet = match table.strand.is_empty() {
            true => sheet.with("strand", Cells::Same("*".into())),
            false => {
                let texts = table.strand.iter().map(|strand| strand.as_str()).collect::<Texts>();
                sheet.with("strand", Cells::Data(Data::Text(texts)))
            }
        };
    }
    let columns = names.into_iter().zip(table.columns);
    columns.fold(sheet, |sheet, (name, column)| sheet.with(name, Cells::Data(column.data)))
}

/// The arguments of a request.
struct Asked {
    arguments: Vec<(String, String)>,
    accept: String,
}

impl Asked {
    fn of(request: &Request) -> Self {
        let query = request.uri().query().unwrap_or_default();
        let pairs = form_urlencoded::parse(query.as_bytes());
        Asked {
            arguments: pairs.map(|(key, value)| (key.into_owned(), value.into_owned())).collect(),
            accept: accept(request.headers()),
        }
    }

    /// Refuses what the path does not take: a word that is misspelled would say nothing.
    fn check(&self, path: &str) -> Result<()> {
        let known = PATHS.iter().find(|known| known.0 == path).map_or("", |known| known.1);
        let known: Vec<_> = known.split(' ').filter(|name| !name.is_empty()).collect();
        let unknown = |key: &&String| !known.contains(&key.as_str()) && *key != "format";
        match self.arguments.iter().map(|(key, _)| key).find(unknown) {
            None => Ok(()),
            Some(key) => Err(Error::Input(format!(
                "{path} takes no '{key}='; it takes {}",
                known.iter().chain(&["format"]).copied().collect::<Vec<_>>().join(", ")
            ))),
        }
    }

    fn get(&self, name: &str) -> Option<&str> {
        let found = self.arguments.iter().find(|(key, value)| key == name && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    }

    fn needed(&self, name: &str) -> Result<&str> {
        self.get(name).ok_or_else(|| missing(name))
    }

    /// An argument that may be given several times or hold several values between commas.
    fn list(&self, name: &str) -> Option<Vec<String>> {
        self.get(name)?;
        let given = self.arguments.iter().filter(|(key, _)| key == name);
        let all = given.flat_map(|(_, value)| value.split(',')).filter(|part| !part.is_empty());
        Some(all.map(ToOwned::to_owned).collect())
    }

    fn number(&self, name: &str) -> Result<Option<u64>> {
        let Some(text) = self.get(name) else { return Ok(None) };
        match text.parse() {
            Ok(number) if number > 0 => Ok(Some(number)),
            _ => Err(Error::Input(format!("{name}={text} is no whole number above 0"))),
        }
    }

    fn wire(&self) -> Result<Wire> {
        match self.get("format") {
            Some("tsv") => Ok(Wire::Tsv),
            Some("json") => Ok(Wire::Json),
            Some(other) => {
                Err(Error::Input(format!("format={other} is not known; known are json, tsv")))
            }
            None if self.accept.contains("text/tab-separated-values") => Ok(Wire::Tsv),
            None => Ok(Wire::Json),
        }
    }

    /// The level asked for: `level=records`, `level=1024` (the width of bins), or `bins=500` (at
    /// most so many rows). Otherwise every record; for dense signals, which have none, bins as a
    /// page would get.
    async fn level(
        &self,
        provider: &Provider,
        listing: &Listing,
        datasource: &Arc<Datasource>,
        region: &Region,
    ) -> Result<Level> {
        let Some(text) = self.get("level") else {
            let most = match (self.number("bins")?, datasource.shape) {
                (Some(most), _) => most,
                (None, Shape::Dense) => provider.page_rows,
                (None, _) => return Ok(Level::Records),
            };
            return provider.finest(listing, datasource, region, most).await;
        };
        let mut known = datasource.shape.levels();
        let named = |level: &Level| match level {
            Level::Records => text == "records",
            Level::Bins { .. } => level.width().to_string() == text,
        };
        known.clone().find(named).ok_or_else(|| {
            let finest = known.next().map_or(String::new(), |level| match level {
                Level::Records => "'records', or bins of 16, 32, 64 and so on bases".into(),
                Level::Bins { .. } => "bins of 1, 2, 4 and so on bases".into(),
            });
            Error::Input(format!("'{}' has no level '{text}'; it has {finest}", datasource.id))
        })
    }
}

fn missing(name: &str) -> Error {
    Error::Input(format!("'{name}=' is missing"))
}

fn accept(headers: &HeaderMap) -> String {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    accept.unwrap_or_default().to_owned()
}
