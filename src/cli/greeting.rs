//! The summary at startup: the files that are served, and the addresses to open.

use super::commands::prompts;
use super::options::ServeOptions;
use crate::catalog::{Catalog, Listing};
use crate::console::Answer;
use crate::genome::thousands;
use crate::protocol::WireRegion;
use crate::server::epiviz_link;
use crate::source::formats::format_of;
use crate::source::{Shape, Spec, total};
use serde_json::Value;
use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::Arc;

/// The width of lines without a terminal.
const WIDTH: usize = 80;
/// Maximum number of files that are listed: the first region of each may have to be read.
const MAX_FILES: usize = 40;

/// Returns the served files, the addresses to open, and commands to try. `own_epiviz` means that a
/// copy of EpiViz is served too; `token` is part of the addresses.
pub(super) async fn greeting(
    catalog: &Catalog,
    address: SocketAddr,
    options: &ServeOptions,
    own_epiviz: bool,
    token: Option<&str>,
) -> String {
    let (listing, view) = (catalog.listing(), catalog.first_view().await);
    let mut text = sources_table(&listing).await;
    let has_tls = options.access.tls_cert.is_some();
    let scheme = if has_tls { "wss" } else { "ws" };
    let host = format!("{scheme}://localhost:{}{}", address.port(), options.base_path);
    let wire = view.as_ref().map(WireRegion::from);
    let own = own_page(address, options);
    let argument = argument(token);
    let epiviz = if own_epiviz {
        format!("{own}epiviz/{argument}")
    } else {
        epiviz_link(&options.page_url, &host, token, wire.as_ref())
    };
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "  open:     {own}{argument}\n  endpoint: {host}/ws{argument}\n  EpiViz:   {epiviz}"
    );
    if prompts(options) {
        let first = listing.measurements().next().map_or("NAME", |m| m.id.as_str());
        let place = view.map_or("chr1:1-1m".into(), |view| view.grouped());
        let _ = writeln!(text, "  try:      plot {first}   go {place}   help");
    }
    text
}

/// Returns the query of an address with a token.
pub(super) fn argument(token: Option<&str>) -> String {
    token.map_or_else(String::new, |token| format!("?token={token}"))
}

/// Returns a line for each file: its id, format, number of rows, assembly and first region.
async fn sources_table(listing: &Arc<Listing>) -> String {
    let of_table = listing.clone();
    let rows = tokio::task::spawn_blocking(move || source_rows(&of_table)).await;
    let rows = rows.unwrap_or_default();
    let columns = ["served", "format", "rows", "assembly", "first region"];
    let width = terminal_size::terminal_size().map_or(WIDTH, |(width, _)| width.0.into());
    let table =
        Answer::table(&columns, rows, "no data are served").show(width.saturating_sub(2), false);
    table.lines().map(|line| format!("  {line}\n")).collect()
}

fn source_rows(listing: &Listing) -> Vec<Vec<Value>> {
    let mut rows = Vec::new();
    let mut seen: Vec<&Arc<Spec>> = Vec::new();
    for measurement in listing.measurements() {
        let Some(spec) = &measurement.spec else {
            rows.push([&*measurement.id, "generated", "", "", ""].map(Value::from).to_vec());
            continue;
        };
        if seen.iter().any(|known| Arc::ptr_eq(known, spec)) {
            continue;
        }
        seen.push(spec);
        if seen.len() > MAX_FILES {
            continue;
        }
        let source = &*measurement.source;
        let amount = match (source.building(), source.shape()) {
            (Some(building), _) => format!("{}% read", building.percent()),
            (None, Shape::Dense | Shape::Sparse) => "signal".to_owned(),
            (None, _) => thousands(total(source)),
        };
        let format = match &spec.options.computed {
            Some(_) => "computed",
            None => format_of(spec).map_or("", |format| format.name),
        };
        let view = source.first_view().and_then(|view| listing.locate(&view));
        let view = view.map_or(String::new(), |view| view.grouped());
        let assembly = if listing.knows_assembly() { listing.assembly() } else { "unknown" };
        let cells = [&*measurement.id, format, &amount, assembly, &view];
        rows.push(cells.map(Value::from).to_vec());
    }
    if seen.len() > MAX_FILES {
        let more = format!("... {} more", seen.len() - MAX_FILES);
        rows.push([more.as_str(), "", "", "", ""].map(Value::from).to_vec());
    }
    rows
}

/// Returns the built-in page's address for a browser on this machine.
pub(super) fn own_page(address: SocketAddr, options: &ServeOptions) -> String {
    let base = &options.base_path;
    let scheme = if options.access.tls_cert.is_some() { "https" } else { "http" };
    match address.ip() {
        ip if ip.is_loopback() || ip.is_unspecified() => {
            format!("{scheme}://localhost:{}{base}/", address.port())
        }
        _ => format!("{scheme}://{address}{base}/"),
    }
}
