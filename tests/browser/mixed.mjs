// Twenty-four small files of many formats, with data in four regions: a typical folder of a user.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bigWig } from './bigwig.mjs';

/** The regions with data, 100 kb each. */
const PLACES = { here: ['chr1', 1_000_000], there: ['chr1', 9_000_000], second: ['chr2', 3_000_000], third: ['chr3', 500_000] };
const STRANDS = '+-';

/** Returns the rows of a file in one of the regions; `line(chr, start, end, i)` writes each. */
const rows = (place, count, width, line) => {
  const [chr, from] = PLACES[place];
  return Array.from({ length: count }, (_, i) => line(chr, from + i * Math.floor(100_000 / count), from + i * Math.floor(100_000 / count) + width, i)).join('');
};
const bed = (place, name) => rows(place, 20, 2000, (chr, start, end, i) => `${chr}\t${start}\t${end}\t${name}${i}\t${i * 10}\t${STRANDS[i % 2]}\n`);
const peak = (place, name, last) => rows(place, 15, 1500, (chr, start, end, i) => `${chr}\t${start}\t${end}\t${name}${i}\t${100 + i}\t.\t${i + 0.5}\t3.1\t2.2${last}\n`);
const bed12 = place => rows(place, 6, 12_000, (chr, start, end, i) => `${chr}\t${start}\t${end}\ttx${i}\t0\t${STRANDS[i % 2]}\t${start}\t${end}\t0\t2\t3000,4000,\t0,8000,\n`);
const gtf = place => rows(place, 6, 9000, (chr, start, end, i) => [['gene', end], ['exon', start + 900]].map(([kind, last]) => (
  `${chr}\ttest\t${kind}\t${start + 1}\t${last}\t.\t${STRANDS[i % 2]}\t.\tgene_id "G${i}"; gene_name "GTF${i}"; transcript_id "T${i}";\n`)).join(''));
const gff3 = place => `##gff-version 3\n${rows(place, 6, 9000, (chr, start, end, i) => (
  `${chr}\ttest\tgene\t${start + 1}\t${end}\t.\t${STRANDS[i % 2]}\t.\tID=g${i};Name=GFF${i}\n${chr}\ttest\texon\t${start + 1}\t${start + 900}\t.\t${STRANDS[i % 2]}\t.\tParent=g${i}\n`))}`;
const genePred = place => rows(place, 5, 9000, (chr, start, end, i) => `NM_${i}\t${chr}\t${STRANDS[i % 2]}\t${start}\t${end}\t${start}\t${end}\t2\t${start},${end - 2000},\t${start + 1000},${end},\n`);
const vcf = place => `##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n${rows(place, 12, 1, (chr, start, _, i) => `${chr}\t${start + 1}\trs${i}\tA\tG\t${20 + i}\tPASS\t.\n`)}`;
const bedpe = place => rows(place, 8, 500, (chr, start, end, i) => `${chr}\t${start}\t${end}\t${chr}\t${start + 20_000}\t${end + 20_000}\tpair${i}\t${i}\t+\t-\n`);
const bedMethyl = place => rows(place, 60, 1, (chr, start, end, i) => `${chr}\t${start}\t${end}\tm\t10\t+\t${start}\t${end}\t255,0,0\t10\t${i % 100}.00\t${i % 10}\t${10 - (i % 10)}\t0\t0\t0\t0\t0\n`);
const bedGraph = place => rows(place, 100, 1000, (chr, start, end, i) => `${chr}\t${start}\t${end}\t${(i * 7) % 13}\n`);
const wig = place => `fixedStep chrom=${PLACES[place][0]} start=${PLACES[place][1] + 1} step=1000 span=1000\n${Array.from({ length: 100 }, (_, i) => `${(i * 5) % 11}\n`).join('')}`;
const signal = place => bigWig('chr1', 20_000_000, 1000, i => (i * 1000 >= PLACES[place][1] && i * 1000 < PLACES[place][1] + 100_000 ? (i * 3) % 17 : null));
const matrix = (place, mark) => ['gene', 'chr', 'start', 'end', 's1', 's2'].join(mark).concat('\n', rows(place, 10, 3000, (chr, start, end, i) => `${[`E${i}`, chr, start + 1, end, i, 2 * i].join(mark)}\n`));

const FILES = {
  'peaks.bed': bed('here', 'peak'), 'enhancers.bed': bed('there', 'enh'), 'insulators.bed': bed('second', 'ins'),
  'chip.narrowPeak': peak('here', 'summit', '\t700'), 'marks.broadPeak': peak('there', 'mark', ''),
  'isoforms.bed12': bed12('here'), 'isoforms2.bed12': bed12('second'),
  'models.gtf': gtf('here'), 'models.gff3': gff3('there'), 'transcripts.genePred': genePred('second'),
  'calls.vcf': vcf('here'), 'rare.vcf': vcf('third'), 'pairs.bedpe': bedpe('here'), 'loops.bedpe': bedpe('second'),
  'modified.bedmethyl': bedMethyl('here'), 'unmodified.bedmethyl': bedMethyl('there'),
  'cover.bedgraph': bedGraph('here'), 'input.bedgraph': bedGraph('there'), 'conserved.wig': wig('here'), 'phylo.wig': wig('second'),
  'chip.bw': signal('here'), 'atac.bw': signal('there'), 'tissues.tsv': matrix('here', '\t'), 'cells.csv': matrix('third', ','),
};

/** Writes the files into a folder and returns their paths. */
export function mixedFiles(folder) {
  return Object.entries(FILES).map(([name, content]) => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  });
}
