use super::*;
use crate::source::Expression;
use crate::source::expression::{Function, fits, is_pattern};
use proptest::prelude::*;

const LENGTH: u32 = 20_000;

/// A signal in memory, base by base.
struct Bases {
    values: Vec<Option<f32>>,
    sequences: Sequences,
}

impl Bases {
    /// Runs of values, with gaps between some of them.
    fn new(seed: u64, gaps: bool) -> Arc<Self> {
        let mut state = seed;
        let mut random = |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let mut values = Vec::new();
        while values.len() < LENGTH as usize {
            let (length, value) = (1 + random(90) as usize, random(400) as f32 / 8.0);
            let value = (!gaps || random(3) > 0).then_some(value);
            values.extend(std::iter::repeat_n(value, length));
        }
        values.truncate(LENGTH as usize);
        Arc::new(Bases { values, sequences: [("own", LENGTH)].into_iter().collect() })
    }
}

impl Source for Bases {
    fn shape(&self) -> Shape {
        Shape::Dense
    }

    fn sequences(&self) -> &Sequences {
        &self.sequences
    }

    fn columns(&self) -> &[ColumnInfo] {
        &[]
    }

    fn rows(&self, _: &Region, _: Level) -> u64 {
        0
    }

    fn first_view(&self) -> Option<Region> {
        None
    }

    fn has_sums(&self) -> bool {
        true
    }

    fn sums(&self, sequence: &str, shift: u8, bins: Range<u32>) -> Result<Vec<BinSum>> {
        assert_eq!(sequence, "own");
        let sum = |bin: u32| {
            let (from, to) = ((bin as usize) << shift, ((bin as usize) + 1) << shift);
            let values = self.values.get(from..to.min(self.values.len())).unwrap_or_default();
            let known: Vec<f64> = values.iter().flatten().map(|value| f64::from(*value)).collect();
            BinSum { sum: known.iter().sum(), covered: known.len() as u32 }
        };
        Ok(bins.map(sum).collect())
    }

    fn read(&self, _: &Region, _: Level, _: &[&str]) -> Result<Table> {
        Ok(Table::default())
    }
}

/// Inputs `a`, `b`, and so on, computed by an expression.
fn computed(text: &str, inputs: &[Arc<Bases>], at: Option<u8>, gaps: bool) -> Computed {
    let sequences: Sequences = [("chr1", LENGTH)].into_iter().collect();
    let expression = Expression::parse(text).unwrap();
    let letter = |at: usize| char::from(b'a' + at as u8).to_string();
    let plan = compile(&expression, &mut |name| {
        let all = 0..inputs.len();
        let is = |at: &usize| {
            if is_pattern(name) { fits(name, &letter(*at)) } else { letter(*at) == name }
        };
        Ok(all.filter(is).collect())
    });
    let named = |(at, source): (usize, &Arc<Bases>)| ComputedInput {
        id: letter(at),
        source: source.clone(),
        names: vec![Some("own".into())],
    };
    let inputs = inputs.iter().enumerate().map(named).collect();
    let definition = Arc::new(Definition { expression, at, gaps });
    Computed::new(definition, plan.unwrap(), inputs, sequences)
}

/// The value of each base, by a plain loop: in steps of `step` bases.
fn base_by_base(
    inputs: &[Arc<Bases>],
    step: usize,
    gaps: bool,
    formula: &dyn Fn(&[f64]) -> f64,
) -> Vec<f64> {
    let mut values = Vec::new();
    for from in (0..LENGTH as usize).step_by(step) {
        let to = (from + step).min(LENGTH as usize);
        let of = |input: &Arc<Bases>| {
            let known: Vec<f64> =
                input.values[from..to].iter().flatten().map(|value| f64::from(*value)).collect();
            let count = if gaps { known.len() } else { to - from };
            known.iter().sum::<f64>() / count as f64
        };
        let value = formula(&inputs.iter().map(of).collect::<Vec<_>>());
        values.extend(std::iter::repeat_n(value, to - from));
    }
    values
}

/// The mean over the bases of a bin that have a value.
fn mean(values: &[f64]) -> f64 {
    let known: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    known.iter().sum::<f64>() / known.len() as f64
}

fn read(source: &Computed, shift: u8, start: u32, end: u32) -> Table {
    source.read(&Region::new("chr1", start, end), Level::Bins { shift }, &[VALUE]).unwrap()
}

fn check(source: &Computed, expected: &[f64], shift: u8, start: u32, end: u32) {
    let table = read(source, shift, start, end);
    let first = (start >> shift) << shift;
    assert_eq!(table.start[0], first);
    assert_eq!(table.first_rank, u64::from(start >> shift));
    for row in 0..table.len() {
        let (from, to) = (table.start[row] as usize, table.end[row] as usize);
        assert_eq!(to, (((from >> shift) + 1) << shift).min(LENGTH as usize));
        let (value, expected) = (table.columns[0].data.number(row), mean(&expected[from..to]));
        let near = (value - expected).abs() <= 1e-5 * expected.abs().max(1.0);
        assert!(
            near || (value.is_nan() && expected.is_nan()),
            "{from}..{to}: {value}, not {expected}"
        );
    }
}

type Formula = fn(&[f64]) -> f64;

/// Expressions, whether they are linear, and the same in Rust.
const EXPRESSIONS: &[(&str, bool, Formula)] = &[
    ("a + b", true, |v| v[0] + v[1]),
    ("a - 2*b/3 + 1", true, |v| v[0] - 2.0 * v[1] / 3.0 + 1.0),
    ("mean(*)", true, |v| (v[0] + v[1]) / 2.0),
    ("3*a - 5", true, |v| 3.0 * v[0] - 5.0),
    ("scale(b, 10, 30)", true, |v| (v[1] - 10.0) / 20.0),
    ("a / b", false, |v| v[0] / v[1]),
    ("log2((a + 1) / (b + 1))", false, |v| ((v[0] + 1.0) / (v[1] + 1.0)).log2()),
    ("max(a, b) - min(a, b)", false, |v| (v[0] - v[1]).abs()),
    ("sd(a, b)", false, |v| (v[0] - v[1]).abs() / 2f64.sqrt()),
    ("clamp(a, 10, 30) * (b > 20)", false, |v| {
        if v[1] > 20.0 { v[0].clamp(10.0, 30.0) } else { v[0] * 0.0 }
    }),
    ("sqrt(a) + abs(b - 25) + exp(-a)", false, |v| {
        v[0].sqrt() + (v[1] - 25.0).abs() + (-v[0]).exp()
    }),
    ("median(a, b, 20)", false, |v| {
        let mut all = [v[0], v[1], 20.0];
        all.sort_by(f64::total_cmp);
        if v[0].is_nan() || v[1].is_nan() { f64::NAN } else { all[1] }
    }),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Every expression, with and without gaps, at every level, against a plain loop over bases.
    #[test]
    fn values_are_those_of_a_loop_over_bases(
        seed in 0u64..1000, which in 0..EXPRESSIONS.len(), gaps: bool, at in 0u8..14, chosen: bool,
        shift in 0u8..16, start in 0..LENGTH - 1, length in 1u32..5000,
    ) {
        let (text, is_linear, formula) = EXPRESSIONS[which];
        let inputs = [Bases::new(seed, true), Bases::new(seed + 7, true)];
        let at = (!is_linear || chosen).then_some(at);
        let source = computed(text, &inputs, at, gaps);
        prop_assert_eq!(source.plan.is_linear(), is_linear);
        let used: Vec<Arc<Bases>> = inputs.to_vec();
        let one = text == "3*a - 5" || text == "scale(b, 10, 30)";
        // Where only one input is named, the other one's gaps do not count.
        let formula = |v: &[f64]| formula(v);
        let step = at.map_or(1, |at| 1usize << at);
        let mut expected = base_by_base(&used, step, gaps, &formula);
        if gaps && !one {
            let all = base_by_base(&used, step, true, &|v| v[0] + v[1]);
            expected.iter_mut().zip(all).for_each(|(value, all)| if all.is_nan() { *value = f64::NAN; });
        }
        let single = one.then(|| {
            let index = usize::from(text.contains('b'));
            let letter = ["a", "b"][index];
            computed(&text.replace(letter, "a"), &inputs[index..=index], at, gaps)
        });
        check(single.as_ref().unwrap_or(&source), &expected, shift, start, (start + length).min(LENGTH));
    }
}

#[test]
fn the_ratio_of_means_is_not_the_mean_of_ratios() {
    let inputs = [Bases::new(1, false), Bases::new(2, false)];
    let source = computed("a / (b + 1)", &inputs, Some(4), false);
    let expected = base_by_base(&inputs, 16, false, &|v| v[0] / (v[1] + 1.0));
    check(&source, &expected, 12, 0, LENGTH);
    // What would come of dividing what is shown.
    let means = |input: &Arc<Bases>| input.sums("own", 12, 0..1).unwrap()[0].mean();
    let wrong = means(&inputs[0]) / (means(&inputs[1]) + 1.0);
    let value = read(&source, 12, 0, 4096).columns[0].data.number(0);
    assert!((value - wrong).abs() > 0.3, "{value} {wrong}");
}

#[test]
fn a_computed_signal_can_be_computed_with() {
    let inputs = [Bases::new(1, true), Bases::new(2, true)];
    let inner = Arc::new(computed("a / (b + 1)", &inputs, Some(6), false));
    let outer_input =
        ComputedInput { id: "r".into(), source: inner, names: vec![Some("chr1".into())] };
    let expression = Expression::parse("2 * r + 1").unwrap();
    let plan = compile(&expression, &mut |_| Ok(vec![0])).unwrap();
    let definition = Arc::new(Definition { expression, at: None, gaps: false });
    let sequences = [("chr1", LENGTH)].into_iter().collect();
    let outer = Computed::new(definition, plan, vec![outer_input], sequences);
    let expected = base_by_base(&inputs, 64, false, &|v| 2.0 * v[0] / (v[1] + 1.0) + 1.0);
    for shift in [0, 3, 6, 9, 12, 15] {
        check(&outer, &expected, shift, 100, 9000);
    }
}

#[test]
fn a_window_of_smooth_is_the_same_wherever_reading_begins() {
    let inputs = [Bases::new(3, true)];
    let source = computed("smooth(a, 500)", &inputs, Some(4), true);
    let whole = read(&source, 4, 0, LENGTH);
    for start in [16, 1000, 5555, 19_000] {
        let part = read(&source, 4, start, (start + 700).min(LENGTH));
        let at = part.first_rank as usize;
        for row in 0..part.len() {
            let (a, b) = (part.columns[0].data.number(row), whole.columns[0].data.number(at + row));
            assert!(a.to_bits() == b.to_bits(), "row {row} from {start}: {a} {b}");
        }
    }
    // By a plain loop: 31 bins of 16 bases.
    let steps = base_by_base(&inputs, 16, true, &|v| v[0]);
    let bins: Vec<f64> = steps.iter().step_by(16).copied().collect();
    let row = 700;
    let window: Vec<f64> =
        bins[row - 15..=row + 15].iter().copied().filter(|v| !v.is_nan()).collect();
    let expected = window.iter().sum::<f64>() / window.len() as f64;
    assert!((whole.columns[0].data.number(row) - expected).abs() < 1e-4);
}

#[test]
fn functions_take_the_number_of_arguments_that_is_stated() {
    assert!(Expression::parse("clamp(a, 1)").is_err() && Function::Clamp.arity() == Some(3));
}

#[test]
fn other_columns_and_other_sequences_are_as_in_other_sources() {
    let source = computed("a + 1", &[Bases::new(1, false)], None, false);
    let level = Level::Bins { shift: 4 };
    let region = Region::new("chr1", 0, 100);
    assert!(source.read(&region, level, &["score"]).unwrap_err().to_string().contains("value"));
    let elsewhere = source.read(&Region::new("chr9", 0, 100), level, &[VALUE]).unwrap();
    assert!(elsewhere.is_empty() && elsewhere.columns.len() == 1);
    assert_eq!(
        source.sums("chr1", 4, 1249..1252).unwrap().iter().map(|s| s.covered).collect::<Vec<_>>(),
        [16, 0, 0]
    );
    assert!(source.read(&Region::new("chr1", LENGTH, LENGTH + 5), level, &[]).unwrap().is_empty());
}
