//! `COPY t [(columns)] | (query) TO 'file'`.

use super::{Context, names, query};
use crate::error::{Error, Result};
use crate::files::{self, Export};
use crate::outcome::{Outcome, rename};
use crate::parse::{Copy, CopySource, Statement, parse};
use datafusion::sql::sqlparser::ast::{Ident, ObjectName, Query};

/// Writes the rows of a query or a table to a file.
pub(super) fn copy_to(context: &mut Context, copy: Copy) -> Result<Outcome> {
    let path = files::local(&copy.file)?;
    let query = match copy.source {
        CopySource::Query(query) => *query,
        CopySource::Table { name, columns } => select(context, &name, &columns)?,
    };
    let (schema, stream) = query::open(context, query)?;
    let mut export = Export::create(&path, &copy.options, &schema, context.settings.threads)?;
    let mut rows = 0;
    for batch in query::batches(context, stream) {
        let batch = rename(&schema, &batch?)?;
        export.write(&batch)?;
        rows += batch.num_rows() as u64;
        context.progress.set_rows_written(rows);
    }
    context.check_cancelled()?;
    export.finish()?;
    Ok(Outcome::Count { verb: "COPY", rows })
}

/// The query for a table, or for some of its columns.
fn select(context: &Context, name: &ObjectName, listed: &[Ident]) -> Result<Query> {
    let table = names::find_table(&context.snapshot, name)?;
    let mut columns = Vec::with_capacity(listed.len());
    for ident in listed {
        let column = &table.columns()[names::find_column(table, ident)?];
        columns.push(Ident::with_quote('"', &column.name).to_string());
    }
    let columns = if columns.is_empty() { "*".into() } else { columns.join(", ") };
    let table = Ident::with_quote('"', table.name());
    match parse(&format!("SELECT {columns} FROM {table}"))? {
        Statement::Query(query) => Ok(*query),
        _ => Err(Error::internal("the query for a table is no query")),
    }
}
