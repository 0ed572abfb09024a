//! Adds the sequences of new sources, and determines their lengths.

use super::{Listing, UNKNOWN};
use crate::genome::{Region, Sequence, Sequences, built_in, built_in_names};
use crate::source::{Part, Source, Spec};
use std::collections::HashSet;
use std::sync::Arc;

/// How many pairs of names a warning lists.
const MAX_PAIRS: usize = 4;

impl Listing {
    /// Adds the sequences that are not known yet. Their lengths come from files that state
    /// them, else from the built-in assembly that matches, else from the last row.
    pub(super) fn resolve_sequences(&mut self, opened: &[(Vec<Part>, Spec)]) {
        let own =
            |(parts, spec): &(Vec<Part>, Spec)| Some((parts.first()?.source.clone(), spec.clone()));
        // Computed measurements have the sequences that are listed.
        let opened = opened.iter().filter(|(_, spec)| spec.options.computed.is_none());
        let opened: Vec<_> = opened.filter_map(own).collect();
        let is_vague = |source: &dyn Source| source.building().is_some() && !source.knows_lengths();
        let any_vague = opened.iter().any(|(source, _)| is_vague(&**source));
        if self.fixed || !(any_vague || self.tentative) {
            return self.add_sequences(&opened);
        }
        // The beginnings of files are unreliable: they are used only if there is nothing else, and
        // anything inferred from them is inferred again later.
        self.tentative |= self.sequences.is_empty();
        let mut all = if self.tentative { self.opened() } else { Vec::new() };
        all.extend(opened);
        let (vague, whole): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|(source, _)| is_vague(&**source));
        if self.tentative && !whole.is_empty() {
            (self.sequences, self.assembly) = (Arc::default(), UNKNOWN.to_owned());
            self.tentative = !vague.is_empty();
        }
        self.add_sequences(if self.sequences.is_empty() && whole.is_empty() {
            &vague
        } else {
            &whole
        });
    }

    /// Returns the listed sources.
    fn opened(&self) -> Vec<(Arc<dyn Source>, Spec)> {
        let mut all: Vec<(Arc<dyn Source>, Spec)> = Vec::new();
        for measurement in self.measurements().filter(|m| m.companion.is_none() && !m.is_computed())
        {
            if !all.iter().any(|(known, _)| Arc::ptr_eq(known, &measurement.source)) {
                let placeholder = || Spec::file(&*measurement.id);
                let spec = measurement.spec.as_deref().cloned().unwrap_or_else(placeholder);
                all.push((measurement.source.clone(), spec));
            }
        }
        all
    }

    fn add_sequences(&mut self, opened: &[(Arc<dyn Source>, Spec)]) {
        for (source, spec) in opened {
            self.warn_of_another_assembly(&**source, spec);
            if self.fixed {
                self.warn_of_unknown_sequences(&**source, spec);
            } else if source.knows_lengths() {
                source.sequences().iter().for_each(|s| {
                    if self.sequences.get(s.name).is_none() {
                        self.add_sequence(s.name, s.length);
                    }
                });
            }
        }
        let unknown = |known: &Sequences| -> Sequences {
            let all = opened.iter().flat_map(|(source, _)| source.sequences());
            let new = all.filter(|s| known.get(s.name).is_none());
            new.map(|s| (s.name, s.length)).collect()
        };
        let new = unknown(&self.sequences);
        let nothing = new.is_empty() && (self.knows_assembly() || self.sequences.is_empty());
        if self.fixed || nothing {
            opened.iter().for_each(|(source, spec)| self.separate_namesakes(&**source, spec));
            return;
        }
        let assembly = fitting_assembly(&self.sequences, &new);
        let assembly = assembly.map(|(name, sequences)| {
            self.assembly = name.to_owned();
            if self.sequences.is_empty() {
                self.sequences = Arc::new(sequences.clone());
                self.apply_aliases();
            }
            sequences
        });
        for sequence in &unknown(&self.sequences) {
            let official = assembly.as_ref().and_then(|assembly| assembly.get(sequence.name));
            let length = official.map_or(sequence.length, |official| official.length);
            self.add_sequence(sequence.name, length.max(sequence.length));
        }
        opened.iter().for_each(|(source, spec)| self.separate_namesakes(&**source, spec));
        self.warn_of_disjoint_names(opened);
    }

    /// Separates sequences of one file whose names are synonyms elsewhere, such as `1` and `chr1`,
    /// or `MT` and `chrM`: each is served under its exact name. Otherwise the rows of all but one
    /// would be lost.
    fn separate_namesakes(&mut self, source: &dyn Source, spec: &Spec) {
        let place = |sequence: Sequence<'_>| self.sequences.position(sequence.name);
        let mut places: Vec<(usize, usize)> = source
            .sequences()
            .iter()
            .zip(0..)
            .filter_map(|(s, own)| Some((place(s)?, own)))
            .collect();
        places.sort_unstable();
        let (mut pairs, fixed) = (Vec::new(), self.fixed);
        for namesakes in places.chunk_by(|a, b| a.0 == b.0).filter(|all| all.len() > 1) {
            let Sequence { name, length } = self.sequences.at(namesakes[0].0);
            let name: Arc<str> = name.into();
            // One of them keeps the listed name.
            let listed = Region::new(name.clone(), 0, length);
            let stays = self.own_region(source, &listed).map_or(name, |own| own.sequence);
            let namesakes = namesakes.iter().map(|(_, own)| source.sequences().at(*own));
            for sequence in namesakes.filter(|sequence| *sequence.name != *stays) {
                pairs.push(format!("'{}' and '{stays}'", sequence.name));
                if !fixed {
                    let length = length.max(sequence.length);
                    Arc::make_mut(&mut self.sequences).add(sequence.name, length);
                }
            }
        }
        if pairs.is_empty() {
            return;
        }
        let (path, more) = (spec.input.path().display(), pairs.len().saturating_sub(MAX_PAIRS));
        let more = if more > 0 { format!(", and {more} more such pairs") } else { String::new() };
        let listed = pairs[..pairs.len().min(MAX_PAIRS)].join(", ");
        if fixed {
            tracing::warn!(
                "{path}: contains {listed}{more}; the assembly has one sequence for both, so only \
                 the second of each pair is shown: omit --assembly, or rename them in the file"
            );
        } else {
            tracing::warn!(
                "{path}: contains {listed}{more}; each is served as a separate sequence: rename \
                 them in the file if they are the same"
            );
        }
    }

    /// Warns of files that share no sequence with any other because they use accessions and the
    /// others use names, or vice versa.
    fn warn_of_disjoint_names(&self, opened: &[(Arc<dyn Source>, Spec)]) {
        let places = |source: &dyn Source| -> HashSet<usize> {
            source.sequences().iter().filter_map(|s| self.sequences.position(s.name)).collect()
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
            if is_accession(theirs.name) != is_accession(first.name) {
                tracing::warn!(
                    "{}: shares no sequence with the other files: it has '{}', they have '{}'; \
                     --aliases FILE can map the names",
                    spec.input.path().display(),
                    theirs.name,
                    first.name
                );
            }
        }
    }

    /// Warns of a file in which a sequence has another length than it is known to have.
    /// Mitochondria are not compared: their lengths differ between copies of one assembly.
    fn warn_of_another_assembly(&self, source: &dyn Source, spec: &Spec) {
        if !source.knows_lengths() {
            return;
        }
        let mut both =
            source.sequences().iter().filter_map(|s| Some((s, self.sequences.get(s.name)?)));
        let differ = both.find(|(theirs, ours)| {
            theirs.length != ours.length && theirs.length.min(ours.length) > MAX_MITOCHONDRION
        });
        if let Some((theirs, ours)) = differ {
            tracing::warn!(
                "{}: belongs to another assembly: {} has {} bases here, {} in {}; positions of the \
                 two do not correspond",
                spec.input.path().display(),
                theirs.name,
                theirs.length,
                ours.length,
                if self.knows_assembly() { &self.assembly } else { "the files before it" },
            );
        }
    }

    fn warn_of_unknown_sequences(&self, source: &dyn Source, spec: &Spec) {
        let own = source.sequences();
        let shares = self
            .sequences
            .iter()
            .any(|s| self.own_region(source, &Region::new(s.name, 0, s.length)).is_some());
        if let (false, Some(theirs), Some(ours)) =
            (shares, own.iter().next(), self.sequences.iter().next())
        {
            tracing::warn!(
                "{}: none of its sequences is in the assembly: it has '{}', the assembly '{}'; \
                 none of its data will be shown",
                spec.input.path().display(),
                theirs.name,
                ours.name
            );
        }
    }
}

/// Maximum length of an animal's mitochondrial genome, in bases.
const MAX_MITOCHONDRION: u32 = 20_000;

/// Returns whether a sequence's name is a GenBank or RefSeq accession (`NC_000001.11`).
fn is_accession(name: &str) -> bool {
    let number = name.rsplit_once('.').map_or("", |(_, version)| version);
    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns the built-in assembly that shares the most lengths with `known`, if more agree than
/// differ; without known lengths, the first that has every sequence of `new` with sufficient
/// length.
fn fitting_assembly(known: &Sequences, new: &Sequences) -> Option<(&'static str, Sequences)> {
    let shared = |assembly: &Sequences| {
        let lengths = known.iter().filter_map(|s| Some((s.length, assembly.get(s.name)?.length)));
        // Mitochondria have the same length in several assemblies.
        let (same, other): (Vec<_>, Vec<_>) = lengths.partition(|(own, official)| own == official);
        if same.len() > other.len() { same.len() } else { 0 }
    };
    let fits = |assembly: &Sequences| {
        let holds = |s: Sequence<'_>| {
            assembly.get(s.name).is_some_and(|official| official.length >= s.length)
        };
        new.iter().all(holds)
    };
    let mut assemblies = built_in_names().filter_map(|name| Some((name, built_in(name)?)));
    if known.is_empty() {
        return assemblies.find(|(_, assembly)| fits(assembly));
    }
    assemblies
        .max_by_key(|(_, assembly)| shared(assembly))
        .filter(|(_, assembly)| shared(assembly) > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::genome::Aliases;
    use crate::source::Level;

    fn opened(text: &str) -> (Vec<Part>, Spec) {
        let bytes: &'static [u8] = text.to_owned().leak().as_bytes();
        let input = crate::bytes::Input::Memory("x.bed".into(), bytes);
        let spec = Spec { input, options: crate::source::Options::default() };
        (crate::source::formats::open_all(&spec, &crate::source::Context::default()).unwrap(), spec)
    }

    #[test]
    fn aliases_join_the_sequences_of_files() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "# ucsc\trefseq\nscaf1\tNW_7.1\n").unwrap();
        let mut listing = Listing::new(None);
        listing.set_aliases(Aliases::from_file(file.path()).unwrap());
        listing.add(vec![opened("scaf1\t1\t5\n"), opened("NW_7.1\t7\t9\n")]);
        let names: Vec<_> = listing.sequences().iter().map(|s| s.name).collect();
        assert_eq!(names, ["scaf1"]);
        let region = Region::new("scaf1", 0, 9);
        let own = listing.own_region(&*listing.datasources()[1].measurements[0].source, &region);
        assert_eq!(&*own.unwrap().sequence, "NW_7.1");
    }

    #[test]
    fn synonyms_in_one_file_are_separate_sequences() {
        let text = "chr1\t10\t20\n1\t30\t40\nMT\t1\t2\nchrM\t3\t4\nChr2\t5\t6\nchr2\t7\t8\n";
        let mut listing = Listing::new(None);
        listing.add(vec![opened(text)]);
        let starts = |listing: &Listing, name: &str| {
            let datasource = &listing.datasources()[0];
            let region = Region::new(name, 0, 1000);
            datasource.read(listing, &region, Level::Records, &[], &[]).unwrap().start
        };
        let known = [("chr1", 10), ("1", 30), ("MT", 1), ("chrM", 3), ("Chr2", 5), ("chr2", 7)];
        for (name, start) in known {
            let listed = listing.sequences().iter().filter(|s| s.name == name).count();
            assert_eq!((name, listed), (name, 1));
            assert_eq!((name, &starts(&listing, name)[..]), (name, &[start][..]));
        }
        let lengths = |name| listing.sequences().get(name).unwrap().length;
        assert_eq!((listing.assembly(), lengths("1")), ("hg38", lengths("chr1")));
        // A file with one of them uses it, and adds no sequence.
        let before = listing.sequences().len();
        listing.add(vec![opened("1\t50\t60\n")]);
        assert_eq!(listing.sequences().len(), before);
        let region = Region::new("1", 0, 1000);
        let own = listing.own_region(&*listing.datasources()[1].measurements[0].source, &region);
        assert_eq!(&*own.unwrap().sequence, "1");
    }

    #[test]
    fn stated_lengths_identify_the_assembly() {
        let named = |known: &[(&str, u32)]| {
            let known = known.iter().copied().collect();
            fitting_assembly(&known, &Sequences::default()).map(|(name, _)| name)
        };
        assert_eq!(named(&[("chr17", 83_257_441)]), Some("hg38"));
        assert_eq!(named(&[("1", 195_471_971), ("10", 130_694_993), ("x", 5)]), Some("mm10"));
        assert_eq!(named(&[("chrM", 16_571), ("chr1", 247_249_719)]), None, "this is hg18");
        assert_eq!(named(&[("chr1", 1000)]), None);
    }

    #[test]
    fn the_first_view_is_on_a_sequence_of_most_files() {
        let mut listing = Listing::new(None);
        let crowded = "chrM\t1\t5\nchrM\t7\t9\nchr2\t100\t200\n";
        listing.add(vec![opened(crowded), opened("chr2\t150\t180\n")]);
        assert_eq!(&*listing.first_view().unwrap().sequence, "chr2");
        let mut alone = Listing::new(None);
        alone.add(vec![opened(crowded)]);
        assert_eq!(&*alone.first_view().unwrap().sequence, "chrM");
    }

    #[test]
    fn accessions_are_distinguished_from_names() {
        assert!(is_accession("NC_000001.11") && is_accession("CM000663.2"));
        assert!(!is_accession("chr1") && !is_accession("1") && !is_accession("MT"));
    }
}
