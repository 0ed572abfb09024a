//! A model of a page's cache of one kind of data: the rows of a datasource, or the values of a
//! measurement.
//!
//! The page's rules (`docs/protocol.md`, 6.2 and 7): it keeps one interval. A piece that touches it
//! is joined to it; one that does not touch it replaces it, even if the old interval is still in
//! view. Answers are processed in the order of the requests, whatever the order in which they arrive.

use crate::genome::Region;
use std::collections::VecDeque;

/// The page's interval, and the pieces that it has requested.
#[derive(Debug, Default)]
pub(super) struct Cache {
    held: Option<Region>,
    /// What `held` would be if the page had never trimmed it: that it did is known only later.
    untrimmed: Option<Region>,
    /// The requested pieces, oldest first, each with whether its answer has been sent.
    pending: VecDeque<(Region, bool)>,
    /// The number of processed pieces, which is the number of the oldest pending one.
    taken: usize,
}

impl Cache {
    /// Records that the page requests a piece; returns the piece's number. Pages request only what
    /// they lack. So a page that requests what it should have has trimmed its cache to `place` and
    /// its neighbourhood, or to nothing if there are no rows.
    pub(super) fn requested(&mut self, piece: &Region, place: Option<&Region>) -> usize {
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

    /// Records that the answer to a piece has been sent.
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

    /// Returns the largest interval that the page may have after the pending pieces and this one.
    pub(super) fn with(&self, piece: &Region) -> Region {
        let pending = self.pending.iter().map(|(piece, _)| piece.clone());
        let held = pending.fold(self.untrimmed.clone(), |held, piece| Some(joined(held, piece)));
        joined(held, piece.clone())
    }

    /// Returns whether the page waits for an answer.
    pub(super) fn is_waiting(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Returns whether the page can draw this place.
    pub(super) fn covers(&self, place: &Region) -> bool {
        self.held.as_ref().is_some_and(|held| held.contains(place))
    }

    /// Returns whether this cache has data beyond those of the other.
    pub(super) fn reaches_beyond(&self, other: &Cache) -> bool {
        let both = self.held.as_ref().zip(other.held.as_ref());
        both.is_some_and(|(held, known)| !known.contains(held))
    }

    /// Returns a region on the sequence that the page has cached or requested.
    pub(super) fn sequence(&self) -> Option<&Region> {
        self.pending.back().map(|(piece, _)| piece).or(self.held.as_ref())
    }
}

/// Returns a place with the windows of the same width on either side, which a page requests and
/// keeps. The page takes an interval's last base for its end, so that its widths are one base short.
pub(super) fn neighbourhood(place: &Region) -> Region {
    let width = place.len().saturating_sub(1);
    let start = place.start.saturating_sub(width);
    Region::new(place.sequence.clone(), start, place.end.saturating_add(width))
}

/// Returns the interval after a piece has arrived: one that does not touch it replaces it.
fn joined(held: Option<Region>, piece: Region) -> Region {
    match held {
        Some(held) if touch(&held, &piece) => {
            let (start, end) = (held.start.min(piece.start), held.end.max(piece.end));
            Region::new(held.sequence, start, end)
        }
        _ => piece,
    }
}

/// Returns whether the page joins two intervals, which is the case if they share at least one base.
fn touch(a: &Region, b: &Region) -> bool {
    a.sequence == b.sequence && a.start < b.end && b.start < a.end
}

/// Returns whether the page sees two intervals as overlapping: since it takes an interval's last base
/// for its end, they must share at least two bases.
fn overlap(a: &Region, b: &Region) -> bool {
    a.sequence == b.sequence && a.start + 1 < b.end && b.start + 1 < a.end
}
