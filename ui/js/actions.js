// What the endpoint may ask of the page. One entry an action; each returns the answer's value,
// or throws why not. Some members come as JSON inside a text (the protocol's habit).

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
  // Not of the protocol: only pages like this one are asked.
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
    if (!place.target) throw new Error('the page has no place yet');
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
  // If the connection is gone, the next one loads.
  loadMeasurements: app => { app.load().catch(() => {}); },
};

/** Does what the endpoint asks; answers in the protocol's form. */
export async function act(app, data) {
  try {
    if (!Object.hasOwn(ACTIONS, data.action)) throw new Error(`this page does not know the action ${data.action}`);
    const value = await ACTIONS[data.action](app, data);
    return { success: true, errorMessage: null, value: value ?? null };
  } catch (error) {
    return { success: false, errorMessage: error.message, value: null };
  }
}
