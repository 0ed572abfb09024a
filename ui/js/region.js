// Regions. Inside the page, a region is {seq, start, end}: 0-based, half-open, and possibly between
// bases while the user drags. For users and on the wire, regions are 1-based and include both ends;
// only this file converts them.

/** The narrowest view, in bases. */
const MIN_WIDTH = 20;

/** Converts a region to the wire's form: whole bases, 1-based, both ends included. */
export function toWire({ seq, start, end }) {
  const first = Math.floor(start) + 1;
  return { seqName: seq, start: first, end: Math.max(Math.ceil(end), first) };
}

/** Converts a region from the wire's form; null if it is not valid. */
export function fromWire(wire) {
  const { seqName, start, end } = wire ?? {};
  const usable = typeof seqName === 'string' && start !== null && end !== null && Number(start) <= Number(end);
  return usable ? { seq: seqName, start: Number(start) - 1, end: Number(end) } : null;
}

/** Returns the region moved, and if necessary narrowed, to fit on its sequence. */
export function clamped({ seq, start, end }, length) {
  const width = Math.min(Math.max(end - start, MIN_WIDTH), length);
  // The middle stays the same when the region is widened.
  const from = Math.min(Math.max((start + end - width) / 2, 0), length - width);
  return { seq, start: from, end: from + width };
}

/** Rounds a region to whole bases. */
export function whole({ seq, start, end }) {
  const from = Math.round(start);
  return { seq, start: from, end: Math.max(Math.round(end), from + 1) };
}

/** Formats a region: chr11:101,407,173-103,922,435. */
export function written(region) {
  const { seqName, start, end } = toWire(region);
  return `${seqName}:${grouped(start)}-${grouped(end)}`;
}

export const grouped = number => String(Math.round(number)).replace(/\B(?=(\d{3})+$)/g, ',');

/** Formats the width of a region: 2.52 Mb. */
export function bases({ start, end }) {
  const count = Math.round(end - start);
  const [unit, name] = count >= 1e6 ? [1e6, 'Mb'] : [1e3, 'kb'];
  return count < 1e4 ? `${count} bases` : `${Number((count / unit).toPrecision(3))} ${name}`;
}

/** Returns the sequence for a name, ignoring case and 'chr'. */
export function sequenceNamed(name, sequences) {
  const bare = text => text.toLowerCase().replace(/^chr/, '').replace(/^mt$/, 'm');
  const wanted = bare(name.trim());
  return sequences.has(name) ? name : [...sequences.keys()].find(known => wanted && bare(known) === wanted);
}

const NUMBER = '(\\d[\\d,]*(?:\\.\\d+)?)\\s*([kmg]?)b?p?';
const INTERVAL = `${NUMBER}(?:\\s*(?:-|–|—|\\.\\.|\\s)\\s*${NUMBER})?`;
const PLACE = new RegExp(`^(?:(.+?)(?::\\s*|\\s+))?${INTERVAL}$`, 'i');
const BARE = new RegExp(`^()${INTERVAL}$`, 'i');
const FLANK = new RegExp(`^(.*?)\\s*(?:±|\\+/?-)\\s*${NUMBER}$`, 'i');
const UNITS = { '': 1, k: 1e3, m: 1e6, g: 1e9 };

const number = (digits, unit) => Math.round(Number(digits.replaceAll(',', '')) * UNITS[unit.toLowerCase()]);

/** Splits 'TP53 ±5kb' (or +-, +/-) into the name and the number of bases to add on either side, if any. */
export function flanked(text) {
  const match = FLANK.exec(text.trim());
  return match ? { what: match[1], flank: number(match[2], match[3]) } : { what: text.trim(), flank: null };
}

/**
 * Parses a region; returns null if the text does not look like one, and throws if it does but is not
 * valid. `sequences` are names and lengths, `view` is the page's view. The grammar is that of the
 * console (`src/catalog/find.rs`).
 */
export function parsed(text, sequences, view) {
  const { what, flank } = flanked(text);
  const widened = (seq, start, end) => clamped({ seq, start: start - (flank ?? 0), end: end + (flank ?? 0) }, sequences.get(seq));
  const named = sequenceNamed(what, sequences);
  if (named) return { seq: named, start: 0, end: sequences.get(named) };
  let match = PLACE.exec(what);
  // Two numbers without a name: the first is not a sequence.
  if (match?.[1] && !sequenceNamed(match[1], sequences)) match = BARE.exec(what) ?? match;
  if (!match) return null;
  const [, name, from, fromUnit, to, toUnit] = match;
  const seq = name ? sequenceNamed(name, sequences) : view?.seq;
  if (!seq) {
    if (!what.includes(':')) return null;
    throw new Error(`No sequence is called ${name}.`);
  }
  const length = sequences.get(seq);
  const first = number(from, fromUnit);
  if (to === undefined) {
    // A small number on its own may be a name.
    if (!name && !fromUnit && !/,|\d{4}/.test(from)) return null;
    if (flank !== null) return widened(seq, first - 1, first);
    const half = view ? (view.end - view.start) / 2 : 5_000;
    return clamped({ seq, start: first - 1 - half, end: first - 1 + half }, length);
  }
  const last = number(to, toUnit);
  if (!(first <= last)) throw new Error('The region ends before it starts.');
  if (first > length) throw new Error(`${seq} has only ${grouped(length)} bases.`);
  return widened(seq, Math.max(first, 1) - 1, Math.min(last, length));
}
