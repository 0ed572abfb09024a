// Keys, buttons, the menu, and the tooltip.

import { byId, listen, make } from './dom.js';

export function startKeys(app, { openAdd, openHelp }) {
  const { place } = app;
  const moves = {
    ArrowLeft: event => place.pan(event.shiftKey ? -1 : -0.25),
    ArrowRight: event => place.pan(event.shiftKey ? 1 : 0.25),
    '+': () => place.zoom(0.5),
    '=': () => place.zoom(0.5),
    '-': () => place.zoom(2),
    '/': () => byId('place').focus(),
    a: openAdd,
    '?': openHelp,
  };
  listen(document, 'keydown', event => {
    const elsewhere = event.target.closest?.('input, select, dialog, [role=menu]');
    if (elsewhere || event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(moves, event.key)) return;
    event.preventDefault();
    moves[event.key](event);
  });
  for (const button of document.querySelectorAll('[data-key]')) listen(button, 'click', moves[button.dataset.key]);
  // A pinch on a trackpad is reported as a wheel event with Ctrl.
  place.follow(byId('charts'), target => target.classList.contains('track'), event => event.ctrlKey || event.metaKey);
  place.follow(byId('ruler'), () => true, () => true);
  for (const button of document.querySelectorAll('[data-close]')) listen(button, 'click', () => button.closest('dialog').close());
}

/** Makes arrow keys move in the menu; the browser closes it on Escape and on clicks elsewhere. */
export function startMenu(does) {
  const menu = byId('menu');
  const items = [...menu.children];
  listen(menu, 'keydown', event => {
    if (event.key === 'Tab') menu.hidePopover();
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    items[(items.indexOf(document.activeElement) + by + items.length) % items.length].focus();
  });
  for (const item of items) listen(item, 'click', () => { menu.hidePopover(); does[item.dataset.do](); });
}

/** Returns a function that shows the values at the pointer in a tooltip, and marks the region in all tracks. */
export function startPointing(app) {
  const tip = byId('tip');
  const guide = make('div', { id: 'guide', hidden: true });
  document.querySelector('main').append(guide);
  return (found, event) => {
    tip.hidden = guide.hidden = !found;
    if (!found) return;
    const [first, ...others] = found.lines;
    tip.replaceChildren(make('b', {}, first), ...others.map(text => make('div', {}, text)));
    const below = event.clientY + 16;
    const left = Math.max(4, Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8));
    const top = below + tip.offsetHeight > innerHeight ? event.clientY - tip.offsetHeight - 10 : below;
    Object.assign(tip.style, { left: `${left}px`, top: `${top}px` });
    const { width, place: { view } } = app;
    const x = place => Math.min(Math.max((place - view.start) / (view.end - view.start), 0), 1) * width;
    const [from, to] = [x(found.region.start), x(found.region.end)];
    Object.assign(guide.style, { left: `${byId('ruler').offsetLeft + from}px`, width: `${Math.max(to - from, 1)}px` });
  };
}
