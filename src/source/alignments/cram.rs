//! CRAM: aligned reads compressed against a reference sequence, served like BAM.
//!
//! The served positions and CIGARs do not depend on the bases of the reference, so no reference is
//! needed: see [`container`]. A reference that the user names is checked all the same.

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

/// The first bytes of every file.
pub(crate) const MAGIC: &[u8] = b"CRAM";

pub(crate) const COVERAGE: Format = Format {
    name: "cram",
    extensions: &["cram"],
    about: "as bam; needs no reference",
    sniff: |head| head.starts_with(MAGIC),
    open: |input, options, context| {
        if let Some(given) = &options.reference {
            reference::check(given, input.path(), &Cram::open(input)?.sequences)?;
        }
        let file = input.clone();
        let sequences = || Ok((**Stream::open(input)?.sequences()).clone());
        coverage::open(input, options, context, sequences, move |_| Stream::open(&file))
    },
};
