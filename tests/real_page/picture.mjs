// What stands on the screen: the vertices of lines, the rectangles of blocks, the circles of
// scatter plots, and what they should be by the rows that the chart holds (which `walk.mjs`
// compares with the files).

/** Has every chart note the most rows that it ever held of a series. */
export const watch = page => page.evaluate(() => {
  window.mostRows = 0;
  for (const chart of Object.values(window.page._chartManager._charts)) {
    if (chart.watched) continue;
    chart.watched = true;
    const draw = chart.draw;
    chart.draw = function () {
      const drawn = draw.apply(this, arguments);
      this._lastData?.foreach((m, s) => { window.mostRows = Math.max(window.mostRows, s.size()); });
      return drawn;
    };
  }
});

/** Waits until nothing on the page moves any more. */
export const still = page => page.waitForFunction(
  () => ![...document.querySelectorAll('svg *')].some(e => e.__transition__), null, { timeout: 20000 });

/** The place, and of each chart its range, rows, axis and marks. */
export const look = page => page.evaluate(() => {
  const place = window.page._locationManager.currentLocation(), charts = [];
  const number = (e, name) => Number(e.getAttribute(name));
  for (const [id, chart] of Object.entries(window.page._chartManager._charts)) {
    const range = chart._lastRange, series = [], settings = chart.customSettingsValues();
    const margins = chart.margins(), measurements = [];
    chart.measurements().foreach(m => measurements.push(m));
    let held = 0;
    chart._lastData?.foreach((m, s) => {
      const rows = [];
      held = Math.max(held, s.size());
      for (let i = 0; range && i < s.size(); i++) {
        const { rowItem, value } = s.get(i) ?? {};
        if (!rowItem) rows.push([null, null, null]);
        else if (rowItem.start() <= range.end() && rowItem.end() >= range.start()) {
          rows.push([rowItem.start(), rowItem.end(), value ?? null]);
        }
      }
      series.push({ id: m.id(), isRange: m.type() === 'range', rows });
    });
    const svg = document.getElementById(id)?.querySelector('svg');
    const lines = series.map((_, i) => {
      const path = svg?.querySelector(`.lines .line-series-index-${i} path`)?.getAttribute('d') ?? '';
      return path.split(/[ML]/).slice(1).map(p => p.split(',').map(Number));
    });
    const rects = [...svg?.querySelectorAll('.items rect.item') ?? []]
      .map(e => [number(e, 'x'), number(e, 'width')]);
    const circles = [...svg?.querySelectorAll('.items circle') ?? []].map(e => ({
      x: number(e, 'cx'), y: number(e, 'cy'), rows: e.__data__?.valueItems[0].length,
    }));
    const extent = (key, of, each) => {
      const value = settings[key];
      if (value !== undefined && value !== 'default') return Number(value);
      const all = measurements.map(each).filter(v => v !== null && v !== undefined);
      return all.length ? of(...all) : null;
    };
    charts.push({
      type: id.replace(/-[^-]*$/, ''), range: range && [range.seqName(), range.start(), range.end()],
      series, held, lines, rects, circles, minBlockDistance: settings.minBlockDistance,
      axis: [extent('yMin', Math.min, m => m.minValue()), extent('yMax', Math.max, m => m.maxValue())],
      width: chart.width(), height: chart.height(),
      margins: [margins.top(), margins.left(), margins.bottom(), margins.right()],
    });
  }
  return { place: { seqName: place.seqName(), start: place.start(), end: place.end() }, charts, most: window.mostRows };
});

const near = (a, b) => Math.abs(a - b) <= 0.51;

/** What is wrong on the screen with a chart, given the rows that it should show. */
export function judge(chart) {
  if (!chart.range) return ['it has never been drawn'];
  if (chart.type === 'track-lines') return judgeLines(chart);
  if (chart.type === 'track-blocks') return judgeBlocks(chart);
  if (chart.type === 'plot-scatter') return judgeScatter(chart);
  return [`nobody knows how to judge a ${chart.type}`];
}

function inside(chart) {
  const [top, left, bottom, right] = chart.margins;
  return { top, left, width: chart.width - left - right, height: chart.height - top - bottom };
}

function scaleX(chart) {
  const [, start, end] = chart.range, { width } = inside(chart);
  return base => (base - start) / (end - start) * width;
}

function judgeLines(chart) {
  const [, start, end] = chart.range, { width, height } = inside(chart), x = scaleX(chart), faults = [];
  let [low, high] = chart.axis;
  if (low === null && high === null) [low, high] = [-1, 1];
  const y = value => height - (value - low) / (high - low) * height;
  chart.series.forEach(({ id, rows }, i) => {
    // A line that slid in goes on beyond the edge.
    const drawn = chart.lines[i].filter(([at]) => at >= x(start - 0.5) && at <= x(end + 0.5));
    const shown = rows.filter(([from]) => from >= start && from <= end);
    if (drawn.some(([, at]) => !(at >= -0.51 && at <= height + 0.51))) {
      const worst = Math.max(...drawn.map(([, at]) => Math.max(-at, at - height)));
      faults.push(`${id}: its line lies ${Math.round(worst)} px outside the axis ${chart.axis}`);
    }
    // A line of one vertex has no length.
    const expected = shown.map(([from, , value]) => [x(from), y(value ?? 0)]);
    const visible = expected.length > 1 || drawn.length > 1;
    const equal = expected.length === drawn.length
      && expected.every(([ex, ey], k) => near(ex, drawn[k][0]) && near(ey, drawn[k][1]));
    if (visible && !equal) faults.push(`${id}: stale picture, ${drawn.length} vertices for ${expected.length} rows`);
    // Zero belongs to the axis; beside it, a line that takes less than a fifth of it reads as none.
    const values = shown.map(row => row[2] ?? 0);
    const spread = Math.max(0, ...values) - Math.min(0, ...values);
    if (values.length > 1 && spread > 0 && spread < (high - low) / 5) {
      faults.push(`${id}: a flat line, ${spread} on the axis ${chart.axis}`);
    }
  });
  return faults;
}

function judgeBlocks(chart) {
  const x = scaleX(chart), faults = [], [, start, end] = chart.range;
  for (const { id, rows } of chart.series) {
    const blocks = [];
    for (const [from, to] of rows.filter(([from, to]) => !(from > end || to < start))) {
      const last = blocks.at(-1);
      if (last && chart.minBlockDistance !== null && x(from) - x(last[1]) < chart.minBlockDistance) {
        last[1] = Math.max(last[1], to);
      } else blocks.push([from, to]);
    }
    const sorted = list => list.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    const expected = sorted(blocks.map(([from, to]) => [x(from), x(to + 1) - x(from)]));
    const drawn = sorted([...chart.rects]);
    const equal = expected.length === drawn.length
      && expected.every(([at, width], k) => near(at, drawn[k][0]) && near(width, drawn[k][1]));
    if (!equal) faults.push(`${id}: stale picture, ${drawn.length} rectangles for ${expected.length} blocks`);
  }
  return faults;
}

function judgeScatter(chart) {
  const [, start, end] = chart.range, { top, left, width, height } = inside(chart), faults = [];
  const rows = chart.series[0]?.rows.filter(([from, to]) => from < end && to > start).length ?? 0;
  const drawn = chart.circles.reduce((sum, circle) => sum + circle.rows, 0);
  if (rows !== drawn) faults.push(`stale picture, circles of ${drawn} rows for ${rows}`);
  const out = chart.circles.filter(({ x, y }) =>
    !(x >= left - 0.51 && x <= left + width + 0.51 && y >= top - 0.51 && y <= top + height + 0.51));
  if (out.length) faults.push(`${out.length} circles outside the axes`);
  return faults;
}
