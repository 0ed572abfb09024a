// Numbers on axes: round steps, ranges with pleasant ends, short texts.

import { grouped } from './region.js';

/** The smallest of 1, 2, 5 times a power of ten that is at least `least`. */
export function roundStep(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map(factor => factor * power).find(step => step >= least * (1 - 1e-9));
}

const exact = number => Number(number.toPrecision(12));

/** Round values within [low, high], at most about `count` of them. */
export function ticks(low, high, count) {
  const step = roundStep((high - low) / Math.max(count, 1));
  const first = Math.ceil(low / step - 1e-9);
  const length = Math.floor(high / step + 1e-9) - first + 1;
  return Array.from({ length }, (_, i) => exact((first + i) * step));
}

/** The smallest and the largest of some lists of numbers, NaN left out: [low, high]; [Infinity, -Infinity] of nothing. */
export function extentOf(lists) {
  let [low, high] = [Infinity, -Infinity];
  for (const list of lists) {
    for (const value of list) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return [low, high];
}

/**
 * The range of an axis that shows values from `low` to `high`: what the user fixed, else from zero
 * to the next of 1, 2, 5 times a power of ten, downward too if there are negative values. It
 * depends on nothing but these values. Null if there are none: no axis is invented.
 */
export function axisRange(settings, [low, high]) {
  if (!(low <= high)) return null;
  const bound = value => (value === 0 ? 0 : Math.sign(value) * exact(roundStep(Math.abs(value))));
  const min = numberOr(bound(Math.min(low, 0)), settings.yMin);
  const max = numberOr(bound(Math.max(high, 0)), settings.yMax);
  return min < max ? [min, max] : [min, min + 1];
}

/** The number that a setting holds, if it holds one. */
export function numberOr(otherwise, setting) {
  const value = parseFloat(setting);
  return Number.isFinite(value) ? value : otherwise;
}

/** A value, short enough for an axis or a tooltip. */
export function short(value) {
  if (value == null) return 'no data';
  const size = Math.abs(value);
  return size >= 1e6 || (size < 1e-3 && size > 0) ? value.toExponential(2).replace('e+', 'e') : String(Number(value.toPrecision(5)));
}

/** The text of a tick of the ruler at that 1-based position, when ticks are `step` apart. */
export function position(place, step) {
  const [power, name] = step >= 1e5 ? [6, ' Mb'] : step >= 1e3 ? [3, ' kb'] : [0, ''];
  const decimals = power && Math.max(0, power - Math.floor(Math.log10(step) + 1e-9));
  const [whole, part] = (place / 10 ** power).toFixed(decimals).split('.');
  return grouped(whole) + (part ? `.${part}` : '') + name;
}

/** A number of things in words: 1 chart, 2 charts, 1,234 rows. */
export const counted = (count, word) => `${grouped(count)} ${word}${count === 1 ? '' : 's'}`;
