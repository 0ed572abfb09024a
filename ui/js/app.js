// The page's state: what is served, the charts, the place; and drawing them.

import { Chart } from './chart.js';
import { drawRuler } from './charts/axis.js';
import { COLORS, kindFor } from './charts/list.js';
import { Data } from './data.js';
import { byId, sized } from './dom.js';
import { CanvasPen } from './pen.js';
import { Place } from './place.js';
import { bases, toWire, written } from './region.js';
import { screenPalette } from './theme.js';

/** Measurements asked for, and charts shown, on the first visit. */
const [MOST_ASKED, MOST_SHOWN] = [40, 8];

/** All that the page knows. `on` has a function for each thing that happens. */
export class App {
  constructor(on) {
    Object.assign(this, { on, sequences: new Map(), measurements: new Map(), charts: [], socket: null, ready: false });
    const draw = () => this.draw();
    this.data = new Data(args => this.socket.ask('getCombined', args), draw);
    this.place = new Place(seq => this.sequences.get(seq), { onMove: draw, onTarget: () => this.data.look(this.place.target), onRest: on.rest });
    this.palette = screenPalette();
    new ResizeObserver(draw).observe(byId('charts'));
  }

  /** Width of tracks in pixels. */
  get width() {
    return byId('ruler').clientWidth;
  }

  /** Asks what is served. */
  async load() {
    const [table, infos] = await Promise.all([this.socket.ask('getMeasurements'), this.socket.ask('getSeqInfos')]);
    this.measurements.clear();
    this.addMeasurements(table.id.map((_, i) => Object.fromEntries(Object.entries(table).map(([key, column]) => [key, column[i]]))));
    this.sequences.clear();
    this.addSequences(infos);
  }

  addMeasurements(list) {
    for (const one of list) this.measurements.set(one.id, { ...one, name: String(one.name ?? one.id) });
  }

  removeMeasurements(list) {
    for (const { id } of list) this.measurements.delete(id);
  }

  addSequences(infos) {
    for (const [name, , length] of infos) if (!this.sequences.has(name)) this.sequences.set(name, Number(length));
    this.on.sequences();
  }

  removeSequences(names) {
    for (const name of names) this.sequences.delete(name);
    this.on.sequences();
  }

  /** The chart of that id; throws if there is none. */
  chart(id) {
    const found = this.charts.find(chart => chart.id === id);
    if (!found) throw new Error(`the page has no chart ${id}`);
    return found;
  }

  addChart(kind, measurements, options = {}) {
    if (measurements.length < kind.least) throw new Error(`a ${kind.label.toLowerCase()} needs ${kind.least} measurements or more`);
    const chart = new Chart(this, kind, measurements, options);
    this.charts.push(chart);
    byId('charts').append(chart.element);
    this.changed();
    return chart;
  }

  /**
   * A chart that the endpoint asks for: a new one, or that of before the connection was lost or
   * the page reloaded, so that none is there twice.
   */
  adoptOrAdd(kind, list) {
    const ids = measurements => measurements.map(({ id }) => id).join('\n');
    const orphans = this.charts.filter(chart => chart.orphan && ids(chart.measurements) === ids(list));
    // The user may have chosen another kind.
    const orphan = orphans.find(chart => chart.kind === kind) ?? orphans[0];
    if (!orphan) return this.addChart(kind, list, { fromEndpoint: true });
    orphan.orphan = false;
    return orphan;
  }

  removeChart(chart) {
    this.charts.splice(this.charts.indexOf(chart), 1);
    chart.element.remove();
    this.changed();
  }

  shift(chart, by) {
    const from = this.charts.indexOf(chart);
    const other = this.charts[from + by];
    if (!other) return;
    this.charts.splice(from + by, 0, ...this.charts.splice(from, 1));
    const focused = document.activeElement;
    // The Tab key goes in the order on the screen.
    other.element[by < 0 ? 'before' : 'after'](chart.element);
    focused.focus();
    this.changed();
  }

  setChart(chart, settings, colors) {
    chart.set(settings, colors);
    this.changed();
  }

  /** Asks for the rows of a datasource group again, or for all. */
  forget(group) {
    const all = [...this.measurements.values(), ...this.charts.flatMap(chart => chart.measurements)];
    this.data.forget(name => group === undefined || all.some(m => m.datasourceId === name && m.datasourceGroup === group));
    this.draw();
  }

  changed() {
    this.data.want(this.charts.flatMap(chart => chart.measurements));
    byId('empty').hidden = this.charts.length > 0;
    this.draw();
    if (this.place.view) this.on.rest();
  }

  /** Draws everything in the next frame. */
  draw() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      if (this.place.view) this.drawNow();
    });
  }

  drawNow() {
    const { width, palette, place: { view, target } } = this;
    const ruler = byId('ruler');
    drawRuler(new CanvasPen(sized(ruler, width, 30), palette), { view, width, height: 30 });
    ruler.setAttribute('aria-label', `Ruler, ${written(view)}`);
    byId('span').textContent = bases(view);
    for (const chart of this.charts) chart.draw(view, this.data, palette);
    document.querySelector('main').setAttribute('aria-busy', !this.ready || !this.data.settled || view !== target);
    this.on.drawn();
  }

  /** Charts for a first visit: those with something in view first. */
  async firstCharts(colors) {
    const all = [...this.measurements.values()];
    const ranges = new Set(all.filter(m => m.type === 'range').map(m => m.datasourceId));
    const asked = all.filter(m => m.type === 'range' || !ranges.has(m.datasourceId)).slice(0, MOST_ASKED);
    const measurements = {};
    for (const { datasourceId, id } of asked) (measurements[datasourceId] ??= []).push(id);
    const answer = await this.socket.ask('getCombined', { ...toWire(this.place.view), measurements });
    const has = ({ datasourceId, type, id }) => {
      const part = answer[datasourceId];
      return type === 'range' ? part?.rows.start.length > 0 : part?.cols[id]?.some(value => value !== null);
    };
    // Meanwhile the endpoint may have asked for its own.
    if (this.charts.length) return;
    for (const one of asked.sort((a, b) => !has(a) - !has(b)).slice(0, MOST_SHOWN)) {
      this.addChart(kindFor(one), [one], { colors: [colors[one.id] ?? this.colorOf(one)] });
    }
  }

  /** The colour of a measurement whose user chose none: by its place in the list. */
  colorOf({ id }) {
    return COLORS[Math.max([...this.measurements.keys()].indexOf(id), 0) % COLORS.length];
  }
}
