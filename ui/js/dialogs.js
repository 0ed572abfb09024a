// The two dialogs that change charts: adding one, and its settings.

import { byId, make } from './dom.js';
import { note } from './notes.js';
import { CHARTS, kindNamed } from './charts/list.js';

const option = kind => make('option', { value: kind.name, textContent: kind.label });

/** A colour as an <input type=color> wants it. */
function hex(color) {
  const context = document.createElement('canvas').getContext('2d');
  context.fillStyle = color;
  return /^#[0-9a-f]{6}$/.test(context.fillStyle) ? context.fillStyle : '#888888';
}

/** Closes dialogs by their own buttons, and hands what is submitted to `done(form)`. */
function listen(dialog, done) {
  dialog.querySelector('form').addEventListener('submit', event => {
    event.preventDefault();
    dialog.close();
    done(event.target);
  });
}

/** Makes 'Add chart' work. Returns what opens it. */
export function startAddDialog(app, colorOf) {
  const dialog = byId('add-dialog');
  const form = dialog.querySelector('form');
  const { kind: kinds, filter } = form.elements;
  kinds.append(make('option', { value: '', textContent: 'As fits' }), ...CHARTS.map(option));

  const kindFor = measurement => {
    const own = kindNamed(measurement.defaultChartType);
    return own?.takes === measurement.type ? own : kindNamed(measurement.type === 'range' ? 'BlocksTrack' : 'LineTrack');
  };
  const chosen = () => [...byId('choices').querySelectorAll('input:checked')].map(box => app.measurements.get(box.value)).filter(Boolean);
  const list = () => {
    const kind = kindNamed(kinds.value);
    const kept = new Set(chosen().map(measurement => measurement.id));
    byId('add-hint').textContent = kind?.least > 1 ? `Choose at least ${kind.least}: the first is drawn to the right, the second upward.`
      : kind ? 'All that you choose are drawn in one chart.' : 'Each is drawn in a chart of its own.';
    byId('choices').replaceChildren(...[...app.measurements.values()]
      .filter(measurement => !kind || measurement.type === kind.takes)
      .map(measurement => {
        const box = make('input', { type: 'checkbox', value: measurement.id, checked: kept.has(measurement.id) });
        return make('label', {}, box, make('span', { textContent: measurement.name }), make('small', { textContent: measurement.annotation?.file ?? '' }));
      }));
    sift();
  };
  const sift = () => {
    const text = filter.value.toLowerCase();
    for (const label of byId('choices').children) label.hidden = !label.textContent.toLowerCase().includes(text);
  };
  kinds.addEventListener('change', list);
  filter.addEventListener('input', sift);
  listen(dialog, () => {
    const kind = kindNamed(kinds.value);
    const measurements = chosen();
    try {
      if (kind) app.addChart(kind, measurements, { colors: measurements.map(colorOf) });
      else for (const one of measurements) app.addChart(kindFor(one), [one], { colors: [colorOf(one)] });
      if (measurements.length) app.charts.at(-1).element.scrollIntoView({ block: 'nearest' });
    } catch (error) {
      note(error.message);
    }
  });
  return () => {
    filter.value = '';
    byId('choices').replaceChildren();
    list();
    dialog.showModal();
  };
}

/** Makes the settings of charts work. Returns what opens them for a chart. */
export function startSetDialog(app, { onChange, onTable }) {
  const dialog = byId('set-dialog');
  const { elements } = dialog.querySelector('form');
  let chart = null;

  dialog.querySelector('[data-table]').addEventListener('click', () => { dialog.close(); onTable(chart); });
  listen(dialog, () => {
    const number = text => (text.trim() === '' || !Number.isFinite(Number(text)) ? 'default' : Number(text));
    const settings = { title: elements.title.value.trim(), height: Number(elements.height.value) || chart.height };
    if (chart.kind.takes === 'feature') Object.assign(settings, { yMin: number(elements.yMin.value), yMax: number(elements.yMax.value) });
    const picked = [...byId('colors').querySelectorAll('input')].map(input => input.value);
    const colors = [...picked, ...chart.colors.slice(picked.length)];
    const kind = kindNamed(elements.kind.value);
    if (kind === chart.kind) {
      app.setChart(chart, settings, colors);
      onChange(chart, settings, colors);
      return;
    }
    try {
      app.replace(chart, kind, { colors, settings: { ...settings, height: undefined } });
    } catch (error) {
      note(error.message);
    }
  });
  return opened => {
    chart = opened;
    const { settings, kind, colors, measurements } = chart;
    byId('set-title').textContent = chart.title;
    elements.title.value = settings.title ?? '';
    elements.title.placeholder = measurements.map(measurement => measurement.name).join(', ');
    const fitting = CHARTS.filter(({ takes, least }) => takes === kind.takes && least <= measurements.length);
    elements.kind.replaceChildren(...fitting.map(option));
    elements.kind.value = kind.name;
    elements.height.value = chart.height;
    const shown = value => (Number.isFinite(Number(value)) && value !== '' && value !== null ? value : '');
    elements.yMin.value = shown(settings.yMin ?? '');
    elements.yMax.value = shown(settings.yMax ?? '');
    for (const label of dialog.querySelectorAll('.of-values')) label.hidden = kind.takes !== 'feature';
    byId('colors').replaceChildren(make('legend', { textContent: 'Colours' }), ...measurements.map((measurement, i) => (
      make('label', {}, make('input', { type: 'color', value: hex(colors[i % colors.length]) }), make('span', { textContent: measurement.name })))));
    dialog.showModal();
  };
}
