// Two pens that draw the same picture: on a canvas for the screen, or as SVG for a file.

const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';
const widths = new Map();
let measure = null;

/** Returns the width of a text in pixels. */
export function textWidth(text, size) {
  const key = `${size} ${text}`;
  if (!widths.has(key)) {
    if (widths.size > 20_000) widths.clear();
    measure ??= document.createElement('canvas').getContext('2d');
    measure.font = `${size}px ${FONT}`;
    widths.set(key, measure.measureText(text).width);
  }
  return widths.get(key);
}

/** More dots than this are drawn as squares, which is faster. */
const MANY_DOTS = 1000;

/** Draws on a canvas. Units are CSS pixels; `column` is the width of a device pixel. */
export class CanvasPen {
  constructor(context, palette) {
    Object.assign(this, { context, palette, column: 1 / (globalThis.devicePixelRatio || 1) });
  }

  rect(x, y, width, height, fill, opacity = 1) {
    Object.assign(this.context, { fillStyle: fill, globalAlpha: opacity });
    this.context.fillRect(x, y, width, height);
  }

  /** Draws rectangles from a flat list of x, y, width, height. */
  rects(flat, fill, opacity) {
    const { context } = this;
    Object.assign(context, { fillStyle: fill, globalAlpha: opacity });
    for (let i = 0; i < flat.length; i += 4) context.fillRect(flat[i], flat[i + 1], flat[i + 2], flat[i + 3]);
  }

  /** Draws a line for each flat list of x and y. */
  path(lines, { stroke, fill, width = 1, opacity = 1 }) {
    const { context } = this;
    context.beginPath();
    for (const line of lines) {
      context.moveTo(line[0], line[1]);
      for (let i = 2; i < line.length; i += 2) context.lineTo(line[i], line[i + 1]);
    }
    Object.assign(context, { globalAlpha: opacity, fillStyle: fill, strokeStyle: stroke, lineWidth: width, lineJoin: 'bevel' });
    if (fill) context.fill();
    if (stroke) context.stroke();
  }

  /** Draws dots from a flat list of x and y. */
  dots(points, radius, fill, opacity) {
    const { context } = this;
    Object.assign(context, { fillStyle: fill, globalAlpha: opacity });
    context.beginPath();
    if (points.length > 2 * MANY_DOTS) this.squares(points, radius);
    else for (let i = 0; i < points.length; i += 2) {
      context.moveTo(points[i] + radius, points[i + 1]);
      context.arc(points[i], points[i + 1], radius, 0, 2 * Math.PI);
    }
    context.fill();
  }

  /** Adds a square for each point, but only one per half pixel. */
  squares(points, radius) {
    const taken = new Set();
    for (let i = 0; i < points.length; i += 2) {
      const [x, y] = [points[i], points[i + 1]];
      const spot = Math.round(x * 2) * 8192 + Math.round(y * 2);
      if (taken.has(spot)) continue;
      taken.add(spot);
      this.context.rect(x - radius, y - radius, 2 * radius, 2 * radius);
    }
  }

  /** Draws a text; `halo` keeps it readable over other content. */
  text(x, y, text, { fill = this.palette.muted, size = 11, anchor = 'start', halo = false } = {}) {
    const { context } = this;
    const textAlign = anchor === 'middle' ? 'center' : anchor;
    Object.assign(context, { font: `${size}px ${FONT}`, textAlign, globalAlpha: 1, fillStyle: fill, strokeStyle: this.palette.back, lineWidth: 3, lineJoin: 'round' });
    if (halo) context.strokeText(text, x, y);
    context.fillText(text, x, y);
  }

  /** Clips drawing to a rectangle; in `draw`, y starts at its upper edge. */
  within(x, y, width, height, draw) {
    const { context } = this;
    context.save();
    context.translate(0, y);
    context.beginPath();
    context.rect(x, 0, width, height);
    context.clip();
    draw();
    context.restore();
  }
}

const round = number => Math.round(number * 100) / 100;
const escaped = text => String(text)
  // These characters are not allowed in XML.
  .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd')
  .replace(/[&<>"']/g, sign => `&#${sign.charCodeAt(0)};`);

/** Draws as SVG, with an element for each row. */
export class SvgPen {
  constructor(palette) {
    Object.assign(this, { palette, parts: [], clips: 0, column: 0 });
  }

  open(name, attributes) {
    const written = ([key, value]) => ` ${key}="${typeof value === 'number' ? round(value) : escaped(value)}"`;
    this.parts.push(`<${name}${Object.entries(attributes).map(written).join('')}>`);
  }

  add(name, attributes, text = '') {
    this.open(name, attributes);
    this.parts.push(escaped(text), `</${name}>`);
  }

  rect(x, y, width, height, fill, opacity = 1) {
    this.add('rect', { x, y, width, height, fill, opacity });
  }

  rects(flat, fill, opacity) {
    for (let i = 0; i < flat.length; i += 4) this.rect(flat[i], flat[i + 1], flat[i + 2], flat[i + 3], fill, opacity);
  }

  path(lines, { stroke = 'none', fill = 'none', width = 1, opacity = 1 }) {
    const d = lines.map(line => {
      let text = '';
      for (let i = 0; i < line.length; i += 2) text += `${i ? 'L' : 'M'}${round(line[i])} ${round(line[i + 1])}`;
      return text;
    });
    this.add('path', { d: d.join(''), stroke, fill, 'stroke-width': width, 'stroke-linejoin': 'bevel', opacity });
  }

  dots(points, r, fill, opacity) {
    for (let i = 0; i < points.length; i += 2) this.add('circle', { cx: points[i], cy: points[i + 1], r, fill, opacity });
  }

  text(x, y, text, { fill = this.palette.muted, size = 11, anchor = 'start', halo = false } = {}) {
    const around = halo && { stroke: this.palette.back, 'stroke-width': 3, 'stroke-linejoin': 'round', 'paint-order': 'stroke' };
    this.add('text', { x, y, 'font-size': size, 'text-anchor': anchor, fill, ...around }, text);
  }

  within(x, y, width, height, draw) {
    const id = `clip${this.clips += 1}`;
    this.open('clipPath', { id });
    this.rect(x, 0, width, height, '#000');
    this.parts.push('</clipPath>');
    this.open('g', { transform: `translate(0 ${round(y)})`, 'clip-path': `url(#${id})` });
    draw();
    this.parts.push('</g>');
  }

  file(width, height) {
    return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="${escaped(FONT)}">${this.parts.join('')}</svg>\n`;
  }
}
