// Starts the page and connects its parts.

import { act } from './actions.js';
import { App } from './app.js';
import { chartTypes } from './charts/list.js';
import { copied, showAbout, startAddDialog, startSetDialog } from './dialogs.js';
import { addressOf, byId, listen, make, note, say, showGone } from './dom.js';
import { startFinder } from './finder.js';
import { startKeys, startMenu, startPointing } from './keys.js';
import { decoded, encoded } from './link.js';
import { savePicture } from './picture.js';
import { bases, fromWire, parsed, written } from './region.js';
import { Socket } from './socket.js';
import { screenPalette, startTheme } from './theme.js';

let info = { colors: {} };
let started = false;

const app = new App({
  point: (...reading) => point(...reading),
  edit: chart => openSettings(chart),
  removed: chart => say(`${chart.title} removed`),
  setting: tell,
  sequences: listSequences,
  rest: rested,
  drawn: () => showPlace(),
});

/** Tells the endpoint what the user changed. */
function tell(chart, settings, colorMap) {
  const send = args => app.socket.ask('setChartSettings', { chartId: chart.id, ...args }).catch(() => {});
  send({ settings, colorMap: null });
  if (colorMap) send({ colorMap });
  rested();
}

function listSequences() {
  const options = [...app.sequences.keys()].map(name => make('option', { value: name }, name));
  byId('sequence').replaceChildren(...options);
  if (app.place.target) byId('sequence').value = app.place.target.seq;
}

/** Place or charts have changed: the address follows. */
function rested() {
  if (!started) return;
  const { target } = app.place;
  byId('sequence').value = target.seq;
  document.title = `${written(target)} – epivizrs`;
  history.replaceState(null, '', encoded(target, app.charts));
  say(`${written(target)}, ${bases(target)}`);
}

/** Shows what the address says. Returns whether it says which charts. */
function restore() {
  const saved = decoded(location.hash, app.measurements);
  let region = null;
  try { region = saved.at && parsed(saved.at, app.sequences, app.place.target); } catch (error) { note(error.message); }
  app.place.go(region || (app.place.target ?? firstView()));
  if (!saved.hasCharts) return false;
  for (const chart of [...app.charts]) app.removeChart(chart);
  for (const { kind, measurements, ...options } of saved.charts) {
    app.addChart(kind, measurements, options).orphan = options.fromEndpoint;
  }
  if (saved.lost) note('Some charts of this address show data that are not served here.');
  return true;
}

function firstView() {
  const region = fromWire(info.firstView);
  if (region && app.sequences.has(region.seq)) return region;
  const [[seq, end]] = app.sequences;
  return { seq, start: 0, end };
}

/** After each connection. */
async function connected() {
  showGone(false);
  app.socket.ask('registerChartTypes', { data: chartTypes() }).catch(() => {});
  await Promise.all([inform(), app.load()]);
  if (app.sequences.size === 0) return note('The endpoint knows no sequences yet; load a file there.');
  if (started) {
    note('Connected again.');
    return app.data.forget();
  }
  started = true;
  if (restore()) return shown();
  // Not awaited: what the endpoint asks meanwhile is done first.
  app.firstCharts(info.colors).catch(error => note(error.message)).then(shown);
}

function shown() {
  app.ready = true;
  app.changed();
}

/** Asks what the protocol does not tell. */
async function inform() {
  try {
    info = await (await fetch(addressOf('info'))).json();
  } catch { /* What was known is kept. */ }
}

const socketUrl = addressOf('ws');
socketUrl.protocol = socketUrl.protocol.replace('http', 'ws');
let ready = Promise.resolve();
app.socket = new Socket(socketUrl, {
  onOpen: () => {
    ready = connected().catch(error => note(error.message));
  },
  onGone: () => {
    showGone(true);
    // The endpoint will ask for its charts again; until then they stay.
    for (const chart of app.charts) chart.orphan = chart.fromEndpoint;
  },
  // One after the other, and not before the page knows what is served.
  onAction: data => (ready = ready.then(() => act(app, data))),
});

const point = startPointing(app);
const openSettings = startSetDialog(app, tell);
const openAdd = startAddDialog(app, one => info.colors[one.id] ?? app.colorOf(one));
const openHelp = () => byId('help-dialog').showModal();
const showPlace = startFinder(app);
startKeys(app, { openAdd, openHelp });
const save = type => () => savePicture(app, app.charts, written(app.place.view), type).catch(error => note(error.message));
startMenu({
  copy: () => copied(location.href),
  svg: save('svg'),
  png: save('png'),
  theme: startTheme(() => { app.palette = screenPalette(); app.draw(); }),
  about: () => inform().then(() => showAbout(app, info)),
  help: openHelp,
});
listen(byId('sequence'), 'change', ({ target: { value } }) => app.place.go({ seq: value, start: 0, end: app.sequences.get(value) }));
listen(window, 'hashchange', () => { if (started) restore(); });
