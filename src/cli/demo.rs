//! The built-in demonstration data, which are synthetic; see `data/README.md`.

use crate::bytes::Input;
use crate::source::{Options, Spec};

const FILES: &[(&str, &[u8], &str, &str)] = &[
    ("genes.gtf.gz", include_bytes!("../../data/genes.gtf.gz"), "genes", "#1f3a5f"),
    ("peaks.bed.gz", include_bytes!("../../data/peaks.bed.gz"), "peaks", "#d62728"),
    ("signal.bw", include_bytes!("../../data/signal.bw"), "signal", "#1f77b4"),
    ("methylation.bw", include_bytes!("../../data/methylation.bw"), "methylation", "#2ca02c"),
];

/// Returns the demonstration data as sources.
pub(super) fn specs() -> Vec<Spec> {
    let spec = |(file, bytes, name, color): &(&str, &'static [u8], &str, &str)| Spec {
        input: Input::Memory((*file).into(), bytes),
        options: Options {
            name: Some((*name).into()),
            color: Some((*color).into()),
            ..Options::default()
        },
    };
    FILES.iter().map(spec).collect()
}
