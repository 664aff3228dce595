//! Turns what CREATE TABLE asks for into a schema, or says what is wrong with it.

use crate::definition::{ColumnDefinition, ForeignKeyDefinition, KeyDefinition, TableDefinition};
use crate::keys::layout::are_comparable;
use crate::schema::{Check, Column, ForeignKey, Key, KeyId, Schema};
use crate::verify::ORDINALS;
use starfact_base::limits::COLUMNS_MAX;
use starfact_base::{ColumnId, Error, Result, TableId};
use starfact_encoding::EncodingName;

/// Bytes that the name of a table, a column or a constraint may have.
pub const NAME_BYTES_MAX: usize = 255;

/// Makes the schema of a new table with number `id` beside `others`.
pub(crate) fn declare<'a>(
    definition: &TableDefinition,
    id: TableId,
    others: impl Iterator<Item = &'a Schema> + Clone,
) -> Result<Schema> {
    check_table_name(&definition.name, others.clone())?;
    let mut schema = Schema {
        id,
        name: definition.name.clone(),
        columns: columns(definition)?,
        keys: Vec::new(),
        foreign_keys: Vec::new(),
        checks: Vec::new(),
        sorted_by: Vec::new(),
        next_column: ORDINALS.next(),
        next_key: KeyId(1),
        cube: None,
    };
    schema.next_column = ColumnId(schema.columns.len() as u32 + 1);
    add_keys(&mut schema, definition)?;
    for wanted in &definition.foreign_keys {
        add_foreign_key(&mut schema, wanted, others.clone())?;
    }
    for check in &definition.checks {
        check_constraint_name(check.name.as_deref())?;
        schema.checks.push(Check { name: check.name.clone(), sql: check.sql.clone() });
    }
    check_constraint_names_differ(&schema)?;
    let sorted_by = column_ids(&schema, &definition.sorted_by, "SORTED BY")?;
    schema.sorted_by = sorted_by.into_iter().map(|id| sort_column(&schema, id)).collect();
    Ok(schema)
}

/// The column that rows are sorted by to be in the order of `id`: where that references another
/// table, rows go in the order of the rows there, whatever order that is.
fn sort_column(schema: &Schema, id: ColumnId) -> ColumnId {
    let is_it = |key: &&ForeignKey| key.columns == [id] && key.parent != schema.id;
    schema.foreign_keys.iter().find(is_it).map_or(id, |key| key.ordinal_column)
}

/// The name may be that of a table beside `others`.
pub(crate) fn check_table_name<'a>(
    name: &str,
    mut others: impl Iterator<Item = &'a Schema>,
) -> Result<()> {
    check_name("table", name)?;
    let folded = name.to_lowercase();
    match others.find(|other| other.name.to_lowercase() == folded) {
        None => Ok(()),
        Some(other) => Err(Error::invalid(format!("table \"{}\" exists already", other.name))),
    }
}

fn columns(definition: &TableDefinition) -> Result<Vec<Column>> {
    let table = &definition.name;
    if definition.columns.is_empty() {
        return Err(Error::invalid(format!("table \"{table}\" needs at least one column")));
    }
    if definition.columns.len() > COLUMNS_MAX {
        let what = format!("table \"{table}\" with {} columns", definition.columns.len());
        return Err(Error::Limit { what, limit: format!("{COLUMNS_MAX} columns") });
    }
    let mut folded = std::collections::BTreeSet::new();
    let mut columns = Vec::with_capacity(definition.columns.len());
    for (wanted, number) in definition.columns.iter().zip(1..) {
        let name = &wanted.name;
        if !folded.insert(name.to_lowercase()) {
            let message = format!("column \"{name}\" occurs twice in table \"{table}\"");
            return Err(Error::invalid(message));
        }
        columns.push(column(table, wanted, ColumnId(number))?);
    }
    Ok(columns)
}

/// A column of a table of this name, if it can be one.
pub(crate) fn column(table: &str, wanted: &ColumnDefinition, id: ColumnId) -> Result<Column> {
    let name = &wanted.name;
    check_name("column", name)?;
    if !wanted.data_type.is_valid() {
        return Err(Error::invalid(format!(
            "column \"{name}\" of table \"{table}\" cannot be {}: a DECIMAL has a precision \
             from 1 to 38 and a scale of at most that",
            wanted.data_type
        )));
    }
    check_encoding(table, wanted)?;
    Ok(Column {
        id,
        name: name.clone(),
        data_type: wanted.data_type,
        nullable: wanted.nullable,
        default: wanted.default.clone(),
        encoding: wanted.encoding.clone(),
        bitmap: wanted.bitmap,
        initial: None,
    })
}

fn check_encoding(table: &str, column: &ColumnDefinition) -> Result<()> {
    let Some(wanted) = column.encoding.as_deref() else { return Ok(()) };
    let names = EncodingName::ALL.map(EncodingName::as_str);
    if names.contains(&wanted) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "column \"{}\" of table \"{table}\" cannot be encoded as {wanted}: the encodings are {}",
        column.name,
        names.join(", ")
    )))
}

pub(crate) fn check_name(what: &str, name: &str) -> Result<()> {
    if name.is_empty() {
        return Err(Error::invalid(format!("the name of a {what} must not be empty")));
    }
    if name.len() > NAME_BYTES_MAX {
        let what = format!("the name of a {what}, of {} bytes,", name.len());
        return Err(Error::Limit { what, limit: format!("{NAME_BYTES_MAX} bytes") });
    }
    Ok(())
}

pub(crate) fn check_constraint_name(name: Option<&str>) -> Result<()> {
    name.map_or(Ok(()), |name| check_name("constraint", name))
}

pub(crate) fn check_constraint_names_differ(schema: &Schema) -> Result<()> {
    let mut seen = std::collections::BTreeSet::new();
    let keys = schema.keys.iter().map(|key| &key.name);
    let references = schema.foreign_keys.iter().map(|key| &key.name);
    let checks = schema.checks.iter().map(|check| &check.name);
    for name in keys.chain(references).chain(checks).flatten() {
        if !seen.insert(name.to_lowercase()) {
            let table = &schema.name;
            let message = format!("constraint \"{name}\" occurs twice in table \"{table}\"");
            return Err(Error::invalid(message));
        }
    }
    Ok(())
}

/// The numbers of distinct named columns.
fn column_ids(schema: &Schema, names: &[String], place: &str) -> Result<Vec<ColumnId>> {
    let mut ids = Vec::with_capacity(names.len());
    for name in names {
        let table = &schema.name;
        let column = schema.column_named(name).ok_or_else(|| {
            Error::invalid(format!("{place} of table \"{table}\": there is no column \"{name}\""))
        })?;
        if ids.contains(&column.id) {
            let message = format!("{place} of table \"{table}\": column \"{name}\" occurs twice");
            return Err(Error::invalid(message));
        }
        ids.push(column.id);
    }
    Ok(ids)
}

fn add_keys(schema: &mut Schema, definition: &TableDefinition) -> Result<()> {
    if let Some(wanted) = &definition.primary_key {
        add_key(schema, wanted, true)?;
        let columns = schema.keys.first().map(|key| key.columns.clone()).unwrap_or_default();
        for column in &mut schema.columns {
            column.nullable &= !columns.contains(&column.id);
        }
    }
    definition.unique.iter().try_for_each(|wanted| add_key(schema, wanted, false))
}

fn add_key(schema: &mut Schema, wanted: &KeyDefinition, primary: bool) -> Result<()> {
    check_constraint_name(wanted.name.as_deref())?;
    let place = if primary { "PRIMARY KEY" } else { "UNIQUE" };
    let columns = column_ids(schema, &wanted.columns, place)?;
    if columns.is_empty() {
        let message = format!("{place} of table \"{}\" needs at least one column", schema.name);
        return Err(Error::invalid(message));
    }
    if schema.key_on(&columns).is_some() {
        let names = schema.column_names(&columns);
        let message = format!("table \"{}\" has two keys on ({names})", schema.name);
        return Err(Error::invalid(message));
    }
    let id = schema.next_key;
    schema.next_key = KeyId(id.0 + 1);
    schema.keys.push(Key { id, name: wanted.name.clone(), columns, primary });
    Ok(())
}

fn add_foreign_key<'a>(
    schema: &mut Schema,
    wanted: &ForeignKeyDefinition,
    mut others: impl Iterator<Item = &'a Schema>,
) -> Result<()> {
    check_constraint_name(wanted.name.as_deref())?;
    let place = "FOREIGN KEY";
    let columns = column_ids(schema, &wanted.columns, place)?;
    if columns.is_empty() {
        let message = format!("{place} of table \"{}\" needs at least one column", schema.name);
        return Err(Error::invalid(message));
    }
    let parent = if wanted.parent == schema.name {
        &*schema
    } else {
        others.find(|other| other.name == wanted.parent).ok_or_else(|| {
            Error::invalid(format!(
                "{place} of table \"{}\" references table \"{}\", which does not exist: create it \
                 first",
                schema.name, wanted.parent
            ))
        })?
    };
    let (key, named) = referenced_key(schema, wanted, parent)?;
    // Pairs of columns go in the order of the key, whatever order they were named in.
    let mut ordered = Vec::with_capacity(columns.len());
    for referenced in &key.columns {
        let place = named.iter().position(|id| id == referenced);
        ordered.extend(place.and_then(|place| columns.get(place)).copied());
    }
    if ordered.len() != columns.len() || columns.len() != named.len() {
        return Err(Error::invalid(format!(
            "{place} ({}) of table \"{}\" has {} columns, and the key of table \"{}\" has {}",
            schema.column_names(&columns),
            schema.name,
            columns.len(),
            parent.name,
            key.columns.len()
        )));
    }
    check_types(schema, &ordered, parent, &key.columns)?;
    let reference = ForeignKey {
        name: wanted.name.clone(),
        columns: ordered,
        parent: parent.id,
        parent_columns: key.columns.clone(),
        ordinal_column: schema.next_column,
    };
    schema.next_column = schema.next_column.next();
    schema.foreign_keys.push(reference);
    Ok(())
}

/// The key that a foreign key means, and the columns of it in the order in which it names them.
fn referenced_key<'a>(
    schema: &Schema,
    wanted: &ForeignKeyDefinition,
    parent: &'a Schema,
) -> Result<(&'a Key, Vec<ColumnId>)> {
    let (table, other) = (&schema.name, &parent.name);
    if wanted.parent_columns.is_empty() {
        let key = parent.keys.iter().find(|key| key.primary).ok_or_else(|| {
            Error::invalid(format!(
                "FOREIGN KEY of table \"{table}\" references table \"{other}\", which has no \
                 PRIMARY KEY: name the columns of one of its keys"
            ))
        })?;
        return Ok((key, key.columns.clone()));
    }
    let place = format!("FOREIGN KEY of table \"{table}\", columns");
    let named = column_ids(parent, &wanted.parent_columns, &place)?;
    let is_meant = |key: &&Key| {
        key.columns.len() == named.len() && named.iter().all(|id| key.columns.contains(id))
    };
    let key = parent.keys.iter().find(is_meant).ok_or_else(|| {
        Error::invalid(format!(
            "FOREIGN KEY of table \"{table}\" references \"{other}\" ({}), which is no PRIMARY \
             KEY or UNIQUE key of it",
            wanted.parent_columns.join(", ")
        ))
    })?;
    Ok((key, named))
}

fn check_types(
    schema: &Schema,
    columns: &[ColumnId],
    parent: &Schema,
    referenced: &[ColumnId],
) -> Result<()> {
    for (child, referenced) in columns.iter().zip(referenced) {
        let (child, referenced) = (schema.column(*child), parent.column(*referenced));
        let (Some(child), Some(referenced)) = (child, referenced) else { continue };
        if !are_comparable(child.data_type, referenced.data_type) {
            return Err(Error::invalid(format!(
                "FOREIGN KEY of table \"{}\": column \"{}\" is {}, and column \"{}\" of table \
                 \"{}\" is {}",
                schema.name,
                child.name,
                child.data_type,
                referenced.name,
                parent.name,
                referenced.data_type
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
