//! What is served at one moment: sequences, datasources and measurements, and their lookup.

pub(super) mod describe;
mod resolve_sequences;
mod row_summary;

use super::computed::Built;
use super::datasource::{Datasource, Measurement};
use super::joined::JoinedCache;
use crate::error::{Error, Result};
use crate::genome::{Aliases, Region, Sequences};
use crate::source::{Hit, Part, Shape, Source, Spec};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The name of an unknown assembly.
const UNKNOWN: &str = "genome";
/// How many datasources are searched for a first view: each may have to be read.
const MAX_SEARCHED: usize = 20;

/// Everything served, at one moment.
#[derive(Clone, Debug)]
pub struct Listing {
    sequences: Arc<Sequences>,
    /// Whether the user chose the assembly: then files add no sequences to it.
    fixed: bool,
    /// Aliases of sequences, from the user.
    aliases: Arc<Aliases>,
    /// Whether the sequences are inferred from the beginnings of files that are still being read.
    tentative: bool,
    assembly: String,
    datasources: Vec<Arc<Datasource>>,
    pub(super) joined: Arc<JoinedCache>,
    /// Replaced whenever the sequences or their names change.
    pub(super) naming: Arc<()>,
    /// What the computed measurements are computed from, by their ids.
    pub(super) computed: BTreeMap<String, Built>,
}

impl Listing {
    pub(super) fn new(assembly: Option<(String, Sequences)>) -> Self {
        let fixed = assembly.is_some();
        let (assembly, sequences) =
            assembly.unwrap_or_else(|| (UNKNOWN.to_owned(), Sequences::default()));
        Listing {
            sequences: Arc::new(sequences),
            fixed,
            aliases: Arc::default(),
            tentative: false,
            assembly,
            datasources: Vec::new(),
            joined: Arc::default(),
            naming: Arc::default(),
            computed: BTreeMap::new(),
        }
    }

    /// Sets the aliases of sequences.
    pub(super) fn set_aliases(&mut self, aliases: Aliases) {
        self.aliases = Arc::new(aliases);
        self.apply_aliases();
    }

    /// Records whether sequences or their names differ from those of an earlier listing.
    pub(super) fn renew_naming(&mut self, was: &Listing) {
        if self.sequences != was.sequences {
            self.naming = Arc::default();
        }
    }

    fn apply_aliases(&mut self) {
        for sequence in &*self.sequences.clone() {
            self.add_sequence(sequence.name, sequence.length);
        }
    }

    /// Adds a sequence unless it is known under one of its names.
    fn add_sequence(&mut self, name: &str, length: u32) {
        let aliases = self.aliases.clone();
        let known = aliases.of(name).find_map(|name| self.sequences.get(name));
        let name = known.map_or_else(|| name.to_owned(), |known| known.name.to_owned());
        Arc::make_mut(&mut self.sequences).add_with_aliases(&name, length, aliases.of(&name));
    }

    /// Returns the sequences that pages may show.
    pub fn sequences(&self) -> &Sequences {
        &self.sequences
    }

    /// Returns the name of the assembly, or a general one; pages of version 5 need one.
    pub fn assembly(&self) -> &str {
        &self.assembly
    }

    /// Returns whether the assembly is known: the user named it, or the sequences match a built-in
    /// one.
    pub fn knows_assembly(&self) -> bool {
        self.assembly != UNKNOWN
    }

    /// Returns the region with the listed name of its sequence, cut at the sequence's end; `None`
    /// if nothing is left.
    pub fn locate(&self, region: &Region) -> Option<Region> {
        region.within(&self.sequences).map(|(_, region)| region)
    }

    /// Returns all datasources, in the order in which they were added.
    pub fn datasources(&self) -> &[Arc<Datasource>] {
        &self.datasources
    }

    /// Returns all measurements, datasource by datasource.
    pub fn measurements(&self) -> impl Iterator<Item = &Arc<Measurement>> {
        self.datasources.iter().flat_map(|datasource| &datasource.measurements)
    }

    /// Returns the datasource with this id, or the one with a measurement of this id: pages send the
    /// id of a range measurement in place of its datasource's. An id of [`super::joined_id`] gives the
    /// datasource that joins its measurements.
    pub fn datasource(&self, id: &str) -> Option<Arc<Datasource>> {
        let has = |d: &&Arc<Datasource>| d.measurements.iter().any(|m| m.id == id);
        let listed = self.datasources.iter().find(|datasource| datasource.id == id);
        let listed = listed.or_else(|| self.datasources.iter().find(has)).cloned();
        listed.or_else(|| self.joined(id))
    }

    /// Returns the datasource of this group: one of them, if it has several.
    pub fn group(&self, group: &str) -> Option<Arc<Datasource>> {
        let listed = self.datasources.iter().find(|datasource| datasource.group == group).cloned();
        listed.or_else(|| self.joined(group))
    }

    /// Returns the measurement with this id or name; otherwise the only one whose id or name starts
    /// with it, ignoring case.
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
                Err(Error::Input(format!("'{text}' is ambiguous: {}", ids.join(", "))))
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
                    hit.region.sequence = self.sequences.at(at).name.into();
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
        for (_, source) in sources.iter().take(MAX_SEARCHED) {
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

    /// Returns the region with the source's name of its sequence; `None` if the source lacks it.
    pub(crate) fn own_region(&self, source: &dyn Source, region: &Region) -> Option<Region> {
        let own = source.sequences();
        let found = own.position(&region.sequence).or_else(|| {
            let index = self.sequences.position(&region.sequence)?;
            self.sequences.names_of(index).find_map(|name| own.position(name))
        })?;
        Some(Region { sequence: own.at(found).name.into(), ..region.clone() })
    }

    /// Adds the sources of files; returns the measurements.
    pub(super) fn add(&mut self, opened: Vec<(Vec<Part>, Spec)>) -> Vec<Arc<Measurement>> {
        self.resolve_sequences(&opened);
        let mut added = Vec::new();
        for (parts, spec) in opened {
            let chosen = spec.options.name.clone();
            let name = chosen.clone().unwrap_or_else(|| spec.input.stem());
            let own = self.free_id(&name);
            // Beside chip.bw, chip.narrowPeak goes by its whole name.
            let name =
                if chosen.is_some() || own == name { name } else { self.longer_name(&spec, &own) };
            let definition = spec.options.computed.as_ref();
            let name = definition.map_or(name, |definition| definition.shown(&own));
            let spec = Arc::new(spec);
            for part in parts {
                let (id, name) = match part.companion {
                    Some(what) => {
                        // The reads of `reads.bam` are called `reads`, not `reads reads`.
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

    /// Returns the name of a file that shares its name without the ending with another one: its
    /// whole name; if that is taken too, `id`.
    fn longer_name(&self, spec: &Spec, id: &str) -> String {
        let file = spec.input.path().file_name().unwrap_or_default().to_string_lossy();
        let is_taken = self.measurements().any(|measurement| measurement.name == *file);
        if is_taken { id.to_owned() } else { file.into_owned() }
    }

    /// Adds the measurements of one source to their datasource.
    fn list(&mut self, shape: Shape, measurements: Vec<Arc<Measurement>>) {
        let Some(first) = measurements.first() else { return };
        let (id, group) = (first.datasource.clone(), first.group.clone());
        match self.datasources.iter_mut().find(|d| d.id == id) {
            Some(known) => Arc::make_mut(known).measurements.extend(measurements),
            None => self.datasources.push(Arc::new(Datasource { id, group, shape, measurements })),
        }
    }

    /// Replaces the sources that were opened by `specs`; returns the new measurements.
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
        // The order stays the same; new entries come last.
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

    /// Removes a datasource or a measurement. If it was the last of a file's own measurements, its
    /// companions are removed too.
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

    /// Removes the measurements that were opened by `spec`.
    pub(super) fn remove_spec(&mut self, spec: &Arc<Spec>) {
        for datasource in &mut self.datasources {
            if datasource.measurements.iter().any(|m| m.is_of(spec)) {
                Arc::make_mut(datasource).measurements.retain(|m| !m.is_of(spec));
            }
        }
        self.datasources.retain(|datasource| !datasource.measurements.is_empty());
    }
}
