//! Writes CRAM and its index with the library that the program uses to decode records;
//! `tests/peers` compares its results with samtools.

use noodles_cram::{self as cram, crai};
use noodles_fasta::record::{Definition, Sequence};
use noodles_fasta::{Record, Repository};
use noodles_sam::Header;
use noodles_sam::alignment::RecordBuf;
use noodles_sam::alignment::io::Write as _;
use noodles_sam::alignment::record::cigar::{Op, op::Kind};
use noodles_sam::alignment::record::{Flags, MappingQuality};
use noodles_sam::header::record::value::{Map, map::ReferenceSequence};

/// A read: the number of its sequence, its first base (0-based), FLAG, MAPQ, name and CIGAR.
pub(crate) struct Read {
    pub(crate) sequence: usize,
    pub(crate) start: u32,
    pub(crate) flags: u16,
    pub(crate) quality: u8,
    pub(crate) name: String,
    pub(crate) cigar: Vec<(u32, char)>,
}

/// The number of reads in a container: few, so that a small file has many containers.
const CONTAINER: usize = 50;

/// Returns the bytes of a file and of its index.
pub(crate) fn file(sequences: &[(&str, u32)], reads: &[Read]) -> (Vec<u8>, Vec<u8>) {
    let letters = |(name, length): &(&str, u32)| {
        Record::new(Definition::new(*name, None), Sequence::from(vec![b'A'; *length as usize]))
    };
    let reference = Repository::new(sequences.iter().map(letters).collect::<Vec<_>>());
    let header = sequences.iter().fold(Header::builder(), |header, (name, length)| {
        let length = (*length as usize).try_into().unwrap();
        header.add_reference_sequence(*name, Map::<ReferenceSequence>::new(length))
    });
    let header = header.build();
    let write = |reads: &[Read]| {
        let mut writer = cram::io::writer::Builder::default()
            .set_reference_sequence_repository(reference.clone())
            .build_from_writer(Vec::new());
        writer.write_header(&header).unwrap();
        for read in reads {
            writer.write_alignment_record(&header, &record(read)).unwrap();
        }
        writer.try_finish(&header).unwrap();
        writer.into_inner()
    };
    // The library fills each container, so every container is written as a file of its own and cut
    // out of it.
    let head = write(&[]);
    let end = &head[head.len() - 38..];
    let mut bytes = head[..begin_of(&head)].to_vec();
    for reads in reads.chunks(CONTAINER) {
        let whole = write(reads);
        bytes.extend_from_slice(&whole[begin_of(&whole)..whole.len() - 38]);
    }
    bytes.extend_from_slice(end);
    let path = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(path.path(), &bytes).unwrap();
    let index = cram::fs::index(path.path()).unwrap();
    let mut writer = crai::io::Writer::new(Vec::new());
    writer.write_index(&index).unwrap();
    (bytes, writer.finish().unwrap())
}

/// Returns the offset of the first container of reads, after the file definition and the header
/// container.
fn begin_of(bytes: &[u8]) -> usize {
    let mut reader = cram::io::Reader::new(std::io::Cursor::new(bytes));
    reader.read_header().unwrap();
    reader.position().unwrap() as usize
}

fn record(read: &Read) -> RecordBuf {
    let kind = |letter| match letter {
        'M' => Kind::Match,
        'I' => Kind::Insertion,
        'D' => Kind::Deletion,
        'N' => Kind::Skip,
        'S' => Kind::SoftClip,
        '=' => Kind::SequenceMatch,
        'X' => Kind::SequenceMismatch,
        _ => panic!("{letter}"),
    };
    let bases = read.cigar.iter().filter(|(_, letter)| "MIS=X".contains(*letter));
    let bases: u32 = bases.map(|(length, _)| length).sum();
    RecordBuf::builder()
        .set_name(read.name.as_str())
        .set_flags(Flags::from(read.flags))
        .set_reference_sequence_id(read.sequence)
        .set_alignment_start((read.start as usize + 1).try_into().unwrap())
        .set_mapping_quality(MappingQuality::new(read.quality).unwrap())
        .set_cigar(read.cigar.iter().map(|(n, l)| Op::new(kind(*l), *n as usize)).collect())
        .set_sequence(vec![b'A'; bases as usize].into())
        .set_quality_scores(vec![30; bases as usize].into())
        .build()
}
