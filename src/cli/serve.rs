//! `epivizrs serve`: open the files, listen, greet, prompt, end.

use super::assembly::assembly;
use super::browser::open;
use super::commands::{command, prompts};
use super::demo;
use super::install;
use super::options::Options;
use super::progress::Bars;
use super::signals;
use super::state::store;
use crate::catalog::Catalog;
use crate::genome::Aliases;
use crate::protocol::WireRegion;
use crate::provider::Provider;
use crate::server::{self, Access, BasePath, Epiviz, epiviz_link};
use crate::session::{Session, SessionConfig};
use crate::source::{Context, Spec};
use anyhow::{Result, anyhow, bail};
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long files may take to open before the endpoint starts without them; an error found by then
/// ends the program.
const PATIENCE: Duration = Duration::from_millis(500);

/// Serves until Ctrl-C, SIGTERM or `quit`.
///
/// # Errors
/// A file that cannot be served (unless `--keep-going`), or a port that is taken.
pub(super) async fn serve(options: Options) -> Result<()> {
    let stop = CancellationToken::new();
    let at_prompt = prompts(&options);
    signals::watch(stop.clone(), at_prompt)?;

    let listener = server::bind(&options.host, options.port).await?;
    let address = listener.local_addr()?;
    let bars = Bars::at_terminal();
    let catalog =
        Catalog::new(assembly(options.assembly.as_deref())?).with_context(context(&options, &bars));
    let catalog = match &options.aliases {
        Some(path) => catalog.with_aliases(Aliases::from_file(path)?),
        None => catalog,
    };
    tokio::select! {
        loaded = load(&catalog, &options) => loaded?,
        () = stop.cancelled() => return Ok(()),
    }
    let access = Access::new(address, &options.page_url, &options.allow_origin);
    let epiviz = epiviz(options.ui.as_deref())?;
    let provider = Provider { catalog, page_rows: options.page_rows };
    let timeout = Duration::try_from_secs_f64(options.page_timeout).map_err(|_| {
        anyhow!("--page-timeout {}: expected seconds, 0 or more", options.page_timeout)
    })?;
    let store = store(options.state.as_deref())?;
    let session =
        Session::restored(provider, SessionConfig::new(store, served(&options), timeout))?;

    // Connections wait in the listener from here on, so the line holds.
    println!("listening on ws://{address}{}/ws", options.base_path);
    std::io::stdout().flush()?;
    if at_prompt {
        bars.end();
    }
    if !options.quiet {
        let greeting = greeting(&session.provider.catalog, address, &options, epiviz.is_some());
        eprint!("{}", greeting.await);
    }
    if options.open {
        open(own_page(address, &options.base_path));
    }
    let serving = async {
        let router = server::router(session.clone(), access, epiviz, stop.clone());
        server::serve(listener, options.base_path.mount(router), stop.clone()).await;
    };
    let ((), commanded) = tokio::join!(serving, command(session.clone(), &options, stop.clone()));
    // The users' last changes may not have been saved yet.
    for session in session.all() {
        session.save().await;
    }
    commanded
}

/// A key for what is served: sessions are kept apart by it in the store.
fn served(options: &Options) -> String {
    let path = |spec: &Spec| {
        let path = spec.input.path();
        path.canonicalize().unwrap_or_else(|_| path.to_owned()).display().to_string()
    };
    let paths: Vec<_> = options.sources.iter().map(path).collect();
    format!("{}|{}", options.assembly.as_deref().unwrap_or_default(), paths.join("|"))
}

/// The folders and limits that the options set.
fn context(options: &Options, bars: &Bars) -> Context {
    let usual = Context::default();
    let cache = options.cache_dir.clone().unwrap_or(usual.cache);
    Context { cache, timeout: Some(PATIENCE), progress: bars.progress(), ..usual }
}

/// The copy of EpiViz of `--ui`, or the one installed.
fn epiviz(folder: Option<&Path>) -> Result<Option<Epiviz>> {
    if let Some(folder) = folder {
        return Ok(Some(Epiviz::open(folder)?));
    }
    let Some(folder) = install::folder().filter(|folder| folder.exists()) else { return Ok(None) };
    // A broken copy must not prevent data from being served.
    Ok(Epiviz::open(&folder).inspect_err(|error| tracing::warn!("{error}")).ok())
}

/// Opens all sources. Each error is reported on a line of its own.
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
    if !options.keep_going {
        bail!("{}", lines.join("\nepivizrs: "));
    }
    lines.iter().for_each(|line| tracing::error!("not served: {line}"));
    Ok(())
}

/// What is served, the addresses to open, and what to type first. `own_epiviz` tells that a copy
/// of EpiViz is served too.
async fn greeting(
    catalog: &Catalog,
    address: SocketAddr,
    options: &Options,
    own_epiviz: bool,
) -> String {
    let (listing, view) = (catalog.listing(), catalog.first_view().await);
    let mut text = String::new();
    // Writing to a string cannot fail.
    for datasource in listing.datasources() {
        let ids = datasource.measurements.iter().map(|m| match m.source.building() {
            Some(building) => format!("{} ({}% read)", m.id, building.percent()),
            None => m.id.clone(),
        });
        let ids: Vec<_> = ids.collect();
        let _ = writeln!(text, "  {}: {}", datasource.id, ids.join(", "));
    }
    let host = format!("localhost:{}{}", address.port(), options.base_path);
    let wire = view.as_ref().map(WireRegion::from);
    let own = own_page(address, &options.base_path);
    let epiviz = if own_epiviz {
        format!("{own}epiviz/")
    } else {
        epiviz_link(&options.page_url, &host, wire.as_ref())
    };
    let _ = writeln!(text, "  open:     {own}\n  endpoint: ws://{host}/ws\n  EpiViz:   {epiviz}");
    if prompts(options) {
        let first = listing.measurements().next().map_or("NAME", |m| m.id.as_str());
        let place = view.map_or("chr1:1-1m".into(), |view| view.to_string());
        let _ = writeln!(text, "  try:      plot {first}   go {place}   help");
    }
    text
}

/// The built-in page's address for a browser on this machine.
fn own_page(address: SocketAddr, base: &BasePath) -> String {
    match address.ip() {
        ip if ip.is_loopback() || ip.is_unspecified() => {
            format!("http://localhost:{}{base}/", address.port())
        }
        _ => format!("http://{address}{base}/"),
    }
}
