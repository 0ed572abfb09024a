//! What is served at one moment: sequences, datasources, measurements, and how they are found.

pub(super) mod describe;
mod resolve_sequences;
mod row_summary;

use super::datasource::{Datasource, Measurement};
use crate::error::{Error, Result};
use crate::genome::{Aliases, Region, Sequences};
use crate::source::{Hit, Part, Shape, Source, Spec};
use std::sync::Arc;

/// The name of an assembly that is not known.
const UNKNOWN: &str = "genome";
/// So many datasources are asked for a place to show first: each may have to be read.
const MOST_LOOKED_AT: usize = 20;

/// Everything served, at one moment.
#[derive(Clone, Debug)]
pub struct Listing {
    sequences: Sequences,
    /// The user chose the assembly: files add no sequences to it.
    fixed: bool,
    /// Other names of sequences, which the user gave.
    aliases: Arc<Aliases>,
    /// They are guessed from the beginnings of files that are still being read.
    tentative: bool,
    assembly: String,
    datasources: Vec<Arc<Datasource>>,
}

impl Listing {
    pub(super) fn new(assembly: Option<(String, Sequences)>) -> Self {
        let fixed = assembly.is_some();
        let (assembly, sequences) =
            assembly.unwrap_or_else(|| (UNKNOWN.to_owned(), Sequences::default()));
        Listing {
            sequences,
            fixed,
            aliases: Arc::default(),
            tentative: false,
            assembly,
            datasources: Vec::new(),
        }
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

    /// Whether the assembly is known: the user named it, or lengths or names fit a built-in one.
    pub fn knows_assembly(&self) -> bool {
        self.assembly != UNKNOWN
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

    /// As [`super::Catalog::search`]; may read files.
    pub(super) fn search(&self, text: &str, limit: usize) -> Vec<Hit> {
        let mut hits: Vec<(usize, Hit)> = Vec::new();
        for datasource in &self.datasources {
            // The measurements of a datasource of features share one source.
            let first = datasource.measurements.first().filter(|first| !first.is_far());
            let Some(first) = first else { continue };
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

    /// As [`super::Catalog::first_view`]; reads files.
    pub(super) fn first_view(&self) -> Option<Region> {
        let order = |shape| match shape {
            Shape::Features => 0,
            Shape::Genes => 1,
            _ => 2,
        };
        let sources = self.datasources.iter();
        let mut sources: Vec<_> = sources
            .filter_map(|d| Some((order(d.shape), &d.measurements.first()?.source)))
            .collect();
        sources.sort_by_key(|(order, _)| *order);
        let mut best: Option<(usize, Region)> = None;
        for (_, source) in sources.iter().take(MOST_LOOKED_AT) {
            let view = source.first_view().and_then(|region| self.locate(&region));
            let Some(region) = view else { continue };
            let has =
                |other: &&(i32, &Arc<dyn Source>)| self.own_region(&**other.1, &region).is_some();
            let sharing = sources.iter().filter(has).count();
            if best.as_ref().is_none_or(|(most, _)| sharing > *most) {
                best = Some((sharing, region));
            }
            if sharing == sources.len() {
                break;
            }
        }
        best.map(|(_, region)| region)
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

    /// Adds what files are served as; returns the measurements.
    pub(super) fn add(&mut self, opened: Vec<(Vec<Part>, Spec)>) -> Vec<Arc<Measurement>> {
        self.resolve_sequences(&opened);
        let mut added = Vec::new();
        for (parts, spec) in opened {
            let name = spec.options.name.clone().unwrap_or_else(|| spec.input.stem());
            let (own, spec) = (self.free_id(&name), Arc::new(spec));
            for part in parts {
                let (id, name) = match part.companion {
                    Some(what) => {
                        // The reads of `reads.bam` are no `reads reads`.
                        let of = if name == what { name.clone() } else { format!("{name} {what}") };
                        (self.free_id(&format!("{own}.{what}")), of)
                    }
                    None => (own.clone(), name.clone()),
                };
                let measurements = self.describe(&part, &spec, &id, &name);
                added.extend(measurements.iter().cloned());
                self.list(part.source.shape(), measurements);
            }
        }
        added
    }

    /// Adds measurements of one source to the datasource that they name.
    fn list(&mut self, shape: Shape, measurements: Vec<Arc<Measurement>>) {
        let Some(first) = measurements.first() else { return };
        let (id, group) = (first.datasource.clone(), first.group.clone());
        match self.datasources.iter_mut().find(|d| d.id == id) {
            Some(known) => Arc::make_mut(known).measurements.extend(measurements),
            None => self.datasources.push(Arc::new(Datasource { id, group, shape, measurements })),
        }
    }

    /// Puts sources in the place of those that were asked for by `specs`; returns their
    /// measurements.
    pub(super) fn replace(
        &mut self,
        specs: &[Arc<Spec>],
        opened: Vec<(Vec<Part>, Spec)>,
    ) -> Vec<Arc<Measurement>> {
        let ids = |all: &[Arc<Measurement>]| all.iter().map(|m| m.id.clone()).collect::<Vec<_>>();
        let order: Vec<_> =
            self.datasources.iter().map(|d| (d.id.clone(), ids(&d.measurements))).collect();
        specs.iter().for_each(|spec| self.remove_spec(spec));
        let added = self.add(opened);
        // Whoever reads the list finds everything where it was; what is new comes last.
        let place = |id: &str| order.iter().position(|known| known.0 == id);
        self.datasources.sort_by_key(|d| place(&d.id).unwrap_or(usize::MAX));
        for datasource in &mut self.datasources {
            let Some(before) = place(&datasource.id).map(|at| &order[at].1) else { continue };
            if *before != ids(&datasource.measurements) {
                let at = |m: &Arc<Measurement>| before.iter().position(|id| *id == m.id);
                let measurements = &mut Arc::make_mut(datasource).measurements;
                measurements.sort_by_key(|m| at(m).unwrap_or(usize::MAX));
            }
        }
        added
    }

    /// Removes a datasource or a measurement. With the last of a file's own measurements goes what
    /// stands beside them.
    pub(super) fn remove(&mut self, id: &str) -> Result<Vec<Arc<Measurement>>> {
        let mut removed = self.remove_one(id)?;
        let specs: Vec<_> = removed.iter().filter_map(|m| m.spec.clone()).collect();
        for spec in specs {
            let left: Vec<_> = self.measurements().filter(|m| m.is_of(&spec)).cloned().collect();
            if left.iter().all(|m| m.companion.is_some()) {
                removed.extend(left);
                self.remove_spec(&spec);
            }
        }
        Ok(removed)
    }

    fn remove_one(&mut self, id: &str) -> Result<Vec<Arc<Measurement>>> {
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
        for datasource in &mut self.datasources {
            if datasource.measurements.iter().any(|m| m.is_of(spec)) {
                Arc::make_mut(datasource).measurements.retain(|m| !m.is_of(spec));
            }
        }
        self.datasources.retain(|datasource| !datasource.measurements.is_empty());
    }
}
