// Numbers on axes: round steps, ranges with pleasant ends, short texts.

/** The smallest of 1, 2, 5 times a power of ten that is at least `least`. */
export function roundStep(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map(factor => factor * power).find(step => step >= least * (1 - 1e-9));
}

/** Round values within [low, high], at most about `count` of them. */
export function ticks(low, high, count) {
  if (!(high > low)) return [];
  const step = roundStep((high - low) / Math.max(count, 1));
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** A range with round ends that holds zero and all values: heights can then be compared. */
export function pleasant(low, high) {
  [low, high] = [Math.min(low, 0), Math.max(high, 0)];
  if (low === high) return [0, 1];
  const step = roundStep((high - low) / 8);
  const at = steps => Number((steps * step).toPrecision(12));
  return [at(Math.floor(low / step + 1e-9)), at(Math.ceil(high / step - 1e-9))];
}

/** Smallest and largest of some lists of numbers, nulls left out; null if there are none. */
export function extent(lists) {
  let [low, high] = [Infinity, -Infinity];
  for (const list of lists) {
    for (const value of list) {
      if (value === null || value === undefined) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return low <= high ? [low, high] : null;
}

/** The range of an axis: what the user fixed, else what the data need. */
export function axisRange(settings, lists) {
  const fixed = key => {
    const value = settings[key];
    return value === null || value === undefined || value === '' || !Number.isFinite(Number(value)) ? null : Number(value);
  };
  const found = extent(lists);
  const [low, high] = found ? pleasant(...found) : [0, 1];
  const [min, max] = [fixed('yMin') ?? low, fixed('yMax') ?? high];
  return min < max ? [min, max] : [min, min + 1];
}

/** A value, short enough for an axis or a tooltip. */
export function short(value) {
  if (value === null || value === undefined) return 'no data';
  if (value === 0) return '0';
  const size = Math.abs(value);
  return size >= 1e6 || size < 1e-3 ? value.toExponential(2).replace('e+', 'e') : String(Number(value.toPrecision(5)));
}

/** The text of a tick of the ruler at that 1-based position, when ticks are `step` apart. */
export function position(place, step) {
  const [unit, name] = step >= 1e5 ? [1e6, ' Mb'] : step >= 1e3 ? [1e3, ' kb'] : [1, ''];
  const decimals = Math.max(0, Math.round(Math.log10(unit)) - Math.floor(Math.log10(step) + 1e-9));
  const [whole, part] = (place / unit).toFixed(unit === 1 ? 0 : decimals).split('.');
  return whole.replace(/\B(?=(\d{3})+$)/g, ',') + (part ? `.${part}` : '') + name;
}
