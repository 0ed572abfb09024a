//! Decodes the records of containers.

use crate::bytes::Input;
use crate::error::{Error, Result};
use crate::genome::Sequences;
use crate::source::alignments::alignment::{Alignments, DecodedRead};
use crate::source::alignments::cram::container::{Container, Cram};
use noodles_cram::Record;
use noodles_cram::io::Reader;
use noodles_fasta::record::{Definition, Sequence};
use noodles_fasta::repository::Adapter;
use noodles_fasta::{Record as Letters, Repository};
use noodles_sam::Header;
use noodles_sam::alignment::Record as _;
use noodles_sam::alignment::record::cigar::op::Kind;
use noodles_sam::header::record::value::{Map, map::ReferenceSequence};
use std::io;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

/// Decodes the records of containers.
pub(super) struct Decoder {
    sequences: Arc<Sequences>,
    /// Made when it is first needed, because it takes much memory if there are many sequences.
    header: OnceLock<Header>,
    no_bases: Repository,
}

/// A reference without bases, since none are needed.
struct NoBases;

impl Adapter for NoBases {
    fn get(&mut self, name: &[u8]) -> Option<io::Result<Letters>> {
        Some(Ok(Letters::new(Definition::new(name, None), Sequence::default())))
    }
}

impl Decoder {
    pub(super) fn new(sequences: Arc<Sequences>) -> Self {
        Decoder { sequences, header: OnceLock::new(), no_bases: Repository::new(NoBases) }
    }

    fn header(&self) -> &Header {
        let add = |header: noodles_sam::header::Builder, s: crate::genome::Sequence<'_>| {
            let length = NonZero::new(s.length as usize).unwrap_or(NonZero::<usize>::MIN);
            header.add_reference_sequence(s.name, Map::<ReferenceSequence>::new(length))
        };
        self.header.get_or_init(|| self.sequences.iter().fold(Header::builder(), add).build())
    }

    /// Decodes the reads of the slices of a container whose offsets are `wanted`, in order.
    pub(super) fn reads(
        &self,
        file: &Cram,
        container: &Container,
        wanted: impl Fn(usize) -> bool,
    ) -> Result<Vec<DecodedRead>> {
        // The library trusts data with valid checksums; a forged file can make it panic.
        let decoded = catch_unwind(AssertUnwindSafe(|| self.decode(container, wanted)));
        match decoded {
            Ok(Ok(reads)) => Ok(reads),
            Ok(Err(error)) => Err(file.damaged(&format!("a container is damaged ({error})"))),
            Err(_) => Err(file.damaged("a container is damaged")),
        }
    }

    fn decode(
        &self,
        container: &Container,
        wanted: impl Fn(usize) -> bool,
    ) -> io::Result<Vec<DecodedRead>> {
        let mut compressed = noodles_cram::io::reader::Container::default();
        Reader::new(&container.bytes[..]).read_container(&mut compressed)?;
        let compression = compressed.compression_header()?;
        let mut reads = Vec::new();
        let slices = compressed.slices().zip(&container.landmarks);
        for (slice, _) in slices.filter(|(_, landmark)| wanted(**landmark)) {
            let slice = slice?;
            let (core, external) = slice.decode_blocks()?;
            let no_bases = self.no_bases.clone();
            let records = slice.records(no_bases, self.header(), &compression, &core, &external)?;
            for record in &records {
                reads.push(self.read(record)?);
            }
        }
        Ok(reads)
    }

    fn read(&self, record: &Record<'_>) -> io::Result<DecodedRead> {
        let number = |number: usize| u32::try_from(number).map_err(io::Error::other);
        let start = record.alignment_start().transpose()?;
        let letter = |kind| match kind {
            Kind::Match => 'M',
            Kind::Insertion => 'I',
            Kind::Deletion => 'D',
            Kind::Skip => 'N',
            Kind::SoftClip => 'S',
            Kind::HardClip => 'H',
            Kind::Pad => 'P',
            Kind::SequenceMatch => '=',
            Kind::SequenceMismatch => 'X',
        };
        let mut cigar = Vec::new();
        for operation in record.cigar().iter() {
            let operation = operation?;
            cigar.push((number(operation.len())?, letter(operation.kind())));
        }
        Ok(DecodedRead {
            sequence: record.reference_sequence_id(self.header()).transpose()?,
            start: start.map(|start| number(usize::from(start) - 1)).transpose()?,
            flags: record.flags()?.bits(),
            quality: record.mapping_quality().transpose()?.map_or(u8::MAX, u8::from),
            name: record.name().map(|name| name.to_vec()).unwrap_or_default(),
            cigar,
        })
    }
}

/// All reads of a file.
pub(super) struct Stream {
    file: Cram,
    decoder: Decoder,
    /// The reads of the current container.
    reads: Vec<DecodedRead>,
    /// Number of these reads that have been returned.
    returned: usize,
}

impl Stream {
    pub(super) fn open(input: &Input) -> Result<Self> {
        let file = Cram::open(input)?;
        Ok(Stream {
            decoder: Decoder::new(file.sequences.clone()),
            file,
            reads: Vec::new(),
            returned: 0,
        })
    }
}

impl Alignments for Stream {
    type Read = DecodedRead;

    fn sequences(&self) -> &Arc<Sequences> {
        &self.file.sequences
    }

    fn next(&mut self) -> Result<Option<&DecodedRead>> {
        while self.returned == self.reads.len() {
            let Some(container) = self.file.container()? else { return Ok(None) };
            self.returned = 0;
            self.reads = self.decoder.reads(&self.file, &container, |_| true)?;
        }
        self.returned += 1;
        Ok(self.reads.get(self.returned - 1))
    }

    fn position(&self) -> u64 {
        self.file.position()
    }

    fn damaged(&self, what: &str) -> Error {
        self.file.damaged(what)
    }
}
