//! Commands for the served data.

use super::answer::Answer;
use super::command::{Arg, Arguments, Command};
use super::state::Console;
use crate::bytes::remote::RemoteCounts;
use crate::catalog::{Measurement, select};
use crate::error::{Error, Result};
use crate::genome::{Region, Sequence, bases, thousands};
use crate::provider::View;
use crate::source::{Hit, Shape, Spec};
use futures_util::FutureExt;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// Maximum number of hits that a search lists.
const MAX_HITS: usize = 20;

pub(super) const COMMANDS: &[Command] = &[
    Command {
        usage: "load SOURCE...",
        about: "serve more files: PATH[,key=value]..., as on the command line; folders and \
                patterns too",
        examples: &[
            "load peaks.bed",
            "load signal.bw,name=H3K4me3,color=#d62728",
            "load data/*.bw genes.gtf.gz",
        ],
        arguments: &[Arg::Source],
        run: |console, arguments| console.load(arguments).boxed(),
    },
    Command {
        usage: "unload DATASOURCE|all",
        about: "stop serving a datasource, a measurement, or all; their charts are removed",
        examples: &["unload peaks", "unload all"],
        arguments: &[Arg::All(&Arg::Datasource)],
        run: |console, arguments| console.unload(arguments).boxed(),
    },
    Command {
        usage: "reload DATASOURCE",
        about: "reopen the files of a datasource and redraw it",
        examples: &["reload peaks"],
        arguments: &[Arg::Datasource],
        run: |console, arguments| console.reload(arguments).boxed(),
    },
    Command {
        usage: "compute [NAME = EXPRESSION [with KEY=VALUE...]]",
        about: "serve a signal that is computed from others: with at=BASES, missing=gap, color=, \
                range=, group=; without arguments, list those that are",
        examples: &[
            "compute ratio = log2((chip + 1) / (input + 1)) with at=64",
            "compute H3K27ac = mean(H3K27ac_*)",
            "compute difference = case - `control-2` with missing=gap",
            "compute",
        ],
        arguments: &[Arg::Free, Arg::Free, Arg::Measurement],
        run: |console, arguments| console.compute(arguments).boxed(),
    },
    Command {
        usage: "drop MEASUREMENT",
        about: "stop serving a measurement that was computed or sent by a program; its charts are \
                removed",
        examples: &["drop ratio"],
        arguments: &[Arg::Measurement],
        run: |console, arguments| console.forget(arguments).boxed(),
    },
    Command {
        usage: "measurements [TEXT]",
        about: "list the measurements, or those with TEXT in their id or name",
        examples: &["measurements", "measurements H3K4"],
        arguments: &[Arg::Measurement],
        run: |console, arguments| console.measurements(arguments).boxed(),
    },
    Command {
        usage: "sources",
        about: "list the files that are served",
        examples: &["sources"],
        arguments: &[Arg::Free],
        run: |console, arguments| console.sources(arguments).boxed(),
    },
    Command {
        usage: "sequences",
        about: "list the sequences in the pages' menus",
        examples: &["sequences"],
        arguments: &[Arg::Free],
        run: |console, arguments| console.sequences(arguments).boxed(),
    },
    Command {
        usage: "add-sequence NAME LENGTH",
        about: "add a sequence to the pages' menus",
        examples: &["add-sequence plasmid 5,386"],
        arguments: &[Arg::Free],
        run: |console, arguments| console.add_sequence(arguments).boxed(),
    },
    Command {
        usage: "remove-sequence NAME",
        about: "remove a sequence from the pages' menus",
        examples: &["remove-sequence chrM"],
        arguments: &[Arg::Sequence],
        run: |console, arguments| console.remove_sequence(arguments).boxed(),
    },
    Command {
        usage: "keep-sequences NAME...",
        about: "keep only these sequences in the pages' menus",
        examples: &["keep-sequences chr1 chr2 chrX"],
        arguments: &[Arg::Sequence],
        run: |console, arguments| console.keep_sequences(arguments).boxed(),
    },
    Command {
        usage: "search TEXT",
        about: "find genes and features whose name contains TEXT",
        examples: &["search BRCA"],
        arguments: &[Arg::Place],
        run: |console, arguments| console.search(arguments).boxed(),
    },
];

/// Returns how much of a measurement's file has been read, in percent; null when it is complete.
fn read(measurement: &Measurement) -> Value {
    let percent = measurement.source.building().map(|building| format!("{}%", building.percent()));
    json!(percent)
}

/// Returns what was requested of a file on another machine; null for other files.
fn requests(measurement: &Measurement) -> Value {
    let counts = measurement.spec.as_ref().and_then(|spec| spec.input.remote_counts());
    json!(counts.map(|RemoteCounts { requests, failures, bytes, seconds, hits }| {
        let failed = if failures > 0 { format!(", {failures} failed") } else { String::new() };
        let each = 1000.0 * seconds / requests.max(1) as f64;
        let bytes = bytes as f64 / 1e6;
        format!("{requests}{failed}, {each:.0} ms each; {bytes:.1} MB; {hits} blocks were cached")
    }))
}

/// Returns a table; those of its `last` columns that are null in all rows are left out.
fn without_empty(columns: &[&str], last: usize, mut rows: Vec<Vec<Value>>, empty: &str) -> Answer {
    let mut columns = columns.to_vec();
    for at in (columns.len().saturating_sub(last)..columns.len()).rev() {
        if rows.iter().all(|row| row.get(at).is_none_or(Value::is_null)) {
            columns.remove(at);
            rows.iter_mut().for_each(|row| drop(row.remove(at)));
        }
    }
    Answer::table(&columns, rows, empty)
}

impl Console {
    async fn load(&self, arguments: Arguments) -> Result<Answer> {
        let text = arguments.needed_text()?;
        let named = if Path::new(text).exists() {
            // A path may contain spaces.
            vec![Spec::file(text)]
        } else {
            arguments.words().iter().map(|word| word.parse()).collect::<Result<_>>()?
        };
        let named = self.files.sources(named)?;
        let over_socket = self.over_socket;
        let selected = tokio::task::spawn_blocking(move || {
            if !over_socket {
                return Ok::<_, Error>(select(named));
            }
            let named = named.into_iter().map(Spec::for_stranger).collect::<Result<_>>()?;
            // A hub may name what its reader may not.
            let mut selection = select(named);
            let tracks = selection.specs.into_iter().map(Spec::for_stranger);
            selection.specs = tracks.collect::<Result<_>>()?;
            Ok(selection)
        });
        let selected = selected.await;
        let selection = selected.map_err(|stopped| Error::Bug(stopped.to_string()))??;
        self.files.check(&selection.specs)?;
        let catalog = &self.session.provider.catalog;
        let (added, failed) = catalog.load(selection.specs).await;
        catalog.collect_names(&added);
        if !added.is_empty() {
            self.announce("loaded", &added).await;
        }
        let ids: Vec<_> = added.iter().map(|m| m.id.as_str()).collect();
        let pending = if added.iter().any(|m| m.source.building().is_some()) {
            "; large files are still being read, and their rows appear when this is done"
        } else {
            ""
        };
        let served = format!("serving {}{pending}", ids.join(", "));
        let mut errors: Vec<Error> = selection.errors.into_iter().chain(failed).collect();
        if errors.len() == 1 && added.is_empty() {
            return Err(errors.remove(0));
        }
        if errors.is_empty() {
            return Ok(Answer::say(served).with(json!({"measurements": ids})));
        }
        let mut lines: Vec<_> = errors.iter().map(|error| self.words(error)).collect();
        if !added.is_empty() {
            lines.push(served);
        }
        Err(Error::Input(lines.join("\n")))
    }

    async fn unload(&self, arguments: Arguments) -> Result<Answer> {
        let id = arguments.one()?;
        let catalog = &self.session.provider.catalog;
        let (removed, what) = if id == "all" {
            let mut removed = Vec::new();
            while let Some(datasource) = catalog.listing().datasources().first() {
                removed.extend(catalog.unload(&datasource.id)?);
            }
            (removed, "all datasources")
        } else {
            (catalog.unload(id)?, id)
        };
        let mut charts = 0;
        for session in self.root.all() {
            charts += session.retract(&removed).await.len();
        }
        self.session.publish_data("unloaded", &removed);
        let also = match charts {
            0 => String::new(),
            1 => "; removed 1 chart".into(),
            many => format!("; removed {many} charts"),
        };
        Ok(Answer::say(format!("unloaded {what}{also}")))
    }

    async fn reload(&self, arguments: Arguments) -> Result<Answer> {
        let (old, new) = self.session.provider.catalog.reload(arguments.one()?).await?;
        for session in self.root.all() {
            session.replace_measurements(&old, &new).await;
        }
        self.session.publish_data("reloaded", &new);
        let ids: Vec<_> = new.iter().map(|m| m.id.as_str()).collect();
        Ok(Answer::say(format!("reloaded {}", ids.join(", "))).with(json!({"measurements": ids})))
    }

    /// Adds measurements to the menus of the pages of all sessions.
    async fn announce(&self, what: &str, measurements: &[Arc<Measurement>]) {
        for session in self.root.all() {
            session.announce(measurements).await;
        }
        self.session.publish_data(what, measurements);
    }

    async fn measurements(&self, arguments: Arguments) -> Result<Answer> {
        let text = arguments.text();
        let listing = self.session.provider.catalog.listing();
        let wanted = text.to_lowercase();
        let place = self.session.state().place.and_then(|place| place.region());
        let place = place.and_then(|place| listing.locate(&place));
        let fits = |m: &&Arc<Measurement>| {
            m.id.to_lowercase().contains(&wanted) || m.name.to_lowercase().contains(&wanted)
        };
        let rows = listing.measurements().filter(fits).map(|m| {
            let datasource = listing.datasource(&m.datasource);
            let rows = datasource.and_then(|d| {
                let finest = d.shape.levels().next()?;
                let whole = |s: Sequence<'_>| Region::new(s.name, 0, s.length);
                let count = |s| d.count(&listing, &whole(s), finest);
                (d.shape != Shape::Dense)
                    .then(|| listing.sequences().iter().map(count).sum::<u64>())
            });
            let level = place.as_ref().map(|place| {
                let target_rows = self.session.provider.page_rows;
                View::level_for(target_rows, &*listing, &m.group, place).to_string()
            });
            let range = m.range.get().map(|(low, high)| format!("{low} to {high}"));
            vec![
                json!(m.id),
                json!(m.name),
                json!(m.datasource),
                json!(m.chart.word()),
                json!(rows),
                json!(range),
                json!(level),
                read(m),
            ]
        });
        let columns = ["id", "name", "datasource", "chart", "rows", "range", "level", "read"];
        let empty = if text.is_empty() {
            "no data are served; 'load' serves a file".into()
        } else {
            format!("no measurement has '{text}' in its id or name")
        };
        Ok(without_empty(&columns, 1, rows.collect(), &empty))
    }

    async fn sources(&self, arguments: Arguments) -> Result<Answer> {
        arguments.none()?;
        let listing = self.session.provider.catalog.listing();
        let mut rows: Vec<Vec<Value>> = Vec::new();
        for datasource in listing.datasources() {
            let kind = match datasource.shape {
                Shape::Dense => "signal",
                Shape::Sparse => "points",
                Shape::Features => "features",
                Shape::Genes => "genes",
                Shape::Reads => "reads",
                Shape::Bases => "letters",
            };
            let catalog = &self.session.provider.catalog;
            let mut files: Vec<(String, u64, Option<String>, [Value; 2])> = Vec::new();
            for m in &datasource.measurements {
                let file = match &m.spec {
                    Some(spec) if spec.options.computed.is_some() => "(computed)".to_owned(),
                    Some(spec) if self.visitor.is_owner => spec.input.path().display().to_string(),
                    Some(spec) => spec.input.name(),
                    None => "(generated)".to_owned(),
                };
                match files.iter_mut().find(|(known, ..)| *known == file) {
                    Some((_, count, trouble, _)) => {
                        *count += 1;
                        *trouble = trouble.take().or_else(|| catalog.trouble(m));
                    }
                    None => files.push((file, 1, catalog.trouble(m), [requests(m), read(m)])),
                }
            }
            rows.extend(files.into_iter().map(|(file, count, trouble, [requests, read])| {
                let state = trouble.unwrap_or_else(|| "ok".to_owned());
                vec![
                    json!(datasource.id),
                    json!(kind),
                    json!(count),
                    json!(file),
                    json!(state),
                    requests,
                    read,
                ]
            }));
        }
        let columns = ["datasource", "kind", "measurements", "file", "state", "requests", "read"];
        Ok(without_empty(&columns, 2, rows, "no data are served; 'load' serves a file"))
    }

    async fn sequences(&self, arguments: Arguments) -> Result<Answer> {
        arguments.none()?;
        let state = self.session.state();
        let listing = self.session.provider.catalog.listing();
        let served = listing.sequences().iter();
        let shown = served.filter(|s| !state.hidden.iter().any(|hidden| *hidden == *s.name));
        let rows = shown.map(|s| vec![json!(s.name), json!(s.length), json!(null)]);
        let added = state
            .sequences
            .iter()
            .map(|(name, length)| vec![json!(name), json!(length), json!("added")]);
        let rows = rows.chain(added).collect();
        Ok(Answer::table(&["sequence", "length", ""], rows, "there are no sequences"))
    }

    async fn add_sequence(&self, arguments: Arguments) -> Result<Answer> {
        let words = arguments.words();
        let [name, length] = words[..] else { return Err(arguments.misuse()) };
        let length =
            bases(length).filter(|length| *length > 0).ok_or_else(|| arguments.misuse())?;
        self.session.add_sequence(name, length).await?;
        Ok(Answer::say(format!("added {name} with {} bases", thousands(length.into()))))
    }

    async fn remove_sequence(&self, arguments: Arguments) -> Result<Answer> {
        let name = arguments.one()?;
        self.session.remove_sequence(name).await?;
        Ok(Answer::say(format!("removed {name} from the menus")))
    }

    async fn keep_sequences(&self, arguments: Arguments) -> Result<Answer> {
        arguments.needed_text()?;
        let removed = self.session.keep_sequences(&arguments.words()).await?;
        Ok(Answer::say(match removed {
            1 => "removed 1 sequence from the menus".to_owned(),
            many => format!("removed {many} sequences from the menus"),
        }))
    }

    async fn search(&self, arguments: Arguments) -> Result<Answer> {
        let text = arguments.needed_text()?;
        let hits = self.session.provider.catalog.search(text, MAX_HITS).await?;
        if hits.is_empty() {
            return Err(Error::NotFound(format!("no gene or feature has '{text}' in its name")));
        }
        let row = |hit: &Hit| vec![json!(hit.name.to_string()), json!(hit.region.to_string())];
        Ok(Answer::table(&["name", "region"], hits.iter().map(row).collect(), ""))
    }
}
