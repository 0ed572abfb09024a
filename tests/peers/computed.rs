//! Computed measurements against numpy, on the bases that pyBigWig reads.

use crate::tools::{Folder, Random, installed, python};
use crate::{LENGTH, SEQUENCES, lines, quarters, steps};
use epivizrs::catalog::{Catalog, ComputedSpec, Query, Resolution};
use epivizrs::genome::Region;
use epivizrs::source::{Context, Level, Spec};

/// Expressions in both languages; the width of their bins, or 1 if they are linear.
const EXPRESSIONS: &[(&str, &str, u32)] = &[
    ("a - 2 * b + 3", "a - 2 * b + 3", 1),
    ("mean(a, b)", "(a + b) / 2", 1),
    ("log2((a + 30) / (b + 30))", "numpy.log2((a + 30) / (b + 30))", 64),
    ("a / (abs(b) + 1)", "a / (numpy.abs(b) + 1)", 16),
    ("max(a, b) - min(a, b)", "numpy.maximum(a, b) - numpy.minimum(a, b)", 256),
    ("sd(a, b, 5)", "numpy.std([a, b, a * 0 + 5], axis=0, ddof=1)", 32),
    ("median(a, b, 0)", "numpy.median([a, b, a * 0], axis=0)", 4096),
    ("clamp(a, -5, 20) * (b > 10)", "numpy.clip(a, -5, 20) * (b > 10) + b * 0", 1024),
];

/// Writes two bigWigs, and prints the values that each line of `asked.txt` asks for.
const NUMPY: &str = r#"
import sys, numpy, pyBigWig
length = int(sys.argv[1])
bases = {}
for name in ['a', 'b']:
    rows = [line.split('\t') for line in open(name + '.txt').read().splitlines()]
    file = pyBigWig.open(name + '.bw', 'w')
    file.addHeader([('chr1', length), ('chr2', length)])
    file.addEntries([r[0] for r in rows], [int(r[1]) for r in rows], ends=[int(r[2]) for r in rows], values=[float(r[3]) for r in rows])
    file.close()
    file = pyBigWig.open(name + '.bw')
    for sequence in ['chr1', 'chr2']:
        bases[name, sequence] = file.values(sequence, 0, length, numpy=True).astype(float)
def in_bins(values, width, count):
    padded = numpy.full(-(-length // width) * width, numpy.nan)
    padded[:length] = values
    known = ~numpy.isnan(padded)
    sums = numpy.where(known, padded, 0).reshape(-1, width).sum(axis=1)
    counts = known.reshape(-1, width).sum(axis=1) if count is None else count.reshape(-1, width).sum(axis=1)
    with numpy.errstate(all='ignore'):
        return sums / counts
signals = {}
for line in open('asked.txt'):
    formula, width, missing, sequence, shift, first, last = line.rstrip('\n').split('\t')
    key = formula, width, missing, sequence
    if key not in signals:
        step = int(width)
        count = None
        if missing == 'zero':
            count = numpy.zeros(-(-length // step) * step)
            count[:length] = 1
        a, b = [in_bins(bases[name, sequence], step, count) for name in ['a', 'b']]
        with numpy.errstate(all='ignore'):
            values = eval(formula)
        values[~numpy.isfinite(values)] = numpy.nan
        signals[key] = numpy.repeat(values, step)[:length]
    print(*in_bins(signals[key], 1 << int(shift), None)[int(first):int(last)])
"#;

#[test]
#[ignore = "asks other programs: .ci/peers"]
fn computed_values_are_those_of_numpy() {
    if !installed(&["pyBigWig", "numpy"]) {
        return;
    }
    let folder = Folder::new();
    let all = steps();
    let line =
        |row: &crate::Feature| format!("{}\t{}\t{}\t{}", row.0, row.1, row.2, quarters(row.3));
    folder.write("a.txt", &lines(&all, line));
    // Other steps, with other gaps.
    let other = all
        .iter()
        .filter(|row| row.3 % 7 > 0)
        .map(|(name, start, end, n)| (*name, start + 10, end + 10, (n * 31) % 400));
    let other: Vec<crate::Feature> = other.collect();
    folder.write("b.txt", &lines(&other, line));
    let mut random = Random(17);
    let mut asked = Vec::new();
    for n in 0..1000 {
        let (shift, sequence) = (random.below(17), SEQUENCES[n % 2]);
        let count = LENGTH.div_ceil(1 << shift);
        let first = random.below(count);
        let last = (first + 1 + random.below(50)).min(count);
        asked.push((n % EXPRESSIONS.len(), n % 3 == 0, sequence, shift as u8, first, last));
    }
    let question =
        |(which, gaps, sequence, shift, first, last): &(usize, bool, &str, u8, u32, u32)| {
            let (_, formula, width) = EXPRESSIONS[*which];
            let missing = if *gaps { "gap" } else { "zero" };
            format!("{formula}\t{width}\t{missing}\t{sequence}\t{shift}\t{first}\t{last}")
        };
    folder.write("asked.txt", &lines(&asked, question));
    let truth = folder.run(&python(), &["-c", NUMPY, &LENGTH.to_string()]);
    let truth: Vec<Vec<f64>> = truth
        .lines()
        .map(|line| line.split(' ').map(|value| value.parse().unwrap()).collect())
        .collect();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let ours = runtime.block_on(async {
        let context = Context { cache: folder.path("cache"), ..Context::default() };
        let catalog = Catalog::new(None).with_context(context);
        let specs = ["a.bw", "b.bw"].map(|name| Spec::file(folder.path(name)));
        let (_, errors) = catalog.load(specs.into()).await;
        assert!(errors.is_empty(), "{errors:?}");
        for (which, (expression, _, width)) in EXPRESSIONS.iter().enumerate() {
            for missing in ["zero", "gap"] {
                let mut wanted =
                    ComputedSpec::new(&format!("{missing}{which}"), expression).unwrap();
                if *width > 1 {
                    wanted.set("at", &width.to_string()).unwrap();
                }
                wanted.set("missing", missing).unwrap();
                catalog.compute(wanted).await.unwrap();
            }
        }
        let snapshot = catalog.snapshot();
        let mut ours = Vec::new();
        for (which, gaps, sequence, shift, first, last) in &asked {
            let id = format!("{}{which}", if *gaps { "gap" } else { "zero" });
            let end = (u64::from(*last) << shift).min(LENGTH.into()) as u32;
            let query = Query {
                datasource: snapshot.datasource("signals").unwrap().clone(),
                region: Region::new(*sequence, first << shift, end),
                measurements: vec![snapshot.measurement(&id).unwrap().clone()],
                metadata: Vec::new(),
                resolution: Resolution::At(Level::Bins { shift: *shift }),
            };
            let table = snapshot.read(query).await.unwrap().table;
            let value = |row| table.columns[0].data.number(row);
            ours.push((0..table.len()).map(value).collect::<Vec<_>>());
        }
        ours
    });
    assert_eq!(truth.len(), 1000);
    let mut compared = 0;
    for ((asked, truth), ours) in asked.iter().zip(&truth).zip(&ours) {
        assert_eq!(truth.len(), ours.len(), "{asked:?}");
        for (truth, ours) in truth.iter().zip(ours) {
            let near = (truth - ours).abs() <= 1e-4 * truth.abs().max(1.0);
            assert!(near || (truth.is_nan() && ours.is_nan()), "{asked:?}: {ours}, not {truth}");
            compared += usize::from(!truth.is_nan());
        }
    }
    assert!(compared > 10_000, "{compared}");
}
