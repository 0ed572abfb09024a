//! Wide views of a bigWig on another machine, without reading all of its records.
//!
//! A view of a chromosome would read a large part of the file. Where the records of a view take more
//! than [`BUDGET`], its bins are estimated from the finest zoom level of the file that takes less,
//! usually 16 to 64 windows a bin; windows that reach beyond a bin are shared by overlap. Coarser levels, whose
//! windows are about as wide as the bins, would be off by several percent.

use super::{ValueRecord, records};
use crate::error::{Error, Result};
use crate::genome::{Region, thousands};
use crate::source::io::bbi::{Bbi, ZoomLevel, ZoomRecord};
use crate::source::signals::bins::Bins;
use std::fmt;
use std::sync::{Mutex, PoisonError};

/// Maximum bytes that a view reads of the file, where a zoom level allows it.
const BUDGET: f64 = (1 << 20) as f64;
/// Number of bins of a view of a page, at least.
const VIEW: u32 = 1024;
/// Relative difference between a zoom level and the records that is due to rounding.
const ROUNDING: f64 = 1e-3;
/// Largest size of a zoom level that is compared with the totals of the file, in bytes.
const COMPARED: u64 = 1 << 20;

/// What is known of a file's zoom levels.
pub(super) struct WideViews {
    /// The finest first.
    levels: Vec<ZoomLevel>,
    /// Bytes of records for a base, on average over the file.
    density: f64,
    /// Number of bases of the sequences.
    bases: f64,
    /// Whether the levels agree with the records; none if not known yet.
    is_sound: Mutex<Option<bool>>,
}

impl WideViews {
    /// Returns the zoom levels of a file; none if all views can be read from its records.
    pub(super) fn of(file: &Bbi) -> Result<Option<Self>> {
        let levels = file.zoom_levels()?;
        let bases = file.sequences().iter().map(|s| f64::from(s.length)).sum();
        let density = file.record_bytes() as f64 / bases;
        let longest = file.sequences().iter().map(|s| s.length).max().unwrap_or_default();
        let is_large = density * f64::from(longest) > BUDGET && !levels.is_empty();
        let is_sound = Mutex::default();
        Ok(is_large.then_some(WideViews { levels, density, bases, is_sound }))
    }

    /// Returns whether the zoom levels are used, as far as is known: the first view decides.
    pub(super) fn is_used(&self) -> bool {
        *self.is_sound.lock().unwrap_or_else(PoisonError::into_inner) != Some(false)
    }

    /// Returns whether the records of a view with bins of 2^`shift` bases are few bytes.
    pub(super) fn reads_few(&self, shift: u8, length: u32) -> bool {
        self.density * view(shift, length) <= BUDGET
    }

    /// Returns the zoom level for bins of 2^`shift` bases of a sequence with that length; none if
    /// these are read from the records. It depends on nothing else, so that the bins of adjacent
    /// views are alike.
    pub(super) fn level(&self, shift: u8, length: u32) -> Option<&ZoomLevel> {
        if self.reads_few(shift, length) {
            return None;
        }
        let view = view(shift, length);
        let cost = |level: &&ZoomLevel| level.bytes() as f64 / self.bases * view;
        let narrow = || self.levels.iter().filter(|level| u64::from(level.window) < 1 << shift);
        // Where no level is small enough, the coarsest one is read.
        let level = narrow().find(|level| cost(level) <= BUDGET).or_else(|| narrow().next_back());
        level.filter(|level| cost(level) < self.density * view)
    }

    /// Returns whether the zoom levels agree with the records. Some writers get them wrong (bigtools
    /// 0.5.8 counts the gap before an isolated record as covered).
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read.
    pub(super) fn is_sound(&self, file: &Bbi) -> Result<bool> {
        let mut known = self.is_sound.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = *known {
            return Ok(known);
        }
        let is_sound = match self.check(file) {
            // It can be served from its records.
            Err(Error::Data { .. }) => false,
            checked => checked?,
        };
        if !is_sound {
            let path = file.path().display();
            tracing::info!("{path}: its zoom levels differ from its records and are not used");
        }
        *known = Some(is_sound);
        Ok(is_sound)
    }

    fn check(&self, file: &Bbi) -> Result<bool> {
        let (Some(finest), Some(coarsest)) = (self.levels.first(), self.levels.last()) else {
            return Ok(false);
        };
        if coarsest.bytes() <= COMPARED
            && let Some(totals) = file.totals()?
        {
            let mut covered = 0;
            for sequence in file.sequences().iter() {
                let whole = Region::new(sequence.name, 0, sequence.length);
                file.each_window(coarsest, &whole, |window| covered += u64::from(window.covered))?;
            }
            if !is_near(covered as f64, totals.covered as f64) {
                return Ok(false);
            }
        }
        let first = file.first_block(|fields| {
            let (_, records) = records(fields)?;
            records.collect::<Option<Vec<ValueRecord>>>()
        })?;
        let Some(first) = first else { return Ok(false) };
        let end = first.last().map_or(0, |last| last.end);
        let windows = file.first_windows(finest)?;
        Ok(windows.iter().filter(|window| window.end <= end).all(|window| agrees(window, &first)))
    }

    /// Returns the bins of the run on a `whole` sequence, estimated from a level.
    ///
    /// # Errors
    /// As [`Bbi::each_window`].
    pub(super) fn estimate(
        file: &Bbi,
        level: &ZoomLevel,
        whole: &Region,
        mut bins: Bins,
    ) -> Result<Bins> {
        let (start, end) = bins.span();
        let region = Region::new(whole.sequence.clone(), start, end.min(whole.end));
        file.each_window(level, &region, |window| {
            // The bases with data are assumed to be spread evenly over the window.
            let width = u64::from(window.end.saturating_sub(window.start)).max(1);
            let before = |at: u32| u64::from(at - window.start) * u64::from(window.covered) / width;
            let mean = f64::from(window.sum) / f64::from(window.covered.max(1));
            bins.each_overlap(window.start, window.end, |bin, from, to| {
                let covered = (before(to) - before(from)) as u32;
                if covered > 0 {
                    bin.sum += mean * f64::from(covered);
                    bin.covered += covered;
                    bin.min = bin.min.min(window.min);
                    bin.max = bin.max.max(window.max);
                }
            });
        })?;
        Ok(bins)
    }
}

/// Returns the width of a view with bins of 2^`shift` bases, of a sequence with that length.
fn view(shift: u8, length: u32) -> f64 {
    (u64::from(VIEW) << shift).min(length.into()) as f64
}

/// Says which views are estimated.
impl fmt::Display for WideViews {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (width, used) = ((BUDGET / self.density) as u64, self.is_used());
        if !used {
            return f.write_str("exact: the zoom levels of the file differ from its records");
        }
        let from = thousands(width);
        write!(f, "\u{2248} above {from} bases, from the file's zoom levels; exact=yes reads all")
    }
}

fn is_near(a: f64, b: f64) -> bool {
    (a - b).abs() <= ROUNDING * a.abs().max(b.abs())
}

/// Returns whether a window summarizes its records.
fn agrees(window: &ZoomRecord, records: &[ValueRecord]) -> bool {
    let (mut covered, mut sum, mut size) = (0u64, 0.0, 0.0);
    for record in records.iter().filter(|r| r.start < window.end && r.end > window.start) {
        let bases = record.end.min(window.end) - record.start.max(window.start);
        covered += u64::from(bases);
        sum += f64::from(record.value) * f64::from(bases);
        size += f64::from(record.value).abs() * f64::from(bases);
    }
    covered == u64::from(window.covered) && (sum - f64::from(window.sum)).abs() <= ROUNDING * size
}
