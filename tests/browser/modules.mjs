// Lets Node run the page's own modules, which are plain ES modules whose names end in .js and which
// need only the objects of the browser that are defined here.

import { register } from 'node:module';

const load = `export const load = (url, context, next) => next(url, url.includes('/ui/js/') ? { ...context, format: 'module' } : context);`;
register(`data:text/javascript,${encodeURIComponent(load)}`);

globalThis.document = {
  documentElement: {},
  createElement: () => ({ getContext: () => ({ measureText: text => ({ width: 6 * text.length }) }) }),
};

/** Imports a module of the page by its path below ui/js/. */
export const ui = name => import(new URL(`../../ui/js/${name}`, import.meta.url));
