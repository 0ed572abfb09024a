// Keys, buttons, the menu, and moving by the pointer.

import { byId } from './dom.js';

/** Makes keys, the buttons that move, and the pointer work. */
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
  document.addEventListener('keydown', event => {
    const elsewhere = event.target.closest?.('input, select, textarea, dialog, [role=menu]');
    if (elsewhere || event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(moves, event.key)) return;
    event.preventDefault();
    moves[event.key](event);
  });
  byId('left').addEventListener('click', () => place.pan(-0.25));
  byId('right').addEventListener('click', () => place.pan(0.25));
  byId('in').addEventListener('click', () => place.zoom(0.5));
  byId('out').addEventListener('click', () => place.zoom(2));

  place.listen(byId('charts'), target => target.classList?.contains('track'));
  place.listen(byId('ruler'), () => true);
  byId('overview').addEventListener('click', event => {
    if (!place.target) return;
    const { seq, start, end } = place.target;
    const middle = (event.offsetX / app.width) * app.sequences.get(seq);
    place.go({ seq, start: middle - (end - start) / 2, end: middle + (end - start) / 2 }, { smooth: true });
  });
  for (const button of document.querySelectorAll('[data-close]')) {
    button.addEventListener('click', () => button.closest('dialog').close());
  }
}

/** Makes the menu work: arrows move in it, Escape and clicks elsewhere close it. */
export function startMenu(does) {
  const [button, menu] = [byId('more'), byId('menu')];
  const items = [...menu.children];
  const show = open => {
    menu.hidden = !open;
    button.setAttribute('aria-expanded', String(open));
    if (open) items[0].focus();
  };
  button.addEventListener('click', () => show(menu.hidden));
  document.addEventListener('pointerdown', event => {
    if (!menu.contains(event.target) && !button.contains(event.target)) show(false);
  });
  menu.addEventListener('keydown', event => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === 'Escape' || event.key === 'Tab') { show(false); button.focus(); }
    if (!by) return;
    event.preventDefault();
    items[(items.indexOf(document.activeElement) + by + items.length) % items.length].focus();
  });
  for (const item of items) {
    item.addEventListener('click', () => { show(false); button.focus(); does[item.dataset.do](); });
  }
}
