// Intervals in lanes: blocks, and genes with their exons.

import { across } from './axis.js';
import { nameOf, regionOf, rowsIn } from '../data.js';
import { textWidth } from '../pen.js';
import { written } from '../region.js';
import { contrast } from '../theme.js';

const TOP = 4;
/** Pixels between lanes of blocks, and of genes with and without names. */
const [TALLEST, FLATTEST, NAMED, BARE] = [16, 4, 27, 12];
const SIZE = 11;

/** Blocks of one or more measurements. */
export function drawBlocks(pen, frame) {
  const { height, width } = frame;
  const list = features(frame);
  const count = pack(list, frame.memory.bare, block => block.x0, block => block.x1, 0);
  const step = Math.max(FLATTEST, Math.min(TALLEST, Math.floor((height - 2 * TOP) / Math.max(count, 1))));
  const shown = Math.max(1, Math.floor((height - 2 * TOP) / step));
  const thick = Math.max(step - 3, 3);
  const top = lane => TOP + lane * step;
  for (const { lane, x0, x1, name, color } of list) {
    if (lane >= shown) continue;
    const [from, to] = [Math.max(x0, -1), Math.min(x1, width + 1)];
    pen.rect(from, top(lane), Math.max(to - from, 1), thick, color, 0.85);
    const room = to - from - 8;
    if (name && thick >= 11 && room > 16 && textWidth(name, 10) <= room) {
      pen.text(from + 4, top(lane) + thick - 3, name, { size: 10, fill: contrast(color) });
    }
  }
  drawHidden(pen, frame, count - shown);
  return reader(frame, list, lane => [top(lane), top(lane) + thick]);
}

/** Genes of one or more measurements. */
export function drawGenes(pen, frame) {
  const { height, memory } = frame;
  const list = features(frame);
  for (const gene of list) {
    gene.label = `${gene.name}${{ '+': ' →', '-': ' ←' }[gene.strand] ?? ''}`;
    // The name stands over the visible part.
    gene.labelX = Math.max(gene.x0, 2);
    gene.labelEnd = gene.labelX + textWidth(gene.label, SIZE) + 5;
  }
  let count = pack(list, memory.named, gene => Math.min(gene.x0, gene.labelX), gene => Math.max(gene.x1, gene.labelEnd));
  // Names are worth some hidden lanes, but not most of them.
  const named = count * NAMED <= 2 * height;
  if (!named) count = pack(list, memory.bare, gene => gene.x0, gene => gene.x1);
  const step = named ? NAMED : BARE;
  const shown = Math.max(1, Math.floor((height - TOP) / step));
  const middle = lane => TOP + lane * step + (named ? 19 : 6);
  for (const gene of list) if (gene.lane < shown) drawGene(pen, frame, gene, middle(gene.lane), named);
  drawHidden(pen, frame, count - shown);
  return reader(frame, list, lane => [middle(lane) - (named ? 18 : 5), middle(lane) + (named ? 6 : 5)]);
}

/** A line whose arrows show the strand, exons as boxes on it, the name above. */
function drawGene(pen, frame, gene, y, named) {
  const { color, strand } = gene;
  const x = across(frame);
  const edge = frame.width + 2;
  const [x0, x1] = [Math.max(gene.x0, -2), Math.min(gene.x1, edge)];
  const line = Math.round(y) + 0.5;
  const lines = [[x0, line, x1, line]];
  const tip = { '+': 3, '-': -3 }[strand];
  // Anchored at the gene, so that they move with it.
  let at = gene.x0 + 8 + Math.max(0, Math.ceil((x0 - gene.x0 - 8) / 14)) * 14;
  for (; tip && at < x1 - 4; at += 14) lines.push([at - tip, line - 3, at, line, at - tip, line + 3]);
  pen.path(lines, { stroke: color, opacity: 0.7 });
  const tall = named ? 10 : 8;
  let drawn = -Infinity;
  for (const [start, end] of exonsOf(gene)) {
    const from = Math.max(x(start), -2);
    const to = Math.max(Math.min(x(end), edge), from + 1);
    // From afar many exons lie in one pixel.
    if (to < drawn + 0.5 || from > edge || x(end) < -2) continue;
    pen.rect(from, y - tall / 2, to - from, tall, color);
    drawn = to;
  }
  if (named) pen.text(gene.labelX, y - 8, gene.label, { size: SIZE, fill: pen.palette.ink, halo: true });
}

/** The exons as [start, end), 0-based; the whole gene if it has none. Read once an answer. */
function exonsOf({ rows, row, start, end }) {
  rows.exons ??= [];
  if (!rows.exons[row]) {
    const places = column => String(rows.metadata[column]?.[row] ?? '').split(',').filter(Boolean).map(Number);
    const ends = places('exon_ends');
    const list = places('exon_starts').map((from, i) => [from - 1, ends[i]]).filter(([from, to]) => from < to);
    rows.exons[row] = list.length ? list : [[start, end]];
  }
  return rows.exons[row];
}

/** The features in view with their pixels, sorted by start: each once, though answers overlap. */
function features(frame) {
  const x = across(frame);
  const found = new Map();
  for (const { measurement, color, pieces } of frame.series) {
    for (const { start, end, rows } of pieces) {
      const times = new Map();
      for (const row of rowsIn(rows, start, end)) {
        const region = regionOf(frame.view.seq, rows, row);
        const name = nameOf(rows, row);
        const twins = [measurement.id, region.start, region.end, name].join(' ');
        // The same feature twice in one answer is drawn twice.
        times.set(twins, (times.get(twins) ?? 0) + 1);
        const key = `${twins} ${times.get(twins)}`;
        if (found.has(key)) continue;
        const x0 = x(region.start);
        found.set(key, { ...region, key, name, rows, row, color, strand: rows.strand(row), x0, x1: Math.max(x(region.end), x0 + 1) });
      }
    }
  }
  return [...found.values()].sort((a, b) => a.start - b.start || b.end - a.end);
}

/**
 * Gives each feature the first lane that is free at `from(feature)`, or the one that `memory` has,
 * so that moving does not shuffle them. Returns the number of lanes.
 */
function pack(list, memory, from, to, gap = 3) {
  const ends = [];
  const free = (lane, feature) => (ends[lane] ?? -Infinity) + gap <= from(feature);
  const had = list.map(({ key }) => memory.get(key) ?? 0);
  memory.clear();
  list.forEach((feature, i) => {
    let lane = had[i] <= ends.length && free(had[i], feature) ? had[i] : 0;
    while (!free(lane, feature)) lane += 1;
    ends[lane] = to(feature);
    feature.lane = lane;
    memory.set(feature.key, lane);
  });
  return ends.length;
}

/** Says how many lanes did not fit, and how to see them. */
function drawHidden(pen, { width, height }, hidden) {
  if (hidden > 0) pen.text(width - 4, height - 4, `${hidden} more below: make the chart taller`, { anchor: 'end', size: 10, halo: true });
}

/** Reads the feature under the pointer; `edges(lane)` is [top, bottom]. */
function reader({ view: { seq } }, list, edges) {
  return { at: ([px, py]) => {
    const found = list.findLast(({ x0, x1, lane }) => {
      const [top, bottom] = edges(lane);
      return x0 - 2 <= px && px <= x1 + 2 && top <= py && py <= bottom;
    });
    if (!found) return null;
    const { rows, row, strand, name } = found;
    const lines = [name, `${written(found)}${/[+-]/.test(strand) ? ` (${strand})` : ''}`];
    for (const [column, entries] of Object.entries({ ...rows.metadata, ...rows.values })) {
      const entry = String(entries?.[row] ?? '');
      if (entry !== '' && entry !== name && !column.startsWith('exon_')) lines.push(`${column}: ${entry.slice(0, 120)}`);
    }
    return { region: found, lines: lines.filter(Boolean) };
  } };
}
