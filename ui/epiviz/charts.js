// The companion: charts. The session owns them; charts that the user adds, closes, configures and
// colours by hand are reported to it (`reportChange` in docs/protocol.md). Changes by the endpoint
// are not reported back.

(function (epivizrs) {
  'use strict';

  const provider = epiviz.data.WebsocketDataProvider.prototype;

  /**
   * The charts by id: `type`, `measurements`, `known` (whether the session has the chart), `closed`
   * (whether its removal was reported and not yet answered), `all` (its settings when last read),
   * `settings` and `colors` (those chosen by the user).
   */
  const charts = new Map();
  /** Ids of the reports that have not been answered. */
  const reports = new Set();
  /** Whether an action of the endpoint is running, whose changes are not reported. */
  let isRemote = false;

  for (const action of ['_addChart', '_removeChart', '_setChartSettings']) {
    const run = provider[action];
    provider[action] = function (request) {
      isRemote = true;
      try {
        run.call(this, request);
      } finally {
        isRemote = false;
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
      type: args.type.typeName(), measurements, known: isRemote, closed: false, all: settingsOf(id), settings: {}, colors: [],
    };
    charts.set(id, chart);
    if (isRemote) return;
    report({ addChart: { chartId: id, type: chart.type, measurements } }, (data, why) => {
      chart.known = why === null;
      if (why !== null) epivizrs.say(`This chart stays on this page only: ${why}.`);
    });
  }

  function removed({ id }) {
    const chart = charts.get(id);
    if (!chart) return;
    chart.closed = chart.known && !isRemote;
    if (!chart.closed) charts.delete(id);
    if (!isRemote) report({ removeChart: { chartId: id } }, () => charts.delete(id));
  }

  // The page itself would report all settings, including margins, which other pages cannot draw.
  epiviz.data.DataManager.prototype.updateChartSettings = ({ chartId, settings, colorMap }) => {
    const chart = charts.get(chartId);
    if (!chart || isRemote) return;
    const message = { action: 'setChartSettings', chartId };
    if (settings) {
      const now = settingsOf(chartId);
      const chosen = Object.entries(now).filter(([key, value]) =>
        !key.startsWith('margin') && String(value) !== String(chart.all[key]));
      chart.all = now;
      if (chosen.length === 0) return;
      message.settings = Object.fromEntries(chosen);
      Object.assign(chart.settings, message.settings);
    }
    if (colorMap) {
      message.colorMap = [...colorMap._colors];
      chart.colors = message.colorMap;
    }
    epivizrs.ask(message);
  };

const describe = ([id, { type, measurements, known, closed, settings, colors }]) =>
    ({ chartId: id, type, measurements, known, closed, settings, colors });

  /**
   * Reports all charts of the page, in place of the reports that were not answered; `drop(id)`
   * forgets one of those.
   */
  epivizrs.resume = drop => {
    const place = epivizrs.app._locationManager.currentLocation();
    const shown = [...charts].map(describe);
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
    // The page removes its charts whenever it opens a workspace: the session adds them again.
    on(manager.onChartsCleared(), () => {
      charts.clear();
      if (epivizrs.hasStarted) epivizrs.resume(() => {});
    });
  };
})(epivizrs);
