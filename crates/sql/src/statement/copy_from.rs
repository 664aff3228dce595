//! `COPY t [(columns)] FROM 'file'`.

use super::{Context, names, transaction, write};
use crate::csv::Target;
use crate::error::{Error, Result};
use crate::files::{self, Budget};
use crate::outcome::Outcome;
use crate::parse::{Copy, CopySource};
use datafusion::sql::sqlparser::ast::Ident;
use futures::StreamExt;
use starfact_store::Table;
use std::sync::Arc;

/// Loads files into a table: all rows or none.
pub(super) fn copy_from(context: &mut Context, copy: Copy) -> Result<Outcome> {
    let rows = transaction::change(context, |context, transaction| {
        let CopySource::Table { name, columns } = &copy.source else {
            return Err(Error::internal("COPY FROM without a table"));
        };
        let table = Arc::clone(names::find_table(&context.snapshot, name)?);
        let budget = Budget {
            threads: context.settings.threads,
            memory_bytes: usize::try_from(context.settings.memory_limit).unwrap_or(usize::MAX),
        };
        let import = files::import(
            &copy.file,
            &copy.options,
            target(&table, columns)?,
            budget,
            &context.progress,
        )?;
        let fields = import.schema.fields().iter();
        let names: Vec<String> = fields.map(|field| field.name().clone()).collect();
        let mut stream = import.batches;
        let mut batches = std::iter::from_fn(|| {
            let next = context.wait(async { Ok(stream.next().await) });
            next.transpose().map(|batch| batch.and_then(|batch| batch))
        });
        let target = write::Target::new(context, &table, &names)?;
        write::add(context, transaction, target, &mut batches)
    })?;
    Ok(Outcome::Count { verb: "COPY", rows })
}

/// The columns that may be filled: all, or those that are listed.
fn target(table: &Table, listed: &[Ident]) -> Result<Target> {
    let column = |place: usize| {
        let column = &table.columns()[place];
        (column.name.clone(), column.data_type)
    };
    let mut columns = Vec::with_capacity(table.columns().len());
    for ident in listed {
        let found = column(names::find_column(table, ident)?);
        if columns.contains(&found) {
            let message = format!("column \"{}\" is listed twice", found.0);
            return Err(Error::sql(message).at(names::start(ident)));
        }
        columns.push(found);
    }
    if listed.is_empty() {
        columns.extend((0..table.columns().len()).map(column));
    }
    Ok(Target { table: table.name().to_owned(), columns, is_listed: !listed.is_empty() })
}
