//! Everything that there is to see in a warehouse, read without the query engine.

use super::{Outcome, Warehouse};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::Int32Type;
use arrow::util::display::array_value_to_string;
use starfact_store::{CellRole, Segment, Table};
use std::collections::BTreeMap;

/// Rows above which a table is told by the numbers in its only column.
const ROWS_MAX: u64 = 10_000;

/// All tables but the probe, and those of cells, by name: what is declared of them, and their rows
/// in any order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Contents(BTreeMap<String, (String, Vec<String>)>);

impl Contents {
    /// How another differs, in short.
    pub(super) fn difference(&self, found: &Self) -> String {
        let names = self.0.keys().chain(found.0.keys().filter(|name| !self.0.contains_key(*name)));
        let tables = names.filter(|name| self.0.get(*name) != found.0.get(*name));
        let shown = |one: Option<&(String, Vec<String>)>| match one {
            None => "no such table".to_owned(),
            Some((schema, rows)) => {
                let text = format!("{} rows: {}, {schema}", rows.len(), rows.join("; "));
                text.chars().take(500).collect()
            }
        };
        let table = |name: &String| {
            let (expected, found) = (shown(self.0.get(name)), shown(found.0.get(name)));
            format!("table \"{name}\"\n  expected {expected}\n  found    {found}")
        };
        tables.map(table).collect::<Vec<_>>().join("\n")
    }
}

/// What a new statement would see.
pub(super) fn contents(warehouse: &Warehouse) -> crate::Result<Contents> {
    let snapshot = warehouse.store().snapshot()?;
    let mut tables = BTreeMap::new();
    for table in snapshot.tables().filter(|table| table.name() != "probe") {
        let declared = (table.columns(), table.keys(), table.foreign_keys(), table.checks());
        let declared = format!("{declared:?}, sorted by {:?}", table.sorted_by());
        tables.insert(table.name().to_owned(), (declared, rows(table)?));
    }
    for (table, part) in snapshot.cube_parts() {
        let totals = totals(rows(table)?, &part.roles);
        tables.insert(table.name().to_owned(), (format!("{part:?}"), totals));
    }
    Ok(Contents(tables))
}

/// What cells come to that are written in one way or another, by their keys.
fn totals(cells: Vec<String>, roles: &[CellRole]) -> Vec<String> {
    let mut totals: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for cell in cells {
        let values = cell.split('|').zip(roles);
        let (keys, values): (Vec<_>, Vec<_>) =
            values.partition(|(_, role)| **role == CellRole::Key);
        let keys = keys.into_iter().map(|(key, _)| key).collect::<Vec<_>>().join("|");
        let none = || vec!["NULL".to_owned(); values.len()];
        for (total, (value, role)) in totals.entry(keys).or_insert_with(none).iter_mut().zip(values)
        {
            *total = together(total, value, *role);
        }
    }
    totals.retain(|_, values| values.iter().any(|value| !["NULL", "0"].contains(&value.as_str())));
    totals.into_iter().map(|(keys, values)| format!("{keys}: {}", values.join("|"))).collect()
}

/// What two values of a column come to. Sums lose their point, as all of a column have one scale.
fn together(known: &str, value: &str, role: CellRole) -> String {
    let number = |text: &str| text.replace('.', "").parse::<i128>().ok();
    let is_less = |a: &str, b: &str| match (number(a), number(b)) {
        (Some(a), Some(b)) => a < b,
        _ => a < b,
    };
    let takes_new = match role {
        CellRole::Key => false,
        CellRole::Sum => {
            let sum = number(known).unwrap_or_default() + number(value).unwrap_or_default();
            return sum.to_string();
        }
        _ if value == "NULL" => false,
        _ if known == "NULL" => true,
        CellRole::Min => is_less(value, known),
        CellRole::Max => is_less(known, value),
    };
    if takes_new { value } else { known }.to_owned()
}

/// The rows of the table beside.
pub(super) fn probes(warehouse: &Warehouse) -> Outcome<Vec<String>> {
    let snapshot = warehouse.store().snapshot().map_err(|error| error.to_string())?;
    let probe = snapshot.table("probe").ok_or("the probe is missing")?;
    rows(probe).map_err(|error| error.to_string())
}

fn rows(table: &Table) -> crate::Result<Vec<String>> {
    if table.row_count() > ROWS_MAX {
        return numbers(table);
    }
    let mut rows = Vec::new();
    for_every_block(table, &mut |segment, block, first| {
        let columns = table.columns().iter().map(|it| table.block_values(segment, it.id, block));
        let columns = columns.collect::<starfact_base::Result<Vec<ArrayRef>>>()?;
        for row in (0..columns[0].len()).filter(|row| is_live(table, segment, first + row)) {
            let values = columns.iter().map(|column| match column.is_null(row) {
                true => Ok("NULL".into()),
                false => array_value_to_string(column, row),
            });
            rows.push(values.collect::<Result<Vec<_>, _>>()?.join("|"));
        }
        Ok(())
    })?;
    rows.sort();
    Ok(rows)
}

/// The number of rows and the sum of a column, for a table that is large.
fn numbers(table: &Table) -> crate::Result<Vec<String>> {
    assert_eq!((table.columns().len(), table.deleted_row_count()), (1, 0));
    let mut sum = 0_i64;
    for_every_block(table, &mut |segment, block, _| {
        let values = table.block_values(segment, table.columns()[0].id, block)?;
        sum +=
            values.as_primitive::<Int32Type>().values().iter().copied().map(i64::from).sum::<i64>();
        Ok(())
    })?;
    Ok(vec![format!("{} rows, sum {sum}", table.row_count())])
}

/// Calls `visit` with each block and the place of its first row in the segment.
fn for_every_block(
    table: &Table,
    visit: &mut dyn FnMut(&Segment, usize, usize) -> crate::Result<()>,
) -> crate::Result<()> {
    for segment in table.segments() {
        for block in 0..segment.block_count() {
            visit(segment, block, block * starfact_base::limits::BLOCK_ROWS)?;
        }
    }
    Ok(())
}

fn is_live(table: &Table, segment: &Segment, place: usize) -> bool {
    table.deleted_rows(segment.id()).is_none_or(|deleted| !deleted.contains(place as u32))
}
