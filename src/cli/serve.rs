//! `epivizrs serve`: opens the files, listens, prints a summary, prompts, and shuts down.

use super::access::{audit, check_reach, entry, tls};
use super::assembly::assembly;
use super::browser::open;
use super::commands::{command, prompts};
use super::demo;
use super::greeting::{argument, greeting, own_page};
use super::install;
use super::options::ServeOptions;
use super::progress::Bars;
use super::signals;
use super::state::store;
use super::stdin::{is_standard_input, read_standard_input};
use crate::bytes::{memory, remote, set_most_open_files};
use crate::catalog::{Catalog, Selection, select};
use crate::error::Error;
use crate::genome::Aliases;
use crate::provider::Provider;
use crate::server::{self, Access, Epiviz, LocalSocket};
use crate::session::{Session, SessionConfig};
use crate::source::{Context, Spec};
use crate::store::Store;
use anyhow::{Result, anyhow, bail};
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long files may take to open before the endpoint starts without them; an error within this
/// time ends the program.
const OPEN_TIMEOUT: Duration = Duration::from_millis(500);

/// Serves until Ctrl-C, SIGTERM or `quit`.
///
/// # Errors
/// A file that cannot be served (unless `--keep-going`), or a port that is taken.
pub(super) async fn serve(mut options: ServeOptions) -> Result<()> {
    let stop = CancellationToken::new();
    let at_prompt = prompts(&options);
    signals::watch(stop.clone(), at_prompt)?;

    let bars = Bars::at_terminal();
    memory::set_budget((options.memory as usize) << 20);
    if let Some(most) = options.limits.max_open_files {
        set_most_open_files(most as usize);
    }
    let context = context(&options, &bars)?;
    options.remote.apply(&context.cache, &options.allow_url)?;
    remote::limit_disk(context.cache_bytes / 4);
    let selection = selection(&options)?;
    let listener = server::bind(&options.host, options.port).await?;
    let address = listener.local_addr()?;
    check_reach(&options, address)?;
    let entry = entry(&mut options, address, &selection)?;
    let audit = audit(&options)?;
    let tls = tls(&options)?;
    let socket = match &options.access.socket {
        Some(path) => Some(LocalSocket::bind(path).await?),
        None => None,
    };
    let assembly_name = options.assembly.as_deref().or(selection.assembly.as_deref());
    let store = store(options.state.as_deref())?;
    let kept = store.as_ref().and_then(Store::folder).map(|folder| folder.join("sources"));
    let catalog = Catalog::new(assembly(assembly_name)?).with_context(context).with_kept(kept);
    let catalog = catalog.with_limits(options.limits.of_requests());
    let catalog = match &options.aliases {
        Some(path) => catalog.with_aliases(Aliases::from_file(path)?),
        None => catalog,
    };
    tokio::select! {
        loaded = load(&catalog, &options, selection, store.as_ref()) => loaded?,
        () = stop.cancelled() => return Ok(()),
    }
    let access = Access::new(address, &options.page_url, &options.allow_origin)
        .with_tls(tls.is_some())
        .with_keys(entry.keys)
        .with_allowed_files(entry.open);
    let epiviz = epiviz(options.ui.as_deref())?;
    let provider = Provider { catalog, page_rows: options.page_rows };
    let timeout = Duration::try_from_secs_f64(options.page_timeout).map_err(|_| {
        anyhow!("--page-timeout {}: expected seconds, 0 or more", options.page_timeout)
    })?;
    let config = SessionConfig::new(store, served(&options), timeout);
    let session = Session::restored(
        provider,
        config
            .with_page_address(own_page(address, &options))
            .with_audit(audit)
            .with_limits(options.limits.of_pages(), options.limits.replies()),
    )?;

    // The listener already queues connections, so clients can connect from now on.
    let scheme = if tls.is_some() { "wss" } else { "ws" };
    println!("listening on {scheme}://{address}{}/ws", options.base_path);
    std::io::stdout().flush()?;
    if at_prompt {
        bars.end();
    }
    if !options.quiet {
        let token = entry.token.as_deref().filter(|_| std::io::stderr().is_terminal());
        let greeting =
            greeting(&session.provider.catalog, address, &options, epiviz.is_some(), token);
        eprint!("{}", greeting.await);
    }
    match (&entry.token, &entry.kept) {
        (Some(_), Some(path)) => {
            tracing::info!("addresses need the token in {}: ADDRESS?token=...", path.display());
        }
        (Some(_), None) => tracing::info!("addresses need the token: ADDRESS?token=..."),
        (None, _) => {}
    }
    if options.open {
        open(own_page(address, &options) + &argument(entry.token.as_deref()));
    }
    let serving = async {
        let router = server::router(session.clone(), access, epiviz, stop.clone());
        let router = options.base_path.mount(router);
        let (limits, metrics) = (options.limits.limits(), session.metrics.clone());
        let near = async {
            if let Some(socket) = socket {
                socket.serve(router.clone(), limits, stop.clone()).await;
            }
        };
        let far = server::serve_tls(listener, tls, router.clone(), limits, metrics, stop.clone());
        tokio::join!(near, far);
    };
    let ((), commanded) = tokio::join!(serving, command(session.clone(), &options, stop.clone()));
    // The users' last changes may not have been saved yet.
    for session in session.all() {
        session.save().await;
    }
    commanded
}

/// Returns a key for the served files, under which the store saves their sessions.
fn served(options: &ServeOptions) -> String {
    let path = |spec: &Spec| {
        let path = spec.input.path();
        path.canonicalize().unwrap_or_else(|_| path.to_owned()).display().to_string()
    };
    let paths: Vec<_> = options.sources.iter().map(path).collect();
    format!("{}|{}", options.assembly.as_deref().unwrap_or_default(), paths.join("|"))
}

/// Returns the folders and limits that the options set.
fn context(options: &ServeOptions, bars: &Bars) -> Result<Context> {
    let defaults = Context::default();
    let cache = options.cache_dir.clone().unwrap_or(defaults.cache);
    let watch = Duration::try_from_secs_f64(options.watch)
        .map_err(|_| anyhow!("--watch {}: expected seconds, 0 or more", options.watch))?;
    let watch = Some(watch).filter(|period| !period.is_zero());
    let cache_bytes = options.limits.cache_bytes();
    let timeout = Some(OPEN_TIMEOUT);
    let (prepared, progress) = (options.prepared.clone(), bars.progress());
    Ok(Context { cache, cache_bytes, prepared, timeout, progress, watch, ..defaults })
}

/// Opens the copy of EpiViz of `--ui`, or the installed one.
fn epiviz(folder: Option<&Path>) -> Result<Option<Epiviz>> {
    if let Some(folder) = folder {
        return Ok(Some(Epiviz::open(folder)?));
    }
    let Some(folder) = install::folder().filter(|folder| folder.exists()) else { return Ok(None) };
    // A broken copy must not prevent data from being served.
    Ok(Epiviz::open(&folder).inspect_err(|error| tracing::warn!("{error}")).ok())
}

/// Returns the given sources, or the demonstration data if there are none.
fn selection(options: &ServeOptions) -> Result<Selection> {
    if shows_demo(options) {
        return Ok(Selection { specs: demo::specs(), ..Selection::default() });
    }
    let mut specs = options.sources.clone();
    let script_of_stdin = options.script.script.as_deref() == Some(Path::new("-"));
    if script_of_stdin && specs.iter().any(is_standard_input) {
        bail!("standard input ('-') can be either a source or the script");
    }
    read_standard_input(&mut specs)?;
    Ok(select(specs))
}

/// Returns whether no source is given.
fn shows_demo(options: &ServeOptions) -> bool {
    options.sources.is_empty() && options.refused.is_empty() && !options.mock
}

/// Opens all sources. Each error is reported on a separate line.
async fn load(
    catalog: &Catalog,
    options: &ServeOptions,
    selection: Selection,
    store: Option<&Store>,
) -> Result<()> {
    let (added, errors) = catalog.load(selection.specs).await;
    catalog.collect_names(&added);
    if shows_demo(options) || options.mock {
        catalog.add_mock(options.mock_seed);
    }
    catalog.load_kept().await;
    let mut errors = errors;
    for wanted in options.computed.clone() {
        let name = wanted.name().to_owned();
        if let Err(error) = catalog.compute(wanted).await {
            errors.push(Error::Input(format!("computed '{name}': {error}")));
        }
    }
    let errors = selection.errors.iter().chain(&errors).map(ToString::to_string);
    let lines: Vec<_> = options.refused.iter().cloned().chain(errors).collect();
    if !lines.is_empty() && !options.keep_going {
        bail!("{}", lines.join("\nepivizrs: "));
    }
    lines.iter().for_each(|line| tracing::error!("not served: {line}"));
    let mut saved = store.map_or(Ok(Vec::new()), |store| store.computed(&served(options)))?;
    // What the configuration defines is newer.
    saved.retain(|(name, _)| !options.computed.iter().any(|wanted| wanted.name() == name));
    catalog.compute_again(saved).await;
    Ok(())
}
