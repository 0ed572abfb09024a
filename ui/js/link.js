// The fragment of the address (after '#') that restores the view: the region and the charts. Content
// from an address is checked before it is used.

import { kindNamed, settingsOf } from './charts/list.js';
import { written } from './region.js';

/** Stands for no charts. */
const NONE = 'none';

/** Returns the fragment for a view and its charts. */
export function encoded(view, charts) {
  const parts = new URLSearchParams({ at: written(view).replaceAll(',', '') });
  for (const { kind, measurements, colors, settings } of charts) {
    const changed = settingsOf(kind).filter(({ id, defaultValue }) => !['', undefined, defaultValue].includes(settings[id]));
    const more = {
      colors: colors.slice(0, measurements.length),
      ...Object.fromEntries(changed.map(({ id }) => [id, settings[id]])),
    };
    parts.append('chart', JSON.stringify([kind.name, measurements.map(({ id }) => id), more]));
  }
  if (charts.length === 0) parts.append('chart', NONE);
  // Some characters are not encoded, for readability.
  return `#${parts.toString().replace(/%(3A|2C|5B|5D|7B|7D)/g, decodeURIComponent)}`;
}

/** Parses a fragment: `at`, and `charts` if it mentions charts. */
export function decoded(hash, known) {
  const parts = new URLSearchParams(hash.replace(/^#/, ''));
  const asked = parts.getAll('chart');
  // An address with only a region leaves the charts to the page.
  const hasCharts = asked.length > 0;
  const named = asked.filter(text => text !== NONE);
  const charts = named.map(text => chartOf(text, known)).filter(Boolean);
  return { at: parts.get('at') ?? '', hasCharts, charts, lost: named.length - charts.length };
}

function chartOf(text, known) {
  try {
    const [name, ids, more = {}] = JSON.parse(text);
    const kind = kindNamed(name);
    const measurements = ids.map(id => known.get(id)).filter(Boolean);
    if (measurements.length < kind.least) return null;
    const colors = (more.colors ?? []).filter(color => CSS.supports('color', color));
    const settings = settingsOf(kind).map(({ id }) => [id, more[id]]).filter(([, value]) => ['string', 'number'].includes(typeof value));
    return { kind, measurements, colors, settings: Object.fromEntries(settings) };
  } catch {
    return null;
  }
}
