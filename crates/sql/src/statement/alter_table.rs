//! `ALTER TABLE [IF EXISTS] t action, …`: what is declared of a table changes, in one commit.
//!
//! ```text
//!  actions, one after the other ─► the store: names, types, keys ─► expressions bound again
//!                                                                 ─► new conditions on all rows
//! ```
//!
//! Each action sees what those before it have done; if one of them fails, none has happened. Rows
//! stay where they are: see `starfact_store`. What needs SQL is done here: the value of a DEFAULT
//! for the rows that there are, the names in the text of CHECK constraints, and whether a new CHECK
//! holds.

mod checks;

use super::create_table::define;
use super::{Context, names, transaction, write};
use crate::error::{Error, Position, Result};
use crate::information_schema::check_name;
use crate::outcome::Outcome;
use crate::scan::scalar;
use crate::types::column_type;
use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast::{
    AlterColumnOperation, AlterTable, AlterTableOperation, ColumnDef, DataType as SqlType,
    DropBehavior, Expr, Ident, ObjectName, RenameTableNameKind, TableConstraint,
};
use starfact_base::{ColumnId, TableId};
use starfact_store::{CheckDefinition, Column, Table, TableChange, Transaction};
use std::sync::Arc;

const ANEW: &str = "create the table anew: CREATE TABLE new (…), then INSERT INTO new SELECT …";
const ACTIONS: &str = "the actions are ADD COLUMN, DROP COLUMN, RENAME, ALTER COLUMN … TYPE, SET \
                       and DROP DEFAULT, SET and DROP NOT NULL, ADD CHECK, DROP CONSTRAINT";

/// Changes a table; all of it or nothing.
pub(super) fn alter_table(context: &mut Context, wanted: AlterTable) -> Result<Outcome> {
    let done = Outcome::Done { tag: "ALTER TABLE".into() };
    let is_other = wanted.only
        || wanted.location.is_some()
        || wanted.on_cluster.is_some()
        || wanted.table_type.is_some();
    if is_other {
        return Err(Error::sql("this form of ALTER TABLE is not supported").with_hint(ACTIONS));
    }
    transaction::change(context, |context, transaction| {
        let snapshot = transaction.snapshot()?;
        let table = match names::find_table(&snapshot, &wanted.name) {
            Ok(table) => Arc::clone(table),
            Err(_) if wanted.if_exists && names::table_name(&wanted.name).is_ok() => return Ok(()),
            Err(error) => return Err(error),
        };
        let unproven = vec![false; table.checks().len()];
        let mut altering = Altering { context, transaction, table: table.id(), unproven };
        wanted.operations.iter().try_for_each(|action| altering.act(action))?;
        altering.prove()
    })?;
    Ok(done)
}

/// A table that is being changed.
struct Altering<'a> {
    context: &'a mut Context,
    transaction: &'a mut Transaction,
    table: TableId,
    /// For each CHECK of the table whether rows might not satisfy it.
    unproven: Vec<bool>,
}

impl Altering<'_> {
    /// The table as the actions so far have made it.
    fn table(&self) -> Result<Arc<Table>> {
        let snapshot = self.transaction.snapshot()?;
        let missing = || Error::internal("internal error: a table that is altered is not there");
        snapshot.table_by_id(self.table).cloned().ok_or_else(missing)
    }

    fn change(&mut self, change: &TableChange) -> Result<()> {
        Ok(self.transaction.alter_table(self.table, change)?)
    }

    /// Refuses to change a column, or all of the table, while cubes are made of it.
    fn refuse_of_cubes(&mut self, column: Option<ColumnId>, at: Option<Position>) -> Result<()> {
        let (snapshot, table) = (self.transaction.snapshot()?, self.table()?);
        super::cube::refuse_change(&snapshot, &table, column).map_err(|error| error.at(at))
    }

    fn act(&mut self, action: &AlterTableOperation) -> Result<()> {
        use AlterTableOperation as Action;
        match action {
            Action::AddColumn { column_position: Some(position), .. } => {
                Err(Error::sql(format!("ADD COLUMN … {position} is not supported"))
                    .with_hint("new columns are the last: name columns in the order that you want"))
            }
            Action::AddColumn { if_not_exists, column_def, .. } => {
                self.add_column(column_def, *if_not_exists)
            }
            Action::DropColumn { column_names, if_exists, drop_behavior, .. } => {
                refuse_cascade("DROP COLUMN", drop_behavior.as_ref())?;
                column_names.iter().try_for_each(|name| self.drop_column(name, *if_exists))
            }
            Action::RenameColumn { old_column_name, new_column_name } => {
                self.rename_column(old_column_name, new_column_name)
            }
            Action::RenameTable { table_name } => self.rename_table(table_name),
            Action::AlterColumn { column_name, op } => self.alter_column(column_name, op),
            Action::AddConstraint { not_valid: true, .. } => {
                Err(Error::sql("NOT VALID is not supported")
                    .with_hint("a constraint holds for all rows: it is checked when it is added"))
            }
            Action::AddConstraint { constraint: TableConstraint::Check(check), .. } => {
                if check.enforced == Some(false) {
                    return Err(Error::sql("NOT ENFORCED is not supported"));
                }
                let name = check.name.as_ref().map(names::fold);
                self.add_check(CheckDefinition { name, sql: check.expr.to_string() })
            }
            Action::AddConstraint { constraint, .. } => Err(refused_constraint(constraint)),
            Action::DropConstraint { if_exists, name, drop_behavior } => {
                refuse_cascade("DROP CONSTRAINT", drop_behavior.as_ref())?;
                self.drop_constraint(name, *if_exists)
            }
            Action::DropPrimaryKey { .. } => Err(kept_key("DROP PRIMARY KEY")),
            Action::DropForeignKey { .. } => Err(kept_key("DROP FOREIGN KEY")),
            other => Err(Error::sql(format!("ALTER TABLE … {} is not supported", verb(other)))
                .with_hint(ACTIONS)),
        }
    }

    fn add_column(&mut self, wanted: &ColumnDef, if_not_exists: bool) -> Result<()> {
        let table = self.table()?;
        let is_there = names::find_column(&table, &wanted.name).is_ok();
        if if_not_exists && is_there {
            return Ok(());
        }
        let (column, checks) = define::added_column(self.context, &table, wanted)?;
        // The rows that there are get what DEFAULT is now, and keep it.
        let initial = match &column.default {
            None => None,
            Some(sql) => {
                let value =
                    write::default_value(self.context, &column.name, sql, column.data_type)?;
                scalar(&ScalarValue::try_from_array(&value, 0)?, column.data_type)
            }
        };
        self.change(&TableChange::AddColumn { column, initial }).map_err(|error| {
            let error = error.at(names::start(&wanted.name));
            if is_there {
                error.with_hint("write ADD COLUMN IF NOT EXISTS, if that is fine")
            } else {
                error
            }
        })?;
        checks.into_iter().try_for_each(|check| self.add_check(check))
    }

    fn drop_column(&mut self, name: &Ident, if_exists: bool) -> Result<()> {
        let table = self.table()?;
        if if_exists && names::find_column(&table, name).is_err() {
            return Ok(());
        }
        let column = &table.columns()[names::find_column(&table, name)?];
        for (place, check) in table.checks().iter().enumerate() {
            if checks::uses(&check.sql, &table, column)? {
                let (table_name, shown) = (table.name(), write::shown_check(check));
                let message = format!(
                    "cannot drop column \"{}\" of table \"{table_name}\": it is in {shown}",
                    column.name
                );
                let constraint = check_name(&table, place);
                return Err(Error::sql(message)
                    .at(names::start(name))
                    .with_hint(format!("drop that first: DROP CONSTRAINT {constraint}")));
            }
        }
        self.refuse_of_cubes(Some(column.id), names::start(name))?;
        self.change(&TableChange::DropColumn(column.id)).map_err(|error| {
            let hint = format!("what a table is stored by stays as it is declared: {ANEW}");
            error.at(names::start(name)).with_hint(hint)
        })
    }

    fn rename_column(&mut self, old: &Ident, new: &Ident) -> Result<()> {
        let table = self.table()?;
        let column = &table.columns()[names::find_column(&table, old)?];
        let name = names::fold(new);
        for (place, check) in table.checks().iter().enumerate() {
            let sql = checks::renamed(&check.sql, &table, column, &name)?;
            self.change(&TableChange::RewriteCheck { place, sql })?;
        }
        self.refuse_of_cubes(Some(column.id), names::start(old))?;
        let change = TableChange::RenameColumn { column: column.id, name };
        self.change(&change).map_err(|error| {
            error.at(names::start(new)).with_hint("choose a name that no other column has")
        })
    }

    fn rename_table(&mut self, name: &RenameTableNameKind) -> Result<()> {
        let (RenameTableNameKind::To(name) | RenameTableNameKind::As(name)) = name;
        let new = names::table_name(name)?;
        self.refuse_of_cubes(None, start_of(name))?;
        self.change(&TableChange::RenameTable(new)).map_err(|error| {
            error.at(start_of(name)).with_hint("choose a name that no other table has")
        })
    }

    fn alter_column(&mut self, name: &Ident, action: &AlterColumnOperation) -> Result<()> {
        use AlterColumnOperation as Action;
        let table = self.table()?;
        let column = &table.columns()[names::find_column(&table, name)?];
        let at = names::start(name);
        let change = match action {
            Action::SetNotNull | Action::DropNotNull => {
                let nullable = matches!(action, Action::DropNotNull);
                TableChange::SetNullable { column: column.id, nullable }
            }
            Action::SetDefault { value } => self.new_default(column, value)?,
            Action::DropDefault => TableChange::SetDefault { column: column.id, default: None },
            Action::SetDataType { using: Some(_), .. } => {
                return Err(Error::sql("ALTER COLUMN … TYPE … USING is not supported")
                    .with_hint(ANEW)
                    .at(at));
            }
            Action::SetDataType { data_type, .. } => {
                return self.set_type(&table, column, data_type).map_err(|error| error.at(at));
            }
            Action::AddGenerated { .. } => {
                return Err(Error::sql("generated columns are not supported")
                    .with_hint("number rows when they are loaded, with row_number() OVER ()")
                    .at(at));
            }
        };
        self.change(&change).map_err(|error| error.at(at))
    }

    fn new_default(&self, column: &Column, value: &Expr) -> Result<TableChange> {
        let sql = value.to_string();
        write::default_value(self.context, &column.name, &sql, column.data_type)?;
        Ok(TableChange::SetDefault { column: column.id, default: Some(sql) })
    }

    fn set_type(&mut self, table: &Table, column: &Column, wanted: &SqlType) -> Result<()> {
        let data_type = column_type(wanted)?;
        self.refuse_of_cubes(Some(column.id), None)?;
        let change = TableChange::SetType { column: column.id, data_type };
        self.change(&change).map_err(|error| {
            error.with_hint(format!(
                "a type can become one that holds all of its values, as INTEGER to BIGINT; for \
                 another, {ANEW}"
            ))
        })?;
        if data_type == column.data_type {
            return Ok(());
        }
        for (check, unproven) in table.checks().iter().zip(&mut self.unproven) {
            // 3 / 2 is another number as DECIMAL.
            *unproven |= checks::uses(&check.sql, table, column)?;
        }
        Ok(())
    }

    fn add_check(&mut self, check: CheckDefinition) -> Result<()> {
        self.change(&TableChange::AddCheck(check))?;
        self.unproven.push(true);
        Ok(())
    }

    fn drop_constraint(&mut self, name: &Ident, if_exists: bool) -> Result<()> {
        let table = self.table()?;
        let wanted = names::fold(name);
        let known: Vec<String> =
            (0..table.checks().len()).map(|place| check_name(&table, place)).collect();
        if let Some(place) = names::place(known.iter().map(String::as_str), &wanted) {
            self.unproven.remove(place);
            return self.change(&TableChange::DropCheck(place));
        }
        let is_it = |other: &Option<String>| {
            other.as_ref().is_some_and(|other| other.to_lowercase() == wanted.to_lowercase())
        };
        let key = table.keys().iter().find(|key| is_it(&key.name));
        let kind = match key {
            Some(key) if key.primary => Some("PRIMARY KEY"),
            Some(_) => Some("UNIQUE"),
            None if table.foreign_keys().iter().any(|key| is_it(&key.name)) => Some("FOREIGN KEY"),
            None => None,
        };
        match kind {
            Some(kind) => Err(kept_key(&format!("DROP CONSTRAINT {name}, a {kind},"))),
            None if if_exists => Ok(()),
            None => {
                let table = table.name();
                Err(Error::sql(format!("table \"{table}\" has no constraint \"{wanted}\""))
                    .with_hint("information_schema.table_constraints lists what there is")
                    .with_suggestion(&wanted, known.iter().map(String::as_str), "CHECK constraints")
                    .at(names::start(name)))
            }
        }
    }

    /// The table can take rows, and those that it has satisfy what is new.
    fn prove(&mut self) -> Result<()> {
        let table = self.table()?;
        define::check_table(self.context, &table)?;
        let snapshot = self.transaction.snapshot()?;
        self.context.schema.set_snapshot(Arc::clone(&snapshot));
        self.context.snapshot = snapshot;
        for (check, unproven) in table.checks().iter().zip(self.unproven.clone()) {
            if unproven {
                checks::prove(self.context, &table, check)?;
            }
        }
        Ok(())
    }
}

fn refuse_cascade(what: &str, behavior: Option<&DropBehavior>) -> Result<()> {
    match behavior {
        Some(DropBehavior::Cascade) => {
            Err(Error::sql(format!("{what} … CASCADE is not supported"))
                .with_hint("drop what depends on it first, by actions of their own"))
        }
        Some(DropBehavior::Restrict) | None => Ok(()),
    }
}

fn refused_constraint(constraint: &TableConstraint) -> Error {
    let what = match constraint {
        TableConstraint::PrimaryKey(_) => "ADD PRIMARY KEY",
        TableConstraint::Unique(_) => "ADD UNIQUE",
        TableConstraint::ForeignKey(_) => "ADD FOREIGN KEY",
        _ => {
            return Error::sql("ADD INDEX is not supported")
                .with_hint("none is needed: zone maps and SORTED BY skip rows");
        }
    };
    kept_key(what)
}

/// Keys and references are what a table is created with.
fn kept_key(what: &str) -> Error {
    Error::sql(format!("{what} is not supported"))
        .with_hint(format!("keys and references are declared with the table: {ANEW}"))
}

/// The words that an action begins with.
fn verb(action: &AlterTableOperation) -> String {
    let text = action.to_string();
    let is_capital = |word: &&str| word.chars().all(|ch| ch.is_ascii_uppercase());
    let words: Vec<&str> = text.split_whitespace().take_while(is_capital).take(3).collect();
    if words.is_empty() { "this action".into() } else { words.join(" ") }
}

fn start_of(name: &ObjectName) -> Option<Position> {
    name.0.first().and_then(|part| part.as_ident()).and_then(names::start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_called_by_the_words_that_it_begins_with() {
        let action = AlterTableOperation::OwnerTo {
            new_owner: datafusion::sql::sqlparser::ast::Owner::CurrentUser,
        };
        assert_eq!(verb(&action), "OWNER TO");
        assert_eq!(verb(&AlterTableOperation::Suspend), "SUSPEND");
    }
}
