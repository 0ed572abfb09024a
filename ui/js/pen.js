// Two pens that draw the same picture: on a canvas for the screen, and as SVG for a file.

const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';
const measure = typeof document === 'undefined' ? null : document.createElement('canvas').getContext('2d');

const widths = new Map();

/** The width of a text in pixels. */
export function textWidth(text, size) {
  const key = `${size} ${text}`;
  let width = widths.get(key);
  if (width === undefined) {
    measure.font = `${size}px ${FONT}`;
    width = measure.measureText(text).width;
    if (widths.size > 20_000) widths.clear();
    widths.set(key, width);
  }
  return width;
}

/** Draws on a canvas. Units are CSS pixels. */
export class CanvasPen {
  constructor(context, palette) {
    Object.assign(this, { context, palette });
  }

  rect(x, y, width, height, fill, opacity = 1) {
    this.context.globalAlpha = opacity;
    this.context.fillStyle = fill;
    this.context.fillRect(x, y, width, height);
    this.context.globalAlpha = 1;
  }

  /** Lines through flat lists of x and y, each list its own line. */
  path(lines, { stroke, fill, width = 1, opacity = 1 }) {
    const { context } = this;
    context.globalAlpha = opacity;
    context.beginPath();
    for (const line of lines) {
      context.moveTo(line[0], line[1]);
      for (let i = 2; i < line.length; i += 2) context.lineTo(line[i], line[i + 1]);
    }
    if (fill) { context.fillStyle = fill; context.fill(); }
    if (stroke) { Object.assign(context, { strokeStyle: stroke, lineWidth: width, lineJoin: 'bevel' }); context.stroke(); }
    context.globalAlpha = 1;
  }

  /** Points at flat x and y. */
  dots(points, radius, fill, opacity = 1) {
    const { context } = this;
    context.globalAlpha = opacity;
    context.fillStyle = fill;
    context.beginPath();
    for (let i = 0; i < points.length; i += 2) {
      context.moveTo(points[i] + radius, points[i + 1]);
      context.arc(points[i], points[i + 1], radius, 0, 2 * Math.PI);
    }
    context.fill();
    context.globalAlpha = 1;
  }

  text(x, y, text, { fill = this.palette.muted, size = 11, anchor = 'start', halo = false } = {}) {
    const { context } = this;
    context.font = `${size}px ${FONT}`;
    context.textAlign = { start: 'left', middle: 'center', end: 'right' }[anchor];
    if (halo) {
      Object.assign(context, { strokeStyle: this.palette.back, lineWidth: 3, lineJoin: 'round' });
      context.strokeText(text, x, y);
    }
    context.fillStyle = fill;
    context.fillText(text, x, y);
  }

  /** Draws only within a rectangle. */
  within(x, y, width, height, draw) {
    this.context.save();
    this.context.beginPath();
    this.context.rect(x, y, width, height);
    this.context.clip();
    draw();
    this.context.restore();
  }

  /** What `draw` draws, moved down. */
  moved(y, draw) {
    this.context.save();
    this.context.translate(0, y);
    draw();
    this.context.restore();
  }
}

const round = number => Math.round(number * 100) / 100;
const escaped = text => String(text)
  // Characters that XML cannot hold at all.
  .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd')
  .replace(/[&<>"']/g, sign => `&#${sign.charCodeAt(0)};`);

/** Draws as SVG elements; `parts` holds their text. */
export class SvgPen {
  static clips = 0;

  constructor(palette) {
    Object.assign(this, { palette, parts: [] });
  }

  rect(x, y, width, height, fill, opacity = 1) {
    this.parts.push(`<rect x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}" fill="${escaped(fill)}"${faint(opacity)}/>`);
  }

  path(lines, { stroke = 'none', fill = 'none', width = 1, opacity = 1 }) {
    const d = lines.map(line => {
      let text = '';
      for (let i = 0; i < line.length; i += 2) text += `${i ? 'L' : 'M'}${round(line[i])} ${round(line[i + 1])}`;
      return text;
    });
    this.parts.push(`<path d="${d.join('')}" stroke="${escaped(stroke)}" fill="${escaped(fill)}" stroke-width="${width}" stroke-linejoin="bevel"${faint(opacity)}/>`);
  }

  dots(points, radius, fill, opacity = 1) {
    const circles = [];
    for (let i = 0; i < points.length; i += 2) circles.push(`<circle cx="${round(points[i])}" cy="${round(points[i + 1])}" r="${radius}"/>`);
    this.parts.push(`<g fill="${escaped(fill)}"${faint(opacity)}>${circles.join('')}</g>`);
  }

  text(x, y, text, { fill = this.palette.muted, size = 11, anchor = 'start', halo = false } = {}) {
    const around = halo ? ` stroke="${this.palette.back}" stroke-width="3" stroke-linejoin="round" paint-order="stroke"` : '';
    this.parts.push(`<text x="${round(x)}" y="${round(y)}" font-size="${size}" text-anchor="${anchor}" fill="${escaped(fill)}"${around}>${escaped(text)}</text>`);
  }

  within(x, y, width, height, draw) {
    const id = `clip${SvgPen.clips += 1}`;
    this.parts.push(`<clipPath id="${id}"><rect x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}"/></clipPath><g clip-path="url(#${id})">`);
    draw();
    this.parts.push('</g>');
  }

  /** What `draw` draws, moved down. */
  moved(y, draw) {
    this.parts.push(`<g transform="translate(0 ${round(y)})">`);
    draw();
    this.parts.push('</g>');
  }

  /** The whole file. */
  file(width, height) {
    return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="${escaped(FONT)}">${this.parts.join('\n')}</svg>\n`;
  }
}

function faint(opacity) {
  return opacity === 1 ? '' : ` opacity="${opacity}"`;
}
