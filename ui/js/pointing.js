// What the pointer reads: a tip beside it, and the row's place marked in all tracks.

import { byId, make } from './dom.js';

/** Returns what shows a reading of a chart; null hides it. */
export function startPointing() {
  const tip = byId('tip');
  const guide = make('div', { id: 'guide', hidden: true });
  document.querySelector('main').append(guide);
  return (app, found, event) => {
    tip.hidden = !found;
    guide.hidden = !found;
    if (!found) return;
    const [first, ...others] = found.lines;
    tip.replaceChildren(make('b', { textContent: first }), ...others.map(text => make('div', { textContent: text })));
    const { innerWidth, innerHeight } = window;
    const { offsetWidth, offsetHeight } = tip;
    tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - offsetWidth - 8))}px`;
    const below = event.clientY + 16;
    tip.style.top = `${below + offsetHeight > innerHeight ? event.clientY - offsetHeight - 10 : below}px`;
    mark(app, guide, found.region);
  };
}

function mark(app, guide, { start, end }) {
  const { view } = app.place;
  const scale = app.width / (view.end - view.start);
  const [from, to] = [Math.max((start - view.start) * scale, 0), Math.min((end - view.start) * scale, app.width)];
  guide.hidden = to < from;
  guide.style.left = `${byId('ruler').offsetLeft + from}px`;
  guide.style.width = `${Math.max(to - from, 1)}px`;
}
