// Walks through EpiViz in a headless browser and compares, at each rest, what its charts hold and
// what they draw with what the files hold. See README.md. Prints a JSON report; exit 0 if every step was right.
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { open as openPage } from './browser.mjs';
import { judge as judgePicture, look, still, watch } from './picture.mjs';

const options = Object.fromEntries(process.argv.slice(2).map(word => word.replace(/^--/, '').split('=')));
const { ui, ws, bin, truth: truthFile } = options;
const steps = Number(options.steps ?? 200), delay = Number(options.delay ?? 0);
const aim = Number(options.rows ?? 1000), cache = options.cache !== 'off';
let seed = Number(options.seed ?? 1);

const truth = JSON.parse(fs.readFileSync(truthFile));
const sleep = ms => new Promise(done => setTimeout(done, ms));

/** Mulberry32: the same walk for the same seed. */
function random() {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}
const pick = list => list[Math.floor(random() * list.length)];

// ---- What the files hold, from their records alone.
/** How many rows may be in view at rest, and in a chart's cache at any time, as multiples of the aim. */
const MOST_IN_VIEW = 2, MOST_HELD = 6;
const widthOf = shift => 2 ** shift;
function bins(records, length, from, to, shift, sparse) {
  const width = widthOf(shift), rows = [];
  let at = records.findIndex(r => r[1] > Math.floor(from / width) * width);
  for (let start = Math.floor(from / width) * width; start < to; start += width) {
    const end = Math.min(start + width, length);
    let sum = 0, bases = 0;
    while (at >= 0 && at < records.length && records[at][1] <= start) at++;
    for (let i = at; i >= 0 && i < records.length && records[i][0] < end; i++) {
      const covered = Math.min(end, records[i][1]) - Math.max(start, records[i][0]);
      sum += covered * records[i][2];
      bases += covered;
    }
    if (bases || !sparse) rows.push([start + 1, end, bases ? sum / bases : null]);
  }
  return rows;
}
const keptRows = new Map();
function kept(name, sequence, shift) {
  const key = [name, sequence, shift].join();
  if (!keptRows.has(key)) {
    const best = new Map();
    for (const record of truth.tracks[name].records[sequence]) {
      const bin = Math.floor(record[0] / widthOf(shift)), known = best.get(bin);
      const better = !known || record[2] > known[2]
        || (record[2] === known[2] && record[1] - record[0] > known[1] - known[0]);
      if (better) best.set(bin, record);
    }
    keptRows.set(key, [...best.values()]);
  }
  return keptRows.get(key);
}
/** The rows of every level that could be meant; the finest level first. */
function* levels(name, sequence, from, to, rows) {
  const { shape, records } = truth.tracks[name], all = records[sequence];
  const length = truth.sequences[sequence];
  const overlapping = list => list.filter(r => r[1] > from && r[0] < to).map(r => [r[0] + 1, r[1], r[2]]);
  if (shape !== 'Dense') yield [overlapping(all), true];
  if (shape === 'Features') {
    for (let shift = 4; shift <= 28; shift++) yield [overlapping(kept(name, sequence, shift)), false];
    return;
  }
  const widest = Math.max(1, ...rows.map(r => r[1] - r[0] + 1));
  for (let shift = shape === 'Dense' ? 0 : 1; shift <= 28; shift++) {
    if (widthOf(shift) !== widest && !(rows.length < 3 && widthOf(shift) > widest)) continue;
    yield [bins(all, length, from, to, shift, shape === 'Sparse'), shift === 0];
  }
}
/** The bins of a region that records reach, with their mean, each record counted. */
function reached(name, sequence, from, to, shift) {
  const width = widthOf(shift), sums = new Map();
  const first = Math.floor(from / width), last = Math.floor((to - 1) / width);
  for (const [start, end, value] of truth.tracks[name].records[sequence]) {
    for (let bin = Math.max(first, Math.floor(start / width)); bin <= last && bin * width < end; bin++) {
      const covered = Math.min(end, (bin + 1) * width) - Math.max(start, bin * width);
      const [sum, bases] = sums.get(bin) ?? [0, 0];
      sums.set(bin, [sum + covered * value, bases + covered]);
    }
  }
  return sums;
}
/** As `judge`, for a plot of tracks with different rows: bins that all of them reach. */
function judgeJoined(ids, place, series) {
  const from = place.start - 1, to = place.end - 1, { rows } = series[0];
  const length = truth.sequences[place.seqName];
  const widest = Math.max(1, ...rows.map(r => r[1] - r[0] + 1));
  for (let shift = 0; shift <= 28; shift++) {
    const width = widthOf(shift);
    if (width !== widest && !(rows.length < 3 && width > widest)) continue;
    const tracks = ids.map(id => reached(id.split('.')[0], place.seqName, from, to, shift));
    const common = [...tracks[0].keys()].filter(bin => tracks.every(track => track.has(bin))).sort((a, b) => a - b);
    const means = tracks.map(track => common.map(bin => track.get(bin)[0] / track.get(bin)[1]));
    const equal = series.every((one, k) => one.rows.length === common.length && one.rows.every((row, i) =>
      row[0] === common[i] * width + 1 && row[1] === Math.min((common[i] + 1) * width, length) && same(means[k][i], row[2])));
    if (!equal) continue;
    const fit = rows.length <= MOST_IN_VIEW * aim + 1 && (shift === 0 || rows.length >= aim / 10);
    return fit ? null : `${rows.length} common rows`;
  }
  return `${rows.length} common rows fit no level`;
}
const same = (a, b) => a === b || (a !== null && b !== null && Math.abs(a - b) <= 1e-5 * Math.max(1, Math.abs(a)));
function judge(id, place, rows, isRange) {
  const from = place.start - 1, to = place.end - 1;
  for (const [want, finest] of levels(id.split('.')[0], place.seqName, from, to, rows)) {
    const equal = want.length === rows.length && want.every((w, i) =>
      w[0] === rows[i][0] && w[1] === rows[i][1] && (isRange || same(w[2], rows[i][2])));
    if (!equal) continue;
    // A bin that the view's edge cuts is one more.
    const fit = rows.length <= MOST_IN_VIEW * aim + 1 && (finest || rows.length >= aim / 10);
    return { rows: rows.length, wrong: fit ? null : `${rows.length} rows` };
  }
  const shown = rows.length ? `${rows.length} rows from ${rows[0]} to ${rows.at(-1)}` : 'no rows';
  return { rows: rows.length, wrong: `${shown} fit no level` };
}

const { page, errors, start, close } = await openPage({ ui, ws, cache });

// ---- Between page and endpoint: counts, and delays the answers to the page's requests.
const traffic = {}, open = new Set();
// How often the page told where it looks since anything else happened.
let busy = Date.now(), located = 0;
function count(kind, message) {
  const known = (traffic[kind] ??= { messages: 0, bytes: 0 });
  known.messages++;
  known.bytes += message.length;
  if (!/Location/.test(kind)) [busy, located] = [Date.now(), 0];
}
await page.routeWebSocket(() => true, socket => {
  const endpoint = socket.connectToServer(), asked = new Map();
  socket.onMessage(message => {
    const { type, requestId, data } = JSON.parse(message);
    if (type === 'request') {
      open.add(requestId);
      count(`page asks ${data.action}`, message);
    } else {
      const { action, at } = asked.get(requestId);
      if (action === 'getCurrentLocation' && at > busy) located += 1;
      count(`page answers ${action}`, message);
    }
    endpoint.send(message);
  });
  // A socket keeps the order of messages: what leaves behind a late answer comes behind it.
  let before = Promise.resolve();
  endpoint.onMessage(message => {
    const { type, requestId, data } = JSON.parse(message);
    const late = type === 'request' ? 0 : delay * (0.5 + random() / 2);
    before = Promise.all([before, late && sleep(late)]).then(() => {
      if (type === 'request') {
        asked.set(requestId, { action: data.action, at: Date.now() });
        count(`endpoint asks ${data.action}`, message);
      } else {
        open.delete(requestId);
        count('endpoint answers', message);
      }
      socket.send(message);
    });
  });
});
await start('seqName=chr1&start=1000000&end=1200000');
const tell = line => promisify(execFile)(bin, ['attach', ws.replace('/ws', ''), '-c', line]);
for (const [kind, ids] of truth.charts) await tell(`plot ${ids.join(' ')} as ${kind}`);
await page.waitForFunction(n => Object.keys(window.page._chartManager._charts).length === n, truth.charts.length);
await watch(page);

/**
 * Until the endpoint has learnt where the page looks since anything happened, and done about it:
 * when it asks a second time, it has nothing more to do about the first answer.
 */
async function rest() {
  const since = Date.now();
  [busy, located] = [since, 0];
  const isQuiet = () => !open.size && (cache ? located >= 2 : Date.now() - busy > 500);
  while (!isQuiet() && Date.now() - since < 60000) await sleep(50);
}
// ---- The user: mostly the page's own buttons, now and then the location box.
async function act() {
  const button = random();
  if (button < 0.25) return page.click('#moveleft').then(() => 'left');
  if (button < 0.5) return page.click('#moveright').then(() => 'right');
  if (button < 0.65) return page.click('#zoomin').then(() => 'zoom in');
  if (button < 0.8) return page.click('#zoomout').then(() => 'zoom out');
  const place = await page.evaluate(() => {
    const l = window.page._locationManager.currentLocation();
    return { seqName: l.seqName(), start: l.start(), end: l.end() };
  });
  const length = truth.sequences[place.seqName];
  if (button < 0.9) {
    const width = Math.max(50, Math.floor(length / 2 ** (random() * 12)));
    place.start = 1 + Math.floor(random() * Math.max(1, length - width));
    place.end = Math.min(length, place.start + width);
  } else if (button < 0.95) {
    const far = pick([-1.5, -0.7, 0.3, 0.9, 1.2, 2.5]) * (place.end - place.start);
    const start = Math.min(Math.max(1, Math.round(place.start + far)), length - (place.end - place.start));
    [place.start, place.end] = [start, start + place.end - place.start];
  } else {
    place.seqName = pick(Object.keys(truth.sequences));
    place.start = 1;
    place.end = truth.sequences[place.seqName];
  }
  await page.evaluate(p => window.page._locationManager.changeCurrentLocation(
    epiviz.datatypes.GenomicRange.fromStartEnd(p.seqName, p.start, p.end)), place);
  return `${place.seqName}:${place.start}-${place.end}`;
}

await rest();
for (const kind of Object.keys(traffic)) delete traffic[kind];
const wrong = [];
const kinds = {};
let least = Infinity, most = 0, mostHeld = 0, joined = 0;
for (let step = 1; step <= steps; step++) {
  const done = [];
  for (let hurry = 1 + Math.floor(random() * 3); hurry > 0; hurry--) {
    done.push(await act());
    if (hurry > 1) await sleep(random() * 500);
  }
  await rest();
  await still(page);
  const { place, charts, most: held } = await look(page);
  const faults = [];
  mostHeld = Math.max(mostHeld, held);
  if (held > MOST_HELD * aim) faults.push(`a chart held ${held} rows`);
  await page.evaluate(() => { window.mostRows = 0; });
  for (const chart of charts) {
    if (String(chart.range) !== String(Object.values(place))) faults.push(`shows ${chart.range}`);
    const ids = chart.series.map(({ id }) => id);
    if (chart.type === 'plot-scatter' && new Set(ids.map(id => truth.tracks[id.split('.')[0]].shape)).size > 1) {
      const wrong = judgeJoined(ids, place, chart.series.map(one => ({ ...one, rows: one.rows.filter(([start]) => start < place.end) })));
      if (wrong) faults.push(`${ids}: ${wrong}`);
      joined = Math.max(joined, chart.series[0].rows.length);
      faults.push(...judgePicture(chart));
      continue;
    }
    for (const { id, isRange, rows: all } of chart.series) {
      // The page's last base lies at the right edge of its charts, outside; and a row that is none,
      // which the endpoint adds where there are none, ends before it starts.
      const rows = all.filter(([start, end]) => start < place.end && end >= start);
      if (rows.some(([start]) => start > place.start && start < place.end - 1) && all.some(([start, end]) => end < start)) faults.push(`${id}: a row that is none among rows`);
      const { rows: number, wrong } = judge(id, place, rows, isRange);
      if (wrong) faults.push(`${id}: ${wrong}`);
      if (id === truth.charts[0][1][0]) [least, most] = [Math.min(least, number), Math.max(most, number)];
    }
    faults.push(...judgePicture(chart));
    if (!chart.series.length) faults.push('an empty chart');
  }
  for (const fault of faults) {
    const kind = fault.replace(/^[\w.]+: /, '').replace(/-?[\d.,]+(e-?\d+)?/g, '#');
    kinds[kind] = (kinds[kind] ?? 0) + 1;
  }
  if (faults.length) wrong.push({ step, done, place, faults: faults.slice(0, 4) });
}
const perStep = Object.fromEntries(Object.entries(traffic).map(([kind, { messages, bytes }]) =>
  [kind, { messages: +(messages / steps).toFixed(2), bytes: Math.round(bytes / steps) }]));
console.log(JSON.stringify({
  ui: path.basename(ui), cache, delay, right: steps - wrong.length, steps, rowsInView: [least, most], mostHeld, joined, kinds,
  perStep, errors: errors.slice(0, 5), wrong: wrong.slice(0, 10),
}, null, 1));
await close();
process.exit(wrong.length ? 1 : 0);
