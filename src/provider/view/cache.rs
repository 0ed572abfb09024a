//! What a page holds of one thing that it asks for: the rows of a datasource, or the values of a
//! measurement.
//!
//! The page's rules (`docs/protocol.md`, 6.2 and 7): it keeps one interval. A piece that touches it
//! is joined to it, one that does not takes its place, even if what it held is still in view.
//! Answers are taken in the order in which the pieces were asked for, whatever the order they come
//! in.

use crate::genome::Region;
use std::collections::VecDeque;

/// The page's interval, and the pieces on their way to it.
#[derive(Debug, Default)]
pub(super) struct Cache {
    held: Option<Region>,
    /// As `held`, had the page never trimmed it: when it did is known only later.
    untrimmed: Option<Region>,
    /// Oldest first, each with whether its answer has left.
    pending: VecDeque<(Region, bool)>,
    /// How many pieces were taken: the number of the oldest that is pending.
    taken: usize,
}

impl Cache {
    /// The page asks for a piece; returns the piece's number. Since pages ask only for what they
    /// lack, one that asks for what it should hold has trimmed its cache to `place` and its
    /// neighbourhood, or to nothing if there are no rows.
    pub(super) fn asked(&mut self, piece: &Region, place: Option<&Region>) -> usize {
        let lost = |held: &Region| overlap(held, piece);
        if self.held.as_ref().is_some_and(lost) {
            let trimmed = self.held.take().zip(place).and_then(|(held, place)| {
                let kept = neighbourhood(place);
                overlap(&held, &kept).then(|| {
                    let (start, end) = (held.start.max(kept.start), held.end.min(kept.end));
                    Region::new(held.sequence, start, end)
                })
            });
            self.held = trimmed.filter(|held| !lost(held));
        }
        self.pending.push_back((piece.clone(), false));
        self.taken + self.pending.len() - 1
    }

    /// The answer to a piece has left.
    pub(super) fn answered(&mut self, number: usize) {
        let index = number.checked_sub(self.taken);
        if let Some((_, answered)) = index.and_then(|index| self.pending.get_mut(index)) {
            *answered = true;
        }
        while let Some((piece, _)) = self.pending.pop_front_if(|(_, answered)| *answered) {
            self.taken += 1;
            self.take(piece);
        }
    }

    fn take(&mut self, piece: Region) {
        self.untrimmed = Some(joined(self.untrimmed.take(), piece.clone()));
        self.held = Some(joined(self.held.take(), piece));
    }

    /// The most that the page may hold with the pieces on their way and this one.
    pub(super) fn with(&self, piece: &Region) -> Region {
        let pending = self.pending.iter().map(|(piece, _)| piece.clone());
        let held = pending.fold(self.untrimmed.clone(), |held, piece| Some(joined(held, piece)));
        joined(held, piece.clone())
    }

    /// Whether the page waits for an answer.
    pub(super) fn is_waiting(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Whether the page can draw that place.
    pub(super) fn covers(&self, place: &Region) -> bool {
        self.held.as_ref().is_some_and(|held| held.contains(place))
    }

    /// Whether the page holds something here that it does not hold there.
    pub(super) fn reaches_beyond(&self, other: &Cache) -> bool {
        let both = self.held.as_ref().zip(other.held.as_ref());
        both.is_some_and(|(held, known)| !known.contains(held))
    }

    /// The sequence of what the page holds or awaits.
    pub(super) fn sequence(&self) -> Option<&Region> {
        self.pending.back().map(|(piece, _)| piece).or(self.held.as_ref())
    }
}

/// A place and as much again on either side: what a page asks for and keeps. Its arithmetic takes
/// an interval's last base for its end, so that its widths are a base short.
pub(super) fn neighbourhood(place: &Region) -> Region {
    let width = place.len().saturating_sub(1);
    let start = place.start.saturating_sub(width);
    Region::new(place.sequence.clone(), start, place.end.saturating_add(width))
}

/// What the page holds once a piece has come: one that does not touch it takes its place.
fn joined(held: Option<Region>, piece: Region) -> Region {
    match held {
        Some(held) if touch(&held, &piece) => {
            let (start, end) = (held.start.min(piece.start), held.end.max(piece.end));
            Region::new(held.sequence, start, end)
        }
        _ => piece,
    }
}

/// Whether the page sees two intervals as one: they share at least a base.
fn touch(a: &Region, b: &Region) -> bool {
    a.sequence == b.sequence && a.start < b.end && b.start < a.end
}

/// Whether the page sees two intervals share something: it takes an interval's last base for its
/// end, so at least two bases.
fn overlap(a: &Region, b: &Region) -> bool {
    a.sequence == b.sequence && a.start + 1 < b.end && b.start + 1 < a.end
}
