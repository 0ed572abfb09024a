// The page's state: measurements, sequences, charts and view; and drawing them.

import { Chart } from './chart.js';
import { drawRuler } from './charts/axis.js';
import { COLORS, kindFor } from './charts/list.js';
import { Data, named, readPart } from './data.js';
import { addressOf, byId, sized } from './dom.js';
import { CanvasPen } from './pen.js';
import { Place } from './place.js';
import { nearestData } from './nearest.js';
import { bases, fromWire, toWire, written } from './region.js';
import { screenPalette } from './theme.js';

/** Maximum number of measurements requested on the first visit. */
const MAX_REQUESTED = 40;
/** Height of a chart's frame and of the gap to the next chart, in pixels. */
const FRAME = 50;

/** Returns the height of a chart with these rows. */
function heightOf(kind, measurement, rows, view, width) {
  if (!kind.most) return kind.height;
  const series = [{ measurement, color: '#000000', pieces: [{ ...view, rows }], newest: rows }];
  const { height } = kind.plan({ view, width, height: kind.height, room: kind.most, series, kind, settings: {}, memory: {}, moving: false });
  return Math.min(Math.max(height, kind.height), kind.most);
}

/** The state of the page; `width` is that of tracks, in pixels. `on` has a function for each event. */
export class App {
  constructor(on) {
    Object.assign(this, { on, sequences: new Map(), measurements: new Map(), charts: [], socket: null, ready: false });
    const draw = () => this.draw();
    this.data = new Data(args => this.socket.ask('getCombined', args), draw);
    this.place = new Place(seq => this.sequences.get(seq), { onMove: draw, onTarget: () => this.data.look(this.place.target), onRest: on.rest });
    this.palette = screenPalette();
    this.width = byId('ruler').clientWidth;
    new ResizeObserver(([{ contentRect }]) => { this.width = contentRect.width; draw(); }).observe(byId('ruler'));
  }

  /** Requests measurements and sequences. */
  async load() {
    const [table, infos] = await Promise.all([this.socket.ask('getMeasurements'), this.socket.ask('getSeqInfos')]);
    this.measurements.clear();
    this.addMeasurements(table.id.map((_, i) => Object.fromEntries(Object.entries(table).map(([key, column]) => [key, column[i]]))));
    this.sequences.clear();
    this.addSequences(infos);
  }

  addMeasurements(list) {
    for (const one of list) this.measurements.set(one.id, named(one));
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

  /** Returns the chart with this id; throws if there is none. */
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

  removeChart(chart) {
    this.charts.splice(this.charts.indexOf(chart), 1);
    chart.element.remove();
    this.changed();
  }

  /** Moves a chart up or down; returns false if it is already the first or last one. */
  shift(chart, by) {
    const order = [...this.charts];
    const from = order.indexOf(chart);
    if (!order[from + by]) return false;
    order.splice(from + by, 0, ...order.splice(from, 1));
    this.arrange(order.map(({ id }) => id));
    return true;
  }

  /** Sorts the charts in the order of these ids. */
  arrange(ids) {
    const place = ({ id }) => (ids.includes(id) ? ids.indexOf(id) : ids.length);
    const order = [...this.charts].sort((a, b) => place(a) - place(b));
    if (order.every((chart, i) => chart === this.charts[i])) return;
    const focused = document.activeElement;
    this.charts = order;
    // The Tab key follows the order of the elements.
    byId('charts').append(...order.map(({ element }) => element));
    focused.focus();
    this.changed();
  }

  /** Changes the type of a chart. */
  retype(chart, kind) {
    chart.retype(kind);
    this.setChart(chart, {});
  }

  setChart(chart, settings, colors) {
    chart.set(settings, colors);
    this.changed();
  }

  /** Requests the rows of a datasource group, or all rows, again. */
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
    const { width, palette, place: { view, target, moving } } = this;
    const ruler = byId('ruler');
    drawRuler(new CanvasPen(sized(ruler, width, 30), palette), { view, width, height: 30 });
    const span = bases(view);
    if (byId('span').textContent !== span) byId('span').textContent = span;
    for (const chart of this.charts) chart.draw(view, this.data, palette, moving);
    const busy = String(!this.ready || !this.data.settled || moving || view !== target || this.charts.some(chart => !chart.width));
    const main = document.querySelector('main');
    if (main.getAttribute('aria-busy') !== busy) main.setAttribute('aria-busy', busy);
    if (!moving) ruler.setAttribute('aria-label', `Ruler, ${written(view)}`);
    this.on.drawn();
  }

  /**
   * Goes to the nearest data of measurements: on this sequence, or else to a region from the endpoint.
   * Returns whether there are any data.
   */
  async goToNearest(measurements) {
    const { view } = this.place;
    const middle = ({ start, end }) => (start + end) / 2;
    const away = found => Math.abs(middle(found) - middle(view));
    let best = null;
    for (const one of measurements) {
      const found = await nearestData(region => this.data.rowsOf(one, region), one, view, this.sequences.get(view.seq));
      if (found && !(best && away(best) <= away(found))) best = found;
    }
    for (const { id } of best ? [] : measurements) {
      best ??= fromWire(await (await fetch(addressOf(`info/first/${encodeURIComponent(id)}`))).json());
    }
    if (best && this.sequences.has(best.seq)) this.place.go(best, { smooth: true });
    return Boolean(best);
  }

  /** Adds charts for a first visit, those with data in view first, one per file first, as many as fit on the screen. */
  async firstCharts(colors) {
    const all = [...this.measurements.values()];
    const ranges = new Set(all.filter(m => m.type === 'range').map(m => m.datasourceId));
    const asked = all.filter(m => m.type === 'range' || !ranges.has(m.datasourceId)).slice(0, MAX_REQUESTED);
    const measurements = {};
    for (const { datasourceId, id } of asked) (measurements[datasourceId] ??= []).push(id);
    const answer = await this.socket.ask('getCombined', { ...toWire(this.place.view), measurements });
    const has = ({ datasourceId, type, id }) => {
      const part = answer[datasourceId];
      return type === 'range' ? part?.rows.start.length > 0 : part?.cols[id]?.some(value => value !== null);
    };
    const seen = new Map();
    const ranked = asked.map(one => {
      const file = one.annotation?.file ?? one.id;
      seen.set(file, (seen.get(file) ?? 0) + 1);
      return { one, rank: (has(one) ? 0 : 1000) + seen.get(file) };
    });
    // The endpoint may have added charts in the meantime.
    if (this.charts.length) return;
    let room = innerHeight - byId('charts').getBoundingClientRect().top;
    for (const { one } of ranked.sort((a, b) => a.rank - b.rank)) {
      const kind = kindFor(one);
      room -= FRAME + heightOf(kind, one, readPart(answer[one.datasourceId]), this.place.view, this.width);
      if (room < 0 && this.charts.length) break;
      this.addChart(kind, [one], { colors: [colors[one.id] ?? this.colorOf(one)] });
    }
  }

  /** Returns the default colour of a measurement, by its position in the list. */
  colorOf({ id }) {
    return COLORS[Math.max([...this.measurements.keys()].indexOf(id), 0) % COLORS.length];
  }
}
