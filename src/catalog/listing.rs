//! What is served at one moment: sequences, datasources, measurements, and how they are found.

use super::datasource::{ChartType, Datasource, Kind, Measurement};
use crate::error::{Error, Result};
use crate::genome::{Aliases, Region, Sequences, built_in, built_in_names};
use crate::source::{ColumnInfo, ColumnKind, Hit, Mock, Shape, Source, Spec};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The group of dense signals whose user named none.
const SIGNALS: &str = "signals";

/// Everything served, at one moment.
#[derive(Clone, Debug)]
pub struct Listing {
    sequences: Sequences,
    /// The user chose the assembly: files add no sequences to it.
    fixed: bool,
    /// Other names of sequences, which the user gave.
    aliases: Arc<Aliases>,
    assembly: String,
    datasources: Vec<Arc<Datasource>>,
}

impl Listing {
    pub(super) fn new(assembly: Option<(String, Sequences)>) -> Self {
        let fixed = assembly.is_some();
        let (assembly, sequences) =
            assembly.unwrap_or_else(|| ("genome".to_owned(), Sequences::default()));
        Listing { sequences, fixed, aliases: Arc::default(), assembly, datasources: Vec::new() }
    }

    /// Other names of sequences, from now on.
    pub(super) fn learn(&mut self, aliases: Aliases) {
        self.aliases = Arc::new(aliases);
        self.apply_aliases();
    }

    fn apply_aliases(&mut self) {
        for sequence in &self.sequences.clone() {
            self.add_sequence(&sequence.name, sequence.length);
        }
    }

    /// Adds a sequence, if it is not there by any of its names.
    fn add_sequence(&mut self, name: &str, length: u32) {
        let aliases = self.aliases.clone();
        let known = aliases.of(name).find_map(|name| self.sequences.get(name));
        let name = known.map_or_else(|| name.into(), |known| known.name.clone());
        self.sequences.add_with_aliases(&name, length, aliases.of(&name));
    }

    /// The sequences that pages may look at.
    pub fn sequences(&self) -> &Sequences {
        &self.sequences
    }

    /// The name of the assembly, as far as it is known; pages of version 5 want one.
    pub fn assembly(&self) -> &str {
        &self.assembly
    }

    /// The region by our name for its sequence and cut at that sequence's end; none if nothing of
    /// it is left.
    pub fn locate(&self, region: &Region) -> Option<Region> {
        let sequence = self.sequences.get(&region.sequence)?;
        let end = region.end.min(sequence.length);
        (region.start < end).then(|| Region::new(sequence.name.clone(), region.start, end))
    }

    /// All datasources, in the order in which they were added.
    pub fn datasources(&self) -> &[Arc<Datasource>] {
        &self.datasources
    }

    /// All measurements, datasource by datasource.
    pub fn measurements(&self) -> impl Iterator<Item = &Arc<Measurement>> {
        self.datasources.iter().flat_map(|datasource| &datasource.measurements)
    }

    /// The datasource of that id, or the one that has a measurement of that id: pages name a range
    /// measurement where they mean its datasource.
    pub fn datasource(&self, id: &str) -> Option<&Arc<Datasource>> {
        self.datasources
            .iter()
            .find(|datasource| datasource.id == id)
            .or_else(|| self.datasources.iter().find(|d| d.measurements.iter().any(|m| m.id == id)))
    }

    /// The measurement of that id; else the only one whose id or name begins like that, in any
    /// case.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none, [`Error::Input`] if there are several.
    pub fn measurement(&self, text: &str) -> Result<&Arc<Measurement>> {
        if let Some(exact) = self.measurements().find(|m| m.id == text || m.name == text) {
            return Ok(exact);
        }
        let begins = |name: &str| {
            name.get(..text.len()).is_some_and(|start| start.eq_ignore_ascii_case(text))
        };
        let found: Vec<_> =
            self.measurements().filter(|m| begins(&m.id) || begins(&m.name)).collect();
        match found[..] {
            [one] => Ok(one),
            [] => Err(Error::NotFound(format!(
                "no measurement is called '{text}'; 'measurements' lists them"
            ))),
            _ => {
                let ids: Vec<_> = found.iter().take(8).map(|m| m.id.as_str()).collect();
                Err(Error::Input(format!("'{text}' may mean {}", ids.join(", "))))
            }
        }
    }

    /// Names that contain `text`, best first: exact, then prefix, then inside, then by position.
    pub fn search(&self, text: &str, limit: usize) -> Vec<Hit> {
        let mut hits: Vec<(usize, Hit)> = Vec::new();
        for datasource in &self.datasources {
            // The measurements of a datasource of features share one source.
            let Some(first) = datasource.measurements.first() else { continue };
            for mut hit in first.source.search(text, limit) {
                let at = self.sequences.position(&hit.region.sequence);
                if let Some(at) = at {
                    hit.region.sequence = self.sequences.at(at).name.clone();
                }
                hits.push((at.unwrap_or(usize::MAX), hit));
            }
        }
        hits.sort_by_key(|(at, hit)| (hit.closeness, *at, hit.region.start));
        hits.dedup_by(|a, b| a.1 == b.1);
        hits.truncate(limit);
        hits.into_iter().map(|(_, hit)| hit).collect()
    }

    /// A region that has data, to be shown first: of features if there are any.
    pub fn first_view(&self) -> Option<Region> {
        let by = |wanted: fn(Shape) -> bool| {
            let mut fitting = self.datasources.iter().filter(move |d| wanted(d.shape));
            fitting.find_map(|d| d.measurements.first()?.source.first_view())
        };
        let region = by(|shape| shape == Shape::Features)
            .or_else(|| by(|shape| shape == Shape::Genes))
            .or_else(|| by(|_| true))?;
        self.locate(&region)
    }

    /// The same region by the name that the source has for its sequence; none if it has none.
    pub(super) fn own_region(&self, source: &dyn Source, region: &Region) -> Option<Region> {
        let own = source.sequences();
        let found = own.position(&region.sequence).or_else(|| {
            let index = self.sequences.position(&region.sequence)?;
            self.sequences.names_of(index).find_map(|name| own.position(name))
        })?;
        Some(Region { sequence: own.at(found).name.clone(), ..region.clone() })
    }

    /// Adds sources; returns their measurements.
    pub(super) fn add(&mut self, opened: Vec<(Arc<dyn Source>, Spec)>) -> Vec<Arc<Measurement>> {
        self.admit_sequences(&opened);
        let mut added = Vec::new();
        for (source, spec) in opened {
            let measurements = self.describe(&source, &spec);
            let Some(first) = measurements.first() else { continue };
            let (id, group) = (first.datasource.clone(), first.group.clone());
            added.extend(measurements.iter().cloned());
            match self.datasources.iter_mut().find(|d| d.id == id) {
                Some(known) => Arc::make_mut(known).measurements.extend(measurements),
                None => self.datasources.push(Arc::new(Datasource {
                    id,
                    group,
                    shape: source.shape(),
                    measurements,
                })),
            }
        }
        added
    }

    pub(super) fn remove(&mut self, id: &str) -> Result<Vec<Arc<Measurement>>> {
        if let Some(index) = self.datasources.iter().position(|d| d.id == id) {
            return Ok(self.datasources.remove(index).measurements.clone());
        }
        for index in 0..self.datasources.len() {
            let datasource = Arc::make_mut(&mut self.datasources[index]);
            if let Some(at) = datasource.measurements.iter().position(|m| m.id == id) {
                let removed = datasource.measurements.remove(at);
                if datasource.measurements.is_empty() {
                    self.datasources.remove(index);
                }
                return Ok(vec![removed]);
            }
        }
        Err(Error::NotFound(format!("no datasource is called '{id}'; 'measurements' lists them")))
    }

    /// Removes the measurements that were asked for by `spec`.
    pub(super) fn remove_spec(&mut self, spec: &Arc<Spec>) {
        let of_spec = |m: &Arc<Measurement>| m.spec.as_ref().is_some_and(|s| Arc::ptr_eq(s, spec));
        for datasource in &mut self.datasources {
            if datasource.measurements.iter().any(of_spec) {
                Arc::make_mut(datasource).measurements.retain(|m| !of_spec(m));
            }
        }
        self.datasources.retain(|datasource| !datasource.measurements.is_empty());
    }

    /// Adds the sequences of sources that are not known yet. Lengths come from files that state
    /// them, else from the built-in assembly that fits, else from the last row.
    fn admit_sequences(&mut self, opened: &[(Arc<dyn Source>, Spec)]) {
        for (source, spec) in opened {
            if self.fixed {
                self.warn_of_strangers(&**source, spec);
            } else if source.knows_lengths() {
                source.sequences().iter().for_each(|s| {
                    if self.sequences.get(&s.name).is_none() {
                        self.add_sequence(&s.name, s.length);
                    }
                });
            }
        }
        let unknown = |known: &Sequences| -> Sequences {
            let all = opened.iter().flat_map(|(source, _)| source.sequences());
            let new = all.filter(|s| known.get(&s.name).is_none());
            new.map(|s| (&*s.name, s.length)).collect()
        };
        let new = unknown(&self.sequences);
        if self.fixed || new.is_empty() {
            return;
        }
        let assembly = fitting_assembly(&self.sequences, &new);
        let assembly = assembly.map(|(name, sequences)| {
            self.assembly = name.to_owned();
            if self.sequences.is_empty() {
                self.sequences = sequences.clone();
                self.apply_aliases();
            }
            sequences
        });
        for sequence in &unknown(&self.sequences) {
            let official = assembly.as_ref().and_then(|assembly| assembly.get(&sequence.name));
            let length = official.map_or(sequence.length, |official| official.length);
            self.add_sequence(&sequence.name, length.max(sequence.length));
        }
        self.warn_of_islands(opened);
    }

    /// Warns of files that share no sequence with any other because they name them by accessions
    /// and the others do not, or the other way round.
    fn warn_of_islands(&self, opened: &[(Arc<dyn Source>, Spec)]) {
        let places = |source: &dyn Source| -> Vec<usize> {
            source.sequences().iter().filter_map(|s| self.sequences.position(&s.name)).collect()
        };
        let known = self.datasources.iter().filter_map(|d| Some(&d.measurements.first()?.source));
        let all: Vec<_> = known.chain(opened.iter().map(|(source, _)| source)).collect();
        for (source, spec) in opened {
            let own = places(&**source);
            let others = all.iter().filter(|other| !Arc::ptr_eq(other, source));
            let mut others = others.filter(|other| !other.sequences().is_empty()).peekable();
            let Some(first) = others.peek().and_then(|other| other.sequences().iter().next())
            else {
                continue;
            };
            let meets = others.any(|other| places(&***other).iter().any(|at| own.contains(at)));
            let Some(theirs) = source.sequences().iter().next().filter(|_| !meets) else {
                continue;
            };
            if is_accession(&theirs.name) != is_accession(&first.name) {
                tracing::warn!(
                    "{}: shares no sequence with the other files: it says '{}', they say '{}'; \
                     --aliases FILE can tell which is which",
                    spec.input.path().display(),
                    theirs.name,
                    first.name
                );
            }
        }
    }

    fn warn_of_strangers(&self, source: &dyn Source, spec: &Spec) {
        let own = source.sequences();
        let shares = self
            .sequences
            .iter()
            .any(|s| self.own_region(source, &Region::new(s.name.clone(), 0, s.length)).is_some());
        if let (false, Some(theirs), Some(ours)) =
            (shares, own.iter().next(), self.sequences.iter().next())
        {
            tracing::warn!(
                "{}: none of its sequences is in the assembly: it says '{}', the assembly '{}'; \
                 nothing of it will show",
                spec.input.path().display(),
                theirs.name,
                ours.name
            );
        }
    }

    fn describe(&self, source: &Arc<dyn Source>, spec: &Spec) -> Vec<Arc<Measurement>> {
        let (options, kept) = (&spec.options, Arc::new(spec.clone()));
        let name = options.name.clone().unwrap_or_else(|| spec.input.stem());
        let id = self.free_id(&name);
        let shape = source.shape();
        let datasource = match shape {
            Shape::Dense => options.group.clone().unwrap_or_else(|| SIGNALS.to_owned()),
            _ => id.clone(),
        };
        let wanted = |column: &&ColumnInfo| {
            let only = options.columns.as_ref();
            only.is_none_or(|only| only.iter().any(|name| **name == *column.name))
        };
        let columns: Vec<_> = source.columns().iter().filter(wanted).collect();
        let text = columns.iter().filter(|column| column.kind == ColumnKind::Text);
        let metadata: Vec<Arc<str>> = text.map(|column| column.name.clone()).collect();
        let file = spec.input.path().file_name().unwrap_or_default().to_string_lossy();
        let measurement = |id: String, name: String, kind, chart| Measurement {
            id,
            name,
            datasource: datasource.clone(),
            group: datasource.clone(),
            kind,
            metadata: metadata.clone(),
            range: None,
            chart,
            color: options.color.clone(),
            annotation: std::iter::once(("file".to_owned(), file.clone().into_owned()))
                .chain(options.annotation.clone())
                .collect(),
            source: source.clone(),
            spec: Some(kept.clone()),
            column: None,
        };
        let mut all = Vec::new();
        let chart = match shape {
            Shape::Genes => Some(ChartType::Genes),
            Shape::Features => Some(ChartType::Blocks),
            Shape::Dense | Shape::Sparse => None,
        };
        if let Some(chart) = chart {
            all.push(measurement(id.clone(), name.clone(), Kind::Range, chart));
        }
        for column in columns {
            let ColumnKind::Number(range) = column.kind else { continue };
            let (id, name) = match chart {
                Some(_) => (format!("{id}.{}", column.name), format!("{name} {}", column.name)),
                None => (id.clone(), name.clone()),
            };
            let described = measurement(id, name, Kind::Feature, ChartType::Line);
            all.push(Measurement {
                range: options.range.or(range.map(pleasant)),
                column: Some(column.name.clone()),
                annotation: described
                    .annotation
                    .into_iter()
                    .chain(source.annotation(&column.name))
                    .chain(options.of_columns.get(&*column.name).cloned().unwrap_or_default())
                    .collect(),
                ..described
            });
        }
        all.into_iter().map(Arc::new).collect()
    }

    /// The tutorial's measurement, under the names that it has there.
    pub(super) fn add_mock(&mut self, mock: Arc<Mock>) {
        for sequence in mock.sequences() {
            if self.sequences.get(&sequence.name).is_none() && !self.fixed {
                self.sequences.add(&sequence.name, sequence.length);
            }
        }
        let measurement = Measurement {
            id: Mock::MEASUREMENT.into(),
            name: "Python Measurement".into(),
            datasource: "py_datasource".into(),
            group: "py_datasourcegroup".into(),
            kind: Kind::Feature,
            metadata: vec![Mock::METADATA.into()],
            range: Some((-5.0, 25.0)),
            chart: ChartType::Line,
            color: None,
            annotation: BTreeMap::new(),
            source: mock,
            spec: None,
            column: Some(Mock::MEASUREMENT.into()),
        };
        self.datasources.push(Arc::new(Datasource {
            id: measurement.datasource.clone(),
            group: measurement.group.clone(),
            shape: Shape::Features,
            measurements: vec![Arc::new(measurement)],
        }));
    }

    fn free_id(&self, name: &str) -> String {
        let taken = |id: &str| id == SIGNALS || self.datasource(id).is_some();
        let numbered = (2..).map(|n| format!("{name}-{n}"));
        std::iter::once(name.to_owned()).chain(numbered).find(|id| !taken(id)).unwrap_or_default()
    }
}

/// Whether a sequence goes by its number in GenBank or RefSeq (`NC_000001.11`), not by a name.
fn is_accession(name: &str) -> bool {
    let number = name.rsplit_once('.').map_or("", |(_, version)| version);
    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// The built-in assembly that shares most lengths with `known`; without known lengths the first
/// in which every sequence of `new` is found and is long enough.
fn fitting_assembly(known: &Sequences, new: &Sequences) -> Option<(&'static str, Sequences)> {
    let shared = |assembly: &Sequences| {
        let same = |s: &&crate::genome::Sequence| {
            assembly.get(&s.name).is_some_and(|official| official.length == s.length)
        };
        known.iter().filter(same).count()
    };
    let fits = |assembly: &Sequences| {
        let holds = |s: &crate::genome::Sequence| {
            assembly.get(&s.name).is_some_and(|official| official.length >= s.length)
        };
        new.iter().all(holds)
    };
    let mut assemblies = built_in_names().filter_map(|name| Some((name, built_in(name)?)));
    match known.is_empty() {
        true => assemblies.find(|(_, assembly)| fits(assembly)),
        false => assemblies
            .max_by_key(|(_, assembly)| shared(assembly))
            .filter(|(_, assembly)| shared(assembly) > 0),
    }
}

/// The range widened to round numbers, so that axes have pleasant ends: at most two digits, or
/// steps of a tenth of its width if it lies far from zero.
fn pleasant((low, high): (f64, f64)) -> (f64, f64) {
    let width = if high > low { high - low } else { high.abs().max(1.0) };
    let step = 10f64.powf((width / 2.0).log10().floor());
    let (low_step, high_step) = ((low / step).floor(), (high / step).ceil());
    // Division first: 3 * 0.1 is not 0.3, 3 / 10 is.
    let at = |steps: f64| if step < 1.0 { steps / (1.0 / step).round() } else { steps * step };
    let (low, high) = (at(low_step), at(high_step));
    if low < high { (low, high) } else { (low, low + at(1.0)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranges_become_pleasant() {
        assert_eq!(pleasant((0.0, 0.97)), (0.0, 1.0));
        assert_eq!(pleasant((0.12, 55.75)), (0.0, 60.0));
        assert_eq!(pleasant((-2.2, 1000.0)), (-100.0, 1000.0));
        assert_eq!(pleasant((5.0, 5.0)), (5.0, 6.0));
        assert_eq!(pleasant((0.0, 0.0)), (0.0, 0.1));
    }

    proptest! {
        #[test]
        fn a_pleasant_range_holds_the_true_one(a in -1e9f64..1e9, b in -1e9f64..1e9) {
            let (low, high) = pleasant((a.min(b), a.max(b)));
            prop_assert!(low <= a.min(b) && a.max(b) <= high && low < high);
        }
    }

    fn opened(text: &str) -> (Arc<dyn Source>, Spec) {
        let bytes: &'static [u8] = text.to_owned().leak().as_bytes();
        let input = crate::source::Input::Memory("x.bed".into(), bytes);
        let spec = Spec { input, options: crate::source::Options::default() };
        let source = crate::source::open(&spec, &crate::source::Context::default()).unwrap();
        (Arc::from(source), spec)
    }

    #[test]
    fn aliases_make_files_meet() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "# ucsc\trefseq\nscaf1\tNW_7.1\n").unwrap();
        let mut listing = Listing::new(None);
        listing.learn(Aliases::from_file(file.path()).unwrap());
        listing.add(vec![opened("scaf1\t1\t5\n"), opened("NW_7.1\t7\t9\n")]);
        let names: Vec<_> = listing.sequences().iter().map(|s| &*s.name).collect();
        assert_eq!(names, ["scaf1"]);
        let region = Region::new("scaf1", 0, 9);
        let own = listing.own_region(&*listing.datasources()[1].measurements[0].source, &region);
        assert_eq!(&*own.unwrap().sequence, "NW_7.1");
    }

    #[test]
    fn accessions_are_told_from_names() {
        assert!(is_accession("NC_000001.11") && is_accession("CM000663.2"));
        assert!(!is_accession("chr1") && !is_accession("1") && !is_accession("MT"));
    }
}
