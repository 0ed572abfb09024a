// Zooms out from a close view to a whole chromosome, on whatever an endpoint serves, and tells how
// long after the last answer the page is drawn for good, how many rows it ever held, and how many are
// in view then. For data of real size, which no test makes:
//   epivizrs --allow-origin '*' DATA...
//   node tests/real_page/wide.mjs --ui=EPIVIZ --ws=ws://localhost:8888/ws --bin=epivizrs \
//     --plot='signal;genes' --from=chr1:1000001-1100000 --to=chr1:1-248956422
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { open } from './browser.mjs';
import { look, watch } from './picture.mjs';

const options = Object.fromEntries(process.argv.slice(2).map(word => /^--([^=]*)=(.*)$/s.exec(word).slice(1)));
const { ui, ws, bin, plot, shots } = options;
const aim = Number(options.rows ?? 1000), rounds = Number(options.rounds ?? 3);
const places = ['from', 'to'].map(key => /^(.*):([\d,]+)-([\d,]+)$/.exec(options[key]).slice(1))
  .map(([name, a, b]) => [name, ...[a, b].map(text => Number(text.replaceAll(',', '')))]);
const { page, errors, start, close } = await open({ ui, ws });
const sleep = ms => new Promise(done => setTimeout(done, ms));

let answered = 0, bytes = 0;
await page.routeWebSocket(() => true, socket => {
  const endpoint = socket.connectToServer();
  socket.onMessage(message => endpoint.send(message));
  endpoint.onMessage(message => {
    if (message.includes('"response"')) [answered, bytes] = [Date.now(), bytes + message.length];
    socket.send(message);
  });
});
const [name, from, to] = places[0];
await start(`seqName=${name}&start=${from}&end=${to}`);
for (const line of plot.split(';')) {
  await promisify(execFile)(bin, ['attach', ws.replace('/ws', ''), '-c', `plot ${line}`]);
}
await page.waitForFunction(n => Object.keys(window.page._chartManager._charts).length === n, plot.split(';').length);
await watch(page);
// When each chart was last drawn, by the page's clock.
await page.evaluate(() => {
  window.drawnAt = Date.now();
  for (const chart of Object.values(window.page._chartManager._charts)) {
    const { draw } = chart;
    chart.draw = function () {
      const drawn = draw.apply(this, arguments);
      window.drawnAt = Date.now();
      return drawn;
    };
  }
});
const report = [], wrong = [];
for (let round = 0; round < rounds; round += 1) {
  for (const [index, place] of places.entries()) {
    const begun = Date.now();
    [answered, bytes] = [begun, 0];
    await page.evaluate(([s, a, b]) => {
      window.mostRows = 0;
      window.page._locationManager.changeCurrentLocation(epiviz.datatypes.GenomicRange.fromStartEnd(s, a, b));
    }, place);
    // At rest: nothing answered or drawn for three seconds.
    let drawn = 0;
    do {
      await sleep(200);
      drawn = await page.evaluate(() => window.drawnAt);
    } while (Date.now() - Math.max(answered, drawn) < 3000);
    if (index === 0) continue;
    const { charts, most } = await look(page);
    const inView = charts.map(chart => Math.max(0, ...chart.series.map(one => one.rows.length)));
    const late = Math.max(0, drawn - answered);
    report.push({ lastAnswer: answered - begun, drawnAfter: late, bytes, most, inView });
    if (late > 2000) wrong.push(`drawn ${late} ms after the last answer`);
    if (most > 6 * aim) wrong.push(`${most} rows held`);
    if (Math.max(...inView) > 2 * aim + 1) wrong.push(`${inView} rows in view`);
    if (shots && round === 0) await page.screenshot({ path: `${shots}/${path.basename(ui)}-wide.png`, fullPage: true });
  }
}
console.log(JSON.stringify({ ui: path.basename(ui), report, errors: errors.slice(0, 5), wrong }, null, 1));
await close();
process.exit(wrong.length || errors.length ? 1 : 0);
