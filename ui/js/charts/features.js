// Intervals in lanes: blocks, and genes with their exons.

import { across } from './axis.js';
import { heldLanes, pack, rememberLanes } from './lanes.js';
import { nameOf, rowsIn } from '../data.js';
import { textWidth } from '../pen.js';
import { written } from '../region.js';
import { contrast, ownColor, visible } from '../theme.js';

const TOP = 4;
/** Pixels between lanes of blocks, and of genes with and without names. */
const [TALLEST, FLATTEST, NAMED, BARE] = [16, 4, 27, 12];
const SIZE = 11;

/** Plans blocks of one or more measurements, as thick as fits, but always visible. */
export function planBlocks(frame) {
  const { room, width, memory } = frame;
  const list = features(frame);
  const count = pack(list, block => block.x0, block => block.x1, 0, heldLanes(memory, frame, 'bare'));
  rememberLanes(memory, frame, 'bare', list);
  const step = Math.max(FLATTEST, Math.min(TALLEST, Math.floor((room - 2 * TOP) / Math.max(count, 1))));
  const thick = Math.max(step - 3, 3);
  const top = lane => TOP + lane * step;
  const paint = pen => {
    const boxes = new Map();
    for (const { lane, x0, x1, color } of list) {
      const [from, to] = [Math.max(x0, -1), Math.min(x1, width + 1)];
      if (!boxes.has(color)) boxes.set(color, []);
      boxes.get(color).push(from, top(lane), Math.max(to - from, 1), thick);
    }
    for (const [color, flat] of boxes) pen.rects(flat, color, 0.85);
    if (thick < 11) return;
    const inks = new Map([...boxes.keys()].map(color => [color, contrast(color)]));
    for (const { lane, x0, x1, name, color } of list) {
      const from = Math.max(x0, -1);
      const space = Math.min(x1, width + 1) - from - 8;
      // The letters of a sequence have hardly more room than themselves.
      if (name.length === 1 && x1 - x0 >= 8) pen.text((x0 + x1) / 2, top(lane) + thick - 3, name, { size: 10, fill: inks.get(color), anchor: 'middle' });
      else if (space > 16 && name && textWidth(name, 10) <= space) pen.text(from + 4, top(lane) + thick - 3, name, { size: 10, fill: inks.get(color) });
    }
  };
  return plan(frame, list, count, step, paint, lane => [top(lane), top(lane) + thick]);
}

/** Plans genes of one or more measurements, with names if these need at most twice the room. */
export function planGenes(frame) {
  const { room, memory } = frame;
  const list = features(frame);
  for (const gene of list) {
    gene.label ??= `${gene.name}${{ '+': ' →', '-': ' ←' }[gene.strand] ?? ''}`;
    // The name is placed over the visible part.
    gene.labelX = Math.max(gene.x0, 2);
    gene.labelWidth ??= textWidth(gene.label, SIZE);
    gene.labelEnd = gene.labelX + gene.labelWidth + 5;
  }
  const lanes = (name, from, to) => {
    const count = pack(list, from, to, 3, heldLanes(memory, frame, name));
    rememberLanes(memory, frame, name, list);
    return count;
  };
  let count = lanes('named', gene => Math.min(gene.x0, gene.labelX), gene => Math.max(gene.x1, gene.labelEnd));
  const named = count * NAMED <= 2 * room;
  if (!named) count = lanes('bare', gene => gene.x0, gene => gene.x1);
  const step = named ? NAMED : BARE;
  const middle = lane => TOP + lane * step + (named ? 19 : 6);
  const paint = pen => paintGenes(pen, frame, list, middle, named);
  return plan(frame, list, count, step, paint, lane => [middle(lane) - (named ? 18 : 5), middle(lane) + (named ? 6 : 5)]);
}

/**
 * Returns the plan of a picture with lanes: its height with all lanes, the number of features, how
 * many of these are below a position, painting, and tooltips.
 */
function plan(frame, list, count, step, paint, edges) {
  const below = bottom => list.reduce((hidden, { lane }) => hidden + (edges(lane)[0] >= bottom), 0);
  return { height: count * step + 2 * TOP, shown: list.length, below, paint, at: reader(frame, list, edges) };
}

/** Draws lines with arrows for the strand, exons as boxes, and names above. */
function paintGenes(pen, frame, list, middle, named) {
  const x = across(frame);
  const edge = frame.width + 2;
  const tall = named ? 10 : 8;
  const byColor = new Map();
  for (const gene of list) {
    if (!byColor.has(gene.color)) byColor.set(gene.color, { lines: [], boxes: [] });
    const { lines, boxes } = byColor.get(gene.color);
    const y = middle(gene.lane);
    const [x0, x1] = [Math.max(gene.x0, -2), Math.min(gene.x1, edge)];
    const line = Math.round(y) + 0.5;
    lines.push([x0, line, x1, line]);
    const tip = { '+': 3, '-': -3 }[gene.strand];
    // The arrows are anchored at the gene, so that they move with it.
    let at = gene.x0 + 8 + Math.max(0, Math.ceil((x0 - gene.x0 - 8) / 14)) * 14;
    for (; tip && at < x1 - 4; at += 14) lines.push([at - tip, line - 3, at, line, at - tip, line + 3]);
    let drawn = -Infinity;
    const exons = exonsOf(gene);
    for (let i = 0; i < exons.length; i += 2) {
      const [left, right] = [x(exons[i]), x(exons[i + 1])];
      const from = Math.max(left, -2);
      const to = Math.max(Math.min(right, edge), from + 1);
      // In wide views, many exons share a pixel.
      if (to < drawn + 0.5 || from > edge || right < -2) continue;
      boxes.push(from, y - tall / 2, to - from, tall);
      drawn = to;
    }
  }
  for (const [color, { lines, boxes }] of byColor) {
    pen.path(lines, { stroke: color, opacity: 0.7 });
    pen.rects(boxes, color, 1);
  }
  if (!named) return;
  const { ink } = pen.palette;
  for (const { labelX, lane, label } of list) pen.text(labelX, middle(lane) - 8, label, { size: SIZE, fill: ink });
}

/** Returns the exons as start, end, start, end ..., 0-based; the whole gene if it has none. Parsed once. */
function exonsOf(gene) {
  if (!gene.exons) {
    const { rows, row, start, end } = gene;
    const places = column => String(rows.metadata[column]?.[row] ?? '').split(',').filter(Boolean).map(Number);
    const ends = places('exon_ends');
    const list = places('exon_starts').flatMap((from, i) => (from - 1 < ends[i] ? [from - 1, ends[i]] : []));
    gene.exons = list.length ? list : [start, end];
  }
  return gene.exons;
}

/**
 * Returns the features in view with their pixels, sorted by start, each only once even if answers
 * overlap. Properties that do not change while the view moves are cached with the rows.
 */
function features({ view, width, series, memory, palette = {} }) {
  const x = across({ view, width });
  memory.features ??= new WeakMap();
  const list = [];
  for (const { measurement, color, pieces } of series) {
    // Features that cross the border of two pieces may be in both.
    const found = new Set();
    for (const { start, end, rows } of pieces) {
      if (!memory.features.has(rows)) memory.features.set(rows, []);
      const made = memory.features.get(rows);
      const times = new Map();
      for (const row of rowsIn(rows, start, end)) {
        const one = made[row] ??= new Feature(rows, row, measurement.id);
        const crosses = (one.start < start && start > view.start) || (one.end > end && end < view.end);
        if (crosses) {
          // A feature that occurs twice in one answer is drawn twice.
          times.set(one.twins, (times.get(one.twins) ?? 0) + 1);
          const key = `${one.twins} ${times.get(one.twins)}`;
          if (found.has(key)) continue;
          found.add(key);
        }
        one.color = one.own ? visible(one.own, palette) : color;
        one.x0 = x(one.start);
        one.x1 = Math.max(x(one.end), one.x0 + 1);
        list.push(one);
      }
    }
  }
  return list.sort((a, b) => a.start - b.start || b.end - a.end);
}

/** A row with its position in the picture. */
class Feature {
  constructor(rows, row, id) {
    this.rows = rows;
    this.row = row;
    this.id = id;
    this.start = rows.start[row];
    this.end = rows.end[row];
    this.name = nameOf(rows, row);
    this.strand = rows.strand(row);
    this.own = ownColor(rows.metadata.color?.[row]);
    this.color = '';
    this.lane = this.x0 = this.x1 = 0;
  }

  /** The identity of the row, the same in each answer that has it. */
  get twins() {
    return `${this.id} ${this.start} ${this.end} ${this.name}`;
  }

  /** The key of the row's lane; rows with the same identity are adjacent. */
  get key() {
    if (!this.known) {
      const { rows, row } = this;
      let before = row;
      while (before > 0 && rows.start[before - 1] === this.start && rows.end[before - 1] === this.end) before -= 1;
      this.known = `${this.twins} ${row - before}`;
    }
    return this.known;
  }
}

/** Returns a function for the tooltip of the feature at the pointer; `edges(lane)` is [top, bottom]. */
function reader({ view: { seq } }, list, edges) {
  return ([px, py]) => {
    const found = list.findLast(({ x0, x1, lane }) => {
      const [top, bottom] = edges(lane);
      return x0 - 2 <= px && px <= x1 + 2 && top <= py && py <= bottom;
    });
    if (!found) return null;
    const { rows, row, strand, name, start, end } = found;
    const region = { seq, start, end };
    const lines = [name, `${written(region)}${/[+-]/.test(strand) ? ` (${strand})` : ''}`];
    for (const [column, entries] of Object.entries({ ...rows.metadata, ...rows.values })) {
      const entry = String(entries?.[row] ?? '');
      if (entry !== '' && entry !== name && !column.startsWith('exon_')) lines.push(`${column}: ${entry.slice(0, 120)}`);
    }
    return { region, lines: lines.filter(Boolean) };
  };
}
