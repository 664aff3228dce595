//! Answers of cubes that are compared with those of tables, by chance: `starfact.verify_answers`.

use super::Context;
use super::query::{batches, launch, optimize, plan};
use crate::cube::{Audit, used_cube};
use crate::error::Result;
use crate::outcome::{Outcome, Rows};
use crate::parse::{Statement, parse_tokenized};
use crate::select_names::OutputNames;
use crate::settings::UseCubes;
use arrow::array::RecordBatch;
use arrow::row::{OwnedRow, RowConverter, SortField};
use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::{LogicalPlan, Sort};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::sql::sqlparser::tokenizer::TokenWithSpan;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

/// Whether the answer to a query, of which these are the notes on cubes, is to be compared.
pub(super) fn is_due(context: &Context, notes: &[String]) -> bool {
    let is_used = notes.iter().any(|note| used_cube(note).is_some());
    is_used && context.inner.cubes.is_audit_due(context.settings.verify_millionths)
}

/// The rows of a query: those of cubes if tables give the same, else those of tables. Then the
/// cubes are not used any more.
pub(super) fn answer(
    context: &mut Context,
    tokens: Arc<[TokenWithSpan]>,
    names: &OutputNames,
    physical: Arc<dyn ExecutionPlan>,
    notes: &[String],
) -> Result<Outcome> {
    let stream = launch(context, physical, notes)?;
    let schema = stream.schema();
    let of_cubes: Vec<RecordBatch> = batches(context, stream).collect::<Result<_>>()?;
    let given = |rows| Ok(Outcome::Rows(Rows::ready(names.apply(&schema), rows)));
    let statement: String = tokens.iter().map(|token| token.token.to_string()).collect();
    let Statement::Query(query) = parse_tokenized(tokens.to_vec())? else { return given(of_cubes) };
    let mode = std::mem::replace(&mut context.settings.scan.use_cubes, UseCubes::Off);
    let of_tables = of_tables(context, *query);
    context.settings.scan.use_cubes = mode;
    let Some(of_tables) = of_tables? else { return given(of_cubes) };
    let difference = difference(&of_cubes, &of_tables)?;
    let used: Vec<String> = {
        let used = notes.iter().filter_map(|note| used_cube(note));
        used.map(str::to_owned).collect()
    };
    if difference.is_some() {
        context.inner.cubes.quarantine(&context.snapshot, &used);
    }
    let is_right = difference.is_none();
    let (at, cubes) = (SystemTime::now(), used.join(", "));
    context.inner.cubes.note_audit(Audit { at, statement, cubes, difference });
    given(if is_right { of_cubes } else { of_tables })
}

/// The rows of a query without cubes; `None` if it may give one of several answers.
fn of_tables(
    context: &mut Context,
    query: datafusion::sql::sqlparser::ast::Query,
) -> Result<Option<Vec<RecordBatch>>> {
    let (plan, _) = plan(context, query)?;
    let planned = optimize(context, plan)?;
    let is_cut = planned.logical.exists(|node| {
        Ok(matches!(node, LogicalPlan::Limit(_) | LogicalPlan::Sort(Sort { fetch: Some(_), .. })))
    });
    if is_cut? {
        return Ok(None);
    }
    let stream = launch(context, planned.physical, &[])?;
    batches(context, stream).collect::<Result<_>>().map(Some)
}

/// What rows of one answer the other does not have as often, in whatever order.
fn difference(one: &[RecordBatch], other: &[RecordBatch]) -> Result<Option<String>> {
    let Some(first) = one.iter().chain(other).next() else { return Ok(None) };
    let fields = first.schema();
    let fields = fields.fields().iter().map(|field| SortField::new(field.data_type().clone()));
    let rows = RowConverter::new(fields.collect())?;
    let mut counts: HashMap<OwnedRow, i64> = HashMap::new();
    for (batches, sign) in [(one, 1), (other, -1)] {
        for batch in batches {
            for row in &rows.convert_columns(batch.columns())? {
                *counts.entry(row.owned()).or_default() += sign;
            }
        }
    }
    let count = |is: fn(&i64) -> bool| counts.values().filter(|count| is(count)).count();
    let (more, less) = (count(|count| *count > 0), count(|count| *count < 0));
    let differ = more + less > 0;
    Ok(differ.then(|| format!("{more} rows that tables do not give, {less} that they give")))
}
