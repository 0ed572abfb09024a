// The endpoint's actions, one entry per action. Each returns the value of the answer, or throws an
// error with the reason. Some members are JSON inside a string (docs/protocol.md, 3.1).

import { chartTypes, kindNamed } from './charts/list.js';
import { note } from './dom.js';
import { savePicture } from './picture.js';
import { fromWire, sequenceNamed, toWire } from './region.js';

const inside = value => (typeof value === 'string' ? JSON.parse(value) : value);

const ACTIONS = {
  addMeasurements: (app, { measurements }) => app.addMeasurements(inside(measurements)),
  removeMeasurements: (app, { measurements }) => app.removeMeasurements(inside(measurements)),
  addSeqInfos: (app, { seqInfos }) => app.addSequences(inside(seqInfos)),
  removeSeqNames: (app, { seqNames }) => app.removeSequences(inside(seqNames)),
  addChart: (app, { type, measurements }) => {
    const kind = kindNamed(type);
    if (!kind) throw new Error(`this page has no chart called ${type}`);
    return { id: app.addChart(kind, inside(measurements) ?? [], { known: true }).id };
  },
  removeChart: (app, { chartId }) => app.removeChart(app.chart(chartId)),
  // Not part of EpiViz's protocol: sent only to pages like this one.
  arrangeCharts: (app, { chartIds }) => app.arrange(inside(chartIds) ?? []),
  clearDatasourceGroupCache: (app, { datasourceGroup }) => app.forget(datasourceGroup),
  flushCache: app => app.forget(),
  redraw: app => app.forget(),
  navigate: (app, { range }) => {
    const region = fromWire(inside(range));
    if (!region) throw new Error('the range needs a sequence, a start and an end');
    const seq = sequenceNamed(region.seq, app.sequences);
    if (!seq) throw new Error(`there is no sequence called ${region.seq}`);
    app.place.go({ ...region, seq });
  },
  getCurrentLocation: ({ place }) => {
    if (!place.target) throw new Error('the page has no location yet');
    return toWire(place.target);
  },
  setChartSettings: (app, { chartId, settings, colorMap }) => app.setChart(app.chart(chartId), inside(settings) ?? {}, inside(colorMap)),
  getChartSettings: () => chartTypes(),
  getAvailableCharts: () => chartTypes(),
  printWorkspace: (app, { chartId, fileName, fileType }) => {
    const whole = !chartId || chartId === 'pagemain';
    return savePicture(app, whole ? app.charts : [app.chart(chartId)], fileName || 'epiviz', fileType || 'png');
  },
  writeMsg: (_, { msg }) => note(String(msg ?? '')),
  uiStatus: () => true,
  // If the connection is lost, the next one loads them.
  loadMeasurements: app => { app.load().catch(() => {}); },
};

/** Runs an action of the endpoint; returns the answer in the form of the protocol. */
export async function act(app, data) {
  try {
    if (!Object.hasOwn(ACTIONS, data.action)) throw new Error(`this page does not know the action ${data.action}`);
    const value = await ACTIONS[data.action](app, data);
    return { success: true, errorMessage: null, value: value ?? null };
  } catch (error) {
    return { success: false, errorMessage: error.message, value: null };
  }
}
