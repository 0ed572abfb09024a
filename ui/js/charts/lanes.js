// Features side by side: which lie in view, and in which lane each is drawn.

import { rowsIn, nameOf } from '../rows.js';
import { across } from './axis.js';

/** The features of a series in view, each once, sorted by start, with their pixels. */
export function features(frame, { measurement, color, pieces }) {
  const x = across(frame);
  const found = new Map();
  for (const { start, end, rows } of pieces) {
    for (const row of rowsIn(rows, start, end)) {
      const name = nameOf(rows, row);
      const key = `${measurement.id} ${rows.start[row]} ${rows.end[row]} ${name}`;
      // The same feature twice in one answer is drawn twice.
      const twin = `${key} ${found.get(key)?.rows === rows ? row : ''}`;
      const at = found.has(key) ? (found.get(key).rows === rows ? twin : null) : key;
      if (at === null) continue;
      found.set(at, {
        key: at, name, rows, row, color,
        start: rows.start[row], end: rows.end[row], strand: rows.strand(row),
        x0: x(rows.start[row]), x1: Math.max(x(rows.end[row]), x(rows.start[row]) + 1),
      });
    }
  }
  return [...found.values()].sort((a, b) => a.start - b.start || b.end - a.end);
}

/**
 * Gives each feature the first lane in which nothing lies before `from(feature)`, or the one it
 * had, so that moving does not shuffle them. Returns the number of lanes; `memory` is a Map from
 * key to lane.
 */
export function pack(list, memory, from, to, gap = 3) {
  const ends = [];
  const lanes = new Map();
  for (const feature of list) {
    const free = lane => (ends[lane] ?? -Infinity) + gap <= from(feature);
    let lane = memory.get(feature.key);
    if (lane === undefined || lane > ends.length || !free(lane)) lane = 0;
    while (!free(lane)) lane += 1;
    for (let skipped = ends.length; skipped < lane; skipped += 1) ends[skipped] = -Infinity;
    ends[lane] = to(feature);
    feature.lane = lane;
    lanes.set(feature.key, lane);
  }
  memory.clear();
  for (const [key, lane] of lanes) memory.set(key, lane);
  return ends.length;
}

/** Says how many lanes did not fit, and how to see them. */
export function drawHidden(pen, { width, height }, hidden) {
  if (hidden > 0) pen.text(width - 4, height - 4, `${hidden} more below: make the chart taller`, { anchor: 'end', size: 10, halo: true });
}

/** The feature under the pointer, the topmost first. */
export function under(list, [px, py], lane) {
  const reach = 2;
  return list.findLast(({ x0, x1, lane: own }) => {
    const [top, bottom] = lane(own);
    return x0 - reach <= px && px <= x1 + reach && top <= py && py <= bottom;
  });
}
