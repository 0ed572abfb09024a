//! Large BEDPE and interact files.

use super::{Dice, Folder, LENGTH, shuffled};

/// Returns pairs sorted by their first ends; the second end of some is unknown.
fn lines() -> Vec<String> {
    let mut dice = Dice(3);
    let mut starts: Vec<u32> = (0..2000).map(|_| dice.below(LENGTH)).collect();
    starts.sort_unstable();
    let line = |(number, start): (usize, u32)| {
        let first = format!("chr1\t{start}\t{}", start + dice.below(3000));
        let second = match dice.below(5) {
            0 => ".\t-1\t-1".to_owned(),
            1 => format!("chr2\t{start}\t{}", start + 10),
            // Both ends have the same interval.
            2 => first.clone(),
            _ => format!("chr1\t{}\t{}", start + 5000, start + 9000),
        };
        format!("{first}\t{second}\tloop {number}\t{}\t+\t-\tx", dice.below(99))
    };
    starts.into_iter().enumerate().map(line).collect()
}

#[test]
fn both_ends_of_a_pair_are_served_as_if_they_were_in_memory() {
    for lines in [lines(), shuffled(lines())] {
        let folder = Folder::new("x.bedpe", "", &lines);
        folder.is_as_in_memory();
        let (large, small) = (folder.large().unwrap(), folder.small().unwrap());
        assert_eq!(large.columns(), small.columns());
    }
}

#[test]
fn interactions_are_served_as_if_they_were_in_memory() {
    let mut dice = Dice(5);
    let line = |number: u32| {
        let (start, other) = (dice.below(LENGTH), dice.below(LENGTH));
        let ends = [start, other].map(|start| format!("chr1\t{start}\t{}", start + 50));
        let whole = format!("chr1\t{}\t{}", start.min(other), start.max(other) + 50);
        let [first, second] = ends;
        format!("{whole}\ti{number}\t5\t0.5\tx\t#7A67EE\t{first}\te{number}\t+\t{second}\t.\t-")
    };
    Folder::new("x.interact", "", &(0..1500).map(line).collect::<Vec<_>>()).is_as_in_memory();
}

#[test]
fn an_invalid_line_is_named_by_its_number_in_the_file() {
    let wrong = [
        ("chr1\t1\t2\tchr2\t3\t4\tl\t5\t+\t-", "has 10 columns, not 11"),
        ("chr1\t1\t2\tchr2\t5\t4\tl\t5\t+\t-\tx", "the end (4) is before the start (5)"),
        (".\t-1\t-1\t.\t-1\t-1\tl\t5\t+\t-\tx", "neither end"),
    ];
    for (line, what) in wrong {
        let mut lines = lines();
        lines.push(line.to_owned());
        Folder::new("x.bedpe", "", &lines).is_refused(lines.len(), what);
    }
}
