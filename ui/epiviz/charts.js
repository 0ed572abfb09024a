// The companion: charts. The session owns them; what the user makes, closes, sets and colours by
// hand is reported to it (`reportChange` in docs/protocol.md), and what the endpoint asks for is not
// reported back.

(function (epivizrs) {
  'use strict';

  const provider = epiviz.data.WebsocketDataProvider.prototype;

  /**
   * What is known of each chart by its id: `type`, `measurements`, `known` (whether the session has
   * it), `closed` (whether its closing was reported and not answered), `all` (its settings when
   * last looked at), `settings` and `colors` (those chosen by hand).
   */
  const charts = new Map();
  /** Ids of the reports that were not answered. */
  const reports = new Set();
  /** Whether the endpoint is being obeyed: what changes then is no news to it. */
  let isObeying = false;

  for (const action of ['_addChart', '_removeChart', '_setChartSettings']) {
    const obey = provider[action];
    provider[action] = function (request) {
      isObeying = true;
      try {
        obey.call(this, request);
      } finally {
        isObeying = false;
        const chart = charts.get(request.get('chartId'));
        if (chart) chart.all = settingsOf(request.get('chartId'));
      }
    };
  }

  const chartOf = id => epivizrs.app._chartManager._charts[id];
  const settingsOf = id => ({ ...chartOf(id)?.customSettingsValues() });

  function report(change, answered = () => {}) {
    const id = epivizrs.ask({ action: 'reportChange', change }, (data, why) => {
      reports.delete(id);
      answered(data, why);
    });
    reports.add(id);
  }
  epivizrs.report = report;

  function added({ id, args }) {
    const measurements = [];
    chartOf(id).measurements().foreach(measurement => { measurements.push(String(measurement.id())); });
    const chart = {
      type: args.type.typeName(), measurements, known: isObeying, closed: false, all: settingsOf(id), settings: {}, colors: [],
    };
    charts.set(id, chart);
    if (isObeying) return;
    report({ addChart: { chartId: id, type: chart.type, measurements } }, (data, why) => {
      chart.known = why === null;
      if (why !== null) epivizrs.say(`This chart stays on this page only: ${why}.`);
    });
  }

  function removed({ id }) {
    const chart = charts.get(id);
    if (!chart) return;
    chart.closed = chart.known && !isObeying;
    if (!chart.closed) charts.delete(id);
    if (!isObeying) report({ removeChart: { chartId: id } }, () => charts.delete(id));
  }

  // The page itself would report all settings, and its margins, which other pages cannot draw.
  epiviz.data.DataManager.prototype.updateChartSettings = ({ chartId, settings, colorMap }) => {
    const chart = charts.get(chartId);
    if (!chart || isObeying) return;
    const told = { action: 'setChartSettings', chartId };
    if (settings) {
      const now = settingsOf(chartId);
      const chosen = Object.entries(now).filter(([key, value]) =>
        !key.startsWith('margin') && String(value) !== String(chart.all[key]));
      chart.all = now;
      if (chosen.length === 0) return;
      told.settings = Object.fromEntries(chosen);
      Object.assign(chart.settings, told.settings);
    }
    if (colorMap) {
      told.colorMap = [...colorMap._colors];
      chart.colors = told.colorMap;
    }
    epivizrs.ask(told);
  };

  const told = ([id, { type, measurements, known, closed, settings, colors }]) =>
    ({ chartId: id, type, measurements, known, closed, settings, colors });

  /**
   * Tells the endpoint all that the page shows, in place of the reports that it did not answer;
   * `drop(id)` forgets one of those.
   */
  epivizrs.resume = drop => {
    const place = epivizrs.app._locationManager.currentLocation();
    const shown = [...charts].map(told);
    for (const id of reports) drop(id);
    reports.clear();
    const change = { charts: shown };
    if (place) change.place = { seqName: place.seqName(), start: place.start(), end: place.end() };
    report({ resume: change }, (data, why) => {
      if (why !== null) return;
      for (const { chartId, closed } of shown) {
        if (closed) charts.delete(chartId);
        else if (charts.has(chartId)) charts.get(chartId).known = true;
      }
    });
  };

  epivizrs.watch = ({ _chartManager: manager }) => {
    const on = (event, listener) => event.addListener(new epiviz.events.EventListener(listener));
    on(manager.onChartAdded(), added);
    on(manager.onChartRemoved(), removed);
    // The page forgets its charts whenever it opens a workspace: the session brings them again.
    on(manager.onChartsCleared(), () => {
      charts.clear();
      if (epivizrs.hasStarted) epivizrs.resume(() => {});
    });
  };
})(epivizrs);
