//! `DROP TABLE [IF EXISTS] a, b`.

use super::{Context, names};
use crate::error::Result;
use crate::outcome::Outcome;
use datafusion::sql::sqlparser::ast::ObjectName;
use starfact_base::TableId;

/// Drops tables in one commit: all or none.
pub(super) fn drop_table(
    context: &Context,
    tables: &[ObjectName],
    if_exists: bool,
) -> Result<Outcome> {
    let mut transaction = context.inner.store.begin()?;
    let snapshot = transaction.snapshot()?;
    let mut left: Vec<TableId> = Vec::with_capacity(tables.len());
    for name in tables {
        match names::find_table(&snapshot, name) {
            Ok(table) if left.contains(&table.id()) => {}
            Ok(table) => left.push(table.id()),
            Err(_) if if_exists && names::table_name(name).is_ok() => {}
            Err(error) => return Err(error),
        }
    }
    // A table goes after those that reference it, in whatever order they were written.
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
    transaction.commit()?;
    Ok(Outcome::Done { tag: "DROP TABLE".into() })
}
