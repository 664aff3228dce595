//! The schema `information_schema`: tables, columns and constraints as the SQL standard shows them.
//!
//! The query engine has one too, but that knows neither our types nor keys.

use crate::catalog::{CATALOG, SCHEMA, SCHEMAS};
use crate::error::Result;
use crate::sys::{self, SYS};
use crate::views::{View, integers, rows, texts};
use arrow::array::RecordBatch;
use starfact_base::{ColumnId, DataType};
use starfact_store::{Key, Snapshot, Table};

/// Name of the schema.
pub(crate) const INFORMATION_SCHEMA: &str = "information_schema";

/// The views in it.
pub(crate) const VIEWS: &[View] = &[
    ("columns", |snapshot, _| columns(snapshot)),
    ("key_column_usage", |snapshot, _| key_column_usage(snapshot)),
    ("schemata", |snapshot, _| schemata(snapshot)),
    ("table_constraints", |snapshot, _| table_constraints(snapshot)),
    ("tables", |snapshot, _| tables(snapshot)),
];

fn schemata(_snapshot: &Snapshot) -> Result<RecordBatch> {
    let schemas = SCHEMAS;
    rows(vec![
        ("catalog_name", texts(schemas.map(|_| Some(CATALOG.to_owned())))),
        ("schema_name", texts(schemas.map(|name| Some(name.to_owned())))),
    ])
}

fn tables(snapshot: &Snapshot) -> Result<RecordBatch> {
    let ours = snapshot.tables().map(|table| (SCHEMA, table.name().to_owned(), "BASE TABLE"));
    let views = [(INFORMATION_SCHEMA, VIEWS), (SYS, sys::VIEWS)];
    let views = views.into_iter().flat_map(|(schema, views)| {
        views.iter().map(move |(name, _)| (schema, (*name).to_owned(), "VIEW"))
    });
    let all: Vec<(&str, String, &str)> = ours.chain(views).collect();
    rows(vec![
        ("table_catalog", texts(all.iter().map(|_| Some(CATALOG.to_owned())))),
        ("table_schema", texts(all.iter().map(|(schema, ..)| Some((*schema).to_owned())))),
        ("table_name", texts(all.iter().map(|(_, name, _)| Some(name.clone())))),
        ("table_type", texts(all.iter().map(|(.., kind)| Some((*kind).to_owned())))),
    ])
}

fn columns(snapshot: &Snapshot) -> Result<RecordBatch> {
    let all: Vec<_> = snapshot
        .tables()
        .flat_map(|table| {
            (1..).zip(table.columns()).map(move |(place, column)| (table, place, column))
        })
        .collect();
    let decimal = |data_type| match data_type {
        DataType::Decimal { precision, scale } => (Some(precision.into()), Some(scale.into())),
        _ => (None, None),
    };
    let yes_no = |yes: bool| Some(if yes { "YES" } else { "NO" }.to_owned());
    rows(vec![
        ("table_catalog", texts(all.iter().map(|_| Some(CATALOG.to_owned())))),
        ("table_schema", texts(all.iter().map(|_| Some(SCHEMA.to_owned())))),
        ("table_name", texts(all.iter().map(|(table, ..)| Some(table.name().to_owned())))),
        ("column_name", texts(all.iter().map(|(.., column)| Some(column.name.clone())))),
        ("ordinal_position", integers(all.iter().map(|(_, place, _)| Some(*place)))),
        ("column_default", texts(all.iter().map(|(.., column)| column.default.clone()))),
        ("is_nullable", texts(all.iter().map(|(.., column)| yes_no(column.nullable)))),
        ("data_type", texts(all.iter().map(|(.., column)| Some(column.data_type.to_string())))),
        ("numeric_precision", integers(all.iter().map(|(.., column)| decimal(column.data_type).0))),
        ("numeric_scale", integers(all.iter().map(|(.., column)| decimal(column.data_type).1))),
    ])
}

/// A constraint of a table.
struct Constraint<'a> {
    table: &'a Table,
    name: String,
    kind: &'static str,
    columns: Vec<ColumnId>,
}

/// The name of a key; one without gets the one that PostgreSQL would give it.
pub(crate) fn key_name(table: &Table, key: &Key) -> String {
    match (&key.name, key.primary) {
        (Some(name), _) => name.clone(),
        (None, true) => format!("{}_pkey", table.name()),
        (None, false) => format!("{}_key", with_columns(table, &key.columns)),
    }
}

/// `table_a_b`: the beginning of the name of a constraint without one.
fn with_columns(table: &Table, columns: &[ColumnId]) -> String {
    let names = columns.iter().filter_map(|id| table.column(*id));
    let names: Vec<&str> = names.map(|column| column.name.as_str()).collect();
    format!("{}_{}", table.name(), names.join("_"))
}

/// All constraints; those without a name get the one that PostgreSQL would give them.
fn constraints(snapshot: &Snapshot) -> Vec<Constraint<'_>> {
    let mut all = Vec::new();
    for table in snapshot.tables() {
        for key in table.keys() {
            let kind = if key.primary { "PRIMARY KEY" } else { "UNIQUE" };
            let (name, columns) = (key_name(table, key), key.columns.clone());
            all.push(Constraint { table, name, kind, columns });
        }
        for key in table.foreign_keys() {
            let unnamed = || format!("{}_fkey", with_columns(table, &key.columns));
            let name = key.name.clone().unwrap_or_else(unnamed);
            let columns = key.columns.clone();
            all.push(Constraint { table, name, kind: "FOREIGN KEY", columns });
        }
        for place in 0..table.checks().len() {
            let name = check_name(table, place);
            all.push(Constraint { table, name, kind: "CHECK", columns: Vec::new() });
        }
    }
    all
}

/// What a CHECK constraint is called, if need be by its place.
pub(crate) fn check_name(table: &Table, place: usize) -> String {
    let name = table.checks().get(place).and_then(|check| check.name.clone());
    name.unwrap_or_else(|| format!("{}_check{}", table.name(), place + 1))
}

fn table_constraints(snapshot: &Snapshot) -> Result<RecordBatch> {
    let all = constraints(snapshot);
    rows(vec![
        ("constraint_catalog", texts(all.iter().map(|_| Some(CATALOG.to_owned())))),
        ("constraint_schema", texts(all.iter().map(|_| Some(SCHEMA.to_owned())))),
        ("constraint_name", texts(all.iter().map(|found| Some(found.name.clone())))),
        ("table_name", texts(all.iter().map(|found| Some(found.table.name().to_owned())))),
        ("constraint_type", texts(all.iter().map(|found| Some(found.kind.to_owned())))),
    ])
}

fn key_column_usage(snapshot: &Snapshot) -> Result<RecordBatch> {
    let all = constraints(snapshot);
    let all: Vec<_> = all
        .iter()
        .flat_map(|found| (1..).zip(&found.columns).map(move |(place, id)| (found, place, *id)))
        .collect();
    let column =
        |found: &Constraint<'_>, id| found.table.column(id).map(|column| column.name.clone());
    rows(vec![
        ("constraint_catalog", texts(all.iter().map(|_| Some(CATALOG.to_owned())))),
        ("constraint_schema", texts(all.iter().map(|_| Some(SCHEMA.to_owned())))),
        ("constraint_name", texts(all.iter().map(|(found, ..)| Some(found.name.clone())))),
        ("table_name", texts(all.iter().map(|(found, ..)| Some(found.table.name().to_owned())))),
        ("column_name", texts(all.iter().map(|(found, _, id)| column(found, *id)))),
        ("ordinal_position", integers(all.iter().map(|(_, place, _)| Some(*place)))),
    ])
}
