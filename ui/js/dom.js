// Elements and messages. Texts from files are inserted as text nodes only, never as markup.

/** The path of the endpoint: the folder above ui/, whatever the page's address is. */
const ROOT = new URL('../../', import.meta.url);

/** Returns an address of the endpoint, with the query of the page's own address, such as a token. */
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

/** Creates an element with properties, attributes (aria-*, role, ...) and children or texts. */
export function make(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in element && !key.startsWith('aria')) element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

/** Returns the context of a canvas after resizing it for this screen and clearing it. */
export function sized(canvas, width, height) {
  const dense = devicePixelRatio || 1;
  const [wide, tall] = [Math.round(width * dense), Math.round(height * dense)];
  if (canvas.width !== wide || canvas.height !== tall) Object.assign(canvas, { width: wide, height: tall });
  const context = canvas.getContext('2d');
  context.setTransform(dense, 0, 0, dense, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

/** How long a note is shown, in milliseconds. */
const NOTE_TIME = 6000;
let leaving = null;

/** Shows a note for some seconds or until a click. A new note replaces the previous one. */
export function note(text) {
  const element = make('div', { className: 'note', onclick: () => element.remove() }, text);
  byId('notes').replaceChildren(element);
  clearTimeout(leaving);
  leaving = setTimeout(() => element.remove(), NOTE_TIME);
}

/** Announces a text to screen readers. */
export function say(text) {
  if (byId('said').textContent !== text) byId('said').textContent = text;
}

/** Shows whether the endpoint is gone. */
export function showGone(isGone) {
  byId('gone').hidden = !isGone;
  document.body.classList.toggle('is-gone', isGone);
}
