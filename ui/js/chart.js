// A chart on the page: its frame with tools, its picture, and what the pointer reads in it.

import { iconButton, make, sized } from './dom.js';
import { CanvasPen } from './pen.js';
import { COLORS } from './charts/list.js';
import { short } from './scale.js';
import { visible } from './theme.js';
import { written } from './region.js';

/** Heights that a chart may have, in pixels. */
export const [LOWEST, TALLEST] = [40, 1200];

const random = () => Math.random().toString(36).slice(2, 7).padEnd(5, '0');

/** A chart. `page` is told of what the user does to it. */
export class Chart {
  constructor(kind, measurements, { colors, settings = {}, fromEndpoint = false } = {}, page) {
    const id = `${kind.plot ? 'plot' : 'track'}-${kind.id}-${random()}`;
    Object.assign(this, { id, kind, measurements, settings: {}, fromEndpoint, page });
    this.colors = colors?.length ? colors : COLORS;
    this.memory = { named: new Map(), bare: new Map() };
    this.build();
    this.set(settings);
  }

  get title() {
    return this.settings.title || this.measurements.map(measurement => measurement.name).join(', ');
  }

  get height() {
    const height = Number(this.settings.height);
    return Number.isFinite(height) && this.settings.height ? Math.min(Math.max(height, LOWEST), TALLEST) : this.kind.height;
  }

  /** Changes settings, and colours if there are any; draws nothing yet. */
  set(settings, colors) {
    Object.assign(this.settings, settings);
    if (colors?.length) this.colors = colors;
    this.name.textContent = this.title;
    this.sort.textContent = this.kind.label;
    this.element.setAttribute('aria-label', `${this.kind.label}: ${this.title}`);
    this.element.classList.toggle('plot', Boolean(this.kind.plot));
    this.canvas.classList.toggle('track', !this.kind.plot);
    this.canvas.style.height = `${this.height}px`;
    this.grip.setAttribute('aria-valuenow', this.height);
  }

  build() {
    const { page } = this;
    this.name = make('h3');
    this.sort = make('span', { className: 'kind' });
    this.state = make('span', { className: 'state' });
    this.canvas = make('canvas', { role: 'img', tabIndex: 0 });
    this.canvas.addEventListener('pointermove', event => this.point(event));
    this.canvas.addEventListener('pointerleave', () => page.onPoint(null));
    this.grip = make('div', {
      className: 'grip', role: 'separator', tabIndex: 0, 'aria-orientation': 'horizontal',
      'aria-label': 'Height', 'aria-valuemin': LOWEST, 'aria-valuemax': TALLEST,
    });
    this.listenToGrip();
    const tools = make('div', { className: 'tools' },
      iconButton('up', 'Move up', () => page.onShift(this, -1)),
      iconButton('down', 'Move down', () => page.onShift(this, 1)),
      iconButton('set', 'Settings', () => page.onEdit(this)),
      iconButton('close', 'Remove', () => page.onRemove(this)));
    this.element = make('section', { className: 'chart' },
      make('header', {}, this.name, this.sort, this.state, tools), this.canvas, this.grip);
  }

  listenToGrip() {
    const { grip } = this;
    const resize = height => {
      this.set({ height: Math.round(Math.min(Math.max(height, LOWEST), TALLEST)) });
      this.page.onResize(this);
    };
    let from = null;
    grip.addEventListener('pointerdown', event => {
      from = { y: event.clientY, height: this.height };
      grip.setPointerCapture(event.pointerId);
    });
    grip.addEventListener('pointermove', event => { if (from) resize(from.height + event.clientY - from.y); });
    for (const name of ['pointerup', 'pointercancel']) grip.addEventListener(name, () => { from = null; });
    grip.addEventListener('keydown', event => {
      const by = { ArrowUp: -10, ArrowDown: 10 }[event.key];
      if (!by) return;
      event.preventDefault();
      resize(this.height + by);
    });
  }

  /** What is drawn, at any size and with any pen. */
  render(pen, width, height, view, data) {
    const series = this.measurements.map((measurement, i) => ({
      measurement,
      color: visible(this.colors[i % this.colors.length], pen.palette),
      pieces: data.pieces(measurement.datasourceId, measurement.id, view),
      newest: data.newest(measurement.datasourceId, measurement.id, view),
    }));
    return this.kind.draw(pen, { view, width, height, series, settings: this.settings, memory: this.memory });
  }

  /** Draws on the screen. */
  draw(view, data, palette) {
    const [width, height] = [this.canvas.clientWidth, this.height];
    if (width === 0) return;
    const pen = new CanvasPen(sized(this.canvas, width, height), palette);
    this.drawn = this.render(pen, width, height, view, data);
    const error = this.measurements.map(m => data.error(m.datasourceId)).find(Boolean);
    const counts = this.measurements.map(m => data.newest(m.datasourceId, m.id, view)?.rows.count);
    this.state.textContent = error ?? (counts.every(count => count === 0) ? 'nothing here' : '');
    this.state.classList.toggle('is-error', Boolean(error));
    const range = this.drawn.range ? `, values from ${short(this.drawn.range[0])} to ${short(this.drawn.range[1])}` : '';
    const rows = counts[0] === undefined ? '' : `, ${counts[0]} rows`;
    this.canvas.setAttribute('aria-label', `${this.kind.label} of ${this.title} at ${written(view)}${rows}${range}`);
  }

  point(event) {
    const box = this.canvas.getBoundingClientRect();
    const at = [event.clientX - box.left, event.clientY - box.top];
    this.page.onPoint(event.buttons ? null : this.drawn?.at(at), event, this);
  }
}
