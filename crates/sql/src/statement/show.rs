//! `SHOW`, `DESCRIBE` and `SUMMARIZE`: what there is, as rows.

mod create;
mod functions;
mod storage;
mod summary;

pub(super) use create::quoted;

use super::{Context, cube, names, query, set};
use crate::catalog::{CATALOG, SCHEMAS};
use crate::error::Result;
use crate::outcome::{Outcome, Rows};
use crate::parse::Show;
use crate::settings::SETTINGS;
use crate::types::sql_name;
use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{Field, Schema};
use datafusion::sql::sqlparser::ast::{ObjectName, Query};
use starfact_store::Table;
use std::sync::Arc;

/// Answers a SHOW, DESCRIBE or SUMMARIZE.
pub(super) fn show(context: &mut Context, what: Show) -> Result<Outcome> {
    let rows = match what {
        Show::Tables => tables(context),
        Show::Databases => table_of(vec![("name", texts([Some(CATALOG.to_owned())]))]),
        Show::Schemas => table_of(vec![("name", texts(SCHEMAS.map(|name| Some(name.to_owned()))))]),
        Show::Functions => functions::functions(context),
        Show::Cubes => cube::show_cubes(context),
        Show::Cube(name) => cube::describe_cube(context, &name),
        Show::CreateTable(name) => create_table(context, &name),
        Show::Columns(name) => columns(context, &name),
        Show::QueryColumns(query) => query_columns(context, *query),
        Show::Summary(query) => summary::summary(context, *query),
        Show::Storage(name) => storage::storage(context, &name),
        Show::Settings => settings(context),
        Show::Setting(name) => {
            let value = set::get(context, &name)?;
            table_of(vec![(name.as_str(), texts([Some(value)]))])
        }
    };
    rows.map(Outcome::Rows)
}

fn tables(context: &Context) -> Result<Rows> {
    let tables: Vec<&Arc<Table>> = context.snapshot.tables().collect();
    let names = tables.iter().map(|table| Some(table.name().to_owned()));
    let rows = tables.iter().map(|table| table.row_count() as i64);
    let bytes = tables.iter().map(|table| table.bytes() as i64);
    table_of(vec![
        ("name", texts(names)),
        ("rows", Arc::new(Int64Array::from_iter_values(rows))),
        ("bytes", Arc::new(Int64Array::from_iter_values(bytes))),
    ])
}

fn create_table(context: &Context, name: &ObjectName) -> Result<Rows> {
    let table = names::find_table(&context.snapshot, name)?;
    let sql = create::create_table_sql(table, &context.snapshot);
    table_of(vec![("name", texts([Some(table.name().to_owned())])), ("sql", texts([Some(sql)]))])
}

fn columns(context: &Context, name: &ObjectName) -> Result<Rows> {
    let table = names::find_table(&context.snapshot, name)?;
    let columns = table.columns();
    let primary = table.primary_key().map(|key| key.columns.as_slice()).unwrap_or_default();
    let key = |id| {
        if primary.contains(&id) {
            return Some("PRI".to_owned());
        }
        if table.unique_keys().any(|key| key.columns == [id]) {
            return Some("UNI".to_owned());
        }
        let references = table.foreign_keys().iter().any(|key| key.columns.contains(&id));
        references.then(|| "REF".to_owned())
    };
    let yes_no = |yes: bool| Some(if yes { "YES" } else { "NO" }.to_owned());
    table_of(vec![
        ("column_name", texts(columns.iter().map(|column| Some(column.name.clone())))),
        ("column_type", texts(columns.iter().map(|column| Some(column.data_type.to_string())))),
        ("null", texts(columns.iter().map(|column| yes_no(column.nullable)))),
        ("key", texts(columns.iter().map(|column| key(column.id)))),
        ("default", texts(columns.iter().map(|column| column.default.clone()))),
    ])
}

fn query_columns(context: &mut Context, query: Query) -> Result<Rows> {
    let (plan, names) = query::plan(context, query)?;
    // Types are known for certain only after type coercion.
    let plan = context.state.optimize(&plan)?;
    let schema = names.apply(&Arc::new(plan.schema().as_arrow().clone()));
    let fields = schema.fields();
    let yes_no = |yes: bool| Some(if yes { "YES" } else { "NO" }.to_owned());
    table_of(vec![
        ("column_name", texts(fields.iter().map(|field| Some(field.name().clone())))),
        ("column_type", texts(fields.iter().map(|field| Some(sql_name(field.data_type()))))),
        ("null", texts(fields.iter().map(|field| yes_no(field.is_nullable())))),
        ("key", texts(fields.iter().map(|_| None))),
        ("default", texts(fields.iter().map(|_| None))),
    ])
}

fn settings(context: &Context) -> Result<Rows> {
    let values = SETTINGS.iter().map(|setting| Some((setting.get)(&context.settings)));
    table_of(vec![
        ("name", texts(SETTINGS.iter().map(|setting| Some(setting.name.to_owned())))),
        ("value", texts(values)),
        ("description", texts(SETTINGS.iter().map(|setting| Some(setting.description.to_owned())))),
    ])
}

/// A result of these columns, all of one length.
pub(super) fn table_of(columns: Vec<(&str, ArrayRef)>) -> Result<Rows> {
    let fields =
        columns.iter().map(|(name, values)| Field::new(*name, values.data_type().clone(), true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let arrays = columns.into_iter().map(|(_, values)| values).collect();
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays)?;
    Ok(Rows::ready(schema, vec![batch]))
}

fn texts(values: impl IntoIterator<Item = Option<String>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<StringArray>())
}
