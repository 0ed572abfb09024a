// Values as lines, side by side or stacked. A row is a step; without one, or a value,
// there is no line.

import { placeAt, trackAxes, valueLabels } from './axis.js';
import { axisRange, short } from '../scale.js';
import { nearest, regionOf, rowsIn } from '../data.js';
import { written } from '../region.js';

/** What is narrower is drawn as a dot, else it could not be seen. */
const VISIBLE = 2;

/** Lines along the sequence, on each other or each for itself. */
export function drawLines(pen, frame) {
  const { series, height, settings, kind: { stacked } } = frame;
  // What is stacked has the rows of the first.
  const stacks = (stacked ? [series] : series.map(one => [one])).flatMap(group => group[0].pieces.map(piece => pile(group, piece)));
  const range = axisRange(settings, stacks.flatMap(({ layers }) => layers.flatMap(({ bottoms, tops }) => [...bottoms, ...tops])));
  const [x, y] = trackAxes(pen, frame, range);
  const inRange = value => Math.min(Math.max(value, range[0]), range[1]);
  for (const { rows, list, layers, start, end } of stacks) {
    const spots = list.map(row => [x(rows.start[row]), x(rows.end[row]), rows.end[row - 1] === rows.start[row]]);
    pen.within(x(start), 0, x(end) - x(start), height, () => {
      for (const { one, bottoms, tops } of layers) drawLayer(pen, runs(spots, bottoms.map(inRange), tops, y), one.color, stacked);
    });
  }
  valueLabels(pen, frame, range);
  return { range, at: ([px]) => readAt(frame, series, px) };
}

/**
 * The rows of a piece in its region and, for each of `group`, the lower and upper value of its
 * layer there: the positive are piled upward and the negative downward.
 */
export function pile(group, piece) {
  const list = [...rowsIn(piece.rows, piece.start, piece.end)];
  const [above, below] = [list.map(() => 0), list.map(() => 0)];
  const layers = group.map(one => {
    const value = matched(one, piece.rows);
    const [bottoms, tops] = [[], []];
    list.forEach((row, i) => {
      const here = value(row);
      const ends = here < 0 ? below : above;
      bottoms.push(ends[i]);
      ends[i] += here;
      tops.push(here === null ? null : ends[i]);
    });
    return { one, bottoms, tops };
  });
  return { ...piece, list, layers };
}

/** Rows that touch and have values, as flat lists x0, y, x1, y ...: `line` above, `back` below. */
function runs(spots, bottoms, tops, y) {
  const all = [];
  let run = null;
  spots.forEach(([x0, x1, touches], i) => {
    if (tops[i] === null) { run = null; return; }
    if (!run || !touches) all.push(run = { line: [], back: [] });
    const [low, high] = [y(bottoms[i]), y(tops[i])];
    run.line.push(x0, high, x1, high);
    // Reversed in the end, hence y before x.
    run.back.push(low, x0, low, x1);
  });
  return all;
}

/** Draws runs as lines over an area, and those too narrow to be seen as dots. */
function drawLayer(pen, all, color, stacked) {
  const isWide = ({ line }) => stacked || line.at(-2) - line[0] >= VISIBLE;
  const wide = all.filter(isWide);
  const dots = all.filter(run => !isWide(run)).flatMap(({ line }) => [(line[0] + line.at(-2)) / 2, line[1]]);
  pen.path(wide.map(({ line, back }) => [...line, ...back.reverse()]), { fill: color, opacity: stacked ? 0.8 : 0.16 });
  pen.path(wide.map(({ line }) => line), { stroke: color, width: stacked ? 1 : 1.5 });
  pen.dots(dots, dots.length > 3000 ? 1.2 : 1.8, color, 0.75);
}

/**
 * The value that a series has at the rows of `rows`: of the same row if the series shares them,
 * else of its row over the middle. Null where there is none.
 */
export function matched({ measurement, pieces, newest }, rows) {
  const own = [...pieces.map(piece => piece.rows), newest];
  const value = (from, row) => from.values[measurement.id]?.[row] ?? null;
  if (own.includes(rows)) return row => value(rows, row);
  return row => {
    const middle = (rows.start[row] + rows.end[row]) / 2;
    for (const other of own) {
      for (const found of rowsIn(other, middle, middle + 1e-6)) return value(other, found);
    }
    return null;
  };
}

/** What is said of a row: the value of each series there. */
export function readRow({ view, series }, rows, row) {
  const region = regionOf(view.seq, rows, row);
  return { region, lines: [written(region), ...series.map(one => `${one.measurement.name}: ${short(matched(one, rows)(row))}`)] };
}

/** What is said of a pixel: of each series the nearest row. */
export function readAt(frame, series, px) {
  const place = placeAt(frame, px);
  const reach = placeAt(frame, 4) - frame.view.start;
  let region = null;
  const lines = series.map(({ measurement, pieces }) => {
    const { rows } = pieces.find(({ start, end }) => start <= place && place <= end) ?? {};
    const row = rows ? nearest(rows, place, reach) : -1;
    if (row >= 0) region ??= regionOf(frame.view.seq, rows, row);
    return `${measurement.name}: ${short(rows?.values[measurement.id]?.[row])}`;
  });
  return region && { region, lines: [written(region), ...lines] };
}
