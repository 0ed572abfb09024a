// Every kind of chart. A new one costs its drawing function and an entry here.

import { drawBlocks } from './blocks.js';
import { drawGenes } from './genes.js';
import { drawHeatmap } from './heatmap.js';
import { drawLines, drawStacked } from './lines.js';
import { drawLinePlot, drawScatter, drawStackedPlot } from './plots.js';

/**
 * `name` is the protocol's, after `epiviz.plugins.charts.`; `takes` the kind of measurement;
 * `least` how many of them; `plot` whether its x axis is something else than the sequence.
 */
export const CHARTS = [
  { name: 'GenesTrack', id: 'genes', label: 'Genes', takes: 'range', least: 1, height: 172, draw: drawGenes },
  { name: 'BlocksTrack', id: 'blocks', label: 'Blocks', takes: 'range', least: 1, height: 70, draw: drawBlocks },
  { name: 'LineTrack', id: 'lines', label: 'Lines', takes: 'feature', least: 1, height: 110, draw: drawLines },
  { name: 'StackedLineTrack', id: 'stacked-lines', label: 'Stacked lines', takes: 'feature', least: 1, height: 130, draw: drawStacked },
  { name: 'HeatmapPlot', id: 'heatmap', label: 'Heat map', takes: 'feature', least: 1, height: 120, draw: drawHeatmap },
  { name: 'ScatterPlot', id: 'scatter', label: 'Scatter plot', takes: 'feature', least: 2, height: 320, plot: true, draw: drawScatter },
  { name: 'LinePlot', id: 'line-plot', label: 'Line plot', takes: 'feature', least: 1, height: 260, plot: true, draw: drawLinePlot },
  { name: 'StackedLinePlot', id: 'stacked-line-plot', label: 'Stacked line plot', takes: 'feature', least: 1, height: 260, plot: true, draw: drawStackedPlot },
];

const MODULE = 'epiviz.plugins.charts.';

/** The kind of that name, with or without its module; undefined if there is none. */
export function kindNamed(name) {
  const bare = String(name).replace(MODULE, '');
  return CHARTS.find(kind => kind.name === bare);
}

/** The settings of a kind: title, height, and the ends of its value axis if it has one. */
export function settingsOf(kind) {
  const setting = (id, type, defaultValue, label) => ({ id, type, defaultValue, label, possibleValues: null });
  const values = [setting('yMin', 'number', 'default', 'Min Y'), setting('yMax', 'number', 'default', 'Max Y')];
  return [
    setting('title', 'string', '', 'Title'),
    setting('height', 'number', kind.height, 'Height'),
    ...(kind.takes === 'feature' ? values : []),
  ];
}

/** The colours of charts whose user chose none: Tableau's ten, as EpiViz has them. */
export const COLORS = ['#1f77b4', '#ff7f0e', '#2ca02c', '#d62728', '#9467bd', '#8c564b', '#e377c2', '#7f7f7f', '#bcbd22', '#17becf'];

/** All kinds as the protocol tells them: to registerChartTypes and getAvailableCharts. */
export function chartTypes() {
  return CHARTS.map(kind => ({ chartName: MODULE + kind.name, customSettings: settingsOf(kind), colorMap: COLORS }));
}
