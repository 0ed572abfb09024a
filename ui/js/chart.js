// A chart on the page: its frame with tools, its picture, and what the pointer reads in it.

import { COLORS } from './charts/list.js';
import { readPart } from './data.js';
import { listen, make, sized } from './dom.js';
import { CanvasPen } from './pen.js';
import { written } from './region.js';
import { short } from './scale.js';
import { visible } from './theme.js';

/** Heights in pixels. */
const [LOWEST, TALLEST] = [40, 1200];
const NOTHING = readPart();

export class Chart {
  constructor(app, kind, measurements, { colors, settings = {}, fromEndpoint = false }) {
    const id = `${kind.name}-${Math.random().toString(36).slice(2, 9)}`;
    Object.assign(this, { app, id, kind, measurements, fromEndpoint, settings: {}, colors: COLORS });
    this.memory = { named: new Map(), bare: new Map() };
    this.build();
    this.set(settings, colors);
  }

  get names() {
    return this.measurements.map(measurement => measurement.name).join(', ');
  }

  get title() {
    return this.settings.title || this.names;
  }

  get height() {
    return Math.min(Math.max(Number(this.settings.height) || this.kind.height, LOWEST), TALLEST);
  }

  /** Changes settings, and colours if there are any. */
  set(settings, colors) {
    Object.assign(this.settings, settings);
    if (colors?.length) this.colors = colors;
    this.name.textContent = this.title;
    this.sort.textContent = this.kind.label;
    this.element.classList.toggle('plot', this.kind.plot);
    this.canvas.classList.toggle('track', !this.kind.plot);
    this.element.setAttribute('aria-label', `${this.kind.label}: ${this.title}`);
    this.canvas.style.height = `${this.height}px`;
    this.grip.setAttribute('aria-valuenow', this.height);
  }

  build() {
    const { app } = this;
    const tool = (sign, title, onclick) => make('button', { className: 'icon', title, 'aria-label': title, onclick }, sign);
    this.name = make('h3');
    this.sort = make('span', { className: 'kind' });
    this.state = make('span', { className: 'state' });
    this.canvas = make('canvas', { role: 'img', tabIndex: 0 });
    listen(this.canvas, 'pointermove', event => app.on.point(event.buttons ? null : this.drawn?.at([event.offsetX, event.offsetY]), event));
    listen(this.canvas, 'pointerleave', () => app.on.point(null));
    this.grip = make('div', {
      className: 'grip', role: 'separator', tabIndex: 0, 'aria-orientation': 'horizontal',
      'aria-label': 'Height', 'aria-valuemin': LOWEST, 'aria-valuemax': TALLEST,
    });
    this.listenToGrip();
    this.element = make('section', { className: 'chart' },
      make('header', {}, this.name, this.sort, this.state, make('div', { className: 'tools' },
        tool('↑', 'Move up', () => app.shift(this, -1)),
        tool('↓', 'Move down', () => app.shift(this, 1)),
        tool('⋯', 'Settings', () => app.on.edit(this)),
        tool('×', 'Remove', () => { app.removeChart(this); app.on.removed(this); }))),
      this.canvas, this.grip);
  }

  /** Lets the lower edge change the height. */
  listenToGrip() {
    const { app, grip } = this;
    const resize = height => {
      this.set({ height: Math.min(Math.max(Math.round(height), LOWEST), TALLEST) });
      app.draw();
      app.on.setting(this, { height: this.height });
    };
    listen(grip, 'pointerdown', event => grip.setPointerCapture(event.pointerId));
    listen(grip, 'pointermove', event => {
      if (grip.hasPointerCapture(event.pointerId)) resize(event.clientY - this.canvas.getBoundingClientRect().top);
    });
    listen(grip, 'keydown', event => {
      const by = { ArrowUp: -10, ArrowDown: 10 }[event.key];
      if (!by) return;
      event.preventDefault();
      resize(this.height + by);
    });
  }

  /** What is drawn, with any pen. */
  render(pen, width, view, data) {
    const { kind, settings, memory, height } = this;
    const series = this.measurements.map((measurement, i) => ({
      measurement,
      color: visible(this.colors[i % this.colors.length], pen.palette),
      pieces: data.pieces(measurement, view),
      newest: data.answers(measurement, view)[0]?.rows ?? NOTHING,
    }));
    return kind.draw(pen, { view, width, height, series, kind, settings, memory });
  }

  nothing() {
    const { shown } = this.measurements[0].annotation ?? {};
    return shown ? `shown ${shown}` : 'nothing here';
  }

  /** Draws on the screen. */
  draw(view, data, palette) {
    const width = this.canvas.clientWidth;
    if (width === 0) return;
    this.drawn = this.render(new CanvasPen(sized(this.canvas, width, this.height), palette), width, view, data);
    const error = this.measurements.map(m => data.error(m)).find(Boolean);
    const counts = this.measurements.map(m => data.answers(m, view)[0]?.rows.count);
    this.state.textContent = error ?? (counts.every(count => count === 0) ? this.nothing() : '');
    this.state.classList.toggle('is-error', Boolean(error));
    const range = this.drawn.range ? `, values from ${this.drawn.range.map(short).join(' to ')}` : '';
    const rows = counts[0] === undefined ? '' : `, ${counts[0]} rows`;
    this.canvas.setAttribute('aria-label', `${this.kind.label} of ${this.title} at ${written(view)}${rows}${range}`);
  }
}
