//! `OPTIMIZE TABLE a, b` and `VACUUM`: what the background work does by itself, now.

use super::{Context, names};
use crate::error::{Error, Result};
use crate::outcome::Outcome;
use datafusion::sql::sqlparser::ast::ObjectName;
use starfact_base::TableId;
use starfact_store::{LoadOptions, Table};
use std::sync::Arc;

/// Writes all rows of some tables, and all cells of cubes that are made of them, again where that
/// makes anything better.
pub(super) fn optimize(context: &mut Context, names: &[ObjectName]) -> Result<Outcome> {
    refuse_within_transaction(context, "OPTIMIZE")?;
    let tables = names.iter().map(|name| names::find_table(&context.snapshot, name).cloned());
    let mut tables = tables.collect::<Result<Vec<Arc<Table>>>>()?;
    let is_named = |id: &TableId| tables.iter().any(|table| table.id() == *id);
    let parts = context.snapshot.cube_parts().filter(|(_, part)| part.tables.iter().any(is_named));
    let parts: Vec<Arc<Table>> = parts.map(|(part, _)| Arc::clone(part)).collect();
    tables.extend(parts);
    for table in tables {
        let cancel = context.cancel.clone();
        let pace = move || match cancel.is_cancelled() {
            true => Err(starfact_base::Error::invalid("the statement was cancelled")),
            false => Ok(()),
        };
        let options = LoadOptions { progress: None, ..context.load_options() };
        let optimized = context.inner.store.optimize(table.id(), &options, &pace);
        context.check_cancelled()?;
        optimized?;
    }
    Ok(Outcome::Done { tag: "OPTIMIZE TABLE".into() })
}

/// Lets go of older epochs.
pub(super) fn vacuum(context: &mut Context) -> Result<Outcome> {
    refuse_within_transaction(context, "VACUUM")?;
    context.inner.store.vacuum()?;
    Ok(Outcome::Done { tag: "VACUUM".into() })
}

fn refuse_within_transaction(context: &Context, what: &str) -> Result<()> {
    match context.open {
        None => Ok(()),
        Some(_) => Err(Error::sql(format!("{what} cannot be part of a transaction"))
            .with_hint("end the transaction first: COMMIT or ROLLBACK")),
    }
}
