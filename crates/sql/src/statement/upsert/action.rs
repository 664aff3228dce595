//! `DO UPDATE SET … [WHERE …]`: expressions over the row that is there and the one that was to be
//! inserted, `excluded`.

use crate::error::{Error, Result};
use crate::scan::arrow_schema;
use crate::statement::changed::Changed;
use crate::statement::expression::bind_qualified;
use crate::statement::write::Target;
use crate::statement::{Context, assignments, names};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType as ArrowType, Schema, SchemaRef};
use datafusion::common::{DFSchema, TableReference};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::sql::sqlparser::ast::{Expr, Ident, OnConflictAction, Query, VisitMut, VisitorMut};
use starfact_store::Table;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// What the row that was to be inserted is called.
const EXCLUDED: &str = "excluded";
const PLACE: &str = "ON CONFLICT DO UPDATE";

pub(super) struct Action {
    condition: Option<Arc<dyn PhysicalExpr>>,
    /// One a column of the table.
    values: Vec<Value>,
    /// The columns of the row that is there, then those of `excluded`.
    both: SchemaRef,
    target: Target,
}

enum Value {
    /// As it is.
    Old,
    Set(Arc<dyn PhysicalExpr>),
}

impl Action {
    /// `None` for DO NOTHING.
    pub(super) fn new(
        context: &Context,
        changed: &Changed,
        action: OnConflictAction,
    ) -> Result<Option<Self>> {
        let OnConflictAction::DoUpdate(update) = action else { return Ok(None) };
        let own = names::fold(&changed.name);
        if own == EXCLUDED {
            return Err(Error::sql("the table cannot be called excluded here")
                .with_hint("give it another name: INSERT INTO t AS a"));
        }
        let table = &changed.table;
        let schema = schema_of_both(table, &own)?;
        let bind = |mut expr: Expr| {
            let mut qualify = Qualify { table, own: &own, depth: 0 };
            let _ = VisitMut::visit(&mut expr, &mut qualify);
            bind_qualified(context, expr, &schema, PLACE)
        };
        let condition = update.selection.map(&bind).transpose()?;
        let both = Arc::new(schema.as_arrow().clone());
        if let Some(condition) = &condition {
            let found = condition.data_type(&both)?;
            if !matches!(found, ArrowType::Boolean | ArrowType::Null) {
                let found = crate::types::sql_name(&found);
                let message = format!("WHERE takes a condition, and this is {found}");
                return Err(Error::sql(message));
            }
        }
        let mut values: Vec<Value> = table.columns().iter().map(|_| Value::Old).collect();
        for (place, expr) in assignments::resolve(table, &changed.name, update.assignments)? {
            values[place] = Value::Set(bind(expr)?);
        }
        let target = Target::for_updates(context, table)?;
        Ok(Some(Self { condition, values, both, target }))
    }

    /// Which of the rows are to be changed, and the new versions of those.
    pub(super) fn apply(
        &mut self,
        old: &RecordBatch,
        offered: &RecordBatch,
    ) -> Result<(Vec<bool>, RecordBatch)> {
        let columns: Vec<ArrayRef> =
            old.columns().iter().chain(offered.columns()).cloned().collect();
        let options = RecordBatchOptions::new().with_row_count(Some(old.num_rows()));
        let mut both =
            RecordBatch::try_new_with_options(Arc::clone(&self.both), columns, &options)?;
        let mut chosen = vec![true; both.num_rows()];
        if let Some(condition) = &self.condition {
            let mask = is_true(&condition.evaluate(&both)?.into_array(both.num_rows())?);
            chosen = mask.values().iter().collect();
            both = filter_record_batch(&both, &mask)?;
        }
        let mut values = Vec::with_capacity(self.values.len());
        let mut fields = Vec::with_capacity(self.values.len());
        for (place, value) in self.values.iter().enumerate() {
            let array = match value {
                Value::Old => Arc::clone(both.column(place)),
                Value::Set(expr) => expr.evaluate(&both)?.into_array(both.num_rows())?,
            };
            let field = self.both.field(place).clone().with_data_type(array.data_type().clone());
            fields.push(field.with_nullable(true));
            values.push(array);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(both.num_rows()));
        let schema = Arc::new(Schema::new(fields));
        let new = RecordBatch::try_new_with_options(schema, values, &options)?;
        Ok((chosen, self.target.convert(&new)?))
    }
}

/// NULL is not true.
fn is_true(values: &ArrayRef) -> BooleanArray {
    match values.as_boolean_opt() {
        Some(mask) => mask.iter().map(|value| Some(value == Some(true))).collect(),
        None => BooleanArray::from(vec![false; values.len()]),
    }
}

fn schema_of_both(table: &Table, own: &str) -> Result<Arc<DFSchema>> {
    let schema = arrow_schema(table);
    let mut fields = Vec::with_capacity(2 * schema.fields().len());
    for name in [own, EXCLUDED] {
        let qualifier = TableReference::bare(name.to_owned());
        fields.extend(schema.fields().iter().map(|field| {
            let field = field.as_ref().clone().with_nullable(true);
            (Some(qualifier.clone()), Arc::new(field))
        }));
    }
    Ok(Arc::new(DFSchema::new_with_metadata(fields, HashMap::new())?))
}

/// Says which row a column belongs to, the one that is there unless `excluded` stands before it,
/// and puts names into the case of the column.
struct Qualify<'a> {
    table: &'a Table,
    own: &'a str,
    depth: usize,
}

impl Qualify<'_> {
    fn column(&self, row: &str, column: &Ident) -> Option<Expr> {
        let columns = self.table.columns().iter().map(|column| column.name.as_str());
        let place = names::place(columns, &names::fold(column))?;
        let mut name = Ident::with_quote('"', &self.table.columns()[place].name);
        let mut row = Ident::with_quote('"', row);
        (name.span, row.span) = (column.span, column.span);
        Some(Expr::CompoundIdentifier(vec![row, name]))
    }
}

impl VisitorMut for Qualify<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if self.depth > 0 {
            return ControlFlow::Continue(());
        }
        let qualified = match expr {
            Expr::Identifier(column) => self.column(self.own, column),
            Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                [.., row, column] => {
                    let row = names::fold(row);
                    let is_known = row == self.own || row == EXCLUDED;
                    is_known.then(|| self.column(&row, column)).flatten()
                }
                _ => None,
            },
            _ => None,
        };
        if let Some(qualified) = qualified {
            *expr = qualified;
        }
        ControlFlow::Continue(())
    }
}
