// Gives the console's commands from another process and looks in EpiViz whether it did what they
// say; then reloads it again and again while something changes. Prints a JSON report; exit 0 if
// every check held.
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { open } from './browser.mjs';

const options = Object.fromEntries(process.argv.slice(2).map(word => word.replace(/^--/, '').split('=')));
const { ui, ws, bin, matrix } = options;
const run = promisify(execFile);
const { page, errors, ready, start, close } = await open({ ui, ws });
const wrong = [];
let checks = 0;

const tell = async (line, ...more) =>
  (await run(bin, ['attach', ws.replace('/ws', ''), ...more, '-c', line])).stdout.trim();

/** What the page shows: charts in order, each with what it drew, and the place. */
const look = () => page.evaluate(() => {
  const place = window.page._locationManager.currentLocation();
  const charts = Object.entries(window.page._chartManager._charts).map(([id, chart]) => {
    let rows = 0;
    chart._lastData?.foreach((m, series) => { rows += series.size(); });
    const measurements = [];
    chart.measurements().foreach(m => { measurements.push(m.id()); });
    return {
      rows, measurements, settings: chart.customSettingsValues(), color: chart.colors().get(0),
      marks: document.querySelectorAll(`#${id} svg *`).length,
      at: chart._lastRange && [chart._lastRange.start(), chart._lastRange.end()],
    };
  });
  const ids = [];
  window.page._measurementsManager.measurements().foreach(m => { ids.push(m.id()); });
  const sequences = [...document.querySelectorAll('#chromosome-selector option')].map(o => o.value);
  return { charts, ids, sequences, place: [place.seqName(), place.start(), place.end()] };
});

/** Waits until `holds` of what the page shows; notes what it shows instead after ten seconds. */
async function check(what, holds) {
  checks += 1;
  const until = Date.now() + 10_000;
  for (;;) {
    const seen = await look();
    if (holds(seen)) return seen;
    if (Date.now() > until) {
      wrong.push({ what, seen: { ...seen, ids: undefined } });
      return seen;
    }
    await new Promise(done => setTimeout(done, 50));
  }
}
const is = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const last = seen => seen.charts.at(-1);

await start('seqName=chr11&start=101000000&end=104000000');
await tell('wait page');

// Every kind of chart, with data.
const kinds = {
  line: 'signal', 'stacked-line': 'signal', blocks: 'peaks', genes: 'genes', scatter: 'expr.a expr.b',
  heatmap: 'expr.a expr.b expr.c', 'line-plot': 'expr.a expr.b expr.c', 'stacked-line-plot': 'expr.a expr.b',
};
for (const [kind, measurements] of Object.entries(kinds)) {
  await tell(`plot ${measurements} as ${kind}`);
  await check(`plot as ${kind}`, seen =>
    is(last(seen)?.measurements, measurements.split(' ')) && last(seen).rows > 0 && last(seen).marks > 10);
}
// Measurements of two files share the bins in which both have data.
await tell('plot peaks.score expr.a as scatter');
await check('plot of different rows', seen => is(last(seen)?.measurements, ['peaks.score', 'expr.a']) && last(seen).rows > 0 && last(seen).marks > 10);
await tell('remove 9');
await check('eight charts', seen => seen.charts.length === 8);
await tell('set 1 yMax=50 title=Mine');
await check('set', ({ charts: [chart] }) => +chart.settings.yMax === 50 && chart.settings.title === 'Mine');
await tell('colors 1 #aa0000');
await check('colors', seen => seen.charts[0].color === '#aa0000');
await tell('revisualize 2 as line');
await check('revisualize', seen => seen.charts.length === 8 && is(last(seen).measurements, ['signal']));
await tell('remove 8');
await check('remove', seen => seen.charts.length === 7);

// Places; the charts follow.
const there = (start, end) => seen => is(seen.place, ['chr11', start, end])
  && seen.charts.every(chart => is(chart.at, [start, end]));
await tell('go chr11:102,000,001-102,400,000');
await check('go', there(102000001, 102400000));
await tell('zoom in');
await check('zoom', seen => seen.place[2] - seen.place[1] < 250_000);
const { place } = await look();
await tell('pan right 0.5');
await check('pan', seen => seen.place[1] > place[1]);
await tell('back');
await check('back', seen => is(seen.place, place));
await tell('go DEMO1A');
await check('go GENE', seen => !is(seen.place, place));
await tell('go chr11:101,500,001-103,500,000');
await check('go again', there(101500001, 103500000));

// Data and sequences.
await tell('unload expr');
await check('unload', seen => !seen.ids.includes('expr.a') && seen.charts.length === 4);
await tell(`load ${matrix}`);
await check('load', seen => seen.ids.includes('expr.a'));
await tell('add-sequence chrNew 5000');
await check('add-sequence', seen => seen.sequences.includes('chrNew'));
await tell('remove-sequence chrNew');
await check('remove-sequence', seen => !seen.sequences.includes('chrNew'));
await tell('redraw; flush; clear signals; reload signal');
await check('flush, clear, reload', seen => seen.charts.every(chart => chart.rows > 0));
const saved = page.waitForEvent('download', { timeout: 20_000 }).catch(() => null);
await tell('print 1 figure.png');
checks += 1;
if (!(await saved)) wrong.push({ what: 'print' });

// Workspaces.
await tell('save mine; remove all');
await check('remove all', seen => seen.charts.length === 0);
await tell('open mine');
await check('open', seen => seen.charts.length === 4 && is(seen.place, ['chr11', 101500001, 103500000]));

// Reloads under changes: what the session remembers is what the page shows.
for (let round = 0; round < 20; round += 1) {
  const change = tell(round % 3 === 2 ? 'remove all; plot peaks' : `plot ${round % 2 ? 'signal' : 'genes'} with title=r${round}`);
  const reload = page.reload().then(ready);
  await Promise.all([change, reload]);
  await tell(`go chr11:${102_000_001 + round * 1000}-102,400,000`).catch(() => {});
  const { rows } = JSON.parse(await tell('charts', '--json'));
  const titled = (measurements, settings) => `${measurements} ${/title=(r\d+)/.exec(settings)?.[1] ?? ''}`;
  const wanted = rows.map(([, , measurements, settings]) => titled(measurements, settings));
  await check(`reload ${round}`, seen => seen.place[1] === 102_000_001 + round * 1000
    && is(seen.charts.map(chart => titled(chart.measurements.join(', '), `title=${chart.settings.title}`)), wanted)
    && seen.charts.every(chart => chart.rows > 0));
}
console.log(JSON.stringify({ ui: path.basename(ui), right: checks - wrong.length, checks, errors: errors.slice(0, 5), wrong: wrong.slice(0, 6) }, null, 1));
await close();
process.exit(wrong.length || errors.length ? 1 : 0);
