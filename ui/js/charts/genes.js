// Genes: exons as boxes on a line whose arrows show the strand, with names.

import { across } from './axis.js';
import { drawHidden, features, pack, under } from './lanes.js';
import { facts } from './blocks.js';
import { textWidth } from '../pen.js';

const TOP = 4;
/** Pixels a lane with names, and without. */
const [NAMED, BARE] = [27, 12];
const SIZE = 11;

/** Genes of one or more measurements. */
export function drawGenes(pen, frame) {
  const { height, width, memory } = frame;
  const list = frame.series.flatMap(series => features(frame, series)).sort((a, b) => a.start - b.start || b.end - a.end);
  for (const gene of list) {
    gene.label = `${gene.name}${gene.strand === '+' ? ' →' : gene.strand === '-' ? ' ←' : ''}`;
    // The name stands over the visible part.
    gene.labelX = Math.max(gene.x0, 2);
    gene.labelEnd = gene.labelX + textWidth(gene.label, SIZE) + 5;
  }
  let count = pack(list, memory.named, gene => Math.min(gene.x0, gene.labelX), gene => Math.max(gene.x1, gene.labelEnd));
  let step = NAMED;
  // Names are worth some hidden lanes, but not most of them.
  if (count * NAMED > 2 * height) {
    count = pack(list, memory.bare, gene => gene.x0, gene => gene.x1);
    step = BARE;
  }
  const fitting = Math.max(1, Math.floor((height - TOP) / step));
  const middle = lane => TOP + lane * step + (step === NAMED ? 19 : 6);
  for (const gene of list) if (gene.lane < fitting) drawGene(pen, frame, gene, middle(gene.lane), step === NAMED, width);
  drawHidden(pen, frame, count - fitting);
  const half = step === NAMED ? 6 : 5;
  return {
    at: at => {
      const gene = under(list, at, lane => [middle(lane) - (step === NAMED ? 18 : half), middle(lane) + half]);
      return gene && { region: { seq: frame.view.seq, start: gene.start, end: gene.end }, lines: facts(frame.view.seq, gene) };
    },
  };
}

function drawGene(pen, frame, gene, y, named, width) {
  const x = across(frame);
  const [x0, x1] = [Math.max(gene.x0, -2), Math.min(gene.x1, width + 2)];
  const line = Math.round(y) + 0.5;
  pen.path([[x0, line, x1, line]], { stroke: gene.color, opacity: 0.7 });
  if (gene.strand === '+' || gene.strand === '-') {
    const tip = gene.strand === '+' ? 3 : -3;
    const arrows = [];
    // Anchored at the gene, so that they move with it.
    const first = gene.x0 + 8 + Math.max(0, Math.ceil((x0 - gene.x0 - 8) / 14)) * 14;
    for (let at = first; at < x1 - 4; at += 14) arrows.push([at - tip, line - 3, at, line, at - tip, line + 3]);
    pen.path(arrows, { stroke: gene.color, opacity: 0.7 });
  }
  const tall = named ? 10 : 8;
  let drawn = -Infinity;
  for (const [start, end] of exonsOf(gene)) {
    const from = Math.max(x(start), -2);
    const to = Math.max(Math.min(x(end), width + 2), from + 1);
    // From afar many exons lie in one pixel.
    if (to < drawn + 0.5 || from > width + 2 || x(end) < -2) continue;
    pen.rect(from, y - tall / 2, to - from, tall, gene.color);
    drawn = to;
  }
  if (named) pen.text(gene.labelX, y - 8, gene.label, { size: SIZE, fill: pen.palette.ink, halo: true });
}

/** The exons as [start, end), 0-based; the whole gene if it has none. Read once an answer. */
function exonsOf({ rows, row, start, end }) {
  rows.exons ??= [];
  return (rows.exons[row] ??= readExons(rows, row, start, end));
}

function readExons(rows, row, start, end) {
  const places = column => String(rows.metadata[column]?.[row] ?? '').split(',').filter(Boolean).map(Number);
  const [starts, ends] = [places('exon_starts'), places('exon_ends')];
  const list = starts.map((from, i) => [from - 1, ends[i]]).filter(([from, to]) => from < to);
  return list.length ? list : [[start, end]];
}
