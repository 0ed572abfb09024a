//! The sequences of an assembly or a file, found by any of their names.

use hashbrown::HashTable;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::sync::Arc;

/// A sequence: chromosome, contig, plasmid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sequence<'a> {
    /// Its name as its file or assembly writes it.
    pub name: &'a str,
    /// Its length in bases.
    pub length: u32,
}

/// An ordered set of sequences, found by name or alias: `1`, `chr1` and `NC_000001.11` are the same
/// sequence.
///
/// There may be millions, so a sequence takes little more than its name: all names are one text,
/// and the tables hold indexes.
#[derive(Clone, Debug, Default)]
pub struct Sequences {
    /// All names, one after the other.
    names: String,
    /// Where each name ends in `names`.
    ends: Vec<usize>,
    lengths: Vec<u32>,
    hasher: RandomState,
    /// The sequences by their own names.
    by_name: HashTable<u32>,
    /// The sequences by their [plain] names, where that is another name that no sequence had before.
    by_plain: HashTable<u32>,
    /// The sequence of each further name.
    by_alias: HashMap<Arc<str>, usize>,
    /// The further names of sequences that have some, in the order in which they were learnt.
    aliases: HashMap<usize, Vec<Arc<str>>>,
}

/// Sets are equal if they have the same sequences in the same order, with the same names.
impl PartialEq for Sequences {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter()) && self.aliases == other.aliases
    }
}

impl Sequences {
    /// Creates a set that has room for so many sequences, since memory that grows step by step
    /// leaves holes. `count` is not trusted: it may be the statement of a damaged file.
    pub(crate) fn with_room_for(count: usize) -> Self {
        let count = count.min(1 << 20);
        Sequences {
            ends: Vec::with_capacity(count),
            lengths: Vec::with_capacity(count),
            by_name: HashTable::with_capacity(count),
            ..Sequences::default()
        }
    }

    /// Appends a sequence; a name that exists already keeps its index and the larger length.
    pub fn add(&mut self, name: &str, length: u32) {
        let index = self.index_or_add(name);
        self.lengthen(index, length);
    }

    /// Adds a sequence with its name and aliases.
    pub fn add_with_aliases<'a>(
        &mut self,
        name: &str,
        length: u32,
        aliases: impl IntoIterator<Item = &'a str>,
    ) {
        let index = self.index_or_add(name);
        self.lengthen(index, length);
        for alias in aliases {
            self.alias(alias, index);
            self.alias(plain(alias), index);
        }
    }

    /// Returns the index of the sequence with exactly that name, which is appended if it does not
    /// exist. An alias of that name leads to it from then on.
    pub(crate) fn index_or_add(&mut self, name: &str) -> usize {
        if let Some(index) = self.exact(name) {
            return index;
        }
        let index = self.len();
        // Beyond four thousand million sequences, the others are not found by their names.
        let short = index as u32;
        self.names.push_str(name);
        self.ends.push(self.names.len());
        self.lengths.push(0);
        let (names, ends, hasher) = (&self.names, &self.ends, &self.hasher);
        let own = |index: &u32| hasher.hash_one(name_at(names, ends, *index as usize));
        self.by_name.insert_unique(hasher.hash_one(name), short, own);
        let bare = plain(name);
        if bare != name && self.leads_to(bare).is_none() {
            let own = |index: &u32| hasher.hash_one(plain(name_at(names, ends, *index as usize)));
            self.by_plain.insert_unique(hasher.hash_one(bare), short, own);
        }
        index
    }

    /// Makes the sequence at `index` at least `length` bases long.
    pub(crate) fn lengthen(&mut self, index: usize, length: u32) {
        let known = &mut self.lengths[index];
        *known = length.max(*known);
    }

    /// Returns the sequence at `index`.
    pub fn at(&self, index: usize) -> Sequence<'_> {
        Sequence { name: self.name(index), length: self.lengths[index] }
    }

    fn name(&self, index: usize) -> &str {
        name_at(&self.names, &self.ends, index)
    }

    /// Returns the index of the sequence with exactly that name.
    fn exact(&self, name: &str) -> Option<usize> {
        let is_it = |index: &u32| self.name(*index as usize) == name;
        self.by_name.find(self.hasher.hash_one(name), is_it).map(|index| *index as usize)
    }

    /// Returns the index of the sequence to which this very name leads.
    fn leads_to(&self, name: &str) -> Option<usize> {
        let is_it = |index: &u32| plain(self.name(*index as usize)) == name;
        let by_plain = || self.by_plain.find(self.hasher.hash_one(name), is_it);
        self.exact(name)
            .or_else(|| self.by_alias.get(name).copied())
            .or_else(|| by_plain().map(|index| *index as usize))
    }

    fn alias(&mut self, alias: &str, index: usize) {
        if self.leads_to(alias).is_none() {
            let alias: Arc<str> = alias.into();
            self.by_alias.insert(alias.clone(), index);
            self.aliases.entry(index).or_default().push(alias);
        }
    }

    /// Returns the sequence with that name: by exact name, or else by alias, or else by the name
    /// without `chr`.
    pub fn get(&self, name: &str) -> Option<Sequence<'_>> {
        self.position(name).map(|index| self.at(index))
    }

    /// Returns the index of the sequence with that name, found as in [`Sequences::get`].
    pub fn position(&self, name: &str) -> Option<usize> {
        self.leads_to(name).or_else(|| self.leads_to(plain(name)))
    }

    /// Returns all names that find the sequence at `index`: its own, then the others in the order
    /// in which they were added.
    pub fn names_of(&self, index: usize) -> impl Iterator<Item = &str> {
        let own = self.name(index);
        let bare = Some(plain(own)).filter(|bare| *bare != own);
        let others = self.aliases.get(&index).into_iter().flatten().map(|alias| &**alias);
        // Such a name may lead to another sequence.
        let others = bare.into_iter().chain(others);
        let others = others.filter(move |other| self.leads_to(other) == Some(index));
        std::iter::once(own).chain(others)
    }

    /// Returns the sequences in order.
    pub fn iter(&self) -> Iter<'_> {
        Iter { of: self, left: 0..self.len() }
    }

    /// Removes the sequence with exactly that name. Returns whether it existed.
    pub fn remove(&mut self, name: &str) -> bool {
        let Some(removed) = self.exact(name) else { return false };
        let mut rest = Sequences::default();
        for index in (0..self.len()).filter(|index| *index != removed) {
            let Sequence { name, length } = self.at(index);
            let aliases = self.aliases.get(&index).into_iter().flatten();
            rest.add_with_aliases(name, length, aliases.map(|alias| &**alias));
        }
        *self = rest;
        true
    }

    /// Returns the number of sequences.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Returns whether there are no sequences.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

fn name_at<'a>(names: &'a str, ends: &[usize], index: usize) -> &'a str {
    let start = index.checked_sub(1).map_or(0, |before| ends[before]);
    &names[start..ends[index]]
}

/// Returns the common name of `chr1`, `Chr1` and `1`, or of `chrM`, `chrMT`, `M` and `MT`.
fn plain(name: &str) -> &str {
    let bare = match name.get(..3) {
        Some(prefix) if prefix.eq_ignore_ascii_case("chr") && name.len() > 3 => &name[3..],
        _ => name,
    };
    match bare {
        "MT" | "Mt" | "mt" => "M",
        _ => bare,
    }
}

impl<'a> FromIterator<(&'a str, u32)> for Sequences {
    fn from_iter<T: IntoIterator<Item = (&'a str, u32)>>(pairs: T) -> Self {
        let mut sequences = Sequences::default();
        pairs.into_iter().for_each(|(name, length)| sequences.add(name, length));
        sequences
    }
}

/// The sequences of a set, in order.
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    of: &'a Sequences,
    left: Range<usize>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = Sequence<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left.next().map(|index| self.of.at(index))
    }

    fn nth(&mut self, n: usize) -> Option<Self::Item> {
        self.left.nth(n).map(|index| self.of.at(index))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.left.size_hint()
    }
}

impl DoubleEndedIterator for Iter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.left.next_back().map(|index| self.of.at(index))
    }
}

impl ExactSizeIterator for Iter<'_> {}

impl<'a> IntoIterator for &'a Sequences {
    type Item = Sequence<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_naming_styles_find_each_other() {
        let ucsc: Sequences = [("chr1", 100), ("chrM", 16)].into_iter().collect();
        let ensembl: Sequences = [("1", 100), ("MT", 16)].into_iter().collect();
        for name in ["chr1", "1", "Chr1"] {
            assert_eq!(ucsc.get(name).unwrap().name, "chr1");
            assert_eq!(ensembl.get(name).unwrap().name, "1");
        }
        for name in ["chrM", "MT", "M", "chrMT"] {
            assert_eq!(ucsc.get(name).unwrap().name, "chrM");
            assert_eq!(ensembl.get(name).unwrap().name, "MT");
        }
        assert!(ucsc.get("chr2").is_none());
        assert!(ucsc.get("").is_none());
        assert!(ucsc.get("chr").is_none());
    }

    #[test]
    fn an_exact_name_wins_over_an_alias() {
        let both: Sequences = [("1", 5), ("chr1", 7)].into_iter().collect();
        assert_eq!(both.get("1").unwrap().length, 5);
        assert_eq!(both.get("chr1").unwrap().length, 7);
    }

    #[test]
    fn names_are_in_the_order_of_their_addition() {
        let mut sequences = Sequences::default();
        let others = ["NC_000001.11", "CM000663.2", "b", "a", "x", "chrUn_1"];
        sequences.add_with_aliases("chr1", 5, others);
        let names = |sequences: &Sequences, index| {
            sequences.names_of(index).map(str::to_owned).collect::<Vec<_>>()
        };
        let all = [&["chr1", "1"][..], &others, &["Un_1"]].concat();
        assert_eq!(names(&sequences, 0), all);
        sequences.add("b", 7);
        let left: Vec<_> = all.into_iter().filter(|name| *name != "b").collect();
        assert_eq!(names(&sequences, 0), left);
        assert_eq!(names(&sequences, 1), ["b"]);
        sequences.remove("chr1");
        assert_eq!(names(&sequences, 0), ["b"]);
    }

    #[test]
    fn a_later_sequence_takes_over_its_name() {
        let mut sequences: Sequences = [("chrM", 5), ("chrMT", 6)].into_iter().collect();
        assert_eq!(sequences.get("MT").unwrap().name, "chrM");
        sequences.add("M", 7);
        let found = |name| sequences.get(name).unwrap().name;
        assert_eq!(["M", "MT", "chrM", "chrMT"].map(found), ["M", "M", "chrM", "chrMT"]);
        let names: Vec<Vec<_>> = (0..3).map(|index| sequences.names_of(index).collect()).collect();
        assert_eq!(names, [vec!["chrM"], vec!["chrMT"], vec!["M"]]);
    }

    #[test]
    fn after_a_removal_the_others_are_found() {
        let mut three: Sequences = [("a", 1), ("b", 2), ("c", 3)].into_iter().collect();
        assert!(three.remove("b"));
        assert!(!three.remove("b"));
        assert_eq!(three.get("c").unwrap().length, 3);
        assert!(three.get("b").is_none());
    }
}
