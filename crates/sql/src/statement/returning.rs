//! `RETURNING`: what a statement that changes rows tells of them.
//!
//! The changed rows, with what the list needs of the tables of FROM, USING or the source, are kept
//! as a table under the name of the one that was changed, and the list is a query over it:
//!
//! ```text
//!   UPDATE t SET a = u.a FROM u WHERE … RETURNING t.*, u.b + a
//!   SELECT t.*, "0: b" + a AS "u.b + a" FROM "changed rows" AS t
//! ```
//!
//! It is answered before the commit: a list that fails undoes the statement.

use super::changed::{Changed, add_relation, select_items, table_of};
use super::kept::Kept;
use super::{Context, names, query};
use crate::error::{Error, Result};
use crate::outcome::{Outcome, Rows, rename};
use crate::scan::arrow_schema;
use crate::select_names::unnamed;
use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::catalog::MemTable;
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, ObjectName, Query, SelectItem, SelectItemQualifiedWildcardKind, TableFactor,
    TableWithJoins, VisitMut, VisitorMut, WildcardAdditionalOptions, With,
};
use std::ops::ControlFlow;
use std::sync::Arc;

/// What the function `merge_action()` becomes.
const ACTION: &str = "merge action";

/// A RETURNING list, and the rows that it is for.
pub(super) struct Returning {
    with: Option<With>,
    items: Vec<SelectItem>,
    /// What the list needs of other tables, and what it calls that.
    others: Vec<(Expr, String)>,
    has_action: bool,
    kept: Kept,
    schema: SchemaRef,
    /// Known when the first rows have come.
    other_fields: Option<Vec<Field>>,
}

impl Returning {
    /// A list over the table that is changed and the other tables `from`.
    ///
    /// # Errors
    /// Tables and columns that are not there.
    pub(super) fn new(
        context: &mut Context,
        items: Vec<SelectItem>,
        changed: &Changed,
        from: &[TableWithJoins],
        with: Option<&With>,
    ) -> Result<Self> {
        let mut names = OtherNames::new(changed, from);
        let mut written = Vec::with_capacity(items.len());
        for item in items {
            match from {
                [] => written.push(item),
                from => names.expand(context, item, changed, from, with, &mut written)?,
            }
        }
        let items = written.into_iter().map(|item| names.rewrite_item(item)).collect();
        Ok(Self {
            with: with.cloned(),
            items,
            others: names.others,
            has_action: names.has_action,
            kept: Kept::new(context),
            schema: Arc::new(arrow_schema(&changed.table)),
            other_fields: None,
        })
    }

    /// What the query that finds the rows has to select for the list, behind its own values.
    pub(super) fn others(&self) -> impl Iterator<Item = Expr> {
        self.others.iter().map(|(expr, _)| expr.clone())
    }

    /// Takes changed rows: all columns of the table, what [`Returning::others`] asked for, and what
    /// MERGE did with each row, if that is asked for.
    ///
    /// # Errors
    /// The memory limit is reached.
    pub(super) fn push(
        &mut self,
        rows: &RecordBatch,
        others: &[ArrayRef],
        action: Option<&ArrayRef>,
    ) -> Result<()> {
        let fields = self.other_fields.get_or_insert_with(|| {
            let named = self.others.iter().zip(others);
            let field = |((_, name), values): (&(Expr, String), &ArrayRef)| {
                Field::new(name, values.data_type().clone(), true)
            };
            named.map(field).collect()
        });
        let mut all: Vec<Field> = nullable(&self.schema);
        all.extend(fields.iter().cloned());
        let mut arrays = rows.columns().to_vec();
        arrays.extend_from_slice(others);
        if let Some(action) = action.filter(|_| self.has_action) {
            all.push(Field::new(ACTION, action.data_type().clone(), true));
            arrays.push(Arc::clone(action));
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        let schema = Arc::new(Schema::new(all));
        self.kept.push(RecordBatch::try_new_with_options(schema, arrays, &options)?)
    }

    /// The answer.
    ///
    /// # Errors
    /// What is wrong with the list.
    pub(super) fn finish(self, context: &mut Context, changed: &Changed) -> Result<Outcome> {
        let schema = match self.kept.batches().first() {
            Some(batch) => batch.schema(),
            None => self.schema_without_rows(),
        };
        let table = MemTable::try_new(schema, vec![self.kept.batches().to_vec()])?;
        let from = add_relation(context, "changed rows".into(), &changed.name, Arc::new(table))?;
        let query = select_items(self.with, self.items, vec![table_of(from)], None)?;
        let (schema, stream) = query::open(context, query)?;
        let batches: Vec<RecordBatch> = query::batches(context, stream)
            .map(|batch| batch.and_then(|batch| rename(&schema, &batch)))
            .collect::<Result<_>>()?;
        Ok(Outcome::Rows(Rows::ready(schema, batches)))
    }

    /// Without rows nobody knows the types of what comes from other tables; they are NULL.
    fn schema_without_rows(&self) -> SchemaRef {
        use arrow::datatypes::DataType;
        let mut fields = nullable(&self.schema);
        let null = |name: &str| Field::new(name, DataType::Null, true);
        match &self.other_fields {
            Some(known) => fields.extend(known.iter().cloned()),
            None => fields.extend(self.others.iter().map(|(_, name)| null(name))),
        }
        if self.has_action {
            fields.push(Field::new(ACTION, DataType::Utf8, true));
        }
        Arc::new(Schema::new(fields))
    }
}

fn nullable(schema: &Schema) -> Vec<Field> {
    let fields = schema.fields().iter();
    fields.map(|field| field.as_ref().clone().with_nullable(true)).collect()
}

/// Finds in a list what does not belong to the changed table.
struct OtherNames {
    /// What the changed table is called.
    own: String,
    own_columns: Vec<String>,
    /// What the other tables are called.
    tables: Vec<Ident>,
    others: Vec<(Expr, String)>,
    has_action: bool,
    /// How many queries are around an expression.
    depth: usize,
}

impl OtherNames {
    fn new(changed: &Changed, from: &[TableWithJoins]) -> Self {
        let factors = from.iter().flat_map(|table| {
            [&table.relation].into_iter().chain(table.joins.iter().map(|join| &join.relation))
        });
        Self {
            own: names::fold(&changed.name),
            own_columns: changed.column_names(),
            tables: factors.filter_map(called).collect(),
            others: Vec::new(),
            has_action: false,
            depth: 0,
        }
    }

    /// Writes out `*`, `t.*` and `u.*`; other items stay.
    fn expand(
        &self,
        context: &mut Context,
        item: SelectItem,
        changed: &Changed,
        from: &[TableWithJoins],
        with: Option<&With>,
        written: &mut Vec<SelectItem>,
    ) -> Result<()> {
        let table = match &item {
            SelectItem::Wildcard(options) => {
                refuse_options(options)?;
                None
            }
            SelectItem::QualifiedWildcard(
                SelectItemQualifiedWildcardKind::ObjectName(name),
                options,
            ) => {
                refuse_options(options)?;
                Some(last(name))
            }
            _ => {
                written.push(item);
                return Ok(());
            }
        };
        let is_meant = |name: &str| table.as_ref().is_none_or(|table| *table == name);
        let mut is_found = false;
        if is_meant(&self.own) {
            is_found = true;
            written.extend(changed.columns().map(SelectItem::UnnamedExpr));
        }
        for other in &self.tables {
            if is_meant(&names::fold(other)) {
                is_found = true;
                for column in columns_of(context, other, from, with)? {
                    let column = Ident::with_quote('"', column);
                    let parts = vec![other.clone(), column];
                    written.push(SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)));
                }
            }
        }
        match is_found {
            true => Ok(()),
            false => Err(Error::sql(format!(
                "there is no table \"{}\" in FROM",
                table.unwrap_or_default()
            ))),
        }
    }

    /// Puts the names of what is kept into an item, which stays called as it was.
    fn rewrite_item(&mut self, item: SelectItem) -> SelectItem {
        match item {
            SelectItem::UnnamedExpr(mut expr) => {
                let (name, before) = (unnamed(&expr), expr.clone());
                let _ = VisitMut::visit(&mut expr, self);
                if expr == before {
                    return SelectItem::UnnamedExpr(expr);
                }
                SelectItem::ExprWithAlias { expr, alias: Ident::with_quote('"', name) }
            }
            SelectItem::ExprWithAlias { mut expr, alias } => {
                let _ = VisitMut::visit(&mut expr, self);
                SelectItem::ExprWithAlias { expr, alias }
            }
            other => other,
        }
    }

    /// Whether a name is that of a column of another table.
    fn is_other(&self, parts: &[Ident]) -> bool {
        match parts {
            _ if self.tables.is_empty() => false,
            [column] => {
                let columns = self.own_columns.iter().map(String::as_str);
                names::place(columns, &names::fold(column)).is_none()
            }
            [.., table, _] => {
                let table = names::fold(table);
                table != self.own && self.tables.iter().any(|other| names::fold(other) == table)
            }
            [] => false,
        }
    }

    fn keep(&mut self, expr: &Expr, column: &Ident) -> Expr {
        let known = self.others.iter().find(|(other, _)| other == expr);
        let name = match known {
            Some((_, name)) => name.clone(),
            None => {
                let name = format!("{}: {}", self.others.len(), names::fold(column));
                self.others.push((expr.clone(), name.clone()));
                name
            }
        };
        Expr::Identifier(Ident::with_quote('"', name))
    }
}

impl VisitorMut for OtherNames {
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
        let replacement = match expr {
            // Within a subquery a name without table may be one of its own columns.
            Expr::Identifier(column) if self.depth == 0 => {
                let parts = std::slice::from_ref(column);
                self.is_other(parts).then(|| column.clone())
            }
            Expr::CompoundIdentifier(parts) if self.is_other(parts) => parts.last().cloned(),
            Expr::Function(call) if call.name.to_string().eq_ignore_ascii_case("merge_action") => {
                self.has_action = true;
                *expr = Expr::Identifier(Ident::with_quote('"', ACTION));
                None
            }
            _ => None,
        };
        if let Some(column) = replacement {
            let kept = self.keep(&expr.clone(), &column);
            *expr = kept;
        }
        ControlFlow::Continue(())
    }
}

/// What an entry of FROM is called.
fn called(factor: &TableFactor) -> Option<Ident> {
    match factor {
        TableFactor::Table { alias: Some(alias), .. }
        | TableFactor::Derived { alias: Some(alias), .. }
        | TableFactor::UNNEST { alias: Some(alias), .. }
        | TableFactor::Function { alias: Some(alias), .. } => Some(alias.name.clone()),
        TableFactor::Table { name, .. } => name.0.last()?.as_ident().cloned(),
        _ => None,
    }
}

fn last(name: &ObjectName) -> String {
    name.0.last().and_then(|part| part.as_ident()).map(names::fold).unwrap_or_default()
}

/// The names of the columns of one table of FROM.
///
/// # Errors
/// What is wrong with the table.
pub(super) fn columns_of(
    context: &mut Context,
    table: &Ident,
    from: &[TableWithJoins],
    with: Option<&With>,
) -> Result<Vec<String>> {
    let name = ObjectName::from(vec![table.clone()]);
    let everything = SelectItem::QualifiedWildcard(
        SelectItemQualifiedWildcardKind::ObjectName(name),
        WildcardAdditionalOptions::default(),
    );
    let query = select_items(with.cloned(), vec![everything], from.to_vec(), None)?;
    let (plan, names) = query::plan(context, query)?;
    let schema = names.apply(&Arc::new(plan.schema().as_arrow().clone()));
    Ok(schema.fields().iter().map(|field| field.name().clone()).collect())
}

fn refuse_options(options: &WildcardAdditionalOptions) -> Result<()> {
    if *options == WildcardAdditionalOptions::default() {
        return Ok(());
    }
    Err(Error::sql("RETURNING with other tables takes no EXCLUDE, REPLACE or RENAME")
        .with_hint("list the columns"))
}
