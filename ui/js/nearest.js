// Finds the nearest data of a measurement: widens the view until it has data, then narrows it, since
// wide views show bins.

import { clamped, whole } from './region.js';

/** The factor by which each search is wider, and the maximum number of narrowing steps. */
const [WIDENING, MAX_STEPS] = [16, 12];

/** Returns the intervals of an answer in which a measurement has data. */
function intervals({ start, end, count, values }, { id, type }) {
  const has = row => type === 'range' || (values[id]?.[row] ?? null) !== null;
  return Array.from({ length: count }, (_, row) => row).filter(has).map(row => ({ start: start[row], end: end[row] }));
}

const nearestTo = (middle, list) => {
  const away = ({ start, end }) => Math.max(start - middle, middle - end, 0);
  return list.reduce((best, one) => (away(one) < away(best) ? one : best));
};

/**
 * Returns a view with the nearest data of a measurement, as wide as `view` and on its sequence, which
 * has this length; null if there are none. `rowsOf(region)` requests the measurement's rows.
 */
export async function nearestData(rowsOf, measurement, view, length) {
  const width = view.end - view.start;
  const middle = (view.start + view.end) / 2;
  const look = async region => intervals(await rowsOf(region), measurement);
  let list = [];
  for (let wide = width * WIDENING; list.length === 0; wide *= WIDENING) {
    list = await look(whole(clamped({ seq: view.seq, start: middle - wide / 2, end: middle + wide / 2 }, length)));
    if (wide >= length) break;
  }
  if (list.length === 0) return null;
  let found = nearestTo(middle, list);
  for (let i = 0; i < MAX_STEPS && measurement.type !== 'range' && found.end - found.start > width; i += 1) {
    const finer = await look({ seq: view.seq, ...found });
    if (finer.length === 0) break;
    const next = nearestTo(middle, finer);
    if (next.end - next.start >= found.end - found.start) break;
    found = next;
  }
  // For data wider than the view, shows their nearer end.
  const at = found.end - found.start <= width ? (found.start + found.end) / 2 : Math.min(Math.max(middle, found.start), found.end);
  return whole(clamped({ seq: view.seq, start: at - width / 2, end: at + width / 2 }, length));
}
