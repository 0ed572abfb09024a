// Where the nearest data of a measurement are: the view is widened until it holds some, then
// narrowed to them, since what wide views show are bins.

import { clamped, whole } from './region.js';

/** How much wider each look is, and how often it is narrowed at most. */
const [WIDER, NARROWED] = [16, 12];

/** The stretches of an answer in which a measurement has data. */
function stretches({ start, end, count, values }, { id, type }) {
  const has = row => type === 'range' || (values[id]?.[row] ?? null) !== null;
  return Array.from({ length: count }, (_, row) => row).filter(has).map(row => ({ start: start[row], end: end[row] }));
}

const nearestTo = (middle, list) => {
  const away = ({ start, end }) => Math.max(start - middle, middle - end, 0);
  return list.reduce((best, one) => (away(one) < away(best) ? one : best));
};

/**
 * The view of the width of `view` with the nearest data of a measurement on the view's sequence of
 * that length; null if it has none there. `rowsOf(region)` asks for the measurement's rows.
 */
export async function nearestData(rowsOf, measurement, view, length) {
  const width = view.end - view.start;
  const middle = (view.start + view.end) / 2;
  const look = async region => stretches(await rowsOf(region), measurement);
  let list = [];
  for (let wide = width * WIDER; list.length === 0; wide *= WIDER) {
    list = await look(whole(clamped({ seq: view.seq, start: middle - wide / 2, end: middle + wide / 2 }, length)));
    if (wide >= length) break;
  }
  if (list.length === 0) return null;
  let found = nearestTo(middle, list);
  for (let i = 0; i < NARROWED && measurement.type !== 'range' && found.end - found.start > width; i += 1) {
    const finer = await look({ seq: view.seq, ...found });
    if (finer.length === 0) break;
    const next = nearestTo(middle, finer);
    if (next.end - next.start >= found.end - found.start) break;
    found = next;
  }
  // What is wider than the view shows the end that is near.
  const at = found.end - found.start <= width ? (found.start + found.end) / 2 : Math.min(Math.max(middle, found.start), found.end);
  return whole(clamped({ seq: view.seq, start: at - width / 2, end: at + width / 2 }, length));
}
