//! The rows that a tail keeps, in order: the newest as they are, older ones packed, since most of them are never looked at
//! again.
//!
//! Invariant: what is unpacked is what was packed. Bytes are those of memory held: of packed rows the packed ones.

use std::{collections::VecDeque, io::Cursor};

use arrow::{array::RecordBatch, buffer::Buffer, compute::concat_batches};
use arrow_ipc::{
    CompressionType, MetadataVersion,
    reader::StreamDecoder,
    writer::{IpcWriteOptions, StreamWriter},
};
use tailrace_model::{Error, Result};

use super::merge::bytes_of;

/// Of the newest rows so many bytes stay as they are.
const READY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Rows are packed in blocks of about so many bytes: large enough to pack well, small enough to be unpacked for a page.
const BLOCK_BYTES: usize = 1024 * 1024;
/// What a batch takes beside its rows.
const BATCH_BYTES: usize = 2 * 1024;

#[derive(Debug)]
enum Kept {
    Ready(RecordBatch),
    Packed(Buffer),
}

#[derive(Debug)]
struct Block {
    kept: Kept,
    /// Different for each block.
    number: u64,
    rows: usize,
    bytes: usize,
}

/// See the module's text.
#[derive(Debug, Default)]
pub struct PackedRows {
    blocks: VecDeque<Block>,
    /// Of `blocks`, how many are packed: the first ones.
    packed: usize,
    rows: usize,
    bytes: usize,
    ready_bytes: usize,
    next_number: u64,
    /// The block unpacked last: pages that follow each other are mostly in the same one.
    unpacked: Option<(u64, Vec<RecordBatch>)>,
}

fn failed(what: &str, error: &impl ToString) -> Error {
    Error::internal("arrow", format!("{what}: {}", error.to_string()))
}

impl PackedRows {
    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Of the oldest block.
    pub fn oldest(&self) -> Option<usize> {
        self.blocks.front().map(|block| block.rows)
    }

    /// Keeps rows as they are, after the others.
    pub fn push(&mut self, records: RecordBatch) {
        let bytes = bytes_of(&records) + BATCH_BYTES;
        self.ready_bytes += bytes;
        self.add(self.blocks.len(), records.num_rows(), bytes, Kept::Ready(records));
    }

    fn add(&mut self, at: usize, rows: usize, bytes: usize, kept: Kept) {
        self.rows += rows;
        self.bytes += bytes;
        self.next_number += 1;
        let block = Block {
            kept,
            number: self.next_number,
            rows,
            bytes,
        };
        self.blocks.insert(at, block);
    }

    fn take(&mut self, at: usize) -> Option<Block> {
        let block = self.blocks.remove(at)?;
        self.rows -= block.rows;
        self.bytes -= block.bytes;
        match &block.kept {
            Kept::Ready(_) => self.ready_bytes -= block.bytes,
            Kept::Packed(_) => self.packed -= 1,
        }
        if self
            .unpacked
            .as_ref()
            .is_some_and(|(number, _)| *number == block.number)
        {
            self.unpacked = None;
        }
        Some(block)
    }

    /// Lets the oldest block go; how many rows it had.
    pub fn pop(&mut self) -> Option<usize> {
        self.take(0).map(|block| block.rows)
    }

    /// Packs what is no longer among the newest.
    pub fn pack(&mut self) -> Result<()> {
        while self.ready_bytes > READY_BYTES_MAX + BLOCK_BYTES && self.blocks.len() > self.packed + 1 {
            self.pack_block()?;
        }
        Ok(())
    }

    fn pack_block(&mut self) -> Result<()> {
        let (mut batches, mut bytes): (Vec<RecordBatch>, usize) = (Vec::new(), 0);
        while let Some(Block {
            kept: Kept::Ready(records),
            bytes: more,
            ..
        }) = self.blocks.get(self.packed)
        {
            let other = batches
                .first()
                .is_some_and(|first| first.schema_ref() != records.schema_ref());
            if other || (!batches.is_empty() && bytes + more > BLOCK_BYTES) {
                break;
            }
            bytes += more;
            batches.push(records.clone());
            self.take(self.packed);
        }
        let Some(first) = batches.first() else {
            return Ok(());
        };
        let records = concat_batches(first.schema_ref(), &batches)
            .map_err(|error| failed("rows could not be put together", &error))?;
        drop(batches);
        let packed = pack(&records)?;
        let at = self.packed;
        self.packed += 1;
        self.add(
            at,
            records.num_rows(),
            packed.len() + BATCH_BYTES,
            Kept::Packed(packed),
        );
        Ok(())
    }

    /// `limit` rows at most, after the first `skip`.
    pub fn slices(&mut self, mut skip: usize, mut limit: usize) -> Result<Vec<RecordBatch>> {
        let mut slices = Vec::new();
        for block in &self.blocks {
            if limit == 0 {
                break;
            }
            if skip >= block.rows {
                skip -= block.rows;
                continue;
            }
            match &block.kept {
                Kept::Ready(records) => slice(records, &mut skip, &mut limit, &mut slices),
                Kept::Packed(packed) => {
                    if self
                        .unpacked
                        .as_ref()
                        .is_none_or(|(number, _)| *number != block.number)
                    {
                        self.unpacked = None;
                        self.unpacked = Some((block.number, unpack(packed)?));
                    }
                    let batches = self.unpacked.iter().flat_map(|(_, batches)| batches);
                    for records in batches {
                        slice(records, &mut skip, &mut limit, &mut slices);
                    }
                }
            }
        }
        Ok(slices)
    }
}

fn slice(records: &RecordBatch, skip: &mut usize, limit: &mut usize, slices: &mut Vec<RecordBatch>) {
    let rows = records.num_rows();
    if *skip >= rows {
        *skip -= rows;
        return;
    }
    let take = (*limit).min(rows - *skip);
    if take > 0 {
        slices.push(records.slice(*skip, take));
    }
    *skip = 0;
    *limit -= take;
}

fn pack(records: &RecordBatch) -> Result<Buffer> {
    let options = IpcWriteOptions::try_new(64, false, MetadataVersion::V5)
        .and_then(|options| options.try_with_compression(Some(CompressionType::ZSTD)));
    let write = |options| {
        let mut packed = Cursor::new(Vec::new());
        let mut writer = StreamWriter::try_new_with_options(&mut packed, records.schema_ref(), options)?;
        writer.write(records)?;
        writer.finish()?;
        drop(writer);
        let mut packed = packed.into_inner();
        packed.shrink_to_fit();
        Ok(Buffer::from_vec(packed))
    };
    options
        .and_then(write)
        .map_err(|error: arrow::error::ArrowError| failed("rows could not be packed", &error))
}

fn unpack(packed: &Buffer) -> Result<Vec<RecordBatch>> {
    let (mut decoder, mut rest) = (StreamDecoder::new(), packed.clone());
    let mut batches = Vec::new();
    while !rest.is_empty() {
        let records = decoder
            .decode(&mut rest)
            .map_err(|error| failed("rows could not be unpacked", &error))?;
        batches.extend(records);
    }
    Ok(batches)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::{
        array::{AsArray, BinaryArray, Int64Array},
        datatypes::{DataType, Field, Int64Type, Schema},
    };
    use proptest::prelude::*;

    use super::*;

    fn records(from: i64, sizes: &[usize]) -> RecordBatch {
        let schema = Schema::new(vec![
            Field::new("_offset", DataType::Int64, false),
            Field::new("value", DataType::Binary, true),
        ]);
        let to = from + sizes.len() as i64;
        let values = sizes.iter().enumerate().map(|(at, size)| {
            // Nothing that packs to nothing.
            let byte = |index: usize| (index.wrapping_mul(2_654_435_761) >> 7) as u8 ^ at as u8;
            (*size % 7 != 3).then(|| (0..*size).map(byte).collect::<Vec<u8>>())
        });
        RecordBatch::try_new(
            Arc::new(schema),
            vec![
                Arc::new(Int64Array::from_iter_values(from..to)),
                Arc::new(BinaryArray::from_iter(values)),
            ],
        )
        .unwrap()
    }

    fn offsets(slices: &[RecordBatch]) -> Vec<i64> {
        let column = |slice: &RecordBatch| slice["_offset"].as_primitive::<Int64Type>().values().to_vec();
        slices.iter().flat_map(column).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn a_page_is_the_same_packed_or_not(
            batches in prop::collection::vec(prop::collection::vec(0..300_000_usize, 1..20), 1..12),
            popped in 0..4_usize,
            pages in prop::collection::vec((0..200_usize, 0..60_usize), 1..8),
        ) {
            let (mut kept, mut all, mut next) = (PackedRows::default(), Vec::new(), 0);
            for sizes in &batches {
                let batch = records(next, sizes);
                next += sizes.len() as i64;
                all.push(batch.clone());
                kept.push(batch);
                kept.pack().unwrap();
            }
            let gone: usize = (0..popped).filter_map(|_| kept.pop()).sum();
            let all = concat_batches(all[0].schema_ref(), &all).unwrap();
            prop_assert_eq!(kept.rows(), all.num_rows() - gone);
            for (skip, limit) in pages {
                let slices = kept.slices(skip, limit).unwrap();
                let from = (gone + skip).min(all.num_rows());
                let wanted = all.slice(from, limit.min(all.num_rows() - from));
                prop_assert_eq!(offsets(&slices), offsets(std::slice::from_ref(&wanted)));
                if !slices.is_empty() {
                    prop_assert_eq!(concat_batches(all.schema_ref(), &slices).unwrap(), wanted);
                }
            }
            while kept.pop().is_some() {}
            prop_assert_eq!((kept.rows, kept.bytes, kept.ready_bytes, kept.packed), (0, 0, 0, 0));
        }
    }

    #[test]
    fn older_rows_take_less() {
        let text = "{\"event\":\"Order Completed\",\"properties\":{\"revenue\":12.5}}".repeat(8);
        let batch = |from: i64| {
            let values = BinaryArray::from_iter_values((0..1_000).map(|_| text.as_bytes()));
            let offsets = Int64Array::from_iter_values(from..from + 1_000);
            let first = records(0, &[0]);
            RecordBatch::try_new(first.schema(), vec![Arc::new(offsets), Arc::new(values)]).unwrap()
        };
        let mut kept = PackedRows::default();
        for at in 0..100 {
            kept.push(batch(at * 1_000));
            kept.pack().unwrap();
        }
        let unpacked = 100_000 * text.len();
        assert!(unpacked > 40 * 1024 * 1024);
        assert!(
            kept.bytes() < READY_BYTES_MAX + 4 * BLOCK_BYTES,
            "{}",
            kept.bytes()
        );
        assert_eq!(offsets(&kept.slices(54_321, 2).unwrap()), [54_321, 54_322]);
    }
}
