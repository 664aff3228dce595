//! One WHEN of a MERGE: which rows it is for, and what it makes of them.

use crate::error::{Error, Result};
use crate::parse::{When, WhenAction, WhenKind, parse_expression};
use crate::statement::changed::Changed;
use crate::statement::write::Target;
use crate::statement::{Context, assignments, insert, names};
use arrow::array::RecordBatch;
use datafusion::sql::sqlparser::ast::{BinaryOperator, CaseWhen, Expr, Value, visit_expressions};
use std::ops::ControlFlow;

/// Functions that give another value each time.
const VOLATILE: &[&str] = &["random", "uuid", "gen_random_uuid"];

/// What is done with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    Insert,
    Update,
    Delete,
    Nothing,
}

impl Deed {
    /// What `merge_action()` says.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Insert => "INSERT",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Nothing => "NOTHING",
        }
    }
}

pub(super) struct Clause {
    pub(super) deed: Deed,
    /// For each value of a row of `target`, the column of the query, or that of the old row.
    inputs: Vec<Input>,
    target: Option<Target>,
}

#[derive(Clone, Copy, Debug)]
enum Input {
    Query(usize),
    OldRow(usize),
}

impl Clause {
    /// A clause whose values are columns of the query from `start` on, and these values.
    ///
    /// # Errors
    /// Columns that are not there, and lists of another length.
    pub(super) fn new(
        context: &Context,
        changed: &Changed,
        when: When,
        start: usize,
    ) -> Result<(Self, Vec<Expr>)> {
        let table = &changed.table;
        let (deed, inputs, target, values) = match when.action {
            WhenAction::Nothing => (Deed::Nothing, Vec::new(), None, Vec::new()),
            WhenAction::Delete => (Deed::Delete, Vec::new(), None, Vec::new()),
            WhenAction::Update(list) => {
                let mut inputs: Vec<Input> =
                    (0..table.columns().len()).map(Input::OldRow).collect();
                let mut values = Vec::new();
                for (place, value) in assignments::resolve(table, &changed.name, list)? {
                    inputs[place] = Input::Query(start + values.len());
                    values.push(value);
                }
                (Deed::Update, inputs, Some(Target::for_updates(context, table)?), values)
            }
            WhenAction::Insert { columns, values } => {
                let (columns, values) = match values {
                    None => (Vec::new(), Vec::new()),
                    Some(values) => {
                        let mut named = Vec::with_capacity(columns.len());
                        for column in &columns {
                            let place = names::find_column(table, column)?;
                            named.push(table.columns()[place].name.clone());
                        }
                        let named = if named.is_empty() { changed.column_names() } else { named };
                        insert::check_width(table, &named, values.len(), || "VALUES".into())?;
                        (named, values)
                    }
                };
                let mut complete = Vec::with_capacity(values.len());
                for (value, column) in values.into_iter().zip(&columns) {
                    complete.push(match insert::is_default(&value) {
                        true => insert::default_of(table, column)?,
                        false => value,
                    });
                }
                let inputs = (start..).take(complete.len()).map(Input::Query).collect();
                (Deed::Insert, inputs, Some(Target::new(context, table, &columns)?), complete)
            }
        };
        Ok((Self { deed, inputs, target }, values))
    }

    /// The rows that become of rows of the query, whose old rows begin at `old_start`.
    pub(super) fn new_rows(&mut self, rows: &RecordBatch, old_start: usize) -> Result<RecordBatch> {
        let place = |input: &Input| match input {
            Input::Query(place) => *place,
            Input::OldRow(place) => old_start + place,
        };
        let places: Vec<usize> = self.inputs.iter().map(place).collect();
        let target = self.target.as_mut();
        let target = target.ok_or_else(|| Error::internal("a clause without new rows"))?;
        target.convert(&rows.project(&places)?)
    }
}

/// Whether a row is for a clause, unless it is for one before.
///
/// # Errors
/// Conditions that would say something else each time.
pub(super) fn test(changed: &Changed, in_source: &Expr, when: &When) -> Result<Expr> {
    let is_there = |expr: Expr| Expr::IsNotNull(Box::new(expr));
    let is_missing = |expr: Expr| Expr::IsNull(Box::new(expr));
    let rows = match when.kind {
        WhenKind::Matched => and(is_there(changed.row_id()), is_there(in_source.clone())),
        WhenKind::NotMatchedByTarget => is_missing(changed.row_id()),
        WhenKind::NotMatchedBySource => is_missing(in_source.clone()),
    };
    let Some(condition) = &when.condition else { return Ok(rows) };
    let is_volatile = visit_expressions(condition, |expr| match expr {
        Expr::Function(call)
            if VOLATILE.contains(&call.name.to_string().to_lowercase().as_str()) =>
        {
            ControlFlow::Break(())
        }
        _ => ControlFlow::Continue(()),
    });
    if is_volatile.is_break() {
        return Err(Error::sql("the condition of WHEN cannot be random")
            .with_hint("compute it in the source: USING (SELECT *, random() AS r FROM s) AS s"));
    }
    Ok(and(rows, Expr::Nested(Box::new(condition.clone()))))
}

fn and(left: Expr, right: Expr) -> Expr {
    let (left, right) = (Box::new(left), Box::new(right));
    Expr::BinaryOp { left, op: BinaryOperator::And, right }
}

/// The number of the clause that a row is for.
pub(super) fn number(tests: &[Expr]) -> Result<Expr> {
    let numbered = (0..).zip(tests).map(|(number, test): (usize, _)| CaseWhen {
        condition: test.clone(),
        result: Expr::value(Value::Number(number.to_string(), false)),
    });
    let expr = case(numbered.collect())?;
    let mut cast = parse_expression("CAST(NULL AS BIGINT)")?;
    if let Expr::Cast { expr: inner, .. } = &mut cast {
        **inner = expr;
    }
    Ok(cast)
}

/// A value that is computed only for rows of one clause.
pub(super) fn only_for(tests: &[Expr], number: usize, value: Expr) -> Result<Expr> {
    let before = tests[..number]
        .iter()
        .map(|test| CaseWhen { condition: test.clone(), result: Expr::value(Value::Null) });
    let own = CaseWhen { condition: tests[number].clone(), result: value };
    case(before.chain([own]).collect())
}

fn case(conditions: Vec<CaseWhen>) -> Result<Expr> {
    let mut expr = parse_expression("CASE WHEN TRUE THEN NULL END")?;
    if let Expr::Case { conditions: all, .. } = &mut expr {
        *all = conditions;
    }
    Ok(expr)
}
