// All kinds of charts. A new one needs a function that plans its picture, and an entry here.

import { planBlocks, planGenes } from './features.js';
import { planLines } from './lines.js';
import { planHeatmap, planLinePlot, planScatter } from './plots.js';

/**
 * `name` is the protocol's, after `epiviz.plugins.charts.`; `takes` is the type of measurement,
 * `least` the minimum number of them; `plot` means that its x axis is not the sequence. `height` is
 * in pixels; with `most`, a chart grows with its lanes from `height` up to `most`.
 *
 * `plan(frame)` returns the picture: `height` of all lanes if it has lanes, `range` of the axis, the
 * number of rows or values that are `shown`, `paint(pen)`, and `at([x, y])`, which returns the
 * tooltip.
 */
export const CHARTS = [
  { name: 'GenesTrack', label: 'Genes', takes: 'range', height: 60, most: 320, plan: planGenes },
  { name: 'BlocksTrack', label: 'Blocks', takes: 'range', height: 40, most: 240, plan: planBlocks },
  { name: 'LineTrack', label: 'Lines', height: 90, plan: planLines },
  { name: 'StackedLineTrack', label: 'Stacked lines', height: 110, stacked: true, plan: planLines },
  { name: 'HeatmapPlot', label: 'Heat map', height: 120, plan: planHeatmap },
  { name: 'ScatterPlot', label: 'Scatter plot', height: 320, least: 2, plot: true, plan: planScatter },
  { name: 'LinePlot', label: 'Line plot', height: 260, least: 2, plot: true, plan: planLinePlot },
  { name: 'StackedLinePlot', label: 'Stacked line plot', height: 260, least: 2, plot: true, stacked: true, plan: planLinePlot },
].map(kind => ({ takes: 'feature', least: 1, plot: false, stacked: false, ...kind }));

/** The prefix of a kind's name in the protocol. */
export const MODULE = 'epiviz.plugins.charts.';

/** Returns the kind with this name, with or without its module. */
export function kindNamed(name) {
  const bare = String(name).replace(MODULE, '');
  return CHARTS.find(kind => kind.name === bare);
}

/** Returns the default kind for a measurement. */
export function kindFor({ defaultChartType, type }) {
  const own = kindNamed(defaultChartType);
  return own?.takes === type ? own : kindNamed(type === 'range' ? 'BlocksTrack' : 'LineTrack');
}

/**
 * Returns the measurements in the form in which a chart of this kind draws them. Plots compare values row
 * by row: if the rows differ, the endpoint joins them in a datasource with this id (docs/protocol.md, 4.12).
 */
export function comparable({ plot }, measurements) {
  const groups = new Set(measurements.map(one => one.datasourceGroup));
  if (!plot || groups.size < 2) return measurements;
  const escaped = measurements.map(({ id }) => id.replaceAll('%', '%25').replaceAll('&', '%26'));
  const joined = `joined:${escaped.join('&')}`;
  return measurements.map(one => ({ ...one, datasourceId: joined, datasourceGroup: joined, metadata: [] }));
}

/** Returns the settings of a kind in the form of the protocol. */
export function settingsOf({ height, most, takes }) {
  const setting = (id, type, defaultValue, label) => ({ id, type, defaultValue, label, possibleValues: null });
  const values = [setting('yMin', 'number', 'default', 'Min Y'), setting('yMax', 'number', 'default', 'Max Y')];
  return [setting('title', 'string', '', 'Title'), setting('height', 'number', most ? 'default' : height, 'Height'), ...(takes === 'feature' ? values : [])];
}

/** Tableau's ten colours, as in EpiViz. */
export const COLORS = ['#1f77b4', '#ff7f0e', '#2ca02c', '#d62728', '#9467bd', '#8c564b', '#e377c2', '#7f7f7f', '#bcbd22', '#17becf'];

/** Returns all kinds in the form of the protocol. */
export function chartTypes() {
  return CHARTS.map(kind => ({ chartName: MODULE + kind.name, customSettings: settingsOf(kind), colorMap: COLORS }));
}
