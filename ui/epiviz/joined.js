// The companion: plots of measurements with different rows. EpiViz compares values row by row, so its
// menus offer only measurements of one datasource for a plot. The endpoint joins any others on one grid of
// bins, in a datasource whose id names them (4.12 in docs/protocol.md).

(function (epivizrs) {
  'use strict';

  const { charts } = epiviz.plugins;
  const { Measurement, MeasurementSet } = epiviz.measurements;
  const kinds = ['ScatterPlot', 'HeatmapPlot', 'LinePlot', 'StackedLinePlot', 'StackedLineTrack'];
  for (const kind of kinds) charts[`${kind}Type`].prototype.isRestrictedToSameDatasourceGroup = () => false;

  /** Returns the measurements with common rows. */
  function comparable(measurements) {
    const all = [];
    measurements.foreach(one => { all.push(one); });
    if (new Set(all.map(one => one.datasourceGroup())).size < 2) return measurements;
    if (all.some(one => one.isComputed())) throw new Error('computed measurements can be plotted with others of their own datasource only');
    const id = `joined:${all.map(one => String(one.id()).replaceAll('%', '%25').replaceAll('&', '%26')).join('&')}`;
    const joined = new MeasurementSet();
    for (const one of all) {
      joined.add(new Measurement(one.id(), one.name(), one.type(), id, id, one.dataprovider(), null,
        one.defaultChartType(), one.annotation(), one.minValue(), one.maxValue(), []));
    }
    return joined;
  }

  const manager = epiviz.ui.charts.ChartManager.prototype;
  const { addChart } = manager;
  manager.addChart = function (type, selection, ...rest) {
    if (kinds.some(kind => type.typeName().endsWith(`.${kind}`)) && selection?.measurements) {
      try {
        selection.measurements = comparable(selection.measurements);
      } catch (error) {
        epivizrs.say(`This chart was not added: ${error.message}.`);
        throw error;
      }
    }
    return addChart.call(this, type, selection, ...rest);
  };
})(epivizrs);
