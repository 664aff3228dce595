//! What a table of cells is: the query that gives the cells, and the role of each column.

use crate::error::{Error, Result};
use crate::functions::is_sum;
use crate::plan_cache::unbind;
use crate::scan::arrow_schema;
use crate::star::Shape;
use arrow::datatypes::DataType;
use datafusion::common::Column;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan};
use starfact_store::Table;

/// A part of a cube.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) cube: String,
    /// The optimised query for the cells, without tables.
    pub(crate) plan: LogicalPlan,
    pub(crate) shape: Shape,
    pub(crate) columns: Vec<CellColumn>,
}

/// A column of cells.
#[derive(Clone, Debug)]
pub(crate) struct CellColumn {
    pub(crate) name: String,
    pub(crate) role: Role,
    /// The type that the query for cells gives it, and that of the table.
    pub(crate) types: (DataType, DataType),
}

/// What a column of cells holds of the rows of a cell.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Role {
    /// The value that all of them have.
    Key(Expr),
    /// How many there are.
    Rows,
    /// How many there are without NULL.
    Count(Expr),
    Sum(Expr),
    Min(Expr),
    Max(Expr),
}

impl Role {
    /// What it is, in words.
    pub(crate) fn shown(&self) -> (&'static str, String) {
        let (kind, expr) = match self {
            Self::Key(expr) => ("key", expr),
            Self::Rows => return ("rows", "count(*)".to_owned()),
            Self::Count(expr) => ("count", expr),
            Self::Sum(expr) => ("sum", expr),
            Self::Min(expr) => ("min", expr),
            Self::Max(expr) => ("max", expr),
        };
        (kind, shown(expr))
    }

    /// Whether what goes can be taken off again.
    pub(crate) fn is_invertible(&self) -> bool {
        !matches!(self, Self::Min(_) | Self::Max(_))
    }
}

impl Part {
    /// The part with this optimised query, in this table.
    ///
    /// # Errors
    /// A query that is no aggregation over a star block.
    pub(crate) fn of(plan: LogicalPlan, table: &Table) -> Result<Self> {
        let cube = table.cube().map(|part| part.cube.clone()).unwrap_or_default();
        let (_, places) = aggregate_of(&plan)?;
        let shape = Self::shape_of(&plan, &cube)?;
        let own = arrow_schema(table);
        let mut columns = Vec::with_capacity(places.len());
        for (place, (field, column)) in
            places.iter().zip(plan.schema().fields().iter().zip(own.fields()))
        {
            let role = match place.checked_sub(shape.groups.len()) {
                None => shape.groups.get(*place).cloned().map(Role::Key),
                Some(function) => shape.functions.get(function).and_then(role_of),
            };
            let role = role.ok_or_else(|| Error::internal("a column of cells of no known kind"))?;
            let types = (field.data_type().clone(), column.data_type().clone());
            columns.push(CellColumn { name: column.name().clone(), role, types });
        }
        if columns.len() != own.fields().len() {
            return Err(Error::internal("a query for cells with other columns"));
        }
        let plan = unbind(plan.clone())?;
        Ok(Self { cube, plan, shape, columns })
    }

    /// The shape of an optimised query for cells.
    ///
    /// # Errors
    /// A query that is no aggregation over a star block.
    pub(crate) fn shape_of(plan: &LogicalPlan, cube: &str) -> Result<Shape> {
        Shape::of(aggregate_of(plan)?.0).map_err(|refused| {
            Error::sql(format!("cube \"{cube}\" cannot be kept: {}", refused.words())).with_hint(
                "a cube is of one fact, joined with dimensions along declared foreign keys",
            )
        })
    }

    /// What an aggregate function of a query for cells gives.
    pub(crate) fn role_of(function: &Expr) -> Option<Role> {
        role_of(function)
    }

    /// The place of a column.
    pub(crate) fn find(&self, role: &Role) -> Option<usize> {
        self.columns.iter().position(|column| column.role == *role)
    }

    /// How many keys it has; they are the first columns.
    pub(crate) fn key_count(&self) -> usize {
        self.columns.iter().filter(|column| matches!(column.role, Role::Key(_))).count()
    }
}

/// The aggregation of a query for cells, and which of its outputs each column is.
fn aggregate_of(plan: &LogicalPlan) -> Result<(&Aggregate, Vec<usize>)> {
    let misplaced = || Error::internal("a query for cells that is no aggregation");
    match plan {
        LogicalPlan::Aggregate(aggregate) => {
            Ok((aggregate, (0..aggregate.schema.fields().len()).collect()))
        }
        LogicalPlan::Projection(projection) => {
            let (aggregate, below) = aggregate_of(&projection.input)?;
            let schema = projection.input.schema();
            let place = |expr: &Expr| match expr.clone().unalias_nested().data {
                Expr::Column(column) => below.get(schema.maybe_index_of_column(&column)?).copied(),
                _ => None,
            };
            let places: Option<Vec<usize>> = projection.expr.iter().map(place).collect();
            Ok((aggregate, places.ok_or_else(misplaced)?))
        }
        LogicalPlan::SubqueryAlias(alias) => aggregate_of(&alias.input),
        _ => Err(misplaced()),
    }
}

/// What an aggregate function gives of rows.
pub(crate) fn role_of(function: &Expr) -> Option<Role> {
    let Expr::AggregateFunction(AggregateFunction { func, params }) = function else { return None };
    if params.distinct || params.filter.is_some() {
        return None;
    }
    let [argument] = params.args.as_slice() else { return None };
    Some(match func.name() {
        "count" if is_never_null(argument) => Role::Rows,
        "count" => Role::Count(argument.clone()),
        "sum" if is_sum(func) => Role::Sum(argument.clone()),
        "min" => Role::Min(argument.clone()),
        "max" => Role::Max(argument.clone()),
        _ => return None,
    })
}

/// Whether an expression is a constant that is not NULL.
pub(crate) fn is_never_null(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(value, _) if !value.is_null())
}

/// A column of a table of cells.
pub(crate) fn cell(relation: &str, name: &str) -> Expr {
    Expr::Column(Column::new(Some(relation.to_owned()), name))
}

/// An expression as a user would write it.
pub(crate) fn shown(expr: &Expr) -> String {
    let bare = expr.clone().transform_up(|node| match node {
        Expr::Column(column) => {
            Ok(Transformed::yes(Expr::Column(Column::new_unqualified(column.name))))
        }
        other => Ok(Transformed::no(other)),
    });
    bare.map_or_else(|_| expr.to_string(), |bare| bare.data.to_string())
}
