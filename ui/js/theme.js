// Colours of the page's own parts, light and dark.

const root = document.documentElement;
const preferred = matchMedia('(prefers-color-scheme: dark)');
const KEY = 'epivizrs-theme';

/** The colours with which pictures are drawn on the screen. */
export function screenPalette() {
  const style = getComputedStyle(root);
  const color = name => style.getPropertyValue(`--${name}`).trim();
  return { ink: color('ink'), muted: color('muted'), line: color('line'), grid: color('grid'), back: color('back'), mark: color('mark'), dark: root.dataset.theme === 'dark' };
}

/** The colours with which pictures are saved: for white paper. */
export const PAPER = { ink: '#1c2430', muted: '#5b6675', line: '#b4bcc8', grid: '#e8ebf0', back: '#ffffff', mark: '#2563a8' };

/** A colour that can be seen on the palette's ground: dark ones are lifted on a dark screen. */
export function visible(color, palette) {
  const [, ...parts] = /^#(..)(..)(..)$/.exec(palette.dark ? color : '') ?? [];
  const levels = parts.map(part => parseInt(part, 16));
  const light = levels[0] * 0.3 + levels[1] * 0.59 + levels[2] * 0.11;
  if (!(light < 110)) return color;
  const part = (110 - light) / (255 - light);
  return `#${levels.map(level => Math.round(level + (255 - level) * part).toString(16).padStart(2, '0')).join('')}`;
}

/** Takes the theme chosen before, else the system's, and tells when it changes. */
export function startTheme(onChange) {
  const apply = () => {
    const chosen = stored();
    root.dataset.theme = chosen ?? (preferred.matches ? 'dark' : 'light');
    onChange();
  };
  preferred.addEventListener('change', apply);
  apply();
  return function toggle() {
    try { localStorage.setItem(KEY, root.dataset.theme === 'dark' ? 'light' : 'dark'); } catch { /* Not kept then. */ }
    root.dataset.theme = root.dataset.theme === 'dark' ? 'light' : 'dark';
    onChange();
  };
}

function stored() {
  try {
    const value = localStorage.getItem(KEY);
    return value === 'dark' || value === 'light' ? value : null;
  } catch {
    return null;
  }
}
