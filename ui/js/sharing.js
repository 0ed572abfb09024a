// The charts are the session's: what the user does to them here is reported, and the endpoint
// brings it to the other pages and keeps it. What the endpoint asks for is not reported back.

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

  /** As `report`, for what is shown already: `undo()` takes it back if the endpoint refuses. */
  async tell(change, undo) {
    try {
      await this.report(change);
      return true;
    } catch (error) {
      // What could not be told is told when the endpoint is back.
      if (error.isGone) return false;
      undo();
      throw error;
    }
  }

  /** Adds a chart; rejects if the session cannot have it. */
  async add(kind, measurements, options) {
    const chart = this.app.addChart(kind, measurements, options);
    chart.known = await this.tell({ addChart: told(chart) }, () => this.app.removeChart(chart));
    return chart;
  }

  remove(chart) {
    this.app.removeChart(chart);
    // Nobody else has what was never told.
    if (!chart.known) return;
    this.tell({ removeChart: { chartId: chart.id } }, () => {}).then(
      isTold => { if (!isTold) this.closed.push({ ...told(chart), closed: true }); },
      error => note(error.message));
  }

  move(chart, by) {
    const to = this.app.charts.indexOf(chart) + by;
    if (!this.app.shift(chart, by)) return;
    this.tell({ moveChart: { chartId: chart.id, to } }, () => this.app.shift(chart, -by)).catch(error => note(error.message));
  }

  /** Draws a chart another way; rejects if that cannot be. */
  async retype(chart, kind) {
    const before = chart.kind;
    if (kind === before) return;
    this.app.retype(chart, kind);
    const change = { setChartType: { chartId: chart.id, type: MODULE + kind.name } };
    await this.tell(change, () => this.app.retype(chart, before));
  }

  /** Tells new settings, and colours if there are any. */
  set(chart, settings, colorMap) {
    const send = args => this.app.socket.ask('setChartSettings', { chartId: chart.id, ...args }).catch(() => {});
    send({ settings, colorMap: null });
    if (colorMap) send({ colorMap });
  }

  /**
   * Tells all that is shown: after each connection. The session's charts come then, and those go
   * that others removed meanwhile. With `replace` they are shown instead of the session's; with
   * `place` the page stays where it looks.
   */
  async resume({ place = true, replace = false } = {}) {
    const { app } = this;
    const closed = [...this.closed];
    const charts = [...app.charts.map(told), ...closed];
    await this.report({ resume: { charts, replace, place: place ? toWire(app.place.target) : null } });
    this.closed = this.closed.filter(chart => !closed.includes(chart));
    for (const chart of app.charts) chart.known = true;
  }
}

/** A chart as the endpoint is told of it. */
function told({ id, kind, measurements, settings, colors, known }) {
  const chosen = Object.entries(settings).filter(([, value]) => value !== undefined);
  return {
    chartId: id, type: MODULE + kind.name, measurements: measurements.map(one => one.id),
    settings: Object.fromEntries(chosen), colors: colors.slice(0, measurements.length), known: Boolean(known),
  };
}
