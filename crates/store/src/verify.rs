//! Verifies a catalog that was read from disk: every number in it refers to something that exists,
//! and nothing overflows. What passes here is trusted by the rest of the crate.

use crate::initial::Initial;
use crate::records::{
    Catalog, DictionaryRecord, FileRecord, KeyRunRecord, KeyRunSource, OrdinalsRecord,
    SegmentRecord, TableRecord,
};
use crate::schema::{ForeignKey, Schema};
use starfact_base::data_type::Physical;
use starfact_base::limits::COLUMNS_MAX;
use starfact_base::{ColumnId, Corruption, DataType, TableId};
use starfact_encoding::{Widening, repeated};
use std::collections::{BTreeMap, BTreeSet};

type Verified = Result<(), Corruption>;

/// The column number under which a segment keeps the ordinals of its rows, and a key run the ids of
/// its rows; no declared column has it.
pub(crate) const ORDINALS: ColumnId = ColumnId(0);

pub(crate) fn catalog(catalog: &Catalog) -> Verified {
    let mut schemas: BTreeMap<TableId, &Schema> = BTreeMap::new();
    let mut names = BTreeSet::new();
    let mut files = BTreeSet::new();
    for table in &catalog.tables {
        let schema = &table.schema;
        check(schema.id < catalog.next_table, schema, "table number", "below the next one")?;
        check(names.insert(schema.name.to_lowercase()), schema, "table name", "one of its own")?;
        if schemas.insert(schema.id, schema).is_some() {
            return Err(wrong(schema, "table number", "one of its own"));
        }
        columns(schema)?;
        keys(schema)?;
        dictionaries(table)?;
        segments(table)?;
        delta(table, catalog.log.is_some())?;
        for run in &table.key_runs {
            key_run(table, run)?;
        }
        let numbers = table.segments.iter().map(|segment| segment.id.0);
        let numbers = numbers.chain(table.key_runs.iter().map(|run| run.id));
        let numbers = numbers.chain(table.dictionaries.iter().map(|dictionary| dictionary.id));
        for number in numbers.chain(table.deletions.iter().map(|deletions| deletions.id)) {
            check(files.insert(number), schema, "file number", "one of its own")?;
            check(number < catalog.next_file, schema, "file number", "below the next one")?;
        }
    }
    for schema in schemas.values() {
        for foreign_key in &schema.foreign_keys {
            reference(schema, foreign_key, schemas.get(&foreign_key.parent).copied())?;
        }
    }
    check_counters(catalog)
}

fn check_counters(catalog: &Catalog) -> Verified {
    // Counters stay far enough from their ends that adding to them cannot overflow.
    let is_sane = catalog.version.0 < u64::MAX / 2
        && catalog.epoch.0 < u64::MAX / 2
        && catalog.next_table.0 < u32::MAX / 2
        && catalog.next_file < u64::MAX / 2;
    if let Some(log) = catalog.log {
        let is_place = 1 <= log.first && log.first <= log.next && log.next < u64::MAX / 2;
        if !is_place || log.log == u64::MAX {
            let found = format!("log {}, record {} of {}", log.log, log.first, log.next);
            return Err(Corruption::new(0, "place in the logs", "a plausible one", found));
        }
    }
    if is_sane {
        return Ok(());
    }
    let (version, epoch) = (catalog.version, catalog.epoch);
    let found = format!("version {version}, epoch {epoch}, table {}", catalog.next_table);
    Err(Corruption::new(0, "counters", "plausible ones", found))
}

fn columns(schema: &Schema) -> Verified {
    let count = schema.columns.len();
    check((1..=COLUMNS_MAX).contains(&count), schema, "columns", "1 to 4096")?;
    let (mut ids, mut names) = (BTreeSet::from([ORDINALS]), BTreeSet::new());
    for column in &schema.columns {
        check(ids.insert(column.id), schema, "column number", "one of its own")?;
        check(names.insert(column.name.to_lowercase()), schema, "column name", "one of its own")?;
        check(column.data_type.is_valid(), schema, "column type", "a valid one")?;
        let is_value =
            |initial: &Initial| repeated(Some(initial.value()), column.data_type, 1).is_some();
        let fits = column.initial.as_ref().is_none_or(is_value);
        check(fits, schema, "initial value of a column", "one of its type")?;
    }
    for foreign_key in &schema.foreign_keys {
        let id = foreign_key.ordinal_column;
        check(ids.insert(id), schema, "ordinal column number", "one of its own")?;
    }
    let last = ids.last().copied().unwrap_or_default();
    let is_ahead = last < schema.next_column && schema.next_column.0 < u32::MAX / 2;
    check(is_ahead, schema, "next column number", "above all others")?;
    distinct_columns(schema, &schema.declared_order(), "sort order")?;
    let is_own =
        |id: &ColumnId| schema.reference_in(*id).is_some_and(|key| key.parent == schema.id);
    check(!schema.sorted_by.iter().any(is_own), schema, "sort order", "references to other tables")
}

fn keys(schema: &Schema) -> Verified {
    let mut ids = BTreeSet::new();
    for key in &schema.keys {
        check(ids.insert(key.id), schema, "key number", "one of its own")?;
        check(key.id < schema.next_key, schema, "key number", "below the next one")?;
        check(!key.columns.is_empty(), schema, "key", "at least one column")?;
        distinct_columns(schema, &key.columns, "key")?;
        let is_nullable = |id: &ColumnId| schema.column(*id).is_some_and(|column| column.nullable);
        let has_null = key.columns.iter().any(is_nullable);
        check(!key.primary || !has_null, schema, "primary key", "columns without NULL")?;
    }
    check(schema.next_key.0 < u32::MAX / 2, schema, "next key number", "a plausible one")?;
    let primaries = schema.keys.iter().filter(|key| key.primary).count();
    check(primaries <= 1, schema, "primary keys", "at most one")
}

/// The columns exist and none occurs twice.
fn distinct_columns(schema: &Schema, ids: &[ColumnId], what: &str) -> Verified {
    let mut seen = BTreeSet::new();
    for id in ids {
        check(schema.column(*id).is_some(), schema, what, "columns of the table")?;
        check(seen.insert(id), schema, what, "each column once")?;
    }
    Ok(())
}

fn reference(schema: &Schema, foreign_key: &ForeignKey, parent: Option<&Schema>) -> Verified {
    distinct_columns(schema, &foreign_key.columns, "foreign key")?;
    let Some(parent) = parent else {
        return Err(wrong(schema, "foreign key", "a table that exists"));
    };
    let is_key = parent.key_on(&foreign_key.parent_columns).is_some();
    check(is_key, schema, "foreign key", "a key of the referenced table")?;
    let same_count = foreign_key.columns.len() == foreign_key.parent_columns.len();
    check(same_count, schema, "foreign key", "as many columns as the key that it references")?;
    let pairs = foreign_key.columns.iter().zip(&foreign_key.parent_columns);
    for (child, referenced) in pairs {
        let types = (schema.type_of(*child), parent.type_of(*referenced));
        let (Some(child), Some(referenced)) = types else { continue };
        let fits = crate::keys::layout::are_comparable(child, referenced);
        check(fits, schema, "foreign key", "types like those that it references")?;
    }
    Ok(())
}

fn dictionaries(table: &TableRecord) -> Verified {
    let schema = &table.schema;
    let is_ascending = table.dictionaries.is_sorted_by(|a, b| a.id < b.id);
    check(is_ascending, schema, "dictionaries", "ascending numbers")?;
    for dictionary in &table.dictionaries {
        let column = dictionary.column;
        let is_column = ORDINALS < column && column < schema.next_column;
        check(is_column, schema, "dictionary's column", "below the next one")?;
        let fits = schema.type_of(column).is_none_or(may_have_dictionary);
        check(fits, schema, "dictionary's column", "one of text or integers")?;
    }
    Ok(())
}

/// Rows that are in the log are in no segment.
fn delta(table: &TableRecord, has_log: bool) -> Verified {
    let schema = &table.schema;
    let next_row = table.next_row.unwrap_or(table.next_ordinal);
    let mut free_from = 0;
    for range in &table.delta {
        check(has_log, schema, "rows of the delta", "a log with them")?;
        let is_range = free_from <= range.first_row && range.first_row < range.row_end;
        check(is_range, schema, "rows of the delta", "ascending ids")?;
        check(range.row_end <= next_row, schema, "rows of the delta", "ids below the next one")?;
        let overlaps = |segment: &SegmentRecord| {
            segment.first_row() < range.row_end
                && range.first_row < segment.first_row().saturating_add(segment.rows)
        };
        let is_free = !table.segments.iter().any(overlaps);
        check(is_free, schema, "rows of the delta", "ids of no segment")?;
        free_from = range.row_end;
    }
    Ok(())
}

pub(crate) fn segments(table: &TableRecord) -> Verified {
    let schema = &table.schema;
    let next_row = table.next_row.unwrap_or(table.next_ordinal);
    let mut free_from = 0;
    for segment in &table.segments {
        check(segment.rows > 0, schema, "rows of a segment", "at least one")?;
        check(segment.run < table.next_run, schema, "run of a segment", "below the next one")?;
        let first = segment.first_row();
        let end = first.checked_add(segment.rows).filter(|&end| end <= next_row);
        check(first >= free_from, schema, "row ids of a segment", "above those before")?;
        let Some(end) = end else {
            return Err(wrong(schema, "row ids of a segment", "below the next one"));
        };
        free_from = end;
        if let OrdinalsRecord::Consecutive(first) = segment.ordinals {
            let end = first.checked_add(segment.rows);
            let fits = end.is_some_and(|end| end <= table.next_ordinal);
            check(fits, schema, "ordinals of a segment", "below the next one")?;
        }
        segment_files(table, segment)?;
    }
    let is_sane = table.next_ordinal <= i64::MAX as u64
        && next_row <= i64::MAX as u64
        && table.next_run < u64::MAX / 2;
    check(is_sane, schema, "next ordinal and run", "plausible ones")
}

fn segment_files(table: &TableRecord, segment: &SegmentRecord) -> Verified {
    let schema = &table.schema;
    let mut previous = None;
    for file in &segment.files {
        let is_next = previous.is_none_or(|previous| file.column > previous);
        check(is_next, schema, "files of a segment", "ascending columns")?;
        check(file.column < schema.next_column, schema, "file's column", "below the next one")?;
        let fits = schema.type_of(file.column).is_none_or(|declared| reads_as(file, declared));
        let expected = "the column's, or one that the column's holds all values of";
        check(fits && file.data_type.is_valid(), schema, "file's type", expected)?;
        if let Some(id) = file.dictionary {
            let is_it = |known: &DictionaryRecord| known.id == id && known.column == file.column;
            let exists = table.dictionaries.iter().any(is_it);
            let fits = exists && may_have_dictionary(file.data_type);
            check(fits, schema, "dictionary of a file", "one of its column")?;
        }
        previous = Some(file.column);
    }
    let has_file = |id| segment.files.binary_search_by_key(&id, |file| file.column).is_ok();
    // Which rows are deleted is not known here: not all of more rows than there are deleted ones.
    let has_rows = table.deletions.is_none_or(|deletions| deletions.rows < segment.rows);
    for column in schema.columns.iter().filter(|column| !column.nullable && has_rows) {
        let is_set = column.initial.is_some() || has_file(column.id);
        check(is_set, schema, "file of a column without NULL", "one in each segment with rows")?;
    }
    let has_ordinals = segment.files.first().is_some_and(|file| file.column == ORDINALS);
    let needs_them = segment.ordinals == OrdinalsRecord::Stored;
    check(has_ordinals == needs_them, schema, "file of ordinals", "one where it is needed")
}

/// Whether files of this type may have codes of a dictionary, or keys of a list.
fn may_have_dictionary(ty: DataType) -> bool {
    matches!(ty.physical(), Physical::String | Physical::Integer)
}

/// Whether a file has the type of its column, or the one from before that became wider.
fn reads_as(file: &FileRecord, declared: DataType) -> bool {
    declared == file.data_type || Widening::new(file.data_type, declared).is_some()
}

fn key_run(table: &TableRecord, run: &KeyRunRecord) -> Verified {
    let schema = &table.schema;
    let Some(key) = schema.key(run.key) else {
        return Err(wrong(schema, "key run", "a key that exists"));
    };
    check(run.rows > 0, schema, "rows of a key run", "at least one")?;
    let span = run.row_end.checked_sub(run.first_row);
    let is_within = run.row_end <= table.next_row.unwrap_or(table.next_ordinal);
    check(is_within, schema, "row ids of a key run", "below the next one")?;
    let fits = span.is_some_and(|span| run.rows <= span);
    check(fits, schema, "row ids of a key run", "as many as its rows")?;
    match &run.source {
        KeyRunSource::Files(files) => {
            let columns: Vec<ColumnId> = files.iter().map(|file| file.column).collect();
            let fits = matches!(columns.split_last(),
                Some((last, columns)) if *last == ORDINALS && columns == key.columns);
            let has_codes = files.iter().any(|file| file.dictionary.is_some());
            check(!has_codes, schema, "files of a key run", "no dictionary")?;
            let has_its_type = |file: &FileRecord| {
                schema.type_of(file.column).is_some_and(|declared| reads_as(file, declared))
            };
            let expected = "the types of the key's columns, or ones that these hold all values of";
            check(files.iter().all(has_its_type), schema, "files of a key run", expected)?;
            check(fits, schema, "files of a key run", "the key's columns and the ordinals")
        }
        KeyRunSource::Segments(ids) => {
            let mut rows = 0_u64;
            let mut end = run.first_row;
            let mut ahead = table.segments.iter();
            for id in ids {
                let Some(segment) = ahead.find(|segment| segment.id == *id) else {
                    return Err(wrong(schema, "key run", "segments of the table, in order"));
                };
                let first = segment.first_row();
                check(first >= end, schema, "row ids of a key run", "those of its segments")?;
                end = first.saturating_add(segment.rows);
                let has = |column: &ColumnId| segment.files.iter().any(|f| f.column == *column);
                check(key.columns.iter().all(has), schema, "key run", "segments with the key")?;
                rows = rows.saturating_add(segment.rows);
            }
            let is_end = end <= run.row_end;
            check(is_end, schema, "row ids of a key run", "those of its segments")?;
            check(rows == run.rows, schema, "rows of a key run", "those of its segments")
        }
    }
}

fn check(holds: bool, schema: &Schema, what: &str, expected: &str) -> Verified {
    if holds { Ok(()) } else { Err(wrong(schema, what, expected)) }
}

fn wrong(schema: &Schema, what: &str, expected: &str) -> Corruption {
    let what = format!("{what} in table \"{}\"", schema.name);
    Corruption::new(0, what, expected, "something else")
}
