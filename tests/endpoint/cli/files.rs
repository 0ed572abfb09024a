//! Files, folders and hubs on the command line, and what is said of bad ones.

use super::*;

#[test]
fn files_of_two_assemblies_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let variants = |name, chr1: u32, mitochondrion: u32| {
        let text = format!(
            "##contig=<ID=chr1,length={chr1}>\n##contig=<ID=chrM,length={mitochondrion}>\n\
             #CHROM\tPOS\nchr1\t5\t.\tA\tG\t.\t.\t.\nchrM\t5\t.\tA\tG\t.\t.\t.\n"
        );
        write(folder.path(), name, text.as_bytes())
    };
    let one = variants("a.vcf", 249_250_621, 16_571);
    let other = variants("b.vcf", 248_956_422, 16_571);
    let revised = variants("c.vcf", 249_250_621, 16_569);
    let said = |files: &[&str]| {
        let run = Run::start(files);
        run.signal("-TERM");
        run.end().1
    };
    let text = said(&[&one, &other]);
    let warning = text.lines().find(|line| line.contains("belongs to another assembly")).unwrap();
    let expected = ["b.vcf", "chr1 has 248956422 bases here", "249250621 in "];
    assert!(expected.iter().all(|part| warning.contains(part)), "{warning}");
    assert!(!said(&[&one, &revised]).contains("another assembly"));
    assert!(said(&[&one, "--assembly", "hg38"]).contains("248956422 in hg38"));
}

#[test]
fn each_bad_file_is_reported_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let letter = write(folder.path(), "letter.bed", b"chr1\t1\t2\nchr1\tx\t9\n");
    let damaged = write(folder.path(), "damaged.bw", &[0x26, 0xfc, 0x8f, 0x88, 4, 0, 9, 9]);
    let cut = write(folder.path(), "cut.bed.gz", &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 75]);
    let missing = folder.path().join("missing.bed").to_str().unwrap().to_owned();
    let empty = folder.path().join("empty").to_str().unwrap().to_owned();
    std::fs::create_dir(&empty).unwrap();
    let unknown = write(folder.path(), "notes.xyz", b"hello\n");
    let all = [&empty, &letter, &damaged, &cut, &missing, &unknown];
    let (code, text) = fail(&all.map(|path| path as &str));
    assert_eq!(code, 1);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), all.len(), "{text}");
    for (line, path) in lines.iter().zip(all) {
        assert!(line.starts_with("epivizrs: ") && line.contains(path as &str), "{line}");
    }
    assert!(lines[1].contains("line 2") && lines[1].contains("'x'"), "{}", lines[1]);
    assert!(!text.contains("panicked"), "{text}");
}

#[test]
fn keep_going_serves_the_other_files() {
    let folder = tempfile::tempdir().unwrap();
    let bad = write(folder.path(), "bad.bed", b"chr1\tx\t2\n");
    let good = write(folder.path(), "good.bed", b"chr1\t1\t2\n");
    let run = Run::start(&["--keep-going", &bad, &good]);
    run.signal("-TERM");
    let (status, text) = run.end();
    assert_eq!(status.code(), Some(0));
    assert!(text.contains("not served: ") && text.contains("bad.bed"), "{text}");
    assert!(text.contains("  good    bed     1     hg38      chr1:2-2\n"), "{text}");
}

#[test]
fn folders_hubs_and_files_with_bad_records_are_served() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let bed = write(&data, "a.bed", b"chr1\t1\t2\n");
    let index = write(&data, "b.bed.gz.tbi", b"");
    write(&data, "notes.md", b"");
    let hub = "hub x\nuseOneFile on\n\ngenome hg19\n\n\
               track near\nbigDataUrl data/a.bed\n\ntrack far\nbigDataUrl ftp://x/y.bw\n";
    let hub = write(folder.path(), "hub.txt", hub.as_bytes());
    let records = format!("[{{\"url\": \"{bed}\"}}, {{\"name\": \"no url\"}}]");
    let records = write(folder.path(), "files.json", records.as_bytes());
    let ids = |arguments: &[&str]| {
        let run = Run::start(arguments);
        let listed = run.get("/api/v1/measurements?format=tsv");
        run.signal("-TERM");
        let body = listed.split("\r\n\r\n").nth(1).unwrap().lines().skip(1);
        let ids = body.map(|line| line.split('\t').next().unwrap().to_owned());
        (ids.collect::<Vec<_>>(), run.end().1)
    };
    let (served, text) = ids(&[data.to_str().unwrap()]);
    assert_eq!(served, ["a"]);
    assert!(text.contains("skipped") && text.contains("notes.md"), "{text}");
    assert_eq!(ids(&[&bed, &index]).0, ["a"], "arguments as the shell expands *");
    let (code, text) = fail(&[&hub]);
    assert_eq!(code, 1);
    assert!(text.contains("hub.txt, line 9: track 'far': 'ftp://'"), "{text}");
    let (served, text) = ids(&["--keep-going", &hub]);
    assert_eq!(served, ["near"]);
    assert!(text.contains("not served: ") && text.contains("hg19"), "{text}");
    let (code, text) = fail(&["--config", &records]);
    assert!(code == 1 && text.contains("files.json, record 2: "), "{text}");
    let (served, text) = ids(&["--keep-going", "--config", &records]);
    assert_eq!(served, ["a"]);
    assert!(text.contains("not served: ") && text.contains("record 2"), "{text}");
}

#[test]
fn standard_input_is_a_source() {
    let told = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_epivizrs"));
        let mut child = command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let bed = b"chr1\t10\t20\tfirst\nchr1\t30\t40\tsecond\n";
        child.stdin.take().unwrap().write_all(bed).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.success(), text(output.stdout) + &text(output.stderr))
    };
    let (done, text) = told(&["inspect", "-,format=bed"]);
    assert!(done && text.starts_with("stdin\n  format       bed\n"), "{text}");
    let (done, text) = told(&["query", "-", "second"]);
    assert!(done && text.ends_with("chr1\t30\t40\t*\t1\tsecond\n"), "{text}");
    let (done, text) = told(&["inspect", "-", "-"]);
    assert!(!done && text.contains("only one source"), "{text}");
}

#[test]
fn inspect_uses_the_given_cache_folder() {
    let folder = tempfile::tempdir().unwrap();
    let signal = write(folder.path(), "x.bedgraph", b"chr1\t0\t100\t5\n");
    let cache = folder.path().join("cache");
    let output = Command::new(env!("CARGO_BIN_EXE_epivizrs"))
        .args(["inspect", &signal, "--cache-dir", cache.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(std::fs::read_dir(&cache).unwrap().count() > 0);
}
