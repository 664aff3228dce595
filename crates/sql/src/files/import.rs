//! Files as rows for a table: COPY FROM.
//!
//! The columns of the first file are those of the import; further files must have the same ones, in
//! any order. Values come in the types of the table's columns, so that an error can name the place
//! in the file.

use super::compression::open_text;
use super::options::{self, CsvOptions};
use super::parquet_read::{Convert, ParquetFile};
use super::{Format, path};
use crate::csv::{self, Target, run};
use crate::error::{Error, Result};
use crate::parse::CopyOptions;
use crate::progress::{Counted, Progress};
use crate::statement::assign::assign;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, new_empty_array};
use arrow::datatypes::{
    DataType as ArrowType, Field, Schema, SchemaRef, Time64NanosecondType, TimeUnit,
    TimestampNanosecondType,
};
use futures::stream;
use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use starfact_base::DataType;
use starfact_encoding::arrow_type;
use std::path::Path;
use std::sync::Arc;

/// Memory for decoded rows that wait to be loaded.
const WAITING_BYTES_MAX: usize = 256 << 20;

/// Rows of files on their way into a table.
pub(crate) struct Import {
    /// The names of the columns, which are columns of the table, and their types.
    pub(crate) schema: SchemaRef,
    pub(crate) batches: BoxStream<'static, Result<RecordBatch>>,
    /// Whether it is known that there are no rows; then the schema says nothing.
    is_empty: bool,
}

/// What an import may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    pub(crate) threads: usize,
    pub(crate) memory_bytes: usize,
}

/// Opens the files that a name or pattern means.
///
/// # Errors
/// Files that cannot be read, or whose columns do not fit the table.
pub(crate) fn import(
    pattern: &str,
    options: &CopyOptions,
    target: Target,
    budget: Budget,
    progress: &Arc<Progress>,
) -> Result<Import> {
    let mut paths = path::find(pattern)?.into_iter();
    let Some(first) = paths.next() else { return Err(Error::internal("no file was found")) };
    let format = options::format(options, &first, true)?;
    let open: Opener = match format.unwrap_or(Format::Csv(b',')) {
        Format::Csv(delimiter) => {
            let options = options::csv(options, delimiter)?;
            let progress = Arc::clone(progress);
            Arc::new(move |path| open_csv(path, &options, &target, budget, &progress))
        }
        Format::Parquet => {
            options::no_options(options)?;
            Arc::new(move |path| open_parquet(path, &target, budget))
        }
    };
    let mut import = open(&first)?;
    while import.is_empty {
        let Some(path) = paths.next() else { break };
        import = open(&path)?;
    }
    let Import { schema, batches, is_empty } = import;
    let wanted = Arc::clone(&schema);
    let rest = stream::iter(paths).then(move |path| {
        let (open, wanted) = (Arc::clone(&open), Arc::clone(&wanted));
        run(move || open(&path).and_then(|next| arrange(next, &path, &wanted)))
    });
    Ok(Import { schema, batches: batches.chain(rest.try_flatten()).boxed(), is_empty })
}

type Opener = Arc<dyn Fn(&Path) -> Result<Import> + Send + Sync>;

fn open_csv(
    path: &Path,
    options: &CsvOptions,
    target: &Target,
    budget: Budget,
    progress: &Arc<Progress>,
) -> Result<Import> {
    let name = path.display().to_string().into();
    let (dialect, header) = (&options.dialect, options.has_header);
    let text = Box::new(Counted { reader: open_text(path)?, progress: Arc::clone(progress) });
    let opened = csv::open(name, text, dialect, header, target)?;
    let schema = opened.converter.schema();
    let is_empty = opened.first.is_none();
    Ok(Import { schema, batches: opened.batches(budget.threads).boxed(), is_empty })
}

fn open_parquet(path: &Path, target: &Target, budget: Budget) -> Result<Import> {
    let file = ParquetFile::open(path)?;
    let columns = match_columns(&file, target)?;
    let fields = columns.iter().map(Column::field).collect::<Vec<_>>();
    let schema = Arc::new(Schema::new(fields));
    let places = columns.iter().map(|column| column.place).collect();
    let convert: Convert = {
        let (name, schema) = (Arc::clone(file.name()), Arc::clone(&schema));
        Arc::new(move |batch, row| fit(&name, &columns, &schema, &batch, row))
    };
    let memory_bytes = (budget.memory_bytes / 8).min(WAITING_BYTES_MAX);
    let batches = file.batches(places, convert, budget.threads, memory_bytes).boxed();
    Ok(Import { schema, batches, is_empty: false })
}

/// Gives the columns of a further file the order of the first.
fn arrange(
    next: Import,
    path: &Path,
    wanted: &SchemaRef,
) -> Result<BoxStream<'static, Result<RecordBatch>>> {
    if next.is_empty {
        return Ok(stream::empty().boxed());
    }
    let names = |schema: &Schema| {
        let mut names: Vec<String> =
            schema.fields().iter().map(|field| field.name().clone()).collect();
        names.sort_unstable();
        names
    };
    let (found, expected) = (names(&next.schema), names(wanted));
    if found != expected {
        let lists = (found.join(", "), expected.join(", "));
        return Err(Error::sql(format!(
            "{}: it has the columns {}, and the first file has {}",
            path.display(),
            lists.0,
            lists.1
        ))
        .with_hint("load files with other columns by a COPY of their own"));
    }
    let places = wanted.fields().iter().map(|field| next.schema.index_of(field.name()));
    let places: Vec<usize> = places.collect::<Result<_, _>>()?;
    Ok(next.batches.map(move |batch| Ok(batch?.project(&places)?)).boxed())
}

/// A column of a Parquet file and the column of the table that it goes to.
#[derive(Clone, Debug)]
struct Column {
    place: usize,
    name: String,
    data_type: DataType,
}

impl Column {
    fn field(&self) -> Field {
        Field::new(&self.name, arrow_type(self.data_type), true)
    }
}

/// Finds the columns of a file by name; in another case only if that leaves no doubt.
fn match_columns(file: &ParquetFile, target: &Target) -> Result<Vec<Column>> {
    let fields = file.schema().fields();
    let names: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
    let known: Vec<&str> = target.columns.iter().map(|(name, _)| name.as_str()).collect();
    let mut columns: Vec<Column> = Vec::new();
    if target.is_listed {
        for (name, data_type) in &target.columns {
            let place = place(&names, name).ok_or_else(|| {
                Error::sql(format!("{}: there is no column \"{name}\"", file.name()))
                    .with_suggestion(name, names.iter().copied(), "columns of the file")
            })?;
            columns.push(Column { place, name: name.clone(), data_type: *data_type });
        }
    } else {
        for (place_in_file, name) in names.iter().enumerate() {
            let column = place(&known, name).ok_or_else(|| unknown(file, name, target))?;
            let (name, data_type) = target.columns[column].clone();
            if columns.iter().any(|column| column.name == name) {
                let file = file.name();
                return Err(Error::sql(format!("{file}: the column \"{name}\" occurs twice")));
            }
            columns.push(Column { place: place_in_file, name, data_type });
        }
    }
    for column in &columns {
        // Types that never fit are refused before anything is read.
        let none = new_empty_array(fields[column.place].data_type());
        assign(&none, &column.name, column.data_type).map_err(|error| Error {
            message: format!("{}: {}", file.name(), error.message),
            ..error
        })?;
    }
    Ok(columns)
}

fn unknown(file: &ParquetFile, name: &str, target: &Target) -> Error {
    let table = &target.table;
    let message = format!("{}: \"{name}\" is no column of table \"{table}\"", file.name());
    let known = target.columns.iter().map(|(name, _)| name.as_str());
    let error = Error::sql(message).with_suggestion(name, known, "columns");
    let hint = error.hint.clone().unwrap_or_default();
    error.with_hint(format!("{hint}; COPY {table} (a, b) FROM … reads only the columns a and b"))
}

/// The place of a name, if need be without regard to case.
fn place(names: &[&str], wanted: &str) -> Option<usize> {
    if let Some(place) = names.iter().position(|name| *name == wanted) {
        return Some(place);
    }
    let folded = wanted.to_lowercase();
    let mut alike = names.iter().enumerate().filter(|(_, name)| name.to_lowercase() == folded);
    match (alike.next(), alike.next()) {
        (Some((place, _)), None) => Some(place),
        _ => None,
    }
}

/// The values of a batch, which begins with row `first_row` of the file, in the table's types.
fn fit(
    file: &str,
    columns: &[Column],
    schema: &SchemaRef,
    batch: &RecordBatch,
    first_row: u64,
) -> Result<RecordBatch> {
    let mut arrays = Vec::with_capacity(columns.len());
    for (column, values) in columns.iter().zip(batch.columns()) {
        let fitted = fit_column(column, values).map_err(|(row, error)| {
            let row = first_row + row as u64 + 1;
            Error { message: format!("{file}, row {row}: {}", error.message), ..error }
        })?;
        arrays.push(fitted);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), arrays, &options)?)
}

fn fit_column(column: &Column, values: &ArrayRef) -> Result<ArrayRef, (usize, Error)> {
    if let Some(row) = finer_than_microseconds(values) {
        let what = format!("column \"{}\": there is more than microseconds", column.name);
        return Err((
            row,
            Error::sql(what)
                .with_hint("INSERT INTO … SELECT … FROM 'file' cuts the nanoseconds off"),
        ));
    }
    let assign = |values: &ArrayRef| assign(values, &column.name, column.data_type);
    let error = match assign(values) {
        Ok(fitted) => return Ok(fitted),
        Err(error) => error,
    };
    // The first row that fails on its own.
    let (mut start, mut end) = (0, values.len());
    while end - start > 1 {
        let middle = start + (end - start) / 2;
        match assign(&values.slice(start, middle - start)) {
            Ok(_) => start = middle,
            Err(_) => end = middle,
        }
    }
    let error = assign(&values.slice(start, end - start)).err().unwrap_or(error);
    Err((start, error))
}

/// The first row with nanoseconds that microseconds cannot hold.
fn finer_than_microseconds(values: &ArrayRef) -> Option<usize> {
    let is_finer = |value: &i64| value % 1_000 != 0;
    let (row, _) = match values.data_type() {
        ArrowType::Timestamp(TimeUnit::Nanosecond, _) => {
            let array = values.as_primitive::<TimestampNanosecondType>();
            let mut rows = array.values().iter().enumerate();
            rows.find(|(row, value)| is_finer(value) && array.is_valid(*row))?
        }
        ArrowType::Time64(TimeUnit::Nanosecond) => {
            let array = values.as_primitive::<Time64NanosecondType>();
            let mut rows = array.values().iter().enumerate();
            rows.find(|(row, value)| is_finer(value) && array.is_valid(*row))?
        }
        _ => return None,
    };
    Some(row)
}
