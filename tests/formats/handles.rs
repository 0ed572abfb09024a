//! More files than may be open at once, read by several threads: every value comes from the right
//! file.

use crate::bbi::writer::{File, Records, Variant};
use epivizrs::bytes::{open_files, set_most_open_files};
use epivizrs::genome::Region;
use epivizrs::source::formats::open;
use epivizrs::source::{Context, Level, Source, Spec};

const FILES: u32 = 300;
const MOST: usize = 64;
const THREADS: u32 = 8;

/// Returns the value of file `n` in its bin `bin`, which has 16 bases.
fn value(n: u32, bin: u32) -> f32 {
    (n * 1000 + bin) as f32
}

fn write(n: u32) -> Vec<u8> {
    let of_block = |block: u32| {
        let records =
            (block * 25..block * 25 + 25).map(|bin| (bin * 16, bin * 16 + 16, value(n, bin)));
        (0, Records::Graph(records.collect()))
    };
    let blocks = (0..4).map(of_block).collect();
    let file = File { sequences: vec![("chr1", 1600)], blocks, ..File::default() };
    file.write(Variant { big_endian: false, packed: n.is_multiple_of(2), sequences_last: false })
}

#[test]
fn more_files_than_may_be_open_are_read_correctly() {
    set_most_open_files(MOST);
    let folder = tempfile::tempdir().unwrap();
    let opened: Vec<Box<dyn Source>> = (0..FILES)
        .map(|n| {
            let path = folder.path().join(format!("{n}.bw"));
            std::fs::write(&path, write(n)).unwrap();
            open(&Spec::file(path), &Context::default()).unwrap()
        })
        .collect();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let opened = &opened;
            scope.spawn(move || {
                for step in 0..FILES * 2 {
                    let n = (step * 7 + thread * 37) % FILES;
                    let bin = (step * 13 + thread) % 90;
                    let region = Region::new("chr1", bin * 16, bin * 16 + 160);
                    let level = Level::Bins { shift: 4 };
                    let table = opened[n as usize].read(&region, level, &["value"]).unwrap();
                    let values: Vec<_> = (0..table.len())
                        .map(|row| table.columns[0].data.number(row) as f32)
                        .collect();
                    let truth: Vec<_> = (bin..bin + 10).map(|bin| value(n, bin)).collect();
                    assert_eq!(values, truth, "file {n}");
                    // Other tests of this process have open files, too, and each thread may be
                    // opening one.
                    assert!(open_files() <= MOST + 64, "{} are open", open_files());
                }
            });
        }
    });
}
