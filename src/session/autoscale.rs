//! Axes that fit what is in view.
//!
//! A page takes the smallest and the largest value of a measurement for the ends of an axis, once
//! and for all. Those are of single records: the means of a whole chromosome's bins are a flat line
//! on such an axis. So when a page is at rest, its charts get axes for what they show there. They
//! follow from the values in view alone, not from how the page came there, belong to one page, and
//! are saved nowhere. A chart whose user chose an axis keeps that.

use super::state::{AXES, Chart};
use crate::catalog::{ChartType, extent};
use serde_json::{Map, Value};

/// Our own setting, which pages do not know: `off` leaves the axes as they are.
pub const AUTOSCALE: &str = "autoscale";
/// What a value may exceed its axis by, as a part of it: single precision is not exact.
const TOLERANCE: f64 = 1e-6;

/// Whether charts of that kind have axes, or colours, that can be set from outside.
pub fn has_autoscale(kind: ChartType) -> bool {
    use ChartType::{Heatmap, Line, LinePlot, Scatter};
    matches!(kind, Line | LinePlot | Scatter | Heatmap)
}

/// Whether the chart's axes are to fit what is in view.
pub(super) fn applies(chart: &Chart) -> bool {
    let is_chosen = |axis: &&str| chart.settings.get(*axis).is_some_and(|end| end != "default");
    let chosen = AXES.iter().any(is_chosen);
    let off = chart.settings.get(AUTOSCALE).is_some_and(|value| value == "off");
    has_autoscale(chart.kind) && !chosen && !off
}

/// The settings that fit a chart's axes to the values of its measurements, in their order; none for
/// an axis without values.
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
            ["yMin", "yMax"].into_iter().zip(middle(all.collect()).into_iter().flatten())
        {
            settings.insert(name.to_owned(), end.into());
        }
    } else if kind == ChartType::Scatter {
        // The page pairs them: x, y, x, y.
        fit(["xMin", "xMax"], &mut values.iter().step_by(2).flatten().copied());
        fit(["yMin", "yMax"], &mut values.iter().skip(1).step_by(2).flatten().copied());
    } else {
        fit(["yMin", "yMax"], &mut values.iter().flatten().copied());
    }
    settings
}

/// The values between which all but the outermost fiftieth on either side lie: one extreme value
/// must not take the colours of all others. None if they are equal.
fn middle(mut values: Vec<f64>) -> Option<[f64; 2]> {
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    let ends = [values[last / 50], values[last - last / 50]];
    (ends[0] < ends[1]).then_some(ends)
}

/// The ends of an axis for values within a range: zero, which belongs to every axis since pages
/// draw missing values there, and the next step of 1, 2, 5 that holds the values. None if all are
/// zero.
fn axis((low, high): (f64, f64)) -> Option<[f64; 2]> {
    let ends = [0.0 - step(-low), step(high)];
    (ends[0] < ends[1]).then_some(ends)
}

/// The smallest of 1, 2, 5, 10, 20, 50, ... and their tenths that is at least `value`; 0 for none.
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
    fn an_extreme_value_does_not_take_a_heat_maps_colours() {
        let mut values: Vec<f64> = (0..100).map(f64::from).collect();
        values[50] = 1e6;
        let expected = json!({"yMin": 1.0, "yMax": 99.0});
        assert_eq!(Value::Object(axes(ChartType::Heatmap, &[values])), expected);
        assert!(axes(ChartType::Heatmap, &[vec![4.0, 4.0]]).is_empty());
    }

    #[test]
    fn what_its_user_chose_stays() {
        let chart = |settings: Value| {
            let mut chart = Chart::new(1, ChartType::Line, &[]);
            chart.settings.extend(settings.as_object().cloned().unwrap());
            chart
        };
        assert!(applies(&chart(json!({"title": "t", "autoscale": "on"}))));
        assert!(!applies(&chart(json!({"yMax": 7}))));
        assert!(applies(&chart(json!({"yMin": "default"}))), "of a session from before");
        assert!(!applies(&chart(json!({"autoscale": "off"}))));
        assert!(!applies(&Chart::new(1, ChartType::StackedLine, &[])), "it scales itself");
    }

    proptest! {
        #[test]
        fn an_axis_holds_its_values_and_is_not_too_long(value in 1e-9f64..1e9) {
            let end = step(value);
            prop_assert!(value <= end * (1.0 + 2.0 * TOLERANCE) && end <= 2.5 * value, "{}", end);
        }
    }
}
