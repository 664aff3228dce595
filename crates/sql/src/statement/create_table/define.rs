//! Constraints, defaults and sort order as written, to a table definition.

use super::super::{Context, names, write};
use crate::error::{Error, Result};
use crate::parse::CreateTable;
use crate::scan::arrow_schema;
use crate::types::column_type;
use arrow::datatypes::{Field, Schema};
use datafusion::sql::sqlparser::ast::{
    CheckConstraint, ColumnDef, ColumnOption, ColumnOptionDef, ConstraintCharacteristics,
    DataType as SqlType, Expr, ForeignKeyConstraint, Ident, IndexColumn, NullsDistinctOption,
    ReferentialAction, TableConstraint,
};
use datafusion::sql::sqlparser::tokenizer::Token;
use starfact_encoding::arrow_type;
use starfact_store::{
    CheckDefinition, ColumnDefinition, ForeignKeyDefinition, KeyDefinition, Table, TableDefinition,
};

/// Puts together what was written about a table whose columns and their types are known.
///
/// # Errors
/// Names that the table does not have, expressions that make no sense, and what is not supported.
pub(super) fn define(
    context: &Context,
    wanted: &CreateTable,
    name: String,
    columns: Vec<ColumnDefinition>,
) -> Result<TableDefinition> {
    let mut table = TableDefinition { name, columns, ..TableDefinition::default() };
    for (place, column) in wanted.columns.iter().enumerate() {
        for option in &column.options {
            column_option(context, &mut table, place, option)?;
        }
    }
    for constraint in &wanted.constraints {
        table_constraint(context, &mut table, constraint)?;
    }
    table.sorted_by = column_names(&table, wanted.sorted_by.iter())?;
    check_expressions(context, &table)?;
    Ok(table)
}

/// A column with its type and nothing else yet.
pub(super) fn typed_column(wanted: &ColumnDef) -> Result<ColumnDefinition> {
    let (name, at) = (names::fold(&wanted.name), names::start(&wanted.name));
    if wanted.data_type == SqlType::Unspecified {
        return Err(Error::sql(format!("column \"{name}\" has no type")).at(at));
    }
    let data_type = column_type(&wanted.data_type).map_err(|error| error.at(at))?;
    Ok(ColumnDefinition::new(name, data_type))
}

/// A column that is added to a table, and the CHECK constraints that come with it.
pub(in crate::statement) fn added_column(
    context: &Context,
    table: &Table,
    wanted: &ColumnDef,
) -> Result<(ColumnDefinition, Vec<CheckDefinition>)> {
    let mut alone = TableDefinition {
        name: table.name().to_owned(),
        columns: vec![typed_column(wanted)?],
        ..TableDefinition::default()
    };
    for option in &wanted.options {
        let key = match &option.option {
            ColumnOption::PrimaryKey(_) => "PRIMARY KEY",
            ColumnOption::Unique(_) => "UNIQUE",
            ColumnOption::ForeignKey(_) => "REFERENCES",
            _ => {
                column_option(context, &mut alone, 0, option)?;
                continue;
            }
        };
        return Err(Error::sql(format!("ADD COLUMN … {key} is not supported"))
            .at(names::start(&wanted.name))
            .with_hint("keys and references are declared when a table is created"));
    }
    let mut columns = alone.columns;
    Ok((columns.remove(0), alone.checks))
}

fn column_option(
    context: &Context,
    table: &mut TableDefinition,
    place: usize,
    option: &ColumnOptionDef,
) -> Result<()> {
    let column = table.columns[place].name.clone();
    let name = option.name.as_ref();
    match &option.option {
        ColumnOption::Null => table.columns[place].nullable = true,
        ColumnOption::NotNull => table.columns[place].nullable = false,
        ColumnOption::Default(expr) => table.columns[place].default = Some(expr.to_string()),
        ColumnOption::PrimaryKey(key) => {
            refuse_characteristics(key.characteristics.as_ref())?;
            add_primary_key(table, name, vec![column])?;
        }
        ColumnOption::Unique(key) => {
            refuse_characteristics(key.characteristics.as_ref())?;
            refuse_nulls_not_distinct(&key.nulls_distinct)?;
            table.unique.push(KeyDefinition { name: folded(name), columns: vec![column] });
        }
        ColumnOption::ForeignKey(key) => {
            add_foreign_key(context, table, key, name, vec![column])?;
        }
        ColumnOption::Check(check) => add_check(table, check, name),
        ColumnOption::Comment(_) => {}
        ColumnOption::DialectSpecific(tokens) => match tokens.as_slice() {
            [word] if word.to_string().eq_ignore_ascii_case("bitmap") => {
                table.columns[place].bitmap = Some(true);
            }
            [no, _] if no.to_string().eq_ignore_ascii_case("no") => {
                table.columns[place].bitmap = Some(false);
            }
            tokens => table.columns[place].encoding = encoding_name(tokens),
        },
        other => {
            return Err(Error::sql(format!("column \"{column}\": {other} is not supported")));
        }
    }
    Ok(())
}

/// `ENCODING run_length` and `ENCODING 'run-length'` are one.
fn encoding_name(tokens: &[Token]) -> Option<String> {
    let name = match tokens.last()? {
        Token::Word(word) => &word.value,
        Token::SingleQuotedString(text) => text,
        _ => return None,
    };
    Some(name.to_lowercase().replace('_', "-"))
}

fn table_constraint(
    context: &Context,
    table: &mut TableDefinition,
    constraint: &TableConstraint,
) -> Result<()> {
    match constraint {
        TableConstraint::PrimaryKey(key) => {
            refuse_characteristics(key.characteristics.as_ref())?;
            let columns = key_columns(table, &key.columns)?;
            add_primary_key(table, key.name.as_ref(), columns)
        }
        TableConstraint::Unique(key) => {
            refuse_characteristics(key.characteristics.as_ref())?;
            refuse_nulls_not_distinct(&key.nulls_distinct)?;
            let columns = key_columns(table, &key.columns)?;
            table.unique.push(KeyDefinition { name: folded(key.name.as_ref()), columns });
            Ok(())
        }
        TableConstraint::ForeignKey(key) => {
            let columns = column_names(table, key.columns.iter())?;
            add_foreign_key(context, table, key, None, columns)
        }
        TableConstraint::Check(check) => {
            add_check(table, check, None);
            Ok(())
        }
        other => Err(Error::sql(format!("{other} is not supported"))
            .with_hint("declare a PRIMARY KEY or UNIQUE key instead of an index")),
    }
}

fn add_primary_key(
    table: &mut TableDefinition,
    name: Option<&Ident>,
    columns: Vec<String>,
) -> Result<()> {
    if table.primary_key.is_some() {
        let message = format!("table \"{}\" has two primary keys", table.name);
        return Err(Error::sql(message).with_hint("declare one of them UNIQUE"));
    }
    table.primary_key = Some(KeyDefinition { name: folded(name), columns });
    Ok(())
}

fn add_foreign_key(
    context: &Context,
    table: &mut TableDefinition,
    key: &ForeignKeyConstraint,
    column_name: Option<&Ident>,
    columns: Vec<String>,
) -> Result<()> {
    refuse_characteristics(key.characteristics.as_ref())?;
    for action in [&key.on_delete, &key.on_update].into_iter().flatten() {
        if !matches!(action, ReferentialAction::NoAction | ReferentialAction::Restrict) {
            return Err(Error::sql(format!("FOREIGN KEY … {action} is not supported"))
                .with_hint("referenced rows cannot be deleted (NO ACTION)"));
        }
    }
    let wanted = names::table_name(&key.foreign_table)?;
    let is_self = wanted.to_lowercase() == table.name.to_lowercase();
    let (parent, parent_columns) = if is_self {
        (table.name.clone(), column_names(table, key.referred_columns.iter())?)
    } else {
        let parent = names::find_table(&context.snapshot, &key.foreign_table).map_err(|error| {
            Error { message: format!("FOREIGN KEY: {}", error.message), ..error }
        })?;
        let mut referred = Vec::with_capacity(key.referred_columns.len());
        for ident in &key.referred_columns {
            let place = names::find_column(parent, ident)?;
            referred.push(parent.columns()[place].name.clone());
        }
        (parent.name().to_owned(), referred)
    };
    let name = folded(column_name.or(key.name.as_ref()));
    table.foreign_keys.push(ForeignKeyDefinition { name, columns, parent, parent_columns });
    Ok(())
}

fn add_check(table: &mut TableDefinition, check: &CheckConstraint, name: Option<&Ident>) {
    let name = folded(name.or(check.name.as_ref()));
    table.checks.push(CheckDefinition { name, sql: check.expr.to_string() });
}

fn folded(name: Option<&Ident>) -> Option<String> {
    name.map(names::fold)
}

fn refuse_characteristics(characteristics: Option<&ConstraintCharacteristics>) -> Result<()> {
    match characteristics {
        None => Ok(()),
        Some(wanted) if wanted.deferrable != Some(true) && wanted.enforced != Some(false) => Ok(()),
        Some(wanted) => Err(Error::sql(format!("constraints cannot be {wanted}"))
            .with_hint("constraints are checked when a statement ends, all its rows at once")),
    }
}

fn refuse_nulls_not_distinct(nulls: &NullsDistinctOption) -> Result<()> {
    match nulls {
        NullsDistinctOption::NotDistinct => {
            Err(Error::sql("UNIQUE NULLS NOT DISTINCT is not supported"))
        }
        _ => Ok(()),
    }
}

fn key_columns(table: &TableDefinition, columns: &[IndexColumn]) -> Result<Vec<String>> {
    let mut idents = Vec::with_capacity(columns.len());
    for column in columns {
        match &column.column.expr {
            Expr::Identifier(ident) => idents.push(ident),
            other => return Err(Error::sql(format!("a key has columns, and {other} is none"))),
        }
    }
    column_names(table, idents.into_iter())
}

/// The names of columns as they were declared.
fn column_names<'a>(
    table: &TableDefinition,
    idents: impl Iterator<Item = &'a Ident>,
) -> Result<Vec<String>> {
    let columns = || table.columns.iter().map(|column| column.name.as_str());
    let found = idents.map(|ident| {
        let wanted = names::fold(ident);
        let place = names::place(columns(), &wanted).ok_or_else(|| {
            Error::sql(format!("table \"{}\" has no column \"{wanted}\"", table.name))
                .with_suggestion(&wanted, columns(), "columns")
                .at(names::start(ident))
        })?;
        Ok(table.columns[place].name.clone())
    });
    found.collect()
}

/// Binds every DEFAULT and CHECK, and tries the defaults out, so that a table that could take no
/// row is not created.
fn check_expressions(context: &Context, table: &TableDefinition) -> Result<()> {
    let fields = table.columns.iter();
    let fields = fields.map(|column| Field::new(&column.name, arrow_type(column.data_type), true));
    let schema = Schema::new(fields.collect::<Vec<_>>());
    for check in &table.checks {
        write::bind_check(context, &check.sql, &schema)?;
    }
    for column in &table.columns {
        let Some(sql) = &column.default else { continue };
        write::default_value(context, &column.name, sql, column.data_type)?;
    }
    Ok(())
}

/// The same for a table that has changed.
pub(in crate::statement) fn check_table(context: &Context, table: &Table) -> Result<()> {
    let schema = write::nullable(&arrow_schema(table));
    for check in table.checks() {
        write::bind_check(context, &check.sql, &schema)?;
    }
    for column in table.columns() {
        let Some(sql) = &column.default else { continue };
        write::default_value(context, &column.name, sql, column.data_type)?;
    }
    Ok(())
}
