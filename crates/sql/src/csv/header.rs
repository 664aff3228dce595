//! The first line of a CSV file: names of columns, or already a row.

use super::Dialect;
use super::chunk::{Chunk, Chunks};
use super::convert::{Column, Converter, malformed_error};
use super::row::RowReader;
use super::stream::Opened;
use crate::error::{Error, Result};
use starfact_base::DataType;
use std::io::Read;
use std::sync::Arc;

/// What the rows of a file are loaded into.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) table: String,
    /// The columns that may be filled, in the order of fields without names.
    pub(crate) columns: Vec<(String, DataType)>,
    /// Whether the statement lists them: then fields are taken in this order, header or not.
    pub(crate) is_listed: bool,
}

/// The fields of a line.
pub(super) struct Line {
    pub(super) fields: Vec<String>,
    /// Whether the last field is empty: perhaps what is behind a trailing delimiter.
    pub(super) ends_with_nothing: bool,
    /// The byte behind it.
    pub(super) end: usize,
}

/// Opens a file to load it into a table. Without `has_header`, the first line is a header if its
/// fields are names of the table's columns.
///
/// # Errors
/// Files that cannot be read; headers that do not fit the table.
pub(crate) fn open(
    file: Arc<str>,
    source: Box<dyn Read + Send>,
    dialect: &Dialect,
    has_header: Option<bool>,
    target: &Target,
) -> Result<Opened> {
    let mut chunks = Chunks::new(Arc::clone(&file), source, dialect.clone());
    let mut first = chunks.next()?;
    // An empty line is a row of a table with one column, and nothing to others.
    let skips_empty = target.columns.len() > 1;
    let mut line = match &first {
        Some(chunk) => first_line(&file, chunk, dialect, skips_empty)?,
        None => None,
    };
    if let Some(line) = line.as_mut().filter(|line| line.ends_with_nothing && line.fields.len() > 1)
    {
        line.fields.pop();
    }
    let looks_like = line.as_ref().is_some_and(|line| is_header(&line.fields, target));
    let header = line.filter(|_| has_header.unwrap_or(looks_like));
    let names = header.as_ref().filter(|_| !target.is_listed).map(|line| line.fields.as_slice());
    let converter = match names {
        Some(names) => by_name(&file, dialect, names, target)?,
        None => by_place(&file, dialect, target),
    };
    let converter = match has_header {
        None if header.is_none() => converter.with_first_line_hint(
            "if line 1 holds names, they must be those of the table's columns; \
             HEADER true or false says what line 1 is",
        ),
        _ => converter,
    };
    if let (Some(chunk), Some(header)) = (&mut first, &header) {
        chunk.start = header.end;
    }
    let first = first.filter(|chunk| !chunk.is_empty());
    Ok(Opened { first, chunks, converter: Arc::new(converter) })
}

/// The first line, or the first that is not empty.
pub(super) fn first_line(
    file: &str,
    chunk: &Chunk,
    dialect: &Dialect,
    skips_empty: bool,
) -> Result<Option<Line>> {
    let Ok(text) = std::str::from_utf8(&chunk.bytes) else {
        // The converter says where.
        return Ok(None);
    };
    let mut reader = RowReader::new(&chunk.bytes, chunk.start, dialect);
    let mut fields = Vec::new();
    loop {
        fields.clear();
        match reader.next_row(&mut fields) {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(error) => {
                return Err(malformed_error(file, chunk.line_of(error.offset), error.what));
            }
        }
        if !skips_empty || fields.iter().any(|field| !field.is_nothing()) {
            let ends_with_nothing = fields.last().is_some_and(|field| field.is_nothing());
            let fields = fields.iter().map(|field| field.value(text, dialect).into_owned());
            let fields = fields.collect();
            return Ok(Some(Line { fields, ends_with_nothing, end: reader.offset() }));
        }
    }
}

/// Whether all fields, or most of several, are names of columns.
fn is_header(fields: &[String], target: &Target) -> bool {
    let named = fields.iter().filter(|name| find(name, target).is_some()).count();
    named == fields.len() || named > 1 && named * 2 > fields.len()
}

/// The column that a header names: exactly, or else in another case if only one is meant.
fn find<'a>(name: &str, target: &'a Target) -> Option<&'a (String, DataType)> {
    let name = name.trim();
    if let Some(exact) = target.columns.iter().find(|(column, _)| column == name) {
        return Some(exact);
    }
    let mut alike =
        target.columns.iter().filter(|(column, _)| column.to_lowercase() == name.to_lowercase());
    alike.next().filter(|_| alike.next().is_none())
}

fn by_name(
    file: &Arc<str>,
    dialect: &Dialect,
    names: &[String],
    target: &Target,
) -> Result<Converter> {
    let mut columns: Vec<Column> = Vec::with_capacity(names.len());
    for (place, name) in names.iter().enumerate() {
        let Some((column, data_type)) = find(name, target) else {
            return Err(unknown(file, name, target));
        };
        if columns.iter().any(|known| known.name == *column) {
            return Err(Error::sql(format!(
                "{file}: the header has the column \"{column}\" twice"
            )));
        }
        columns.push(Column { name: column.clone(), data_type: *data_type, place });
    }
    Ok(Converter::new(Arc::clone(file), dialect.clone(), names.to_vec(), columns))
}

fn unknown(file: &str, name: &str, target: &Target) -> Error {
    let message =
        format!("{file}: the header has \"{name}\", which is no column of \"{}\"", target.table);
    let names = target.columns.iter().map(|(column, _)| column.as_str());
    let error = Error::sql(message).with_suggestion(name.trim(), names, "columns");
    match &error.hint {
        Some(hint) if hint.starts_with("did you mean") => error,
        hint => {
            let columns = hint.as_deref().unwrap_or_default().to_owned();
            error.with_hint(format!("{columns}; say HEADER false if line 1 is a row"))
        }
    }
}

fn by_place(file: &Arc<str>, dialect: &Dialect, target: &Target) -> Converter {
    let fields = target.columns.iter().map(|(name, _)| name.clone()).collect();
    let columns = target.columns.iter().enumerate().map(|(place, (name, data_type))| Column {
        name: name.clone(),
        data_type: *data_type,
        place,
    });
    Converter::new(Arc::clone(file), dialect.clone(), fields, columns.collect())
}
