// Measurements one under another, values as strength of colour, each row where it lies on the
// sequence. Where there is no value the ground shows.

import { across, placeAt } from './axis.js';
import { axisRange, short } from '../scale.js';
import { nearest, rowsIn } from '../rows.js';
import { valuesInView } from './lines.js';
import { written } from '../region.js';

const [TOP, BOTTOM] = [4, 18];

/** A heat map of one or more measurements on one common scale of colour. */
export function drawHeatmap(pen, frame) {
  const { series, width, height } = frame;
  const x = across(frame);
  const range = axisRange(frame.settings, series.flatMap(valuesInView));
  const [low, high] = range;
  const color = series[0]?.color ?? '#000';
  const strength = value => 0.04 + 0.96 * Math.min(Math.max((value - low) / (high - low), 0), 1);
  const tall = (height - TOP - BOTTOM) / Math.max(series.length, 1);
  series.forEach(({ measurement, pieces }, i) => {
    const top = TOP + i * tall;
    for (const { start, end, rows } of pieces) {
      const values = rows.values[measurement.id] ?? [];
      pen.within(x(start), top, x(end) - x(start), tall - 1, () => {
        for (const row of rowsIn(rows, start, end)) {
          if (values[row] === null || values[row] === undefined) continue;
          // On whole pixels, or the seams between neighbours would show.
          const from = Math.floor(x(rows.start[row]));
          pen.rect(from, top, Math.max(Math.floor(x(rows.end[row])) - from, 1), tall - 1, color, strength(values[row]));
        }
      });
    }
    pen.text(4, top + Math.min(tall / 2 + 4, tall - 2), measurement.name, { fill: pen.palette.ink, halo: true });
  });
  const steps = 24;
  for (let i = 0; i < steps; i += 1) pen.rect(width - 130 + i * 4, height - 12, 4, 8, color, strength(low + ((high - low) * (i + 0.5)) / steps));
  pen.text(width - 134, height - 4, short(low), { size: 10, anchor: 'end' });
  pen.text(width - 30, height - 4, short(high), { size: 10 });
  return {
    range,
    at: ([px, py]) => {
      const one = series[Math.floor((py - TOP) / tall)];
      const place = placeAt(frame, px);
      const piece = one?.pieces.find(({ start, end }) => start <= place && place <= end);
      const row = piece ? nearest(piece.rows, place, (2 * (frame.view.end - frame.view.start)) / width) : -1;
      if (row < 0) return null;
      const region = { seq: frame.view.seq, start: piece.rows.start[row], end: piece.rows.end[row] };
      return { region, lines: [written(region), `${one.measurement.name}: ${short(piece.rows.values[one.measurement.id]?.[row])}`] };
    },
  };
}
