// The part of the address behind '#' that restores the view: the region and the charts.
// What comes from an address is checked before it is used.

import { kindNamed, settingsOf } from './charts/list.js';
import { written } from './region.js';

/** The address part for a view and its charts. */
export function encoded(view, charts) {
  const parts = new URLSearchParams({ at: written(view).replaceAll(',', '') });
  for (const chart of charts) {
    const { kind, measurements, colors, settings, fromEndpoint } = chart;
    const more = { colors: colors.slice(0, Math.max(measurements.length, 1)), ...(fromEndpoint && { endpoint: 1 }) };
    for (const { id, defaultValue } of settingsOf(kind)) {
      if (settings[id] !== undefined && settings[id] !== '' && settings[id] !== defaultValue) more[id] = settings[id];
    }
    parts.append('chart', JSON.stringify([kind.name, measurements.map(measurement => measurement.id), more]));
  }
  // Commas, colons and brackets may stand there, and are easier to read so.
  return `#${parts.toString().replace(/%(3A|2C|5B|5D|7B|7D)/g, decodeURIComponent)}`;
}

/** The region's text and the charts of an address part; null if it holds neither. */
export function decoded(hash, known) {
  const parts = new URLSearchParams(hash.replace(/^#/, ''));
  if (!parts.has('at') && !parts.has('chart')) return null;
  const charts = parts.getAll('chart').map(text => chartOf(text, known)).filter(Boolean);
  return { at: parts.get('at') ?? '', charts, asked: parts.getAll('chart').length };
}

function chartOf(text, known) {
  try {
    const [name, ids, more = {}] = JSON.parse(text);
    const kind = kindNamed(name);
    const measurements = ids.map(id => known.get(id)).filter(Boolean);
    if (!kind || measurements.length < Math.max(1, kind.least)) return null;
    const colors = Array.isArray(more.colors) ? more.colors.filter(color => CSS.supports('color', color)) : [];
    const allowed = settingsOf(kind).map(({ id }) => id).filter(id => ['string', 'number'].includes(typeof more[id]));
    const settings = Object.fromEntries(allowed.map(id => [id, more[id]]));
    return { kind, measurements, colors, settings, fromEndpoint: Boolean(more.endpoint) };
  } catch {
    return null;
  }
}
