//! `UPDATE t [AS a] SET … [FROM u, …] [WHERE …] [RETURNING …]`.

use super::changed::{Changed, FirstOnly, columns, select, table_of};
use super::kept::Updates;
use super::returning::Returning;
use super::write::Target;
use super::{Context, assignments, query, transaction};
use crate::error::{Error, Result};
use crate::outcome::Outcome;
use datafusion::sql::sqlparser::ast::{Expr, Update, UpdateTableFromKind, With};
use starfact_store::Transaction;

/// Gives rows new values.
pub(super) fn update(context: &mut Context, with: Option<With>, update: Update) -> Result<Outcome> {
    refuse_unsupported(&update)?;
    transaction::change(context, |context, transaction| run(context, transaction, with, update))
}

fn refuse_unsupported(update: &Update) -> Result<()> {
    let unsupported = [
        (!update.order_by.is_empty(), "ORDER BY"),
        (update.limit.is_some(), "LIMIT"),
        (update.output.is_some(), "OUTPUT"),
        (update.or.is_some(), "OR"),
    ];
    match unsupported.into_iter().find(|(present, _)| *present) {
        Some((_, what)) => Err(Error::sql(format!("UPDATE with {what} is not supported"))
            .with_hint("choose rows in WHERE: UPDATE t SET … WHERE id IN (SELECT …)")),
        None => Ok(()),
    }
}

fn run(
    context: &mut Context,
    transaction: &mut Transaction,
    with: Option<With>,
    update: Update,
) -> Result<Outcome> {
    let target = std::slice::from_ref(&update.table);
    let changed = Changed::only(context, ("UPDATE", "FROM"), target)?;
    let others = match update.from {
        None => Vec::new(),
        Some(UpdateTableFromKind::AfterSet(from) | UpdateTableFromKind::BeforeSet(from)) => from,
    };
    let mut returning = match update.returning {
        Some(items) => Some(Returning::new(context, items, &changed, &others, with.as_ref())?),
        None => None,
    };
    // All columns of the new row: those that are set, and the others as they are.
    let mut new_row: Vec<Expr> = changed.columns().collect();
    for (place, value) in assignments::resolve(&changed.table, &changed.name, update.assignments)? {
        new_row[place] = value;
    }
    let width = new_row.len();
    let values = [changed.row_id()].into_iter().chain(new_row);
    let values: Vec<Expr> = values.chain(returning.iter().flat_map(Returning::others)).collect();
    let mut first = FirstOnly::new(!others.is_empty());
    let mut from = vec![table_of(changed.relation(context)?)];
    from.extend(others);
    let (_, stream) = query::open(context, select(with, values, from, update.selection)?)?;
    let mut target = Target::for_updates(context, &changed.table)?;
    let mut updates = Updates::new(changed.table.id());
    for batch in query::batches(context, stream) {
        let (row_ids, batch) = first.filter(batch?)?;
        let rows = target.convert(&columns(&batch, 1, width)?)?;
        if let Some(returning) = &mut returning {
            returning.push(&rows, &batch.columns()[1 + width..], None)?;
        }
        updates.push(transaction, &row_ids, rows)?;
    }
    let rows = updates.finish(transaction)?;
    match returning {
        Some(returning) => returning.finish(context, &changed),
        None => Ok(Outcome::Count { verb: "UPDATE", rows }),
    }
}
