// Elements. Texts from files only ever become text nodes here, never markup.

/** The element of that id. */
export const byId = id => document.getElementById(id);

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

/** A button that shows only an icon. */
export function iconButton(icon, label, onclick) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
  use.setAttribute('href', `#i-${icon}`);
  svg.append(use);
  const button = make('button', { className: 'icon', type: 'button', title: label, onclick }, svg);
  button.setAttribute('aria-label', label);
  return button;
}

/** The context of a canvas, made as large as its element on this screen. */
export function sized(canvas, width, height) {
  const dense = devicePixelRatio || 1;
  const [wide, tall] = [Math.round(width * dense), Math.round(height * dense)];
  if (canvas.width !== wide || canvas.height !== tall) Object.assign(canvas, { width: wide, height: tall });
  const context = canvas.getContext('2d');
  context.setTransform(dense, 0, 0, dense, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

/** Offers a file to save. */
export function save(name, blob) {
  const link = make('a', { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
