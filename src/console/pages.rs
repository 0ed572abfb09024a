//! Commands about pages.

use super::Console;
use super::answer::Answer;
use super::command::{Arg, Command, Info};
use super::data::one;
use crate::error::{Error, Result};
use crate::protocol::{ClearDatasourceGroupCache, FlushCache, Redraw, WriteMsg};
use crate::session::Stage;
use serde_json::json;
use std::time::{Duration, SystemTime};

pub(super) const COMMANDS: &[Info] = &[
    Info {
        usage: "pages",
        about: "list the connected pages: their EpiViz version, where they look, how fast they answer",
        takes: &[Arg::Free],
        read: |words, _| Ok(words.is_empty().then_some(Command::Pages)),
    },
    Info {
        usage: "use PAGE|all",
        about: "let place and page commands concern one page only; charts are those of all",
        takes: &[Arg::Page],
        read: |words, _| {
            Ok(match words {
                ["all"] => Some(Command::Use(None)),
                [page] => page.parse().ok().map(|page| Command::Use(Some(page))),
                _ => None,
            })
        },
    },
    Info {
        usage: "redraw",
        about: "have pages draw their charts again, from what they hold",
        takes: &[Arg::Free],
        read: |words, _| Ok(words.is_empty().then_some(Command::Redraw)),
    },
    Info {
        usage: "flush",
        about: "have pages forget all rows and ask for them anew",
        takes: &[Arg::Free],
        read: |words, _| Ok(words.is_empty().then_some(Command::Flush)),
    },
    Info {
        usage: "clear DATASOURCE",
        about: "have pages forget the rows of a datasource and ask for them anew",
        takes: &[Arg::Datasource],
        read: |words, _| Ok(one(words).map(Command::Clear)),
    },
    Info {
        usage: "say TEXT",
        about: "show a message on the pages, where they can (version 2)",
        takes: &[Arg::Free],
        read: |words, rest| Ok((!words.is_empty()).then(|| Command::Say(rest.into()))),
    },
];

impl Console {
    pub(super) fn pages(&self) -> Answer {
        let rows = self.session.pages().into_iter().map(|page| {
            let (info, stage) = (page.info(), page.stage());
            let charts = self.session.charts();
            let drawn = charts.iter().filter(|chart| page.chart_id(chart.number).is_some());
            let known = page.known();
            let place = match (&known.place, stage) {
                (_, Stage::Starting) => "starting".to_owned(),
                (Some(place), _) => place.to_string(),
                (None, _) => "nowhere yet".to_owned(),
            };
            let delay = known.delay.map(|delay| (delay.as_secs_f64() * 1e4).round() / 10.0);
            let (version, used) = (known.version.clone(), self.used == Some(info.id));
            drop(known);
            vec![
                json!(info.id),
                json!(version),
                json!(place),
                json!(drawn.count()),
                json!(since(info.since)),
                json!(delay),
                json!(info.address),
                json!(used.then_some("in use")),
            ]
        });
        let columns = ["page", "EpiViz", "region", "charts", "since", "ms", "address", ""];
        Answer::table(&columns, rows.collect(), "no page is connected; open the EpiViz address")
    }

    pub(super) fn use_page(&mut self, page: Option<u64>) -> Result<Answer> {
        if let Some(id) = page
            && !self.session.pages().iter().any(|page| page.id() == id)
        {
            let message = format!("page {id} is not connected; 'pages' lists those that are");
            return Err(Error::NotFound(message));
        }
        self.used = page;
        Ok(Answer::say(match page {
            Some(id) => format!("place and page commands now concern page {id} only"),
            None => "all pages".to_owned(),
        }))
    }

    pub(super) async fn redraw(&self) -> Result<Answer> {
        self.session.ask(self.used, || Redraw {}).await.map(|done| drawn(done.len()))
    }

    pub(super) async fn flush(&self) -> Result<Answer> {
        self.session.ask(self.used, || FlushCache {}).await?;
        self.redraw().await
    }

    pub(super) async fn clear(&self, id: &str) -> Result<Answer> {
        let listing = self.session.provider.catalog.listing();
        let group = listing.datasource(id).map(|datasource| datasource.group.clone());
        let group = group.ok_or_else(|| {
            Error::NotFound(format!("no datasource is called '{id}'; 'sources' lists them"))
        })?;
        let action = || ClearDatasourceGroupCache { group: group.clone() };
        self.session.ask(self.used, action).await?;
        self.redraw().await
    }

    /// Pages of versions 4 and 5 have no place for messages and throw, so they are not asked.
    pub(super) async fn say(&self, text: &str) -> Result<Answer> {
        let mut shown = 0;
        for page in self.session.ready_pages() {
            let shows = page.known().version.as_deref().is_some_and(|v| v.starts_with('2'));
            if shows && self.used.is_none_or(|used| used == page.id()) {
                self.session.ask(Some(page.id()), || WriteMsg { msg: text.to_owned() }).await?;
                shown += 1;
            }
        }
        match shown {
            0 => {
                Err(Error::NotFound("no page is connected that shows messages (version 2)".into()))
            }
            1 => Ok(Answer::say("said on 1 page")),
            many => Ok(Answer::say(format!("said on {many} pages"))),
        }
    }
}

fn drawn(pages: usize) -> Answer {
    Answer::say(match pages {
        1 => "1 page draws again".to_owned(),
        many => format!("{many} pages draw again"),
    })
}

/// How long ago, in the largest unit that fits.
fn since(then: SystemTime) -> String {
    let seconds = then.elapsed().unwrap_or(Duration::ZERO).as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}
