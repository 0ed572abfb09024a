// Helpers of the tests: the program as an endpoint, pages in a browser, and reading
// drawings.

import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const TARGET = process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target');
const PROGRAM = process.env.EPIVIZRS ?? join(TARGET, 'debug', 'epivizrs');
const SHOTS = join(TARGET, 'browser');
/** A folder with the page's files, so that the program need not be rebuilt after each change. */
const UI = process.env.EPIVIZRS_UI;

export const folder = mkdtempSync(join(tmpdir(), 'epivizrs-browser-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

/** Returns a free port. */
export function freePort() {
  return new Promise(resolve => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/**
 * Starts the program; resolves to {url, stop, type, says} when it listens. With `terminal` it runs in
 * a terminal, and `type(text)` types at its prompt.
 */
export function endpoint(args, { port = 0, env = {}, terminal = false } = {}) {
  const line = ['--port', String(port), ...args];
  const quoted = [PROGRAM, ...line].map(word => `'${word}'`).join(' ');
  // An endpoint does not restore the state of another one or of the user.
  const home = { XDG_DATA_HOME: mkdtempSync(join(tmpdir(), 'epivizrs-')) };
  const options = { env: { ...process.env, ...home, ...env } };
  const child = terminal ? spawn('script', ['-qefc', quoted, '/dev/null'], options) : spawn(PROGRAM, ['--no-prompt', ...line], options);
  const type = text => child.stdin.write(`${text}\r`);
  let said = '';
  let printed = '';
  const heard = new Set();
  /** Waits until the program's output matches, without colours. */
  const says = pattern => new Promise((done, fail) => {
    const plain = () => printed.replace(/\x1b\[[0-9;?]*[A-Za-z]/g, '');
    const late = setTimeout(() => fail(new Error(`${pattern} was not said: ${plain().slice(-2000)}`)), 30_000);
    const hear = () => {
      if (!pattern.test(plain())) return;
      heard.delete(hear);
      clearTimeout(late);
      done();
    };
    heard.add(hear);
    hear();
  });
  child.stderr.on('data', data => { said += data; });
  const ended = new Promise(resolve => child.on('exit', resolve));
  const stop = (signal = 'SIGTERM') => { child.kill(signal); return ended; };
  return new Promise((resolve, reject) => {
    ended.then(code => reject(new Error(`the endpoint ended with ${code}: ${said}`)));
    child.stdout.on('data', data => {
      printed += data;
      heard.forEach(hear => hear());
      const found = /listening on ws:\/\/([^/]+)/.exec(data);
      if (found) resolve({ url: `http://${found[1]}/`, stop, type, says });
    });
  });
}

let browser;
/** The browser, started once. */
export async function theBrowser() {
  browser ??= await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
  });
  return browser;
}
export async function closeBrowser() {
  await browser?.close();
}

/** Opens a tab; `faults` collects the browser's errors. */
export async function tab(options = {}) {
  const context = await (await theBrowser()).newContext({ viewport: { width: 1280, height: 860 }, acceptDownloads: true, ...options });
  const page = await context.newPage();
  if (UI) await page.route(/\/ui\//, route => route.fulfill({ path: join(UI, new URL(route.request().url()).pathname.split('/ui/')[1]) }));
  page.faults = [];
  page.on('pageerror', error => page.faults.push(error.stack));
  page.on('console', message => { if (message.type() === 'error') page.faults.push(message.text()); });
  return page;
}

/** Returns the part of the address for a location and charts: [kind, [measurement ids], settings]. */
export function link(at, ...charts) {
  const parts = new URLSearchParams({ at });
  for (const chart of charts) parts.append('chart', JSON.stringify(chart));
  return `#${parts}`;
}

/** Waits until everything in view has been answered and drawn. */
export async function calm(page) {
  // After two frames, new requests are known.
  await page.evaluate(() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done))));
  await page.waitForSelector('main[aria-busy=false]');
}

/** Goes to a location as a user does. */
export async function go(page, text) {
  await page.fill('#place', text);
  await page.press('#place', 'Enter');
  await calm(page);
  await page.evaluate(() => document.activeElement.blur());
}

/** Returns the location in the location box, 1-based. */
export async function place(page) {
  const [, seq, start, end] = /^(.+):([\d,]+)-([\d,]+)$/.exec(await page.inputValue('#place'));
  return { seq, start: Number(start.replaceAll(',', '')), end: Number(end.replaceAll(',', '')) };
}

/** Saves the picture with the menu and returns its bytes. */
export async function saved(page, type) {
  await page.click('#more');
  const [download] = await Promise.all([page.waitForEvent('download'), page.click(`[data-do=${type}]`)]);
  return readFileSync(await download.path());
}

/** Saves a screenshot for inspection. */
export async function shoot(page, name) {
  mkdirSync(SHOTS, { recursive: true });
  await page.screenshot({ path: join(SHOTS, `${name}.png`) });
}

/** Returns the lines of a colour and width in an SVG picture, as steps [x0, x1, y]. */
export function steps(svg, color, width = 1.5) {
  const all = [];
  for (const [, d] of svg.matchAll(new RegExp(`<path d="([^"]*)" stroke="${color}" fill="none" stroke-width="${width}"`, 'g'))) {
    for (const line of d.split('M').filter(Boolean)) {
      const points = line.split('L').map(point => point.split(' ').map(Number));
      for (let i = 0; i + 1 < points.length; i += 2) all.push([points[i][0], points[i + 1][0], points[i][1]]);
    }
  }
  return all;
}

/** Returns the rectangles of a colour in an SVG picture, as [x0, x1]. */
export function rects(svg, color) {
  const pattern = new RegExp(`<rect x="([^"]*)" y="[^"]*" width="([^"]*)" height="[^"]*" fill="${color}"`, 'g');
  return [...svg.matchAll(pattern)].map(([, x, width]) => [Number(x), Number(x) + Number(width)]);
}
