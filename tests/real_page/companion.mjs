// The copy of EpiViz that the endpoint serves, with its companion: charts made, changed and closed
// by hand, reloads, workspaces, an endpoint that is killed and started again, and what is drawn
// where there is no data. Prints a JSON report; exit 0 if every check held.
import { execFile, spawn } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { open } from './browser.mjs';

const options = Object.fromEntries(process.argv.slice(2).map(word => /^--([^=]*)=(.*)$/s.exec(word).slice(1)));
const { ui, bin, specs, shots } = options;
const run = promisify(execFile);
const wrong = [];
let checks = 0;

/** Starts the endpoint; on the port that it had before, if there is one. */
let ws = null;
let endpoint = null;
for (const end of ['exit', 'SIGTERM']) process.on(end, () => { endpoint?.kill('SIGKILL'); if (end !== 'exit') process.exit(1); });
async function launch() {
  const port = ws === null ? '0' : new URL(ws).port;
  endpoint = spawn(bin, ['--port', port, '--quiet', '--ui', ui, '--state', options.state, ...specs.split('|')],
    { stdio: ['ignore', 'pipe', 'inherit'] });
  const line = await new Promise((done, failed) => {
    endpoint.stdout.once('data', text => done(String(text)));
    endpoint.once('exit', code => failed(new Error(`the endpoint ended with ${code}`)));
  });
  ws = line.trim().replace('listening on ', '');
}
async function kill() {
  endpoint.removeAllListeners('exit');
  const gone = new Promise(done => endpoint.once('exit', done));
  endpoint.kill('SIGKILL');
  await gone;
}

const tell = async (line, ...more) =>
  (await run(bin, ['attach', ws.replace('/ws', ''), ...more, '-c', line])).stdout.trim();
const known = async () => JSON.parse(await tell('charts', '--json')).rows
  .map(([, type, measurements, settings]) => ({ type, measurements, settings }));

/** What a page shows: charts in the order in which it got them, and the place. */
const look = page => page.evaluate(() => {
  const place = epivizrs.app._locationManager.currentLocation();
  const charts = Object.entries(epivizrs.app._chartManager._charts).map(([id, chart]) => {
    let rows = 0;
    chart._lastData?.foreach((m, series) => { rows += series.size(); });
    const measurements = [];
    chart.measurements().foreach(m => { measurements.push(m.id()); });
    return {
      id, rows, measurements: measurements.join(', '), settings: chart.customSettingsValues(),
      kind: id.replace(/-[^-]*$/, ''), color: chart.colors().get(0),
      at: chart._lastRange && [chart._lastRange.start(), chart._lastRange.end()],
    };
  });
  const banner = document.querySelector('#epivizrs-banner');
  return {
    charts, place: place && [place.seqName(), place.start(), place.end()],
    banner: banner && banner.style.display !== 'none' ? banner.textContent : '',
    containers: document.querySelectorAll('.visualization-container').length,
  };
});

/** Waits until `holds` of what `seen()` gives; notes what it is instead after fifteen seconds. */
async function check(what, seen, holds) {
  checks += 1;
  const until = Date.now() + 30_000;
  for (;;) {
    const now = await seen().catch(error => ({ error: String(error), charts: [] }));
    if (holds(now)) {
      if (options.verbose) console.error(`right: ${what}`);
      return now;
    }
    if (Date.now() > until) {
      wrong.push({ what, now });
      if (options.verbose) console.error(`WRONG: ${what} ${JSON.stringify(now)}`);
      return now;
    }
    await new Promise(done => setTimeout(done, 50));
  }
}
const is = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const shot = async (page, name) => { if (shots) await page.screenshot({ path: `${shots}/${path.basename(ui)}-${name}.png` }); };

/** The page at the endpoint's own address, with what was opened there. */
async function visit(query = '') {
  const opened = await open({ ui, ws, cache: false });
  opened.page.setDefaultTimeout(60_000);
  opened.page.setDefaultNavigationTimeout(120_000);
  await opened.page.goto(`${ws.replace('ws:', 'http:').replace(/ws$/, 'epiviz/')}${query}`);
  await opened.page.waitForFunction(() => typeof epivizrs !== 'undefined' && epivizrs.app?._locationManager.currentLocation(),
    null, { timeout: 120_000 });
  return opened;
}

// By hand, through the page's own menus and dialogs.
const dialog = page => page.locator('.ui-dialog:visible').last();
async function make(page, item, names) {
  await page.click('#vis-menu-button');
  await page.click(`#${item}`);
  const next = dialog(page).locator('button:has-text("Next")');
  if (await next.isEnabled()) {
    await dialog(page).locator('tbody tr:visible').first().click();
    await next.click();
  }
  for (const name of names) {
    await dialog(page).locator(`td:visible:text-is("${name}")`).first().click({ modifiers: name === names[0] ? [] : ['Control'] });
  }
  await dialog(page).locator('button:has-text("Finish")').click();
}
async function press(page, id, icon) {
  await page.hover(`#${id}`);
  await page.click(`#${id} button:has(.${icon})`);
}
const offered = async (page, item) => {
  await page.click('#vis-menu-button');
  await page.click(`#${item}`);
  const cells = await dialog(page).locator('tbody tr:visible td:first-child').allInnerTexts();
  await dialog(page).locator('button:has-text("Cancel")').click();
  return cells;
};

await launch();
let { page, errors, close } = await visit();
const watched = [errors];
await tell('wait page');

// Three charts plotted, two made by hand: all are the session's.
await tell('plot signal; plot peaks; plot genes');
await check('plotted', () => look(page), seen => seen.charts.length === 3);
await make(page, 'track-menu-add-lines', ['methylation']);
await check('the console knows a chart made by hand', known, charts => charts.length === 4 && charts[3].measurements === 'methylation');
await make(page, 'track-menu-add-blocks', ['peaks']);
await check('and another', known, charts => charts.length === 5 && charts[4].type === 'blocks');
const five = ['signal', 'peaks', 'genes', 'methylation', 'peaks'];
const shows = wanted => seen => is(seen.charts.map(chart => chart.measurements), wanted)
  && seen.containers === wanted.length && seen.charts.every(chart => chart.rows > 0);
let seen = await check('five charts', () => look(page), shows(five));
checks += 1;
if (+seen.charts[3]?.settings.step !== 1) wrong.push({ what: 'every row is drawn', settings: seen.charts[3]?.settings });

// Another page has them too, and what is changed by hand in one.
const second = await visit();
watched.push(second.errors);
await check('five charts elsewhere', () => look(second.page), shows(five));
const byHand = seen.charts[3].id;
await press(page, byHand, 'ui-icon-gear');
await dialog(page).locator('input[id$="-yMax"]').fill('7');
await dialog(page).locator('input[id$="-title"]').fill('By hand');
await dialog(page).locator('button:has-text("Ok")').click();
const isSet = chart => +chart?.settings.yMax === 7 && chart?.settings.title === 'By hand';
await check('settings by hand, here', () => look(page), now => isSet(now.charts[3]));
await check('the line moves with its axes', () => page.evaluate(id => {
  const [line, axis] = ['.lines', '.yAxis-line'].map(part => document.querySelector(`#${id} ${part}`).getCTM());
  return { charts: [], line: line.f, axis: axis.f };
}, byHand), now => now.axis > 60 && now.line === now.axis);
await check('settings by hand, elsewhere', () => look(second.page), now => isSet(now.charts[3]));
await check('settings by hand, in the console', known, charts =>
  /yMax=7/.test(charts[3].settings) && /By hand/.test(charts[3].settings) && !/margin|step=200/.test(charts[3].settings));
await page.evaluate(id => {
  const chart = epivizrs.app._chartManager._charts[id];
  chart.setColors(new epiviz.ui.charts.ColorPalette(['#00aa00', '#0000aa']));
}, byHand);
await check('colours by hand, elsewhere', () => look(second.page), now => now.charts[3]?.color === '#00aa00');

// What was made by hand can be closed by hand, on any page.
await make(page, 'track-menu-add-blocks', ['genes']);
await check('six charts elsewhere', () => look(second.page), now => now.charts.length === 6);
await press(second.page, (await look(second.page)).charts[5].id, 'ui-icon-cancel');
await check('closed by hand elsewhere', () => look(page), shows(five));
await check('closed by hand, in the console', known, charts => charts.length === 5);
await shot(page, 'five');

// Menus offer what a chart can draw.
checks += 2;
const genes = await offered(page, 'track-menu-add-genes');
if (!is(genes, ['genes'])) wrong.push({ what: 'menu of genes', genes });
const blocks = (await offered(page, 'track-menu-add-blocks')).sort();
if (!is(blocks, ['gaps', 'genes', 'peaks'])) wrong.push({ what: 'menu of blocks', blocks });

// Twelve reloads.
const whole = now => shows(five)(now) && isSet(now.charts[3]) && now.charts[3].color === '#00aa00';
let right = 0;
const reload = async () => {
  await page.reload();
  await page.waitForFunction(() => typeof epivizrs !== 'undefined' && epivizrs.app?._locationManager.currentLocation(), null, { timeout: 120_000 });
};
for (let round = 1; round <= 12; round += 1) {
  await reload();
  const before = wrong.length;
  await check(`reload ${round}`, () => look(page), whole);
  if (wrong.length === before) right += 1;
}

// Workspaces: saved by the page's button, not opened uninvited, opened instead of what is shown.
await page.fill('#save-workspace-text', 'five charts');
await page.click('#save-workspace-button');
await check('saved', () => tell('workspaces'), text => text.includes('five charts'));
await tell('remove all; plot signal as stacked-line');
await check('one chart', () => look(page), shows(['signal']));
await tell('save one chart');
await reload();
await check('nothing opened uninvited', () => look(page), shows(['signal']));
await page.click('#save-workspace-text');
await page.fill('#save-workspace-text', 'five');
await page.locator('.ui-autocomplete:visible a:has-text("five charts")').click();
const yes = page.locator('.ui-dialog:visible button:has-text("Yes")');
await yes.click({ timeout: 3000 }).catch(() => {});
await check('opened instead', () => look(page), whole);
await check('opened elsewhere', () => look(second.page), whole);
await check('opened in the session', known, charts => charts.length === 5);
for (let round = 1; round <= 3; round += 1) {
  await reload();
  await check(`reload ${round} with workspaces`, () => look(page), whole);
}
const id = await page.evaluate(() => new Promise(done => epivizrs.ask(
  { action: 'getWorkspaces', q: 'one', ws: 'one' }, found => done(found[0].id))));
await page.goto(`${ws.replace('ws:', 'http:').replace(/ws$/, 'epiviz/')}?ws=${id}`);
await check('a workspace in the address', () => look(page), shows(['signal']));
await make(page, 'track-menu-add-lines', ['methylation']);
await check('and a chart by hand', known, charts => charts.length === 2);
await reload();
await check('stays after a reload', () => look(page), shows(['signal', 'methylation']));
await tell('open five charts');
await check('opened by the console', () => look(page), whole);

// The endpoint is killed: it is said; what the user does meanwhile counts.
await kill();
await check('the banner', () => look(page), now => now.banner.includes('does not answer'));
await shot(page, 'away');
await make(page, 'track-menu-add-genes', ['genes']).catch(error => wrong.push({ what: 'made while away', error: String(error) }));
await press(page, (await look(page)).charts[1].id, 'ui-icon-cancel');
const go = (seqName, start, end) => page.evaluate(([s, a, b]) => epivizrs.app._locationManager.changeCurrentLocation(
  epiviz.datatypes.GenomicRange.fromStartEnd(s, a, b)), [seqName, start, end]);
await go('chr11', 102_000_001, 102_900_000);
await page.evaluate(() => { window.isTheSamePage = true; });
await launch();
const after = ['signal', 'genes', 'methylation', 'peaks', 'genes'];
await check('back without a reload', () => look(page), now => shows(after)(now) && now.banner === ''
  && is(now.place, ['chr11', 102000001, 102900000]) && now.charts.every(chart => is(chart.at, [102000001, 102900000]))
  && isSet(now.charts[2]));
checks += 1;
if (!(await page.evaluate(() => window.isTheSamePage))) wrong.push({ what: 'the page was loaded again' });
await check('the session has them', known, charts => is(charts.map(chart => chart.measurements), after));
await check('the other page too', () => look(second.page), now =>
  is(now.charts.map(chart => chart.measurements).sort(), [...after].sort()) && now.banner === '');
await tell('plot peaks; remove 1').catch(() => {});
await tell('go chr11:101,500,001-103,500,000');
await check('it is obeyed again', () => look(page), now => is(now.place, ['chr11', 101500001, 103500000]) && now.charts.length > 4);
await reload();
await check('and after a reload', () => look(page), now => now.charts.length > 4 && now.charts.every(chart => chart.rows > 0));

// Drawing: a gap is a gap, and a view without rows is empty.
await tell('remove all; plot gaps.a as line; plot gaps.a gaps.b as scatter');
const drawn = () => page.evaluate(() => {
  const paths = [...document.querySelectorAll('.lines path')].map(path => path.getAttribute('d') ?? '');
  const runs = paths.flatMap(path => path.split('M').slice(1));
  return { charts: [], pieces: runs.length, vertices: runs.join('L').split('L').filter(Boolean).length,
    bad: paths.some(path => path.includes('NaN')),
    points: [...document.querySelectorAll('.scatter-plot .items > circle')].map(circle => circle.__data__.values[1]), rows: Object.values(epivizrs.app._chartManager._charts)
      .map(chart => { let n = 0; chart._lastData?.foreach((m, series) => { n += series.size(); }); return n; }) };
});
await tell('go chr11:101,150,001-101,300,000');
await check('a gap is a gap', drawn, now =>
  now.pieces === 2 && now.vertices === 100 && !now.bad && now.points.length > 20 && Math.min(...now.points) > 10);
await shot(page, 'gap');
await tell('go chr11:101,550,001-102,250,000');
await check('and so is a desert between rows', drawn, now => now.pieces === 2 && now.vertices === 100);
await tell('go chr11:101,700,001-102,100,000');
await check('nothing is left in an empty view', drawn, now => now.vertices === 0);
await shot(page, 'empty');
await tell('go chr11:102,300,001-102,400,000');
await check('and a line is drawn again', drawn, now => now.pieces === 1 && now.vertices === 100);
await page.evaluate(() => {
  const fails = new epiviz.events.EventListener(() => { throw new Error('while drawing'); });
  const event = epivizrs.app._locationManager.onCurrentLocationChanged();
  event.addListener(fails);
  try { epivizrs.app._locationManager.changeCurrentLocation(epivizrs.app._locationManager.currentLocation()); } catch { /* on purpose */ }
  event.removeListener(fails);
});
await tell('remove all');
await make(page, 'plot-menu-add-scatter', ['gaps a', 'methylation']);
await check('a plot of different rows, by menu', known, charts => charts.length === 1 && charts[0].measurements === 'gaps.a, methylation');
await check('its points', drawn, now => now.points.length > 20 && now.rows[0] > 20);
await shot(page, 'joined');
await tell('plot gaps.a');
await tell('go chr11:102,350,001-102,450,000');
await check('an error while drawing freezes nothing', () => look(page), now => is(now.place, ['chr11', 102350001, 102450000]));
await tell('plot signal; plot genes as blocks').catch(() => {});
await check('charts for the next endpoint', () => look(page), now => now.charts.length >= 2);

// An endpoint that has forgotten everything takes the charts of the page.
const before = (await look(page)).charts.map(chart => chart.measurements);
await kill();
options.state = 'none';
await launch();
await check('a forgetful endpoint', known, charts => is(charts.map(chart => chart.measurements).sort(), [...before].sort()));
await check('and the page', () => look(page), now => is(now.charts.map(chart => chart.measurements).sort(), [...before].sort()) && now.banner === '');

await second.close();
await close();
await kill();
const thrown = watched.flat();
console.log(JSON.stringify({
  ui: path.basename(ui), right: checks - wrong.length, checks, reloads: `${right} of 12`,
  errors: thrown.slice(0, 5), wrong: wrong.slice(0, 6),
}, null, 1));
process.exit(wrong.length || thrown.length ? 1 : 0);
