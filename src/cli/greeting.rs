//! What the program prints when it starts: the files that it serves, and the addresses to open.

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

/// The width of lines where there is no terminal.
const WIDTH: usize = 80;
/// The most files that are listed: the first region of each may have to be read.
const MOST: usize = 40;

/// What is served, the addresses to open, and what to type first. `own_epiviz` tells that a copy
/// of EpiViz is served too; `token` is part of the addresses.
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

/// The part of an address that holds a token.
pub(super) fn argument(token: Option<&str>) -> String {
    token.map_or_else(String::new, |token| format!("?token={token}"))
}

/// A line for each file: what it is called, its format, how many rows, their assembly and the
/// first region.
async fn sources_table(listing: &Arc<Listing>) -> String {
    let of_table = listing.clone();
    let rows = tokio::task::spawn_blocking(move || source_rows(&of_table)).await;
    let rows = rows.unwrap_or_default();
    let columns = ["served", "format", "rows", "assembly", "first region"];
    let width = terminal_size::terminal_size().map_or(WIDTH, |(width, _)| width.0.into());
    let table =
        Answer::table(&columns, rows, "nothing is served").show(width.saturating_sub(2), false);
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
        if seen.len() > MOST {
            continue;
        }
        let source = &*measurement.source;
        let rows_of_it = match (source.building(), source.shape()) {
            (Some(building), _) => format!("{}% read", building.percent()),
            (None, Shape::Dense | Shape::Sparse) => "signal".to_owned(),
            (None, _) => thousands(total(source)),
        };
        let format = format_of(spec).map_or("", |format| format.name);
        let view = source.first_view().and_then(|view| listing.locate(&view));
        let view = view.map_or(String::new(), |view| view.grouped());
        let assembly = if listing.knows_assembly() { listing.assembly() } else { "unknown" };
        let cells = [&*measurement.id, format, &rows_of_it, assembly, &view];
        rows.push(cells.map(Value::from).to_vec());
    }
    if seen.len() > MOST {
        let more = format!("... {} more", seen.len() - MOST);
        rows.push([more.as_str(), "", "", "", ""].map(Value::from).to_vec());
    }
    rows
}

/// The built-in page's address for a browser on this machine.
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
