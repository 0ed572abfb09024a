//! Binary columns as numpy loads them, against the same answer as JSON.

use crate::tools::{Folder, installed, python};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// Compares the columns of both formats; prints how many values agree.
const NUMPY: &str = r#"
import io, json, sys, urllib.request, numpy
def get(path):
    return urllib.request.urlopen(sys.argv[1] + path).read()
same = 0
for path in ['rows?datasource=peaks&region=chr1:1-50000', 'values?measurement=signal&region=chr1:1-50000&level=16']:
    arrays = numpy.load(io.BytesIO(get(path + '&format=npz')))
    rows = json.loads(get(path))
    assert set(arrays.files) == set(rows[0]), arrays.files
    for name in arrays.files:
        column = numpy.broadcast_to(arrays[name], len(rows))
        for value, row in zip(column.tolist(), rows):
            wanted = float('nan') if row[name] is None else row[name]
            if isinstance(wanted, float):
                # A single prints as the shortest number that is the same single.
                kind = column.dtype.type
                assert kind(wanted) == kind(value) or (wanted != wanted and value != value), (name, value, wanted)
            else:
                assert value == wanted, (name, value, wanted)
            same += 1
print(same)
"#;

/// A running endpoint, stopped when dropped.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[ignore = "asks other programs: .ci/peers"]
fn columns_that_numpy_loads_are_those_of_json() {
    if !installed(&["numpy"]) {
        return;
    }
    let folder = Folder::new();
    let (mut peaks, mut signal) = (String::new(), String::new());
    for n in 0..500 {
        let start = n * 100;
        writeln!(peaks, "chr1\t{start}\t{}\tpeak-{n}-ä\t{}\t+", start + 50, f64::from(n) / 7.0)
            .unwrap();
        writeln!(signal, "chr1\t{start}\t{}\t{}", start + 60, f64::from(n % 13) / 3.0).unwrap();
    }
    folder.write("peaks.bed", &peaks);
    folder.write("signal.bedgraph", &signal);
    let mut command = Command::new(env!("CARGO_BIN_EXE_epivizrs"));
    command.args(["peaks.bed", "signal.bedgraph", "--port", "0", "--state", "none", "--quiet"]);
    command.current_dir(folder.folder()).env("XDG_CACHE_HOME", folder.path("cache"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut serving = Serving(command.spawn().unwrap());
    let mut line = String::new();
    BufReader::new(serving.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening on ws").unwrap().replace("/ws", "/api/v1/");
    let said = folder.run(&python(), &["-c", NUMPY, &format!("http{address}")]);
    // 500 peaks of 6 columns, and the bins of 50,000 bases of 4 columns.
    assert_eq!(said.trim(), (500 * 6 + 3125 * 4).to_string());
}
