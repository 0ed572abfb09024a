// The page's state: what is served, the charts, the place; and drawing them.

import { byId, sized } from './dom.js';
import { CanvasPen } from './pen.js';
import { Chart } from './chart.js';
import { Data } from './data.js';
import { Place } from './place.js';
import { COLORS, kindNamed } from './charts/list.js';
import { drawOverview, drawRuler } from './charts/ruler.js';
import { screenPalette } from './theme.js';
import { toWire, written, bases } from './region.js';

/** Measurements whose data are asked for when the first charts are chosen, and charts then shown. */
const [MOST_ASKED, MOST_SHOWN] = [40, 8];

/** Everything that the page knows. `on` is told of what happens: rest, edit, point, setting. */
export class App {
  constructor(on) {
    Object.assign(this, { on, sequences: new Map(), measurements: new Map(), charts: [], socket: null, ready: false });
    this.data = new Data(args => this.socket.ask('getCombined', args), () => this.draw());
    this.place = new Place(seq => this.sequences.get(seq), {
      onMove: () => this.draw(),
      onTarget: () => this.data.look(this.place.target),
      onRest: () => on.rest(),
    });
    this.palette = screenPalette();
    new ResizeObserver(() => this.draw()).observe(byId('charts'));
  }

  /** Width of tracks in pixels. */
  get width() {
    return byId('ruler').clientWidth;
  }

  /** Asks what is served, and takes it for all there is. */
  async load() {
    const [table, infos] = await Promise.all([this.socket.ask('getMeasurements'), this.socket.ask('getSeqInfos')]);
    this.measurements.clear();
    const row = i => Object.fromEntries(Object.entries(table).map(([key, column]) => [key, column[i]]));
    this.addMeasurements(table.id.map((_, i) => row(i)));
    this.sequences.clear();
    this.addSequences(infos);
  }

  loadMeasurements() {
    this.load().catch(() => { /* The connection is gone; the next one loads. */ });
  }

  addMeasurements(list) {
    for (const measurement of list) this.measurements.set(measurement.id, { ...measurement, name: String(measurement.name ?? measurement.id) });
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
    if (measurements.length < kind.least) {
      throw new Error(`a ${kind.label.toLowerCase()} needs at least ${kind.least} measurement${kind.least > 1 ? 's' : ''}`);
    }
    const chart = new Chart(kind, measurements, options, {
      onPoint: this.on.point,
      onEdit: this.on.edit,
      onRemove: gone => { this.removeChart(gone); this.on.removed(gone); },
      onShift: (moved, by) => this.shift(moved, by),
      onResize: resized => { this.draw(); this.on.setting(resized, { height: resized.height }); },
    });
    this.charts.push(chart);
    byId('charts').append(chart.element);
    this.changed();
    return chart;
  }

  /**
   * A chart that the endpoint asks for: a new one, or the one that it had added before the
   * connection was lost or the page reloaded, so that none is there twice.
   */
  adoptOrAdd(kind, list) {
    const same = chart => chart.orphan && chart.kind === kind
      && chart.measurements.map(m => m.id).join('\n') === list.map(m => m.id).join('\n');
    const orphan = this.charts.find(same);
    if (orphan) {
      orphan.orphan = false;
      return orphan;
    }
    return this.addChart(kind, list, { fromEndpoint: true });
  }

  removeChart(chart) {
    this.charts.splice(this.charts.indexOf(chart), 1);
    chart.element.remove();
    this.changed();
  }

  removeAllCharts() {
    for (const chart of [...this.charts]) this.removeChart(chart);
  }

  shift(chart, by) {
    const from = this.charts.indexOf(chart);
    const to = from + by;
    if (to < 0 || to >= this.charts.length) return;
    this.charts.splice(to, 0, ...this.charts.splice(from, 1));
    const focused = document.activeElement;
    // The order of reading and of the Tab key is the order on the screen.
    const other = this.charts[to - by].element;
    if (by < 0) other.before(chart.element); else other.after(chart.element);
    focused?.focus();
    this.changed();
  }

  setChart(chart, settings, colors) {
    chart.set(settings, colors);
    this.changed();
  }

  /** Puts another kind of chart in a chart's place. */
  replace(chart, kind, options) {
    const added = this.addChart(kind, chart.measurements, options);
    chart.element.replaceWith(added.element);
    this.charts.splice(this.charts.indexOf(chart), 1, this.charts.pop());
    this.changed();
    return added;
  }

  /** Asks for the rows of a datasource group again, or for all. */
  forget(group) {
    const groups = new Set(this.everything().filter(m => m.datasourceGroup === group).map(m => m.datasourceId));
    this.data.forget(name => group === undefined || groups.has(name));
    this.draw();
  }

  everything() {
    return [...this.measurements.values(), ...this.charts.flatMap(chart => chart.measurements)];
  }

  changed() {
    const wanted = new Map();
    for (const { datasourceId, id } of this.charts.flatMap(chart => chart.measurements)) {
      if (!wanted.has(datasourceId)) wanted.set(datasourceId, new Set());
      wanted.get(datasourceId).add(id);
    }
    this.data.want(wanted);
    byId('empty').hidden = this.charts.length > 0;
    this.draw();
    if (this.place.view) this.on.rest();
  }

  /** Draws everything before the next frame is shown. */
  draw() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      if (this.place.view) this.drawNow();
    });
  }

  drawNow() {
    const { view } = this.place;
    const { width, palette } = this;
    const length = this.sequences.get(view.seq) ?? view.end;
    const strip = (id, height) => new CanvasPen(sized(byId(id), width, height), palette);
    drawOverview(strip('overview', 14), { view, length, width, height: 14 });
    drawRuler(strip('ruler', 30), { view, width, height: 30 });
    byId('ruler').setAttribute('aria-label', `Ruler, ${written(view)}`);
    byId('span').textContent = bases(toWire(view).end - toWire(view).start + 1);
    for (const chart of this.charts) chart.draw(view, this.data, palette);
    const busy = !this.ready || !this.data.settled || view !== this.place.target;
    document.querySelector('main').setAttribute('aria-busy', busy);
    this.on.drawn(view);
  }

  /** Charts for a page that has none: each datasource that has something in view, as fits it. */
  async firstCharts(colors) {
    const all = [...this.measurements.values()];
    const ranges = new Set(all.filter(m => m.type === 'range').map(m => m.datasourceId));
    const shown = all.filter(m => m.type === 'range' || !ranges.has(m.datasourceId)).slice(0, MOST_ASKED);
    const measurements = {};
    for (const { datasourceId, id } of shown) (measurements[datasourceId] ??= []).push(id);
    const answer = await this.socket.ask('getCombined', { ...toWire(this.place.view), measurements });
    const has = ({ datasourceId, type, id }) => {
      const part = answer[datasourceId];
      return type === 'range' ? part?.rows.start.length > 0 : part?.cols[id]?.some(value => value !== null);
    };
    // Meanwhile the endpoint may have asked for its own.
    if (this.charts.length) return;
    const kept = shown.filter(has).slice(0, MOST_SHOWN);
    for (const measurement of kept) {
      const kind = kindNamed(measurement.defaultChartType);
      const fits = kind?.takes === measurement.type ? kind : kindNamed(measurement.type === 'range' ? 'BlocksTrack' : 'LineTrack');
      this.addChart(fits, [measurement], { colors: [colors[measurement.id] ?? this.colorOf(measurement)] });
    }
  }

  /** The colour of a measurement whose user chose none: by its place in the list. */
  colorOf(measurement) {
    const index = [...this.measurements.keys()].indexOf(measurement.id);
    return COLORS[Math.max(index, 0) % COLORS.length];
  }
}
