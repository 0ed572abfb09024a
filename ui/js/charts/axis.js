// Converts positions and values to pixels; draws the ruler, grids and axes.

import { unitOf } from '../data.js';
import { axisRange, position, roundStep, short, ticks } from '../scale.js';

/** The padding above and below the values of a chart, in pixels. */
export const PAD = { top: 8, bottom: 5 };

/** Returns a function from positions to pixels. */
export function across({ view, width }) {
  const scale = width / (view.end - view.start);
  return place => (place - view.start) * scale;
}

/** Converts pixels to positions. */
export const placeAt = ({ view, width }, x) => view.start + (x / width) * (view.end - view.start);

/**
 * Returns the range of a chart's axis, which is remembered under `key`. At rest it fits the view.
 * While the view moves, it only widens, so that lines do not jump.
 */
export function axisOf({ settings, memory, moving }, [low, high], key = 'range') {
  const fits = axisRange(settings, [low, high]);
  const held = moving && memory[key];
  if (!moving) memory[key] = fits;
  return held && fits ? [Math.min(held[0], fits[0]), Math.max(held[1], fits[1])] : fits;
}

function upward([low, high], height, { top, bottom } = PAD) {
  const scale = (height - top - bottom) / (high - low);
  return value => height - bottom - (value - low) * scale;
}

/** Returns a function from values to pixels of a track. */
export const upTrack = ({ height }, range) => upward(range, height);

/** Draws faint lines at round values. */
export function drawLevels(pen, { width, height }, range) {
  const y = upward(range, height);
  const levels = ticks(...range, height / 40).map(value => Math.round(y(value)) + 0.5);
  pen.path(levels.map(level => [0, level, width, level]), { stroke: pen.palette.grid });
}

/** Draws the labels of round values at the left edge, the highest with the unit. */
export function valueLabels(pen, { height, series }, range) {
  const y = upward(range, height);
  const [all, unit] = [ticks(...range, height / 40), unitOf(series)];
  for (const value of all) {
    const text = value === all.at(-1) && unit ? `${short(value)} ${unit}` : short(value);
    pen.text(4, Math.min(Math.max(y(value) + 3.5, 10), height - 3), text, { size: 10, halo: true });
  }
}

/**
 * Draws two axes with their names, or with names along x. Returns [x, y], functions from values to
 * pixels. Without a range, the axes have no numbers.
 */
export function plotAxes(pen, { width, height }, xRange, yRange, [xName, yName]) {
  const [left, right, top, bottom] = [48, width - 12, 20, 34];
  const low = height - bottom;
  if (!xRange || !yRange) {
    pen.path([[left, top, left, low, right, low]], { stroke: pen.palette.line });
    return [() => NaN, () => NaN];
  }
  const y = upward(yRange, height, { top, bottom });
  const x = value => left + ((value - xRange[0]) / (xRange[1] - xRange[0])) * (right - left);
  const named = Array.isArray(xName);
  const [xs, ys] = [named ? xName.map((_, i) => i) : ticks(...xRange, width / 90), ticks(...yRange, height / 45)];
  pen.path([...xs.map(v => [x(v), top, x(v), low]), ...ys.map(v => [left, y(v), right, y(v)])], { stroke: pen.palette.grid });
  pen.path([[left, top, left, low, right, low]], { stroke: pen.palette.line });
  for (const value of xs) pen.text(x(value), low + 13, named ? xName[value] : short(value), { size: 10, anchor: 'middle' });
  for (const value of ys) pen.text(left - 5, y(value) + 3.5, short(value), { size: 10, anchor: 'end' });
  if (!named) pen.text((left + right) / 2, height - 5, xName, { anchor: 'middle', fill: pen.palette.ink });
  pen.text(4, 10, yName, { fill: pen.palette.ink, halo: true });
  return [x, y];
}

/** Draws the ruler with round positions, 1-based. */
export function drawRuler(pen, frame) {
  const { view, width, height } = frame;
  const x = across(frame);
  const step = Math.max(1, roundStep(((view.end - view.start) * 110) / width));
  const small = Math.max(1, step / 5);
  const lines = [[0, height - 0.5, width, height - 0.5]];
  for (let place = Math.ceil((view.start + 1) / small) * small; place <= view.end; place += small) {
    const at = Math.round(x(place - 0.5)) + 0.5;
    const round = Math.abs(place / step - Math.round(place / step)) < 1e-6;
    lines.push([at, height - (round ? 8 : 4), at, height]);
    if (round && at > 30 && at < width - 30) pen.text(at, height - 11, position(place, step), { anchor: 'middle' });
  }
  pen.path(lines, { stroke: pen.palette.line });
}
