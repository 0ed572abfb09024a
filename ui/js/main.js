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
import { Sharing } from './sharing.js';
import { Socket } from './socket.js';
import { screenPalette, startTheme } from './theme.js';

/** The session that the address names, if any: /s/NAME. */
const session = /\/s\/([^/]+)\/?$/.exec(location.pathname)?.[1];
let info = { colors: {} };
let started = false;
let isLoaded = false;

const app = new App({
  point: (...reading) => point(...reading),
  edit: chart => openSettings(chart),
  move: (chart, by) => sharing.move(chart, by),
  remove: chart => { sharing.remove(chart); say(`${chart.title} removed`); },
  setting: reportSetting,
  sequences: listSequences,
  rest: rested,
  drawn: () => showPlace(),
});

/** Reports settings that the user changed. */
function reportSetting(chart, settings, colorMap) {
  sharing.set(chart, settings, colorMap);
  rested();
}

function listSequences() {
  const options = [...app.sequences.keys()].map(name => make('option', { value: name }, name));
  byId('sequence').replaceChildren(...options);
  if (app.place.target) byId('sequence').value = app.place.target.seq;
  // If there were no sequences before, the page can start now.
  else if (isLoaded && !started && app.sequences.size) ready = ready.then(begin);
}

/** Updates the address after the view or the charts have changed. */
function rested() {
  if (!started) return;
  const { target } = app.place;
  byId('sequence').value = target.seq;
  document.title = `${written(target)} – epivizrs`;
  // Distinguishes this address from one that a user entered: after a reload the session has priority.
  history.replaceState({ own: true }, '', encoded(target, app.charts));
  say(`${written(target)}, ${bases(target)}`);
}

/** Restores the view from the address. Returns whether it has a region and charts. */
function restore() {
  const saved = decoded(location.hash, app.measurements);
  let region = null;
  try { region = saved.at && parsed(saved.at, app.sequences, app.place.target); } catch (error) { note(error.message); }
  app.place.go(region || (app.place.target ?? firstView()));
  if (saved.hasCharts) {
    for (const chart of [...app.charts]) app.removeChart(chart);
    for (const { kind, measurements, ...options } of saved.charts) app.addChart(kind, measurements, options);
    if (saved.lost) note('Some charts of this address show data that are not served here.');
  }
  return { hasPlace: Boolean(region), hasCharts: saved.hasCharts };
}

function firstView() {
  const region = fromWire(info.firstView);
  if (region && app.sequences.has(region.seq)) return region;
  const [[seq, end]] = app.sequences;
  return { seq, start: 0, end };
}

/** Called after each connection. */
async function connected() {
  showGone(false);
  app.socket.ask('registerChartTypes', { data: chartTypes(), page: 'epivizrs' }).catch(() => {});
  await Promise.all([inform(), app.load()]);
  isLoaded = true;
  if (started) {
    note('Reconnected.');
    app.data.forget();
    return sharing.resume();
  }
  if (app.sequences.size === 0) return note('The endpoint has no sequences yet; load a file there.');
  return begin();
}

/** Shows the first view: that of the address, of the session, or a region with data. */
async function begin() {
  if (started) return;
  started = true;
  // An address that the page wrote itself means a reload: others may have changed the charts.
  const isReload = history.state?.own === true;
  const { hasPlace, hasCharts } = restore();
  if (isReload) for (const chart of app.charts) chart.known = true;
  await sharing.resume({ place: hasPlace, replace: hasCharts && !isReload });
  if (hasCharts || !info.isNew) return shown();
  // Not awaited, so that actions of the endpoint in the meantime run first.
  propose().catch(error => note(error.message)).then(shown);
}

/** Adds the first charts; if another page was faster, its charts are shown instead. */
async function propose() {
  await app.firstCharts(info.colors);
  for (const chart of app.charts) chart.known = true;
  await sharing.resume();
}

function shown() {
  app.ready = true;
  app.changed();
}

/** Requests information that is not part of the protocol. */
async function inform() {
  try {
    info = await (await fetch(addressOf(session ? `s/${session}/info` : 'info'))).json();
  } catch { /* The previous information is kept. */ }
}

const sharing = new Sharing(app);
const socketUrl = addressOf(session ? `ws/${session}` : 'ws');
socketUrl.protocol = socketUrl.protocol.replace('http', 'ws');
let ready = Promise.resolve();
app.socket = new Socket(socketUrl, {
  onOpen: () => {
    ready = connected().catch(error => note(error.message));
  },
  onGone: () => {
    showGone(true);
  },
  // Actions run one after another, and only once the measurements are loaded.
  onAction: data => (ready = ready.then(() => act(app, data))),
});

const point = startPointing(app);
const openSettings = startSetDialog(app, sharing, reportSetting);
const openAdd = startAddDialog(app, sharing, one => info.colors[one.id] ?? app.colorOf(one));
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
listen(window, 'hashchange', () => {
  if (!started) return;
  const { hasCharts } = restore();
  if (hasCharts) sharing.resume({ replace: true }).catch(error => note(error.message));
});
