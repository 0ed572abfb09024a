// What the page holds of each datasource. A view is asked for exactly (the endpoint chooses the
// level by its width), and drawn from older answers until the new one is there.

import { toWire, fromWire } from './region.js';
import { readPart } from './rows.js';

/** Answers kept a datasource: enough to fill the edges while moving and zooming out. */
const KEPT = 5;

/** The rows of all datasources. Asks one request a datasource at a time, always the newest view. */
export class Data {
  /** `ask(args)` sends getCombined; `onNews(datasource)` is called when there is more to draw. */
  constructor(ask, onNews) {
    Object.assign(this, { ask, onNews, feeds: new Map(), view: null });
  }

  /** The measurements to hold: a Map from datasource to a Set of ids. */
  want(wanted) {
    for (const name of this.feeds.keys()) if (!wanted.has(name)) this.feeds.delete(name);
    for (const [name, ids] of wanted) {
      const feed = this.feeds.get(name) ?? { name, answers: [], busy: false, error: null, group: null };
      feed.ids = ids;
      this.feeds.set(name, feed);
    }
    this.refresh();
  }

  /** The page looks there now, or is on its way there. */
  look(view) {
    this.view = view;
    this.refresh();
  }

  /** Forgets the rows of the datasources for which `which(name)` holds, and asks for them again. */
  forget(which = () => true) {
    for (const feed of this.feeds.values()) {
      // What is on its way was asked before: its answer is not kept.
      if (which(feed.name)) Object.assign(feed, { answers: [], epoch: (feed.epoch ?? 0) + 1 });
    }
    this.refresh();
  }

  /** Whether all that is in view has been answered. */
  get settled() {
    return [...this.feeds.values()].every(feed => !feed.busy && this.fresh(feed));
  }

  /** Why the rows of a datasource could not be had; null if they could. */
  error(name) {
    return this.feeds.get(name)?.error ?? null;
  }

  /** The newest answer that holds a measurement on the view's sequence; null if there is none. */
  newest(name, id, view) {
    return this.feeds.get(name)?.answers.find(answer => answer.seq === view.seq && answer.ids.has(id)) ?? null;
  }

  /** Rows of a measurement that fill a view, newest first: [{start, end, rows}], not overlapping. */
  pieces(name, id, view) {
    let open = [[view.start, view.end]];
    const pieces = [];
    for (const answer of this.feeds.get(name)?.answers ?? []) {
      if (answer.seq !== view.seq || !answer.ids.has(id)) continue;
      const left = [];
      for (const [start, end] of open) {
        const [from, to] = [Math.max(start, answer.start), Math.min(end, answer.end)];
        if (from >= to) { left.push([start, end]); continue; }
        pieces.push({ start: from, end: to, rows: answer.rows });
        if (start < from) left.push([start, from]);
        if (to < end) left.push([to, end]);
      }
      open = left;
    }
    return pieces;
  }

  fresh(feed) {
    if (!this.view) return true;
    const want = fromWire(toWire(this.view));
    const [newest] = feed.answers;
    return newest && newest.seq === want.seq && newest.start === want.start && newest.end === want.end
      && [...feed.ids].every(id => newest.ids.has(id));
  }

  refresh() {
    for (const feed of this.feeds.values()) {
      if (!feed.busy && !this.fresh(feed)) this.fetch(feed);
    }
  }

  async fetch(feed) {
    const { epoch } = feed;
    const wire = toWire(this.view);
    const ids = new Set(feed.ids);
    feed.busy = true;
    try {
      const data = await this.ask({ ...wire, measurements: { [feed.name]: [...ids] } });
      feed.busy = false;
      feed.error = null;
      if (feed.epoch === epoch) {
        feed.answers.unshift({ ...fromWire(wire), ids, rows: readPart(data?.[feed.name]) });
        feed.answers.length = Math.min(feed.answers.length, KEPT);
      }
      if (this.feeds.get(feed.name) === feed) this.refresh();
    } catch (error) {
      // Not asked again by itself: the next move, or the next connection, does.
      Object.assign(feed, { busy: false, error: error.message });
    }
    this.onNews(feed.name);
  }
}
