// A file of a few rows, of which the page holds all, so that it asks for nothing when its user pans
// to where there are none: is the line of the place before gone, by the pixels on the screen?
// Prints a JSON report; exit 0 if every check held.
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { open } from './browser.mjs';

const options = Object.fromEntries(process.argv.slice(2).map(word => word.replace(/^--/, '').split('=')));
const { ui, ws, bin, shots } = options;
const { page, errors, start, close } = await open({ ui, ws });
const tell = async line => (await promisify(execFile)(bin, ['attach', ws.replace('/ws', ''), '-c', line])).stdout;

/** How many pixels of the plot are red, as its line alone is. */
async function painted() {
  const png = (await page.locator('.visualization-container').first().screenshot()).toString('base64');
  return page.evaluate(async png => {
    const image = new Image();
    image.src = `data:image/png;base64,${png}`;
    await image.decode();
    const canvas = Object.assign(document.createElement('canvas'), { width: image.width, height: image.height });
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0);
    const { data } = context.getImageData(0, 0, image.width, image.height);
    let count = 0;
    // The legend above the plot is red too.
    for (let i = 0; i < data.length; i += 4) {
      const [x, y] = [i / 4 % image.width, Math.floor(i / 4 / image.width)];
      if (x < 25 || x > image.width - 25 || y < 52 || y > image.height - 25) continue;
      count += data[i] - Math.max(data[i + 1], data[i + 2]) > 80;
    }
    return count;
  }, png);
}
/** As its user would. */
const go = (from, to) => page.evaluate(([a, b]) => window.page._locationManager.changeCurrentLocation(
  epiviz.datatypes.GenomicRange.fromStartEnd('chr11', a, b)), [from, to]);
const wrong = [];
async function check(what, holds) {
  const until = Date.now() + 12_000;
  for (;;) {
    const pixels = await painted();
    if (holds(pixels)) return;
    if (Date.now() > until) return void wrong.push({ what, pixels });
    await new Promise(done => setTimeout(done, 100));
  }
}

await start('seqName=chr11&start=1000001&end=1100000');
await tell('plot sites.score with color=#d62728');
// Rows at 1.00 to 1.09 and at 1.30 to 1.39 Mb, one each 10 kb.
const crowds = [[1_000_001, 1_100_000], [1_300_001, 1_400_000]];
// The page holds as much again as the view on either side.
const deserts = [[1_105_001, 1_195_000], [1_205_001, 1_295_000]];
const far = [2_000_001, 2_100_000];
for (let round = 0; round < 6; round += 1) {
  await go(...crowds[round % 2]);
  await check(`round ${round}: a line where there are rows`, pixels => pixels > 100);
  if (shots && round === 0) await page.screenshot({ path: `${shots}/${path.basename(ui)}-rows.png` });
  // Idle for longer than the endpoint asks eagerly where the page looks.
  if (round === 5) await new Promise(done => setTimeout(done, 11_000));
  await go(...(round === 4 ? far : deserts[round % 2]));
  await check(`round ${round}: no line where there are none`, pixels => pixels === 0);
  if (shots && round === 0) await page.screenshot({ path: `${shots}/${path.basename(ui)}-desert.png` });
}
console.log(JSON.stringify({ ui: path.basename(ui), checks: 12, errors: errors.slice(0, 5), wrong }, null, 1));
await close();
process.exit(wrong.length || errors.length ? 1 : 0);
