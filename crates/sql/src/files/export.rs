//! Rows to a file: COPY TO.

use super::Format;
use super::compression::Compression;
use super::options::{self, CsvOptions};
use super::output::Output;
use super::parquet_write::ParquetWriter;
use crate::csv::Writer;
use crate::error::{Error, Result};
use crate::parse::CopyOptions;
use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use std::io::Write;
use std::path::Path;

/// A file that rows are written to. Dropped before it is finished, it leaves nothing behind.
pub(crate) enum Export {
    Csv { writer: Writer, output: Output, text: String },
    Parquet(Box<ParquetWriter>),
}

impl Export {
    /// Begins a file of the format that the options or its name say, CSV if its name has no ending.
    ///
    /// # Errors
    /// Options that make no sense, columns that the format cannot hold, and what the operating
    /// system says.
    pub(crate) fn create(
        path: &Path,
        options: &CopyOptions,
        schema: &Schema,
        threads: usize,
    ) -> Result<Self> {
        if Compression::of_name(path).is_some() {
            let name = path.display();
            return Err(Error::sql(format!("'{name}': compressed files are read but not written"))
                .with_hint("write Parquet, which compresses by itself, or compress the file"));
        }
        let format = match options::format(options, path, false)? {
            Some(format) => format,
            None => format_without_name(path)?,
        };
        match format {
            Format::Parquet => {
                let options = options::parquet(options)?;
                let writer = ParquetWriter::create(path, schema, &options, threads)?;
                Ok(Self::Parquet(Box::new(writer)))
            }
            Format::Csv(delimiter) => {
                let CsvOptions { dialect, has_header, .. } = options::csv(options, delimiter)?;
                let writer = Writer::new(dialect);
                let mut text = String::new();
                writer.rows(&RecordBatch::new_empty(schema.clone().into()), &mut text)?;
                if has_header.unwrap_or(true) {
                    writer.header(schema, &mut text)?;
                }
                let mut output = Output::create(path)?;
                output.write_all(text.as_bytes()).map_err(|error| output.failed(error))?;
                Ok(Self::Csv { writer, output, text })
            }
        }
    }

    /// Writes the rows of a batch.
    ///
    /// # Errors
    /// Values that the format cannot hold, and what the operating system says.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        match self {
            Self::Csv { writer, output, text } => {
                text.clear();
                writer.rows(batch, text)?;
                output.write_all(text.as_bytes()).map_err(|error| output.failed(error))
            }
            Self::Parquet(writer) => writer.write(batch),
        }
    }

    /// Completes the file and gives it its name.
    ///
    /// # Errors
    /// What the operating system says.
    pub(crate) fn finish(self) -> Result<()> {
        match self {
            Self::Csv { output, .. } => output.finish(),
            Self::Parquet(writer) => writer.finish(),
        }
    }
}

/// The format of a file whose name does not tell it. An ending that is not known may be a slip, and
/// who reads the file later would be misled by it.
fn format_without_name(path: &Path) -> Result<Format> {
    let Some(ending) = path.extension().filter(|_| !path.starts_with("/dev")) else {
        return Ok(Format::Csv(b','));
    };
    let (name, ending) = (path.display(), ending.display());
    Err(Error::sql(format!("'{name}': the ending .{ending} does not tell the format"))
        .with_hint("use .csv, .tsv or .parquet, or say the format: COPY … TO 'file' (FORMAT csv)"))
}
