//! Commands about what is served.

use super::Console;
use super::answer::Answer;
use super::command::{Arg, Command, Info};
use crate::catalog::Measurement;
use crate::error::{Error, Result};
use crate::genome::{Region, bases};
use crate::provider::View;
use crate::source::{Shape, Spec};
use serde_json::{Value, json};
use std::sync::Arc;

/// Hits that a search shows.
const HITS: usize = 20;

pub(super) const COMMANDS: &[Info] = &[
    Info {
        usage: "load SOURCE",
        about: "serve another file: PATH[,key=value]..., as on the command line",
        takes: &[Arg::File],
        read: |words, rest| match words {
            [] => Ok(None),
            _ => Ok(Some(Command::Load(Box::new(rest.parse()?)))),
        },
    },
    Info {
        usage: "unload DATASOURCE",
        about: "serve a datasource or a measurement no longer; its charts go too",
        takes: &[Arg::Datasource],
        read: |words, _| Ok(one(words).map(Command::Unload)),
    },
    Info {
        usage: "reload DATASOURCE",
        about: "open the files of a datasource again and draw it anew",
        takes: &[Arg::Datasource],
        read: |words, _| Ok(one(words).map(Command::Reload)),
    },
    Info {
        usage: "measurements [TEXT]",
        about: "list what is served, or what of it has TEXT in its id or name",
        takes: &[Arg::Measurement],
        read: |words, rest| {
            Ok(Some(Command::Measurements((!words.is_empty()).then(|| rest.into()))))
        },
    },
    Info {
        usage: "sources",
        about: "list the files that are served",
        takes: &[Arg::Free],
        read: |words, _| Ok(words.is_empty().then_some(Command::Sources)),
    },
    Info {
        usage: "sequences",
        about: "list the sequences that pages can look at",
        takes: &[Arg::Free],
        read: |words, _| Ok(words.is_empty().then_some(Command::Sequences)),
    },
    Info {
        usage: "add-sequence NAME LENGTH",
        about: "add a sequence to the pages' menus",
        takes: &[Arg::Free],
        read: |words, _| {
            Ok(match words {
                [name, length] => {
                    let length = bases(length).filter(|length| *length > 0);
                    length.map(|length| Command::AddSequence((*name).into(), length))
                }
                _ => None,
            })
        },
    },
    Info {
        usage: "remove-sequence NAME",
        about: "take a sequence off the pages' menus",
        takes: &[Arg::Sequence],
        read: |words, _| Ok(one(words).map(Command::RemoveSequence)),
    },
    Info {
        usage: "search TEXT",
        about: "find genes and features whose name contains TEXT",
        takes: &[Arg::Place],
        read: |words, rest| Ok((!words.is_empty()).then(|| Command::Search(rest.into()))),
    },
];

/// How much of a measurement's file is read; nothing if all is.
fn read(measurement: &Measurement) -> Value {
    let percent = measurement.source.building().map(|building| format!("{}%", building.percent()));
    json!(percent)
}

/// A table whose last column is [`read`]; it is left out where everything is read.
fn with_read(columns: &[&str], mut rows: Vec<Vec<Value>>, empty: &str) -> Answer {
    let mut columns = columns.to_vec();
    if rows.iter().all(|row| row.last().is_none_or(Value::is_null)) {
        columns.pop();
        rows.iter_mut().for_each(|row| drop(row.pop()));
    }
    Answer::table(&columns, rows, empty)
}

/// The only word, if there is one.
pub(super) fn one(words: &[&str]) -> Option<String> {
    match words {
        [word] => Some((*word).to_owned()),
        _ => None,
    }
}

impl Console {
    pub(super) async fn load(&self, spec: Spec) -> Result<Answer> {
        let (added, errors) = self.session.provider.catalog.load(vec![spec]).await;
        if let Some(error) = errors.into_iter().next() {
            return Err(error);
        }
        self.announce("loaded", &added).await;
        let ids: Vec<_> = added.iter().map(|m| m.id.as_str()).collect();
        let begun = if added.iter().any(|m| m.source.building().is_some()) {
            "; it is still being read, and shows when that is done"
        } else {
            ""
        };
        let text = format!("serving {}{begun}", ids.join(", "));
        Ok(Answer::say(text).with(json!({"measurements": ids})))
    }

    pub(super) async fn unload(&self, id: &str) -> Result<Answer> {
        let removed = self.session.provider.catalog.unload(id)?;
        let mut charts = 0;
        for session in self.root.all() {
            charts += session.retract(&removed).await.len();
        }
        self.session.tell_data("unloaded", &removed);
        let also = match charts {
            0 => String::new(),
            1 => ", nor drawing 1 chart".into(),
            many => format!(", nor drawing {many} charts"),
        };
        Ok(Answer::say(format!("serving {id} no longer{also}")))
    }

    pub(super) async fn reload(&self, id: &str) -> Result<Answer> {
        let (old, new) = self.session.provider.catalog.reload(id).await?;
        for session in self.root.all() {
            session.exchange(&old, &new).await;
        }
        self.session.tell_data("reloaded", &new);
        let ids: Vec<_> = new.iter().map(|m| m.id.as_str()).collect();
        Ok(Answer::say(format!("opened again: {}", ids.join(", ")))
            .with(json!({"measurements": ids})))
    }

    /// Puts measurements on the menus of the pages of all sessions.
    async fn announce(&self, what: &str, measurements: &[Arc<Measurement>]) {
        for session in self.root.all() {
            session.announce(measurements).await;
        }
        self.session.tell_data(what, measurements);
    }

    pub(super) fn measurements(&self, text: Option<&str>) -> Answer {
        let listing = self.session.provider.catalog.listing();
        let wanted = text.unwrap_or_default().to_lowercase();
        let place = self.session.state().place.and_then(|place| place.region());
        let place = place.and_then(|place| listing.locate(&place));
        let fits = |m: &&Arc<Measurement>| {
            m.id.to_lowercase().contains(&wanted) || m.name.to_lowercase().contains(&wanted)
        };
        let rows = listing.measurements().filter(fits).map(|m| {
            let datasource = listing.datasource(&m.datasource);
            let rows = datasource.and_then(|d| {
                let finest = d.shape.levels().next()?;
                let whole = |s: &crate::genome::Sequence| Region::new(s.name.clone(), 0, s.length);
                let count = |s| d.count(&listing, &whole(s), finest);
                (d.shape != Shape::Dense)
                    .then(|| listing.sequences().iter().map(count).sum::<u64>())
            });
            let level = place.as_ref().map(|place| {
                let aim = self.session.provider.page_rows;
                View::level_for(aim, &*listing, &m.group, place).to_string()
            });
            let range = m.range.map(|(low, high)| format!("{low} to {high}"));
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
        let empty = match text {
            Some(text) => format!("no measurement has '{text}' in its id or name"),
            None => "nothing is served; 'load' serves a file".into(),
        };
        with_read(&columns, rows.collect(), &empty)
    }

    pub(super) fn sources(&self) -> Answer {
        let listing = self.session.provider.catalog.listing();
        let mut rows: Vec<Vec<Value>> = Vec::new();
        for datasource in listing.datasources() {
            let kind = match datasource.shape {
                Shape::Dense => "signal",
                Shape::Sparse => "points",
                Shape::Features => "features",
                Shape::Genes => "genes",
                Shape::Reads => "reads",
            };
            let mut files: Vec<(String, u64, Value)> = Vec::new();
            for m in &datasource.measurements {
                let file = match &m.spec {
                    Some(spec) => spec.input.path().display().to_string(),
                    None => "(made up)".to_owned(),
                };
                match files.iter_mut().find(|(known, ..)| *known == file) {
                    Some((_, count, _)) => *count += 1,
                    None => files.push((file, 1, read(m))),
                }
            }
            rows.extend(files.into_iter().map(|(file, count, read)| {
                vec![json!(datasource.id), json!(kind), json!(count), json!(file), read]
            }));
        }
        let columns = ["datasource", "kind", "measurements", "file", "read"];
        with_read(&columns, rows, "nothing is served; 'load' serves a file")
    }

    pub(super) fn sequences(&self) -> Answer {
        let state = self.session.state();
        let listing = self.session.provider.catalog.listing();
        let served = listing.sequences().iter();
        let shown = served.filter(|s| !state.hidden.iter().any(|hidden| *hidden == *s.name));
        let rows = shown.map(|s| vec![json!(&*s.name), json!(s.length), json!(null)]);
        let added = state
            .sequences
            .iter()
            .map(|(name, length)| vec![json!(name), json!(length), json!("added")]);
        let rows = rows.chain(added).collect();
        Answer::table(&["sequence", "length", ""], rows, "there are no sequences")
    }

    pub(super) async fn add_sequence(&self, name: &str, length: u32) -> Result<Answer> {
        self.session.add_sequence(name, length).await?;
        Ok(Answer::say(format!("added {name} with {length} bases")))
    }

    pub(super) async fn remove_sequence(&self, name: &str) -> Result<Answer> {
        self.session.remove_sequence(name).await?;
        Ok(Answer::say(format!("removed {name} from the menus")))
    }

    pub(super) async fn search(&self, text: &str) -> Result<Answer> {
        let hits = self.session.provider.catalog.search(text, HITS).await?;
        if hits.is_empty() {
            return Err(Error::NotFound(format!("no gene or feature has '{text}' in its name")));
        }
        let row = |hit: &crate::source::Hit| {
            vec![json!(hit.name.to_string()), json!(hit.region.to_string())]
        };
        Ok(Answer::table(&["name", "region"], hits.iter().map(row).collect(), ""))
    }
}
