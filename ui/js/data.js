// What the page holds of each datasource. A view is asked for exactly (the endpoint chooses the
// level by its width), and drawn from older answers until the new one is there.

import { fromWire, toWire } from './region.js';

/** Answers kept a datasource, to fill the edges while moving and zooming out. */
const KEPT = 5;

/** Asks one request a datasource at a time, always of the newest view. */
export class Data {
  /** `ask(args)` sends getCombined; `onNews()` is called when there is more to draw. */
  constructor(ask, onNews) {
    Object.assign(this, { ask, onNews, feeds: new Map(), view: null });
  }

  /** The measurements to hold. */
  want(measurements) {
    const feeds = new Map();
    for (const { datasourceId: name, id } of measurements) {
      if (!feeds.has(name)) feeds.set(name, Object.assign(this.feeds.get(name) ?? { name, answers: [], epoch: 0 }, { ids: new Set() }));
      feeds.get(name).ids.add(id);
    }
    this.feeds = feeds;
    this.refresh();
  }

  /** The page goes there. */
  look(view) {
    this.view = view;
    this.refresh();
  }

  /** Asks again for the rows of the datasources for which `which(name)` holds. */
  forget(which = () => true) {
    for (const feed of this.feeds.values()) {
      // An answer to what was asked before is not kept.
      if (which(feed.name)) Object.assign(feed, { answers: [], epoch: feed.epoch + 1 });
    }
    this.refresh();
  }

  /** The rows of one measurement in a region, asked for now and not kept. */
  async rowsOf({ datasourceId, id }, region) {
    const data = await this.ask({ ...toWire(region), measurements: { [datasourceId]: [id] } });
    return readPart(data?.[datasourceId] ?? {});
  }

  get settled() {
    return [...this.feeds.values()].every(feed => !feed.busy && this.fresh(feed));
  }

  /** Whether all is there that the newest view shows of a measurement. */
  isFresh({ datasourceId }) {
    const feed = this.feeds.get(datasourceId);
    return Boolean(feed && this.view && this.fresh(feed));
  }

  /** Why the rows could not be had, if so. */
  error({ datasourceId }) {
    return this.feeds.get(datasourceId)?.error;
  }

  /** The answers that hold a measurement on the view's sequence, newest first. */
  answers({ datasourceId, id }, view) {
    const { answers = [] } = this.feeds.get(datasourceId) ?? {};
    return answers.filter(({ seq, ids }) => seq === view.seq && ids.has(id));
  }

  /** Rows that fill a view, from the newest answers: [{start, end, rows}], not overlapping. */
  pieces(measurement, view) {
    let open = [[view.start, view.end]];
    return this.answers(measurement, view).flatMap(answer => {
      const pieces = [];
      open = open.flatMap(([start, end]) => {
        const [from, to] = [Math.max(start, answer.start), Math.min(end, answer.end)];
        if (from >= to) return [[start, end]];
        pieces.push({ start: from, end: to, rows: answer.rows });
        return [[start, from], [to, end]].filter(([a, b]) => a < b);
      });
      return pieces;
    });
  }

  fresh({ answers: [newest], ids }) {
    if (!this.view) return true;
    const { seq, start, end } = fromWire(toWire(this.view));
    return newest?.seq === seq && newest.start === start && newest.end === end && [...ids].every(id => newest.ids.has(id));
  }

  refresh() {
    for (const feed of this.feeds.values()) if (!feed.busy && !this.fresh(feed)) this.fetch(feed);
  }

  async fetch(feed) {
    const { epoch, ids, name } = feed;
    const wire = toWire(this.view);
    feed.busy = true;
    try {
      const data = await this.ask({ ...wire, measurements: { [name]: [...ids] } });
      Object.assign(feed, { busy: false, error: null });
      if (feed.epoch === epoch) feed.answers = [{ ...fromWire(wire), ids, rows: readPart(data?.[name] ?? {}) }, ...feed.answers].slice(0, KEPT);
      if (this.feeds.get(name) === feed) this.refresh();
    } catch (error) {
      // The next move, or the next connection, asks again.
      Object.assign(feed, { busy: false, error: error.message });
    }
    this.onNews();
  }
}

/**
 * What an answer to getCombined has of a datasource, as columns: `start` and `end` 0-based
 * half-open, `strand` of a row, `metadata` and `values` by name. A missing value stays null.
 */
export function readPart({ rows = {}, cols = {} } = {}) {
  const { start, end, strand, metadata } = rows;
  return {
    count: start?.length ?? 0,
    start: Float64Array.from(start ?? [], place => place - 1),
    end: Float64Array.from(end ?? start ?? []),
    strand: row => (Array.isArray(strand) ? strand[row] : strand) ?? '*',
    metadata: metadata ?? {},
    values: cols,
  };
}

export const regionOf = (seq, { start, end }, row) => ({ seq, start: start[row], end: end[row] });

/** The name of a row, if a column holds one. */
export function nameOf({ metadata }, row) {
  const names = ['name', 'gene', 'Name', 'gene_name', 'id', 'ID'].map(column => String(metadata[column]?.[row] ?? ''));
  return names.find(name => name !== '' && name !== '.') ?? '';
}

/** The first row that ends behind `place`. Rows are sorted by start, but may be nested. */
function firstRowAt(rows, place) {
  if (!rows.reach) {
    // The furthest end so far grows steadily, so it can be searched.
    let furthest = 0;
    rows.reach = rows.end.map(end => (furthest = Math.max(furthest, end)));
  }
  let [low, high] = [0, rows.count];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows.reach[middle] > place) high = middle; else low = middle + 1;
  }
  return low;
}

/** The rows that overlap [start, end). */
export function* rowsIn(rows, start, end) {
  for (let row = firstRowAt(rows, start); row < rows.count && rows.start[row] < end; row += 1) {
    if (rows.end[row] > start) yield row;
  }
}

/** The same as a list, for pictures of many rows. */
export function rowsOver(rows, start, end) {
  const list = new Int32Array(rows.count);
  let count = 0;
  for (let row = firstRowAt(rows, start); row < rows.count && rows.start[row] < end; row += 1) {
    if (rows.end[row] > start) list[count++] = row;
  }
  return list.subarray(0, count);
}

/** The first row over a place between two bases or within one; -1 if there is none. */
export function rowAt(rows, place) {
  for (let row = firstRowAt(rows, place); row < rows.count && rows.start[row] <= place; row += 1) {
    if (rows.end[row] > place) return row;
  }
  return -1;
}

/** The row nearest to a place, within `reach` bases; -1 if there is none. */
export function nearest(rows, place, reach) {
  let [best, distance] = [-1, Infinity];
  for (const row of rowsIn(rows, place - reach, place + reach)) {
    const away = Math.max(rows.start[row] - place, place - rows.end[row], 0);
    if (away < distance) [best, distance] = [row, away];
  }
  return best;
}
