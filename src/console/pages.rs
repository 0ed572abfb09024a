//! Commands for pages.

use super::answer::Answer;
use super::command::{Arg, Arguments, Command};
use super::state::Console;
use crate::error::{Error, Result};
use crate::protocol::{ClearDatasourceGroupCache, FlushCache, Redraw, WriteMsg};
use crate::session::{Stage, Visitor};
use futures_util::FutureExt;
use serde_json::json;
use std::time::{Duration, SystemTime};

pub(super) const COMMANDS: &[Command] = &[
    Command {
        usage: "pages",
        about: "list the connected pages: EpiViz version, region, charts, how fast they answer",
        examples: &["pages"],
        arguments: &[Arg::Free],
        run: |console, arguments| console.pages(arguments).boxed(),
    },
    Command {
        usage: "use PAGE|all",
        about: "apply navigation and page commands to one page only; charts stay on all pages",
        examples: &["use 3", "use all"],
        arguments: &[Arg::All(&Arg::Page)],
        run: |console, arguments| console.use_page(arguments).boxed(),
    },
    Command {
        usage: "follow [PAGE|off]",
        about: "make the other pages follow one page; without PAGE, show which page they follow",
        examples: &["follow 3", "follow off"],
        arguments: &[Arg::Page],
        run: |console, arguments| console.follow(arguments).boxed(),
    },
    Command {
        usage: "redraw",
        about: "redraw the charts of pages from their cached rows",
        examples: &["redraw"],
        arguments: &[Arg::Free],
        run: |console, arguments| console.redraw(arguments).boxed(),
    },
    Command {
        usage: "flush",
        about: "make pages drop all rows and request them again",
        examples: &["flush"],
        arguments: &[Arg::Free],
        run: |console, arguments| console.flush(arguments).boxed(),
    },
    Command {
        usage: "clear DATASOURCE",
        about: "make pages drop the rows of a datasource and request them again",
        examples: &["clear peaks"],
        arguments: &[Arg::Datasource],
        run: |console, arguments| console.clear(arguments).boxed(),
    },
    Command {
        usage: "whoami",
        about: "show your name and role at this endpoint",
        examples: &["whoami"],
        arguments: &[Arg::Free],
        run: |console, arguments| console.whoami(arguments).boxed(),
    },
    Command {
        usage: "kick PAGE [MINUTES]",
        about: "disconnect a page, and refuse pages of its browser for some minutes (default: 10)",
        examples: &["kick 3", "kick 3 0"],
        arguments: &[Arg::Page, Arg::Free],
        run: |console, arguments| console.kick(arguments).boxed(),
    },
    Command {
        usage: "say TEXT",
        about: "show a message on the pages that can show one (version 2)",
        examples: &["say back in five minutes"],
        arguments: &[Arg::Free],
        run: |console, arguments| console.message(arguments).boxed(),
    },
];

/// How long the browser of a page that was disconnected is refused, in minutes.
const KICK_MINUTES: u64 = 10;
const MAX_KICK_MINUTES: u64 = 7 * 24 * 60;

impl Console {
    async fn pages(&self, arguments: Arguments) -> Result<Answer> {
        arguments.none()?;
        let rows = self.session.all_pages().into_iter().map(|page| {
            let (info, stage) = (page.info(), page.stage());
            let charts = self.session.charts();
            let drawn = charts.iter().filter(|chart| page.chart_id(chart.number).is_some());
            let known = page.known();
            let place = match (&known.place, stage) {
                (_, Stage::Starting) => "starting".to_owned(),
                (Some(place), _) => place.to_string(),
                (None, _) => "none yet".to_owned(),
            };
            let delay = known.delay.map(|delay| (delay.as_secs_f64() * 1e4).round() / 10.0);
            let (version, used) = (known.version.clone(), self.page == Some(info.id));
            drop(known);
            vec![
                json!(info.id),
                json!(version),
                json!(place),
                json!(drawn.count()),
                json!(since(info.since)),
                json!(delay),
                json!(info.visitor.address),
                json!(info.visitor.name),
                json!(info.visitor.role.to_string()),
                json!(used.then_some("in use")),
            ]
        });
        let columns =
            ["page", "EpiViz", "region", "charts", "since", "ms", "address", "who", "role", ""];
        Ok(Answer::table(&columns, rows.collect(), &self.session.no_page()))
    }

    async fn whoami(&self, arguments: Arguments) -> Result<Answer> {
        arguments.none()?;
        let Visitor { name, role, address, .. } = &self.visitor;
        let text = format!("{name}, with the role {role}, from {address}");
        let data = json!({"name": name, "role": role.to_string(), "address": address});
        Ok(Answer::say(text).with(data))
    }

    async fn kick(&self, arguments: Arguments) -> Result<Answer> {
        let words = arguments.words();
        let (id, minutes) = match &words[..] {
            [id] => (id, KICK_MINUTES),
            [id, minutes] => (id, arguments.number(minutes)?),
            _ => return Err(arguments.misuse()),
        };
        let id: u64 = arguments.number(id)?;
        if minutes > MAX_KICK_MINUTES {
            return Err(Error::Input(format!("at most {MAX_KICK_MINUTES} minutes (a week)")));
        }
        let pages = self.root.all().into_iter().flat_map(|session| session.pages());
        let page = pages.into_iter().find(|page| page.id() == id).ok_or_else(|| {
            Error::NotFound(format!("page {id} is not connected; 'pages' lists those that are"))
        })?;
        self.session.kick(&page, Duration::from_secs(60 * minutes)).await;
        Ok(Answer::say(match minutes {
            0 => format!("disconnected page {id}, which may connect again"),
            _ => format!("disconnected page {id}; its browser is refused for {minutes} min"),
        }))
    }

    async fn use_page(&mut self, arguments: Arguments) -> Result<Answer> {
        let page = match arguments.one()? {
            "all" => None,
            page => Some(arguments.number(page)?),
        };
        if let Some(id) = page
            && !self.session.pages().iter().any(|page| page.id() == id)
        {
            let message = format!("page {id} is not connected; 'pages' lists those that are");
            return Err(Error::NotFound(message));
        }
        self.page = page;
        Ok(Answer::say(match page {
            Some(id) => format!("navigation and page commands now apply to page {id} only"),
            None => "navigation and page commands now apply to all pages".to_owned(),
        }))
    }

    async fn follow(&self, arguments: Arguments) -> Result<Answer> {
        if arguments.words().is_empty() {
            return Ok(Answer::say(match self.session.followed() {
                Some(id) => format!("the other pages follow page {id}"),
                None => "the pages do not follow each other".to_owned(),
            }));
        }
        let page = match arguments.one()? {
            "off" => None,
            page => Some(arguments.number(page)?),
        };
        self.session.follow(page).await?;
        Ok(Answer::say(match page {
            Some(id) => format!("the other pages follow page {id}; 'follow off' ends this"),
            None => "the pages do not follow each other".to_owned(),
        }))
    }

    async fn redraw(&self, arguments: Arguments) -> Result<Answer> {
        arguments.none()?;
        self.redraw_pages().await
    }

    async fn redraw_pages(&self) -> Result<Answer> {
        let pages = self.session.ask(self.page, || Redraw {}).await?;
        Ok(Answer::say(match pages.len() {
            1 => "1 page redraws".to_owned(),
            many => format!("{many} pages redraw"),
        }))
    }

    async fn flush(&self, arguments: Arguments) -> Result<Answer> {
        arguments.none()?;
        self.session.ask(self.page, || FlushCache {}).await?;
        self.redraw_pages().await
    }

    async fn clear(&self, arguments: Arguments) -> Result<Answer> {
        let id = arguments.one()?;
        let listing = self.session.provider.catalog.listing();
        let group = listing.datasource(id).map(|datasource| datasource.group.clone());
        let group = group.ok_or_else(|| {
            Error::NotFound(format!("no datasource is called '{id}'; 'sources' lists them"))
        })?;
        let action = || ClearDatasourceGroupCache { group: group.clone() };
        self.session.ask(self.page, action).await?;
        self.redraw_pages().await
    }

    /// Sends a message to pages of version 2 only; those of versions 4 and 5 would throw an error.
    async fn message(&self, arguments: Arguments) -> Result<Answer> {
        let text = arguments.needed_text()?;
        let mut shown = 0;
        for page in self.session.ready_pages() {
            let shows = page.known().version.as_deref().is_some_and(|v| v.starts_with('2'));
            if shows && self.page.is_none_or(|used| used == page.id()) {
                self.session.ask(Some(page.id()), || WriteMsg { msg: text.to_owned() }).await?;
                shown += 1;
            }
        }
        match shown {
            0 => Err(Error::NotFound("no connected page can show messages (version 2 can)".into())),
            1 => Ok(Answer::say("shown on 1 page")),
            many => Ok(Answer::say(format!("shown on {many} pages"))),
        }
    }
}

/// Formats the time since `then` in the largest unit that fits.
fn since(then: SystemTime) -> String {
    let seconds = then.elapsed().unwrap_or(Duration::ZERO).as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}
