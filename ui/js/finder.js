// The location box: regions, and names with suggestions.

import { byId, listen, make, note } from './dom.js';
import { flanked, parsed, written } from './region.js';

/** The delay after typing before a search, in milliseconds. */
const PAUSE = 120;
const MAX_HITS = 12;

/** Returns a function that shows the region in the box unless the user is typing. */
export function startFinder(app) {
  const [input, list] = [byId('place'), byId('hits')];
  let [hits, active, newest, timer] = [[], -1, 0, null];

  const current = () => (app.place.target ? written(app.place.target) : '');
  const mark = index => {
    active = index;
    [...list.children].forEach((option, i) => option.setAttribute('aria-selected', i === active));
    input.setAttribute('aria-activedescendant', list.children[active]?.id ?? '');
    list.children[active]?.scrollIntoView({ block: 'nearest' });
  };
  const open = found => {
    hits = found;
    list.replaceChildren(...hits.map((hit, i) => {
      const place = written({ seq: hit.seqName, start: hit.start - 1, end: hit.end });
      const option = make('li', { id: `hit${i}`, role: 'option' }, make('b', {}, hit.gene), make('span', {}, place));
      // This runs before the box loses the focus and closes the list.
      listen(option, 'pointerdown', event => { event.preventDefault(); choose(hit); });
      return option;
    }));
    list.hidden = hits.length === 0;
    input.setAttribute('aria-expanded', !list.hidden);
    mark(-1);
  };
  /** Closes the list; the results of a running search are ignored. */
  const close = () => {
    newest += 1;
    clearTimeout(timer);
    open([]);
  };
  const go = region => {
    close();
    app.place.go(region);
    input.value = current();
    input.select();
  };
  const choose = ({ seqName, start, end }) => {
    // The same margin as 'go' at the console.
    const margin = flanked(input.value).flank ?? Math.max((end - start) / 2, 500);
    if (!app.sequences.has(seqName)) return note(`There is no sequence called ${seqName}.`);
    go({ seq: seqName, start: start - 1 - margin, end: end + margin });
  };
  /** Suggests names while the user types, and goes to the region on Enter. */
  const look = async isEntered => {
    const text = input.value.trim();
    const mine = (newest += 1);
    try {
      const region = parsed(text, app.sequences, app.place.target);
      if (region) return isEntered ? go(region) : open([]);
      const found = text ? await app.socket.ask('search', { q: flanked(text).what, maxResults: MAX_HITS }) : [];
      if (mine !== newest) return;
      if (!isEntered) open(found);
      else if (found.length) choose(found[0]);
      else note(`Nothing is called ${text}, and it is not a region such as chr11:101m-104m.`);
    } catch (error) {
      if (isEntered) note(error.message); else open([]);
    }
  };

  listen(input, 'input', () => { clearTimeout(timer); timer = setTimeout(look, PAUSE); });
  listen(input, 'focus', () => input.select());
  listen(input, 'blur', () => { close(); input.value = current(); });
  listen(input, 'keydown', event => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === 'Escape') return hits.length ? close() : input.blur();
    if (event.key === 'Enter') { clearTimeout(timer); if (active < 0) look(true); else choose(hits[active]); }
    else if (by && hits.length) mark((active + by + hits.length) % hits.length);
    else return;
    event.preventDefault();
  });
  return () => { if (document.activeElement !== input) input.value = current(); };
}
