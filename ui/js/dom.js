// Elements, and what the page says in words. Texts from files only ever become text nodes here,
// never markup.

/** Where the endpoint serves the page: the folder above ui/, whatever address the page has. */
const ROOT = new URL('../../', import.meta.url);

/** An address of the endpoint, with what the page's own address carries behind '?', such as a token. */
export function addressOf(path) {
  const address = new URL(path, ROOT);
  address.search = location.search;
  return address;
}

export const byId = id => document.getElementById(id);

/** Listens to one or more events, separated by spaces. */
export function listen(target, events, does) {
  for (const event of events.split(' ')) target.addEventListener(event, does);
}

/** A new element with properties, attributes (aria-*, role, ...) and children or texts. */
export function make(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in element && !key.startsWith('aria')) element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

/** The context of a canvas, sized for this screen and empty. */
export function sized(canvas, width, height) {
  const dense = devicePixelRatio || 1;
  const [wide, tall] = [Math.round(width * dense), Math.round(height * dense)];
  if (canvas.width !== wide || canvas.height !== tall) Object.assign(canvas, { width: wide, height: tall });
  const context = canvas.getContext('2d');
  context.setTransform(dense, 0, 0, dense, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

/** Milliseconds that a note stays. */
const STAYS = 6000;
let leaving = null;

/** A note that leaves by itself, or at a click. There is one at a time: the newest. */
export function note(text) {
  const element = make('div', { className: 'note', onclick: () => element.remove() }, text);
  byId('notes').replaceChildren(element);
  clearTimeout(leaving);
  leaving = setTimeout(() => element.remove(), STAYS);
}

/** Tells screen readers. */
export function say(text) {
  if (byId('said').textContent !== text) byId('said').textContent = text;
}

/** Shows whether the endpoint is gone. */
export function showGone(isGone) {
  byId('gone').hidden = !isGone;
  document.body.classList.toggle('is-gone', isGone);
}
