// Elements, and what the page says in words. Texts from files only ever become text nodes here,
// never markup.

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

/** A note that leaves by itself, or at a click. */
export function note(text) {
  const element = make('div', { className: 'note', onclick: () => element.remove() }, text);
  byId('notes').append(element);
  setTimeout(() => element.remove(), 6000);
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
