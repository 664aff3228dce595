//! `TRUNCATE [TABLE] a, b`: all rows of tables, in one commit.

use super::{Context, names, transaction};
use crate::error::{Error, Result};
use crate::outcome::Outcome;
use datafusion::sql::sqlparser::ast::{CascadeOption, Truncate};

/// Removes all rows of tables.
pub(super) fn truncate(context: &mut Context, truncate: &Truncate) -> Result<Outcome> {
    let unsupported = [
        (truncate.partitions.is_some(), "PARTITION"),
        (truncate.on_cluster.is_some(), "ON CLUSTER"),
        (truncate.cascade == Some(CascadeOption::Cascade), "CASCADE"),
    ];
    if let Some((_, what)) = unsupported.into_iter().find(|(present, _)| *present) {
        return Err(Error::sql(format!("TRUNCATE … {what} is not supported"))
            .with_hint("name the tables: TRUNCATE a, b"));
    }
    let rows = transaction::change(context, |context, transaction| {
        let mut rows = 0;
        for target in &truncate.table_names {
            let table = match names::find_table(&context.snapshot, &target.name) {
                Ok(table) => table,
                Err(_) if truncate.if_exists && names::table_name(&target.name).is_ok() => continue,
                Err(error) => return Err(error),
            };
            rows += transaction.truncate(table.id())?;
        }
        Ok(rows)
    })?;
    Ok(Outcome::Count { verb: "TRUNCATE", rows })
}
