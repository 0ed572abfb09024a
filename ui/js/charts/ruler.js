// Places: the ruler over the tracks, and the whole sequence with the view in it.

import { across } from './axis.js';
import { position, roundStep } from '../scale.js';

/** Round places, counted from 1. */
export function drawRuler(pen, frame) {
  const { view, width, height } = frame;
  const x = across(frame);
  const step = Math.max(1, roundStep(((view.end - view.start) * 110) / width));
  const small = Math.max(1, step / 5);
  const lines = [];
  for (let place = Math.ceil((view.start + 1) / small) * small; place <= view.end; place += small) {
    const at = Math.round(x(place - 0.5)) + 0.5;
    const round = Math.abs(place / step - Math.round(place / step)) < 1e-6;
    lines.push([at, height - (round ? 8 : 4), at, height]);
    if (round && at > 30 && at < width - 30) pen.text(at, height - 11, position(place, step), { anchor: 'middle' });
  }
  pen.path([[0, height - 0.5, width, height - 0.5], ...lines], { stroke: pen.palette.line });
}

/** The whole sequence as a bar, the view in it marked. */
export function drawOverview(pen, { view, length, width, height }) {
  const x = place => (place / length) * width;
  const middle = height / 2;
  pen.rect(0, middle - 2, width, 4, pen.palette.grid);
  const [from, to] = [x(view.start), x(view.end)];
  const wide = Math.max(to - from, 3);
  pen.rect(Math.min(from, width - wide), middle - 5, wide, 10, pen.palette.mark, 0.75);
}
