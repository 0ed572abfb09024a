// Colours of the page's own parts, light and dark.

import { listen } from './dom.js';

const root = document.documentElement;
const KEY = 'epivizrs-theme';

/** The colours with which pictures are saved: for white paper. */
export const PAPER = { ink: '#1c2430', muted: '#5b6675', line: '#b4bcc8', grid: '#e8ebf0', back: '#ffffff', mark: '#2563a8' };

/** The colours with which pictures are drawn on the screen. */
export function screenPalette() {
  const style = getComputedStyle(root);
  const colors = Object.keys(PAPER).map(name => [name, style.getPropertyValue(`--${name}`).trim()]);
  return { ...Object.fromEntries(colors), dark: root.dataset.theme === 'dark' };
}

let canvas = null;

/** A colour in any of CSS' forms as #1f77b4; grey if it is none. */
export function hex(color) {
  if (/^#[0-9a-f]{6}$/.test(color)) return color;
  canvas ??= document.createElement('canvas').getContext('2d');
  canvas.fillStyle = '#888888';
  canvas.fillStyle = color;
  return canvas.fillStyle.startsWith('#') ? canvas.fillStyle : '#888888';
}

/** Red, green and blue, 0 to 255, of a colour like #1f77b4. */
const levelsOf = color => (/^#(..)(..)(..)$/.exec(color) ?? []).slice(1).map(level => parseInt(level, 16));
const lightness = ([red, green, blue]) => red * 0.3 + green * 0.59 + blue * 0.11;

/**
 * The colour that a row asks for, as BED (`255,0,0`) and interact (`#ff0000`) write it, like #1f77b4;
 * empty if it asks for none: black is what programs write who have no colour to tell.
 */
export function ownColor(text) {
  const bare = String(text ?? '').replaceAll(/['"\s]/g, '').toLowerCase();
  const levels = /^\d{1,3},\d{1,3},\d{1,3}$/.test(bare) ? bare.split(',').map(Number) : levelsOf(bare);
  if (levels.length !== 3 || levels.some(level => !(level <= 255)) || levels.every(level => level === 0)) return '';
  return `#${levels.map(level => level.toString(16).padStart(2, '0')).join('')}`;
}

/** A colour that can be seen: dark ones are lifted on a dark screen. */
export function visible(color, palette) {
  const levels = levelsOf(color);
  const light = lightness(levels);
  if (!palette.dark || !(light < 110)) return color;
  const part = (110 - light) / (255 - light);
  return `#${levels.map(level => Math.round(level + (255 - level) * part).toString(16).padStart(2, '0')).join('')}`;
}

/** A colour of that strength on a ground: between the two. Colours that are not like #1f77b4 stay as they are. */
export function mixed(color, ground, strength) {
  const [over, under] = [levelsOf(color), levelsOf(ground)];
  if (over.length === 0 || under.length === 0) return color;
  return `#${over.map((level, i) => Math.round(under[i] + (level - under[i]) * strength).toString(16).padStart(2, '0')).join('')}`;
}

/** Black or white, whichever is read better on a colour. */
export const contrast = color => (lightness(levelsOf(color)) > 150 ? '#000' : '#fff');

/** Takes the theme chosen before, else the system's. Returns what changes it. */
export function startTheme(onChange) {
  const preferred = matchMedia('(prefers-color-scheme: dark)');
  let chosen = null;
  try { chosen = localStorage.getItem(KEY); } catch { /* As the system has it. */ }
  const apply = () => {
    root.dataset.theme = chosen ?? (preferred.matches ? 'dark' : 'light');
    onChange();
  };
  listen(preferred, 'change', apply);
  apply();
  return () => {
    chosen = root.dataset.theme === 'dark' ? 'light' : 'dark';
    try { localStorage.setItem(KEY, chosen); } catch { /* For this visit only. */ }
    apply();
  };
}
