//! Runs other programs and `epivizrs query`, and parses the rows that they print.

use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Returns whether all these programs are installed. Prints those that are missing; this is a
/// failure if `EPIVIZRS_PEERS=required`.
pub(crate) fn installed(tools: &[&str]) -> bool {
    let runs = |tool: &&&str| match **tool {
        // Python modules, by their names.
        module @ ("pyBigWig" | "pybigtools" | "numpy") => {
            succeeds(&python(), &["-c", &format!("import {module}")])
        }
        tool => succeeds(tool, &["--version"]),
    };
    let missing: Vec<_> = tools.iter().filter(|tool| !runs(tool)).copied().collect();
    let required = std::env::var("EPIVIZRS_PEERS").is_ok_and(|value| value == "required");
    assert!(missing.is_empty() || !required, "not installed: {}", missing.join(", "));
    if !missing.is_empty() {
        println!("\nSKIPPED, since not installed: {}", missing.join(", "));
    }
    missing.is_empty()
}

fn succeeds(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
}

/// Returns the Python interpreter that has the modules.
pub(crate) fn python() -> String {
    std::env::var("EPIVIZRS_PEERS_PYTHON").unwrap_or_else(|_| "python3".to_owned())
}

/// A folder in which programs run.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Folder(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// Runs a program and returns its output, or writes it to a file of the folder (`> name` at the
    /// end).
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> String {
        let (arguments, file) = match arguments {
            [before @ .., ">", name] => (before, Some(self.path(name))),
            all => (all, None),
        };
        let output = Command::new(program).args(arguments).current_dir(self.0.path()).output();
        let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {said}");
        match file {
            Some(path) => std::fs::write(path, output.stdout).map(|()| String::new()).unwrap(),
            None => String::from_utf8(output.stdout).unwrap(),
        }
    }

    /// Returns the rows that `epivizrs query` prints at this level.
    pub(crate) fn query(&self, source: &str, region: &str, level: &str) -> Table {
        let arguments = ["query", source, region, "--level", level, "--tsv"];
        let mut command = Command::new(env!("CARGO_BIN_EXE_epivizrs"));
        command.args(arguments).current_dir(self.0.path()).env_remove("EPIVIZRS_LOG");
        command.env("XDG_CACHE_HOME", self.path("cache")).env("NO_COLOR", "1");
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "query {source} {region}: {said}");
        Table::parse(&String::from_utf8(output.stdout).unwrap())
    }

    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }
}

/// Rows with the names of their columns; intervals are 0-based and half-open.
pub(crate) struct Table {
    names: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    fn parse(text: &str) -> Self {
        let mut lines = text.lines().filter(|line| !line.starts_with("# "));
        let fields = |line: &str| line.split('\t').map(str::to_owned).collect::<Vec<_>>();
        let names = lines.next().map(|line| fields(line.trim_start_matches('#')));
        Table { names: names.unwrap_or_default(), rows: lines.map(fields).collect() }
    }

    /// Returns these columns of the rows that overlap the interval, as sorted lines. Measurements
    /// may be named without their source. An answer is a contiguous run of rows, so rows in it that
    /// do not overlap are left out here.
    pub(crate) fn lines(&self, (start, end): (u32, u32), columns: &[&str]) -> Vec<String> {
        let column = |name: &&str| {
            let is = |known: &String| known == name || known.ends_with(&format!(".{name}"));
            self.names.iter().position(is).unwrap_or_else(|| panic!("{name}: {:?}", self.names))
        };
        let columns: Vec<usize> = columns.iter().map(column).collect();
        let place = |row: &[String], at: usize| row[at].parse::<u32>().unwrap();
        let overlaps = |row: &&Vec<String>| place(row, 1) < end && place(row, 2) > start;
        let line = |row: &Vec<String>| {
            columns.iter().map(|at| row[*at].as_str()).collect::<Vec<_>>().join("\t")
        };
        sorted(self.rows.iter().filter(overlaps).map(line))
    }
}

/// Returns the lines sorted, so that the output of several programs can be compared.
pub(crate) fn sorted(lines: impl Iterator<Item = String>) -> Vec<String> {
    let mut lines: Vec<String> = lines.collect();
    lines.sort_unstable();
    lines
}

/// A pseudorandom number generator (SplitMix64) with the same numbers in every run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % u64::from(limit)) as u32
    }
}
