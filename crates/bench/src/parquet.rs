//! Parquet files of the generated tables.
//!
//! ```text
//! thread 0   orders 0 …        → columns of row group 0 ─┐
//! thread 1   orders n …        → columns of row group 1 ─┤ in order → lineorder.parquet.partial
//! thread 0   orders 2n …       → columns of row group 2 ─┘            → lineorder.parquet
//! ```
//!
//! Each thread makes the rows of a whole row group and encodes them; the caller only appends the
//! encoded bytes. So the bytes do not depend on the number of threads, and memory is bounded by a
//! few encoded row groups a thread. A file has its name only when it is complete.

use crate::error::{Error, Result};
use crate::parallel;
use crate::progress::{Cancel, Event, Listener};
use crate::workload::Workload;
use ::parquet::arrow::ArrowSchemaConverter;
use ::parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves,
};
use ::parquet::basic::{Compression, ZstdLevel};
use ::parquet::errors::Result as ParquetResult;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::SerializedFileWriter;
use arrow::datatypes::Schema;
use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Rows of a row group, at most.
const ROW_GROUP_ROWS: usize = 1 << 20;
/// Rows that are generated at once within a row group.
const BATCH_ROWS: usize = 1 << 14;

/// A file that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneratedFile {
    /// The table.
    pub table: &'static str,
    /// The file.
    pub path: PathBuf,
    /// Rows in it.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
}

/// Writes every table to `<folder>/<table>.parquet`, making the folder if need be and replacing
/// files of these names.
///
/// # Errors
/// A file that cannot be written, or [`Error::Interrupted`]. Files that are complete remain.
pub fn write_parquet<W: Workload>(
    workload: &W,
    folder: &Path,
    threads: usize,
    cancel: &Cancel,
    listener: Listener<'_>,
) -> Result<Vec<GeneratedFile>> {
    let writer = Writer { workload, folder, row_group_rows: ROW_GROUP_ROWS, threads, cancel };
    writer.write_all(listener)
}

/// Where [`write_parquet`] puts a table.
pub(crate) fn table_path(folder: &Path, table: impl fmt::Display) -> PathBuf {
    folder.join(format!("{table}.parquet"))
}

/// What all tables of one folder have in common.
struct Writer<'a, W> {
    workload: &'a W,
    folder: &'a Path,
    row_group_rows: usize,
    threads: usize,
    cancel: &'a Cancel,
}

impl<W: Workload> Writer<'_, W> {
    fn write_all(&self, listener: Listener<'_>) -> Result<Vec<GeneratedFile>> {
        fs::create_dir_all(self.folder).map_err(Error::io("create", self.folder))?;
        W::tables().iter().map(|&table| self.write(table, listener)).collect()
    }

    fn write(&self, table: W::Table, listener: Listener<'_>) -> Result<GeneratedFile> {
        let (name, path) = (W::name(table), table_path(self.folder, table));
        let total = self.workload.row_count(table);
        let partial = Partial::new(&path);
        let file = File::create(&partial.path).map_err(Error::io("create", &partial.path))?;
        let mut writer =
            open_writer(name, &W::schema(table), file).map_err(Error::parquet(&path))?;
        let factory = ArrowRowGroupWriterFactory::new(&writer, W::schema(table));
        let workload = self.workload.clone();
        let groups = workload.pieces(table, self.row_group_rows).enumerate();
        let encoded = parallel::ordered(groups, self.threads, move |(index, piece)| {
            let columns = factory.create_column_writers(index)?;
            encode_row_group(&workload, table, columns, piece)
        });
        let mut rows = 0;
        listener(&Event::Generated { table: name, rows, total });
        for columns in encoded {
            self.cancel.check()?;
            rows += append_row_group(&mut writer, columns).map_err(Error::parquet(&path))?;
            listener(&Event::Generated { table: name, rows, total });
        }
        writer.close().map_err(Error::parquet(&path))?;
        let bytes = partial.complete(&path)?;
        Ok(GeneratedFile { table: name, path, rows, bytes })
    }
}

fn open_writer(
    table: &str,
    schema: &Schema,
    file: File,
) -> ParquetResult<SerializedFileWriter<File>> {
    let level = ZstdLevel::try_new(3)?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_created_by(format!("starfact {}", env!("CARGO_PKG_VERSION")))
        .build();
    let schema = ArrowSchemaConverter::new().schema_root(table).convert(schema)?;
    SerializedFileWriter::new(file, schema.root_schema_ptr(), Arc::new(properties))
}

/// Generates the rows of one row group and encodes its columns.
fn encode_row_group<W: Workload>(
    workload: &W,
    table: W::Table,
    mut writers: Vec<ArrowColumnWriter>,
    piece: W::Piece,
) -> ParquetResult<Vec<ArrowColumnChunk>> {
    let schema = W::schema(table);
    for batch in workload.batches(table, piece, BATCH_ROWS) {
        for ((field, column), writer) in
            schema.fields().iter().zip(batch.columns()).zip(&mut writers)
        {
            for leaf in compute_leaves(field, column)? {
                writer.write(&leaf)?;
            }
        }
    }
    writers.into_iter().map(|writer| writer.close()).collect()
}

/// Appends encoded columns to the file and returns their rows.
fn append_row_group(
    writer: &mut SerializedFileWriter<File>,
    columns: ParquetResult<Vec<ArrowColumnChunk>>,
) -> ParquetResult<u64> {
    let mut group = writer.next_row_group()?;
    for column in columns? {
        column.append_to_row_group(&mut group)?;
    }
    Ok(u64::try_from(group.close()?.num_rows()).unwrap_or_default())
}

/// A file under a temporary name, which is removed unless it is completed.
struct Partial {
    path: PathBuf,
}

impl Partial {
    fn new(path: &Path) -> Self {
        let mut name = path.as_os_str().to_owned();
        name.push(".partial");
        Self { path: name.into() }
    }

    /// Gives the file its name; returns its size.
    fn complete(self, path: &Path) -> Result<u64> {
        fs::rename(&self.path, path).map_err(Error::io("rename", &self.path))?;
        Ok(fs::metadata(path).map_err(Error::io("read", path))?.len())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // It is gone if the file was completed; otherwise nobody can be told of a failure.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scale::ScaleFactor;
    use crate::ssb::{Generator, Table, tables};
    use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use ::parquet::file::reader::{FileReader, SerializedFileReader};
    use arrow::array::RecordBatch;
    use arrow::compute::{cast, concat_batches};
    use std::cell::{Cell, RefCell};

    fn generator(scale: &str) -> Generator {
        Generator::new(scale.parse::<ScaleFactor>().unwrap())
    }

    fn write(generator: &Generator, folder: &Path, threads: usize) -> Vec<GeneratedFile> {
        write_parquet(generator, folder, threads, &Cancel::default(), &|_| {}).unwrap()
    }

    fn table_of(file: &GeneratedFile) -> Table {
        *tables().iter().find(|table| table.name() == file.table).unwrap()
    }

    /// The rows of a file with the types of the generated batches.
    fn read(file: &GeneratedFile) -> RecordBatch {
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&file.path).unwrap());
        let batches: Vec<_> =
            reader.unwrap().build().unwrap().map(|batch| batch.unwrap()).collect();
        let whole = concat_batches(&batches[0].schema(), &batches).unwrap();
        let schema = table_of(file).schema();
        let columns = whole.columns().iter().zip(schema.fields());
        let columns = columns.map(|(column, field)| cast(column, field.data_type()).unwrap());
        RecordBatch::try_new(table_of(file).schema(), columns.collect()).unwrap()
    }

    #[test]
    fn files_hold_the_generated_rows_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let generator = generator("0.01");
        let files = write(&generator, folder.path(), 2);
        for file in &files {
            let expected: Vec<_> = generator.batches(table_of(file), usize::MAX).collect();
            assert_eq!(read(file), expected[0], "{}", file.table);
            assert_eq!(file.rows, generator.row_count(table_of(file)), "{}", file.table);
            assert_eq!(file.bytes, fs::metadata(&file.path).unwrap().len());
        }
        let mut names: Vec<String> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(
            names,
            [
                "customer.parquet",
                "date.parquet",
                "lineorder.parquet",
                "part.parquet",
                "supplier.parquet"
            ]
        );
    }

    #[test]
    fn the_number_of_threads_does_not_change_a_byte() {
        let folder = tempfile::tempdir().unwrap();
        let generator = generator("0.005");
        let cancel = Cancel::default();
        let bytes = |threads: usize| {
            let folder = folder.path().join(threads.to_string());
            let writer = Writer {
                workload: &generator,
                folder: &folder,
                row_group_rows: 4_000,
                threads,
                cancel: &cancel,
            };
            let files = writer.write_all(&|_| {}).unwrap();
            let groups = SerializedFileReader::new(File::open(&files[4].path).unwrap());
            assert_eq!(groups.unwrap().metadata().num_row_groups(), 8);
            files.iter().map(|file| fs::read(&file.path).unwrap()).collect::<Vec<_>>()
        };
        assert!(bytes(1) == bytes(3), "the files differ");
    }

    #[test]
    fn progress_counts_up_to_the_total_of_each_table() {
        let folder = tempfile::tempdir().unwrap();
        let events = RefCell::new(Vec::new());
        let listener = |event: &Event| events.borrow_mut().push(event.clone());
        let generator = generator("0.001");
        write_parquet(&generator, folder.path(), 2, &Cancel::default(), &listener).unwrap();
        for table in tables() {
            let total = generator.row_count(*table);
            let last = Event::Generated { table: table.name(), rows: total, total };
            assert!(events.borrow().contains(&last), "{table}");
        }
    }

    #[test]
    fn an_interrupted_table_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let cancel = Cancel::default();
        let seen = Cell::new(0);
        let listener = |event: &Event| {
            if matches!(event, Event::Generated { table: "date", .. }) {
                seen.set(seen.get() + 1);
                cancel.cancel();
            }
        };
        let outcome = write_parquet(&generator("0.001"), folder.path(), 2, &cancel, &listener);
        assert!(matches!(outcome, Err(Error::Interrupted)), "{outcome:?}");
        assert_eq!(seen.get(), 1, "events after the interruption");
        assert!(folder.path().join("part.parquet").exists());
        assert!(!folder.path().join("date.parquet").exists());
        assert!(!folder.path().join("date.parquet.partial").exists());
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "not a folder").unwrap();
        let generator = generator("0.001");
        let outcome = write_parquet(&generator, &file, 1, &Cancel::default(), &|_| {});
        let message = outcome.unwrap_err().to_string();
        assert!(message.contains("cannot create") && message.contains("file"), "{message}");
    }
}
