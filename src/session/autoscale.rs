//! Axes that fit the view.
//!
//! A page uses the smallest and the largest value of a measurement as the fixed limits of an axis.
//! These are values of single records: the means of a whole chromosome's bins are a flat line on
//! such an axis. So when a page is at rest, its charts get axes for the values in view. These
//! depend only on the view, belong to one page, and are not saved. A chart whose user chose an axis
//! keeps it.

use super::state::{AXES, Chart};
use crate::catalog::{ChartType, extent};
use serde_json::{Map, Value};

/// A setting of the endpoint, unknown to pages: `off` leaves the axes unchanged.
pub const AUTOSCALE: &str = "autoscale";
/// The relative tolerance by which a value may exceed its axis, since single precision is inexact.
const TOLERANCE: f64 = 1e-6;

/// Returns whether charts of this type have axes, or colours, that can be set.
pub fn has_autoscale(kind: ChartType) -> bool {
    use ChartType::{Heatmap, Line, LinePlot, Scatter};
    matches!(kind, Line | LinePlot | Scatter | Heatmap)
}

/// Returns whether the chart's axes are fitted to the view.
pub(super) fn applies(chart: &Chart) -> bool {
    let is_chosen = |axis: &&str| chart.settings.get(*axis).is_some_and(|end| end != "default");
    let chosen = AXES.iter().any(is_chosen);
    let off = chart.settings.get(AUTOSCALE).is_some_and(|value| value == "off");
    has_autoscale(chart.kind) && !chosen && !off
}

/// Returns the settings that fit a chart's axes to the values of its measurements, which are in the
/// chart's order; none for an axis without values.
pub(super) fn axes(kind: ChartType, values: &[Vec<f64>]) -> Map<String, Value> {
    let mut settings = Map::new();
    let mut fit = |names: [&str; 2], values: &mut dyn Iterator<Item = f64>| {
        for (name, end) in
            names.into_iter().zip(extent(values).and_then(axis).into_iter().flatten())
        {
            settings.insert(name.to_owned(), end.into());
        }
    };
    if kind == ChartType::Heatmap {
        let all = values.iter().flatten().copied().filter(|value| value.is_finite());
        for (name, end) in
            ["yMin", "yMax"].into_iter().zip(percentiles(all.collect()).into_iter().flatten())
        {
            settings.insert(name.to_owned(), end.into());
        }
    } else if kind == ChartType::Scatter {
        // The page assigns the measurements to x, y, x, y, ...
        fit(["xMin", "xMax"], &mut values.iter().step_by(2).flatten().copied());
        fit(["yMin", "yMax"], &mut values.iter().skip(1).step_by(2).flatten().copied());
    } else {
        fit(["yMin", "yMax"], &mut values.iter().flatten().copied());
    }
    settings
}

/// Returns the 2nd and the 98th percentile, so that one extreme value does not determine the
/// colours of all others. `None` if they are equal.
fn percentiles(mut values: Vec<f64>) -> Option<[f64; 2]> {
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    let ends = [values[last / 50], values[last - last / 50]];
    (ends[0] < ends[1]).then_some(ends)
}

/// Returns the limits of an axis for values in a range: zero, which every axis includes since pages
/// draw missing values there, and the next step of 1, 2, 5 that includes the values. `None` if all
/// are zero.
fn axis((low, high): (f64, f64)) -> Option<[f64; 2]> {
    let ends = [0.0 - step(-low), step(high)];
    (ends[0] < ends[1]).then_some(ends)
}

/// Returns the smallest of 1, 2, 5 times a power of ten that is at least `value`; 0 if not
/// positive.
fn step(value: f64) -> f64 {
    if value <= 0.0 {
        return 0.0;
    }
    let power = value.log10().floor() as i32;
    // Division first: 5 * 0.1^3 is not 0.005, 5 / 1000 is.
    let at = |digit: f64, power: i32| match power {
        0.. => digit * 10f64.powi(power),
        _ => digit / 10f64.powi(-power),
    };
    let steps = (power - 1..=power + 1).flat_map(|power| [1.0, 2.0, 5.0].map(|d| at(d, power)));
    let mut fitting = steps.filter(|step| *step >= value * (1.0 - TOLERANCE));
    fitting.next().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn axes_end_at_the_next_step() {
        assert_eq!(axis((0.0, 0.23)), Some([0.0, 0.5]));
        assert_eq!(axis((3.0, 140.0)), Some([0.0, 200.0]));
        assert_eq!(axis((-0.011, 1.0)), Some([-0.02, 1.0]));
        assert_eq!(axis((-7.0, -3.0)), Some([-10.0, 0.0]));
        assert_eq!(axis((0.0, f64::from(0.1f32))), Some([0.0, 0.1]), "single precision");
        assert_eq!(axis((0.0, 0.0)), None);
    }

    #[test]
    fn a_scatter_plot_has_two_axes() {
        let values = [vec![0.3, 0.7], vec![12.0, -1.0]];
        let expected = json!({"xMin": 0.0, "xMax": 1.0, "yMin": -1.0, "yMax": 20.0});
        assert_eq!(Value::Object(axes(ChartType::Scatter, &values)), expected);
        let expected = json!({"yMin": -1.0, "yMax": 20.0});
        assert_eq!(Value::Object(axes(ChartType::Line, &values)), expected);
        assert!(axes(ChartType::Line, &[vec![f64::NAN], vec![]]).is_empty());
    }

    #[test]
    fn an_extreme_value_does_not_determine_the_colours_of_a_heat_map() {
        let mut values: Vec<f64> = (0..100).map(f64::from).collect();
        values[50] = 1e6;
        let expected = json!({"yMin": 1.0, "yMax": 99.0});
        assert_eq!(Value::Object(axes(ChartType::Heatmap, &[values])), expected);
        assert!(axes(ChartType::Heatmap, &[vec![4.0, 4.0]]).is_empty());
    }

    #[test]
    fn axes_that_the_user_chose_stay() {
        let chart = |settings: Value| {
            let mut chart = Chart::new(1, ChartType::Line, &[]);
            chart.settings.extend(settings.as_object().cloned().unwrap());
            chart
        };
        assert!(applies(&chart(json!({"title": "t", "autoscale": "on"}))));
        assert!(!applies(&chart(json!({"yMax": 7}))));
        assert!(applies(&chart(json!({"yMin": "default"}))), "from an earlier session");
        assert!(!applies(&chart(json!({"autoscale": "off"}))));
        assert!(!applies(&Chart::new(1, ChartType::StackedLine, &[])), "it scales its axis itself");
    }

    proptest! {
        #[test]
        fn an_axis_includes_its_values_and_is_not_too_long(value in 1e-9f64..1e9) {
            let end = step(value);
            prop_assert!(value <= end * (1.0 + 2.0 * TOLERANCE) && end <= 2.5 * value, "{}", end);
        }
    }
}
