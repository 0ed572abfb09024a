//! CRAM: aligned reads packed against a reference sequence; served as BAM is.
//!
//! What is served, places and CIGARs, does not depend on the reference's letters, so no reference
//! is needed: see [`container`]. One that the user names is compared all the same.

mod container;
mod index;
mod reads;
mod record;
mod reference;

use super::bam::coverage;
use super::{Format, Missing, Options, bigwig, cache};
use container::Cram;
pub(super) use reads::open as reads;
use record::Stream;

/// What every file begins with.
pub(super) const MAGIC: &[u8] = b"CRAM";

pub(super) const COVERAGE: Format = Format {
    name: "cram",
    extensions: &["cram"],
    about: "as bam; takes no reference",
    sniff: |head| head.starts_with(MAGIC),
    open: |input, options, context| {
        if let Some(given) = &options.reference {
            reference::check(given, input.path(), &Cram::open(input)?.sequences)?;
        }
        let make = |out| coverage::write(Stream::open(input)?, input, context, out);
        let entry = cache::entry(input, context, "coverage.bw", make)?;
        // Where no read lies, the coverage is 0.
        let missing = match options.missing {
            Missing::Auto => Missing::Zero,
            asked => asked,
        };
        bigwig::open(&super::Input::File(entry), &Options { missing, ..options.clone() })
    },
};
