// Tests the built-in page in a browser with the real program, and with files whose contents follow
// a formula: the drawing is compared with the formula, not with the data that the program sent.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { bigWig } from './bigwig.mjs';
import { calm, closeBrowser, endpoint, folder, freePort, go, link, place, rects, saved, shoot, steps, tab } from './support.mjs';

const LENGTH = 20_000_000;
const STEP = 100;
/** Returns the value of step i of full.bw, between 0 and 99. */
const full = i => (i * 7919) % 100;
/** Returns the same values for holes.bw, but none in every other 200 kb. */
const holes = i => (Math.floor(i / 2000) % 2 ? null : full(i));
/** Returns feature i of blocks.bed: one every 50 kb, of increasing width. */
const blocks = Array.from({ length: 390 }, (_, i) => ({ start: i * 50_000 + 7, end: i * 50_000 + 7 + 100 * (i + 1), name: `block${i}` }));
const BLUE = '#1f77b4';
const RED = '#d62728';

const files = (...names) => names.map(name => join(folder, name));

let served;
before(async () => {
  writeFileSync(join(folder, 'full.bw'), bigWig('chr1', LENGTH, STEP, full));
  writeFileSync(join(folder, 'holes.bw'), bigWig('chr1', LENGTH, STEP, holes));
  writeFileSync(join(folder, 'other.bw'), bigWig('chr2', 1_000_000, STEP, full));
  writeFileSync(join(folder, 'blocks.bed'), blocks.map(b => `chr1\t${b.start}\t${b.end}\t${b.name}\n`).join(''));
  writeFileSync(join(folder, 'genes.gtf'), [
    ['gene', 5_000_001, 5_040_000], ['exon', 5_000_001, 5_004_000], ['exon', 5_030_001, 5_040_000],
  ].map(([part, start, end]) => `chr1\ttest\t${part}\t${start}\t${end}\t.\t-\t.\tgene_id "G1"; gene_name "ABCD1"; transcript_id "T1";\n`).join(''));
  served = await endpoint(files('full.bw,color=#1f77b4', 'holes.bw,missing=gap,color=#2ca02c', 'other.bw', 'blocks.bed,color=#d62728', 'genes.gtf'));
});
after(async () => {
  await closeBrowser();
  await served?.stop();
});

/** Opens a tab at a location with charts; any error of the page fails the test. */
async function open(t, hash = '', options = {}, url = served.url) {
  const page = await tab(options);
  t.after(async () => {
    await page.context().close();
    assert.deepEqual(page.faults, []);
  });
  await page.goto(url + hash);
  await calm(page);
  return page;
}

/** Returns the mean of full.bw per base over whole and partial steps. */
function mean(value, start, end) {
  let [sum, covered] = [0, 0];
  for (let i = Math.floor(start / STEP); i * STEP < end; i += 1) {
    const width = Math.min(end, (i + 1) * STEP) - Math.max(start, i * STEP);
    const here = (i + 1) * STEP <= LENGTH ? value(i) : null;
    if (here !== null && width > 0) { sum += here * width; covered += width; }
  }
  return covered ? sum / covered : null;
}

/** Asserts that each step of a line in the saved picture is the mean of the file's values there. */
async function assertTrueLine(page, value, { color = BLUE, gaps = false } = {}) {
  const { start, end } = await place(page);
  const [width, pad] = await page.evaluate(async () => [
    document.getElementById('ruler').clientWidth, (await import('/ui/js/charts/axis.js')).PAD,
  ]);
  const height = 110;
  const perPixel = (end - start + 1) / width;
  const drawn = steps(String(await saved(page, 'svg')), color);
  const widest = Math.max(...drawn.map(([x0, x1]) => x1 - x0)) * perPixel;
  // Bins are powers of two; in narrow views, each record of a sparse signal is drawn.
  const bin = gaps && Math.abs(widest - STEP) < 2 ? STEP : 2 ** Math.round(Math.log2(widest));
  const seen = new Set();
  for (const [x0, x1, y] of drawn) {
    const from = Math.round((start - 1 + x0 * perPixel) / bin) * bin;
    const to = Math.min(from + Math.max(Math.round(((x1 - x0) * perPixel) / bin), 1) * bin, LENGTH);
    const expected = mean(value, from, to);
    const shown = ((height - pad.bottom - y) / (height - pad.top - pad.bottom)) * 100;
    assert.ok(Math.abs(shown - expected) < 0.02, `${from}-${to}: drawn ${shown}, in the file ${expected}`);
    seen.add(from);
  }
  // Every bin in view that has data is drawn.
  for (let from = Math.floor((start - 1) / bin) * bin; from < end; from += bin) {
    const has = mean(value, from, Math.min(from + bin, LENGTH)) !== null;
    if (!has) assert.ok(gaps && !seen.has(from), `a value is drawn at ${from}, where there is none`);
    else assert.ok(seen.has(from), `nothing is drawn at ${from}, in bins of ${bin}`);
  }
  return { bin, steps: drawn.length };
}

/** Returns the fraction of the canvas' columns that contain this colour. */
function painted(page, index = 0) {
  return page.evaluate(i => {
    const canvas = document.querySelectorAll('.chart canvas')[i];
    const { data, width } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    const columns = new Set();
    for (let at = 0; at < data.length; at += 4) {
      const strong = Math.max(data[at], data[at + 1], data[at + 2]) - Math.min(data[at], data[at + 1], data[at + 2]) > 90;
      if (strong && data[at + 3] > 200) columns.add((at / 4) % width);
    }
    return columns.size / width;
  }, index);
}

const LINE = ['LineTrack', ['full'], { colors: [BLUE], yMin: 0, yMax: 100, height: 110 }];
const HOLES = ['LineTrack', ['holes'], { colors: ['#2ca02c'], yMin: 0, yMax: 100, height: 110 }];
const BLOCKS = ['BlocksTrack', ['blocks'], { colors: [RED] }];

test('first visit: charts of the served data, at a location with data', async t => {
  const page = await open(t);
  const titles = await page.locator('.chart h3').allTextContents();
  // Charts without data here come last.
  assert.deepEqual(titles, ['full', 'holes', 'blocks', 'other', 'genes']);
  assert.ok(await painted(page) > 0.5);
  await shoot(page, 'first-visit');
});

test('zoom over all levels: each drawn step is the mean of the file there', async t => {
  const page = await open(t, link('chr1:1-20000000', LINE));
  const bins = new Set();
  for (let depth = 0; depth < 21; depth += 1) {
    const { bin, steps: count } = await assertTrueLine(page, full);
    assert.ok(count <= 3000, `${count} steps are too many to draw`);
    assert.ok(await painted(page) > 0.9);
    bins.add(bin);
    if (depth === 0) await shoot(page, 'whole-sequence');
    await page.keyboard.press('+');
    await calm(page);
  }
  const { start, end } = await place(page);
  assert.equal(end - start + 1, 20);
  assert.ok(bins.size > 8 && bins.has(1), `levels seen: ${[...bins]}`);
  await shoot(page, 'base-level');
});

test('no data is a gap, never zero', async t => {
  const page = await open(t, link('chr1:850001-3250000', HOLES));
  await assertTrueLine(page, holes, { color: '#2ca02c', gaps: true });
  await go(page, 'chr1:1150001-1250000');
  await assertTrueLine(page, holes, { color: '#2ca02c', gaps: true });
  await go(page, 'chr1:1050001-1150000');
  assert.match(await page.locator('.chart .state').textContent(), /^$|nothing here/);
  assert.equal(steps(String(await saved(page, 'svg')), '#2ca02c').length, 0);
  // A row without a value: this signal has no data on chr1, but shares its rows with one that has.
  const other = await open(t, link('chr1:1-100000', ['LineTrack', ['full', 'other'], { colors: [BLUE, RED] }]));
  const svg = String(await saved(other, 'svg'));
  assert.ok(steps(svg, BLUE).length > 200);
  assert.equal(steps(svg, RED).length, 0);
});

test('drag, wheel, double click and keys move the view, and the drawing stays correct', async t => {
  const page = await open(t, link('chr1:4000001-5000000', LINE, BLOCKS));
  const box = await page.locator('canvas.track').first().boundingBox();
  const middle = [box.x + box.width / 2, box.y + 50];
  await page.mouse.move(...middle);
  await page.mouse.down();
  for (let i = 1; i <= 10; i += 1) await page.mouse.move(middle[0] - i * 20, middle[1]);
  await page.mouse.up();
  await calm(page);
  const dragged = await place(page);
  assert.ok(Math.abs(dragged.start - (4_000_001 + (200 / box.width) * 1e6)) < 3, `${dragged.start}`);
  await assertTrueLine(page, full);
  await page.mouse.move(box.x, middle[1]);
  await page.mouse.wheel(0, 300);
  await page.mouse.wheel(0, -300);
  await calm(page);
  assert.deepEqual(await place(page), dragged, 'the wheel alone scrolls the page');
  await page.keyboard.down('Control');
  await page.mouse.wheel(0, -100);
  await page.keyboard.up('Control');
  await calm(page);
  const zoomed = await place(page);
  assert.ok(Math.abs(zoomed.start - dragged.start) < 3, 'what is under the pointer stays there');
  assert.ok(zoomed.end < dragged.end);
  await assertTrueLine(page, full);
  await page.mouse.dblclick(...middle);
  await calm(page);
  const halved = await place(page);
  assert.ok(Math.abs((halved.end - halved.start) * 2 - (zoomed.end - zoomed.start)) < 4);
  await page.keyboard.press('Shift+ArrowRight');
  await calm(page);
  assert.ok(Math.abs((await place(page)).start - halved.end) < 3);
  await assertTrueLine(page, full);
});

test('the letters of a sequence are drawn in close views, and others say how close', async t => {
  const letters = Array.from({ length: 6000 }, (_, i) => 'ACGTN'[(i * 7919 + (i >> 3)) % 5]).join('');
  writeFileSync(join(folder, 'letters.fa'), `>chr1\n${letters.replace(/.{70}/g, '$&\n')}\n`);
  const own = await endpoint(files('letters.fa'));
  t.after(() => own.stop());
  const page = await open(t, link('chr1:2001-2060', ['BlocksTrack', ['letters.bases']]), {}, own.url);
  const svg = String(await saved(page, 'svg'));
  const drawn = [...svg.matchAll(/<text x="([^"]+)"[^>]*>([ACGTN])<\/text>/g)];
  const inOrder = drawn.map(([, x, letter]) => [Number(x), letter]).sort(([a], [b]) => a - b);
  assert.equal(inOrder.map(([, letter]) => letter).join(''), letters.slice(2000, 2060));
  await shoot(page, 'letters');
  await go(page, 'chr1:1-6000');
  assert.match(await page.locator('.chart .blank').textContent(), /shown in views of at most 2,000 bases/);
});

test('blocks are drawn at their positions in the file', async t => {
  const page = await open(t, link('chr1:10000001-11000000', BLOCKS));
  const { start, end } = await place(page);
  const width = await page.evaluate(() => document.getElementById('ruler').clientWidth);
  const perPixel = (end - start + 1) / width;
  const drawn = rects(String(await saved(page, 'svg')), RED).sort((a, b) => a[0] - b[0]);
  const expected = blocks.filter(block => block.start < end && block.end > start - 1);
  assert.equal(drawn.length, expected.length);
  drawn.forEach(([x0, x1], i) => {
    assert.ok(Math.abs(Math.max((expected[i].start - start + 1) / perPixel, -1) - x0) < 0.02);
    assert.ok(Math.abs(Math.min((expected[i].end - start + 1) / perPixel, width + 1) - x1) < 0.02);
  });
});

test('stacked lines add up, a scatter plot of a signal with itself is its diagonal', async t => {
  const page = await open(t, link('chr1:2000001-2100000', ['StackedLineTrack', ['full', 'full'], { colors: [BLUE, RED], yMin: 0, yMax: 200, height: 110 }],
    ['ScatterPlot', ['full', 'full'], { colors: ['#2ca02c'] }]));
  const svg = String(await saved(page, 'svg'));
  const lines = [steps(svg, BLUE, 1), steps(svg, RED, 1)];
  assert.ok(lines[0].length > 200 && lines[0].length === lines[1].length);
  const pad = await page.evaluate(async () => (await import('/ui/js/charts/axis.js')).PAD);
  const value = y => ((110 - pad.bottom - y) / (110 - pad.top - pad.bottom)) * 200;
  lines[0].forEach(([x0, , y], i) => {
    const [, , above] = lines[1][i];
    assert.ok(Math.abs(value(above) - 2 * value(y)) < 0.1, `at ${x0}`);
  });
  const dots = [...svg.matchAll(/<circle cx="([^"]+)" cy="([^"]+)"/g)].map(([, x, y]) => [Number(x), Number(y)]);
  assert.equal(dots.length, lines[0].length);
  const [[x0, y0]] = dots;
  const [x1, y1] = dots.reduce((a, b) => (b[0] > a[0] ? b : a));
  for (const [x, y] of dots) assert.ok(Math.abs(y - (y0 + ((x - x0) * (y1 - y0)) / (x1 - x0))) < 0.1);
});

test('two fingers zoom', async t => {
  const page = await open(t, link('chr1:4000001-5000000', LINE), { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  const { x, y, width } = await page.locator('canvas.track').first().boundingBox();
  const touch = await page.context().newCDPSession(page);
  const fingers = (type, ...places) => touch.send('Input.dispatchTouchEvent', { type, touchPoints: places.map((at, id) => ({ x: x + at * width, y: y + 40, id })) });
  await fingers('touchStart', 0.4, 0.6);
  for (let i = 1; i <= 10; i += 1) await fingers('touchMove', 0.4 - i * 0.02, 0.6 + i * 0.02);
  await fingers('touchEnd');
  await calm(page);
  const { start, end } = await place(page);
  assert.ok(Math.abs((end - start) / 333_333 - 1) < 0.05, `${end - start}`);
  assert.ok(Math.abs((start + end) / 2 - 4_500_000) < 10_000, `${start}-${end}`);
});

test('cached data are drawn at once, and only the newest view is requested', async t => {
  const page = await tab();
  t.after(() => page.context().close());
  const held = [];
  let [holding, asked] = [false, 0];
  await page.routeWebSocket(/\/ws/, socket => {
    const server = socket.connectToServer();
    socket.onMessage(message => {
      if (JSON.parse(message).data?.action === 'getCombined') asked += 1;
      server.send(message);
    });
    server.onMessage(message => (holding ? held.push(() => socket.send(message)) : socket.send(message)));
  });
  await page.goto(served.url + link('chr1:4000001-5000000', LINE));
  await calm(page);
  [holding, asked] = [true, 0];
  for (let i = 0; i < 6; i += 1) await page.keyboard.press('+');
  for (let i = 0; i < 6; i += 1) await page.keyboard.press('ArrowRight');
  await page.waitForFunction(() => document.querySelector('main').getAttribute('aria-busy') === 'true');
  await page.waitForFunction(() => !/4,000,001/.test(document.getElementById('place').value));
  assert.ok(await painted(page) > 0.5, 'the old rows are drawn in the new view');
  assert.equal(asked, 1, 'one request is on its way at a time');
  holding = false;
  held.forEach(send => send());
  await calm(page);
  assert.equal(asked, 2, 'then the newest view, none between');
  await assertTrueLine(page, full);
  assert.deepEqual(page.faults, []);
});

test('regions and genes are found; a search without hits says so', async t => {
  const page = await open(t, link('chr1:1-100000', LINE, ['GenesTrack', ['genes'], {}]));
  for (const [text, start, end] of [
    ['chr1:2,000,001-3,000,000', 2_000_001, 3_000_000], ['1:2m-3m', 2_000_000, 3_000_000], ['CHR1', 1, LENGTH],
    ['chr1 500 1500', 500, 1500], ['chr1:5m..6m', 5_000_000, 6_000_000], ['chr1:10,000 ±500', 9_500, 10_500], ['ABCD1 +-1k', 4_999_001, 5_041_000],
    ['7.5k-8.5k', 7500, 8500], ['chr1:19999990-99999999', 19_999_986, LENGTH],
  ]) {
    await go(page, text);
    const found = await place(page);
    assert.ok(Math.abs(found.start - start) <= 5 && found.end === end, `${text}: ${JSON.stringify(found)}`);
  }
  await page.fill('#place', 'abcd');
  await page.waitForSelector('#hits li');
  assert.equal(await page.locator('#hits li b').textContent(), 'ABCD1');
  await page.keyboard.press('ArrowDown');
  assert.equal(await page.getAttribute('#place', 'aria-activedescendant'), 'hit0');
  await page.keyboard.press('Enter');
  await calm(page);
  const { start, end } = await place(page);
  assert.ok(start < 5_000_001 && end > 5_040_000 && end - start < 100_000);
  await shoot(page, 'gene-level');
  const exons = rects(String(await saved(page, 'svg')), BLUE).map(([x0, x1]) => [x0, x1].map(x => Math.round(start - 1 + (x * (end - start + 1)) / 1248)));
  assert.equal(exons.length, 2);
  for (const [i, [from, to]] of [[5_000_000, 5_004_000], [5_030_000, 5_040_000]].entries()) {
    assert.ok(Math.abs(exons[i][0] - from) < 50 && Math.abs(exons[i][1] - to) < 50, `${exons[i]}`);
  }
  await page.fill('#place', 'no such thing');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.note');
  assert.match(await page.textContent('.note'), /Nothing is called no such thing/);
});

test('the endpoint controls the page as it controls EpiViz', async t => {
  const page = await tab();
  t.after(() => page.context().close());
  const answers = new Map();
  const registered = [];
  let socket;
  await page.routeWebSocket(/\/ws/, opened => {
    socket = opened;
    const server = opened.connectToServer();
    opened.onMessage(message => {
      const { type, requestId, data } = JSON.parse(message);
      if (type === 'response') return answers.get(requestId)?.(data);
      if (data.action === 'registerChartTypes') registered.push(...data.data.map(kind => kind.chartName));
      server.send(message);
    });
    server.onMessage(message => opened.send(message));
  });
  await page.goto(served.url + link('chr1:1-100000', LINE));
  await calm(page);
  let last = 1000;
  const call = (action, args = {}) => new Promise(resolve => {
    last += 1;
    answers.set(last, resolve);
    socket.send(JSON.stringify({ type: 'request', requestId: last, data: { action, ...args } }));
  });
  const done = async (action, args) => {
    const { success, errorMessage, value } = await call(action, args);
    assert.deepEqual([success, errorMessage], [true, null], action);
    await calm(page);
    return value;
  };
  const refused = async (action, args) => {
    const { success, errorMessage } = await call(action, args);
    assert.equal(success, false, action);
    assert.ok(errorMessage, action);
  };
  const text = JSON.stringify;
  const wire = (id, type, datasourceId, metadata = []) => ({ id, name: id, type, datasourceId, datasourceGroup: datasourceId, metadata, annotation: {}, minValue: 0, maxValue: 100 });
  const signals = wire('full', 'feature', 'signals');

  assert.equal(registered.length, 8);
  const ids = {};
  for (const name of registered) {
    const bare = name.split('.').at(-1);
    const measurements = bare === 'GenesTrack' ? [wire('genes', 'range', 'genes')] : bare === 'BlocksTrack' ? [wire('blocks', 'range', 'blocks')]
      : bare.endsWith('Plot') ? [signals, signals] : [signals];
    ids[bare] = (await done('addChart', { type: name, measurements: text(measurements) })).id;
  }
  assert.equal(await page.locator('.chart').count(), 9);
  assert.equal(new Set(Object.values(ids)).size, 8);
  await refused('addChart', { type: 'LineTrack2', measurements: text([signals]) });
  await refused('addChart', { type: 'epiviz.plugins.charts.LineTrack', measurements: '[]' });
  await refused('addChart', { type: 'epiviz.plugins.charts.LineTrack', measurements: 'not JSON' });
  assert.equal(await page.locator('.chart').count(), 9);

  assert.equal(await done('navigate', { range: text({ seqName: 'chr1', start: 3_000_001, end: 3_500_000 }) }), null);
  assert.deepEqual(await done('getCurrentLocation'), { seqName: 'chr1', start: 3_000_001, end: 3_500_000 });
  assert.deepEqual(await place(page), { seq: 'chr1', start: 3_000_001, end: 3_500_000 });
  await refused('navigate', { range: text({ seqName: 'chrQ', start: 1, end: 2 }) });
  await refused('navigate', { range: text({ seqName: 'chr1', start: null, end: null }) });

  await done('setChartSettings', { chartId: ids.LineTrack, settings: { title: 'renamed', yMin: 0, yMax: 100, height: 110 }, colorMap: [RED] });
  assert.equal(await page.locator('.chart h3').nth(3).textContent(), 'renamed');
  assert.ok(steps(String(await saved(page, 'svg')), RED).length > 200);
  await done('setChartSettings', { chartId: ids.LineTrack, settings: { title: 'again' }, colorMap: null });
  await refused('setChartSettings', { chartId: 'none', settings: {}, colorMap: [] });
  assert.equal((await done('getAvailableCharts')).length, 8);
  assert.equal((await done('getChartSettings', { chartId: ids.LineTrack }))[0].customSettings[0].id, 'title');

  await done('addMeasurements', { measurements: text([wire('later', 'feature', 'signals')]) });
  await page.click('#add');
  assert.equal(await page.locator('#choices label', { hasText: 'later' }).count(), 1);
  await page.keyboard.press('Escape');
  await done('removeMeasurements', { measurements: text([wire('later', 'feature', 'signals')]) });
  await done('addSeqInfos', { seqInfos: text([['chrNew', 1, 5000]]) });
  assert.equal(await page.locator('#sequence option', { hasText: 'chrNew' }).count(), 1);
  await done('removeSeqNames', { seqNames: text(['chrNew']) });
  assert.equal(await page.locator('#sequence option', { hasText: 'chrNew' }).count(), 0);
  for (const [action, args] of [['redraw'], ['flushCache'], ['clearDatasourceGroupCache', { datasourceGroup: 'signals' }], ['uiStatus']]) await done(action, args);
  await done('writeMsg', { msg: '<b>look</b>' });
  assert.equal(await page.textContent('.note'), '<b>look</b>');

  for (const [fileType, magic] of [['png', '\x89PNG'], ['pdf', '%PDF-1.4'], ['svg', '<svg']]) {
    const [download] = await Promise.all([page.waitForEvent('download'), done('printWorkspace', { chartId: 'pagemain', fileName: 'figure', fileType })]);
    assert.equal(download.suggestedFilename(), `figure.${fileType}`);
    assert.ok(readFileSync(await download.path()).toString('latin1').startsWith(magic));
  }
  await refused('printWorkspace', { chartId: 'none', fileType: 'png' });
  await refused('loadWorkspace', { workspaceId: '1' });
  await refused('noSuchAction');
  for (const id of Object.values(ids)) await done('removeChart', { chartId: id });
  await refused('removeChart', { chartId: ids.LineTrack });
  assert.equal(await page.locator('.chart').count(), 1);

  assert.deepEqual(page.faults, []);
});

const scriptable = spawnSync('script', ['--version']).stdout?.includes('util-linux');
test('the prompt controls the page, and a reload neither loses nor duplicates its charts', { skip: !scriptable && 'no terminal can be created here' }, async t => {
  const own = await endpoint(files('full.bw', 'blocks.bed'), { terminal: true });
  const page = await open(t, link('chr1:1-1000000', BLOCKS), {}, own.url);
  t.after(() => own.stop());
  own.type('plot full');
  await page.waitForSelector('.chart >> nth=1');
  own.type('go chr1:5,000,001-6,000,000');
  await page.waitForFunction(() => document.getElementById('place').value === 'chr1:5,000,001-6,000,000');
  await calm(page);
  assert.equal(await page.locator('.chart h3').nth(1).textContent(), 'full');
  await page.waitForFunction(() => location.hash.includes('5000001'));
  await page.reload();
  await calm(page);
  own.type('go chr1:7,000,001-8,000,000');
  await page.waitForFunction(() => document.getElementById('place').value === 'chr1:7,000,001-8,000,000');
  assert.equal(await page.locator('.chart').count(), 2);
});

test('charts are added, changed, moved, resized and removed by hand, and a reload keeps them', async t => {
  const page = await open(t, link('chr1:2000001-3000000', LINE, BLOCKS));
  await page.click('#add');
  await page.selectOption('[name=kind] >> nth=0', 'ScatterPlot');
  await page.locator('#choices label', { hasText: 'full' }).click();
  await page.locator('#choices label', { hasText: 'holes' }).click();
  await page.click('#add-dialog button.main');
  await calm(page);
  await page.click('#add');
  await page.selectOption('#add-dialog [name=kind]', 'HeatmapPlot');
  await page.locator('#choices label', { hasText: 'full' }).click();
  await page.locator('#choices label', { hasText: 'holes' }).click();
  await page.click('#add-dialog button.main');
  await calm(page);
  await shoot(page, 'scatter-and-heat-map');
  const scatter = page.locator('.chart').nth(2);
  await scatter.getByLabel('Move up').click();
  await scatter.getByLabel('Move up').click();
  await page.locator('.chart').nth(1).getByLabel('Settings').click();
  await page.fill('#set-dialog [name=title]', 'my blocks');
  await page.click('#set-dialog button.main');
  await page.locator('.chart').nth(3).getByLabel('Settings').click();
  await page.selectOption('#set-dialog [name=kind]', 'StackedLineTrack');
  await page.click('#set-dialog button.main');
  assert.equal(await page.locator('.chart').nth(3).getAttribute('aria-label'), 'Stacked lines: full, holes');
  const grip = page.locator('.chart').nth(1).locator('.grip');
  await grip.focus();
  for (let i = 0; i < 5; i += 1) await page.keyboard.press('ArrowDown');
  await calm(page);
  const state = () => page.locator('.chart').evaluateAll(charts => charts.map(chart => [chart.getAttribute('aria-label'), chart.querySelector('canvas').clientHeight]));
  const before = await state();
  assert.equal(before.length, 4);
  await page.waitForFunction(() => location.hash.includes('my+blocks'));
  const [at, url] = [await place(page), page.url()];
  await page.reload();
  await calm(page);
  assert.deepEqual(await state(), before);
  assert.deepEqual(await place(page), at);
  const other = await tab();
  t.after(() => other.context().close());
  await other.goto(url);
  await calm(other);
  await go(other, 'chr1:1-1000');
  assert.deepEqual(await place(page), at, 'tabs look where their users go');
  assert.equal((await other.evaluate(() => fetch('/info').then(answer => answer.json()))).pages, 2);
  await page.locator('.chart').nth(0).getByLabel('Remove').click();
  assert.equal(await page.locator('.chart').count(), 3);
  await other.waitForFunction(() => document.querySelectorAll('.chart').length === 3);
});

test('the page reports a stopped endpoint, and reconnects', async t => {
  const port = await freePort();
  const args = files('full.bw,color=#1f77b4', 'blocks.bed');
  let own = await endpoint(args, { port });
  const page = await tab();
  t.after(async () => { await page.context().close(); await own.stop(); });
  await page.goto(own.url + link('chr1:1-1000000', LINE, BLOCKS));
  await calm(page);
  await own.stop('SIGKILL');
  await page.waitForSelector('#gone:not([hidden])');
  assert.match(await page.textContent('#gone'), /does not answer/);
  await page.keyboard.press('ArrowRight');
  assert.ok(await painted(page) > 0.5, 'what is held is still drawn');
  await shoot(page, 'endpoint-gone');
  own = await endpoint(args, { port });
  await page.waitForSelector('#gone', { state: 'hidden' });
  await calm(page);
  assert.equal(await page.locator('.chart').count(), 2);
  await assertTrueLine(page, full);
});

test('names in files are text, never markup', async t => {
  const hostile = '<img src=x onerror="window.hacked=1">';
  mkdirSync(join(folder, 'hostile'), { recursive: true });
  const file = join(folder, 'hostile', '<img src=x onerror=window.hacked=2>.bed');
  writeFileSync(file, `chr1\t1000\t90000\t${hostile}\t1\t+\n<b>&chr\t0\t500\t"]]></text><script>window.hacked=3</script>\t2\t-\n`);
  const own = await endpoint([file]);
  t.after(() => own.stop());
  const page = await open(t, '#at=chr1:1-100000', {}, own.url);
  await page.click('#add');
  await page.locator('#choices label').first().click();
  await page.click('#add-dialog button.main');
  await calm(page);
  const box = await page.locator('canvas.track').first().boundingBox();
  await page.mouse.move(box.x + 300, box.y + 10);
  await page.waitForSelector('#tip:not([hidden])');
  assert.equal(await page.locator('#tip b').textContent(), hostile);
  await page.fill('#place', 'img');
  await page.waitForSelector('#hits li');
  assert.equal(await page.locator('#hits b').first().textContent(), hostile);
  await page.keyboard.press('Escape');
  const svg = String(await saved(page, 'svg'));
  assert.equal(await page.evaluate(text => new DOMParser().parseFromString(text, 'image/svg+xml').querySelectorAll('parsererror, script, img').length, svg), 0);
  await page.click('.chart [aria-label=Settings]');
  await page.click('#set-table');
  assert.equal(await page.locator('#table td').first().textContent(), hostile);
  await page.keyboard.press('Escape');
  await page.click('#more');
  await page.click('[data-do=about]');
  await page.waitForSelector('#about-dialog[open]');
  assert.ok((await page.textContent('#about')).includes('<img'));
  assert.equal(await page.locator('main img, dialog img, #hits img').count(), 0);
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  await shoot(page, 'hostile-names');
  // A link is checked like any other input.
  await page.goto('about:blank');
  await page.goto(`${own.url}#at=nowhere:5&chart=[["x"]]&chart={}&chart=["LineTrack",["none"],{"colors":["url(x)"]}]`);
  await calm(page);
  assert.equal(await page.locator('.chart').count(), 0);
});

test('a screen 390 pixels wide, and the dark theme', async t => {
  const page = await open(t, '', { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing sticks out');
  for (const id of ['#sequence', '#place', '#left', '#in', '#add', '#more']) {
    const box = await page.locator(id).boundingBox();
    assert.ok(box.x >= 0 && box.x + box.width <= 390 && box.width >= 24, id);
  }
  await shoot(page, 'narrow');
  const dark = await open(t, link('chr1:1-1000000', LINE, BLOCKS), { colorScheme: 'dark' });
  assert.equal(await dark.evaluate(() => getComputedStyle(document.body).backgroundColor), 'rgb(17, 21, 27)');
  await shoot(dark, 'dark');
  await dark.click('#more');
  await dark.click('[data-do=theme]');
  assert.equal(await dark.evaluate(() => getComputedStyle(document.body).backgroundColor), 'rgb(244, 246, 249)');
});

test('keyboard and screen reader: names, focus, help, tables', async t => {
  const page = await open(t, link('chr1:1-1000000', LINE, BLOCKS));
  const nameless = await page.evaluate(() => [...document.querySelectorAll('button, input, select, canvas[role], dialog')]
    .filter(element => !(element.getAttribute('aria-label') || element.getAttribute('aria-labelledby') || element.textContent.trim() || element.closest('label') || element.placeholder)).map(element => element.outerHTML));
  assert.deepEqual(nameless, []);
  assert.match(await page.getAttribute('.chart canvas', 'aria-label'), /Lines of full at chr1:1-1,000,000, \d+ rows, values from 0 to 100/);
  await page.keyboard.press('?');
  assert.ok(await page.locator('#help-dialog').isVisible());
  await page.keyboard.press('Escape');
  await page.waitForSelector('#help-dialog', { state: 'hidden' });
  await page.keyboard.press('/');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'place');
  await page.keyboard.press('Escape');
  await page.focus('#more');
  await page.keyboard.press('Enter');
  await page.keyboard.press('ArrowDown');
  assert.equal(await page.evaluate(() => document.activeElement.dataset.do), 'svg');
  await page.keyboard.press('Escape');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'more');
  await page.waitForFunction(() => document.getElementById('said').textContent.startsWith('chr1:1-1,000,000, 1 Mb'));
  await page.locator('[aria-label=Settings]').nth(1).click();
  await page.click('#set-table');
  assert.equal(await page.locator('#table tbody tr').count(), blocks.filter(block => block.start < 1e6).length);
  assert.deepEqual(await page.locator('#table tbody tr').nth(1).locator('td').allTextContents(), ['block1', '50,008', '50,207', '*']);
});

test('--open opens the page, and does not fail without a browser', async t => {
  const bin = join(folder, 'bin');
  mkdirSync(bin, { recursive: true });
  const opener = join(bin, process.platform === 'darwin' ? 'open' : 'xdg-open');
  writeFileSync(opener, `#!/bin/sh\necho "$1" > '${join(folder, 'opened.part')}' && mv '${join(folder, 'opened.part')}' '${join(folder, 'opened')}'\n`);
  chmodSync(opener, 0o755);
  const own = await endpoint([...files('blocks.bed'), '--open'], { env: { PATH: `${bin}:${process.env.PATH}` } });
  t.after(() => own.stop());
  while (!existsSync(join(folder, 'opened'))) await new Promise(done => setTimeout(done, 20));
  assert.equal(readFileSync(join(folder, 'opened'), 'utf8').trim(), own.url.replace('127.0.0.1', 'localhost'));
  const bare = await endpoint([...files('blocks.bed'), '--open'], { env: { PATH: '/nonexistent' } });
  assert.equal((await fetch(bare.url)).status, 200);
  await bare.stop();
});

test('the dialog refuses charts that cannot be drawn and keeps its choices; notes do not accumulate', async t => {
  const page = await open(t, link('chr1:1-1000000', LINE));
  await page.click('#add');
  await page.selectOption('#add-dialog [name=kind]', 'ScatterPlot');
  await page.fill('#add-dialog [name=filter]', 'fu');
  await page.locator('#choices label', { hasText: 'full' }).click();
  await page.click('#add-dialog button.main');
  await page.waitForSelector('#add-dialog .refusal:not([hidden])');
  await shoot(page, 'refused');
  assert.match(await page.textContent('#add-dialog .refusal'), /scatter plot needs .*2 /i);
  assert.equal(await page.locator('#choices :checked').count(), 1);
  assert.equal(await page.inputValue('#add-dialog [name=kind]'), 'ScatterPlot');
  assert.equal(await page.inputValue('#add-dialog [name=filter]'), 'fu');
  assert.equal(await page.locator('.chart').count(), 1);
  await page.fill('#add-dialog [name=filter]', '');
  await page.locator('#choices label', { hasText: 'holes' }).click();
  assert.ok(!await page.locator('#add-dialog .refusal').isVisible(), 'another choice takes the refusal away');
  await page.click('#add-dialog button.main');
  await page.waitForSelector('.chart >> nth=1');
  await page.waitForSelector('#add-dialog', { state: 'hidden' });
  for (const text of ['nonsense', 'more nonsense', 'chrQ:1-2']) {
    await page.fill('#place', text);
    await page.press('#place', 'Enter');
    await page.locator('.note', { hasText: text.split(':')[0] }).waitFor();
  }
  assert.equal(await page.locator('.note').count(), 1);
});

test('gene charts depend on the view only, grow to fit, and scroll inside if there are many genes', async t => {
  const folderOf = join(folder, 'deep');
  mkdirSync(folderOf, { recursive: true });
  const gene = (i, from, to) => [['gene', from, to], ['exon', from, from + 300], ['exon', to - 300, to]]
    .map(([part, a, b]) => `chr1\ttest\t${part}\t${a}\t${b}\t.\t${'+-'[i % 2]}\t.\tgene_id "D${i}"; gene_name "DEEP${i}"; transcript_id "D${i}";\n`).join('');
  // Seventeen overlapping genes, then forty on top of each other, then a single one.
  const text = [
    ...Array.from({ length: 17 }, (_, i) => gene(i, 1_000_000 + i * 3000, 1_000_000 + i * 3000 + 25_000)),
    ...Array.from({ length: 40 }, (_, i) => gene(100 + i, 3_000_000 + i * 10, 3_060_000 + i * 10)),
    gene(200, 5_000_000, 5_020_000),
  ].join('');
  writeFileSync(join(folderOf, 'deep.gtf'), text);
  const own = await endpoint([join(folderOf, 'deep.gtf')]);
  t.after(() => own.stop());
  const chart = ['GenesTrack', ['deep'], {}];
  const picture = page => page.locator('.chart canvas').first().evaluate(canvas => [canvas.clientHeight, canvas.toDataURL()]);
  const at = 'chr1:990000-1090000';
  const page = await open(t, link(at, chart), {}, own.url);
  const fresh = await picture(page);
  assert.ok(fresh[0] > 150 && fresh[0] <= 320, `${fresh[0]} pixels`);
  await shoot(page, 'genes-grown');
  for (const way of [['-', '-', '-', '-', '-'], ['ArrowRight', 'Shift+ArrowRight'], ['+', '+', '-']]) {
    for (const key of way) await page.keyboard.press(key);
    await calm(page);
    assert.notDeepEqual(await picture(page), fresh);
    await go(page, at);
    assert.deepEqual(await picture(page), fresh, `after ${way.join(' ')}`);
  }
  assert.equal((String(await saved(page, 'svg')).match(/>DEEP\d+/g) ?? []).length, 17, 'every gene has its name');
  await go(page, 'chr1:5000000-5020000');
  assert.equal((await picture(page))[0], 60);
  await go(page, 'chr1:2990000-3090000');
  assert.equal((await picture(page))[0], 320);
  await shoot(page, 'genes-deep');
  const before = (await picture(page))[1];
  const pane = page.locator('.pane').first();
  assert.ok(await pane.evaluate(element => element.scrollHeight > element.clientHeight + 100));
  await pane.evaluate(element => { element.scrollTop = element.scrollHeight; });
  await page.evaluate(() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done))));
  assert.notEqual((await picture(page))[1], before, 'the lanes below come into view');
  const box = await page.locator('canvas.track').first().boundingBox();
  // A name in the last lanes can be read near the lower edge.
  await page.mouse.move(box.x + box.width / 2, box.y + box.height - 12);
  await page.waitForSelector('#tip:not([hidden])');
  assert.match(await page.locator('#tip b').textContent(), /^DEEP1[23]\d$/);
});

test('the wheel scrolls the page over a chart; over the ruler, or with Ctrl, it zooms', async t => {
  const page = await open(t, link('chr1:4000001-5000000', ...Array.from({ length: 12 }, () => LINE)));
  const before = await place(page);
  const box = await page.locator('canvas.track').first().boundingBox();
  await page.mouse.move(box.x + 300, box.y + 40);
  await page.mouse.wheel(0, 240);
  await page.waitForFunction(() => scrollY > 100);
  assert.deepEqual(await place(page), before);
  await page.mouse.wheel(0, -1000);
  await page.waitForFunction(() => scrollY === 0);
  const ruler = await page.locator('#ruler').boundingBox();
  await page.mouse.move(ruler.x + 300, ruler.y + 10);
  await page.mouse.wheel(0, -300);
  await page.waitForFunction(() => !document.getElementById('place').value.includes('4,000,001'));
  await calm(page);
  const zoomed = await place(page);
  assert.ok(zoomed.end - zoomed.start < before.end - before.start);
  assert.equal(await page.evaluate(() => scrollY), 0);
});
