//! CRAM: aligned reads packed against a reference sequence; served as BAM is.
//!
//! What is served, places and CIGARs, does not depend on the reference's letters, so no reference
//! is needed: see [`container`]. One that the user names is compared all the same.

mod container;
mod index;
mod reads;
mod record;
mod reference;

use super::alignment::Alignments;
use super::coverage;
use crate::source::Format;
use container::Cram;
pub(crate) use reads::open as reads;
use record::Stream;

/// What every file begins with.
pub(crate) const MAGIC: &[u8] = b"CRAM";

pub(crate) const COVERAGE: Format = Format {
    name: "cram",
    extensions: &["cram"],
    about: "as bam; takes no reference",
    sniff: |head| head.starts_with(MAGIC),
    open: |input, options, context| {
        if let Some(given) = &options.reference {
            reference::check(given, input.path(), &Cram::open(input)?.sequences)?;
        }
        let file = input.clone();
        let sequences = || Ok(Stream::open(input)?.sequences().clone());
        coverage::open(input, options, context, sequences, move |_| Stream::open(&file))
    },
};
