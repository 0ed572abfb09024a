// Colours of the page's own parts, light and dark.

const root = document.documentElement;
const preferred = matchMedia('(prefers-color-scheme: dark)');
const KEY = 'epivizrs-theme';

/** The colours with which pictures are drawn on the screen. */
export function screenPalette() {
  const style = getComputedStyle(root);
  const color = name => style.getPropertyValue(`--${name}`).trim();
  return { ink: color('ink'), muted: color('muted'), line: color('line'), grid: color('grid'), back: color('back'), mark: color('mark') };
}

/** The colours with which pictures are saved: for white paper. */
export const PAPER = { ink: '#1c2430', muted: '#5b6675', line: '#b4bcc8', grid: '#e8ebf0', back: '#ffffff', mark: '#2563a8' };

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
