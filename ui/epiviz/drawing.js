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

  // Line tracks: bases without data are a gap, not zero; in a view without rows, the previous line is
  // removed.
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
        current = series;
        return each(measurement, series, i);
      }),
    });
    d3.svg.line = () => {
      const series = current;
      return newLine().defined(j => !isMissing(series.get(j)));
    };
    let items;
    try {
      items = drawLines.call(this, range, watched, ...rest);
    } finally {
      d3.svg.line = newLine;
    }
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
