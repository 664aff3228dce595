//! Parquet files for COPY FROM: row groups are decoded by several threads, rows come in the order
//! of the file.
//!
//! ```text
//! row group 1 ── task ──► queue ─┐
//! row group 2 ── task ──► queue ─┼──► one after the other, in order
//!                                │    row group 3 begins when row group 1 is used up
//! ```
//!
//! As many row groups are decoded at a time as there are threads; a task waits when its queue holds
//! its share of the memory. What the file says about itself is not trusted: sizes are compared with
//! the file before memory is taken, and a panic of the decoder is an error of this file.

use super::guard::{contradictory, damaged};
use crate::error::Result;
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType as ArrowType, Field, Schema, SchemaRef, TimeUnit};
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::Type as PhysicalType;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use starfact_base::Error as BaseError;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Rows of a batch, unless they are long.
const BATCH_ROWS: u64 = 32_768;
/// Bytes of a batch, as far as the file can be believed.
const BATCH_BYTES: u64 = 32 << 20;

/// An open Parquet file.
#[derive(Clone, Debug)]
pub(super) struct ParquetFile {
    name: Arc<str>,
    source: Source,
    metadata: ArrowReaderMetadata,
}

/// What is done with each batch, given the row of the file, from 0, with which it begins.
pub(super) type Convert = Arc<dyn Fn(RecordBatch, u64) -> Result<RecordBatch> + Send + Sync>;

impl ParquetFile {
    /// Opens a file and reads its footer.
    ///
    /// # Errors
    /// Files that cannot be read or are no Parquet files.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let name: Arc<str> = path.display().to_string().into();
        let file = super::path::open(path)?;
        let bytes = file.metadata().map_err(|error| BaseError::io("open", path, error))?.len();
        let source = Source { file: Arc::new(file), bytes };
        let metadata = guarded(&name, || {
            let found = ArrowReaderMetadata::load(&source, ArrowReaderOptions::new())?;
            let wanted = ArrowReaderOptions::new().with_schema(convenient(&found));
            // Types that cannot be had otherwise are read as they are.
            Ok(ArrowReaderMetadata::try_new(Arc::clone(found.metadata()), wanted).unwrap_or(found))
        })?;
        Ok(Self { name, source, metadata })
    }

    /// What messages call it.
    pub(super) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Names and types of its columns.
    pub(super) fn schema(&self) -> &SchemaRef {
        self.metadata.schema()
    }

    /// Reads the columns at `places`, in this order, and converts each batch. About `memory_bytes`
    /// are taken by batches that wait.
    pub(super) fn batches(
        self,
        places: Vec<usize>,
        convert: Convert,
        threads: usize,
        memory_bytes: usize,
    ) -> impl Stream<Item = Result<RecordBatch>> + Send {
        let groups = self.metadata.metadata().row_groups();
        let mut first_row = 0_u64;
        let mut tasks = Vec::with_capacity(groups.len());
        for (idx, group) in groups.iter().enumerate() {
            let rows = u64::try_from(group.num_rows()).unwrap_or(0);
            let bytes = u64::try_from(group.total_byte_size()).unwrap_or(0);
            let row_bytes = (bytes / rows.max(1)).max(1);
            let batch_rows = (BATCH_BYTES / row_bytes).clamp(64, BATCH_ROWS);
            let share =
                (memory_bytes / threads.max(1)) as u64 / batch_rows.saturating_mul(row_bytes);
            let capacity = share.clamp(1, 1 + rows / batch_rows) as usize;
            let batch_rows = batch_rows as usize;
            let (file, places, convert) = (self.clone(), places.clone(), Arc::clone(&convert));
            let task = GroupTask { file, idx, first_row, batch_rows, places, convert };
            tasks.push(async move { task.start(capacity) });
            first_row = first_row.saturating_add(rows);
        }
        stream::iter(tasks).buffered(threads.max(1)).flatten()
    }
}

/// The decoding of one row group.
struct GroupTask {
    file: ParquetFile,
    idx: usize,
    first_row: u64,
    batch_rows: usize,
    places: Vec<usize>,
    convert: Convert,
}

impl GroupTask {
    /// Starts a thread; its batches arrive in the stream.
    fn start(self, capacity: usize) -> impl Stream<Item = Result<RecordBatch>> + Send {
        let (sender, receiver) = mpsc::channel(capacity);
        let name = Arc::clone(&self.file.name);
        tokio::task::spawn_blocking(move || {
            let result = guarded(&name, || Ok(self.decode(&sender)));
            if let Err(error) = result.and_then(|result| result) {
                // Without a receiver the statement is over already.
                let _ = sender.blocking_send(Err(error));
            }
        });
        stream::unfold(receiver, |mut receiver| async move {
            receiver.recv().await.map(|batch| (batch, receiver))
        })
    }

    fn decode(&self, sender: &mpsc::Sender<Result<RecordBatch>>) -> Result<()> {
        let file = &self.file;
        let schema = file.metadata.metadata().file_metadata().schema_descr();
        let mask = ProjectionMask::roots(schema, self.places.iter().copied());
        let metadata = file.metadata.clone();
        let reader =
            ParquetRecordBatchReaderBuilder::new_with_metadata(file.source.clone(), metadata)
                .with_batch_size(self.batch_rows)
                .with_row_groups(vec![self.idx])
                .with_projection(mask)
                .build()
                .map_err(|error| damaged(&file.name, &error))?;
        // The reader gives the columns in the order of the file.
        let mut sorted = self.places.clone();
        sorted.sort_unstable();
        let order: Vec<usize> =
            self.places.iter().filter_map(|place| sorted.binary_search(place).ok()).collect();
        let mut row = self.first_row;
        for batch in reader {
            let batch = batch.map_err(|error| damaged(&file.name, &error))?;
            let batch = batch.project(&order)?;
            let next = row.saturating_add(batch.num_rows() as u64);
            let converted = (self.convert)(batch, row)?;
            row = next;
            if sender.blocking_send(Ok(converted)).is_err() {
                break;
            }
        }
        Ok(())
    }
}

/// Runs the decoder so that a panic in it is an error of the file.
fn guarded<T>(name: &str, work: impl FnOnce() -> Result<T, ParquetError>) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(|error| damaged(name, &error)),
        Err(_) => Err(contradictory(name)),
    }
}

/// The schema of a file in types that are quick to read, and that hold every year: text as views,
/// the old 96-bit timestamps with microseconds.
fn convenient(found: &ArrowReaderMetadata) -> SchemaRef {
    let physical = found.parquet_schema().root_schema().get_fields();
    let fields = found.schema().fields().iter().zip(physical).map(|(field, physical)| {
        let is_int96 =
            physical.is_primitive() && physical.get_physical_type() == PhysicalType::INT96;
        let data_type = match field.data_type() {
            ArrowType::Utf8 | ArrowType::LargeUtf8 => ArrowType::Utf8View,
            ArrowType::Dictionary(_, values)
                if matches!(values.as_ref(), ArrowType::Utf8 | ArrowType::LargeUtf8) =>
            {
                ArrowType::Utf8View
            }
            ArrowType::Timestamp(TimeUnit::Nanosecond, zone) if is_int96 => {
                ArrowType::Timestamp(TimeUnit::Microsecond, zone.clone())
            }
            other => other.clone(),
        };
        Field::new(field.name(), data_type, field.is_nullable())
    });
    let fields: Vec<Field> = fields.collect();
    Arc::new(Schema::new_with_metadata(fields, found.schema().metadata().clone()))
}

/// A file that several threads read, each at a place of its own.
#[derive(Clone, Debug)]
struct Source {
    file: Arc<File>,
    bytes: u64,
}

/// Reads on from a place.
struct SourceReader {
    file: Arc<File>,
    at: u64,
}

impl Length for Source {
    fn len(&self) -> u64 {
        self.bytes
    }
}

impl ChunkReader for Source {
    type T = BufReader<SourceReader>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(BufReader::new(SourceReader { file: Arc::clone(&self.file), at: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let end = start.checked_add(length as u64);
        if end.is_none_or(|end| end > self.bytes) {
            let bytes = self.bytes;
            return Err(ParquetError::EOF(format!(
                "{length} bytes from byte {start} on are needed, and the file has {bytes}"
            )));
        }
        let mut buffer = vec![0; length];
        self.file.read_exact_at(&mut buffer, start)?;
        Ok(buffer.into())
    }
}

impl Read for SourceReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}
