// EpiViz in a headless browser: served as it lies in its folder, or by the endpoint itself.
import { createRequire } from 'node:module';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';

const modules = process.env.PLAYWRIGHT_MODULES ?? path.dirname(new URL(import.meta.url).pathname);
const { chromium } = createRequire(path.join(modules, 'node_modules', 'x.js'))('playwright-core');

const KINDS = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
function serve(folder) {
  const server = http.createServer((request, response) => {
    const name = path.normalize(decodeURIComponent(new URL(request.url, 'http://x').pathname));
    const file = path.join(folder, name);
    if (!fs.existsSync(file) || fs.statSync(file).isDirectory()) return response.writeHead(404).end();
    response.setHeader('content-type', KINDS[path.extname(file)] ?? 'application/octet-stream');
    response.end(fs.readFileSync(file));
  });
  return new Promise(done => server.listen(0, '127.0.0.1', () => done(server)));
}

/**
 * A page that is not yet at an address. `start(query)` opens EpiViz there and waits until it knows
 * measurements and a place; `window.page` is then EpiViz itself. With `cache` off it is the copy
 * that the endpoint serves (`--ui`). Nothing but loopback can be reached.
 */
export async function open({ ui, ws, cache = true }) {
  const server = cache ? await serve(path.resolve(ui)) : null;
  const base = cache ? `http://127.0.0.1:${server.address().port}`
    : `${new URL(ws).origin.replace('ws:', 'http:')}/epiviz`;
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', headless: true,
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'],
  });
  const page = await browser.newPage({ viewport: { width: 1400, height: 1000 } });
  const errors = [];
  page.on('pageerror', error => errors.push(String(error.message).slice(0, 200)));
  await page.route('**/*', route =>
    new URL(route.request().url()).hostname === '127.0.0.1' ? route.continue() : route.abort());
  await page.addInitScript(() => document.addEventListener('DOMContentLoaded', () => {
    if (typeof epiviz === 'undefined') return; // a page that was left while it loaded
    const start = epiviz.EpiViz.prototype.start;
    epiviz.EpiViz.prototype.start = function () { window.page = this; return start.apply(this, arguments); };
  }));
  const ready = () => page.waitForFunction(() => window.page?._measurementsManager.measurements().size() > 0
    && window.page._locationManager.currentLocation(), null, { timeout: 30000 });
  return {
    page, errors, ready,
    async start(query) {
      await page.goto(`${base}/index-standalone.html?websocket-host[]=${ws}&useCookie=false&${query}`);
      await ready();
    },
    async close() {
      await browser.close();
      server?.close();
    },
  };
}
