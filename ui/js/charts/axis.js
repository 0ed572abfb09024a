// What pictures share: places to pixels, value axes.

import { ticks, short } from '../scale.js';

/** Room above and below the values of a chart, in pixels. */
export const PAD = { top: 8, bottom: 5 };

/** From places to pixels. */
export function across({ view, width }) {
  const scale = width / (view.end - view.start);
  return place => (place - view.start) * scale;
}

/** From pixels to places. */
export function placeAt({ view, width }, x) {
  return view.start + (x / width) * (view.end - view.start);
}

/** From values in [low, high] to pixels. */
export function upward([low, high], height, { top, bottom } = PAD) {
  const scale = (height - top - bottom) / (high - low);
  return value => height - bottom - (value - low) * scale;
}

/** Faint lines at round values. */
export function valueGrid(pen, { width, height }, range) {
  const y = upward(range, height);
  const lines = ticks(...range, height / 40).map(value => [0, Math.round(y(value)) + 0.5, width, Math.round(y(value)) + 0.5]);
  pen.path(lines, { stroke: pen.palette.grid });
}

/** The round values themselves, over the picture's left edge. */
export function valueLabels(pen, { height }, range) {
  const y = upward(range, height);
  for (const value of ticks(...range, height / 40)) {
    const at = Math.min(Math.max(y(value) + 3.5, 10), height - 3);
    pen.text(4, at, short(value), { size: 10, halo: true });
  }
}

/** A frame of two value axes with their names: for plots. Returns [x, y] from values to pixels. */
export function plotAxes(pen, { width, height }, xRange, yRange, [xName, yName]) {
  const [left, right, top, bottom] = [48, 12, 20, 34];
  const y = upward(yRange, height, { top, bottom });
  const x = value => left + ((value - xRange[0]) / (xRange[1] - xRange[0])) * (width - left - right);
  const [xs, ys] = [ticks(...xRange, width / 90), ticks(...yRange, height / 45)];
  pen.path([...xs.map(v => [x(v), top, x(v), height - bottom]), ...ys.map(v => [left, y(v), width - right, y(v)])], { stroke: pen.palette.grid });
  pen.path([[left, top, left, height - bottom, width - right, height - bottom]], { stroke: pen.palette.line });
  for (const value of xs) pen.text(x(value), height - bottom + 13, short(value), { size: 10, anchor: 'middle' });
  for (const value of ys) pen.text(left - 5, y(value) + 3.5, short(value), { size: 10, anchor: 'end' });
  pen.text((left + width - right) / 2, height - 5, xName, { anchor: 'middle', fill: pen.palette.ink });
  pen.text(4, 10, yName, { fill: pen.palette.ink, halo: true });
  return [x, y];
}
