//! `DROP TABLE [IF EXISTS] a, b`.

use super::{Context, names, transaction};
use crate::error::Result;
use crate::outcome::Outcome;
use datafusion::sql::sqlparser::ast::ObjectName;
use starfact_base::TableId;
use starfact_store::Transaction;

/// Drops tables: all or none.
pub(super) fn drop_table(
    context: &mut Context,
    tables: &[ObjectName],
    if_exists: bool,
) -> Result<Outcome> {
    transaction::change(context, |context, transaction| {
        let mut left: Vec<TableId> = Vec::with_capacity(tables.len());
        for name in tables {
            match names::find_table(&context.snapshot, name) {
                Ok(table) if left.contains(&table.id()) => {}
                Ok(table) => left.push(table.id()),
                Err(_) if if_exists && names::table_name(name).is_ok() => {}
                Err(error) => return Err(error),
            }
        }
        drop_all(transaction, left)
    })?;
    Ok(Outcome::Done { tag: "DROP TABLE".into() })
}

/// A table goes after those that reference it, in whatever order they were written.
fn drop_all(transaction: &mut Transaction, mut left: Vec<TableId>) -> Result<()> {
    while !left.is_empty() {
        let count = left.len();
        let mut refused = None;
        let mut kept = Vec::new();
        for table in left {
            if let Err(error) = transaction.drop_table(table) {
                refused = Some(error);
                kept.push(table);
            }
        }
        left = kept;
        if let (true, Some(error)) = (left.len() == count, refused) {
            return Err(error.into());
        }
    }
    Ok(())
}
