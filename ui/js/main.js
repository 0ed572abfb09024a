// Starts the page and connects its parts.

import { act } from './actions.js';
import { App } from './app.js';
import { chartTypes } from './charts/list.js';
import { startAddDialog, startSetDialog } from './dialogs.js';
import { byId, make } from './dom.js';
import { copied, showAbout, showTable } from './facts.js';
import { startFinder } from './finder.js';
import { startKeys, startMenu } from './keys.js';
import { decoded, encoded } from './link.js';
import { gone, note, say } from './notes.js';
import { startPointing } from './pointing.js';
import { savePicture } from './picture.js';
import { bases, fromWire, parsed, written } from './region.js';
import { Socket } from './socket.js';
import { screenPalette, startTheme } from './theme.js';

const point = startPointing();
let info = { program: 'epivizrs', version: '', assembly: '', firstView: null, pages: 0, colors: {} };
let [started, showPlace] = [false, () => {}];

const app = new App({
  point: (found, event, chart) => point(app, found, event, chart),
  edit: chart => openSettings(chart),
  removed: chart => say(`${chart.title} removed`),
  setting: tell,
  sequences: listSequences,
  rest: rested,
  drawn: () => showPlace(),
});

/** Tells the endpoint what the user changed, as EpiViz does. */
function tell(chart, settings, colorMap) {
  const send = args => app.socket.ask('setChartSettings', { chartId: chart.id, ...args }).catch(() => {});
  send({ settings, colorMap: null });
  if (colorMap) send({ colorMap });
  rested();
}

function listSequences() {
  const options = [...app.sequences.keys()].map(name => make('option', { value: name, textContent: name }));
  byId('sequence').replaceChildren(...options);
  if (app.place.target) byId('sequence').value = app.place.target.seq;
}

/** The place has come to rest, or the charts have changed: the address follows. */
function rested() {
  if (!started) return;
  const { target } = app.place;
  byId('sequence').value = target.seq;
  document.title = `${written(target)} – epivizrs`;
  history.replaceState(null, '', encoded(target, app.charts));
  say(`${written(target)}, ${bases(Math.round(target.end - target.start))}`);
}

/** Shows what the address says; whether it says anything. */
function restore() {
  const saved = decoded(location.hash, app.measurements);
  if (!saved) return false;
  let region = null;
  try { region = parsed(saved.at, app.sequences, app.place.target); } catch (error) { note(error.message); }
  app.place.go(region ?? app.place.target ?? firstView());
  app.removeAllCharts();
  for (const { kind, measurements, ...options } of saved.charts) {
    app.addChart(kind, measurements, options).orphan = options.fromEndpoint;
  }
  if (saved.charts.length < saved.asked) note('Some charts of this address are of data not served here.');
  return true;
}

function firstView() {
  const region = fromWire(info.firstView ?? undefined);
  if (region && app.sequences.has(region.seq)) return region;
  const [[seq, length]] = app.sequences;
  return { seq, start: 0, end: length };
}

/** After each connection: what is served, then the view, or the same view with new data. */
async function connected() {
  gone(null);
  app.socket.ask('registerChartTypes', { data: chartTypes() }).catch(() => {});
  await Promise.all([inform(), app.load()]);
  if (app.sequences.size === 0) return note('The endpoint knows no sequences yet; load a file there.');
  if (started) {
    note('Connected again.');
    app.data.forget();
    return;
  }
  started = true;
  if (restore()) return shown();
  app.place.go(firstView());
  // Not awaited: what the endpoint asks meanwhile is done first.
  app.firstCharts(info.colors).catch(error => note(error.message)).then(shown);
}

/** The first view is complete. */
function shown() {
  app.ready = true;
  app.draw();
  rested();
}

/** Asks what the protocol does not tell; what was known before is kept if there is no answer. */
async function inform() {
  try {
    info = await (await fetch(new URL(`info${location.search}`, location.href))).json();
  } catch { /* The page works without. */ }
}

const socketUrl = new URL(`ws${location.search}`, location.href);
socketUrl.protocol = socketUrl.protocol.replace('http', 'ws');
socketUrl.hash = '';
let ready = Promise.resolve();
app.socket = new Socket(socketUrl, {
  onOpen: () => {
    ready = connected().catch(error => note(error.message));
  },
  onGone: wait => {
    gone(wait, () => app.socket.retry());
    // The endpoint will ask for its charts again; until then they stay.
    for (const chart of app.charts) chart.orphan = chart.fromEndpoint;
  },
  // One after the other, and not before the page knows what is served.
  onAction: data => (ready = ready.then(() => act(app, data))),
});

const openSettings = startSetDialog(app, { onChange: tell, onTable: chart => showTable(app, chart) });
const openAdd = startAddDialog(app, measurement => info.colors[measurement.id] ?? app.colorOf(measurement));
const toggleTheme = startTheme(() => { app.palette = screenPalette(); app.draw(); });
const openHelp = () => byId('help-dialog').showModal();
showPlace = startFinder(app);
startKeys(app, { openAdd, openHelp });
const save = type => savePicture(app, app.charts, written(app.place.view), type).catch(error => note(error.message));
startMenu({
  copy: () => copied(location.href),
  svg: () => save('svg'),
  png: () => save('png'),
  theme: toggleTheme,
  about: () => inform().then(() => showAbout(app, info)),
  help: openHelp,
});
for (const id of ['add', 'empty-add']) byId(id).addEventListener('click', openAdd);
byId('sequence').addEventListener('change', event => {
  app.place.go({ seq: event.target.value, start: 0, end: app.sequences.get(event.target.value) });
});
addEventListener('hashchange', () => { if (started) restore(); });
