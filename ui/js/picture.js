// Pictures to keep: SVG, PNG, PDF, as on the screen but in colours for paper.

import { make, save } from './dom.js';
import { CanvasPen, SvgPen } from './pen.js';
import { drawRuler } from './charts/ruler.js';
import { PAPER } from './theme.js';
import { written } from './region.js';

const [HEAD, RULER, TITLE] = [26, 30, 20];
/** Pixels of a saved bitmap for one on the screen. */
const SHARP = 2;

/** Saves charts under a name as 'svg', 'png' or 'pdf'. */
export async function savePicture(app, charts, name, type) {
  const file = `${String(name).replace(/[^\p{L}\p{N}._-]+/gu, '_').slice(0, 100)}.${type}`;
  if (type === 'svg') return save(file, new Blob([svgOf(app, charts)], { type: 'image/svg+xml' }));
  if (type === 'png') return save(file, await bitmap(app, charts, 'image/png'));
  if (type === 'pdf') return save(file, await pdfOf(await bitmap(app, charts, 'image/jpeg'), ...size(app, charts)));
  throw new Error(`this page saves svg, png and pdf, not ${type}`);
}

/** The charts as the text of an SVG file. */
export function svgOf(app, charts = app.charts) {
  const pen = new SvgPen(PAPER);
  const [width, height] = size(app, charts);
  compose(pen, app, charts);
  return pen.file(width, height);
}

function size(app, charts) {
  const height = charts.reduce((sum, chart) => sum + TITLE + chart.height, HEAD + RULER) + 8;
  return [Math.round(app.width), Math.round(height)];
}

function compose(pen, app, charts) {
  const [width, height] = size(app, charts);
  const { view } = app.place;
  pen.rect(0, 0, width, height, PAPER.back);
  pen.text(6, 17, written(view), { fill: PAPER.ink, size: 13 });
  pen.moved(HEAD, () => drawRuler(pen, { view, width, height: RULER }));
  let top = HEAD + RULER;
  for (const chart of charts) {
    pen.text(6, top + 14, chart.title, { fill: PAPER.ink, size: 12 });
    pen.moved(top + TITLE, () => {
      pen.within(0, 0, width, chart.height, () => chart.render(pen, width, chart.height, view, app.data));
    });
    top += TITLE + chart.height;
  }
}

function bitmap(app, charts, type) {
  const [width, height] = size(app, charts);
  const canvas = make('canvas', { width: width * SHARP, height: height * SHARP });
  const context = canvas.getContext('2d');
  context.scale(SHARP, SHARP);
  compose(new CanvasPen(context, PAPER), app, charts);
  return new Promise((resolve, reject) => {
    canvas.toBlob(blob => (blob ? resolve(blob) : reject(new Error('the picture is too large for this browser'))), type, 0.95);
  });
}

/** A PDF file of one page that holds a JPEG picture (ISO 32000-1, sections 7.5 and 8.9.5). */
async function pdfOf(jpeg, width, height) {
  const draw = `${width} 0 0 ${height} 0 0 cm /P Do`;
  const image = `/Type/XObject/Subtype/Image/Width ${width * SHARP}/Height ${height * SHARP}/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/DCTDecode/Length ${jpeg.size}`;
  const objects = [
    ['<</Type/Catalog/Pages 2 0 R>>'],
    ['<</Type/Pages/Kids[3 0 R]/Count 1>>'],
    [`<</Type/Page/Parent 2 0 R/MediaBox[0 0 ${width} ${height}]/Contents 4 0 R/Resources<</XObject<</P 5 0 R>>>>>>`],
    [`<</Length ${draw.length}>>stream\n${draw}\nendstream`],
    [`<<${image}>>stream\n`, jpeg, '\nendstream'],
  ];
  const parts = ['%PDF-1.4\n'];
  const length = () => new Blob(parts).size;
  const places = objects.map((object, i) => {
    const at = length();
    parts.push(`${i + 1} 0 obj\n`, ...object, '\nendobj\n');
    return at;
  });
  const table = length();
  const lines = places.map(at => `${String(at).padStart(10, '0')} 00000 n \n`).join('');
  parts.push(`xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${lines}trailer<</Size ${objects.length + 1}/Root 1 0 R>>\nstartxref\n${table}\n%%EOF\n`);
  return new Blob(parts, { type: 'application/pdf' });
}
