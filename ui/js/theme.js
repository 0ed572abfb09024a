// The colours of the page, light and dark.

import { listen } from './dom.js';

const root = document.documentElement;
const KEY = 'epivizrs-theme';

/** The colours of saved pictures, for white paper. */
export const PAPER = { ink: '#1c2430', muted: '#5b6675', line: '#b4bcc8', grid: '#e8ebf0', back: '#ffffff', mark: '#2563a8' };

/** Returns the colours of pictures on the screen. */
export function screenPalette() {
  const style = getComputedStyle(root);
  const colors = Object.keys(PAPER).map(name => [name, style.getPropertyValue(`--${name}`).trim()]);
  return { ...Object.fromEntries(colors), dark: root.dataset.theme === 'dark' };
}

let canvas = null;

/** Converts a CSS colour to the form #1f77b4; grey if it is not valid. */
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
 * Returns the colour of a row, which BED writes as `255,0,0` and interact as `#ff0000`, in the form
 * #1f77b4. Returns '' if there is none; programs write black for rows without a colour.
 */
export function ownColor(text) {
  const bare = String(text ?? '').replaceAll(/['"\s]/g, '').toLowerCase();
  const levels = /^\d{1,3},\d{1,3},\d{1,3}$/.test(bare) ? bare.split(',').map(Number) : levelsOf(bare);
  if (levels.length !== 3 || levels.some(level => !(level <= 255)) || levels.every(level => level === 0)) return '';
  return `#${levels.map(level => level.toString(16).padStart(2, '0')).join('')}`;
}

/** Returns a visible colour: dark ones are lightened on a dark screen. */
export function visible(color, palette) {
  const levels = levelsOf(color);
  const light = lightness(levels);
  if (!palette.dark || !(light < 110)) return color;
  const part = (110 - light) / (255 - light);
  return `#${levels.map(level => Math.round(level + (255 - level) * part).toString(16).padStart(2, '0')).join('')}`;
}

/** Mixes a colour with a background colour. Colours not of the form #1f77b4 are unchanged. */
export function mixed(color, ground, strength) {
  const [over, under] = [levelsOf(color), levelsOf(ground)];
  if (over.length === 0 || under.length === 0) return color;
  return `#${over.map((level, i) => Math.round(under[i] + (level - under[i]) * strength).toString(16).padStart(2, '0')).join('')}`;
}

/** Returns black or white, whichever is more readable on a colour. */
export const contrast = color => (lightness(levelsOf(color)) > 150 ? '#000' : '#fff');

/** Applies the theme that the user chose, or the system's. Returns a function that switches it. */
export function startTheme(onChange) {
  const preferred = matchMedia('(prefers-color-scheme: dark)');
  let chosen = null;
  try { chosen = localStorage.getItem(KEY); } catch { /* The system's theme applies. */ }
  const apply = () => {
    root.dataset.theme = chosen ?? (preferred.matches ? 'dark' : 'light');
    onChange();
  };
  listen(preferred, 'change', apply);
  apply();
  return () => {
    chosen = root.dataset.theme === 'dark' ? 'light' : 'dark';
    try { localStorage.setItem(KEY, chosen); } catch { /* The choice applies to this visit only. */ }
    apply();
  };
}
