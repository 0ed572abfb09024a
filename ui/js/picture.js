// Saves pictures as SVG, PNG or PDF, in colours for paper.

import { drawRuler } from './charts/axis.js';
import { make } from './dom.js';
import { CanvasPen, SvgPen } from './pen.js';
import { written } from './region.js';
import { PAPER } from './theme.js';

const [HEAD, RULER, TITLE] = [26, 30, 20];
/** Pixels per CSS pixel. */
const SHARP = 2;

/** Saves charts as a file of the type 'svg', 'png' or 'pdf'. */
export async function savePicture(app, charts, name, type) {
  const makers = { svg: svgOf, png: bitmap, pdf: pdfOf };
  if (!Object.hasOwn(makers, type)) throw new Error(`this page saves svg, png and pdf, not ${type}`);
  const { view } = app.place;
  const width = Math.round(app.width);
  const plans = charts.map(chart => ({ title: chart.title, ...chart.pictured(PAPER, width, view, app.data) }));
  const height = plans.reduce((sum, plan) => sum + TITLE + plan.height, HEAD + RULER) + 8;
  const blob = await makers[type](width, Math.round(height), pen => {
    pen.rect(0, 0, width, height, PAPER.back);
    pen.text(6, 17, written(view), { fill: PAPER.ink, size: 13 });
    pen.within(0, HEAD, width, RULER, () => drawRuler(pen, { view, width, height: RULER }));
    let top = HEAD + RULER;
    for (const plan of plans) {
      pen.text(6, top + 14, plan.title, { fill: PAPER.ink, size: 12 });
      pen.within(0, top + TITLE, width, plan.height, () => plan.paint(pen));
      top += TITLE + plan.height;
    }
  });
  const link = make('a', { href: URL.createObjectURL(blob), download: `${name}.${type}` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function svgOf(width, height, draw) {
  const pen = new SvgPen(PAPER);
  draw(pen);
  return new Blob([pen.file(width, height)], { type: 'image/svg+xml' });
}

function bitmap(width, height, draw, type = 'image/png') {
  const canvas = make('canvas', { width: width * SHARP, height: height * SHARP });
  const context = canvas.getContext('2d');
  context.scale(SHARP, SHARP);
  draw(new CanvasPen(context, PAPER));
  return new Promise((resolve, reject) => {
    canvas.toBlob(blob => (blob ? resolve(blob) : reject(new Error('the picture is too large for this browser'))), type, 0.95);
  });
}

/** Returns a PDF file with one page that contains a JPEG picture (ISO 32000-1, sections 7.5 and 8.9.5). */
async function pdfOf(width, height, draw) {
  const jpeg = await bitmap(width, height, draw, 'image/jpeg');
  const paint = `${width} 0 0 ${height} 0 0 cm /P Do`;
  const image = `/Type/XObject/Subtype/Image/Width ${width * SHARP}/Height ${height * SHARP}/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/DCTDecode/Length ${jpeg.size}`;
  const parts = ['%PDF-1.4\n'];
  const length = () => new Blob(parts).size;
  const places = [
    ['<</Type/Catalog/Pages 2 0 R>>'],
    ['<</Type/Pages/Kids[3 0 R]/Count 1>>'],
    [`<</Type/Page/Parent 2 0 R/MediaBox[0 0 ${width} ${height}]/Contents 4 0 R/Resources<</XObject<</P 5 0 R>>>>>>`],
    [`<</Length ${paint.length}>>stream\n${paint}\nendstream`],
    [`<<${image}>>stream\n`, jpeg, '\nendstream'],
  ].map((object, i) => {
    const at = length();
    parts.push(`${i + 1} 0 obj\n`, ...object, '\nendobj\n');
    return `${String(at).padStart(10, '0')} 00000 n \n`;
  });
  const table = length();
  parts.push(`xref\n0 6\n0000000000 65535 f \n${places.join('')}trailer<</Size 6/Root 1 0 R>>\nstartxref\n${table}\n%%EOF\n`);
  return new Blob(parts, { type: 'application/pdf' });
}
