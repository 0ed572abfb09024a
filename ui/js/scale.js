// Numbers on axes: round steps, rounded ranges, short texts.

import { grouped } from './region.js';

/** Returns the smallest 1, 2 or 5 times a power of ten that is at least `least`. */
export function roundStep(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map(factor => factor * power).find(step => step >= least * (1 - 1e-9));
}

const exact = number => Number(number.toPrecision(12));

/** Returns round values within [low, high], at most about `count` of them. */
export function ticks(low, high, count) {
  const step = roundStep((high - low) / Math.max(count, 1));
  const first = Math.ceil(low / step - 1e-9);
  const length = Math.floor(high / step + 1e-9) - first + 1;
  return Array.from({ length }, (_, i) => exact((first + i) * step));
}

/** Returns [low, high] of some lists of numbers, ignoring NaN; [Infinity, -Infinity] if there are none. */
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
 * Returns the range of an axis for values from `low` to `high`: the user's choice, or else from zero
 * to the next 1, 2 or 5 times a power of ten, also downward if there are negative values. It depends
 * only on these values. Null if there are none.
 */
export function axisRange(settings, [low, high]) {
  if (!(low <= high)) return null;
  const bound = value => (value === 0 ? 0 : Math.sign(value) * exact(roundStep(Math.abs(value))));
  const min = numberOr(bound(Math.min(low, 0)), settings.yMin);
  const max = numberOr(bound(Math.max(high, 0)), settings.yMax);
  return min < max ? [min, max] : [min, min + 1];
}

/** Returns the number in a setting, or `otherwise` if there is none. */
export function numberOr(otherwise, setting) {
  const value = parseFloat(setting);
  return Number.isFinite(value) ? value : otherwise;
}

/** Formats a value for an axis or a tooltip. */
export function short(value) {
  if (value == null) return 'no data';
  const size = Math.abs(value);
  return size >= 1e6 || (size < 1e-3 && size > 0) ? value.toExponential(2).replace('e+', 'e') : String(Number(value.toPrecision(5)));
}

/** Formats the label of a ruler tick at a 1-based position; ticks are `step` apart. */
export function position(place, step) {
  const [power, name] = step >= 1e5 ? [6, ' Mb'] : step >= 1e3 ? [3, ' kb'] : [0, ''];
  const decimals = power && Math.max(0, power - Math.floor(Math.log10(step) + 1e-9));
  const [whole, part] = (place / 10 ** power).toFixed(decimals).split('.');
  return grouped(whole) + (part ? `.${part}` : '') + name;
}

/** Formats a count: 1 chart, 2 charts, 1,234 rows. */
export const counted = (count, word) => `${grouped(count)} ${word}${count === 1 ? '' : 's'}`;
