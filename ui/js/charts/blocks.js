// Intervals along the sequence, in lanes where they overlap.

import { drawHidden, features, pack, under } from './lanes.js';
import { textWidth } from '../pen.js';
import { written } from '../region.js';

const [TALLEST, FLATTEST, TOP] = [16, 4, 4];

/** Blocks of one or more measurements. */
export function drawBlocks(pen, frame) {
  const { height, width, memory } = frame;
  const list = frame.series.flatMap(series => features(frame, series)).sort((a, b) => a.start - b.start || b.end - a.end);
  const count = pack(list, memory.bare, block => block.start, block => block.end, 0);
  const step = Math.max(FLATTEST, Math.min(TALLEST, Math.floor((height - 2 * TOP) / Math.max(count, 1))));
  const fitting = Math.max(1, Math.floor((height - 2 * TOP) / step));
  const thick = Math.max(step - 3, 3);
  const top = lane => TOP + lane * step;
  for (const block of list) {
    if (block.lane >= fitting) continue;
    const [x0, x1] = [Math.max(block.x0, -1), Math.min(block.x1, width + 1)];
    pen.rect(x0, top(block.lane), Math.max(x1 - x0, 1), thick, block.color, 0.85);
    const room = x1 - x0 - 8;
    if (block.name && thick >= 11 && room > 16 && textWidth(block.name, 10) <= room) {
      pen.text(x0 + 4, top(block.lane) + thick - 3, block.name, { size: 10, fill: contrast(block.color) });
    }
  }
  drawHidden(pen, frame, count - fitting);
  return {
    at: at => {
      const block = under(list, at, lane => [top(lane), top(lane) + thick]);
      return block && { region: { seq: frame.view.seq, start: block.start, end: block.end }, lines: facts(frame.view.seq, block) };
    },
  };
}

/** What is known of a feature, as lines of text. */
export function facts(seq, { rows, row, start, end, strand, name }) {
  const lines = [name, `${written({ seq, start, end })}${strand === '*' || strand === '.' ? '' : ` (${strand})`}`];
  for (const [column, entries] of Object.entries({ ...rows.metadata, ...rows.values })) {
    const entry = entries?.[row];
    if (entry === null || entry === undefined || entry === '' || String(entry) === name || /^exon_/.test(column)) continue;
    lines.push(`${column}: ${String(entry).slice(0, 120)}`);
  }
  return lines.filter(Boolean);
}

/** Black or white, whichever is read better on a colour like #1f77b4. */
function contrast(color) {
  const [, ...parts] = /^#(..)(..)(..)$/.exec(color) ?? [null, '0', '0', '0'];
  const [red, green, blue] = parts.map(part => parseInt(part, 16));
  return red * 0.3 + green * 0.59 + blue * 0.11 > 150 ? '#000' : '#fff';
}
