//! Commands about charts.

use super::answer::Answer;
use super::command::{Arg, Arguments, Command};
use super::state::Console;
use crate::catalog::ChartType;
use crate::error::{Error, Result};
use crate::protocol::PrintWorkspace;
use crate::session::{AUTOSCALE, Chart};
use futures_util::FutureExt;
use serde_json::{Map, Value, json};

pub(super) const COMMANDS: &[Command] = &[
    Command {
        usage: "plot MEASUREMENT... [as CHARTTYPE] [with KEY=VALUE... [color=#..,#..]]",
        about: "draw measurements in a new chart on every page",
        arguments: &[Arg::Plot],
        run: |console, arguments| console.plot(arguments).boxed(),
    },
    Command {
        usage: "charts",
        about: "list the charts",
        arguments: &[Arg::Free],
        run: |console, arguments| console.charts(arguments).boxed(),
    },
    Command {
        usage: "remove CHART|all",
        about: "remove a chart by its number, or all charts",
        arguments: &[Arg::All(&Arg::Chart)],
        run: |console, arguments| console.remove(arguments).boxed(),
    },
    Command {
        usage: "set CHART KEY=VALUE...",
        about: "change settings of a chart ('chart-types TYPE' lists them); 'set -e' and 'set +e': \
                whether a script stops at its first error",
        arguments: &[Arg::Chart, Arg::Free],
        run: |console, arguments| console.set(arguments).boxed(),
    },
    Command {
        usage: "colors CHART #..",
        about: "change the colours of a chart, first to last",
        arguments: &[Arg::Chart, Arg::Free],
        run: |console, arguments| console.colors(arguments).boxed(),
    },
    Command {
        usage: "chart-types [TYPE]",
        about: "list the chart types, or the settings of one with their defaults",
        arguments: &[Arg::ChartType],
        run: |console, arguments| console.chart_types(arguments).boxed(),
    },
    Command {
        usage: "revisualize CHART as TYPE",
        about: "draw what a chart shows as another chart type",
        arguments: &[Arg::Chart, Arg::Words(&["as"]), Arg::ChartType],
        run: |console, arguments| console.revisualize(arguments).boxed(),
    },
    Command {
        usage: "print [CHART] FILE.pdf|FILE.png",
        about: "have the browser save the page, or one chart, as a picture in its downloads",
        arguments: &[Arg::Chart, Arg::Free],
        run: |console, arguments| console.print(arguments).boxed(),
    },
];

/// What `plot` is asked to draw.
#[derive(Debug, Default, PartialEq)]
struct Plot {
    names: Vec<String>,
    kind: Option<ChartType>,
    settings: Map<String, Value>,
    colors: Vec<String>,
}

impl Plot {
    /// Reads the words after `plot`.
    fn parse(arguments: &Arguments) -> Result<Self> {
        let words = arguments.words();
        let with = words.iter().position(|word| *word == "with").unwrap_or(words.len());
        let (front, settings) = words.split_at(with);
        let (names, kind) = match front {
            [names @ .., "as", word] => (names, Some(chart_type(word)?)),
            names => (names, None),
        };
        if names.is_empty() || names.contains(&"as") || settings.len() == 1 {
            return Err(arguments.misuse());
        }
        let names = names.iter().map(ToString::to_string).collect();
        let mut plot = Plot { names, kind, ..Plot::default() };
        for word in settings.iter().skip(1) {
            let (key, value) = setting(word).ok_or_else(|| arguments.misuse())?;
            if ["color", "colors", "colour", "colours"].contains(&key.as_str()) {
                plot.colors = split_colors(value.as_str().unwrap_or_default());
            } else {
                plot.settings.insert(key, value);
            }
        }
        Ok(plot)
    }
}

/// `key=value`; the value is JSON, or else text.
fn setting(word: &str) -> Option<(String, Value)> {
    let (key, value) = word.split_once('=').filter(|(key, _)| !key.is_empty())?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    Some((key.to_owned(), value))
}

/// A chart type by its word.
fn chart_type(word: &str) -> Result<ChartType> {
    ChartType::from_word(word).ok_or_else(|| {
        let known: Vec<_> = ChartType::ALL.iter().map(|(_, word, ..)| *word).collect();
        Error::Input(format!("no chart type is called '{word}'; there are {}", known.join(", ")))
    })
}

fn split_colors(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|color| !color.is_empty()).map(str::to_owned).collect()
}

impl Console {
    async fn plot(&self, arguments: Arguments) -> Result<Answer> {
        let Plot { names, kind, settings, colors } = Plot::parse(&arguments)?;
        let listing = self.session.provider.catalog.listing();
        let found = names.iter().map(|name| listing.measurement(name).cloned());
        let found = found.collect::<Result<Vec<_>>>()?;
        let kind = kind.or(found.first().map(|first| first.chart));
        self.check_settings(kind, &settings)?;
        let chart = self.session.plot(&found, kind, settings, colors).await?;
        let later = if self.session.ready_pages().is_empty() {
            " (drawn when a page connects)"
        } else {
            ""
        };
        Ok(Answer::say(format!("chart {}: {}{later}", chart.number, describe(&chart)))
            .with(json!({"chart": chart.number})))
    }

    async fn charts(&self, arguments: Arguments) -> Result<Answer> {
        arguments.none()?;
        let rows = self.session.charts().into_iter().map(|chart| {
            let settings = chart.settings.iter().map(|(key, value)| match value {
                Value::String(text) => format!("{key}={text}"),
                other => format!("{key}={other}"),
            });
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
            [number, ref settings @ ..] if !settings.is_empty() => {
                (arguments.number(number)?, settings)
            }
            _ => return Err(arguments.misuse()),
        };
        let settings: Option<Map<_, _>> = settings.iter().map(|word| setting(word)).collect();
        let settings = settings.ok_or_else(|| arguments.misuse())?;
        let kind = self.session.state().chart(number).map(|chart| chart.kind);
        self.check_settings(kind, &settings)?;
        let keys: Vec<_> = settings.keys().cloned().collect();
        self.session.change_chart(number, |chart| chart.settings.extend(settings)).await?;
        Ok(Answer::say(format!("chart {number}: {} set", keys.join(", "))))
    }

    async fn colors(&self, arguments: Arguments) -> Result<Answer> {
        let words = arguments.words();
        let [number, ref colors @ ..] = words[..] else { return Err(arguments.misuse()) };
        let number = arguments.number(number)?;
        let colors = split_colors(&colors.join(","));
        if colors.is_empty() {
            return Err(arguments.misuse());
        }
        let text = format!("chart {number}: colours {}", colors.join(" "));
        self.session.change_chart(number, |chart| chart.recolor(colors)).await?;
        Ok(Answer::say(text))
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
        if let Some(number) = chart
            && self.session.state().chart(number).is_none()
        {
            let message = format!("there is no chart {number}; 'charts' lists them");
            return Err(Error::NotFound(message));
        }
        // The id of a chart differs from page to page.
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
            return Err(Error::NotFound("no page is connected that can save a picture".into()));
        }
        let pages = saved.join(", ");
        Ok(Answer::say(format!("saved {name}.{kind} in the downloads of page {pages}")))
    }

    async fn chart_types(&self, arguments: Arguments) -> Result<Answer> {
        let words = arguments.words();
        let [word] = words[..] else {
            arguments.none()?;
            let rows = ChartType::ALL.iter().map(|(kind, word, name, about)| {
                let settings = self.settings_of(*kind).map(|settings| settings.len());
                vec![json!(word), json!(about), json!(settings), json!(name)]
            });
            let columns = ["type", "shows", "settings", "EpiViz name"];
            return Ok(Answer::table(&columns, rows.collect(), ""));
        };
        let settings = self.settings_of(chart_type(word)?).ok_or_else(|| {
            Error::NotFound("no connected page has announced its chart types".into())
        })?;
        let rows = settings.iter().map(|setting| {
            let choice = items(&setting["possibleValues"]);
            let choice: Vec<_> = choice.iter().filter_map(|value| value.as_str()).collect();
            let plain = |key: &str| setting[key].clone();
            vec![
                plain("id"),
                plain("type"),
                plain("defaultValue"),
                json!(choice.join(" ")),
                plain("label"),
            ]
        });
        let columns = ["setting", "kind", "default", "choice", "what"];
        Ok(Answer::table(&columns, rows.collect(), "it has no settings"))
    }

    /// The settings of a chart type, from the first page that announced them.
    fn settings_of(&self, kind: ChartType) -> Option<Vec<Value>> {
        self.session.pages().iter().find_map(|page| {
            let known = page.known();
            let types = items(&known.chart_types);
            let named = |known: &&&Value| {
                let name = known["chartName"].as_str().unwrap_or_default();
                name.rsplit('.').next() == Some(kind.page_name())
            };
            let found = types.iter().find(named)?;
            Some(items(&found["customSettings"]).into_iter().cloned().collect())
        })
    }

    /// Pages accept any setting and ignore those that they do not know, so a misspelled one is
    /// reported here.
    fn check_settings(&self, kind: Option<ChartType>, settings: &Map<String, Value>) -> Result<()> {
        if settings.get(AUTOSCALE).is_some_and(|value| value != "on" && value != "off") {
            return Err(Error::Input("autoscale is on or off".into()));
        }
        let Some((kind, known)) = kind.and_then(|kind| Some((kind, self.settings_of(kind)?)))
        else {
            return Ok(());
        };
        let known: Vec<_> = known.iter().filter_map(|setting| setting["id"].as_str()).collect();
        let known: Vec<_> = known.into_iter().chain([AUTOSCALE]).collect();
        match settings.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => Err(Error::Input(format!(
                "a {} chart has no setting '{key}'; it has {}",
                kind.word(),
                known.join(", ")
            ))),
            None => Ok(()),
        }
    }
}

/// The items of a list; pages write some lists as objects whose keys count from 0.
fn items(list: &Value) -> Vec<&Value> {
    match list {
        Value::Array(items) => items.iter().collect(),
        Value::Object(items) => {
            let mut items: Vec<_> = items.iter().collect();
            items.sort_by_key(|(key, _)| key.parse::<usize>().unwrap_or(usize::MAX));
            items.into_iter().map(|(_, item)| item).collect()
        }
        _ => Vec::new(),
    }
}

fn describe(chart: &Chart) -> String {
    format!("{} as {}", chart.measurements.join(", "), chart.kind.word())
}
