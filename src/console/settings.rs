//! The settings of charts and the values that they take.

use super::state::Console;
use crate::catalog::ChartType;
use crate::error::{Error, Result};
use crate::session::{AUTOSCALE, SUMMARIES, SUMMARY, has_autoscale};
use crate::source::suggestion;
use serde_json::{Map, Value, json};

/// A setting of a chart type.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Setting {
    /// Its name.
    pub(super) id: String,
    /// The values that it takes.
    pub(super) takes: Takes,
    /// The default of pages; null if it is not known.
    pub(super) default: Value,
    /// What it changes.
    pub(super) label: String,
}

/// The values that a setting takes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Takes {
    Number,
    /// `true` or `false`.
    Boolean,
    Text,
    OneOf(Vec<String>),
}

impl Takes {
    /// Describes the values.
    pub(super) fn describe(&self) -> String {
        match self {
            Takes::Number => "a number".to_owned(),
            Takes::Boolean => "true or false".to_owned(),
            Takes::Text => "text".to_owned(),
            Takes::OneOf(known) => known.join(", "),
        }
    }

    /// Converts a value to the form that pages expect; `None` if it is not allowed.
    fn accept(&self, value: &Value) -> Option<Value> {
        let fits = match self {
            Takes::Number => value.is_number() || value == "default",
            Takes::Boolean => value.is_boolean(),
            Takes::OneOf(known) => known.iter().any(|known| value == known.as_str()),
            // A title may look like a number.
            Takes::Text if !value.is_string() => return Some(Value::from(value.to_string())),
            Takes::Text => true,
        };
        fits.then(|| value.clone())
    }
}

const INTERPOLATION: &str = "linear step-before step-after basis basis-open basis-closed bundle \
                             cardinal cardinal-open monotone";

/// The settings of EpiViz 4 and of the built-in page, used while no page is connected: chart types
/// (`*` for all), name, kind of value (or the words of a choice), and description.
const BUILT_IN: &[(&str, &str, &str, &str)] = &[
    ("*", "title", "text", "title"),
    ("*", "height", "number", "height (built-in page)"),
    ("*", "marginTop", "number", "top margin"),
    ("*", "marginBottom", "number", "bottom margin"),
    ("*", "marginLeft", "number", "left margin"),
    ("*", "marginRight", "number", "right margin"),
    ("line scatter heatmap line-plot stacked-line", "yMin", "number", "lowest value of the y axis"),
    (
        "line scatter heatmap line-plot stacked-line",
        "yMax",
        "number",
        "highest value of the y axis",
    ),
    ("scatter", "xMin", "number", "lowest value of the x axis"),
    ("scatter", "xMax", "number", "highest value of the x axis"),
    ("scatter", "circleRadiusRatio", "number", "radius of the points, relative to the chart"),
    ("line stacked-line", "step", "number", "draw every n-th row"),
    ("line line-plot", "showPoints", "boolean", "show points"),
    ("line line-plot", "showLines", "boolean", "show lines"),
    ("line line-plot", "showErrorBars", "boolean", "show error bars"),
    ("line line-plot", "pointRadius", "number", "radius of the points"),
    ("line line-plot", "lineThickness", "number", "thickness of the lines"),
    (
        "line line-plot stacked-line stacked-line-plot",
        "interpolation",
        INTERPOLATION,
        "how points are joined",
    ),
    ("stacked-line stacked-line-plot", "offset", "zero wiggle", "baseline of the stack"),
    ("stacked-line-plot", "scaleToPercent", "boolean", "scale to percent"),
    ("blocks", "minBlockDistance", "number", "merge blocks closer than this, in pixels"),
    (
        "heatmap line-plot stacked-line-plot",
        "colLabel",
        "text",
        "metadata column that labels columns",
    ),
    ("heatmap line-plot stacked-line-plot", "rowLabel", "text", "annotation that labels rows"),
    ("heatmap", "showColorsForRowLabels", "boolean", "row labels as colours"),
    ("heatmap", "maxColumns", "number", "maximum number of columns"),
    ("heatmap", "cluster", "text", "what is clustered"),
    ("heatmap", "clusteringAlg", "text", "clustering algorithm"),
    ("heatmap", "clusteringMetric", "text", "clustering metric"),
    ("heatmap", "clusteringLinkage", "text", "clustering linkage"),
    ("heatmap", "showDendrogram", "boolean", "show the dendrogram"),
    (
        "line stacked-line scatter heatmap line-plot stacked-line-plot",
        "measurementGroupsAggregator",
        "text",
        "aggregator of measurement groups",
    ),
];

/// Returns the settings of a chart type while no page is connected.
pub(super) fn built_in(kind: ChartType) -> Vec<Setting> {
    let of_kind = |kinds: &str| kinds == "*" || kinds.split(' ').any(|word| word == kind.word());
    let setting = |(_, id, takes, label): &(&str, &str, &str, &str)| Setting {
        id: (*id).to_owned(),
        takes: match *takes {
            "number" => Takes::Number,
            "boolean" => Takes::Boolean,
            "text" => Takes::Text,
            choice => Takes::OneOf(choice.split_whitespace().map(str::to_owned).collect()),
        },
        default: Value::Null,
        label: (*label).to_owned(),
    };
    BUILT_IN.iter().filter(|(kinds, ..)| of_kind(kinds)).map(setting).collect()
}

/// Returns the setting that the endpoint itself applies.
fn autoscale() -> Setting {
    Setting {
        id: AUTOSCALE.to_owned(),
        takes: Takes::OneOf(vec!["on".to_owned(), "off".to_owned()]),
        default: Value::from("on"),
        label: "fit the axis to the values in view".to_owned(),
    }
}

/// Returns the setting that selects the summary that the bins of signals show.
fn summary() -> Setting {
    Setting {
        id: SUMMARY.to_owned(),
        takes: Takes::OneOf(SUMMARIES.map(|(word, _)| word.to_owned()).into()),
        default: Value::from("mean"),
        label: "summary of a signal in each bin".to_owned(),
    }
}

/// Parses a setting from a page's `registerChartTypes`.
fn announced(setting: &Value) -> Option<Setting> {
    let choice = items(&setting["possibleValues"]).into_iter().filter_map(Value::as_str);
    let choice: Vec<_> = choice.map(str::to_owned).collect();
    Some(Setting {
        id: setting["id"].as_str()?.to_owned(),
        takes: match setting["type"].as_str() {
            Some("number") => Takes::Number,
            Some("boolean") => Takes::Boolean,
            Some("categorical") if !choice.is_empty() => Takes::OneOf(choice),
            _ => Takes::Text,
        },
        default: setting["defaultValue"].clone(),
        label: setting["label"].as_str().unwrap_or_default().to_owned(),
    })
}

/// Returns the items of a list; pages send some lists as objects with the keys 0, 1, 2, ...
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

impl Console {
    /// Returns the settings of a chart type: those that the first connected page announced, else the
    /// built-in list.
    pub(super) fn settings_of(&self, kind: ChartType) -> Vec<Setting> {
        let of_page = self.session.pages().iter().find_map(|page| {
            let known = page.known();
            let types = items(&known.chart_types);
            let named = |known: &&&Value| {
                let name = known["chartName"].as_str().unwrap_or_default();
                name.rsplit('.').next() == Some(kind.page_name())
            };
            let found = types.iter().find(named)?;
            Some(items(&found["customSettings"]).into_iter().filter_map(announced).collect())
        });
        let mut settings: Vec<Setting> = of_page.unwrap_or_else(|| built_in(kind));
        if has_autoscale(kind) {
            settings.push(autoscale());
        }
        if !kind.shows_rows() {
            settings.push(summary());
        }
        settings
    }
}

/// Checks settings and converts them to the form that pages expect. Pages accept any setting and
/// value, and then ignore it or fail to draw.
///
/// # Errors
/// [`Error::Input`] for a setting that the chart type does not have, or a value that it does not
/// take.
pub(super) fn checked(
    kind: ChartType,
    known: &[Setting],
    settings: Map<String, Value>,
) -> Result<Map<String, Value>> {
    let check = |(key, value): (String, Value)| {
        let Some(setting) = known.iter().find(|setting| setting.id == key) else {
            let names: Vec<_> = known.iter().map(|setting| setting.id.as_str()).collect();
            return Err(Error::Input(format!(
                "a {} chart has no setting '{key}'; it has {}{}",
                kind.word(),
                names.join(", "),
                suggestion(&key, names.iter().copied())
            )));
        };
        let accepted = setting.takes.accept(&value).ok_or_else(|| {
            let written = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let takes = setting.takes.describe();
            Error::Input(format!("{key}={written}: {key} takes {takes}"))
        })?;
        Ok((key, accepted))
    };
    let settings: Map<_, _> = settings.into_iter().map(check).collect::<Result<_>>()?;
    for axis in ["x", "y"] {
        let end = |which: &str| settings.get(&format!("{axis}{which}")).and_then(Value::as_f64);
        if let (Some(low), Some(high)) = (end("Min"), end("Max"))
            && low >= high
        {
            let message = format!("{axis}Min={low} must be less than {axis}Max={high}");
            return Err(Error::Input(message));
        }
    }
    Ok(settings)
}

/// Parses `key=value`; the value is JSON, or else text.
pub(super) fn setting(word: &str) -> Option<(String, Value)> {
    let (key, value) = word.split_once('=').filter(|(key, _)| !key.is_empty())?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| json!(value));
    Some((key.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: ChartType, words: &[&str]) -> Result<Value, String> {
        let settings = words.iter().map(|word| setting(word).unwrap()).collect();
        let checked =
            checked(kind, &built_in(kind), settings).map_err(|error| error.to_string())?;
        Ok(Value::Object(checked))
    }

    #[test]
    fn values_are_checked() {
        let line = |words: &[&str]| check(ChartType::Line, words);
        assert_eq!(line(&["yMax=5", "yMin=-1.5"]), Ok(json!({"yMax": 5, "yMin": -1.5})));
        assert_eq!(line(&["yMax=default"]), Ok(json!({"yMax": "default"})));
        assert_eq!(line(&["title=2024"]), Ok(json!({"title": "2024"})));
        assert_eq!(line(&["showPoints=true"]), Ok(json!({"showPoints": true})));
        assert_eq!(line(&["yMax=abc"]).unwrap_err(), "yMax=abc: yMax takes a number");
        assert_eq!(line(&["yMin=5", "yMax=1"]).unwrap_err(), "yMin=5 must be less than yMax=1");
        assert_eq!(
            line(&["showPoints=5"]).unwrap_err(),
            "showPoints=5: showPoints takes true or false"
        );
        assert!(line(&["interpolation=wavy"]).unwrap_err().contains("linear, step-before"));
        let error = line(&["stpe=1"]).unwrap_err();
        assert!(error.starts_with("a line chart has no setting 'stpe'; it has title"), "{error}");
        assert!(error.ends_with("did you mean 'step'?"), "{error}");
        assert!(check(ChartType::Genes, &["yMax=5"]).unwrap_err().contains("no setting 'yMax'"));
        assert!(check(ChartType::Blocks, &["minBlockDistance=5"]).is_ok());
    }

    #[test]
    fn settings_that_a_page_announces_are_parsed() {
        let page = json!({"id": "offset", "type": "categorical", "defaultValue": "zero",
            "label": "Offset", "possibleValues": {"0": "zero", "1": "wiggle"}});
        let setting = announced(&page).unwrap();
        assert_eq!(setting.takes, Takes::OneOf(vec!["zero".into(), "wiggle".into()]));
        assert_eq!((setting.default, setting.label.as_str()), (json!("zero"), "Offset"));
    }
}
