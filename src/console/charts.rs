//! Commands for charts.

use super::answer::Answer;
use super::command::{Arg, Arguments, Command};
use super::plot::{chart_type, describe, split_colors};
use super::settings::{Setting, checked, setting};
use super::state::Console;
use crate::catalog::ChartType;
use crate::error::{Error, Result};
use crate::protocol::PrintWorkspace;
use crate::session::{Chart, SUMMARY};
use futures_util::FutureExt;
use serde_json::{Map, Value, json};

pub(super) const COMMANDS: &[Command] = &[
    Command {
        usage: "plot MEASUREMENT... [as CHARTTYPE] [with KEY=VALUE... [color=#..,#..]]",
        about: "draw measurements, or all of a datasource, in a new chart on every page",
        examples: &[
            "plot genes",
            "plot signals",
            "plot rep1 rep2 as scatter",
            "plot signal with yMin=0 yMax=50 color=#d62728",
        ],
        arguments: &[Arg::Plot],
        run: |console, arguments| console.plot(arguments).boxed(),
    },
    Command {
        usage: "charts",
        about: "list the charts",
        examples: &["charts"],
        arguments: &[Arg::Free],
        run: |console, arguments| console.charts(arguments).boxed(),
    },
    Command {
        usage: "remove CHART|all",
        about: "remove a chart by its number, or all charts",
        examples: &["remove 2", "remove all"],
        arguments: &[Arg::All(&Arg::Chart)],
        run: |console, arguments| console.remove(arguments).boxed(),
    },
    Command {
        usage: "set CHART [KEY=VALUE...]",
        about: "change or show the settings of a chart; 'set -e' and 'set +e': whether a script \
                stops at its first error",
        examples: &["set 2", "set 2 yMin=0 yMax=50", "set 2 title='H3K4me3, colon'", "set +e"],
        arguments: &[Arg::Chart, Arg::Setting],
        run: |console, arguments| console.set(arguments).boxed(),
    },
    Command {
        usage: "colors CHART [COLOR...]",
        about: "change or show the colours of a chart, in the order of its measurements",
        examples: &["colors 2", "colors 2 #d62728 steelblue"],
        arguments: &[Arg::Chart, Arg::Free],
        run: |console, arguments| console.colors(arguments).boxed(),
    },
    Command {
        usage: "chart-types [TYPE]",
        about: "list the chart types, or the settings of one with their defaults",
        examples: &["chart-types", "chart-types line"],
        arguments: &[Arg::ChartType],
        run: |console, arguments| console.chart_types(arguments).boxed(),
    },
    Command {
        usage: "revisualize CHART as TYPE",
        about: "change the type of a chart",
        examples: &["revisualize 2 as stacked-line"],
        arguments: &[Arg::Chart, Arg::Words(&["as"]), Arg::ChartType],
        run: |console, arguments| console.revisualize(arguments).boxed(),
    },
    Command {
        usage: "print [CHART] FILE.pdf|FILE.png",
        about: "save the page, or one chart, as a picture in the browser's downloads",
        examples: &["print figure.pdf", "print 2 figure.png"],
        arguments: &[Arg::Chart, Arg::Free],
        run: |console, arguments| console.print(arguments).boxed(),
    },
];

impl Console {
    async fn charts(&self, arguments: Arguments) -> Result<Answer> {
        arguments.none()?;
        let rows = self.session.charts().into_iter().map(|chart| {
            let settings =
                chart.settings.iter().map(|(key, value)| format!("{key}={}", typed(value)));
            vec![
                json!(chart.number),
                json!(chart.kind.word()),
                json!(chart.measurements.join(", ")),
                json!(settings.collect::<Vec<_>>().join(" ")),
            ]
        });
        let columns = ["chart", "type", "measurements", "settings"];
        let empty = "there are no charts; 'plot MEASUREMENT' draws one";
        Ok(Answer::table(&columns, rows.collect(), empty))
    }

    async fn remove(&self, arguments: Arguments) -> Result<Answer> {
        let numbers = match arguments.one()? {
            "all" => self.session.charts().iter().map(|chart| chart.number).collect(),
            number => vec![arguments.number(number)?],
        };
        let removed = self.session.remove_charts(&numbers).await?;
        Ok(Answer::say(match &removed[..] {
            [] => "there are no charts".into(),
            [chart] => format!("removed chart {}: {}", chart.number, describe(chart)),
            many => format!("removed {} charts", many.len()),
        }))
    }

    async fn set(&mut self, arguments: Arguments) -> Result<Answer> {
        let words = arguments.words();
        let (number, settings) = match words[..] {
            ["-e"] | ["+e"] => {
                self.strict = words[0] == "-e";
                return Ok(Answer::default());
            }
            [number, ref settings @ ..] => (arguments.number(number)?, settings),
            [] => return Err(arguments.misuse()),
        };
        let chart = self.chart(number)?;
        let known = self.settings_of(chart.kind);
        if settings.is_empty() {
            return Ok(show_settings(&chart, &known));
        }
        let settings: Option<Map<_, _>> = settings.iter().map(|word| setting(word)).collect();
        let settings = settings.ok_or_else(|| arguments.misuse())?;
        let settings = checked(chart.kind, &known, settings)?;
        let keys: Vec<_> = settings.keys().cloned().collect();
        let mut measurements = chart.measurements;
        if let Some(word) = settings.get(SUMMARY).and_then(Value::as_str) {
            let listing = self.session.provider.catalog.listing();
            let found = measurements.iter().map(|id| listing.measurement(id).cloned());
            let found = self.session.summarized(&found.collect::<Result<Vec<_>>>()?, word).await?;
            measurements = found.iter().map(|m| m.id.clone()).collect();
        }
        let change = |chart: &mut Chart| {
            chart.choose(settings);
            chart.measurements = measurements;
        };
        self.session.change_chart(number, change).await?;
        Ok(Answer::say(format!("chart {number}: {} set", keys.join(", "))))
    }

    async fn colors(&self, arguments: Arguments) -> Result<Answer> {
        let words = arguments.words();
        let [number, ref colors @ ..] = words[..] else { return Err(arguments.misuse()) };
        let number = arguments.number(number)?;
        let chart = self.chart(number)?;
        if colors.is_empty() {
            let rows = chart.measurements.iter().zip(&chart.colors);
            let rows = rows.map(|(name, color)| vec![json!(name), json!(color)]).collect();
            return Ok(Answer::table(&["measurement", "colour"], rows, ""));
        }
        let colors = split_colors(&colors.join(","))?;
        let text = format!("chart {number}: colours {}", colors.join(" "));
        self.session.change_chart(number, |chart| chart.recolor(colors)).await?;
        Ok(Answer::say(text))
    }

    /// Returns the chart with this number.
    fn chart(&self, number: usize) -> Result<Chart> {
        self.session.state().chart(number).cloned().ok_or_else(|| {
            Error::NotFound(format!("there is no chart {number}; 'charts' lists them"))
        })
    }

    async fn revisualize(&self, arguments: Arguments) -> Result<Answer> {
        let words = arguments.words();
        let ([number, "as", word] | [number, word]) = words[..] else {
            return Err(arguments.misuse());
        };
        let (number, kind) = (arguments.number(number)?, chart_type(word)?);
        let chart = self.session.revisualize(number, kind).await?;
        Ok(Answer::say(format!("chart {number}: {}", describe(&chart))))
    }

    async fn print(&self, arguments: Arguments) -> Result<Answer> {
        let words = arguments.words();
        let (chart, file) = match words[..] {
            [file] => (None, file),
            [number, file] => (Some(arguments.number(number)?), file),
            _ => return Err(arguments.misuse()),
        };
        let named = file.rsplit_once('.').filter(|(name, _)| !name.is_empty());
        let named = named.filter(|(_, ending)| ["pdf", "png"].contains(ending));
        let (name, kind) = named.ok_or_else(|| arguments.misuse())?;
        if let Some(number) = chart {
            self.chart(number)?;
        }
        // A chart that is being redrawn has no id yet.
        let settled = self.until(|| self.session.is_settled());
        let _ = tokio::time::timeout(self.session.timeout(), settled).await;
        // The id of a chart is different on each page.
        let mut saved = Vec::new();
        for page in self.session.ready_pages() {
            let id = match chart {
                None => Some(PrintWorkspace::WHOLE.to_owned()),
                Some(number) => page.chart_id(number),
            };
            let Some(id) = id.filter(|_| self.page.is_none_or(|used| used == page.id())) else {
                continue;
            };
            let action = || PrintWorkspace {
                chart: id.clone(),
                file_name: name.to_owned(),
                file_type: kind.to_owned(),
            };
            self.session.ask(Some(page.id()), action).await?;
            saved.push(page.id().to_string());
        }
        if saved.is_empty() {
            return Err(Error::NotFound(self.session.no_page()));
        }
        let pages = saved.join(", ");
        Ok(Answer::say(format!("saved {name}.{kind} in the downloads of page {pages}")))
    }

    async fn chart_types(&self, arguments: Arguments) -> Result<Answer> {
        let words = arguments.words();
        let [word] = words[..] else {
            arguments.none()?;
            let rows = ChartType::ALL.iter().map(|(kind, word, name, about)| {
                let settings = self.settings_of(*kind).len();
                vec![json!(word), json!(about), json!(settings), json!(name)]
            });
            let columns = ["type", "shows", "settings", "EpiViz name"];
            return Ok(Answer::table(&columns, rows.collect(), ""));
        };
        let rows = self.settings_of(chart_type(word)?).into_iter().map(|setting| {
            vec![
                json!(setting.id),
                json!(setting.takes.describe()),
                setting.default,
                json!(setting.label),
            ]
        });
        let columns = ["setting", "takes", "default", "changes"];
        Ok(Answer::table(&columns, rows.collect(), "it has no settings"))
    }
}

/// Lists the settings of a chart, with the defaults of those that were never set.
fn show_settings(chart: &Chart, known: &[Setting]) -> Answer {
    let row = |setting: &Setting| {
        let own = chart.settings.get(&setting.id);
        let value = own.unwrap_or(&setting.default);
        let whose = if own.is_some() { "set" } else { "default" };
        vec![json!(setting.id), json!(typed(value)), json!(whose), json!(setting.takes.describe())]
    };
    let others = chart.settings.iter().filter(|(key, _)| known.iter().all(|k| k.id != **key));
    let others =
        others.map(|(key, value)| vec![json!(key), json!(typed(value)), json!("set"), json!("")]);
    let rows = known.iter().map(row).chain(others).collect();
    Answer::table(&["setting", "value", "", "takes"], rows, "it has no settings")
}

/// Formats a value as a user types it.
fn typed(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
