// Measures the script time per frame while a view of 20 Mb of human-scale data moves. It
// prints, and asserts nothing: node tests/browser/frames.mjs [charts]

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bigWig } from './bigwig.mjs';
import { calm, closeBrowser, endpoint, folder, link, shoot, tab } from './support.mjs';

const LENGTH = 100_000_000;
let seed = 1;
const random = below => (seed = (seed * 48271) % 2147483647) % below;

// As on a human chromosome: 20 genes, 250 peaks and 100 methylated sites per Mb.
const signals = ['chip', 'input', 'rna', 'atac'];
for (const name of signals) writeFileSync(join(folder, `${name}.bw`), bigWig('chr1', LENGTH, 1000, () => random(40) + (random(50) ? 0 : 60)));
const genes = Array.from({ length: 2000 }, (_, i) => {
  const start = i * 50_000 + random(30_000);
  const exons = Array.from({ length: 10 }, (_, e) => start + e * (1 + random(6000)));
  const part = (kind, from, to) => `chr1\ttest\t${kind}\t${from + 1}\t${to}\t.\t${i % 2 ? '+' : '-'}\t.\tgene_id "G${i}"; gene_name "GENE${i}"; transcript_id "T${i}";\n`;
  return { start, text: part('gene', start, Math.max(...exons) + 500) + exons.map(from => part('exon', from, from + 150)).join('') };
});
writeFileSync(join(folder, 'genes.gtf'), genes.map(gene => gene.text).join(''));
const peaks = Array.from({ length: 25_000 }, () => random(LENGTH - 2000)).sort((a, b) => a - b);
writeFileSync(join(folder, 'peaks.bed'), peaks.map((at, i) => `chr1\t${at}\t${at + 300 + random(900)}\tpeak${i}\t${random(1000)}\n`).join(''));
const sites = [...new Set(Array.from({ length: 10_000 }, () => random(LENGTH - 1)))].sort((a, b) => a - b);
writeFileSync(join(folder, 'meth.bedgraph'), sites.map(at => `chr1\t${at}\t${at + 1}\t${random(100) / 100}\n`).join(''));

const served = await endpoint([...signals.map(name => `${name}.bw`), 'genes.gtf', 'peaks.bed', 'meth.bedgraph'].map(name => join(folder, name)));
const page = await tab();
await page.addInitScript(() => {
  const request = window.requestAnimationFrame.bind(window);
  window.requestAnimationFrame = does => request(time => {
    const from = performance.now();
    does(time);
    performance.measure('frame', { start: from });
  });
});
const lines = signals.map(name => ['LineTrack', [name], {}]);
const all = { lines, genes: [['GenesTrack', ['genes'], {}]], peaks: [['BlocksTrack', ['peaks'], {}]], points: [['LineTrack', ['meth'], {}]], heat: [['HeatmapPlot', signals, {}]] };
for (const [name, charts] of Object.entries({ ...all, together: [...lines, ...all.genes, ...all.peaks, ...all.points] })) {
  if (process.argv[2] && process.argv[2] !== name) continue;
  await page.goto('about:blank');
  await page.goto(served.url + link('chr1:40000001-60000000', ...charts));
  await calm(page);
  await shoot(page, `frames-${name}`);
  await page.evaluate(() => performance.clearMeasures());
  // Processor time, so that other processes do not count.
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('Performance.enable', { timeDomain: 'threadTicks' });
  const used = async () => (await devtools.send('Performance.getMetrics')).metrics.find(({ name }) => name === 'ScriptDuration').value * 1000;
  const before = await used();
  const box = await page.locator('#ruler').boundingBox();
  await page.mouse.move(box.x + 900, box.y + 10);
  await page.mouse.down();
  for (let i = 0; i < 60; i += 1) {
    await page.mouse.move(box.x + 900 - i * 5, box.y + 10);
    await page.evaluate(() => new Promise(done => requestAnimationFrame(done)));
  }
  await page.mouse.up();
  const after = await used();
  const times = await page.evaluate(() => performance.getEntriesByName('frame').map(({ duration }) => duration).filter(ms => ms > 0.3).sort((a, b) => a - b));
  const at = part => times[Math.floor(part * (times.length - 1))].toFixed(1);
  const mean = (after - before) / times.length;
  console.log(`${name}: ${times.length} frames, mean ${mean.toFixed(1)} ms of the processor; by the clock median ${at(0.5)} ms, nine of ten within ${at(0.9)} ms, most ${at(1)} ms`);
}
await closeBrowser();
await served.stop();
