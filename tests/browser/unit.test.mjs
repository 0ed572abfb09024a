// Tests the parts of the page that need no browser, with Node.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ui } from './modules.mjs';

const { Data, named, readPart, unitOf } = await ui('data.js');
const { comparable, kindNamed } = await ui('charts/list.js');
const { SvgPen } = await ui('pen.js');
const { axisRange, counted, extentOf } = await ui('scale.js');
const { nearestData } = await ui('nearest.js');
const { strengths } = await ui('charts/plots.js');
const { runs } = await ui('charts/lines.js');
const { clamped, fromWire, toWire, whole } = await ui('region.js');

/** Returns pseudorandom numbers that are the same in each run. */
function dice(seed) {
  let state = seed;
  return below => (state = (state * 48271) % 2147483647) % below;
}

const LENGTH = 1_000_000;
const WIDTH = 1000;
const PALETTE = { ink: '#000000', muted: '#666666', line: '#aaaaaa', grid: '#eeeeee', back: '#ffffff' };

/** Heavily overlapping genes, every tenth much longer than the others, and a signal. */
const roll = dice(7);
const genes = Array.from({ length: 400 }, (_, i) => {
  const start = roll(LENGTH - 60_000);
  return { start, end: start + 200 + roll(i % 10 ? 8000 : 60_000), name: `GENE${i}`, strand: '+-'[i % 2] };
}).sort((a, b) => a.start - b.start);
const MEASUREMENTS = [
  { id: 'genes', name: 'genes', type: 'range', datasourceId: 'genes' },
  { id: 'signal', name: 'signal', type: 'feature', datasourceId: 'signal' },
];

/** Answers getCombined as the endpoint does: the level depends only on the width of the view. */
function answer({ seqName, start, end, measurements }) {
  const region = fromWire({ seqName, start, end });
  const width = region.end - region.start;
  if (measurements.genes) {
    // If many are in view, each bin shows only the longest that begins in it.
    const bin = width > 200_000 ? 8192 : 1;
    const kept = new Map();
    for (const gene of genes) {
      const at = Math.floor(gene.start / bin);
      if (!(kept.get(at)?.end - kept.get(at)?.start >= gene.end - gene.start)) kept.set(bin === 1 ? gene : at, gene);
    }
    const rows = [...kept.values()].filter(gene => gene.start < region.end && gene.end > region.start);
    const column = key => rows.map(gene => gene[key]);
    return { genes: { rows: { start: column('start').map(place => place + 1), end: column('end'), strand: column('strand'), metadata: { gene: column('name') } }, cols: {} } };
  }
  const bin = 2 ** Math.max(0, Math.ceil(Math.log2(width / 500)));
  const first = Math.floor(region.start / bin);
  const bins = Array.from({ length: Math.ceil(region.end / bin) - first }, (_, i) => first + i);
  return { signal: { rows: { start: bins.map(i => i * bin + 1), end: bins.map(i => (i + 1) * bin) }, cols: { signal: bins.map(i => ((i * 7919) % 100) * (1 + 200 * (i % 97 === 0))) } } };
}

/** A page reduced to its drawings: the picture of each chart as SVG. */
class Reduced {
  constructor(slow) {
    this.pending = [];
    const ask = args => new Promise(resolve => this.pending.push(() => resolve(answer(args))));
    this.data = new Data(slow ? ask : async args => answer(args), () => {});
    this.data.want(MEASUREMENTS);
    this.charts = ['GenesTrack', 'BlocksTrack', 'LineTrack', 'HeatmapPlot'].map(name => ({ kind: kindNamed(name), memory: {} }));
  }

  look(view) {
    this.data.look(view);
  }

  async settle() {
    while (!this.data.settled) {
      this.pending.shift()?.();
      await new Promise(setImmediate);
    }
  }

  /** Draws each chart and returns what was planned and painted. */
  draw(view, moving) {
    return this.charts.map(({ kind, memory }) => {
      const measurement = MEASUREMENTS[kind.takes === 'range' ? 0 : 1];
      const series = [{ measurement, color: '#1f77b4', pieces: this.data.pieces(measurement, view), newest: this.data.answers(measurement, view)[0]?.rows ?? readPart() }];
      const plan = kind.plan({ view, width: WIDTH, height: kind.height, room: kind.most, series, kind, settings: {}, memory, moving });
      const pen = new SvgPen(PALETTE);
      plan.paint(pen);
      return { height: plan.height, hidden: plan.below?.(100), range: plan.range, picture: pen.parts.join('') };
    });
  }
}

test('any path of moves to a view draws the same lanes, labels and hidden counts as a fresh load', async () => {
  const dicing = dice(11);
  for (let round = 0; round < 25; round += 1) {
    const page = new Reduced(true);
    let view = whole(clamped({ seq: 'chr1', start: dicing(LENGTH), end: dicing(LENGTH) }, LENGTH));
    for (let move = 0; move < 12; move += 1) {
      const width = view.end - view.start;
      const from = view;
      const aim = [
        () => ({ start: view.start + width * (dicing(200) / 100 - 1), width }),
        () => ({ start: view.start - width, width: width * 3 }),
        () => ({ start: view.start + width / 3, width: width / 3 }),
        () => ({ start: dicing(LENGTH), width: 100 + dicing(400_000) }),
      ][dicing(4)]();
      view = whole(clamped({ seq: 'chr1', start: aim.start, end: aim.start + aim.width }, LENGTH));
      // Frames during the move, some before and some after an answer.
      for (let part = 1; part <= 4; part += 1) {
        const between = key => from[key] + ((view[key] - from[key]) * part) / 4;
        const on = { seq: 'chr1', start: between('start'), end: between('end') };
        page.look(on);
        if (dicing(2)) page.pending.shift()?.();
        await new Promise(setImmediate);
        page.draw(on, true);
      }
      page.look(view);
      page.draw(view, true);
      if (dicing(2)) page.draw(view, false);
      await page.settle();
      const drawn = page.draw(view, false);
      const fresh = new Reduced(false);
      fresh.look(view);
      await fresh.settle();
      const wanted = fresh.draw(view, false);
      for (const [i, chart] of drawn.entries()) assert.deepEqual(chart, wanted[i], `round ${round}, move ${move}: ${JSON.stringify(toWire(view))}`);
    }
  }
});

test('blocks stay in their lanes while the view is dragged', async () => {
  const page = new Reduced(false);
  const view = { seq: 'chr1', start: 300_000, end: 340_000 };
  page.look({ ...view, start: 200_000, end: 400_000 });
  await page.settle();
  /** Returns the lane of each block that begins in view, by its first base. */
  const lanes = (by, moving) => {
    const { picture } = page.draw({ seq: 'chr1', start: view.start + by, end: view.end + by }, moving)[1];
    const boxes = [...picture.matchAll(/<rect x="([^"]+)" y="([^"]+)"/g)].filter(([, x]) => Number(x) > 0);
    return new Map(boxes.map(([, x, y]) => [Math.round((view.start + by + Number(x) * 40) / 10), y]));
  };
  let before = lanes(0, false);
  assert.ok(before.size > 5);
  for (let by = 400; by <= 20_000; by += 400) {
    const now = lanes(by, true);
    for (const [place, y] of now) if (before.has(place)) assert.equal(y, before.get(place), `${place}0 at ${by}`);
    before = now;
  }
});

test('positions that are sent as offsets are added up', () => {
  const part = (start, end, useOffset) => readPart({ rows: { start, end }, useOffset });
  const [plain, offsets] = [part([11, 14, 14, 90], [20, 14, 33, 95]), part([11, 3, 0, 76], [20, -6, 19, 62], true)];
  assert.deepEqual([offsets.start, offsets.end], [plain.start, plain.end]);
  assert.deepEqual([...plain.start], [10, 13, 13, 89]);
  assert.deepEqual([...part([5, 2], undefined, true).end], [5, 7]);
});

test('a block has the colour of its row, or that of its chart if the row has none', () => {
  const kind = kindNamed('BlocksTrack');
  const view = { seq: 'chr1', start: 0, end: 1000 };
  const asked = ["255,0,0", "'0,128,255'", '#00ff00', '0,0,0', '.', '300,0,0', null];
  const rows = readPart({
    rows: { start: asked.map((_, i) => 100 * i + 1), end: asked.map((_, i) => 100 * i + 50), metadata: { color: asked } },
  });
  const series = [{ measurement: MEASUREMENTS[0], color: '#1f77b4', pieces: [{ ...view, rows }], newest: rows }];
  const drawn = palette => {
    const frame = { view, width: WIDTH, height: kind.height, room: kind.most, series, kind, settings: {}, memory: {}, palette };
    const pen = new SvgPen(PALETTE);
    kind.plan(frame).paint(pen);
    return [...pen.parts.join('').matchAll(/fill="(#[0-9a-f]{6})"/g)].map(([, color]) => color);
  };
  assert.deepEqual(new Set(drawn(PALETTE)), new Set(['#ff0000', '#0080ff', '#00ff00', '#1f77b4']));
  const lifted = drawn({ ...PALETTE, dark: true });
  assert.ok(!lifted.includes('#ff0000') && lifted.includes('#1f77b4'), `${lifted}`);
});

test('an axis ends at the next 1, 2 or 5 times a power of ten; without values there is none', () => {
  for (const [low, high, range] of [[0, 0.3, [0, 0.5]], [3, 140, [0, 200]], [-12, 4, [-20, 5]], [7, 10, [0, 10]], [-3, -1, [-5, 0]], [0, 0, [0, 1]], [0.1, 0.1000001, [0, 0.2]]]) {
    assert.deepEqual(axisRange({}, [low, high]), range);
  }
  assert.equal(axisRange({}, extentOf([[], [NaN]])), null);
  assert.equal(axisRange({ yMin: 0, yMax: 9 }, extentOf([])), null);
  assert.deepEqual(axisRange({ yMin: '2', yMax: 'default' }, [3, 7]), [2, 10]);
});

test('many rows in a pixel are drawn with fewer points that keep the extremes', () => {
  const count = 5000;
  const value = i => ((i * 7919) % 1000) / 10;
  const rows = { start: Float64Array.from({ length: count }, (_, i) => i), end: Float64Array.from({ length: count }, (_, i) => i + 1) };
  const stack = { rows, list: Int32Array.from({ length: count }, (_, i) => i) };
  const layer = { bottoms: new Float64Array(count), tops: Float64Array.from({ length: count }, (_, i) => (i === 2500 ? NaN : value(i))) };
  const drawn = runs(stack, layer, place => place / 10, top => 100 - top, [0, 100], 1);
  assert.equal(drawn.length, 2, 'a missing value parts the line');
  const points = drawn.flatMap(({ line }) => line).length / 2;
  assert.ok(points <= 4 * (count / 10 + 1), `${points} points`);
  const seen = Array.from({ length: 500 }, () => []);
  for (const { line } of drawn) for (let i = 0; i < line.length; i += 2) seen[Math.min(Math.floor(line[i] - 1e-9), 499)]?.push(line[i + 1]);
  for (let pixel = 1; pixel < 499; pixel += 1) {
    const inside = Array.from({ length: 10 }, (_, i) => pixel * 10 + i).filter(i => i !== 2500).map(i => 100 - value(i));
    const both = [Math.min, Math.max].map(pick => pick(...inside));
    for (const bound of both) assert.ok(seen[pixel].some(y => Math.abs(y - bound) < 1e-9), `pixel ${pixel}: ${bound}`);
  }
});

test('the nearest data are found by widening the view, then narrowing it', async () => {
  const points = [10, 400_123, 700_000];
  let asked = 0;
  const rowsOf = async ({ start, end }) => {
    asked += 1;
    const bin = 2 ** Math.max(0, Math.ceil(Math.log2((end - start) / 500)));
    const bins = [...new Set(points.filter(at => at >= start && at < end).map(at => Math.floor(at / bin)))].sort((a, b) => a - b);
    return readPart({ rows: { start: bins.map(i => i * bin + 1), end: bins.map(i => (i + 1) * bin) }, cols: { x: bins.map(() => 1) } });
  };
  const measurement = { id: 'x', type: 'feature' };
  for (const [from, wanted] of [[500_000, 400_123], [600_000, 700_000], [1, 10], [990_000, 700_000]]) {
    const found = await nearestData(rowsOf, measurement, { seq: 'chr1', start: from, end: from + 100 }, LENGTH);
    assert.ok(found.start <= wanted && wanted < found.end, `from ${from}: ${JSON.stringify(found)}`);
    assert.equal(found.end - found.start, 100);
  }
  assert.ok(asked < 40, `${asked} questions`);
  assert.equal(await nearestData(async () => readPart(), measurement, { seq: 'chr1', start: 5, end: 50 }, LENGTH), null);
});

test('counts are written with their nouns', () => {
  assert.deepEqual([0, 1, 2, 1234].map(count => counted(count, 'chart')), ['0 charts', '1 chart', '2 charts', '1,234 charts']);
});

test('a heat map goes by logarithms where values span decades', () => {
  const of = (tops, settings) => strengths({ settings }, extentOf([tops]), [Float64Array.from(tops)]);
  const decades = of([0, NaN, 1, 10, 100, 1000]);
  assert.ok(decades.isLog);
  assert.deepEqual([0, 1, 1000].map(decades.of), [0, 0, 1]);
  assert.ok(Math.abs(decades.of(10) - 1 / 3) < 1e-9);
  assert.ok(!of([1, 10, 100]).isLog);
  assert.ok(!of([-1, 1, 1e6]).isLog, 'below zero there are none');
  assert.ok(!of([1, 1e6], { yMax: 10 }).isLog, 'its user chose');
  assert.equal(of([0, 50, 100]).of(50), 0.5);
});

test('plots of measurements with different rows request the datasource that joins them', () => {
  const one = (id, group) => ({ id, name: id, datasourceId: group, datasourceGroup: group });
  const [a, b, c] = [one('a', 'signals'), one('b', 'signals'), one('c&d%', 'c')];
  const plot = kindNamed('ScatterPlot');
  assert.deepEqual(comparable(plot, [a, b]), [a, b]);
  assert.deepEqual(comparable(kindNamed('LineTrack'), [a, c]), [a, c], 'each line has its own rows');
  const joined = comparable(plot, [a, c]);
  assert.deepEqual(joined.map(({ id }) => id), ['a', 'c&d%']);
  for (const { datasourceId, datasourceGroup } of joined) assert.deepEqual([datasourceId, datasourceGroup], Array(2).fill('joined:a&c%26d%25'));
  assert.equal(c.datasourceId, 'c');
});

test('a unit is shown at the axis instead of in the name', () => {
  const annotation = { unit: 'depth' };
  assert.equal(named({ id: 'a', name: 'a (depth)', annotation }).name, 'a');
  assert.equal(named({ id: 'a', name: 'a (b)', annotation }).name, 'a (b)');
  assert.equal(named({ id: 'a', annotation: null }).name, 'a');
  const series = (...units) => units.map(unit => ({ measurement: { annotation: unit && { unit } } }));
  assert.deepEqual([unitOf(series('depth', 'depth')), unitOf(series('depth', '%')), unitOf(series(null))], ['depth', '', '']);
});
