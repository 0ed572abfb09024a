//! `epivizrs serve`: open the files, listen, greet, prompt, end.

use super::demo;
use super::install;
use super::open::open;
use super::options::Options;
use super::progress;
use crate::catalog::{Catalog, Listing};
use crate::console;
use crate::genome::{Sequences, built_in, built_in_names};
use crate::protocol::WireRegion;
use crate::provider::Provider;
use crate::server::{self, Access, Epiviz, epiviz_link};
use crate::session::Session;
use crate::source::Context;
use anyhow::{Result, bail};
use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Serves until Ctrl-C, SIGTERM or `quit`.
///
/// # Errors
/// A file that cannot be served (unless `--keep-going`), or a port that is taken.
pub async fn serve(options: Options) -> Result<()> {
    let stop = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let on_signal = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        on_signal.cancel();
    });

    let listener = server::bind(&options.host, options.port).await?;
    let address = listener.local_addr()?;
    let catalog =
        Catalog::new(assembly(options.assembly.as_deref())?).with_context(context(&options));
    tokio::select! {
        loaded = load(&catalog, &options) => loaded?,
        () = stop.cancelled() => return Ok(()),
    }
    let access = Access::new(address, &options.page_url, &options.allow_origin);
    let epiviz = epiviz(options.ui.as_deref())?;
    let session = Session::new(Provider { catalog, page_rows: options.page_rows });

    // Connections wait in the listener from here on, so the line is true.
    println!("listening on ws://{address}/ws");
    std::io::stdout().flush()?;
    if !options.quiet {
        let listing = session.provider.catalog.listing();
        eprint!("{}", greeting(&listing, address, &options, epiviz.is_some()));
    }
    if options.open {
        open(own_page(address));
    }
    let serving = server::run(listener, session.clone(), access, epiviz, stop.clone());
    if !prompts(&options) {
        return Ok(serving.await?);
    }
    let (served, ()) = tokio::join!(serving, console::prompt(session, stop));
    Ok(served?)
}

/// The places and limits that the options say.
fn context(options: &Options) -> Context {
    let usual = Context::default();
    let cache = options.cache_dir.clone().unwrap_or(usual.cache);
    Context { cache, progress: progress::at_terminal(), ..usual }
}

/// The copy of EpiViz of `--ui`, or the one installed.
fn epiviz(folder: Option<&Path>) -> Result<Option<Epiviz>> {
    if let Some(folder) = folder {
        return Ok(Some(Epiviz::open(folder)?));
    }
    let Some(folder) = install::folder().filter(|folder| folder.exists()) else { return Ok(None) };
    // What somebody installed once must not keep their data from being served.
    Ok(Epiviz::open(&folder).inspect_err(|error| tracing::warn!("{error}")).ok())
}

/// The assembly of `--assembly`: built in, or a file of lengths.
fn assembly(name: Option<&str>) -> Result<Option<(String, Sequences)>> {
    let Some(name) = name else { return Ok(None) };
    if let Some(sequences) = built_in(name) {
        return Ok(Some((name.to_owned(), sequences)));
    }
    let path = Path::new(name);
    if !path.exists() {
        let known: Vec<_> = built_in_names().collect();
        bail!(
            "'{name}' is neither a file of lengths nor built in; built in are {}",
            known.join(", ")
        );
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Some((stem, Sequences::from_sizes_file(path)?)))
}

/// Opens all sources. Those that fail are named, each on its own line.
async fn load(catalog: &Catalog, options: &Options) -> Result<()> {
    let demonstration = options.sources.is_empty() && !options.mock;
    let specs = if demonstration { demo::specs() } else { options.sources.clone() };
    let (_, errors) = catalog.load(specs).await;
    if demonstration || options.mock {
        catalog.add_mock(options.mock_seed);
    }
    if errors.is_empty() {
        return Ok(());
    }
    let lines: Vec<_> = errors.iter().map(ToString::to_string).collect();
    match options.keep_going {
        true => lines.iter().for_each(|line| tracing::error!("not served: {line}")),
        false => bail!("{}", lines.join("\nepivizrs: ")),
    }
    Ok(())
}

/// Whether somebody is there to type commands.
fn prompts(options: &Options) -> bool {
    !options.no_prompt && std::io::stdin().is_terminal()
}

/// What is served, the addresses to open, and what to type first. A copy of EpiViz of our own
/// shows its data by itself.
fn greeting(listing: &Listing, address: SocketAddr, options: &Options, own_epiviz: bool) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    for datasource in listing.datasources() {
        let ids: Vec<_> = datasource.measurements.iter().map(|m| m.id.as_str()).collect();
        let _ = writeln!(text, "  {}: {}", datasource.id, ids.join(", "));
    }
    let host = format!("localhost:{}", address.port());
    let view = listing.first_view().map(|region| WireRegion::from(&region));
    let own = own_page(address);
    let epiviz = match own_epiviz {
        true => format!("{own}epiviz/"),
        false => epiviz_link(&options.page_url, &host, view.as_ref()),
    };
    let _ = writeln!(text, "  open:     {own}\n  endpoint: ws://{host}/ws\n  EpiViz:   {epiviz}");
    if prompts(options) {
        let first = listing.measurements().next().map_or("NAME", |m| m.id.as_str());
        let place = listing.first_view().map_or("chr1:1-1m".into(), |view| view.to_string());
        let _ = writeln!(text, "  try:      plot {first}   go {place}   help");
    }
    text
}

/// The built-in page's address for a browser on this machine.
fn own_page(address: SocketAddr) -> String {
    match address.ip() {
        ip if ip.is_loopback() || ip.is_unspecified() => {
            format!("http://localhost:{}/", address.port())
        }
        _ => format!("http://{address}/"),
    }
}
