// Plots that compare measurements: heat maps and line plots of many, scatter plots of two.

import { across, axisOf, plotAxes } from './axis.js';
import { matched, pile, readAt, readRow, valuesIn } from './lines.js';
import { rowsOver, unitOf } from '../data.js';
import { extentOf, short } from '../scale.js';
import { mixed } from '../theme.js';

const [TOP, BOTTOM, STEPS] = [4, 18, 24];
/** The number of shades of a heat map. */
const SHADES = 64;
/** From the lowest values to the highest, for a scale of logarithms. */
const DECADES = 1000;

/**
 * Plans a heat map: one band per measurement, values as intensity of one colour, each row at its
 * position on the sequence. If rows share a pixel, the highest value is shown. Pixels without a value
 * show the background.
 */
export function planHeatmap(frame) {
  const { series, width, height } = frame;
  const x = across(frame);
  const bands = series.map(one => one.pieces.map(piece => pile([one], piece)));
  const tops = bands.flat().map(({ layers }) => layers[0].tops);
  const range = axisOf(frame, extentOf(tops));
  const strength = range && strengths(frame, range, tops);
  const tall = (height - TOP - BOTTOM) / series.length;
  const paint = pen => {
    if (range) bands.forEach((band, i) => paintBand(pen, shadesOf(band, x, width, strength.of), series[0].color, TOP + i * tall, tall - 1));
    series.forEach(({ measurement }, i) => {
      pen.text(4, TOP + i * tall + Math.min(tall / 2 + 4, tall - 2), measurement.name, { size: Math.min(11, tall), fill: pen.palette.ink, halo: true });
    });
    if (range) paintKey(pen, frame, strength);
  };
  return { range, shown: tops.reduce((sum, list) => sum + valuesIn(list), 0), paint, at: ([px, py]) => {
    const band = Math.floor((py - TOP) / tall);
    return readAt(frame, series.slice(band, band + 1), px);
  } };
}

/**
 * Returns the scale of colours: its limits, and `of(value)` from 0 to 1. It is logarithmic if the values
 * span orders of magnitude (expression, read counts), since a linear one would show only the highest.
 */
export function strengths({ settings = {} }, [low, high], tops) {
  const isSet = [settings.yMin, settings.yMax].some(end => end !== undefined && end !== 'default');
  const positive = tops.flatMap(list => Array.from(list).filter(value => value > 0)).sort((a, b) => a - b);
  const least = positive[Math.floor(positive.length / 20)];
  if (isSet || low < 0 || !(high / least >= DECADES)) {
    return { low, high, isLog: false, of: value => Math.min(Math.max((value - low) / (high - low), 0), 1) };
  }
  const whole = Math.log(high / least);
  return { low: least, high, isLog: true, of: value => (value > least ? Math.min(Math.log(value / least) / whole, 1) : 0) };
}

/** Returns the shade of each pixel of a band, from 1; 0 without a value. Whole pixels avoid visible seams. */
function shadesOf(band, x, width, strength) {
  const shades = new Uint8Array(Math.ceil(width));
  for (const { start, end, rows, list, layers: [{ tops }] } of band) {
    const [left, right] = [Math.max(Math.floor(x(start)), 0), Math.min(Math.ceil(x(end)), shades.length)];
    for (let i = 0; i < list.length; i += 1) {
      if (tops[i] !== tops[i]) continue;
      const shade = 1 + Math.round(strength(tops[i]) * (SHADES - 1));
      const from = Math.floor(x(rows.start[list[i]]));
      const to = Math.max(Math.floor(x(rows.end[list[i]])), from + 1);
      for (let at = Math.max(from, left); at < to && at < right; at += 1) if (shades[at] < shade) shades[at] = shade;
    }
  }
  return shades;
}

const strengthOf = shade => 0.04 + (0.96 * (shade - 1)) / (SHADES - 1);

function paintBand(pen, shades, color, top, tall) {
  const boxes = new Map();
  for (let from = 0; from < shades.length;) {
    let to = from + 1;
    while (to < shades.length && shades[to] === shades[from]) to += 1;
    if (shades[from]) {
      if (!boxes.has(shades[from])) boxes.set(shades[from], []);
      boxes.get(shades[from]).push(from, top, to - from, tall);
    }
    from = to;
  }
  for (const [shade, flat] of boxes) pen.rects(flat, mixed(color, pen.palette.back, strengthOf(shade)), 1);
}

/** Draws the colour key. */
function paintKey(pen, { series, width, height }, { low, high, isLog }) {
  const unit = unitOf(series);
  const right = width - 45 - (unit ? 6 * unit.length + 3 : 0);
  for (let i = 0; i < STEPS; i += 1) {
    const shade = 1 + ((SHADES - 1) * (i + 0.5)) / STEPS;
    pen.rect(right - 100 + i * 4, height - 12, 4, 8, mixed(series[0].color, pen.palette.back, strengthOf(shade)));
  }
  pen.text(right - 104, height - 4, `${isLog ? 'log ' : ''}${short(low)}`, { size: 10, anchor: 'end' });
  pen.text(right, height - 4, `${short(high)} ${unit}`.trim(), { size: 10 });
}

/** Returns the name of a series with its unit. */
function withUnit({ measurement: { name, annotation } }) {
  return annotation?.unit ? `${name} (${annotation.unit})` : name;
}

/** Plans a scatter plot: one dot per row, the first measurement to the right, the second upward. */
export function planScatter(frame) {
  const [first, second] = frame.series;
  const rows = first.newest;
  const [xOf, yOf] = [matched(first, rows), matched(second, rows)];
  const list = [...rowsOver(rows, frame.view.start, frame.view.end)].filter(row => xOf(row) !== null && yOf(row) !== null);
  const xRange = axisOf({ ...frame, settings: {} }, extentOf([list.map(xOf)]), 'across');
  const yRange = axisOf(frame, extentOf([list.map(yOf)]));
  let dots = [];
  const paint = pen => {
    const [x, y] = plotAxes(pen, frame, xRange, yRange, [first, second].map(withUnit));
    dots = list.map(row => [x(xOf(row)), y(yOf(row))]);
    pen.dots(dots.flat(), 2.5, first.color, 0.45);
  };
  return { range: yRange, shown: list.length, paint, at: ([px, py]) => {
    let [best, nearest] = [-1, 8];
    dots.forEach((dot, i) => {
      const away = Math.hypot(dot[0] - px, dot[1] - py);
      if (away <= nearest) [best, nearest] = [i, away];
    });
    return best < 0 ? null : readRow({ ...frame, series: [first, second] }, rows, list[best]);
  } };
}

/** Plans one line per row, across the measurements; stacked, each starts where the previous one ends. */
export function planLinePlot(frame) {
  const { series, view, kind: { stacked } } = frame;
  const rows = series[0].newest;
  const values = series.map(one => matched(one, rows));
  const list = [...rowsOver(rows, view.start, view.end)].filter(row => values.some(value => value(row) !== null));
  const below = series.map(() => 0);
  const lines = list.map(row => values.map((value, i) => (stacked ? below[i] += value(row) : value(row))));
  const range = axisOf(frame, extentOf([lines.flat().map(value => value ?? NaN)]));
  const paint = pen => {
    const [x, y] = plotAxes(pen, frame, [-0.2, series.length - 0.8], range, [series.map(one => one.measurement.name), unitOf(series)]);
    lines.forEach((line, i) => pen.path(
      [line.flatMap((value, at) => (value === null ? [] : [x(at), y(value)]))],
      { stroke: `hsl(${list[i] * 137} 55% 50%)`, width: 1.5 }));
  };
  return { range, shown: list.length, paint, at: () => null };
}
