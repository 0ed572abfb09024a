//! The sequences of an assembly or a file, found by any of their names.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

/// A sequence: chromosome, contig, plasmid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequence {
    /// Its name as its file or assembly writes it.
    pub name: Arc<str>,
    /// Its length in bases.
    pub length: u32,
}

/// An ordered set of sequences, found by name or alias: `1`, `chr1` and `NC_000001.11` are the same
/// sequence.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sequences {
    list: Vec<Sequence>,
    /// The sequence of each name. Names are not copied: there may be millions.
    by_key: HashMap<Arc<str>, usize>,
    /// The other names of sequences that have some, in the order in which they were learnt.
    aliases: HashMap<usize, Vec<Arc<str>>>,
}

impl Sequences {
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
        self.add(name, length);
        let index = self.by_key[name];
        for alias in aliases {
            self.alias(alias, index);
            self.alias(&plain(alias), index);
        }
    }

    /// Returns the index of the sequence with exactly that name, which is appended if it does not
    /// exist.
    pub(crate) fn index_or_add(&mut self, name: &str) -> usize {
        match self.by_key.get(name) {
            Some(&index) if &*self.list[index].name == name => index,
            _ => {
                let index = self.list.len();
                let own: Arc<str> = name.into();
                // The name of another sequence stays its alias, but leads here from now on.
                self.by_key.insert(own.clone(), index);
                self.list.push(Sequence { name: own, length: 0 });
                self.alias(&plain(name), index);
                index
            }
        }
    }

    /// Makes the sequence at `index` at least `length` bases long.
    pub(crate) fn lengthen(&mut self, index: usize, length: u32) {
        let known = &mut self.list[index].length;
        *known = length.max(*known);
    }

    /// Returns the sequence at `index`.
    pub fn at(&self, index: usize) -> &Sequence {
        &self.list[index]
    }

    fn alias(&mut self, alias: &str, index: usize) {
        if !self.by_key.contains_key(alias) {
            let alias: Arc<str> = alias.into();
            self.by_key.insert(alias.clone(), index);
            self.aliases.entry(index).or_default().push(alias);
        }
    }

    /// Returns the sequence with that name: by exact name, or else by alias, or else by the name
    /// without `chr`.
    pub fn get(&self, name: &str) -> Option<&Sequence> {
        self.position(name).map(|index| &self.list[index])
    }

    /// Returns the index of the sequence with that name, found as in [`Sequences::get`].
    pub fn position(&self, name: &str) -> Option<usize> {
        self.by_key.get(name).or_else(|| self.by_key.get(&*plain(name))).copied()
    }

    /// Returns all names that find the sequence at `index`: its own, then the others in the order
    /// in which they were added.
    pub fn names_of(&self, index: usize) -> impl Iterator<Item = &str> {
        let others = self.aliases.get(&index).into_iter().flatten().map(|alias| &**alias);
        // An alias may have become the name of another sequence since then.
        let others = others.filter(move |alias| self.by_key.get(*alias) == Some(&index));
        std::iter::once(&*self.list[index].name).chain(others)
    }

    /// Returns the sequences in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Sequence> {
        self.list.iter()
    }

    /// Removes the sequence with exactly that name. Returns whether it existed.
    pub fn remove(&mut self, name: &str) -> bool {
        let Some(index) = self.list.iter().position(|sequence| &*sequence.name == name) else {
            return false;
        };
        self.list.remove(index);
        self.aliases.remove(&index);
        let behind = |at: usize| if at > index { at - 1 } else { at };
        self.aliases = self.aliases.drain().map(|(at, names)| (behind(at), names)).collect();
        self.by_key.retain(|_, at| *at != index);
        self.by_key.values_mut().for_each(|at| *at = behind(*at));
        true
    }

    /// Returns the number of sequences.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Returns whether there are no sequences.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

/// Returns the common name of `chr1`, `Chr1` and `1`, or of `chrM`, `chrMT`, `M` and `MT`.
fn plain(name: &str) -> Cow<'_, str> {
    let bare = match name.get(..3) {
        Some(prefix) if prefix.eq_ignore_ascii_case("chr") && name.len() > 3 => &name[3..],
        _ => name,
    };
    match bare {
        "MT" | "Mt" | "mt" => "M".into(),
        _ => bare.into(),
    }
}

impl<'a> FromIterator<(&'a str, u32)> for Sequences {
    fn from_iter<T: IntoIterator<Item = (&'a str, u32)>>(pairs: T) -> Self {
        let mut sequences = Sequences::default();
        pairs.into_iter().for_each(|(name, length)| sequences.add(name, length));
        sequences
    }
}

impl<'a> IntoIterator for &'a Sequences {
    type Item = &'a Sequence;
    type IntoIter = std::slice::Iter<'a, Sequence>;

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
            assert_eq!(&*ucsc.get(name).unwrap().name, "chr1");
            assert_eq!(&*ensembl.get(name).unwrap().name, "1");
        }
        for name in ["chrM", "MT", "M", "chrMT"] {
            assert_eq!(&*ucsc.get(name).unwrap().name, "chrM");
            assert_eq!(&*ensembl.get(name).unwrap().name, "MT");
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
    fn after_a_removal_the_others_are_found() {
        let mut three: Sequences = [("a", 1), ("b", 2), ("c", 3)].into_iter().collect();
        assert!(three.remove("b"));
        assert!(!three.remove("b"));
        assert_eq!(three.get("c").unwrap().length, 3);
        assert!(three.get("b").is_none());
    }
}
