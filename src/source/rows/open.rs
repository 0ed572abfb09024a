//! How every file of lines is opened: the one way from a line to a source.
//!
//! 1. An index that lies beside the file reads it by region.
//! 2. Else a file within the memory limit is held in memory.
//! 3. Of a larger one a sorted copy with an index is made in the background, which is read by
//!    region. Until it is there, the first rows show what will be served.

use crate::bytes::{Input, Progress};
use crate::error::Result;
use crate::source::rows::background::{PREVIEW_ROWS, Preview, open_in_background};
use crate::source::rows::format::{RowFormat, TabixRows};
use crate::source::rows::sorted_copy;
use crate::source::{Context, Options, Source};

/// Opens a file of that format.
///
/// # Errors
/// [`Error::Data`](crate::error::Error::Data) for what is not of the format, with its line; also
/// for an index that does not fit.
pub(crate) fn open<F: RowFormat>(
    format: F,
    input: &Input,
    options: &Options,
    context: &Context,
) -> Result<Box<dyn Source>> {
    let small = context.holds(input)?;
    if !(small && F::MEMORY_FIRST)
        && let Some(source) = format.indexed(input, options)?
    {
        return Ok(source);
    }
    if small {
        let all = format.in_memory(input, options, &context.progress, usize::MAX)?;
        return Ok(Box::new(all));
    }
    let (file, wanted, previewed) = (input.clone(), options.clone(), format.clone());
    let preview = || {
        let first = previewed.in_memory(input, options, &Progress::default(), PREVIEW_ROWS)?;
        Ok(Preview::of(&first))
    };
    open_in_background(input, context, preview, move |context| {
        let copy = sorted_copy::copy(&file, context, &format)?;
        let rows = TabixRows::of_copy(&file, &copy, format)?;
        let about = rows.about()?;
        RowFormat::by_region(rows, about, &wanted)
    })
}
