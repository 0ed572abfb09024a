//! The level for a page that cannot be told to change it.
//!
//! A page over HTTP keeps rows as a page over a WebSocket does, but nobody can clear its cache, and
//! nothing tells two such pages apart. So whatever it asks, in whatever order, must be answered at
//! one level that follows from the data alone. The finest that can never exceed what one answer may
//! hold is taken; it may differ between sequences, since a page that changes to another drops what
//! it holds.

use super::Provider;
use crate::catalog::{MAX_ROWS, Resolution};
use crate::genome::Region;
use crate::protocol::Request;
use crate::source::Level;

impl Provider {
    /// The one level at which a page without a way back is answered; none if the request is not
    /// for rows that the page will keep.
    pub async fn stateless_level(&self, request: &Request) -> Option<Level> {
        let target = self.target(request)?;
        let snapshot = self.catalog.snapshot();
        let datasource = snapshot.datasources().iter().find(|d| d.group == target.group)?;
        let sequence = snapshot.sequences().get(&target.piece.sequence)?;
        let whole = Region::new(sequence.name.clone(), 0, sequence.length);
        // What cannot be counted cannot be read at any level; the reading tells why.
        let coarsest = || datasource.shape.levels().next_back().unwrap_or(Level::Records);
        let level = snapshot.level(datasource, &whole, Resolution::AtMost(MAX_ROWS)).await;
        Some(level.unwrap_or_else(|_| coarsest()))
    }
}
