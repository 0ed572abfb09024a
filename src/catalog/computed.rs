//! Computed measurements in the listing: their definition, and their renewal when what they are
//! computed from changes.

use super::{Catalog, Listing, Measurement};
use crate::bytes::Input;
use crate::error::{Error, Result};
use crate::genome::{Region, Sequences};
use crate::source::expression::{fits, is_pattern};
use crate::source::{
    Broken, Computed, ComputedInput, Definition, Expression, Options, Part, Plan, Source, Spec,
    WIDEST_STEP, compile, suggestion, unknown,
};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Width (log2) of the bins in which an expression is computed that is not linear, unless the user
/// chose another.
const DEFAULT_STEP: u8 = 6;
/// Longest name of a computed measurement, in bytes.
const LONGEST_NAME: usize = 64;

/// A computed measurement as a user defines it.
#[derive(Clone, Debug)]
pub struct ComputedSpec {
    name: String,
    expression: Expression,
    /// Width (log2) of its bins.
    at: Option<u8>,
    gaps: Option<bool>,
    options: Options,
    /// The texts from which the options were set.
    set: BTreeMap<String, String>,
}

/// The keys of a definition and their values, for help texts and errors.
pub const COMPUTED_KEYS: &[(&str, &str)] = &[
    ("at", "width of the bins in which it is computed, in bases: a power of two"),
    ("missing", "zero or gap: what a base without data means"),
    ("group", "signals of one group are drawn and compared together"),
    ("color", "colour of its charts, like #1f77b4"),
    ("range", "LOW:HIGH, the values that charts show"),
];

/// Measurements before and after a change.
#[derive(Debug)]
pub struct Renewed {
    /// Before the change.
    pub before: Vec<Arc<Measurement>>,
    /// The same ones now.
    pub now: Vec<Arc<Measurement>>,
}

/// What a listed measurement is computed from.
#[derive(Clone)]
pub(super) struct Built {
    inputs: Vec<ComputedInput>,
    sequences: Sequences,
    /// Why it cannot be computed.
    pub(super) trouble: Option<String>,
}

impl std::fmt::Debug for Built {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ids: Vec<_> = self.inputs.iter().map(|input| &input.id).collect();
        write!(f, "Built({ids:?}, {:?})", self.trouble)
    }
}

impl Built {
    fn is(&self, other: &Built) -> bool {
        self.trouble == other.trouble
            && self.inputs.len() == other.inputs.len()
            && self.inputs.iter().zip(&other.inputs).all(|(a, b)| a.is(b))
            && self.sequences.len() == other.sequences.len()
            && self.sequences.iter().eq(other.sequences.iter())
    }
}

impl ComputedSpec {
    /// Creates a definition with the default options.
    ///
    /// # Errors
    /// [`Error::Input`] for an unsuitable name, and for the place of an error in the expression.
    pub fn new(name: &str, expression: &str) -> Result<Self> {
        check_name(name)?;
        let expression = Expression::parse(expression)?;
        let (name, options) = (name.to_owned(), Options::default());
        Ok(ComputedSpec { name, expression, at: None, gaps: None, options, set: BTreeMap::new() })
    }

    /// Returns the name, which is the id of the measurement too.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sets an option, one of [`COMPUTED_KEYS`], from its text.
    ///
    /// # Errors
    /// [`Error::Input`] for an unknown key or a value that it does not take.
    pub fn set(&mut self, key: &str, value: &str) -> Result<()> {
        match key {
            "at" => {
                let width = value
                    .parse::<u32>()
                    .ok()
                    .filter(|width| width.is_power_of_two() && *width <= 1 << WIDEST_STEP);
                let width = width.ok_or_else(|| {
                    Error::Input(format!(
                        "at={value}: at takes a power of two from 1 to {}, such as 64",
                        1u32 << WIDEST_STEP
                    ))
                })?;
                self.at = Some(width.trailing_zeros() as u8);
            }
            "missing" => {
                self.gaps = Some(match value {
                    "zero" => false,
                    "gap" => true,
                    _ => {
                        let what = format!("missing={value}: missing takes zero or gap");
                        return Err(Error::Input(what));
                    }
                });
            }
            "group" | "color" | "range" => self.options.set(key, value)?,
            _ => {
                let known = COMPUTED_KEYS.iter().map(|(key, _)| *key);
                return Err(Error::Input(unknown("key", key, known)));
            }
        }
        self.set.insert(key.to_owned(), value.to_owned());
        Ok(())
    }

    /// Returns the definition as JSON, for [`ComputedSpec::from_json`].
    pub fn to_json(&self) -> String {
        json!({"expression": self.expression.text(), "options": self.set}).to_string()
    }

    /// Reads what [`ComputedSpec::to_json`] returned.
    ///
    /// # Errors
    /// As [`ComputedSpec::new`] and [`ComputedSpec::set`].
    pub fn from_json(name: &str, text: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct Written {
            expression: String,
            options: BTreeMap<String, String>,
        }
        let written: Written = serde_json::from_str(text)
            .map_err(|error| Error::Input(format!("its definition is damaged: {error}")))?;
        let mut wanted = ComputedSpec::new(name, &written.expression)?;
        written.options.iter().try_for_each(|(key, value)| wanted.set(key, value))?;
        Ok(wanted)
    }
}

/// Checks the name that a user or a program chose for a measurement.
///
/// # Errors
/// [`Error::Input`] that says which names are allowed.
pub(super) fn check_name(name: &str) -> Result<()> {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-');
    let is_right = !name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(plain);
    if is_right && !name.starts_with('.') {
        return Ok(());
    }
    Err(Error::Input(format!(
        "'{name}' is not a name for a measurement; it has up to {LONGEST_NAME} letters, digits, \
         '_', '.' and '-'"
    )))
}

impl Catalog {
    /// Serves a computed measurement, or replaces its definition. Returns the measurements of that
    /// name before (none if it is new) and now.
    ///
    /// # Errors
    /// [`Error::Input`] if the name is taken, if it would be computed of itself, and for names in the
    /// expression that are not served or are no signals.
    pub async fn compute(&self, wanted: ComputedSpec) -> Result<Renewed> {
        let renewed = self.change(|listing| listing.define(wanted))?;
        self.sample_ranges(&renewed.now).await;
        self.prepare_wide_views(&renewed.now);
        Ok(renewed)
    }

    /// Serves the computed measurements of an earlier session, given by their names and
    /// definitions as JSON; those that cannot be computed are logged.
    pub async fn compute_again(&self, mut saved: Vec<(String, String)>) {
        // One may be computed of another that was saved after it.
        loop {
            let count = saved.len();
            let mut errors = Vec::new();
            for (name, definition) in std::mem::take(&mut saved) {
                let computed = match ComputedSpec::from_json(&name, &definition) {
                    Ok(wanted) => self.compute(wanted).await.map(drop),
                    Err(error) => Err(error),
                };
                if let Err(error) = computed {
                    errors.push(format!("computed '{name}' of the last session: {error}"));
                    saved.push((name, definition));
                }
            }
            if saved.len() == count || saved.is_empty() {
                errors.iter().for_each(|error| tracing::warn!("not served: {error}"));
                return;
            }
        }
    }

    /// Waits until computed measurements were renewed because others have changed.
    pub async fn next_renewed(&self) -> Renewed {
        let mut renewed = self.renewed.lock().await;
        // The catalog has a sender itself, so the channel is never closed.
        let Some(renewed) = renewed.recv().await else { std::future::pending().await };
        self.sample_ranges(&renewed.now).await;
        self.prepare_wide_views(&renewed.now);
        renewed
    }

    /// Makes the sums for wide views of these measurements in the background, where they do not follow
    /// from the inputs' own.
    fn prepare_wide_views(&self, measurements: &[Arc<Measurement>]) {
        /// Longer sequences are worth it, in bases.
        const LONG: u32 = 4 << 20;
        /// Width (log2) of the bins of a view of a whole chromosome.
        const WIDE: u8 = 16;
        let has_own = |m: &&Arc<Measurement>| {
            let definition = m.spec.as_ref().and_then(|spec| spec.options.computed.as_ref());
            definition.is_some_and(|definition| definition.at.is_some() || definition.gaps)
        };
        for measurement in measurements.iter().filter(|m| !m.is_far()).filter(has_own) {
            let (pool, source) = (self.search_pool.clone(), measurement.source.clone());
            let id = measurement.id.clone();
            tokio::spawn(async move {
                let names = source.sequences().iter().filter(|s| s.length >= LONG);
                let names: Vec<Arc<str>> = names.map(|sequence| sequence.name.into()).collect();
                for name in names {
                    let source = Arc::downgrade(&source);
                    let sum = move || match source.upgrade() {
                        Some(source) => source.sums(&name, WIDE, 0..1).map(drop),
                        None => Ok(()),
                    };
                    if let Err(error) = pool.run(sum).await {
                        tracing::debug!("{id}: no sums for wide views: {error}");
                        return;
                    }
                }
            });
        }
    }
}

impl Listing {
    /// Adds a computed measurement, or replaces it.
    fn define(&mut self, wanted: ComputedSpec) -> Result<Renewed> {
        let ComputedSpec { name, expression, at, gaps, mut options, .. } = wanted;
        let known = self.measurements().find(|m| m.id == name).cloned();
        let old = known.as_ref().and_then(|m| m.spec.clone());
        let old = old.filter(|spec| spec.options.computed.is_some());
        if (known.is_some() && old.is_none()) || (known.is_none() && self.free_id(&name) != name) {
            return Err(Error::Input(format!("'{name}' is served already; choose another name")));
        }
        let (plan, ids) = self.plan(&name, &expression)?;
        self.check_cycle(&name, &ids)?;
        let at = at.or_else(|| (!plan.is_linear()).then_some(DEFAULT_STEP));
        plan.check(at.unwrap_or_default()).map_err(|what| expression.error(0, what))?;
        let is_points = |id: &String| {
            let input = self.measurements().find(|m| m.id == *id);
            input.is_some_and(|m| m.source.shape() == crate::source::Shape::Sparse)
        };
        let gaps = gaps.unwrap_or_else(|| ids.iter().any(is_points));
        options.name = Some(name.clone());
        options.computed = Some(Arc::new(Definition { expression, at, gaps }));
        let spec = Spec { input: Input::Memory(name.clone().into(), &[]), options };
        let before = known.into_iter().collect();
        let part = self.build(&name, &spec);
        let now = match old {
            Some(old) => self.replace(&[old], vec![(vec![part], spec)]),
            None => self.add(vec![(vec![part], spec)]),
        };
        Ok(Renewed { before, now })
    }

    /// Checks that none of the inputs is computed of `name`.
    fn check_cycle(&self, name: &str, inputs: &[String]) -> Result<()> {
        let mut paths: Vec<Vec<&str>> = inputs.iter().map(|id| vec![id.as_str()]).collect();
        let mut seen = std::collections::BTreeSet::new();
        while let Some(path) = paths.pop() {
            let Some(last) = path.last().copied() else { continue };
            if last == name {
                let names: Vec<_> = std::iter::once(name).chain(path.iter().copied()).collect();
                let what = format!("'{name}' would be computed of itself: {}", names.join(" of "));
                return Err(Error::Input(what));
            }
            if seen.insert(last)
                && let Some(built) = self.computed.get(last)
            {
                let next = built.inputs.iter().map(|input| input.id.as_str());
                paths.extend(next.map(|next| path.iter().copied().chain([next]).collect()));
            }
        }
        Ok(())
    }

    /// Resolves the names of an expression; returns the ids of the inputs in the plan's order.
    fn plan(&self, own: &str, expression: &Expression) -> Result<(Plan, Vec<String>)> {
        let mut ids: Vec<String> = Vec::new();
        let mut index = |id: &str| {
            ids.iter().position(|known| known == id).unwrap_or_else(|| {
                ids.push(id.to_owned());
                ids.len() - 1
            })
        };
        let plan = compile(expression, &mut |name| {
            if is_pattern(name) {
                // Otherwise mean(H3K27ac_*) could include itself.
                let signals = self.measurements().filter(|m| can_be_computed_with(m).is_ok());
                let files = signals.filter(|m| m.id != own && !m.is_computed());
                let found: Vec<usize> =
                    files.filter(|m| fits(name, &m.id)).map(|m| index(&m.id)).collect();
                return match &found[..] {
                    [] => Err(format!("no signal has an id that fits {name}")),
                    _ => Ok(found),
                };
            }
            let all = || self.measurements();
            let found = all().find(|m| m.id == name).or_else(|| all().find(|m| m.name == name));
            let found = found.ok_or_else(|| {
                let meant = suggestion(name, all().map(|m| m.id.as_str()));
                format!("no measurement is called '{name}'; 'measurements' lists them{meant}")
            })?;
            can_be_computed_with(found)?;
            Ok(vec![index(&found.id)])
        });
        plan.map(|plan| (plan, ids))
    }

    /// Creates the source of a computed measurement from what is served now, and remembers its
    /// inputs.
    fn build(&mut self, id: &str, spec: &Spec) -> Part {
        let (built, plan) = self.inputs_of(id, spec);
        let source: Arc<dyn Source> = match (&spec.options.computed, plan) {
            (Some(definition), Some(plan)) => Arc::new(Computed::new(
                definition.clone(),
                plan,
                built.inputs.clone(),
                built.sequences.clone(),
            )),
            _ => {
                let why = built.trouble.clone().unwrap_or_default();
                Arc::new(Broken::new(id, why, built.sequences.clone()))
            }
        };
        self.computed.insert(id.to_owned(), built);
        Part { companion: None, source }
    }

    /// Returns what a measurement is computed from now.
    fn inputs_of(&self, id: &str, spec: &Spec) -> (Built, Option<Plan>) {
        let definition = spec.options.computed.as_deref();
        let resolved = definition.map(|definition| self.plan(id, &definition.expression));
        let (plan, ids) = match resolved {
            Some(Ok((plan, ids))) => (plan, ids),
            Some(Err(error)) => {
                let sequences = self.sequences().clone();
                let trouble = Some(format!("cannot be computed: {error}"));
                return (Built { inputs: Vec::new(), sequences, trouble }, None);
            }
            None => {
                let sequences = Sequences::default();
                return (Built { inputs: Vec::new(), sequences, trouble: None }, None);
            }
        };
        let mut inputs: Vec<ComputedInput> = ids
            .iter()
            .filter_map(|id| self.measurements().find(|m| m.id == *id))
            .map(|m| ComputedInput {
                id: m.id.clone(),
                source: m.source.clone(),
                names: Vec::new(),
            })
            .collect();
        let mut sequences = Sequences::default();
        for sequence in self.sequences() {
            let whole = Region::new(sequence.name, 0, sequence.length);
            let names: Vec<_> = inputs
                .iter()
                .map(|input| self.own_region(&*input.source, &whole).map(|own| own.sequence))
                .collect();
            if names.iter().any(Option::is_some) {
                sequences.add(sequence.name, sequence.length);
                inputs.iter_mut().zip(names).for_each(|(input, name)| input.names.push(name));
            }
        }
        (Built { inputs, sequences, trouble: None }, Some(plan))
    }

    /// Renews the computed measurements whose inputs have changed. Returns none if there are none.
    pub(super) fn renew_computed(&mut self) -> Option<Renewed> {
        let mut before: BTreeMap<String, Arc<Measurement>> = BTreeMap::new();
        // One that is computed of another is renewed after it; there is no circle.
        loop {
            let computed: Vec<_> =
                self.measurements().filter(|m| m.is_computed()).cloned().collect();
            self.computed.retain(|id, _| computed.iter().any(|m| m.id == *id));
            let mut is_done = true;
            for measurement in computed {
                let Some(spec) = measurement.spec.clone() else { continue };
                let (now, _) = self.inputs_of(&measurement.id, &spec);
                if self.computed.get(&measurement.id).is_some_and(|known| known.is(&now)) {
                    continue;
                }
                let part = self.build(&measurement.id, &spec);
                self.replace(std::slice::from_ref(&spec), vec![(vec![part], (*spec).clone())]);
                before.entry(measurement.id.clone()).or_insert(measurement);
                is_done = false;
            }
            if is_done {
                break;
            }
        }
        let now = self.measurements().filter(|m| before.contains_key(&m.id)).cloned().collect();
        (!before.is_empty()).then(|| Renewed { before: before.into_values().collect(), now })
    }
}

/// Checks that a measurement is a signal.
fn can_be_computed_with(measurement: &Measurement) -> Result<(), String> {
    if measurement.source.has_sums() && measurement.column.is_some() {
        return Ok(());
    }
    Err(format!(
        "'{}' does not have one value per base, as signals have (bigWig, bedGraph, coverage, ...)",
        measurement.id
    ))
}
