// A chart on the page: its frame with buttons, its picture, and reading values with the pointer.

import { COLORS, comparable } from './charts/list.js';
import { named, readPart } from './data.js';
import { listen, make, note, sized } from './dom.js';
import { CanvasPen } from './pen.js';
import { grouped, written } from './region.js';
import { counted, short } from './scale.js';
import { hex, visible } from './theme.js';

/** Heights in pixels. */
const [MIN_HEIGHT, MAX_HEIGHT] = [40, 1200];
const NOTHING = readPart();

/** A chart; `known` means that the session has it. */
export class Chart {
  constructor(app, kind, own, { colors, settings = {}, known = false }) {
    const id = `${kind.name}-${Math.random().toString(36).slice(2, 9)}`;
    Object.assign(this, { app, id, own: own.map(named), known, settings: {}, colors: COLORS, memory: {} });
    this.width = 0;
    this.retype(kind);
    this.build();
    this.set(settings, colors);
    // Reading the width in each frame would make the browser lay out the page in each frame.
    new ResizeObserver(([{ contentRect }]) => { this.width = contentRect.width; app.draw(); }).observe(this.canvas);
  }

  /** Changes the kind; the chart then needs `set`. */
  retype(kind) {
    Object.assign(this, { kind, measurements: comparable(kind, this.own) });
  }

  get names() {
    return this.measurements.map(measurement => measurement.name).join(', ');
  }

  get title() {
    return this.settings.title || this.names;
  }

  /** The height that the user chose, in pixels, or null. */
  get chosenHeight() {
    const chosen = Number(this.settings.height);
    return chosen ? Math.min(Math.max(chosen, MIN_HEIGHT), MAX_HEIGHT) : null;
  }

  /** The height of the picture on the screen. Charts with lanes grow with them up to a limit. */
  get height() {
    return this.chosenHeight ?? this.grown ?? this.kind.height;
  }

  /** Changes settings, and colours if given. */
  set(settings, colors) {
    Object.assign(this.settings, settings);
    if (colors?.length) this.colors = colors.map(hex);
    this.name.textContent = this.title;
    this.sort.textContent = this.kind.label;
    this.element.classList.toggle('plot', this.kind.plot);
    this.canvas.classList.toggle('track', !this.kind.plot);
    this.element.setAttribute('aria-label', `${this.kind.label}: ${this.title}`);
    // The memory of another kind of chart does not apply.
    this.memory = {};
    this.grown = null;
  }

  build() {
    const { app } = this;
    const tool = (sign, title, onclick) => make('button', { className: 'icon', title, 'aria-label': title, onclick }, sign);
    this.name = make('h3');
    this.sort = make('span', { className: 'kind' });
    this.state = make('span', { className: 'state' });
    this.canvas = make('canvas', { role: 'img', tabIndex: 0 });
    listen(this.canvas, 'pointermove', event => app.on.point(event.buttons ? null : this.drawn?.at([event.offsetX, event.offsetY + this.pane.scrollTop]), event));
    listen(this.canvas, 'pointerleave', () => app.on.point(null));
    // Placed behind the canvas, which stays visible: makes the pane as tall as all lanes.
    this.lanes = make('div', { className: 'lanes' });
    this.pane = make('div', { className: 'pane' }, this.canvas, this.lanes);
    listen(this.pane, 'scroll', () => app.draw());
    this.why = make('span');
    this.offer = make('button', { type: 'button', onclick: () => this.leave() }, 'Go to the nearest data');
    this.blank = make('div', { className: 'blank', hidden: true }, this.why, this.offer);
    this.grip = make('div', {
      className: 'grip', role: 'separator', tabIndex: 0, 'aria-orientation': 'horizontal',
      'aria-label': 'Height', 'aria-valuemin': MIN_HEIGHT, 'aria-valuemax': MAX_HEIGHT,
    });
    this.listenToGrip();
    this.element = make('section', { className: 'chart' },
      make('header', {}, this.name, this.sort, this.state, make('div', { className: 'tools' },
        tool('↑', 'Move up', () => app.on.move(this, -1)),
        tool('↓', 'Move down', () => app.on.move(this, 1)),
        tool('⋯', 'Settings', () => app.on.edit(this)),
        tool('×', 'Remove', () => app.on.remove(this)))),
      make('div', { className: 'body' }, this.pane, this.blank), this.grip);
  }

  /** Makes the lower edge change the height. */
  listenToGrip() {
    const { app, grip } = this;
    const resize = height => {
      this.set({ height: Math.min(Math.max(Math.round(height), MIN_HEIGHT), MAX_HEIGHT) });
      app.draw();
    };
    const report = () => app.on.setting(this, { height: this.height });
    listen(grip, 'pointerdown', event => grip.setPointerCapture(event.pointerId));
    listen(grip, 'pointermove', event => {
      if (grip.hasPointerCapture(event.pointerId)) resize(event.clientY - this.pane.getBoundingClientRect().top);
    });
    listen(grip, 'lostpointercapture', report);
    listen(grip, 'keydown', event => {
      const by = { ArrowUp: -10, ArrowDown: 10 }[event.key];
      if (!by) return;
      event.preventDefault();
      resize(this.height + by);
      report();
    });
  }

  /**
   * Plans the picture. `memory` keeps state between frames while the view is `moving`; a saved
   * picture has none.
   */
  plan(palette, width, view, data, { memory = {}, moving = false } = {}) {
    const { kind, settings } = this;
    const series = this.measurements.map((measurement, i) => ({
      measurement,
      color: visible(this.colors[i % this.colors.length], palette),
      pieces: data.pieces(measurement, view),
      newest: data.answers(measurement, view)[0]?.rows ?? NOTHING,
    }));
    const room = this.chosenHeight ?? kind.most;
    return kind.plan({ view, width, height: this.chosenHeight ?? kind.height, room, series, kind, settings, memory, moving, palette });
  }

  /** Plans a picture for saving, with all lanes up to the maximum height. */
  pictured(palette, width, view, data) {
    const plan = this.plan(palette, width, view, data);
    return { ...plan, height: plan.height ? Math.min(Math.max(plan.height, MIN_HEIGHT), MAX_HEIGHT) : this.height };
  }

  /** Draws on the screen. */
  draw(view, data, palette, moving) {
    const { width } = this;
    if (width === 0) return;
    const plan = this.plan(palette, width, view, data, { memory: this.memory, moving });
    this.drawn = plan;
    this.fit(plan, moving);
    const pen = new CanvasPen(sized(this.canvas, width, this.height), palette);
    const scrollTop = plan.height > this.height ? this.pane.scrollTop : 0;
    pen.context.translate(0, -scrollTop);
    plan.paint(pen);
    pen.context.translate(0, scrollTop);
    this.drawHidden(pen, width, plan, scrollTop);
    if (!moving) this.describe(view, data, plan);
  }

  /** Makes room for the lanes, only at rest, so that the page does not jump under the pointer. */
  fit({ height }, moving) {
    if (height && (!moving || !this.grown)) this.grown = Math.min(Math.max(height, this.kind.height, MIN_HEIGHT), this.kind.most);
    const surplus = `${Math.max((height ?? 0) - this.height, 0)}px`;
    const own = `${this.height}px`;
    if (this.canvas.style.height !== own) {
      this.canvas.style.height = this.pane.style.height = own;
      this.grip.setAttribute('aria-valuenow', this.height);
    }
    if (this.lanes.style.height !== surplus) this.lanes.style.height = surplus;
  }

  /** Shows how many rows are below the visible part, and how to reach them. */
  drawHidden(pen, width, { height, below }, scrollTop) {
    if (!(height > this.height)) return;
    const part = this.height / height;
    pen.rect(width - 4, scrollTop * part, 3, this.height * part, pen.palette.muted, 0.6);
    const hidden = below(scrollTop + this.height);
    if (hidden) pen.text(width - 10, this.height - 4, `${grouped(hidden)} more below: scroll here`, { anchor: 'end', size: 10, halo: true });
  }

  /** Describes the picture in text, or explains why it is empty. */
describe(view, data, { range, shown }) {
    const error = this.measurements.map(m => data.error(m)).find(Boolean);
    const isHere = this.measurements.every(m => data.isFresh(m));
    this.state.textContent = error ?? '';
    this.state.classList.toggle('is-error', Boolean(error));
    this.blank.hidden = shown > 0 || !isHere || Boolean(error);
    if (!this.blank.hidden) {
      const widest = this.widest;
      const tooWide = view.end - view.start > widest;
      this.why.textContent = tooWide ? `shown in views of at most ${counted(widest, 'base')}` : 'nothing here';
      this.offer.textContent = tooWide ? 'Zoom in' : 'Go to the nearest data';
    }
    const values = range ? `, values from ${range.map(short).join(' to ')}` : '';
    const rows = data.answers(this.measurements[0], view)[0]?.rows.count;
    const count = rows === undefined ? '' : `, ${counted(rows, 'row')}`;
    this.canvas.setAttribute('aria-label', `${this.kind.label} of ${this.title} at ${written(view)}${count}${values}`);
  }

  /** The widest view that shows its rows, in bases; only reads have a limit. */
  get widest() {
    const limits = this.measurements.map(({ annotation }) => /([\d,]+) bases/.exec(annotation?.shown ?? '')?.[1]);
    return Math.min(...limits.map(limit => (limit ? Number(limit.replaceAll(',', '')) : Infinity)));
  }

  /** Goes to a view in which the chart shows data. */
  async leave() {
    const { app: { place }, widest } = this;
    const { start, end } = place.target;
    if (end - start > widest) return place.zoom(widest / (end - start));
    this.offer.disabled = true;
    try {
      if (!await this.app.goToNearest(this.measurements)) note(`No data of ${this.names} were found.`);
    } catch (error) {
      note(error.message);
    } finally {
      this.offer.disabled = false;
    }
  }
}
