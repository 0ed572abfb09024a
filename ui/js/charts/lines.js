// Values along the sequence: lines and stacked lines. Each row is a step as wide as its bases;
// where there is no row or no value there is no line.

import { across, placeAt, upward, valueGrid, valueLabels } from './axis.js';
import { axisRange, short } from '../scale.js';
import { nearest, rowsIn } from '../rows.js';
import { written } from '../region.js';

/** A run narrower than this is drawn as a dot, else it could not be seen. */
const VISIBLE = 2;

/** The values of a series that are in view. */
export function valuesInView({ measurement, pieces }) {
  return pieces.map(({ start, end, rows }) => {
    const values = rows.values[measurement.id] ?? [];
    return Array.from(rowsIn(rows, start, end), row => values[row]);
  });
}

/**
 * Rows that touch and have values, as runs of steps: flat lists x0, y, x1, y ... . `spot(row)`
 * gives a row's [x0, x1] and whether it touches the row before, `level(row)` its y or null.
 */
export function runs(rows, spot, level) {
  const all = [];
  let run = null;
  for (const row of rows) {
    const y = level(row);
    if (y === null) { run = null; continue; }
    const [x0, x1, touches] = spot(row);
    if (!run || !touches) all.push(run = []);
    run.push(x0, y, x1, y);
  }
  return all;
}

/** Where the rows of a piece lie, for `runs`. */
function onSequence(rows, x) {
  return row => [x(rows.start[row]), x(rows.end[row]), row > 0 && rows.end[row - 1] === rows.start[row]];
}

/** Draws runs as lines over a faint area, and those too narrow to be seen as dots. */
export function drawRuns(pen, all, color, base) {
  const wide = all.filter(run => run.at(-2) - run[0] >= VISIBLE);
  const dots = all.filter(run => run.at(-2) - run[0] < VISIBLE).flatMap(run => [(run[0] + run.at(-2)) / 2, run[1]]);
  pen.path(wide.map(run => [run[0], base, ...run, run.at(-2), base]), { fill: color, opacity: 0.16 });
  pen.path(wide, { stroke: color, width: 1.5 });
  pen.dots(dots, dots.length > 3000 ? 1.2 : 1.8, color, 0.75);
}

/** Lines of one or more measurements. */
export function drawLines(pen, frame) {
  const { series, height, width } = frame;
  const range = axisRange(frame.settings, series.flatMap(valuesInView));
  const [x, y] = [across(frame), upward(range, height)];
  valueGrid(pen, frame, range);
  const base = y(Math.min(Math.max(0, range[0]), range[1]));
  for (const { measurement, color, pieces } of series) {
    for (const { start, end, rows } of pieces) {
      const values = rows.values[measurement.id] ?? [];
      const level = row => (values[row] === null || values[row] === undefined ? null : y(values[row]));
      pen.within(x(start), 0, x(end) - x(start), height, () => {
        drawRuns(pen, runs(rowsIn(rows, start, end), onSequence(rows, x), level), color, base);
      });
    }
  }
  valueLabels(pen, frame, range);
  return { range, at: at => read(frame, at, width) };
}

/** Layers of one or more measurements, the positive upward and the negative downward. */
export function drawStacked(pen, frame) {
  const { series, height } = frame;
  const stacks = (series[0]?.pieces ?? []).map(({ start, end, rows }) => ({ start, end, rows, ...stacked(series, rows, start, end) }));
  const range = axisRange(frame.settings, stacks.flatMap(({ layers }) => layers.flatMap(({ tops, bottoms }) => [tops, bottoms])));
  const [x, y] = [across(frame), upward(range, height)];
  valueGrid(pen, frame, range);
  for (const { start, end, rows, list, layers } of stacks) {
    pen.within(x(start), 0, x(end) - x(start), height, () => {
      layers.forEach((layer, i) => drawLayer(pen, list, layer, onSequence(rows, x), y, series[i].color));
    });
  }
  valueLabels(pen, frame, range);
  return { range, at: at => read(frame, at) };
}

/** The rows in [start, end) and for each series the lower and upper value of its layer there. */
export function stacked(series, rows, start, end) {
  const list = [...rowsIn(rows, start, end)];
  const [above, below] = [list.map(() => 0), list.map(() => 0)];
  const layers = series.map(one => {
    const value = matched(one, rows);
    const layer = { tops: [], bottoms: [] };
    list.forEach((row, i) => {
      const here = value(row);
      const pile = here < 0 ? below : above;
      const from = pile[i];
      if (here !== null) pile[i] += here;
      layer.bottoms.push(here === null ? null : from);
      layer.tops.push(here === null ? null : pile[i]);
    });
    return layer;
  });
  return { list, layers };
}

export function drawLayer(pen, list, { tops, bottoms }, spot, y, color) {
  const index = new Map(list.map((row, i) => [row, i]));
  const level = values => row => { const value = values[index.get(row)]; return value === null ? null : y(value); };
  const lower = runs(list, spot, level(bottoms));
  const upper = runs(list, spot, level(tops));
  const shapes = upper.map((run, i) => {
    const back = [];
    for (let at = lower[i].length - 2; at >= 0; at -= 2) back.push(lower[i][at], lower[i][at + 1]);
    return [...run, ...back];
  });
  pen.path(shapes, { fill: color, opacity: 0.8 });
  pen.path(upper, { stroke: color, width: 1 });
}

/**
 * The value that a series has at the rows of `rows`: of the same row if the series shares them,
 * else of its row over the middle. Null where there is none.
 */
export function matched({ measurement, pieces, newest }, rows) {
  const own = [...pieces.map(piece => piece.rows), ...(newest ? [newest.rows] : [])];
  if (own.includes(rows)) return row => rows.values[measurement.id]?.[row] ?? null;
  return row => {
    const middle = (rows.start[row] + rows.end[row]) / 2;
    for (const other of own) {
      for (const found of rowsIn(other, middle, middle + 1e-6)) return other.values[measurement.id]?.[found] ?? null;
    }
    return null;
  };
}

/** What stands under the pointer. */
function read(frame, [px]) {
  const place = placeAt(frame, px);
  const reach = (4 * (frame.view.end - frame.view.start)) / frame.width;
  let region = null;
  const lines = frame.series.map(({ measurement, pieces }) => {
    const piece = pieces.find(({ start, end }) => start <= place && place <= end);
    const row = piece ? nearest(piece.rows, place, reach) : -1;
    if (row < 0) return `${measurement.name}: no data`;
    region ??= { seq: frame.view.seq, start: piece.rows.start[row], end: piece.rows.end[row] };
    return `${measurement.name}: ${short(piece.rows.values[measurement.id]?.[row])}`;
  });
  return region && { region, lines: [written(region), ...lines] };
}
