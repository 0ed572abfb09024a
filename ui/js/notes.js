// What the page says in words: short notes, the banner of a lost connection, and what only
// screen readers hear.

import { byId, make } from './dom.js';

const LASTS = 6000;

/** A note that leaves by itself; a click takes it away sooner. */
export function note(text) {
  const element = make('div', { className: 'note', textContent: text, onclick: () => element.remove() });
  byId('notes').append(element);
  while (byId('notes').children.length > 4) byId('notes').firstChild.remove();
  setTimeout(() => element.remove(), LASTS);
}

/** Tells screen readers. */
export function say(text) {
  if (byId('said').textContent !== text) byId('said').textContent = text;
}

/** Shows that the endpoint is gone, counting down to the next try; null hides it. */
export function gone(wait, retry) {
  const banner = byId('gone');
  clearInterval(gone.timer);
  banner.hidden = wait === null;
  document.body.classList.toggle('is-gone', wait !== null);
  if (wait === null) return;
  const until = Date.now() + wait;
  const [what, when] = banner.querySelectorAll('span');
  // Set only once: what is set is read out.
  what.textContent = `The endpoint at ${location.host} does not answer; is epivizrs still running?`;
  banner.querySelector('button').onclick = retry;
  const tell = () => {
    const seconds = Math.ceil((until - Date.now()) / 1000);
    when.textContent = seconds > 0 ? `Trying again in ${seconds} s.` : 'Trying again…';
  };
  tell();
  gone.timer = setInterval(tell, 1000);
}
