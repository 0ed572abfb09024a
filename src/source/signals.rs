//! Signals: one number per base, served as bins or points.

pub(crate) mod bigwig;
pub(crate) mod bins;
pub mod density;
pub(crate) mod gc;
pub(crate) mod joined;
pub(crate) mod summary;
pub(crate) mod wig;
