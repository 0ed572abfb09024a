// Regions. Inside the page a region is {seq, start, end}: 0-based, half-open, and possibly between
// bases while the user drags. People and the wire count from 1 and include both ends; this file
// is the only one that converts places.

/** The narrowest view, in bases. */
export const NARROWEST = 20;

/** The region as the wire writes it: whole bases, 1-based, both ends included. */
export function toWire({ seq, start, end }) {
  return { seqName: seq, start: Math.floor(start) + 1, end: Math.max(Math.ceil(end), Math.floor(start) + 1) };
}

/** The wire's region as ours; null if it has no usable place. */
export function fromWire({ seqName, start, end } = {}) {
  const [first, last] = [Number(start), Number(end)];
  const usable = typeof seqName === 'string' && start !== null && end !== null && first <= last;
  return usable ? { seq: seqName, start: first - 1, end: last } : null;
}

/** The region moved, and if need be narrowed, so that it lies on its sequence. */
export function clamped({ seq, start, end }, length) {
  const width = Math.min(Math.max(end - start, Math.min(NARROWEST, length)), length);
  // Widening keeps the middle.
  const begin = start + (end - start - width) / 2;
  const from = Math.min(Math.max(begin, 0), length - width);
  return { seq, start: from, end: from + width };
}

/** The region from whole base to whole base. */
export function whole({ seq, start, end }) {
  const from = Math.round(start);
  return { seq, start: from, end: Math.max(Math.round(end), from + 1) };
}

/** As people write it: chr11:101,407,173-103,922,435. */
export function written(region) {
  const { seqName, start, end } = toWire(region);
  return `${seqName}:${grouped(start)}-${grouped(end)}`;
}

/** A whole number with commas. */
export function grouped(number) {
  return Math.round(number).toString().replace(/\B(?=(\d{3})+$)/g, ',');
}

/** A number of bases, short: 2.52 Mb. */
export function bases(count) {
  const [unit, name] = count >= 1e6 ? [1e6, 'Mb'] : count >= 1e4 ? [1e3, 'kb'] : [1, 'b'];
  return `${Number((count / unit).toPrecision(unit === 1 ? 6 : 3))} ${name === 'b' ? 'bases' : name}`;
}

/** The sequence meant by a name, in any case, with or without 'chr'. */
export function sequenceNamed(name, sequences) {
  if (sequences.has(name)) return name;
  const bare = text => text.toLowerCase().replace(/^chr/, '').replace(/^mt$/, 'm');
  const wanted = bare(name.trim());
  return wanted === '' ? null : [...sequences.keys()].find(known => bare(known) === wanted) ?? null;
}

const NUMBER = '[\\d.,]+\\s*[kmg]?b?p?';
const PLACE = new RegExp(`^(?:(.+?)(?::\\s*|\\s+))?(${NUMBER})(?:\\s*(?:-|–|—|\\.\\.|\\s)\\s*(${NUMBER}))?$`, 'i');

/**
 * The region that a text means, or null if it does not look like one; sequences are a Map from
 * name to length, `view` is where the page looks. Throws where it looks like one but is none.
 */
export function parsed(text, sequences, view) {
  const trimmed = text.trim();
  const named = sequenceNamed(trimmed, sequences);
  if (named) return { seq: named, start: 0, end: sequences.get(named) };
  const match = PLACE.exec(trimmed);
  if (!match) return null;
  const [, name, from, to] = match;
  const seq = name === undefined ? view?.seq : sequenceNamed(name, sequences);
  if (!seq) {
    if (!/:/.test(trimmed)) return null;
    throw new Error(`There is no sequence called ${name}.`);
  }
  const length = sequences.get(seq);
  const first = number(from);
  if (to === undefined) {
    if (name === undefined && !/[,kmg]|\d{4}/i.test(from)) return null;
    const width = view ? view.end - view.start : 10_000;
    return clamped({ seq, start: first - 1 - width / 2, end: first - 1 + width / 2 }, length);
  }
  const last = number(to);
  if (!(first <= last)) throw new Error('The region ends before it starts.');
  if (first > length) throw new Error(`${seq} has ${grouped(length)} bases only.`);
  return clamped({ seq, start: Math.max(first, 1) - 1, end: Math.min(last, length) }, length);
}

function number(text) {
  const [, digits, unit] = /^([\d.,]+)\s*([kmg]?)/i.exec(text);
  const factor = { '': 1, k: 1e3, m: 1e6, g: 1e9 }[unit.toLowerCase()];
  return Math.round(Number(digits.replaceAll(',', '')) * factor);
}
