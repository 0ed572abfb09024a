// Writes bigWig files for the tests, following the description of the format (Kent et al. 2010,
// Bioinformatics 26:2204, supplement): one sequence, uncompressed sections of fixed steps, no
// zoom levels. Does not use the program's library, so that the two check each other.

const PER_SECTION = 1024;

/**
 * Returns the bytes of a bigWig file: `sequence` of `length` bases, in steps of `step` bases from the
 * first base on, with the values `value(step number)`, or null for a step without data.
 */
export function bigWig(sequence, length, step, value) {
  const sections = [];
  let items = [];
  const flush = last => {
    if (items.length) sections.push({ first: last - items.length, items });
    items = [];
  };
  const count = Math.floor(length / step);
  for (let i = 0; i < count; i += 1) {
    const here = value(i);
    if (here === null || items.length === PER_SECTION) flush(i);
    if (here !== null) items.push(here);
  }
  flush(count);

  const chromTree = Buffer.alloc(32 + 4 + sequence.length + 8);
  chromTree.writeUInt32LE(0x78ca8c91, 0);
  chromTree.writeUInt32LE(1, 4);
  chromTree.writeUInt32LE(sequence.length, 8);
  chromTree.writeUInt32LE(8, 12);
  chromTree.writeBigUInt64LE(1n, 16);
  chromTree.writeUInt8(1, 32);
  chromTree.writeUInt16LE(1, 34);
  chromTree.write(sequence, 36, 'latin1');
  chromTree.writeUInt32LE(0, 36 + sequence.length);
  chromTree.writeUInt32LE(length, 40 + sequence.length);

  const SUMMARY = 64;
  const chromTreeAt = SUMMARY + 40;
  const dataAt = chromTreeAt + chromTree.length;
  let at = dataAt + 8;
  const blocks = sections.map(({ first, items: values }) => {
    const block = Buffer.alloc(24 + 4 * values.length);
    block.writeUInt32LE(0, 0);
    block.writeUInt32LE(first * step, 4);
    block.writeUInt32LE((first + values.length) * step, 8);
    block.writeUInt32LE(step, 12);
    block.writeUInt32LE(step, 16);
    block.writeUInt8(3, 20);
    block.writeUInt16LE(values.length, 22);
    values.forEach((one, i) => block.writeFloatLE(one, 24 + 4 * i));
    const place = { start: first * step, end: (first + values.length) * step, at, size: block.length };
    at += block.length;
    return { block, place };
  });
  const dataCount = Buffer.alloc(8);
  dataCount.writeBigUInt64LE(BigInt(blocks.length));

  const header = Buffer.alloc(SUMMARY + 40);
  header.writeUInt32LE(0x888ffc26, 0);
  header.writeUInt16LE(4, 4);
  header.writeBigUInt64LE(BigInt(chromTreeAt), 8);
  header.writeBigUInt64LE(BigInt(dataAt), 16);
  header.writeBigUInt64LE(BigInt(at), 24);
  header.writeBigUInt64LE(BigInt(SUMMARY), 44);
  const all = sections.flatMap(section => section.items);
  const sum = all.reduce((a, b) => a + b, 0) * step;
  header.writeBigUInt64LE(BigInt(all.length * step), SUMMARY);
  header.writeDoubleLE(all.reduce((a, b) => Math.min(a, b), Infinity), SUMMARY + 8);
  header.writeDoubleLE(all.reduce((a, b) => Math.max(a, b), -Infinity), SUMMARY + 16);
  header.writeDoubleLE(sum, SUMMARY + 24);
  header.writeDoubleLE(all.reduce((a, b) => a + b * b, 0) * step, SUMMARY + 32);

  return Buffer.concat([header, chromTree, dataCount, ...blocks.map(({ block }) => block), index(blocks.map(({ place }) => place), at, length)]);
}

/** An R tree over the sections: leaves of at most 256, under as many levels as that needs. */
function index(places, at, length) {
  const head = Buffer.alloc(48);
  head.writeUInt32LE(0x2468ace0, 0);
  head.writeUInt32LE(256, 4);
  head.writeBigUInt64LE(BigInt(places.length), 8);
  head.writeUInt32LE(length, 28);
  head.writeBigUInt64LE(BigInt(at), 32);
  head.writeUInt32LE(PER_SECTION, 40);
  const leaves = [];
  for (let i = 0; i < places.length; i += 256) leaves.push(places.slice(i, i + 256));
  if (leaves.length > 256) throw new Error('too large for two levels');
  const LEAF = 32;
  const NODE = 24;
  const node = (isLeaf, count) => {
    const bytes = Buffer.alloc(4 + count * (isLeaf ? LEAF : NODE));
    bytes.writeUInt8(isLeaf ? 1 : 0, 0);
    bytes.writeUInt16LE(count, 2);
    return bytes;
  };
  const bounds = (bytes, offset, start, end) => {
    bytes.writeUInt32LE(start, offset + 4);
    bytes.writeUInt32LE(end, offset + 12);
  };
  const root = node(false, leaves.length);
  let leafAt = at + head.length + root.length;
  const written = leaves.map((list, i) => {
    bounds(root, 4 + i * NODE, list[0].start, list.at(-1).end);
    root.writeBigUInt64LE(BigInt(leafAt), 4 + i * NODE + 16);
    const leaf = node(true, list.length);
    list.forEach((place, j) => {
      bounds(leaf, 4 + j * LEAF, place.start, place.end);
      leaf.writeBigUInt64LE(BigInt(place.at), 4 + j * LEAF + 16);
      leaf.writeBigUInt64LE(BigInt(place.size), 4 + j * LEAF + 24);
    });
    leafAt += leaf.length;
    return leaf;
  });
  return Buffer.concat([head, root, ...written]);
}
