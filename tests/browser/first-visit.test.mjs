// The first visit to the page, and charts without data in view.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { mixedFiles } from './mixed.mjs';
import { calm, closeBrowser, endpoint, folder, go, link, shoot, tab } from './support.mjs';

let served;
before(async () => {
  served = await endpoint(mixedFiles(folder));
});
after(async () => {
  await closeBrowser();
  await served?.stop();
});

/** Opens a page at this address; `session` is the path of a session, such as `s/NAME`. */
async function open(t, hash = '', session = '') {
  const page = await tab();
  t.after(async () => {
    await page.context().close();
    assert.deepEqual(page.faults, []);
  });
  await page.goto(served.url + session + hash);
  await calm(page);
  return page;
}

/** Returns for each chart its title, whether anything is painted, and its message. */
const charts = page => page.locator('.chart').evaluateAll(all => all.map(chart => {
  const canvas = chart.querySelector('canvas');
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const blank = chart.querySelector('.blank');
  return {
    title: chart.querySelector('h3').textContent,
    isPainted: data.some(level => level > 0),
    said: blank.hidden ? '' : blank.querySelector('span').textContent,
    offered: blank.hidden ? '' : blank.querySelector('button').textContent,
    bottom: chart.getBoundingClientRect().bottom,
  };
}));

test('24 files of many formats: charts with data, as many as fit on the screen, none blank', async t => {
  const page = await open(t);
  await shoot(page, 'mixed-first-visit');
  const shown = await charts(page);
  assert.ok(shown.length >= 4, `${shown.length} charts`);
  assert.equal(new Set(shown.map(({ title }) => title)).size, shown.length);
  for (const { title, isPainted, said } of shown) assert.ok(isPainted && said === '', `${title} has data here: ${said}`);
  assert.ok(shown.at(-1).bottom <= 860, `the last chart ends at ${shown.at(-1).bottom}`);
});

test('each of 24 files is drawn, or its chart explains why it is blank and offers the nearest data', async t => {
  const page = await open(t);
  const all = await page.evaluate(async () => {
    const socket = new WebSocket(new URL('ws', location.href.replace('http', 'ws')));
    await new Promise(done => { socket.onopen = done; });
    socket.send(JSON.stringify({ requestId: 1, type: 'request', data: { action: 'getMeasurements', version: '4' } }));
    const { data } = JSON.parse(await new Promise(done => { socket.onmessage = event => done(event.data); }));
    socket.close();
    return data.id.map((id, i) => ({ id, type: data.type[i], kind: data.defaultChartType[i] }));
  });
  assert.ok(all.length >= 24, `${all.length} measurements`);
  const each = all.map(({ id, type, kind }) => [type === 'range' ? kind : 'LineTrack', [id], {}]);
  const where = 'chr1:1000001-1100000';
  const every = await open(t, link(where, ...each));
  const shown = await charts(every);
  assert.equal(shown.length, all.length);
  let blank = 0;
  for (const { title, isPainted, said, offered } of shown) {
    assert.equal(isPainted, said === '', `${title}: ${said}`);
    if (said) {
      blank += 1;
      assert.deepEqual([said, offered], ['nothing here', 'Go to the nearest data'], title);
    }
  }
  assert.ok(blank >= 12 && blank < all.length - 8, `${blank} of ${shown.length} are blank`);
  await shoot(every, 'mixed-all');
  // Each blank chart finds its data, also on another sequence.
  for (const [i, { title, said }] of shown.entries()) {
    if (!said) continue;
    const one = await open(t, link(where, each[i]));
    await one.click('.blank button');
    await one.waitForSelector('.blank', { state: 'hidden' });
    await calm(one);
    const [found] = await charts(one);
    assert.ok(found.isPainted && found.said === '', `${title} was led to ${await one.inputValue('#place')}`);
    await one.context().close();
  }
});

test('an address with only a location shows charts, one with an empty list of charts shows none', async t => {
  // The session must be new: earlier visits have left their charts in the default session.
  const page = await open(t, '#at=chr2:3000001-3100000', 's/place');
  const shown = await charts(page);
  assert.equal(await page.inputValue('#place'), 'chr2:3,000,001-3,100,000');
  const titles = shown.map(({ title }) => title);
  for (const [i, title] of ['insulators', 'isoforms2', 'transcripts', 'loops', 'phylo'].entries()) {
    const at = titles.indexOf(title);
    assert.ok(at < 0 ? i >= titles.length : at < 5, `what has data comes first: ${titles}`);
  }
  const none = await open(t, '#at=chr2:3000001-3100000&chart=none', 's/none');
  assert.deepEqual(await charts(none), []);
  assert.ok(await none.locator('#empty').isVisible());
});

test('a blank chart has no axis, and reports that it is blank as long as there are no data', async t => {
  const page = await open(t, link('chr1:1000001-1100000', ['LineTrack', ['cover'], {}]));
  assert.match(await page.getAttribute('.chart canvas', 'aria-label'), /values from 0 to 20/);
  await go(page, 'chr1:5000001-5100000');
  assert.doesNotMatch(await page.getAttribute('.chart canvas', 'aria-label'), /values/);
  assert.deepEqual((await charts(page)).map(({ isPainted, said }) => [isPainted, said]), [[false, 'nothing here']]);
});
