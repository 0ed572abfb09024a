// Measurements compared: a heat map or line plot of many, a scatter plot of two.

import { across, plotAxes } from './axis.js';
import { matched, pile, readAt, readRow } from './lines.js';
import { rowsIn } from '../data.js';
import { axisRange, short } from '../scale.js';

const [TOP, BOTTOM, STEPS] = [4, 18, 24];

/**
 * Measurements one under another, values as strength of one colour, each row where it lies on the
 * sequence. Where there is no value the ground shows.
 */
export function drawHeatmap(pen, frame) {
  const { series, width, height } = frame;
  const x = across(frame);
  const bands = series.map(one => one.pieces.map(piece => pile([one], piece)));
  const range = axisRange(frame.settings, bands.flat().flatMap(({ layers }) => layers[0].tops));
  const [low, high] = range;
  const strength = value => 0.04 + 0.96 * Math.min(Math.max((value - low) / (high - low), 0), 1);
  const [{ color }] = series;
  const tall = (height - TOP - BOTTOM) / series.length;
  bands.forEach((band, i) => {
    const top = TOP + i * tall;
    for (const { start, end, rows, list, layers: [{ tops }] } of band) {
      pen.within(x(start), top, x(end) - x(start), tall - 1, () => list.forEach((row, at) => {
        if (tops[at] === null) return;
        // On whole pixels, or seams show; on the bare ground, or rows add up.
        const from = Math.floor(x(rows.start[row]));
        const box = [from, 0, Math.max(Math.floor(x(rows.end[row])) - from, 1), tall - 1];
        pen.rect(...box, pen.palette.back);
        pen.rect(...box, color, strength(tops[at]));
      }));
    }
    pen.text(4, top + Math.min(tall / 2 + 4, tall - 2), series[i].measurement.name, { size: Math.min(11, tall), fill: pen.palette.ink, halo: true });
  });
  for (let i = 0; i < STEPS; i += 1) pen.rect(width - 130 + i * 4, height - 12, 4, 8, color, strength(low + ((high - low) * (i + 0.5)) / STEPS));
  pen.text(width - 134, height - 4, short(low), { size: 10, anchor: 'end' });
  pen.text(width - 30, height - 4, short(high), { size: 10 });
  return { range, at: ([px, py]) => {
    const band = Math.floor((py - TOP) / tall);
    return readAt(frame, series.slice(band, band + 1), px);
  } };
}

/** A dot a row: the first measurement to the right, the second upward. */
export function drawScatter(pen, frame) {
  const [first, second] = frame.series;
  const rows = first.newest;
  const [xOf, yOf] = [matched(first, rows), matched(second, rows)];
  const list = [...rowsIn(rows, frame.view.start, frame.view.end)].filter(row => xOf(row) !== null && yOf(row) !== null);
  const xRange = axisRange({}, list.map(xOf));
  const yRange = axisRange(frame.settings, list.map(yOf));
  const [x, y] = plotAxes(pen, frame, xRange, yRange, [first.measurement.name, second.measurement.name]);
  const dots = list.map(row => [x(xOf(row)), y(yOf(row))]);
  pen.dots(dots.flat(), 2.5, first.color, 0.45);
  return { range: yRange, at: ([px, py]) => {
    const away = dots.map(dot => Math.hypot(dot[0] - px, dot[1] - py));
    const best = away.reduce((a, distance, i) => (distance < away[a] ? i : a), 0);
    return away[best] <= 8 ? readRow({ ...frame, series: [first, second] }, rows, list[best]) : null;
  } };
}

/** A line a row over the measurements; stacked, each from where the one before ends. */
export function drawLinePlot(pen, frame) {
  const { series, view, settings, kind: { stacked } } = frame;
  const rows = series[0].newest;
  const list = [...rowsIn(rows, view.start, view.end)];
  const values = series.map(one => matched(one, rows));
  const below = series.map(() => 0);
  const lines = list.map(row => values.map((value, i) => (stacked ? below[i] += value(row) : value(row))));
  const range = axisRange(settings, lines.flat());
  const [x, y] = plotAxes(pen, frame, [-0.2, series.length - 0.8], range, [series.map(one => one.measurement.name), '']);
  lines.forEach((line, i) => pen.path(
    [line.flatMap((value, at) => (value === null ? [] : [x(at), y(value)]))],
    { stroke: `hsl(${list[i] * 137} 55% 50%)`, width: 1.5 }));
  return { range, at: () => null };
}
