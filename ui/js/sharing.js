// The charts belong to the session: the user's changes are reported, and the endpoint saves them and
// passes them on to the other pages. Actions of the endpoint are not reported back.

import { MODULE } from './charts/list.js';
import { note } from './dom.js';
import { toWire } from './region.js';

export class Sharing {
  constructor(app) {
    Object.assign(this, { app, closed: [] });
  }

  /** Reports a change; rejects with the endpoint's reason if it refuses. */
  report(change) {
    return this.app.socket.ask('reportChange', { change });
  }

  /** As `report`, for a change that is already shown; calls `undo()` if the endpoint refuses it. */
  async send(change, undo) {
    try {
      await this.report(change);
      return true;
    } catch (error) {
      // The change is reported again when the endpoint is back.
      if (error.isGone) return false;
      undo();
      throw error;
    }
  }

  /** Adds a chart; rejects if the session refuses it. */
  async add(kind, measurements, options) {
    const chart = this.app.addChart(kind, measurements, options);
    chart.known = await this.send({ addChart: describe(chart) }, () => this.app.removeChart(chart));
    return chart;
  }

  remove(chart) {
    this.app.removeChart(chart);
    // Other pages do not have a chart that was never reported.
    if (!chart.known) return;
    this.send({ removeChart: { chartId: chart.id } }, () => {}).then(
      isReported => { if (!isReported) this.closed.push({ ...describe(chart), closed: true }); },
      error => note(error.message));
  }

  move(chart, by) {
    const to = this.app.charts.indexOf(chart) + by;
    if (!this.app.shift(chart, by)) return;
    this.send({ moveChart: { chartId: chart.id, to } }, () => this.app.shift(chart, -by)).catch(error => note(error.message));
  }

  /** Changes the type of a chart; rejects if the session refuses it. */
  async retype(chart, kind) {
    const before = chart.kind;
    if (kind === before) return;
    this.app.retype(chart, kind);
    const change = { setChartType: { chartId: chart.id, type: MODULE + kind.name } };
    await this.send(change, () => this.app.retype(chart, before));
  }

  /** Reports new settings, and colours if given. */
  set(chart, settings, colorMap) {
    const send = args => this.app.socket.ask('setChartSettings', { chartId: chart.id, ...args }).catch(() => {});
    send({ settings, colorMap: null });
    if (colorMap) send({ colorMap });
  }

  /**
   * Reports all charts after each connection. The endpoint then adds the session's charts, and removes
   * those that others have removed in the meantime. With `replace`, the page's charts replace the
   * session's; with `place`, the page keeps its view.
   */
  async resume({ place = true, replace = false } = {}) {
    const { app } = this;
    const closed = [...this.closed];
    const charts = [...app.charts.map(describe), ...closed];
    await this.report({ resume: { charts, replace, place: place ? toWire(app.place.target) : null } });
    this.closed = this.closed.filter(chart => !closed.includes(chart));
    for (const chart of app.charts) chart.known = true;
  }
}

/** Returns a chart in the form of `reportChange`. */
function describe({ id, kind, measurements, settings, colors, known }) {
  const chosen = Object.entries(settings).filter(([, value]) => value !== undefined);
  return {
    chartId: id, type: MODULE + kind.name, measurements: measurements.map(one => one.id),
    settings: Object.fromEntries(chosen), colors: colors.slice(0, measurements.length), known: Boolean(known),
  };
}
