//! `CREATE TABLE`, also `… AS query`.

pub(super) mod define;

use super::write::{self, Target};
use super::{Context, names, query, transaction};
use crate::error::{Error, Result};
use crate::outcome::Outcome;
use crate::parse::CreateTable;
use crate::types::{column_type, stored_type};
use arrow::datatypes::SchemaRef;
use datafusion::sql::sqlparser::ast::{DataType as SqlType, Query};
use starfact_base::DataType;
use starfact_store::{ColumnDefinition, TableDefinition, Transaction};

/// Creates a table; with a query, its rows come with it in the same commit.
pub(super) fn create_table(context: &mut Context, mut wanted: CreateTable) -> Result<Outcome> {
    let name = names::table_name(&wanted.name)?;
    if wanted.if_not_exists && names::table(&context.snapshot, &name).is_some() {
        return Ok(Outcome::Done { tag: "CREATE TABLE".into() });
    }
    transaction::change(context, |context, transaction| match wanted.query.take() {
        None => create_empty(context, transaction, &wanted, name),
        Some(query) => create_as(context, transaction, &wanted, name, *query),
    })
}

fn create_empty(
    context: &Context,
    transaction: &mut Transaction,
    wanted: &CreateTable,
    name: String,
) -> Result<Outcome> {
    let mut columns = Vec::with_capacity(wanted.columns.len());
    for column in &wanted.columns {
        columns.push(define::typed_column(column)?);
    }
    let definition = define::define(context, wanted, name, columns)?;
    create(transaction, wanted, &definition)?;
    Ok(Outcome::Done { tag: "CREATE TABLE".into() })
}

fn create_as(
    context: &mut Context,
    transaction: &mut Transaction,
    wanted: &CreateTable,
    name: String,
    query: Query,
) -> Result<Outcome> {
    let (schema, stream) = query::open(context, query)?;
    let columns = columns_of_query(wanted, &schema)?;
    let definition = define::define(context, wanted, name, columns)?;
    if !create(transaction, wanted, &definition)? {
        return Ok(Outcome::Done { tag: "CREATE TABLE".into() });
    }
    let snapshot = transaction.snapshot()?;
    let Some(table) = snapshot.table(&definition.name) else {
        return Err(Error::internal("a table that was just created is not there"));
    };
    let names: Vec<String> = definition.columns.iter().map(|column| column.name.clone()).collect();
    let target = Target::new(context, table, &names)?;
    let mut batches = query::batches(context, stream);
    let rows = write::load(context, transaction, target, &mut batches)?;
    Ok(Outcome::Count { verb: "CREATE TABLE", rows })
}

/// The columns that a query gives a new table, under the names that were written, if any were.
fn columns_of_query(wanted: &CreateTable, schema: &SchemaRef) -> Result<Vec<ColumnDefinition>> {
    let fields = schema.fields();
    if !wanted.columns.is_empty() && wanted.columns.len() != fields.len() {
        let (named, found) = (wanted.columns.len(), fields.len());
        let message = format!("{named} columns are named, and the query has {found}");
        return Err(Error::sql(message));
    }
    let mut columns: Vec<ColumnDefinition> = Vec::with_capacity(fields.len());
    for (place, field) in fields.iter().enumerate() {
        let written = wanted.columns.get(place);
        let name = written.map_or_else(|| field.name().clone(), |column| names::fold(&column.name));
        let data_type: DataType = match written.map(|column| &column.data_type) {
            None | Some(SqlType::Unspecified) => stored_type(&name, field.data_type())?,
            Some(sql) => column_type(sql)?,
        };
        let folded = name.to_lowercase();
        if columns.iter().any(|other| other.name.to_lowercase() == folded) {
            return Err(Error::sql(format!("two columns of the query are called \"{name}\""))
                .with_hint("give one of them another name with AS"));
        }
        columns.push(ColumnDefinition::new(name, data_type));
    }
    Ok(columns)
}

/// Creates the table within the transaction; `false` if there is one already and that is fine.
fn create(
    transaction: &mut Transaction,
    wanted: &CreateTable,
    definition: &TableDefinition,
) -> Result<bool> {
    let snapshot = transaction.snapshot()?;
    if super::cube::find(&snapshot, &definition.name).is_some() {
        let message = format!("there is a cube called \"{}\"", definition.name);
        return Err(Error::sql(message).with_hint("give the table another name"));
    }
    if let Some(existing) = names::table(&snapshot, &definition.name) {
        if wanted.if_not_exists {
            return Ok(false);
        }
        if !wanted.or_replace {
            let message = format!("table \"{}\" exists already", existing.name());
            return Err(Error::sql(message)
                .with_hint("use CREATE OR REPLACE TABLE, or CREATE TABLE IF NOT EXISTS"));
        }
        transaction.drop_table(existing.id())?;
    }
    transaction.create_table(definition)?;
    Ok(true)
}
