// The rows that the page has of each datasource. The page requests exactly its view (the endpoint
// chooses the level by its width), and draws older answers until the new one arrives.

import { fromWire, toWire } from './region.js';

/** How many answers are kept per datasource, to fill the edges while moving and zooming out. */
const MAX_ANSWERS = 5;

/** Sends one request per datasource at a time, always for the newest view. */
export class Data {
  /** `ask(args)` sends getCombined; `onAnswer()` is called when there is more to draw. */
  constructor(ask, onAnswer) {
    Object.assign(this, { ask, onAnswer, feeds: new Map(), view: null });
  }

  /** Sets the measurements whose rows are needed. */
  want(measurements) {
    const feeds = new Map();
    for (const { datasourceId: name, id } of measurements) {
      if (!feeds.has(name)) feeds.set(name, Object.assign(this.feeds.get(name) ?? { name, answers: [], epoch: 0 }, { ids: new Set() }));
      feeds.get(name).ids.add(id);
    }
    this.feeds = feeds;
    this.refresh();
  }

  /** Sets the view. */
  look(view) {
    this.view = view;
    this.refresh();
  }

  /** Requests the rows of datasources again for which `which(name)` is true. */
  forget(which = () => true) {
    for (const feed of this.feeds.values()) {
      // Answers to earlier requests are dropped.
      if (which(feed.name)) Object.assign(feed, { answers: [], epoch: feed.epoch + 1 });
    }
    this.refresh();
  }

  /** Requests the rows of one measurement in a region, without keeping them. */
  async rowsOf({ datasourceId, id }, region) {
    const data = await this.ask({ ...toWire(region), measurements: { [datasourceId]: [id] }, useOffset: true });
    return readPart(data?.[datasourceId] ?? {});
  }

  get settled() {
    return [...this.feeds.values()].every(feed => !feed.busy && this.fresh(feed));
  }

  /** Returns whether all rows of a measurement in the newest view are there. */
  isFresh({ datasourceId }) {
    const feed = this.feeds.get(datasourceId);
    return Boolean(feed && this.view && this.fresh(feed));
  }

  /** Returns the error of the last request, if it failed. */
  error({ datasourceId }) {
    return this.feeds.get(datasourceId)?.error;
  }

  /** Returns the answers with a measurement on the view's sequence, newest first. */
  answers({ datasourceId, id }, view) {
    const { answers = [] } = this.feeds.get(datasourceId) ?? {};
    return answers.filter(({ seq, ids }) => seq === view.seq && ids.has(id));
  }

  /** Returns rows that fill a view, from the newest answers: [{start, end, rows}], not overlapping. */
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
      const data = await this.ask({ ...wire, measurements: { [name]: [...ids] }, useOffset: true });
      Object.assign(feed, { busy: false, error: null });
      if (feed.epoch === epoch) feed.answers = [{ ...fromWire(wire), ids, rows: readPart(data?.[name] ?? {}) }, ...feed.answers].slice(0, MAX_ANSWERS);
      if (this.feeds.get(name) === feed) this.refresh();
    } catch (error) {
      // The next move or connection repeats the request.
      Object.assign(feed, { busy: false, error: error.message });
    }
    this.onAnswer();
  }
}

/**
 * Converts the part of an answer to getCombined for a datasource to columns: `start` and `end`
 * (0-based, half-open), `strand` of a row, `metadata` and `values` by name. Missing values are null.
 */
export function readPart({ rows = {}, cols = {}, useOffset } = {}) {
  const { start, end, strand, metadata } = rows;
  const places = column => (useOffset ? added(column) : column) ?? [];
  return {
    count: start?.length ?? 0,
    start: Float64Array.from(places(start), place => place - 1),
    end: Float64Array.from(places(end ?? start)),
    strand: row => (Array.isArray(strand) ? strand[row] : strand) ?? '*',
    metadata: metadata ?? {},
    values: cols,
  };
}

/** Returns the sums of each number with all before it. */
function added(numbers) {
  let sum = 0;
  return numbers?.map(number => (sum += number));
}

/** Returns a measurement with its bare name: the unit, which names for EpiViz end with, belongs to the axis. */
export function named(one) {
  const [name, unit] = [String(one.name ?? one.id), one.annotation?.unit];
  return { ...one, name: unit && name.endsWith(` (${unit})`) ? name.slice(0, -unit.length - 3) : name };
}

/** Returns the unit that all series have; empty if there is none. */
export function unitOf(series) {
  const units = new Set(series.map(({ measurement: { annotation } }) => annotation?.unit ?? ''));
  return units.size === 1 ? [...units][0] : '';
}

export const regionOf = (seq, { start, end }, row) => ({ seq, start: start[row], end: end[row] });

/** Returns the name of a row, if a column has one. */
export function nameOf({ metadata }, row) {
  const names = ['name', 'gene', 'Name', 'gene_name', 'id', 'ID'].map(column => String(metadata[column]?.[row] ?? ''));
  return names.find(name => name !== '' && name !== '.') ?? '';
}

/** Returns the first row that ends after `place`. Rows are sorted by start, but may be nested. */
function firstRowAt(rows, place) {
  if (!rows.reach) {
    // The maximum end so far is monotonic, so it can be searched.
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

/** Yields the rows that overlap [start, end). */
export function* rowsIn(rows, start, end) {
  for (let row = firstRowAt(rows, start); row < rows.count && rows.start[row] < end; row += 1) {
    if (rows.end[row] > start) yield row;
  }
}

/** Returns the rows that overlap [start, end) as a list, for pictures of many rows. */
export function rowsOver(rows, start, end) {
  const list = new Int32Array(rows.count);
  let count = 0;
  for (let row = firstRowAt(rows, start); row < rows.count && rows.start[row] < end; row += 1) {
    if (rows.end[row] > start) list[count++] = row;
  }
  return list.subarray(0, count);
}

/** Returns the first row at a position, which may lie between bases; -1 if there is none. */
export function rowAt(rows, place) {
  for (let row = firstRowAt(rows, place); row < rows.count && rows.start[row] <= place; row += 1) {
    if (rows.end[row] > place) return row;
  }
  return -1;
}

/** Returns the row nearest to a position, within `reach` bases; -1 if there is none. */
export function nearest(rows, place, reach) {
  let [best, distance] = [-1, Infinity];
  for (const row of rowsIn(rows, place - reach, place + reach)) {
    const away = Math.max(rows.start[row] - place, place - rows.end[row], 0);
    if (away < distance) [best, distance] = [row, away];
  }
  return best;
}
