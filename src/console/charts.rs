//! Commands about charts.

use super::Console;
use super::answer::Answer;
use super::command::{Arg, Command, Info, Look, chart_type, setting};
use crate::catalog::ChartType;
use crate::error::{Error, Result};
use crate::protocol::PrintWorkspace;
use crate::session::Chart;
use serde_json::{Map, Value, json};

pub(super) const COMMANDS: &[Info] = &[
    Info {
        usage: "plot MEASUREMENT... [as CHARTTYPE] [with KEY=VALUE... [color=#..,#..]]",
        about: "draw measurements in a new chart on every page",
        takes: &[Arg::Measurement],
        read: read_plot,
    },
    Info {
        usage: "charts",
        about: "list the charts that were plotted",
        takes: &[Arg::Free],
        read: |words, _| Ok(words.is_empty().then_some(Command::Charts)),
    },
    Info {
        usage: "remove CHART|all",
        about: "remove a chart, by its number, or all",
        takes: &[Arg::Chart],
        read: |words, _| {
            Ok(match words {
                ["all"] => Some(Command::Remove(None)),
                [number] => number.parse().ok().map(|number| Command::Remove(Some(number))),
                _ => None,
            })
        },
    },
    Info {
        usage: "set CHART KEY=VALUE...",
        about: "change settings of a chart ('chart-types TYPE' lists them); 'set -e' and 'set +e': \
                whether a script ends at its first failure",
        takes: &[Arg::Chart, Arg::Free],
        read: |words, _| {
            Ok(match words {
                ["-e"] => Some(Command::Strict(true)),
                ["+e"] => Some(Command::Strict(false)),
                [number, settings @ ..] if !settings.is_empty() => {
                    let settings = settings.iter().map(|word| setting(word)).collect();
                    number.parse().ok().zip(settings).map(|(number, all)| Command::Set(number, all))
                }
                _ => None,
            })
        },
    },
    Info {
        usage: "colors CHART #..",
        about: "change the colours of a chart, first to last",
        takes: &[Arg::Chart, Arg::Free],
        read: |words, _| {
            Ok(match words {
                [number, colors @ ..] if !colors.is_empty() => number
                    .parse()
                    .ok()
                    .map(|number| Command::Colors(number, split_colors(&colors.join(",")))),
                _ => None,
            })
        },
    },
    Info {
        usage: "chart-types [TYPE]",
        about: "list the chart types, or the settings of one with the pages' defaults",
        takes: &[Arg::ChartType],
        read: |words, _| {
            Ok(match words {
                [] => Some(Command::ChartTypes(None)),
                [word] => Some(Command::ChartTypes(Some(chart_type(word)?))),
                _ => None,
            })
        },
    },
    Info {
        usage: "revisualize CHART as TYPE",
        about: "draw what a chart shows another way",
        takes: &[Arg::Chart, Arg::Words(&["as"]), Arg::ChartType],
        read: |words, _| {
            Ok(match words {
                [number, "as", word] | [number, word] => {
                    let kind = chart_type(word)?;
                    number.parse().ok().map(|number| Command::Revisualize(number, kind))
                }
                _ => None,
            })
        },
    },
    Info {
        usage: "print [CHART] FILE.pdf|FILE.png",
        about: "have the browser save the page, or one chart, as a picture in its downloads",
        takes: &[Arg::Chart, Arg::Free],
        read: |words, _| {
            let (chart, file) = match words {
                [file] => (None, file),
                [number, file] => match number.parse() {
                    Ok(number) => (Some(number), file),
                    Err(_) => return Ok(None),
                },
                _ => return Ok(None),
            };
            let named = file.rsplit_once('.').filter(|(name, _)| !name.is_empty());
            Ok(named.and_then(|(name, ending)| {
                let kind = ["pdf", "png"].into_iter().find(|known| *known == ending)?;
                Some(Command::Print(chart, name.to_owned(), kind))
            }))
        },
    },
];

fn read_plot(words: &[&str], _: &str) -> Result<Option<Command>> {
    let at = |word: &str| words.iter().position(|known| *known == word);
    let with = at("with").unwrap_or(words.len());
    let (front, settings) = words.split_at(with);
    let (names, kind) = match front {
        [names @ .., "as", word] => (names, Some(chart_type(word)?)),
        names => (names, None),
    };
    let mut look = Look::default();
    for word in settings.iter().skip(1) {
        match setting(word) {
            Some((key, value)) if ["color", "colors", "colour"].contains(&key.as_str()) => {
                look.colors = split_colors(value.as_str().unwrap_or_default());
            }
            Some((key, value)) => _ = look.settings.insert(key, value),
            None => return Ok(None),
        }
    }
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let odd = names.is_empty() || names.iter().any(|name| name == "as") || settings.len() == 1;
    Ok((!odd).then_some(Command::Plot(names, kind, look)))
}

fn split_colors(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|color| !color.is_empty()).map(str::to_owned).collect()
}

impl Console {
    pub(super) async fn plot(
        &self,
        names: &[String],
        kind: Option<ChartType>,
        look: Look,
    ) -> Result<Answer> {
        let listing = self.session.provider.catalog.listing();
        let found = names.iter().map(|name| listing.measurement(name).cloned());
        let found = found.collect::<Result<Vec<_>>>()?;
        let kind = kind.or(found.first().map(|first| first.chart));
        self.check_settings(kind, &look.settings)?;
        let chart = self.session.plot(&found, kind, look.settings, look.colors).await?;
        let later = match self.session.ready_pages().is_empty() {
            true => " (to be drawn when a page connects)",
            false => "",
        };
        Ok(Answer::say(format!("chart {}: {}{later}", chart.number, describe(&chart)))
            .with(json!({"chart": chart.number})))
    }

    pub(super) fn charts(&self) -> Answer {
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
        Answer::table(&columns, rows.collect(), "nothing is plotted; try 'plot MEASUREMENT'")
    }

    pub(super) async fn remove(&self, number: Option<usize>) -> Result<Answer> {
        let numbers = match number {
            Some(number) => vec![number],
            None => self.session.charts().iter().map(|chart| chart.number).collect(),
        };
        let removed = self.session.remove_charts(&numbers).await?;
        Ok(Answer::say(match &removed[..] {
            [] => "there was no chart".into(),
            [chart] => format!("removed chart {}: {}", chart.number, describe(chart)),
            many => format!("removed {} charts", many.len()),
        }))
    }

    pub(super) async fn set(&self, number: usize, settings: Map<String, Value>) -> Result<Answer> {
        let kind = self.session.state().chart(number).map(|chart| chart.kind);
        self.check_settings(kind, &settings)?;
        let keys: Vec<_> = settings.keys().cloned().collect();
        self.session.change_chart(number, |chart| chart.settings.extend(settings)).await?;
        Ok(Answer::say(format!("chart {number}: {} set", keys.join(", "))))
    }

    pub(super) async fn colors(&self, number: usize, colors: Vec<String>) -> Result<Answer> {
        let text = format!("chart {number}: colours {}", colors.join(" "));
        self.session.change_chart(number, |chart| chart.recolor(colors)).await?;
        Ok(Answer::say(text))
    }

    pub(super) async fn revisualize(&self, number: usize, kind: ChartType) -> Result<Answer> {
        let chart = self.session.revisualize(number, kind).await?;
        Ok(Answer::say(format!("chart {number}: {}", describe(&chart))))
    }

    pub(super) async fn print(
        &self,
        chart: Option<usize>,
        name: &str,
        kind: &str,
    ) -> Result<Answer> {
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
            let Some(id) = id.filter(|_| self.used.is_none_or(|used| used == page.id())) else {
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
        match saved.is_empty() {
            true => Err(Error::NotFound("no page is connected that could save a picture".into())),
            false => Ok(Answer::say(format!(
                "saved {name}.{kind} in the downloads of page {}",
                saved.join(", ")
            ))),
        }
    }

    pub(super) fn chart_types(&self, kind: Option<ChartType>) -> Result<Answer> {
        let Some(kind) = kind else {
            let rows = ChartType::ALL.iter().map(|(kind, word, name, about)| {
                let settings = self.settings_of(*kind).map(|settings| settings.len());
                vec![json!(word), json!(about), json!(settings), json!(name)]
            });
            let columns = ["type", "shows", "settings", "EpiViz name"];
            return Ok(Answer::table(&columns, rows.collect(), ""));
        };
        let settings = self.settings_of(kind).ok_or_else(|| {
            Error::NotFound("no page that is connected has told its chart types".into())
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

    /// The settings of a chart type, as the first page that told them has them.
    pub(super) fn settings_of(&self, kind: ChartType) -> Option<Vec<Value>> {
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

    /// Pages take any setting and ignore those that they do not know, so a misspelt one is told
    /// here.
    fn check_settings(&self, kind: Option<ChartType>, settings: &Map<String, Value>) -> Result<()> {
        let Some((kind, known)) = kind.and_then(|kind| Some((kind, self.settings_of(kind)?)))
        else {
            return Ok(());
        };
        let known: Vec<_> = known.iter().filter_map(|setting| setting["id"].as_str()).collect();
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
