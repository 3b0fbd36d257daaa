//! How DataFusion reads a segment: through the segment itself, which keeps the file from being deleted under a query,
//! knows its footer already, and reads from the page cache without a detour.

use std::{fs::File, io::Read, io::Seek, io::SeekFrom, ops::Range, sync::Arc};

use bytes::Bytes;
use datafusion::{
    common::{Result, exec_datafusion_err},
    datasource::{
        listing::PartitionedFile,
        physical_plan::{ParquetFileMetrics, ParquetFileReaderFactory},
    },
    physical_plan::metrics::ExecutionPlanMetricsSet,
};
use futures::{FutureExt, future::BoxFuture};
use parquet::{
    arrow::{arrow_reader::ArrowReaderOptions, async_reader::AsyncFileReader},
    errors::ParquetError,
    file::metadata::ParquetMetaData,
};

use super::segment::Segment;

#[derive(Debug)]
pub(super) struct SegmentReaders;

impl ParquetFileReaderFactory for SegmentReaders {
    fn create_reader(
        &self,
        partition_index: usize,
        file: PartitionedFile,
        _metadata_size_hint: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Box<dyn AsyncFileReader + Send>> {
        let Some(segment) = file.extension::<Arc<Segment>>() else {
            return Err(exec_datafusion_err!(
                "{} is not a segment of the event log",
                file.path()
            ));
        };
        let opened = File::open(segment.path()).map_err(|fault| {
            exec_datafusion_err!(
                "the segment {} cannot be opened: {fault}",
                segment.path().display()
            )
        })?;
        let metrics = ParquetFileMetrics::new(partition_index, &segment.row().name, metrics);
        Ok(Box::new(SegmentReader {
            segment: segment.clone(),
            file: opened,
            metrics,
        }))
    }
}

struct SegmentReader {
    segment: Arc<Segment>,
    file: File,
    metrics: ParquetFileMetrics,
}

impl SegmentReader {
    fn read(&mut self, range: Range<u64>) -> Result<Bytes, ParquetError> {
        let fault = |fault: &dyn std::fmt::Display| {
            ParquetError::General(format!(
                "the segment {} cannot be read: {fault}",
                self.segment.path().display()
            ))
        };
        let length = usize::try_from(range.end.saturating_sub(range.start)).map_err(|error| fault(&error))?;
        let mut bytes = Vec::with_capacity(length);
        self.file
            .seek(SeekFrom::Start(range.start))
            .map_err(|error| fault(&error))?;
        let read = (&self.file)
            .take(length as u64)
            .read_to_end(&mut bytes)
            .map_err(|error| fault(&error))?;
        if read != length {
            return Err(fault(&format!("{read} of {length} bytes at {}", range.start)));
        }
        self.metrics.bytes_scanned.add(length);
        Ok(bytes.into())
    }
}

impl AsyncFileReader for SegmentReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ParquetError>> {
        futures::future::ready(self.read(range)).boxed()
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, Result<Vec<Bytes>, ParquetError>> {
        let read = ranges.into_iter().map(|range| self.read(range)).collect();
        futures::future::ready(read).boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>, ParquetError>> {
        futures::future::ready(Ok(self.segment.metadata().clone())).boxed()
    }
}
