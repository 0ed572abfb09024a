// Values against values, or against the number of the row: scatter plots and line plots.

import { plotAxes } from './axis.js';
import { drawLayer, drawRuns, matched, runs, stacked } from './lines.js';
import { axisRange, short } from '../scale.js';
import { rowsIn } from '../rows.js';
import { written } from '../region.js';

/** One measurement against another: a dot a row. */
export function drawScatter(pen, frame) {
  const [first, second] = frame.series;
  const rows = first?.newest?.rows;
  const dots = [];
  if (rows && second) {
    const [xOf, yOf] = [matched(first, rows), matched(second, rows)];
    for (const row of rowsIn(rows, frame.view.start, frame.view.end)) {
      const [vx, vy] = [xOf(row), yOf(row)];
      if (vx !== null && vy !== null) dots.push({ row, vx, vy });
    }
  }
  const xRange = axisRange({}, [dots.map(dot => dot.vx)]);
  const yRange = axisRange(frame.settings, [dots.map(dot => dot.vy)]);
  const [x, y] = plotAxes(pen, frame, xRange, yRange, [first?.measurement.name ?? '', second?.measurement.name ?? '']);
  for (const dot of dots) Object.assign(dot, { px: x(dot.vx), py: y(dot.vy) });
  pen.dots(dots.flatMap(({ px, py }) => [px, py]), 2.5, first?.color ?? '#000', 0.45);
  return {
    range: yRange,
    at: ([px, py]) => {
      const away = dot => Math.hypot(dot.px - px, dot.py - py);
      const best = dots.reduce((a, b) => (a && away(a) <= away(b) ? a : b), null);
      if (!best || away(best) > 8) return null;
      const region = regionOf(frame, rows, best.row);
      return { region, lines: [written(region), `${first.measurement.name}: ${short(best.vx)}`, `${second.measurement.name}: ${short(best.vy)}`] };
    },
  };
}

/** Lines over the number of the row. */
export function drawLinePlot(pen, frame) {
  return overRows(pen, frame, ({ list, layers }) => layers.flatMap(layer => layer), (series, rows) => {
    const list = [...rowsIn(rows, frame.view.start, frame.view.end)];
    return { list, layers: series.map(one => list.map(matched(one, rows))) };
  }, ({ list, layers }, i, spot, y, color) => {
    const index = new Map(list.map((row, at) => [row, at]));
    const level = row => { const value = layers[i][index.get(row)]; return value === null ? null : y(value); };
    drawRuns(pen, runs(list, spot, level), color, y.base);
  });
}

/** Stacked lines over the number of the row. */
export function drawStackedPlot(pen, frame) {
  return overRows(pen, frame, ({ layers }) => layers.flatMap(({ tops, bottoms }) => [...tops, ...bottoms]),
    (series, rows) => stacked(series, rows, frame.view.start, frame.view.end),
    ({ list, layers }, i, spot, y, color) => drawLayer(pen, list, layers[i], spot, y, color));
}

/** What both line plots share: axes, one step a row, reading values. */
function overRows(pen, frame, valuesOf, layersOf, drawOne) {
  const { series } = frame;
  const rows = series[0]?.newest?.rows;
  const stack = rows ? layersOf(series, rows) : { list: [], layers: [] };
  const range = axisRange(frame.settings, [valuesOf(stack)]);
  const count = Math.max(stack.list.length, 1);
  const [x, y] = plotAxes(pen, frame, [0, count], range, ['row', series.map(({ measurement }) => measurement.name).join(', ')]);
  const index = new Map(stack.list.map((row, at) => [row, at]));
  const spot = row => [x(index.get(row)), x(index.get(row) + 1), true];
  const base = y(Math.min(Math.max(0, range[0]), range[1]));
  const up = Object.assign(value => y(value), { base });
  series.forEach(({ color }, i) => stack.layers[i] && drawOne(stack, i, spot, up, color));
  return {
    range,
    at: ([px]) => {
      const row = stack.list[Math.floor(((px - x(0)) / (x(count) - x(0))) * count)];
      if (row === undefined) return null;
      const region = regionOf(frame, rows, row);
      return { region, lines: [written(region), ...series.map(one => `${one.measurement.name}: ${short(matched(one, rows)(row))}`)] };
    },
  };
}

function regionOf({ view }, rows, row) {
  return { seq: view.seq, start: rows.start[row], end: rows.end[row] };
}
