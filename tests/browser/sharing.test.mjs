// The built-in page shares its charts with the session: changes on one page, or at the prompt, are
// seen on other pages, by commands, and after a reload.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bigWig } from './bigwig.mjs';
import { calm, closeBrowser, endpoint, folder, freePort, link, place, shoot, tab } from './support.mjs';

const files = ['full.bw', 'holes.bw', 'blocks.bed'].map(name => join(folder, name));
before(() => {
  writeFileSync(files[0], bigWig('chr1', 2_000_000, 1000, i => i % 50));
  writeFileSync(files[1], bigWig('chr1', 2_000_000, 1000, i => (i % 9 ? null : i % 7)));
  writeFileSync(files[2], Array.from({ length: 40 }, (_, i) => `chr1\t${i * 50_000}\t${i * 50_000 + 9000}\tblock${i}\n`).join(''));
});
after(() => closeBrowser());

async function open(t, url) {
  const page = await tab();
  t.after(async () => {
    await page.context().close();
    assert.deepEqual(page.faults.filter(fault => !/ERR_CONNECTION_REFUSED/.test(fault)), []);
  });
  await page.goto(url);
  await calm(page);
  return page;
}

const titles = page => page.locator('.chart').evaluateAll(all => all.map(chart => chart.getAttribute('aria-label')));
/** Waits until a page shows these charts, by their labels. */
async function shows(page, wanted) {
  await page.waitForFunction(labels => {
    const shown = [...document.querySelectorAll('.chart')].map(chart => chart.getAttribute('aria-label'));
    return JSON.stringify(shown) === labels;
  }, JSON.stringify(wanted), { timeout: 20_000 }).catch(async () => assert.deepEqual(await titles(page), wanted));
}
const chart = (page, index) => page.locator('.chart').nth(index);

const LINES = 'Lines: full';
const BLOCKS = 'Blocks: blocks';
const scriptable = spawnSync('script', ['--version']).stdout?.includes('util-linux');

test('changes on one page or at the prompt are seen everywhere', { skip: !scriptable && 'no terminal can be created here' }, async t => {
  const own = await endpoint([`${files[0]},color=#1f77b4`, files[1], files[2]], { terminal: true });
  t.after(() => own.stop());
  const here = await open(t, `${own.url}${link('chr1:1-1000000', ['LineTrack', ['full'], {}], ['BlocksTrack', ['blocks'], {}])}`);
  const there = await open(t, own.url);
  await shows(there, [LINES, BLOCKS]);
  assert.equal((await place(there)).end, 1_000_000, 'a page without a place of its own goes where the session is');

  await here.click('#add');
  await here.selectOption('#add-dialog [name=kind]', 'ScatterPlot');
  for (const name of ['full', 'holes']) await here.locator('#choices label', { hasText: name }).click();
  await here.click('#add-dialog button.main');
  const SCATTER = 'Scatter plot: full, holes';
  await shows(there, [LINES, BLOCKS, SCATTER]);

  await chart(there, 2).getByLabel('Move up').click();
  await shows(here, [LINES, SCATTER, BLOCKS]);
  await chart(here, 0).getByLabel('Settings').click();
  await here.fill('#set-dialog [name=title]', 'signal');
  await here.locator('#colors input').first().fill('#d62728');
  await here.selectOption('#set-dialog [name=kind]', 'HeatmapPlot');
  await here.click('#set-dialog button.main');
  await shows(there, ['Heat map: signal', SCATTER, BLOCKS]);
  await chart(there, 0).getByLabel('Settings').click();
  await there.waitForFunction(() => document.querySelector('#colors input').value === '#d62728');
  await there.keyboard.press('Escape');

  own.type('plot holes');
  await shows(here, ['Heat map: signal', SCATTER, BLOCKS, 'Lines: holes']);
  await shows(there, ['Heat map: signal', SCATTER, BLOCKS, 'Lines: holes']);
  await chart(there, 1).getByLabel('Remove').click();
  await shows(here, ['Heat map: signal', BLOCKS, 'Lines: holes']);
  own.type('charts');
  await own.says(/heatmap\s+full[^]*blocks\s+blocks[^]*line\s+holes/);
  const saved = join(folder, 'saved.json');
  own.type(`export ${saved}`);
  await own.says(/saved\.json/);
  const workspace = await readWhenThere(saved);
  assert.equal(Object.values(workspace.charts).flat().length, 3);

  for (const page of [here, there]) {
    await page.reload();
    await calm(page);
    await shows(page, ['Heat map: signal', BLOCKS, 'Lines: holes']);
  }
  await shoot(there, 'shared');
  own.type('remove all');
  await shows(here, []);
  await here.reload();
  await calm(here);
  assert.deepEqual(await titles(here), [], 'no charts are proposed where all were removed');
  assert.ok(await here.locator('#empty').isVisible());
});

async function readWhenThere(path) {
  for (;;) {
    try { return JSON.parse(readFileSync(path, 'utf8')); } catch { await new Promise(done => setTimeout(done, 20)); }
  }
}

test('the charts of the first visit are the session\'s, an address with charts replaces them, a reload does not', async t => {
  const own = await endpoint(files);
  t.after(() => own.stop());
  const [here, there] = await Promise.all([open(t, own.url), open(t, own.url)]);
  const first = ['Lines: full', 'Lines: holes', BLOCKS];
  for (const page of [here, there]) await page.waitForFunction(() => document.querySelectorAll('.chart').length === 3);
  assert.deepEqual((await titles(here)).toSorted(), first.toSorted());
  assert.deepEqual(await titles(there), await titles(here));
  const linked = await open(t, own.url + link('chr1:500001-600000', ['BlocksTrack', ['blocks'], {}], ['LineTrack', ['full'], { title: 'mine' }]));
  for (const page of [linked, here, there]) await shows(page, [BLOCKS, 'Lines: mine']);
  assert.deepEqual(await place(linked), { seq: 'chr1', start: 500_001, end: 600_000 });
  await chart(here, 1).getByLabel('Remove').click();
  await shows(linked, [BLOCKS]);
  await linked.reload();
  await calm(linked);
  await shows(linked, [BLOCKS]);
  assert.deepEqual(await place(linked), { seq: 'chr1', start: 500_001, end: 600_000 });
});

test('a named session has a page and charts of its own', async t => {
  const own = await endpoint(files);
  t.after(() => own.stop());
  const charts = link('chr1:1-1000000', ['LineTrack', ['full'], {}]);
  const lab = await open(t, `${own.url}s/lab${charts}`);
  const other = await open(t, own.url + link('chr1:1-500000', ['BlocksTrack', ['blocks'], {}]));
  await shows(lab, [LINES]);
  const again = await open(t, `${own.url}s/lab`);
  await shows(again, [LINES]);
  await shows(other, [BLOCKS]);
  const refused = await fetch(`${own.url}s/not%20a%20name/info`);
  assert.equal(refused.status, 400);
});

test('after a restart of the endpoint the charts are there, once, and changes made in the meantime are reported', async t => {
  const port = await freePort();
  let own = await endpoint(files, { port });
  t.after(() => own.stop());
  const page = await open(t, own.url + link('chr1:1-1000000', ['LineTrack', ['full'], {}], ['BlocksTrack', ['blocks'], {}]));
  await own.stop('SIGKILL');
  await page.waitForSelector('#gone:not([hidden])');
  await chart(page, 1).getByLabel('Remove').click();
  own = await endpoint(files, { port });
  await page.waitForSelector('#gone', { state: 'hidden' });
  await calm(page);
  const other = await open(t, own.url);
  await shows(other, [LINES]);
  await shows(page, [LINES]);
});

test('pages go where the page that they follow goes, until they stop following it', { skip: !scriptable && 'no terminal can be created here' }, async t => {
  const own = await endpoint(files, { terminal: true });
  t.after(() => own.stop());
  const leader = await open(t, own.url + link('chr1:1-1000000', ['LineTrack', ['full'], {}]));
  const other = await open(t, `${own.url}#at=chr1:500001-600000`);
  own.type('follow 1');
  await other.waitForFunction(() => document.getElementById('place').value === 'chr1:1-1,000,000');
  await leader.keyboard.press('+');
  await calm(leader);
  const at = await leader.inputValue('#place');
  await other.waitForFunction(wanted => document.getElementById('place').value === wanted, at);
  own.type('follow off');
  await own.says(/the pages do not follow each other/);
  await leader.keyboard.press('+');
  await calm(leader);
  assert.equal(await other.inputValue('#place'), at);
});
