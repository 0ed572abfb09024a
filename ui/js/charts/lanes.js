// Lanes for intervals that overlap.

/**
 * Assigns each interval of a list, sorted by start, to the first free lane; `from` and `to` return
 * the start and end of its picture. Lanes depend only on the list, unless `held` has lanes by key:
 * while the view is dragged, an interval stays in its lane as long as that is free. Sets `lane` of
 * each interval, and returns the number of lanes.
 */
export function pack(list, from, to, gap, held) {
  const ends = [];
  let count = 0;
  for (const one of list) {
    const start = from(one) - gap;
    const had = held?.get(one.key);
    let lane = had !== undefined && !(ends[had] > start) ? had : 0;
    while (ends[lane] > start) lane += 1;
    ends[lane] = to(one);
    count = Math.max(count, lane + 1);
    one.lane = lane;
    held?.set(one.key, lane);
  }
  return count;
}

/**
 * Returns the lanes that intervals keep while the view is dragged: those at rest, in a view of the
 * same width; null at rest and while zooming.
 */
export function heldLanes(memory, { moving, view }, name) {
  if (!moving) return null;
  const width = view.end - view.start;
  const rest = memory[name];
  if (!rest || Math.abs(rest.width - width) > width * 1e-6) return null;
  rest.held ??= new Map(rest.list.map((one, i) => [one.key, rest.lanes[i]]));
  return rest.held;
}

/** Remembers the lanes of a list at rest. */
export function rememberLanes(memory, { moving, view }, name, list) {
  if (!moving) memory[name] = { width: view.end - view.start, list, lanes: Int32Array.from(list, one => one.lane), held: null };
}
