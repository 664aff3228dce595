//! Keys and references of rows that a transaction has changed, on the net effect of all its
//! statements.
//!
//! ```text
//!  new rows       no live row has one of their keys · each reference finds a live row: its ordinal
//!  removed rows   no live row references the ordinal of one that is gone, or has another key now
//! ```

use crate::delta::{Built, with_references};
use crate::keys::index::{check_memory, layout_of};
use crate::keys::layout::{NormalKey, by_width, nulls_of};
use crate::keys::references::{find_sorted, resolve_memory};
use crate::schema::{ForeignKey, Key};
use crate::segment::Segment;
use crate::snapshot::Table;
use crate::transaction::take_rows;
use crate::violation;
use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use starfact_base::limits::BLOCK_ROWS;
use starfact_base::{ColumnId, Error, Result, Scalar, SegmentId, TableId};
use starfact_encoding::{Predicate, Selection};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Ordinals up to which each of them is looked for.
const EACH_MAX: usize = 1000;

/// A table whose changed rows have found their places.
pub(crate) struct Settled {
    pub(crate) before: Table,
    /// Rows of `before` that are deleted, ascending.
    pub(crate) removed: Vec<u64>,
    /// The new rows.
    pub(crate) built: Vec<Built>,
}

/// The key of a table that others reference, the first if there are several.
pub(crate) fn referenced_key<'a>(
    tables: &BTreeMap<TableId, Arc<Table>>,
    table: &'a Table,
) -> Option<&'a Key> {
    let references =
        |key: &&Key| children(tables, table).any(|(_, it)| it.parent_columns == key.columns);
    table.keys().iter().find(references)
}

fn children<'a>(
    tables: &'a BTreeMap<TableId, Arc<Table>>,
    parent: &Table,
) -> impl Iterator<Item = (&'a Arc<Table>, &'a ForeignKey)> {
    let id = parent.id();
    tables.values().flat_map(move |table| {
        let references = table.foreign_keys().iter().filter(move |key| key.parent == id);
        references.map(move |key| (table, key))
    })
}

/// The keys of rows as bytes that are equal where they are; `None` where one has a NULL.
/// `columns` are the visible ones of the table.
pub(crate) fn keys_of(
    table: &Table,
    key: &Key,
    columns: &[ArrayRef],
) -> Result<Vec<Option<Vec<u8>>>> {
    let layout = layout_of(table, key)?;
    let values = columns_of(table, key, columns);
    let nulls = nulls_of(&values);
    by_width!(&layout, K => {
        let keys = K::encode(&layout, &values)?;
        let bytes = keys.iter().enumerate().map(|(row, key)| {
            let has_key = nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
            has_key.then(|| key.bytes())
        });
        Ok(bytes.collect())
    })
}

fn columns_of(table: &Table, key: &Key, columns: &[ArrayRef]) -> Vec<ArrayRef> {
    let place = |id: &ColumnId| table.columns().iter().position(|column| column.id == *id);
    let values = key.columns.iter().filter_map(|id| columns.get(place(id)?)).cloned();
    values.collect()
}

/// Checks all constraints; the new rows get the ordinals of the rows that they reference.
pub(crate) fn check(tables: &mut BTreeMap<TableId, Arc<Table>>, settled: &[Settled]) -> Result<()> {
    for settled in settled {
        let table = known(tables, settled)?;
        for built in &settled.built {
            check_memory(table, &built.segment, &built.numbers)?;
        }
    }
    for settled in settled {
        let table = Arc::clone(known(tables, settled)?);
        if table.foreign_keys().is_empty() || settled.built.is_empty() {
            continue;
        }
        let mut after = table.as_ref().clone();
        for built in &settled.built {
            let references = resolve_memory(tables, &table, &built.segment, &built.numbers)?;
            let segment = Arc::new(with_references(&built.segment, &references)?);
            let id = segment.id();
            if let Some(slot) = after.segments.iter_mut().find(|segment| segment.id() == id) {
                *slot = segment;
            }
        }
        tables.insert(after.id(), Arc::new(after));
    }
    let built = settled.iter().flat_map(|settled| &settled.built);
    let new: BTreeSet<SegmentId> = built.map(|built| built.segment.id()).collect();
    settled.iter().try_for_each(|settled| check_removed(tables, settled, &new))
}

fn known<'a>(
    tables: &'a BTreeMap<TableId, Arc<Table>>,
    settled: &Settled,
) -> Result<&'a Arc<Table>> {
    let table = tables.get(&settled.before.id());
    table.ok_or_else(|| Error::internal("a changed table that is not there"))
}

/// No row references one that is gone. Those of the segments `new` were resolved just now: where
/// they reference the ordinal of a row whose key has changed, they have its new key.
fn check_removed(
    tables: &BTreeMap<TableId, Arc<Table>>,
    settled: &Settled,
    new: &BTreeSet<SegmentId>,
) -> Result<()> {
    if settled.removed.is_empty() {
        return Ok(());
    }
    let (before, after) = (&settled.before, known(tables, settled)?);
    let mut old: Option<RecordBatch> = None;
    for (child, foreign_key) in children(tables, after) {
        if child.row_count() == 0 {
            continue;
        }
        let Some(key) = after.schema.key_on(&foreign_key.parent_columns) else { continue };
        let rows = match &old {
            Some(rows) => rows,
            None => old.insert(take_rows(before, &settled.removed)?),
        };
        let gone = gone(before, after, key, &settled.removed, rows)?;
        if let Some((row, text)) = find_reference(child, foreign_key, &gone, new)? {
            let values = columns_of(before, key, rows.columns());
            let key = violation::columns_and_values(&before.schema, &key.columns, &values, row);
            return Err(Error::Constraint(format!(
                "table \"{}\": the row with {key} is referenced by table \"{}\", for example by \
                 the row with {text}: change or delete that row first",
                before.name(),
                child.name()
            )));
        }
    }
    Ok(())
}

/// The ordinals of removed rows whose key no row of the same ordinal has now, each with its place
/// among the removed.
fn gone(
    before: &Table,
    after: &Table,
    key: &Key,
    removed: &[u64],
    rows: &RecordBatch,
) -> Result<BTreeMap<u64, usize>> {
    let layout = layout_of(after, key)?;
    let values = columns_of(before, key, rows.columns());
    let nulls = nulls_of(&values);
    let runs = after.runs(key, &layout)?;
    let now = by_width!(&layout, K => {
        let keys = K::encode(&layout, &values)?.into_iter().enumerate();
        let has_key = |row: usize| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
        let keys = keys.map(|(row, key)| has_key(row).then_some(key)).collect();
        find_sorted(after, &layout, &runs, keys)?
    });
    let ordinals = before.ordinals_of(removed)?;
    let mut gone = BTreeMap::new();
    for (place, (ordinal, row)) in ordinals.iter().zip(now).enumerate() {
        let is_there = match row {
            Some(row) => after.ordinals_of(&[row])?.first() == Some(ordinal),
            None => false,
        };
        if !is_there {
            gone.insert(*ordinal, place);
        }
    }
    Ok(gone)
}

/// A live row of `child`, outside of `new`, that references one of some ordinals: the place of that
/// one, and the values of the row.
fn find_reference(
    child: &Table,
    foreign_key: &ForeignKey,
    gone: &BTreeMap<u64, usize>,
    new: &BTreeSet<SegmentId>,
) -> Result<Option<(usize, String)>> {
    let (Some((first, _)), Some((last, _))) = (gone.first_key_value(), gone.last_key_value())
    else {
        return Ok(None);
    };
    let scalar = |ordinal: &u64| Scalar::Integer(i128::from(*ordinal));
    let predicate = match gone.len() <= EACH_MAX {
        true => Predicate::is_in(gone.keys().map(scalar).collect()),
        false => Predicate::Between { low: scalar(first), high: scalar(last) },
    };
    for segment in child.segments.iter().filter(|segment| !new.contains(&segment.id())) {
        let Some(file) = segment.column(foreign_key.ordinal_column)? else { continue };
        for (idx, zone) in file.zones().iter().enumerate() {
            if zone.verdict(&predicate) == starfact_encoding::Verdict::None {
                continue;
            }
            let block = file.block(idx)?;
            let mut selection = live_rows(child, segment, idx, block.rows());
            block.filter(&predicate, &mut selection)?;
            let rows = selection.indices();
            let ordinals = block.take(&rows)?;
            let ordinals = ordinals.as_primitive_opt::<Int64Type>();
            let ordinals = ordinals.ok_or_else(|| Error::internal("ordinals of another type"))?;
            for (row, ordinal) in rows.iter().zip(ordinals) {
                let place = ordinal.and_then(|ordinal| gone.get(&(ordinal as u64)));
                if let Some(place) = place {
                    let columns = &foreign_key.columns;
                    let values = child.blocks_values(segment, columns, idx)?;
                    let row = *row as usize;
                    let text = violation::columns_and_values(&child.schema, columns, &values, row);
                    return Ok(Some((*place, text)));
                }
            }
        }
    }
    Ok(None)
}

/// The rows of a block that are not deleted.
pub(crate) fn live_rows(table: &Table, segment: &Segment, block: usize, rows: usize) -> Selection {
    let mut selection = Selection::all(rows);
    if let Some(deleted) = table.deletions.of(segment.id()) {
        let start = (block * BLOCK_ROWS) as u32;
        for place in deleted.range(start..start.saturating_add(rows as u32)) {
            selection.clear((place - start) as usize);
        }
    }
    selection
}
