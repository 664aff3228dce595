//! `DELETE FROM t [AS a] [USING u, …] [WHERE …] [RETURNING …]`.

use super::changed::{Changed, FirstOnly, columns, select, table_of};
use super::kept::Deletions;
use super::returning::Returning;
use super::{Context, query, transaction};
use crate::error::{Error, Result};
use crate::outcome::Outcome;
use datafusion::sql::sqlparser::ast::{Delete, FromTable, With};
use starfact_store::Transaction;

/// Deletes rows.
pub(super) fn delete(context: &mut Context, with: Option<With>, delete: Delete) -> Result<Outcome> {
    refuse_unsupported(&delete)?;
    if matches!(delete.from, FromTable::WithoutKeyword(_)) {
        return Err(Error::sql("FROM is missing").with_hint("write DELETE FROM t WHERE …"));
    }
    transaction::change(context, |context, transaction| run(context, transaction, with, delete))
}

fn refuse_unsupported(delete: &Delete) -> Result<()> {
    let unsupported = [
        (!delete.order_by.is_empty(), "ORDER BY"),
        (delete.limit.is_some(), "LIMIT"),
        (delete.output.is_some(), "OUTPUT"),
        (!delete.tables.is_empty(), "several tables"),
    ];
    match unsupported.into_iter().find(|(present, _)| *present) {
        Some((_, what)) => Err(Error::sql(format!("DELETE with {what} is not supported"))
            .with_hint("choose rows in WHERE: DELETE FROM t WHERE id IN (SELECT …)")),
        None => Ok(()),
    }
}

fn run(
    context: &mut Context,
    transaction: &mut Transaction,
    with: Option<With>,
    delete: Delete,
) -> Result<Outcome> {
    let (FromTable::WithFromKeyword(tables) | FromTable::WithoutKeyword(tables)) = &delete.from;
    let changed = Changed::only(context, ("DELETE", "USING"), tables)?;
    let table = changed.table.id();
    let using = delete.using.unwrap_or_default();
    let is_everything = delete.selection.is_none() && using.is_empty();
    let Some(items) = delete.returning else {
        let rows = match is_everything {
            true => transaction.truncate(table)?,
            false => {
                let mut from = vec![table_of(changed.relation(context)?)];
                from.extend(using);
                let query = select(with, [changed.row_id()], from, delete.selection)?;
                let (_, stream) = query::open(context, query)?;
                let mut deletions = Deletions::new(table);
                let mut all = FirstOnly::new(false);
                for batch in query::batches(context, stream) {
                    let (row_ids, _) = all.filter(batch?)?;
                    deletions.push(transaction, &row_ids)?;
                }
                deletions.finish(transaction)?
            }
        };
        return Ok(Outcome::Count { verb: "DELETE", rows });
    };
    let mut returning = Returning::new(context, items, &changed, &using, with.as_ref())?;
    let width = changed.table.columns().len();
    let values = [changed.row_id()].into_iter().chain(changed.columns()).chain(returning.others());
    let values: Vec<_> = values.collect();
    let mut first = FirstOnly::new(!using.is_empty());
    let mut from = vec![table_of(changed.relation(context)?)];
    from.extend(using);
    let (_, stream) = query::open(context, select(with, values, from, delete.selection)?)?;
    let mut deletions = Deletions::new(table);
    for batch in query::batches(context, stream) {
        let (row_ids, batch) = first.filter(batch?)?;
        deletions.push(transaction, &row_ids)?;
        let others = &batch.columns()[1 + width..];
        returning.push(&columns(&batch, 1, width)?, others, None)?;
    }
    deletions.finish(transaction)?;
    returning.finish(context, &changed)
}
