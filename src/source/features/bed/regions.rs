//! Reads the regions of a BED file, in file order.

use crate::bytes::Input;
use crate::error::Result;
use crate::genome::Region;
use crate::source::io::delimited::{Separator, is_comment};
use crate::source::io::lines::Lines;

/// Returns the first `most` regions of a BED file with their names (empty where it has none).
///
/// # Errors
/// If the file cannot be read, or a line has no interval; with the line number.
pub fn regions(input: &Input, most: usize) -> Result<Vec<(Region, String)>> {
    let mut regions = Vec::new();
    let mut lines = Lines::open(input)?;
    while regions.len() < most
        && let Some(line) = lines.next()?
    {
        if is_comment(line.text) {
            continue;
        }
        let fields = Separator::of(line.text).split(line.text);
        let [sequence, start, end, ref more @ ..] = fields[..] else {
            return Err(line.error("expected at least 3 columns: sequence, start, end"));
        };
        let (start, end) = line.interval((start, "the start"), (end, "the end"), 0)?;
        let name = more.first().copied().unwrap_or_default();
        regions.push((Region::new(sequence, start, end), name.to_owned()));
    }
    Ok(regions)
}
