// Lets node run the page's own modules: they are plain ES modules whose names end in .js, and need
// of the browser only what is given here.

import { register } from 'node:module';

const load = `export const load = (url, context, next) => next(url, url.includes('/ui/js/') ? { ...context, format: 'module' } : context);`;
register(`data:text/javascript,${encodeURIComponent(load)}`);

globalThis.document = {
  documentElement: {},
  createElement: () => ({ getContext: () => ({ measureText: text => ({ width: 6 * text.length }) }) }),
};

/** A module of the page, by its name below ui/js/. */
export const ui = name => import(new URL(`../../ui/js/${name}`, import.meta.url));
