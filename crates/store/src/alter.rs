//! Changes of what is declared of a table, without a look at its files, let alone a new one.
//!
//! ```text
//!  ADD COLUMN    a column number above all others; older segments have no file of it, so their
//!                rows have its initial value
//!  DROP COLUMN   the number is never used again; files of it stay until segments are rewritten
//!  type          a wider one; files keep theirs, and values are cast when they are read
//! ```
//!
//! CHECK and DEFAULT are text here. That a CHECK holds for the rows that there are, and that its
//! text goes with the names in it, is for the layer above.

use crate::constraints::live_rows;
use crate::declare;
use crate::definition::{CheckDefinition, ColumnDefinition};
use crate::initial::Initial;
use crate::keys::layout::are_comparable;
use crate::schema::{Check, Column, ForeignKey, Key, Schema};
use crate::snapshot::Table;
use crate::violation;
use arrow::array::Array;
use starfact_base::limits::{BLOCK_ROWS, COLUMNS_MAX};
use starfact_base::{ColumnId, DataType, Error, Result, Scalar, TableId};
use starfact_encoding::{Widening, repeated};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One change of what is declared of a table.
#[derive(Clone, Debug, PartialEq)]
pub enum TableChange {
    /// A new column behind the others.
    AddColumn {
        /// What is declared of it.
        column: ColumnDefinition,
        /// What the rows that there are have in it; NULL if nothing is given.
        initial: Option<Scalar>,
    },
    /// The column goes.
    DropColumn(ColumnId),
    /// The column gets another name.
    RenameColumn {
        /// The column.
        column: ColumnId,
        /// Its new name.
        name: String,
    },
    /// The table gets another name.
    RenameTable(String),
    /// The column gets a wider type.
    SetType {
        /// The column.
        column: ColumnId,
        /// The type, which holds all values of the present one: see [`Widening`].
        data_type: DataType,
    },
    /// The column gets another DEFAULT, or none.
    SetDefault {
        /// The column.
        column: ColumnId,
        /// The expression, as SQL text.
        default: Option<String>,
    },
    /// NULL is allowed in the column, or no more.
    SetNullable {
        /// The column.
        column: ColumnId,
        /// Whether it may hold NULL.
        nullable: bool,
    },
    /// A new CHECK constraint, which all rows satisfy.
    AddCheck(CheckDefinition),
    /// The CHECK constraint at this place of [`Table::checks`] goes.
    DropCheck(usize),
    /// The CHECK constraint at this place of [`Table::checks`] is written in other words.
    RewriteCheck {
        /// The place.
        place: usize,
        /// The same condition, as SQL text.
        sql: String,
    },
}

/// The table with a change.
pub(crate) fn alter(
    tables: &BTreeMap<TableId, Arc<Table>>,
    before: &Table,
    change: &TableChange,
) -> Result<Table> {
    let mut schema = before.schema.as_ref().clone();
    match change {
        TableChange::AddColumn { column, initial } => {
            add_column(&mut schema, before, column, initial.as_ref())?;
        }
        TableChange::DropColumn(column) => drop_column(&mut schema, *column)?,
        TableChange::RenameColumn { column, name } => rename_column(&mut schema, *column, name)?,
        TableChange::RenameTable(name) => {
            let others = tables.values().filter(|other| other.id() != schema.id);
            declare::check_table_name(name, others.map(|other| other.schema.as_ref()))?;
            schema.name.clone_from(name);
        }
        TableChange::SetType { column, data_type } => {
            set_type(tables, &mut schema, before, *column, *data_type)?;
        }
        TableChange::SetDefault { column, default } => {
            column_of(&mut schema, *column)?.default.clone_from(default);
        }
        TableChange::SetNullable { column, nullable } => {
            set_nullable(&mut schema, before, *column, *nullable)?;
        }
        TableChange::AddCheck(check) => {
            let CheckDefinition { name, sql } = check.clone();
            declare::check_constraint_name(name.as_deref())?;
            schema.checks.push(Check { name, sql });
            declare::check_constraint_names_differ(&schema)?;
        }
        TableChange::DropCheck(place) => {
            check_of(&mut schema, *place)?;
            schema.checks.remove(*place);
        }
        TableChange::RewriteCheck { place, sql } => {
            check_of(&mut schema, *place)?.sql.clone_from(sql);
        }
    }
    Ok(Table { schema: Arc::new(schema), ..before.clone() })
}

fn column_of(schema: &mut Schema, id: ColumnId) -> Result<&mut Column> {
    let missing = Error::internal(format!("no column {id} in table {}", schema.name));
    schema.columns.iter_mut().find(|column| column.id == id).ok_or(missing)
}

fn check_of(schema: &mut Schema, place: usize) -> Result<&mut Check> {
    let missing = Error::internal(format!("no CHECK {place} in table {}", schema.name));
    schema.checks.get_mut(place).ok_or(missing)
}

fn add_column(
    schema: &mut Schema,
    before: &Table,
    wanted: &ColumnDefinition,
    initial: Option<&Scalar>,
) -> Result<()> {
    let (table, name) = (schema.name.clone(), &wanted.name);
    if schema.columns.len() >= COLUMNS_MAX {
        let what = format!("table \"{table}\" with one more column");
        return Err(Error::Limit { what, limit: format!("{COLUMNS_MAX} columns") });
    }
    let mut column = declare::column(&table, wanted, schema.next_column)?;
    check_new_name(schema, None, name)?;
    if repeated(initial, wanted.data_type, 1).is_none() {
        let ty = wanted.data_type;
        return Err(Error::invalid(format!("the initial value of column \"{name}\" is no {ty}")));
    }
    if !before.segments.is_empty() {
        if !column.nullable && initial.is_none() && before.row_count() > 0 {
            return Err(Error::Constraint(format!(
                "column \"{name}\" would be NULL in the rows that table \"{table}\" has, and it \
                 is declared NOT NULL: give it a DEFAULT that is not NULL"
            )));
        }
        column.initial = initial.cloned().map(Initial::new);
    }
    schema.next_column = schema.next_column.next();
    schema.columns.push(column);
    Ok(())
}

/// A name is one of its own, except that a column may keep it.
fn check_new_name(schema: &Schema, column: Option<ColumnId>, name: &str) -> Result<()> {
    let folded = name.to_lowercase();
    let has_it = |other: &&Column| Some(other.id) != column && other.name.to_lowercase() == folded;
    match schema.columns.iter().find(has_it) {
        None => Ok(()),
        Some(other) => Err(Error::invalid(format!(
            "table \"{}\" has a column \"{}\" already",
            schema.name, other.name
        ))),
    }
}

fn drop_column(schema: &mut Schema, id: ColumnId) -> Result<()> {
    let name = column_of(schema, id)?.name.clone();
    let refused = |reason: String| {
        let table = &schema.name;
        Err(Error::invalid(format!("cannot drop column \"{name}\" of table \"{table}\": {reason}")))
    };
    if schema.columns.len() == 1 {
        return refused("it is the only one".into());
    }
    if let Some(user) = key_or_reference(schema, id) {
        return refused(format!("it is in {user}"));
    }
    let order = schema.declared_order();
    if order.contains(&id) {
        let order = schema.column_names(&order);
        return refused(format!("the table is SORTED BY ({order})"));
    }
    schema.columns.retain(|column| column.id != id);
    Ok(())
}

/// The first key or reference that a column is in, as it is declared.
fn key_or_reference(schema: &Schema, id: ColumnId) -> Option<String> {
    let named = |kind: &str, name: &Option<String>, columns: &[ColumnId]| {
        let shown = name.as_ref().map_or(String::new(), |name| format!(" \"{name}\""));
        format!("{kind}{shown} ({})", schema.column_names(columns))
    };
    let key = |key: &Key| {
        named(if key.primary { "PRIMARY KEY" } else { "UNIQUE" }, &key.name, &key.columns)
    };
    let reference = |key: &ForeignKey| named("FOREIGN KEY", &key.name, &key.columns);
    let keys = schema.keys.iter().find(|key| key.columns.contains(&id)).map(key);
    let references = || schema.foreign_keys.iter().find(|key| key.columns.contains(&id));
    keys.or_else(|| references().map(reference))
}

fn rename_column(schema: &mut Schema, id: ColumnId, name: &str) -> Result<()> {
    declare::check_name("column", name)?;
    check_new_name(schema, Some(id), name)?;
    name.clone_into(&mut column_of(schema, id)?.name);
    Ok(())
}

fn set_type(
    tables: &BTreeMap<TableId, Arc<Table>>,
    schema: &mut Schema,
    before: &Table,
    id: ColumnId,
    to: DataType,
) -> Result<()> {
    let table = schema.name.clone();
    let column = column_of(schema, id)?;
    let (name, from) = (column.name.clone(), column.data_type);
    if from == to {
        return Ok(());
    }
    let refused = |reason: String| {
        Error::invalid(format!("cannot make column \"{name}\" of table \"{table}\" {to}: {reason}"))
    };
    let Some(widening) = Widening::new(from, to) else {
        return Err(refused(format!("it is {from}, which has values that {to} does not hold")));
    };
    if from == DataType::Date && has_far_dates(before, id, &widening)? {
        return Err(refused("it has dates that are too far away".into()));
    }
    column.data_type = to;
    if let Some(initial) = &column.initial {
        let value = widening.scalar(initial.value());
        let value = value.filter(|value| repeated(Some(value), to, 1).is_some());
        let shown = || refused("the rows from before it was added do not fit".into());
        column.initial = Some(Initial::new(value.ok_or_else(shown)?));
    }
    misfit(tables, schema, id).map_or(Ok(()), |reason| Err(refused(reason)))
}

/// Why a column of `schema`, which takes the place of the table's, is not compared any more with
/// one that it references, or that references it.
fn misfit(tables: &BTreeMap<TableId, Arc<Table>>, schema: &Schema, id: ColumnId) -> Option<String> {
    let others = tables.values().map(|table| table.schema.as_ref());
    let others = others.filter(|other| other.id != schema.id);
    for child in others.clone().chain([schema]) {
        for key in &child.foreign_keys {
            let parent =
                [schema].into_iter().chain(others.clone()).find(|it| it.id == key.parent)?;
            for (own, referenced) in key.columns.iter().zip(&key.parent_columns) {
                let (this, that) = if child.id == schema.id && *own == id {
                    (child.column(*own)?, (parent, parent.column(*referenced)?))
                } else if parent.id == schema.id && *referenced == id {
                    (parent.column(*referenced)?, (child, child.column(*own)?))
                } else {
                    continue;
                };
                let (table, other) = that;
                if !are_comparable(this.data_type, other.data_type) {
                    return Some(format!(
                        "a FOREIGN KEY compares it with column \"{}\" of table \"{}\", which is \
                         {}: the two must be integers, decimals of one scale, or of one type",
                        other.name, table.name, other.data_type
                    ));
                }
            }
        }
    }
    None
}

/// Whether a date may have no timestamp, as far as the bounds of blocks tell.
fn has_far_dates(table: &Table, id: ColumnId, widening: &Widening) -> Result<bool> {
    let has_timestamp = |date: &Scalar| {
        let moment = widening.scalar(date);
        moment.is_some_and(|moment| repeated(Some(&moment), DataType::Timestamp, 1).is_some())
    };
    for segment in &table.segments {
        let Some(file) = segment.column(id)? else { continue };
        let bounds = file.zones().iter().flat_map(|zone| [&zone.stats.min, &zone.stats.max]);
        if !bounds.flatten().all(has_timestamp) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn set_nullable(schema: &mut Schema, before: &Table, id: ColumnId, nullable: bool) -> Result<()> {
    let primary = schema.keys.iter().find(|key| key.primary && key.columns.contains(&id));
    let primary = primary.map(|key| schema.column_names(&key.columns));
    let table = schema.name.clone();
    let column = column_of(schema, id)?;
    if let (true, Some(columns)) = (nullable, primary) {
        return Err(Error::invalid(format!(
            "column \"{}\" of table \"{table}\" is in PRIMARY KEY ({columns}), which allows no \
             NULL",
            column.name
        )));
    }
    if !nullable
        && column.nullable
        && let Some(row) = first_null(before, id)?
    {
        return Err(violation::not_null(&before.schema, &column.name, row));
    }
    column.nullable = nullable;
    Ok(())
}

/// The number, from 1, of the first live row that is NULL in a column.
fn first_null(table: &Table, id: ColumnId) -> Result<Option<u64>> {
    let mut before = 0;
    for segment in &table.segments {
        let file = segment.column(id)?;
        for block in 0..segment.block_count() {
            let rows = (segment.row_count() as usize - block * BLOCK_ROWS).min(BLOCK_ROWS);
            let live = live_rows(table, segment, block, rows);
            let zone = file.as_ref().and_then(|file| file.zones().get(block));
            if live.is_empty() || zone.is_some_and(|zone| zone.stats.nulls == 0) {
                before += live.count() as u64;
                continue;
            }
            let values = table.values_of(segment, id, block, Some(&live.indices()))?;
            if let Some(row) = (0..values.len()).find(|row| values.is_null(*row)) {
                return Ok(Some(before + row as u64 + 1));
            }
            before += values.len() as u64;
        }
    }
    Ok(None)
}
