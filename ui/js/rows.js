// An answer to getCombined, read: what a datasource has in a region.

/**
 * Rows as columns: `start` and `end` 0-based half-open, `strand` one a row, `metadata` and
 * `values` by name. A missing value stays null: it is drawn as a gap.
 */
export function readPart(part) {
  const rows = part?.rows ?? {};
  const count = rows.start?.length ?? 0;
  const strand = rows.strand;
  return {
    count,
    start: Float64Array.from(rows.start ?? [], place => place - 1),
    end: Float64Array.from(rows.end ?? rows.start ?? []),
    strand: row => (Array.isArray(strand) ? strand[row] : strand) ?? '*',
    metadata: rows.metadata ?? {},
    values: part?.cols ?? {},
  };
}

/** The name of a row, from the columns that usually hold one; empty if there is none. */
export function nameOf(rows, row) {
  for (const column of ['name', 'gene', 'Name', 'gene_name', 'id', 'ID']) {
    const name = rows.metadata[column]?.[row];
    if (name !== undefined && name !== null && name !== '.' && name !== '') return String(name);
  }
  return '';
}

/** The first row that ends behind `place`; rows are sorted by start, but may be nested. */
export function firstRowAt(rows, place) {
  if (!rows.reach) {
    // The furthest end so far grows steadily, so it can be searched.
    rows.reach = new Float64Array(rows.count);
    rows.end.forEach((end, row) => { rows.reach[row] = row ? Math.max(rows.reach[row - 1], end) : end; });
  }
  let [low, high] = [0, rows.count];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows.reach[middle] > place) high = middle; else low = middle + 1;
  }
  return low;
}

/** The rows that overlap [start, end). */
export function* rowsIn(rows, start, end) {
  for (let row = firstRowAt(rows, start); row < rows.count && rows.start[row] < end; row += 1) {
    if (rows.end[row] > start) yield row;
  }
}

/** The row nearest to a place among those within `reach` bases; -1 if there is none. */
export function nearest(rows, place, reach) {
  let [best, distance] = [-1, Infinity];
  for (const row of rowsIn(rows, place - reach, place + reach)) {
    const away = Math.max(rows.start[row] - place, place - rows.end[row], 0);
    if (away < distance) [best, distance] = [row, away];
  }
  return best;
}
