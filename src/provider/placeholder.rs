//! Adds an invisible placeholder row to views without rows.
//!
//! A page does not redraw a line track if no row starts in the view: it returns early and leaves
//! the previous line under the new axis (`docs/protocol.md`, 4.9). One row makes it redraw, even
//! one without a value, which is invisible. The placeholder gets a rank between those of its
//! neighbours, so a page must drop rows that it got without it.

use super::Provider;
use crate::catalog::{Datasource, Query, Resolution, Snapshot};
use crate::error::Result;
use crate::genome::{Region, Strand};
use crate::source::{Level, Shape};
use crate::table::{Data, Table};
use std::sync::Arc;

impl Provider {
    /// Returns where a row must be added for a line to be drawn in `view`; none if the line is
    /// drawn anyway. Dense signals always have rows.
    ///
    /// # Errors
    /// As `Snapshot::read`.
    pub async fn missing_row(
        &self,
        group: &str,
        view: &Region,
        level: Level,
    ) -> Result<Option<Region>> {
        let snapshot = self.catalog.snapshot();
        let known = (snapshot.group(group), snapshot.locate(view));
        let (Some(datasource), Some(view)) = known else {
            return Ok(None);
        };
        if datasource.shape == Shape::Dense {
            return Ok(None);
        }
        let table = positions(&snapshot, &datasource, view.clone(), level).await?;
        Ok(missing_row_in(&view, &table.start))
    }
}

/// Returns where a row must be added in `view`: anywhere if no row starts there. A row that starts
/// at the first or last base of the view is not enough for the page either, if it holds none
/// beyond; the added row is then next to it.
fn missing_row_in(view: &Region, starts: &[u32]) -> Option<Region> {
    let last = view.end.saturating_sub(1);
    let is_inside = |start: &u32| *start > view.start && *start < last;
    let (at_first, at_last) = (starts.contains(&view.start), starts.contains(&last));
    let base = |start: u32| Region::new(view.sequence.clone(), start, start + 1);
    match (at_first, at_last) {
        _ if starts.iter().any(is_inside) => None,
        (false, false) => Some(view.clone()),
        (true, false) => Some(base(view.start + 1)),
        (false, true) => Some(base(last.saturating_sub(1))),
        (true, true) => None,
    }
}

/// Adds the placeholder at `at` to the answer for `piece`, if it lies among its rows.
///
/// # Errors
/// As [`Snapshot::read`].
pub(super) async fn with_placeholder(
    snapshot: &Snapshot,
    datasource: &Arc<Datasource>,
    piece: &Region,
    level: Level,
    mut table: Table,
    at: &Region,
) -> Result<Table> {
    if at.sequence != piece.sequence {
        return Ok(table);
    }
    let rank = match table.start.partition_point(|start| *start < at.start) {
        _ if table.is_empty() && !piece.contains(at) => return Ok(table),
        _ if table.is_empty() => rank_at(snapshot, datasource, piece, level, at).await?,
        before => table.first_rank + before as u64,
    };
    insert(&mut table, piece, at, rank);
    Ok(table)
}

/// Returns the number of rows before a position without rows, from its neighbours on either side.
async fn rank_at(
    snapshot: &Snapshot,
    datasource: &Arc<Datasource>,
    piece: &Region,
    level: Level,
    at: &Region,
) -> Result<u64> {
    let length = snapshot.sequences().get(&at.sequence).map_or(0, |s| s.length);
    let mut reach = piece.len().max(1);
    loop {
        let (start, end) = (at.start.saturating_sub(reach), at.end.saturating_add(reach));
        let around = Region::new(at.sequence.clone(), start, end.min(length));
        let near = positions(snapshot, datasource, around, level).await?;
        if !near.is_empty() {
            let before = near.start.partition_point(|known| *known < at.start);
            return Ok(near.first_rank + before as u64);
        }
        if start == 0 && end >= length {
            return Ok(0);
        }
        reach = reach.saturating_mul(4);
    }
}

/// Reads the positions of the rows in a region, without columns.
async fn positions(
    snapshot: &Snapshot,
    datasource: &Arc<Datasource>,
    region: Region,
    level: Level,
) -> Result<Table> {
    let query = Query {
        datasource: datasource.clone(),
        region,
        measurements: Vec::new(),
        metadata: Vec::new(),
        resolution: Resolution::At(level),
    };
    Ok(snapshot.read(query).await?.table)
}

/// Inserts the placeholder into a run of rows, and adjusts the ranks: those of later rows increase
/// by one. Its end is before its start, so that a block has no width. It has the values of a row
/// that starts one base beside it, so that the line between the two is level, and none otherwise.
fn insert(table: &mut Table, piece: &Region, at: &Region, rank: u64) {
    let before = table.start.partition_point(|start| *start < at.start);
    let is_inside = before > 0 && before < table.len();
    if !is_inside && !piece.contains(at) {
        // All rows are on one side of the placeholder.
        table.first_rank += u64::from(before == 0 && !table.is_empty());
        return;
    }
    if before == 0 {
        table.first_rank = rank;
    }
    let beside = |row: &usize| table.start.get(*row).is_some_and(|s| s.abs_diff(at.start) == 1);
    let like = [before.wrapping_sub(1), before].into_iter().find(beside);
    table.start.insert(before, at.start);
    table.end.insert(before, at.start.saturating_sub(1));
    if !table.strand.is_empty() {
        table.strand.insert(before, Strand::Both);
    }
    for column in &mut table.columns {
        match &mut column.data {
            Data::Singles(values) => {
                values.insert(before, like.map_or(f32::NAN, |row| values[row]));
            }
            Data::Doubles(values) => {
                values.insert(before, like.map_or(f64::NAN, |row| values[row]));
            }
            Data::Text(texts) => {
                let mut all: Vec<&str> = texts.iter().collect();
                all.insert(before, "");
                *texts = all.into_iter().collect();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Column;

    /// Returns rows of one base with these starts; the first has this rank.
    fn run(first_rank: u64, starts: &[u32]) -> Table {
        let values = starts.iter().map(|start| *start as f32).collect();
        Table {
            first_rank,
            start: starts.to_vec(),
            end: starts.iter().map(|start| start + 1).collect(),
            strand: Vec::new(),
            columns: vec![Column::new("v", Data::Singles(values))],
        }
    }

    /// Returns ranks and starts with the placeholder at 500, which has `rank` rows before it.
    fn placed(table: Table, piece: (u32, u32), rank: u64) -> Vec<(u64, u32)> {
        let (mut table, at) = (table, Region::new("c", 500, 501));
        insert(&mut table, &Region::new("c", piece.0, piece.1), &at, rank);
        assert_eq!(table.columns[0].data.len(), table.len());
        let ranks = table.first_rank..;
        ranks.zip(table.start).collect()
    }

    #[test]
    fn a_row_at_the_edge_of_a_view_does_not_fill_it() {
        let view = Region::new("c", 500, 600);
        let at = |start| Some(Region::new("c", start, start + 1));
        assert_eq!(missing_row_in(&view, &[]), Some(view.clone()));
        assert_eq!(missing_row_in(&view, &[20, 499, 600]), Some(view.clone()), "beside it");
        assert_eq!(missing_row_in(&view, &[20, 550]), None);
        // The page treats its first and last row as outside the view if they lie on the edge.
        assert_eq!(
            (missing_row_in(&view, &[500]), missing_row_in(&view, &[599])),
            (at(501), at(598))
        );
        assert_eq!(missing_row_in(&view, &[500, 599]), None, "a line from edge to edge");
        let mut table = run(3, &[500]);
        insert(&mut table, &view, &Region::new("c", 501, 502), 4);
        assert_eq!((table.first_rank, &table.start[..]), (3, &[500, 501][..]));
        assert_eq!(table.columns[0].data.number(1), 500.0, "a level line");
        let mut table = run(3, &[599]);
        insert(&mut table, &view, &Region::new("c", 598, 599), 3);
        assert_eq!((table.first_rank, table.columns[0].data.number(0)), (3, 599.0));
    }

    #[test]
    fn neighbouring_answers_still_join_by_rank() {
        // Six rows: 10, 20, 30 before the empty view, 900, 910, 920 after it.
        assert_eq!(placed(run(1, &[20, 30]), (15, 400), 3), [(1, 20), (2, 30)]);
        assert_eq!(placed(run(0, &[]), (400, 600), 3), [(3, 500)]);
        assert_eq!(placed(run(3, &[900, 910]), (600, 915), 3), [(4, 900), (5, 910)]);
        let whole = placed(run(1, &[20, 30, 900]), (15, 905), 3);
        assert_eq!(whole, [(1, 20), (2, 30), (3, 500), (4, 900)]);
        assert_eq!(placed(run(3, &[900]), (400, 905), 3), [(3, 500), (4, 900)]);
        // A long row that starts before the piece includes those between.
        let included = placed(run(2, &[30, 900]), (800, 905), 3);
        assert_eq!(included, [(2, 30), (3, 500), (4, 900)]);
        assert_eq!(placed(run(0, &[]), (600, 700), 3), []);
    }
}
