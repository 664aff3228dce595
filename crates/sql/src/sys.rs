//! The schema `sys`: how tables are stored, down to the block.
//!
//! Columns that users do not see are here, too: `ordinal(a, b)` holds the ordinals of the rows that
//! the foreign key (a, b) references.

mod writes;

use crate::error::Result;
use crate::scan::scalar_value;
use crate::statement::cubes_by_name;
use crate::views::{View, counts, integers, rows, texts};
use crate::warehouse::Inner;
use arrow::array::RecordBatch;
use arrow::util::display::array_value_to_string;
use starfact_base::data_type::Physical;
use starfact_base::{ColumnId, DataType, Scalar};
use starfact_format::{ColumnFile, Zone};
use starfact_store::{Segment, Snapshot, Table};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Name of the schema.
pub(crate) const SYS: &str = "sys";

/// The views in it.
pub(crate) const VIEWS: &[View] = &[
    ("audit", |_, inner| writes::audit(&inner.cubes)),
    ("blocks", |snapshot, _| blocks(snapshot)),
    ("columns", |snapshot, _| columns(snapshot)),
    ("cubes", |snapshot, inner| cubes(snapshot, inner)),
    ("delta", |snapshot, _| writes::delta(snapshot)),
    ("merges", |_, inner| writes::merges(&inner.store)),
    ("query_log", |_, inner| writes::query_log(&inner.log)),
    ("segments", |snapshot, _| segments(snapshot)),
    ("snapshots", |_, inner| writes::snapshots(&inner.store)),
    ("transactions", |_, inner| writes::transactions(&inner.store)),
];

/// A column as it is stored, hidden or not.
pub(crate) struct StoredColumn {
    pub(crate) id: ColumnId,
    pub(crate) name: String,
    pub(crate) data_type: DataType,
    pub(crate) is_hidden: bool,
}

/// The columns of a table, then the hidden ones.
pub(crate) fn stored_columns(table: &Table) -> Vec<StoredColumn> {
    let visible = table.columns().iter().map(|column| StoredColumn {
        id: column.id,
        name: column.name.clone(),
        data_type: column.data_type,
        is_hidden: false,
    });
    let hidden = table.foreign_keys().iter().map(|key| {
        let names = key.columns.iter().filter_map(|id| table.column(*id));
        let names: Vec<&str> = names.map(|column| column.name.as_str()).collect();
        StoredColumn {
            id: key.ordinal_column,
            name: format!("ordinal({})", names.join(", ")),
            data_type: DataType::BigInt,
            is_hidden: true,
        }
    });
    visible.chain(hidden).collect()
}

/// Bytes of a value of this type in memory; `None` for text.
pub(crate) fn plain_value_bytes(data_type: DataType) -> Option<u64> {
    Some(match data_type {
        DataType::Boolean => 1,
        DataType::SmallInt => 2,
        DataType::Integer | DataType::Real | DataType::Date => 4,
        DataType::Varchar => return None,
        _ if data_type.physical() == Physical::Wide => 16,
        _ => 8,
    })
}

/// Cubes: what they are of, how large they are, how often they have answered, and what it was good
/// for.
pub(crate) fn cubes(snapshot: &Snapshot, inner: &Inner) -> Result<RecordBatch> {
    let all = cubes_by_name(snapshot);
    let fact = |parts: &[&Arc<Table>]| {
        let part = parts.first().and_then(|table| table.cube());
        part.and_then(|part| snapshot.table_by_id(*part.tables.first()?))
    };
    let fact_name = |parts: &[&Arc<Table>]| {
        fact(parts).map(|table| table.name().to_owned()).unwrap_or_default()
    };
    let saved = |(name, parts): (&&str, &Vec<&Arc<Table>>)| {
        let rows = fact(parts).map_or(0, |table| table.row_count());
        inner.log.saved_millis(name, inner.cubes.hits(name), rows)
    };
    let sql = |parts: &[&Arc<Table>]| {
        let part = parts.first().and_then(|table| table.cube());
        part.map(|part| part.sql.clone()).unwrap_or_default()
    };
    let sum = |of: fn(&Table) -> u64, parts: &[&Arc<Table>]| {
        parts.iter().map(|table| of(table)).sum::<u64>()
    };
    rows(vec![
        ("name", texts(all.keys().map(|name| Some((*name).to_owned())))),
        ("fact", texts(all.values().map(|parts| Some(fact_name(parts))))),
        ("parts", counts(all.values().map(|parts| parts.len() as u64))),
        ("cells", counts(all.values().map(|parts| sum(Table::row_count, parts)))),
        ("bytes", counts(all.values().map(|parts| sum(Table::bytes, parts)))),
        ("epoch", counts(all.keys().map(|_| snapshot.epoch().0))),
        ("hits", counts(all.keys().map(|name| inner.cubes.hits(name)))),
        ("time_saved_ms", counts(all.iter().map(saved))),
        ("sql", texts(all.values().map(|parts| Some(sql(parts))))),
    ])
}

fn segments(snapshot: &Snapshot) -> Result<RecordBatch> {
    let all: Vec<(&Arc<Table>, &Arc<Segment>)> = snapshot
        .tables()
        .flat_map(|table| table.segments().iter().map(move |segment| (table, segment)))
        .collect();
    let bitmaps = all.iter().map(|(table, segment)| segment_bitmap_bytes(table, segment));
    let bitmaps = bitmaps.collect::<Result<Vec<u64>>>()?;
    rows(vec![
        ("table_name", texts(all.iter().map(|(table, _)| Some(table.name().to_owned())))),
        ("segment_id", counts(all.iter().map(|(_, segment)| segment.id().0))),
        ("run", counts(all.iter().map(|(_, segment)| segment.run()))),
        ("first_row", counts(all.iter().map(|(_, segment)| segment.first_row()))),
        ("rows", counts(all.iter().map(|(_, segment)| segment.row_count()))),
        ("deleted", counts(all.iter().map(|(table, segment)| deleted_rows(table, segment)))),
        ("blocks", counts(all.iter().map(|(_, segment)| segment.block_count() as u64))),
        ("bytes", counts(all.iter().map(|(_, segment)| segment.byte_len()))),
        ("dictionary_bytes", counts(all.iter().map(|(_, segment)| dictionary_bytes(segment)))),
        ("bitmap_bytes", counts(bitmaps.into_iter())),
    ])
}

/// Rows of a segment that are deleted and still stored.
fn deleted_rows(table: &Table, segment: &Segment) -> u64 {
    table.deleted_rows(segment.id()).map_or(0, |deleted| deleted.len())
}

/// Bytes of the dictionaries that columns of a segment have codes of; other segments may, too.
fn dictionary_bytes(segment: &Segment) -> u64 {
    segment.dictionaries().map(|file| file.byte_len()).sum()
}

/// Bytes of the bitmap indexes of all columns of a segment.
fn segment_bitmap_bytes(table: &Table, segment: &Segment) -> Result<u64> {
    stored_columns(table).iter().try_fold(0, |sum, column| {
        let file = segment.column(column.id)?;
        Ok(sum + file.map_or(0, |file| bitmap_bytes(&file)))
    })
}

/// Bytes of the bitmap indexes of a file.
pub(crate) fn bitmap_bytes(file: &ColumnFile) -> u64 {
    (0..file.block_count()).map(|block| file.bitmap_byte_len(block)).sum()
}

/// What `sys.columns` shows of a column.
#[derive(Default)]
struct Total {
    rows: u64,
    nulls: u64,
    bytes: u64,
    dictionary_bytes: u64,
    bitmap_bytes: u64,
    blocks: u64,
    /// Blocks of each encoding, without widths.
    encodings: BTreeMap<String, u64>,
}

fn columns(snapshot: &Snapshot) -> Result<RecordBatch> {
    let mut all = Vec::new();
    for table in snapshot.tables() {
        for column in stored_columns(table) {
            let total = total(table, column.id)?;
            all.push((table.name().to_owned(), column, total));
        }
    }
    let ratio = |column: &StoredColumn, total: &Total| {
        let plain = plain_value_bytes(column.data_type)? * total.rows;
        (total.bytes > 0).then(|| plain as f64 / total.bytes as f64)
    };
    let yes_no = |yes: bool| Some(if yes { "YES" } else { "NO" }.to_owned());
    let ratios: arrow::array::Float64Array =
        all.iter().map(|(_, column, total)| ratio(column, total)).collect();
    rows(vec![
        ("table_name", texts(all.iter().map(|(table, ..)| Some(table.clone())))),
        ("column_name", texts(all.iter().map(|(_, column, _)| Some(column.name.clone())))),
        ("data_type", texts(all.iter().map(|(_, column, _)| Some(column.data_type.to_string())))),
        ("is_hidden", texts(all.iter().map(|(_, column, _)| yes_no(column.is_hidden)))),
        ("rows", counts(all.iter().map(|(.., total)| total.rows))),
        ("nulls", counts(all.iter().map(|(.., total)| total.nulls))),
        ("blocks", counts(all.iter().map(|(.., total)| total.blocks))),
        ("bytes", counts(all.iter().map(|(.., total)| total.bytes))),
        ("dictionary_bytes", counts(all.iter().map(|(.., total)| total.dictionary_bytes))),
        ("ratio", Arc::new(ratios)),
        ("encodings", texts(all.iter().map(|(.., total)| Some(encodings(&total.encodings))))),
        ("bitmap_bytes", counts(all.iter().map(|(.., total)| total.bitmap_bytes))),
    ])
}

fn total(table: &Table, column: ColumnId) -> Result<Total> {
    let dictionary_bytes = table.dictionary_byte_len(column);
    let mut total = Total { dictionary_bytes, ..Total::default() };
    for segment in table.segments() {
        total.rows += segment.row_count();
        total.bytes += segment.column_byte_len(column);
        let Some(file) = segment.column(column)? else {
            let is_null = table.column(column).is_none_or(|column| column.initial.is_none());
            total.nulls += if is_null { segment.row_count() } else { 0 };
            continue;
        };
        total.nulls += file.zones().iter().map(|zone| u64::from(zone.stats.nulls)).sum::<u64>();
        total.blocks += file.block_count() as u64;
        total.bitmap_bytes += bitmap_bytes(&file);
        for block in 0..file.block_count() {
            *total.encodings.entry(without_widths(&file.block(block)?.tree())).or_default() += 1;
        }
    }
    Ok(total)
}

/// `dictionary(plain, bit-packed) 90, run-length(…) 2`: the encodings, the most frequent first.
pub(crate) fn encodings(counts: &BTreeMap<String, u64>) -> String {
    let mut counts: Vec<(&String, &u64)> = counts.iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    match counts.as_slice() {
        [(only, _)] => (*only).clone(),
        counts => {
            let parts = counts.iter().map(|(tree, count)| format!("{tree} × {count}"));
            parts.collect::<Vec<_>>().join("; ")
        }
    }
}

/// An encoding tree without the numbers of its nodes. The rule of a derived block keeps its own.
pub(crate) fn without_widths(tree: &str) -> String {
    const RULE: &str = "derived(";
    let rule_end = match tree.starts_with(RULE) {
        true => tree.find(", ").unwrap_or(tree.len()),
        false => 0,
    };
    let (rule, nodes) = tree.split_at(rule_end);
    let mut plain = rule.to_owned();
    let mut rest = nodes.chars().peekable();
    while let Some(ch) = rest.next() {
        let is_number = matches!(ch, ' ' | '(') && rest.peek().is_some_and(char::is_ascii_digit);
        if ch != ' ' || !is_number {
            plain.push(ch);
        }
        if is_number {
            while rest.next_if(char::is_ascii_digit).is_some() {}
        }
        if is_number && ch == '(' {
            rest.next_if_eq(&' ');
        }
    }
    plain
}

/// A row of `sys.blocks`.
struct BlockRow {
    table: String,
    column: String,
    segment: u64,
    block: u64,
    bytes: u64,
    dictionary_bytes: Option<u64>,
    bitmap_bytes: u64,
    tree: String,
    zone: Zone,
    data_type: DataType,
}

fn blocks(snapshot: &Snapshot) -> Result<RecordBatch> {
    let mut all = Vec::new();
    for table in snapshot.tables() {
        for column in stored_columns(table) {
            for segment in table.segments() {
                let Some(file) = segment.column(column.id)? else { continue };
                let dictionary = segment.dictionary(column.id);
                for (block, zone) in file.zones().iter().enumerate() {
                    all.push(BlockRow {
                        table: table.name().to_owned(),
                        column: column.name.clone(),
                        segment: segment.id().0,
                        block: block as u64,
                        bytes: file.block_byte_len(block),
                        dictionary_bytes: dictionary.map(|file| file.byte_len()),
                        bitmap_bytes: file.bitmap_byte_len(block),
                        tree: file.block(block)?.tree(),
                        zone: zone.clone(),
                        // What the column was when the block was written.
                        data_type: file.data_type(),
                    });
                }
            }
        }
    }
    let bound = |row: &BlockRow, bound: &Option<Scalar>| {
        bound.as_ref().map(|bound| shown(bound, row.data_type))
    };
    let sum = |row: &BlockRow| {
        let sum = Scalar::Integer(row.zone.sum?);
        let wide = match row.data_type {
            DataType::Decimal { scale, .. } => DataType::Decimal { precision: 38, scale },
            _ => DataType::Decimal { precision: 38, scale: 0 },
        };
        Some(shown(&sum, wide))
    };
    let count = |count: u32| i32::try_from(count).ok();
    rows(vec![
        ("table_name", texts(all.iter().map(|row| Some(row.table.clone())))),
        ("column_name", texts(all.iter().map(|row| Some(row.column.clone())))),
        ("segment_id", counts(all.iter().map(|row| row.segment))),
        ("block", counts(all.iter().map(|row| row.block))),
        ("rows", integers(all.iter().map(|row| count(row.zone.stats.rows)))),
        ("nulls", integers(all.iter().map(|row| count(row.zone.stats.nulls)))),
        ("min", texts(all.iter().map(|row| bound(row, &row.zone.stats.min)))),
        ("max", texts(all.iter().map(|row| bound(row, &row.zone.stats.max)))),
        ("sum", texts(all.iter().map(sum))),
        ("bytes", counts(all.iter().map(|row| row.bytes))),
        (
            "dictionary_bytes",
            integers(
                all.iter().map(|row| row.dictionary_bytes.and_then(|b| i32::try_from(b).ok())),
            ),
        ),
        ("encoding", texts(all.iter().map(|row| Some(row.tree.clone())))),
        ("bitmap_bytes", counts(all.iter().map(|row| row.bitmap_bytes))),
    ])
}

/// A bound as SQL shows the value.
fn shown(scalar: &Scalar, data_type: DataType) -> String {
    let value = match scalar {
        Scalar::String(text) => return text.clone(),
        Scalar::Float(float) => return float.to_string(),
        Scalar::Integer(_) => scalar_value(scalar, data_type),
    };
    let array = value.and_then(|value| value.to_array().ok());
    array.and_then(|array| array_value_to_string(&array, 0).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_of_one_shape_are_one() {
        assert_eq!(
            without_widths(
                "dictionary(plain 4, bit-packed 12), nulls run-length(plain 2, plain 1)"
            ),
            "dictionary(plain, bit-packed), nulls run-length(plain, plain)"
        );
        assert_eq!(
            without_widths("sparse(17 others delta(plain 2))"),
            "sparse(others delta(plain))"
        );
        assert_eq!(
            without_widths("derived((c20 + 3) / 4, bit-packed 2)"),
            "derived((c20 + 3) / 4, bit-packed)"
        );
    }

    #[test]
    fn the_most_frequent_encoding_comes_first() {
        let counts = [("a".to_owned(), 1), ("b".to_owned(), 5)].into();
        assert_eq!(encodings(&counts), "b × 5; a × 1");
        assert_eq!(encodings(&[("a".to_owned(), 3)].into()), "a");
    }
}
