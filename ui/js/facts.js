// What can be read instead of looked at: the rows of a chart as a table, and what the endpoint
// serves, under which addresses.

import { byId, make } from './dom.js';
import { note } from './notes.js';
import { grouped } from './region.js';
import { nameOf, rowsIn } from './rows.js';
import { short } from './scale.js';

const MOST_ROWS = 500;

function table(head, rows) {
  const line = (cell, cells) => make('tr', {}, ...cells.map(text => make(cell, { textContent: text })));
  return make('table', {}, make('thead', {}, line('th', head)), make('tbody', {}, ...rows.map(cells => line('td', cells))));
}

/** Shows the rows that a chart has in view. */
export function showTable(app, chart) {
  const { view } = app.place;
  const [first] = chart.measurements;
  const rows = app.data.newest(first.datasourceId, first.id, view)?.rows;
  const values = chart.measurements.filter(m => m.type !== 'range' && m.datasourceId === first.datasourceId);
  const list = rows ? [...rowsIn(rows, view.start, view.end)] : [];
  const named = list.some(row => nameOf(rows, row) !== '');
  const head = [...(named ? ['Name'] : []), 'Start', 'End', 'Strand', ...values.map(m => m.name)];
  const cells = row => [
    ...(named ? [nameOf(rows, row)] : []), grouped(rows.start[row] + 1), grouped(rows.end[row]), rows.strand(row),
    ...values.map(m => short(rows.values[m.id]?.[row])),
  ];
  byId('table-title').textContent = `${chart.title}: ${grouped(list.length)} rows on ${view.seq}`;
  byId('table').replaceChildren(
    table(head, list.slice(0, MOST_ROWS).map(cells)),
    ...(list.length > MOST_ROWS ? [make('p', { className: 'hint', textContent: `The first ${MOST_ROWS} are listed.` })] : []));
  byId('table-dialog').showModal();
}

/** Shows what is served, and the addresses to open elsewhere. */
export function showAbout(app, info) {
  const address = (label, url, link) => {
    const field = make('input', { value: url, readOnly: true, 'aria-label': label, onfocus: () => field.select() });
    const copy = make('button', { type: 'button', textContent: 'Copy', onclick: () => copied(url, field) });
    const open = link ? [make('a', { href: url, target: '_blank', rel: 'noopener', textContent: 'Open' })] : [];
    return make('div', { className: 'address' }, make('span', { textContent: label }), field, copy, ...open);
  };
  const socket = String(app.socket.url);
  const fact = (word, text) => [make('dt', { textContent: word }), make('dd', { textContent: text })];
  byId('about').replaceChildren(
    make('dl', {}, ...fact('Program', `${info.program} ${info.version}`), ...fact('Assembly', info.assembly), ...fact('Open pages', String(info.pages))),
    address('Endpoint, for EpiViz', socket, false),
    ...(info.epiviz ? [address('In EpiViz', info.epiviz, true)] : []),
    ...(info.ownEpiviz ? [address('In the EpiViz served here', new URL(info.ownEpiviz, location.href).href, true)] : []),
    table(['Measurement', 'File', 'Chart'], [...app.measurements.values()].map(m => [m.name, m.annotation?.file ?? '', m.defaultChartType ?? ''])));
  byId('about-dialog').showModal();
}

/** Puts a text on the clipboard, or selects it where a page may not. */
export async function copied(text, field) {
  try {
    await navigator.clipboard.writeText(text);
    note('Copied.');
  } catch {
    field?.select();
    note(field ? 'Press Ctrl+C to copy.' : `Copy the address from the browser's bar.`);
  }
}
