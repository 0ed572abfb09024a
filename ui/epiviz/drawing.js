// The companion: drawing. Corrects what EpiViz draws wrongly.

(function (epivizrs) {
  'use strict';

  const charts = epiviz.plugins.charts;
  const isMissing = cell => cell.value === null || cell.value === undefined || !isFinite(cell.value);

  /** Returns the object with some members replaced. */
  const withMembers = (object, members) => Object.assign(Object.create(object), members);

  // After an exception while drawing a chart, the page must not ignore later navigation.
  const event = epiviz.events.Event.prototype;
  const notify = event.notify;
  event.notify = function (args) {
    if (this._firing) return;
    try {
      notify.call(this, args);
    } finally {
      this._firing = false;
    }
  };

  /** Returns the rows after a gap: ten times as wide as the median distance, and visible. */
  const afterGaps = (series, indices, range) => {
    const start = j => series.get(j).rowItem.start();
    const apart = indices.slice(1).map((j, k) => start(j) - start(indices[k]));
    const usual = [...apart].sort((a, b) => a - b)[apart.length >> 1];
    const widest = Math.max(10 * usual, (range.end() - range.start()) / 50);
    return new Set(indices.slice(1).filter((_, k) => apart[k] > widest));
  };

  // Line tracks: bases without data are a gap, not zero, and so are long stretches between points; in a
  // view without rows, the previous line is removed.
  const line = charts.LineTrack.prototype;
  const drawLines = line._drawLines;
  line._drawLines = function (range, data, ...rest) {
    const svg = this._svg;
    const newLine = d3.svg.line;
    let current = null;
    data.foreach((measurement, series, i) => {
      if (series.binarySearchStarts(range).length > 0) return;
      svg.select(`.line-series-index-${i}`).selectAll('path').remove();
      svg.select(`.point-series-index-${i}`).selectAll('*').remove();
    });
    const watched = withMembers(data, {
      foreach: each => data.foreach((measurement, series, i) => {
        current = [series, i];
        return each(measurement, series, i);
      }),
    });
    const lines = [];
    d3.svg.line = () => {
      const [series, i] = current;
      lines[i] = newLine().defined(j => !isMissing(series.get(j)));
      return lines[i];
    };
    let items;
    try {
      items = drawLines.call(this, range, watched, ...rest);
    } finally {
      d3.svg.line = newLine;
    }
    data.foreach((measurement, series, i) => {
      const path = svg.select(`.line-series-index-${i}`).select('path');
      if (!lines[i] || path.empty()) return;
      const breaks = afterGaps(series, path.datum(), range);
      if (breaks.size === 0) return;
      const runs = [];
      for (const j of path.datum()) {
        if (runs.length === 0 || breaks.has(j)) runs.push([]);
        runs.at(-1).push(j);
      }
      path.attr('d', runs.map(run => lines[i](run) ?? '').join(''));
    });
    // A bin with data between two bins without data is a dot.
    svg.selectAll('.lines path').style('stroke-linecap', 'round');
    data.foreach((measurement, series, i) => {
      svg.select(`.point-series-index-${i}`).selectAll('circle').filter(j => isMissing(series.get(j))).remove();
    });
    return items.filter(item => !isMissing({ value: item.values[0] }));
  };

  // When a title appears or disappears, the axes move to new margins; the lines must move with them,
  // or they show wrong values.
  for (const track of [charts.LineTrack, charts.StackedLineTrack, charts.GenesTrack]) {
    const { draw } = track.prototype;
    track.prototype.draw = function () {
      const margins = this.margins();
      this._svg.selectAll('.lines, .items').attr('transform', `translate(${margins.left()}, ${margins.top()})`);
      return draw.apply(this, arguments);
    };
  }

  // Scatter plots: no point where one of the two measurements has no data.
  const scatter = charts.ScatterPlot.prototype;
  const drawCircles = scatter._drawCircles;
  scatter._drawCircles = function (range, data) {
    const present = series => withMembers(series, {
      getByGlobalIndex: index => {
        const cell = series.getByGlobalIndex(index);
        return cell && !isMissing(cell) ? cell : null;
      },
    });
    return drawCircles.call(this, range, withMembers(data, { getSeries: m => present(data.getSeries(m)) }));
  };

  // Stacked line plots also return early in a view without rows.
  const stacked = charts.StackedLinePlot.prototype;
  const drawAreas = stacked._drawLines;
  stacked._drawLines = function (...args) {
    const items = drawAreas.apply(this, args);
    if (items.length === 0) this._svg.select('.lines').selectAll('.line-series').remove();
    return items;
  };

  // The menus offer what a chart can draw: genes need exons, and blocks are offered only for listed
  // measurements, not for the datasource of every signal.
  const isListed = measurement => epivizrs.app._measurementsManager.measurements().contains(measurement);
  const hasExons = measurement => ['gene', 'exon_starts', 'exon_ends'].every(column =>
    (measurement.metadata() ?? []).includes(column));
  const offer = (type, fits) => {
    const before = type.prototype.measurementsFilter;
    type.prototype.measurementsFilter = function () {
      const filter = before.call(this);
      return measurement => filter(measurement) && fits(measurement);
    };
  };
  offer(charts.BlocksTrackType, isListed);
  offer(charts.GenesTrackType, measurement => isListed(measurement) && hasExons(measurement));
})(epivizrs);
