// The location box: regions, and names with suggestions.

import { byId, make } from './dom.js';
import { note } from './notes.js';
import { parsed, written } from './region.js';

/** A pause in typing before names are searched, in milliseconds. */
const PAUSE = 120;
const MOST = 12;

/** Makes the box work. Returns `show(view)`, which writes a view into it unless somebody types. */
export function startFinder(app) {
  const [input, list] = [byId('place'), byId('hits')];
  let [hits, active, newest, timer] = [[], -1, 0, null];

  const regionOf = text => parsed(text, app.sequences, app.place.target);
  const current = () => (app.place.target ? written(app.place.target) : '');
  const close = () => {
    hits = [];
    active = -1;
    list.hidden = true;
    list.replaceChildren();
    input.setAttribute('aria-expanded', 'false');
    input.removeAttribute('aria-activedescendant');
  };
  const go = region => {
    newest += 1;
    clearTimeout(timer);
    close();
    app.place.go(region);
    input.value = current();
    input.select();
  };
  const choose = ({ seqName, start, end }) => {
    const margin = Math.max((end - start) * 0.3, 500);
    if (!app.sequences.has(seqName)) return note(`There is no sequence called ${seqName}.`);
    go({ seq: seqName, start: start - 1 - margin, end: end + margin });
  };
  const mark = index => {
    active = index;
    [...list.children].forEach((option, i) => option.setAttribute('aria-selected', i === active));
    if (active < 0) input.removeAttribute('aria-activedescendant');
    else {
      input.setAttribute('aria-activedescendant', list.children[active].id);
      list.children[active].scrollIntoView({ block: 'nearest' });
    }
  };
  const open = found => {
    close();
    hits = found;
    list.replaceChildren(...hits.map((hit, i) => {
      const place = written({ seq: hit.seqName, start: hit.start - 1, end: hit.end });
      const option = make('li', { id: `hit${i}`, role: 'option' }, make('b', { textContent: hit.gene }), make('span', { textContent: place }));
      // Before the box loses the focus and closes the list.
      option.addEventListener('pointerdown', event => { event.preventDefault(); choose(hit); });
      return option;
    }));
    list.hidden = hits.length === 0;
    input.setAttribute('aria-expanded', String(hits.length > 0));
  };
  /** The names found; null if somebody has typed on. */
  const search = async text => {
    const mine = (newest += 1);
    const found = await app.socket.ask('search', { q: text, maxResults: MOST });
    return mine === newest ? found : null;
  };
  const suggest = async () => {
    const text = input.value.trim();
    let region = null;
    try { region = regionOf(text); } catch { /* Said when it is entered. */ }
    if (region || text === '') return close();
    try {
      const found = await search(text);
      if (found) open(found);
    } catch { close(); }
  };
  const enter = async () => {
    const text = input.value.trim();
    if (active >= 0) return choose(hits[active]);
    try {
      const region = regionOf(text);
      if (region) return go(region);
      const found = await search(text);
      if (found?.length) choose(found[0]);
      else if (found) note(`Nothing is called ${text}, and it is not a region such as chr11:101m-104m.`);
    } catch (error) {
      note(error.message);
    }
  };

  input.addEventListener('input', () => { clearTimeout(timer); timer = setTimeout(suggest, PAUSE); });
  input.addEventListener('focus', () => input.select());
  input.addEventListener('blur', () => { newest += 1; clearTimeout(timer); close(); input.value = current(); });
  input.addEventListener('keydown', event => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by && hits.length) {
      event.preventDefault();
      mark((active + by + hits.length) % hits.length);
    } else if (event.key === 'Enter') {
      event.preventDefault();
      clearTimeout(timer);
      enter();
    } else if (event.key === 'Escape') {
      if (hits.length) close(); else input.blur();
    }
  });
  return () => { if (document.activeElement !== input) input.value = current(); };
}
