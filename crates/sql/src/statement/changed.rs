//! The table that a statement changes rows of, and the query that finds these rows.
//!
//! The rows are found by an ordinary query over the table with one more column, the row id:
//!
//! ```text
//!   DELETE FROM t AS a USING u WHERE a.x = u.x
//!   SELECT a."row id" FROM "rows of t" AS a, u WHERE a.x = u.x
//! ```
//!
//! So conditions, subqueries and joins mean what they mean in a query. The query engine's own
//! DELETE and UPDATE are never used: they take a condition that they cannot push down for none.

use super::{Context, names};
use crate::error::{Error, Result};
use crate::parse::{Statement, parse};
use crate::scan::{StarfactTable, row_id_name};
use arrow::array::{AsArray, RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::Int64Type;
use datafusion::catalog::TableProvider;
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, ObjectName, Query, SelectItem, SetExpr, TableAlias, TableFactor, TableWithJoins,
    With,
};
use starfact_store::Table;
use std::collections::HashSet;
use std::sync::Arc;

/// The table that a statement changes.
pub(super) struct Changed {
    pub(super) table: Arc<Table>,
    /// What its columns are qualified with.
    pub(super) name: Ident,
}

impl Changed {
    /// The table of this name, which the statement calls `alias` if there is one.
    ///
    /// # Errors
    /// There is no such table, or it is a view.
    pub(super) fn new(context: &Context, name: &ObjectName, alias: Option<Ident>) -> Result<Self> {
        let table = Arc::clone(names::find_table(&context.snapshot, name)?);
        let written = || name.0.last().and_then(|part| part.as_ident()).map(names::fold);
        let unaliased = || Ident::with_quote('"', written().unwrap_or_default());
        Ok(Self { table, name: alias.unwrap_or_else(unaliased) })
    }

    /// The table that an entry of FROM names.
    ///
    /// # Errors
    /// As [`Changed::new`], and whatever is no table.
    pub(super) fn of(context: &Context, statement: &str, factor: &TableFactor) -> Result<Self> {
        let no_table = || Error::sql(format!("{statement} takes the name of a table"));
        let TableFactor::Table { name, alias, args: None, sample: None, .. } = factor else {
            return Err(no_table());
        };
        let alias = match alias {
            Some(TableAlias { name, columns, .. }) if columns.is_empty() => Some(name.clone()),
            Some(_) => {
                let message = format!("{statement} cannot give the columns other names");
                return Err(Error::sql(message).with_hint("write AS alias without column names"));
            }
            None => None,
        };
        Self::new(context, name, alias)
    }

    /// The only table of a list without joins.
    ///
    /// # Errors
    /// As [`Changed::of`]; `clause` is where other tables are to be named.
    pub(super) fn only(
        context: &Context,
        (statement, clause): (&str, &str),
        tables: &[TableWithJoins],
    ) -> Result<Self> {
        match tables {
            [TableWithJoins { relation, joins }] if joins.is_empty() => {
                Self::of(context, statement, relation)
            }
            _ => Err(Error::sql(format!("{statement} changes one table"))
                .with_hint(format!("name the other tables in {clause}"))),
        }
    }

    /// The table with its row ids, as an entry of FROM.
    pub(super) fn relation(&self, context: &Context) -> Result<TableFactor> {
        let provider = StarfactTable::with_row_ids(Arc::clone(&self.table));
        let shown = format!("rows of {}", self.table.name());
        add_relation(context, shown, &self.name, Arc::new(provider))
    }

    pub(super) fn row_id(&self) -> Expr {
        self.part(&row_id_name(&self.table))
    }

    /// One of its columns.
    pub(super) fn column(&self, place: usize) -> Expr {
        self.part(&self.table.columns()[place].name)
    }

    fn part(&self, name: &str) -> Expr {
        Expr::CompoundIdentifier(vec![self.name.clone(), Ident::with_quote('"', name)])
    }

    /// All its columns.
    pub(super) fn columns(&self) -> impl Iterator<Item = Expr> {
        (0..self.table.columns().len()).map(|place| self.column(place))
    }

    /// The names of all its columns.
    pub(super) fn column_names(&self) -> Vec<String> {
        self.table.columns().iter().map(|column| column.name.clone()).collect()
    }
}

/// Makes a table of this statement alone, and an entry of FROM that has it under an alias.
pub(super) fn add_relation(
    context: &Context,
    mut name: String,
    alias: &Ident,
    provider: Arc<dyn TableProvider>,
) -> Result<TableFactor> {
    while names::table(&context.snapshot, &name).is_some() {
        name.push('\'');
    }
    let shown = Ident::with_quote('"', &name);
    context.schema.add_file(name, provider);
    let query = parse_query(&format!("SELECT 1 FROM {shown} AS {alias}"))?;
    let SetExpr::Select(mut select) = *query.body else { return Err(no_query()) };
    Ok(select.from.pop().ok_or_else(no_query)?.relation)
}

/// `WITH … SELECT values FROM tables WHERE condition`; the values are called by their places.
pub(super) fn select(
    with: Option<With>,
    values: impl IntoIterator<Item = Expr>,
    from: Vec<TableWithJoins>,
    condition: Option<Expr>,
) -> Result<Query> {
    let named = |(place, expr): (usize, Expr)| SelectItem::ExprWithAlias {
        expr,
        alias: Ident::with_quote('"', place.to_string()),
    };
    select_items(with, values.into_iter().enumerate().map(named).collect(), from, condition)
}

/// The same with a select list.
pub(super) fn select_items(
    with: Option<With>,
    items: Vec<SelectItem>,
    from: Vec<TableWithJoins>,
    condition: Option<Expr>,
) -> Result<Query> {
    let mut query = parse_query("SELECT 1")?;
    let SetExpr::Select(select) = query.body.as_mut() else { return Err(no_query()) };
    (select.projection, select.from, select.selection) = (items, from, condition);
    query.with = with;
    Ok(query)
}

pub(super) fn parse_query(sql: &str) -> Result<Query> {
    match parse(sql)? {
        Statement::Query(query) => Ok(*query),
        _ => Err(no_query()),
    }
}

fn no_query() -> Error {
    Error::internal("a query is no query")
}

pub(super) fn table_of(relation: TableFactor) -> TableWithJoins {
    TableWithJoins { relation, joins: Vec::new() }
}

/// The row ids of a column; NULL where there is none.
pub(super) fn row_ids(batch: &RecordBatch, column: usize) -> Result<Vec<Option<u64>>> {
    let ids = batch.column(column).as_primitive_opt::<Int64Type>();
    let ids = ids.ok_or_else(|| Error::internal("row ids are no integers"))?;
    ids.iter()
        .map(|id| id.map(u64::try_from).transpose())
        .collect::<Result<_, _>>()
        .map_err(|_| Error::internal("a row id is negative"))
}

/// The rows of a batch, each with a row id in column 0, that no batch before had: where a row of
/// the table is found with several rows of others, one of them counts.
pub(super) struct FirstOnly {
    seen: Option<HashSet<u64>>,
}

impl FirstOnly {
    /// With other tables in FROM, rows may be found more than once.
    pub(super) fn new(has_others: bool) -> Self {
        Self { seen: has_others.then(HashSet::new) }
    }

    /// The row ids of the rows that are new, and these rows.
    pub(super) fn filter(&mut self, batch: RecordBatch) -> Result<(Vec<u64>, RecordBatch)> {
        let ids = row_ids(&batch, 0)?;
        let mut kept = Vec::with_capacity(ids.len());
        let mut places = Vec::with_capacity(ids.len());
        for (place, id) in (0_u32..).zip(ids) {
            let id = id.ok_or_else(|| Error::internal("a row without row id"))?;
            if self.seen.as_mut().is_none_or(|seen| seen.insert(id)) {
                kept.push(id);
                places.push(place);
            }
        }
        let batch = match places.len() == batch.num_rows() {
            true => batch,
            false => take_record_batch(&batch, &UInt32Array::from(places))?,
        };
        Ok((kept, batch))
    }
}

/// The columns of a batch from `start` on, `count` of them.
pub(super) fn columns(batch: &RecordBatch, start: usize, count: usize) -> Result<RecordBatch> {
    let places: Vec<usize> = (start..start + count).collect();
    Ok(batch.project(&places)?)
}
