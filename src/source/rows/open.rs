//! Opens every line-based file: the one way from a line to a source.
//!
//! 1. A file with an index beside it is read by region, except if damaged lines are to be left out,
//!    since the index lists those too.
//! 2. Otherwise, a file within the memory limit is held in memory.
//! 3. For a larger file, a sorted and indexed copy is written in the background and then read by
//!    region. Until it is complete, the first rows show what will be served.

use crate::bytes::{Input, Progress};
use crate::error::Result;
use crate::source::rows::background::{PREVIEW_ROWS, Preview, open_in_background};
use crate::source::rows::filtered::Filtered;
use crate::source::rows::format::{RowFormat, TabixRows};
use crate::source::rows::sorted_copy;
use crate::source::{Context, Options, Source};

/// Opens a file of the given format.
///
/// # Errors
/// [`Error::Data`](crate::error::Error::Data) with the line if it does not have the format; also
/// for an index that does not fit the file.
pub(crate) fn open<F: RowFormat>(
    format: F,
    input: &Input,
    options: &Options,
    context: &Context,
) -> Result<Box<dyn Source>> {
    match &options.filter {
        Some(filter) => open_all_rows(Filtered::new(format, filter)?, input, options, context),
        None => open_all_rows(format, input, options, context),
    }
}

fn open_all_rows<F: RowFormat>(
    format: F,
    input: &Input,
    options: &Options,
    context: &Context,
) -> Result<Box<dyn Source>> {
    let small = context.holds(input)?;
    let skip = options.skip.clone();
    if skip.is_none()
        && !(small && F::MEMORY_FIRST)
        && let Some(source) = format.indexed(input, options)?
    {
        return Ok(source);
    }
    if small {
        let all = format.in_memory(input, options, &context.progress, usize::MAX)?;
        skip.iter().for_each(|skip| skip.tell(input.path()));
        return Ok(Box::new(all));
    }
    let (file, wanted, first) = (input.clone(), options.clone(), format.clone());
    let preview = || {
        let options = &options.for_another_file();
        let rows = first.in_memory(input, options, &Progress::default(), PREVIEW_ROWS)?;
        Ok(Preview::of(&rows))
    };
    open_in_background(input, context, preview, move |context| {
        let copy = sorted_copy::copy(&file, context, &format, skip.as_ref())?;
        skip.iter().for_each(|skip| skip.tell(file.path()));
        let rows = TabixRows::of_copy(&file, &copy, format)?;
        let about = rows.about()?;
        RowFormat::by_region(rows, about, &wanted)
    })
}
