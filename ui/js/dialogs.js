// Dialogs: adding a chart, its settings, its rows, and the served data.

import { CHARTS, kindFor, kindNamed } from './charts/list.js';
import { nameOf, rowsIn } from './data.js';
import { addressOf, byId, listen, make, note } from './dom.js';
import { grouped } from './region.js';
import { counted, numberOr, short } from './scale.js';
import { hex } from './theme.js';

const MAX_ROWS = 500;

const option = kind => make('option', { value: kind.name }, kind.label);

/**
 * Makes a dialog call `does` on submit and close; if that fails, it shows the error and stays open.
 * Returns a function that removes the error.
 */
function submitted(form, does) {
  const refusal = form.querySelector('.refusal');
  const say = text => Object.assign(refusal, { textContent: text, hidden: text === '' });
  listen(form, 'submit', async event => {
    event.preventDefault();
    try {
      await does();
      form.closest('dialog').close();
    } catch (error) {
      say(error.message);
    }
  });
  listen(form, 'input', () => say(''));
  return () => say('');
}

/** Returns a function that opens 'Add a chart'. */
export function startAddDialog(app, sharing, colorOf) {
  const [form, choices] = [byId('add-form'), byId('choices')];
  const { kind: kinds, filter } = form.elements;
  kinds.append(make('option', { value: '' }, 'Automatic'), ...CHARTS.map(option));

  const chosen = () => [...choices.querySelectorAll(':checked')].map(box => app.measurements.get(box.value)).filter(Boolean);
  const sift = () => {
    const text = filter.value.toLowerCase();
    for (const label of choices.children) label.hidden = !label.textContent.toLowerCase().includes(text);
  };
  const list = () => {
    const kind = kindNamed(kinds.value);
    const kept = chosen();
    byId('add-hint').textContent = kind ? `Choose ${counted(kind.least, 'measurement')} or more for one chart.` : 'Each measurement gets a separate chart.';
    const fitting = [...app.measurements.values()].filter(({ type }) => !kind || type === kind.takes);
    choices.replaceChildren(...fitting.map(one => make('label', {},
      make('input', { type: 'checkbox', value: one.id, checked: kept.includes(one) }),
      make('span', {}, one.name),
      make('small', {}, one.annotation?.file ?? ''))));
    sift();
  };
  listen(kinds, 'change', list);
  listen(filter, 'input', sift);
  const clear = submitted(form, async () => {
    const kind = kindNamed(kinds.value);
    const measurements = chosen();
    if (measurements.length === 0) throw new Error('Choose at least one measurement.');
    if (kind) await sharing.add(kind, measurements, { colors: measurements.map(colorOf) });
    else for (const one of measurements) await sharing.add(kindFor(one), [one], { colors: [colorOf(one)] });
    app.charts.at(-1).element.scrollIntoView({ block: 'nearest' });
  });
  return () => {
    filter.value = '';
    choices.replaceChildren();
    clear();
    list();
    byId('add-dialog').showModal();
  };
}

/** Returns a function that opens the settings of a chart. */
export function startSetDialog(app, sharing, onChange) {
  const [dialog, form] = [byId('set-dialog'), byId('set-form')];
  const { title, kind: kinds, height, yMin, yMax } = form.elements;
  let chart = null;

  listen(byId('set-table'), 'click', () => { dialog.close(); showTable(app, chart); });
  const clear = submitted(form, async () => {
    const kind = kindNamed(kinds.value);
    // A chart of another kind gets its own default height.
    const settings = { title: title.value.trim(), height: kind === chart.kind ? numberOr('default', height.value) : 'default' };
    if (chart.kind.takes === 'feature') Object.assign(settings, { yMin: numberOr('default', yMin.value), yMax: numberOr('default', yMax.value) });
    const picked = [...byId('colors').querySelectorAll('input')].map(input => input.value);
    const colors = [...picked, ...chart.colors.slice(picked.length)];
    await sharing.retype(chart, kind);
    app.setChart(chart, settings, colors);
    onChange(chart, settings, colors);
  });
  return opened => {
    chart = opened;
    const { settings, kind, colors, measurements } = chart;
    byId('set-title').textContent = chart.title;
    Object.assign(title, { value: settings.title ?? '', placeholder: chart.names });
    kinds.replaceChildren(...CHARTS.filter(({ takes, least }) => takes === kind.takes && least <= measurements.length).map(option));
    kinds.value = kind.name;
    clear();
    height.value = chart.chosenHeight ?? '';
    for (const input of [yMin, yMax]) {
      input.value = numberOr('', settings[input.name]);
      input.closest('label').hidden = kind.takes !== 'feature';
    }
    byId('colors').replaceChildren(make('legend', {}, 'Colours'), ...measurements.map(({ name }, i) => (
      make('label', {}, make('input', { type: 'color', value: hex(colors[i % colors.length]) }), make('span', {}, name)))));
    dialog.showModal();
  };
}

function table(head, rows) {
  const line = (cell, cells) => make('tr', {}, ...cells.map(text => make(cell, {}, text)));
  return make('table', {}, make('thead', {}, line('th', head)), make('tbody', {}, ...rows.map(cells => line('td', cells))));
}

/** Shows the rows of a chart in the view. */
function showTable(app, chart) {
  const { view } = app.place;
  const [first] = chart.measurements;
  const rows = app.data.answers(first, view)[0]?.rows;
  const list = rows ? [...rowsIn(rows, view.start, view.end)] : [];
  const columns = [
    ['Name', row => nameOf(rows, row)],
    ['Start', row => grouped(rows.start[row] + 1)],
    ['End', row => grouped(rows.end[row])],
    ['Strand', row => rows.strand(row)],
    ...chart.measurements.filter(m => m.type !== 'range' && m.datasourceId === first.datasourceId)
      .map(({ id, name }) => [name, row => short(rows.values[id]?.[row])]),
  ];
  if (list.every(row => nameOf(rows, row) === '')) columns.shift();
  byId('table-title').textContent = `${chart.title}: ${counted(list.length, 'row')} on ${view.seq}`;
  byId('table').replaceChildren(
    table(columns.map(([head]) => head), list.slice(0, MAX_ROWS).map(row => columns.map(([, cell]) => cell(row)))),
    list.length > MAX_ROWS ? `Only the first ${MAX_ROWS} are listed.` : '');
  byId('table-dialog').showModal();
}

/** Shows the served data, and addresses of other pages. */
export function showAbout(app, info) {
  const address = (label, url, isPage = true) => {
    if (!url) return '';
    const field = make('input', { value: url, readOnly: true, 'aria-label': label, onfocus: () => field.select() });
    const copy = make('button', { type: 'button', onclick: () => copied(url, field) }, 'Copy');
    const open = isPage ? make('a', { href: url, target: '_blank', rel: 'noopener' }, 'Open') : '';
    return make('div', { className: 'address' }, make('span', {}, label), field, copy, open);
  };
  byId('about').replaceChildren(
    make('p', {}, `${info.program} ${info.version}, assembly ${info.assembly}, open pages: ${info.pages}`),
    address('Endpoint, for EpiViz', String(app.socket.url), false),
    address('In EpiViz', info.epiviz),
    address('In the EpiViz served here', info.ownEpiviz && new URL(info.ownEpiviz, addressOf('')).href),
    table(['Measurement', 'File', 'Chart'], [...app.measurements.values()].map(m => [m.name, m.annotation?.file ?? '', m.defaultChartType ?? ''])));
  byId('about-dialog').showModal();
}

/** Copies a text, or selects it if the page is not allowed to copy. */
export async function copied(text, field) {
  try {
    await navigator.clipboard.writeText(text);
    note('Copied.');
  } catch {
    field?.select();
    note(field ? 'Press Ctrl+C to copy.' : `Copy the address from the browser's bar.`);
  }
}
