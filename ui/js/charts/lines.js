// Lines of values, separate or stacked. Each row is a step; without a row or a value, there is no
// line.

import { across, axisOf, drawLevels, placeAt, upTrack, valueLabels } from './axis.js';
import { extentOf, short } from '../scale.js';
import { nearest, regionOf, rowAt, rowsOver } from '../data.js';
import { written } from '../region.js';

/** Narrower runs are drawn as dots, since they would be invisible. */
const VISIBLE = 2;

/** Plans lines along the sequence, stacked or separate. */
export function planLines(frame) {
  const { series, height, kind: { stacked } } = frame;
  // Stacked measurements use the rows of the first.
  const stacks = (stacked ? [series] : series.map(one => [one])).flatMap(group => group[0].pieces.map(piece => pile(group, piece)));
  const range = axisOf(frame, extentOf(stacks.flatMap(({ layers }) => layers.flatMap(({ bottoms, tops }) => [bottoms, tops]))));
  const shown = stacks.reduce((count, { layers }) => count + layers.reduce((sum, { tops }) => sum + valuesIn(tops), 0), 0);
  const paint = pen => {
    if (!range) return;
    drawLevels(pen, frame, range);
    const [x, y] = [across(frame), upTrack(frame, range)];
    for (const stack of stacks) {
      const from = x(stack.start);
      pen.within(from, 0, x(stack.end) - from, height, () => {
        for (const layer of stack.layers) drawLayer(pen, runs(stack, layer, x, y, range, pen.column), layer.one.color, stacked);
      });
    }
    valueLabels(pen, frame, range);
  };
  return { range, shown, paint, at: ([px]) => readAt(frame, series, px) };
}

/** Returns the number of values in a list that are not NaN. */
export const valuesIn = list => list.reduce((count, value) => count + (value === value), 0);

/**
 * Returns the rows of a piece in its region and, for each of `group`, the lower and upper value of
 * its layer, NaN without a value. Positive values are stacked upward, negative ones downward.
 */
export function pile(group, piece) {
  const list = rowsOver(piece.rows, piece.start, piece.end);
  const [above, below] = [new Float64Array(list.length), new Float64Array(list.length)];
  const layers = group.map(one => {
    const value = matched(one, piece.rows);
    const [bottoms, tops] = [new Float64Array(list.length), new Float64Array(list.length)];
    for (let i = 0; i < list.length; i += 1) {
      const here = value(list[i]);
      const ends = here < 0 ? below : above;
      bottoms[i] = here === null ? NaN : ends[i];
      tops[i] = here === null ? NaN : (ends[i] += here);
    }
    return { one, bottoms, tops };
  });
  return { ...piece, list, layers };
}

/**
 * Returns the runs of adjacent rows with values as flat lists x0, y, x1, y ...: `line` above, `back`
 * below. Rows narrower than a `column` of pixels are combined to the first, lowest, highest and last
 * of their values: the picture is the same, with fewer points.
 */
export function runs({ rows, list }, { bottoms, tops }, x, y, [low, high], column) {
  const all = [];
  let run = null;
  let end = NaN;
  for (let i = 0; i < list.length; i += 1) {
    const top = tops[i];
    if (top !== top) {
      run = null;
      continue;
    }
    const row = list[i];
    const [x0, x1] = [x(rows.start[row]), x(rows.end[row])];
    const bottom = y(Math.min(Math.max(bottoms[i], low), high));
    if (!run || rows.start[row] !== end) all.push(run = new Run());
    if (x1 - x0 >= column) run.step(x0, x1, y(top), bottom);
    else run.narrow(x0, x1, y(top), bottom, column);
    end = rows.end[row];
  }
  for (const one of all) one.close();
  return all;
}

/** A run of adjacent steps. */
class Run {
  constructor() {
    this.line = [];
    this.back = [];
    this.at = -Infinity;
  }

  step(x0, x1, top, bottom) {
    this.close();
    this.line.push(x0, top, x1, top);
    this.under(x0, bottom);
    this.under(x1, bottom);
  }

  /** Adds a step that shares its column of pixels with others. */
  narrow(x0, x1, top, bottom, column) {
    const at = Math.floor((x0 + x1) / 2 / column);
    if (at !== this.at) {
      this.close();
      this.at = at;
      this.x0 = x0;
      this.first = this.highest = this.lowest = top;
      this.bottom = bottom;
    }
    this.x1 = x1;
    this.last = top;
    if (top < this.highest) this.highest = top;
    if (top > this.lowest) this.lowest = top;
  }

  /** Adds the collected values of a column. */
  close() {
    if (this.at === -Infinity) return;
    const { x0, x1, first, last, highest, lowest, bottom, line } = this;
    const middle = (x0 + x1) / 2;
    line.push(x0, first);
    if (highest !== lowest) line.push(middle, first < last ? highest : lowest, middle, first < last ? lowest : highest);
    line.push(x1, last);
    this.under(x0, bottom);
    this.under(x1, bottom);
    this.at = -Infinity;
  }

  /** Extends the lower edge; a level part needs only its ends. */
  under(x, y) {
    const { back } = this;
    const size = back.length;
    if (size >= 4 && back[size - 1] === y && back[size - 3] === y) back[size - 2] = x;
    else back.push(x, y);
  }

  /** The area between the line and the lower edge. */
  get area() {
    const area = this.line.slice();
    for (let i = this.back.length - 2; i >= 0; i -= 2) area.push(this.back[i], this.back[i + 1]);
    return area;
  }
}

/** Draws runs as lines over an area, and very narrow ones as dots. */
function drawLayer(pen, all, color, stacked) {
  const wide = [];
  const dots = [];
  for (const run of all) {
    const { line } = run;
    if (stacked || line.at(-2) - line[0] >= VISIBLE) wide.push(run);
    else dots.push((line[0] + line.at(-2)) / 2, line[1]);
  }
  pen.path(wide.map(run => run.area), { fill: color, opacity: stacked ? 0.8 : 0.16 });
  pen.path(wide.map(run => run.line), { stroke: color, width: stacked ? 1 : 1.5 });
  pen.dots(dots, dots.length > 3000 ? 1.2 : 1.8, color, 0.75);
}

/**
 * Returns a function that gives the value of a series for a row of `rows`: that of the same row if
 * the series shares them, otherwise of its row at the middle. Null if there is none.
 */
export function matched({ measurement: { id }, pieces, newest }, rows) {
  const own = [...pieces.map(piece => piece.rows), newest];
  if (own.includes(rows)) {
    const values = rows.values[id] ?? [];
    return row => values[row] ?? null;
  }
  return row => {
    const middle = (rows.start[row] + rows.end[row]) / 2;
    for (const other of own) {
      const found = rowAt(other, middle);
      if (found >= 0) return other.values[id]?.[found] ?? null;
    }
    return null;
  };
}

/** Returns the tooltip of a row: the value of each series. */
export function readRow({ view, series }, rows, row) {
  const region = regionOf(view.seq, rows, row);
  return { region, lines: [written(region), ...series.map(one => `${one.measurement.name}: ${short(matched(one, rows)(row))}`)] };
}

/** Returns the tooltip at a pixel: the nearest row of each series. */
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
