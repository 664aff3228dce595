//! Rows to a Parquet file.
//!
//! Types are written exactly: decimals as decimals, times and timestamps with microseconds,
//! TIMESTAMPTZ as UTC. Nothing of Arrow's own types is recorded: all readers see the same.
//!
//! Batches wait until they make a row group. Then several threads encode and compress its columns,
//! each column on one thread, and the calling thread writes them one after the other.

use super::options::ParquetOptions;
use super::output::Output;
use crate::error::{Error, Result};
use crate::types::sql_name;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use arrow::compute::cast;
use arrow::datatypes::{DataType as ArrowType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, ArrowWriterOptions,
    compute_leaves,
};
use parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Rows of a row group, unless an option says otherwise: a few, so that readers share the work.
const GROUP_ROWS: usize = 262_144;
/// Bytes of a row group in memory, whatever an option says.
const GROUP_BYTES_MAX: usize = 256 << 20;
/// A level at which zstd is still quick.
const ZSTD_LEVEL: i32 = 3;

/// Writes batches to a file.
pub(crate) struct ParquetWriter {
    path: PathBuf,
    writer: SerializedFileWriter<BufWriter<Output>>,
    factory: ArrowRowGroupWriterFactory,
    schema: SchemaRef,
    threads: usize,
    group_rows: usize,
    /// The batches of the next row group.
    waiting: Vec<RecordBatch>,
    waiting_rows: usize,
    waiting_bytes: usize,
}

impl ParquetWriter {
    /// Begins a file with the columns of `schema`.
    ///
    /// # Errors
    /// Columns that a Parquet file cannot hold, options that make no sense, and what the operating
    /// system says.
    pub(super) fn create(
        path: &Path,
        schema: &Schema,
        options: &ParquetOptions,
        threads: usize,
    ) -> Result<Self> {
        let schema = Arc::new(written_schema(schema)?);
        let properties = WriterProperties::builder()
            .set_compression(compression(options)?)
            .set_coerce_types(true)
            .set_created_by(concat!("starfact version ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let group_rows = options.row_group_rows.unwrap_or(GROUP_ROWS);
        let options =
            ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
        let output = BufWriter::with_capacity(1 << 20, Output::create(path)?);
        let (writer, factory) =
            ArrowWriter::try_new_with_options(output, Arc::clone(&schema), options)
                .and_then(ArrowWriter::into_serialized_writer)
                .map_err(|error| failed(path, error))?;
        Ok(Self {
            path: path.to_owned(),
            writer,
            factory,
            schema,
            threads,
            group_rows,
            waiting: Vec::new(),
            waiting_rows: 0,
            waiting_bytes: 0,
        })
    }

    /// Takes a batch with the types of the schema.
    ///
    /// # Errors
    /// What the operating system says.
    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let columns = batch.columns().iter().zip(self.schema.fields());
        let columns: Vec<ArrayRef> = columns
            .map(|(column, field)| Ok(cast(column, field.data_type())?))
            .collect::<Result<_>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?;
        let mut start = 0;
        while start < batch.num_rows() {
            let rows = (self.group_rows - self.waiting_rows).min(batch.num_rows() - start);
            let part = batch.slice(start, rows);
            self.waiting_bytes += part.columns().iter().map(byte_len).sum::<usize>();
            self.waiting_rows += rows;
            self.waiting.push(part);
            start += rows;
            if self.waiting_rows == self.group_rows || self.waiting_bytes > GROUP_BYTES_MAX {
                self.write_group().map_err(|error| failed(&self.path, error))?;
            }
        }
        Ok(())
    }

    /// Completes the file.
    ///
    /// # Errors
    /// What the operating system says.
    pub(super) fn finish(mut self) -> Result<()> {
        if self.waiting_rows > 0 {
            self.write_group().map_err(|error| failed(&self.path, error))?;
        }
        let path = self.path;
        let output = self.writer.into_inner().map_err(|error| failed(&path, error))?;
        let output = output.into_inner();
        let output = output.map_err(|error| failed(&path, error.into_error().into()))?;
        output.finish()
    }

    /// Writes the waiting batches as a row group.
    fn write_group(&mut self) -> Result<(), ParquetError> {
        let batches = std::mem::take(&mut self.waiting);
        (self.waiting_rows, self.waiting_bytes) = (0, 0);
        let chunks = self.encode(&batches)?;
        let mut group = self.writer.next_row_group()?;
        for chunk in chunks {
            chunk.append_to_row_group(&mut group)?;
        }
        group.close()?;
        Ok(())
    }

    /// Encodes the columns on several threads; the chunks come in the order of the columns.
    fn encode(&self, batches: &[RecordBatch]) -> Result<Vec<ArrowColumnChunk>, ParquetError> {
        let writers = self.factory.create_column_writers(self.writer.flushed_row_groups().len())?;
        let mut columns: Vec<Vec<ArrowColumnWriter>> = Vec::new();
        columns.resize_with(self.schema.fields().len(), Vec::new);
        for (leaf, writer) in writers.into_iter().enumerate() {
            columns[self.writer.schema_descr().get_column_root_idx(leaf)].push(writer);
        }
        let threads = self.threads.clamp(1, columns.len());
        let queue = Mutex::new(columns.into_iter().enumerate());
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
        let work = || {
            let mut done = Vec::new();
            while let Some((place, writers)) = next() {
                let field = self.schema.field(place);
                let arrays = batches.iter().map(|batch| batch.column(place));
                done.push((place, encode_column(field, arrays, writers)?));
            }
            Ok::<_, ParquetError>(done)
        };
        let results: Vec<_> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            workers.into_iter().map(|worker| worker.join()).collect()
        });
        let mut encoded = Vec::new();
        for result in results {
            encoded.extend(result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        encoded.sort_by_key(|(place, _)| *place);
        Ok(encoded.into_iter().flat_map(|(_, chunks)| chunks).collect())
    }
}

/// Encodes one column, which has several leaves if its type is nested.
fn encode_column<'a>(
    field: &Field,
    arrays: impl Iterator<Item = &'a ArrayRef>,
    mut writers: Vec<ArrowColumnWriter>,
) -> Result<Vec<ArrowColumnChunk>, ParquetError> {
    for array in arrays {
        for (writer, leaf) in writers.iter_mut().zip(compute_leaves(field, array)?) {
            writer.write(&leaf)?;
        }
    }
    writers.into_iter().map(ArrowColumnWriter::close).collect()
}

/// Bytes that an array takes by itself; buffers that views share with others count in part.
fn byte_len(array: &ArrayRef) -> usize {
    match array.data_type() {
        ArrowType::Utf8View => {
            let array = array.as_string_view();
            array.len() * size_of::<u128>() + array.total_buffer_bytes_used()
        }
        _ => array.get_array_memory_size(),
    }
}

/// The columns as they are written. All may hold NULL: whether they do is not known beforehand.
fn written_schema(schema: &Schema) -> Result<Schema> {
    if schema.fields().is_empty() {
        return Err(Error::sql("a Parquet file needs at least one column"));
    }
    let mut fields: Vec<Field> = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let name = field.name();
        if fields.iter().any(|known| known.name() == name) {
            return Err(Error::sql(format!("two columns are called \"{name}\""))
                .with_hint("a Parquet file needs different names: give one an alias"));
        }
        let data_type = written_type(field.data_type()).ok_or_else(|| {
            let shown = sql_name(field.data_type());
            let message =
                format!("column \"{name}\" has the type {shown}, which Parquet files cannot hold");
            Error::sql(message).with_hint("cast it in the query, for example to VARCHAR")
        })?;
        fields.push(Field::new(name, data_type, true));
    }
    Ok(Schema::new(fields))
}

/// The type in which values are written; `None` if there is none that others read as the same.
fn written_type(data_type: &ArrowType) -> Option<ArrowType> {
    match data_type {
        ArrowType::Null => Some(ArrowType::Utf8),
        ArrowType::Dictionary(_, values) => written_type(values),
        ArrowType::RunEndEncoded(_, values) => written_type(values.data_type()),
        ArrowType::Interval(_) | ArrowType::Duration(_) | ArrowType::Union(..) => None,
        ArrowType::List(item) => {
            written_type(item.data_type()).filter(|written| written == item.data_type())?;
            Some(data_type.clone())
        }
        ArrowType::Struct(fields) => {
            let all = fields
                .iter()
                .all(|field| written_type(field.data_type()).as_ref() == Some(field.data_type()));
            all.then(|| data_type.clone())
        }
        ArrowType::Map(..)
        | ArrowType::LargeList(_)
        | ArrowType::FixedSizeList(..)
        | ArrowType::ListView(_)
        | ArrowType::LargeListView(_) => None,
        other => Some(other.clone()),
    }
}

fn compression(options: &ParquetOptions) -> Result<Compression> {
    let level = options.compression_level;
    let wrong_level = |error: ParquetError| Error::sql(format!("compression_level: {error}"));
    let name = options.compression.as_deref().unwrap_or("zstd");
    let compression = match name {
        "zstd" => {
            Compression::ZSTD(ZstdLevel::try_new(level.unwrap_or(ZSTD_LEVEL)).map_err(wrong_level)?)
        }
        "gzip" => match level {
            Some(level) => {
                Compression::GZIP(GzipLevel::try_new(level as u32).map_err(wrong_level)?)
            }
            None => Compression::GZIP(GzipLevel::default()),
        },
        "brotli" => match level {
            Some(level) => {
                Compression::BROTLI(BrotliLevel::try_new(level as u32).map_err(wrong_level)?)
            }
            None => Compression::BROTLI(BrotliLevel::default()),
        },
        "snappy" | "lz4" | "lz4_raw" | "none" | "uncompressed" if level.is_some() => {
            return Err(Error::sql(format!("COMPRESSION {name} has no levels")));
        }
        "snappy" => Compression::SNAPPY,
        "lz4" | "lz4_raw" => Compression::LZ4_RAW,
        "none" | "uncompressed" => Compression::UNCOMPRESSED,
        _ => {
            return Err(Error::sql(format!("COMPRESSION {name} is not known"))
                .with_hint("use zstd, snappy, gzip, lz4, brotli or none"));
        }
    };
    Ok(compression)
}

/// An error of the writer; what the operating system said is told as such.
fn failed(path: &Path, error: ParquetError) -> Error {
    match error {
        ParquetError::External(inner) => match inner.downcast::<std::io::Error>() {
            Ok(error) => starfact_base::Error::io("write", path, *error).into(),
            Err(other) => Error::sql(format!("cannot write {}: {other}", path.display())),
        },
        other => Error::sql(format!("cannot write {}: {other}", path.display())),
    }
}
