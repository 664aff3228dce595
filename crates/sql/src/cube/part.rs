//! What a table of cells is: the query that gives the cells, and the role of each column.

use crate::arithmetic::operator;
use crate::error::{Error, Result};
use crate::functions::is_sum;
use crate::plan_cache::unbind;
use crate::scan::{arrow_schema, stands_alone};
use crate::star::{Refused, Shape};
use arrow::datatypes::DataType;
use arrow::util::display::array_value_to_string;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan, binary_expr};
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
        let shape = Self::shape_of(&plan, &cube)?;
        let own = arrow_schema(table);
        let roles = Self::roles(&plan, &shape)?;
        if roles.len() != own.fields().len() {
            return Err(Error::internal("a query for cells with other columns"));
        }
        let fields = plan.schema().fields().iter().zip(own.fields());
        let columns = roles.into_iter().zip(fields).map(|(role, (field, column))| CellColumn {
            name: column.name().clone(),
            role,
            types: (field.data_type().clone(), column.data_type().clone()),
        });
        let columns = columns.collect();
        let plan = unbind(plan.clone())?;
        Ok(Self { cube, plan, shape, columns })
    }

    /// The shape of an optimised query for cells.
    ///
    /// # Errors
    /// A query that is no aggregation over a star block.
    pub(crate) fn shape_of(plan: &LogicalPlan, cube: &str) -> Result<Shape> {
        let refuse = |refused: Refused| {
            Error::sql(format!("cube \"{cube}\" cannot be kept: {}", refused.words())).with_hint(
                "a cube is of one fact, joined with dimensions along declared foreign keys",
            )
        };
        let shape = Shape::of(aggregate_of(plan)?.0).map_err(refuse)?;
        // What a subquery gives may change without any change of rows that are joined.
        let all = shape.conditions.iter().chain(&shape.groups).chain(&shape.functions);
        if !all.clone().all(stands_alone) {
            return Err(refuse(Refused::Expression));
        }
        Ok(shape)
    }

    /// What each column of an optimised query for cells is.
    ///
    /// # Errors
    /// A column of no known kind.
    pub(crate) fn roles(plan: &LogicalPlan, shape: &Shape) -> Result<Vec<Role>> {
        let unknown = || Error::internal("a column of cells of no known kind");
        let (aggregate, outputs) = aggregate_of(plan)?;
        let role = |output: &Expr| {
            if let Expr::Column(column) = output {
                let place = aggregate.schema.maybe_index_of_column(column)?;
                if let Some(function) = place.checked_sub(shape.groups.len()) {
                    return role_of(shape.functions.get(function)?);
                }
            }
            // What the optimiser has computed from the keys is a key, too.
            let mut is_of_keys = true;
            let key = output.clone().transform_up(|node| {
                let Expr::Column(column) = &node else { return Ok(Transformed::no(node)) };
                let place = aggregate.schema.maybe_index_of_column(column);
                Ok(match place.and_then(|place| shape.groups.get(place)) {
                    Some(group) => Transformed::yes(group.clone()),
                    None => {
                        is_of_keys = false;
                        Transformed::no(node)
                    }
                })
            });
            key.ok().filter(|_| is_of_keys).map(|key| Role::Key(key.data))
        };
        outputs.iter().map(|output| role(output).ok_or_else(unknown)).collect()
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

/// The aggregation of a query for cells, and what each column is of its outputs.
fn aggregate_of(plan: &LogicalPlan) -> Result<(&Aggregate, Vec<Expr>)> {
    let misplaced = || {
        Error::sql("the cube cannot be kept: its condition is never true, or it is no aggregation")
            .with_hint("a cube is SELECT keys, aggregates FROM fact JOIN … [WHERE …] GROUP BY keys")
    };
    match plan {
        LogicalPlan::Aggregate(aggregate) => {
            let columns = aggregate.schema.columns();
            Ok((aggregate, columns.into_iter().map(Expr::Column).collect()))
        }
        LogicalPlan::Projection(projection) => {
            let (aggregate, below) = aggregate_of(&projection.input)?;
            let schema = projection.input.schema();
            let mut outputs = Vec::new();
            for expr in &projection.expr {
                let written = expr.clone().unalias_nested().data.transform_up(|node| {
                    let Expr::Column(column) = &node else { return Ok(Transformed::no(node)) };
                    let place = schema.maybe_index_of_column(column);
                    let found = place.and_then(|place| below.get(place)).cloned();
                    Ok(found.map_or_else(|| Transformed::no(node), Transformed::yes))
                });
                outputs.push(written?.data);
            }
            Ok((aggregate, outputs))
        }
        LogicalPlan::SubqueryAlias(alias) => aggregate_of(&alias.input),
        _ => Err(misplaced()),
    }
}

/// What an aggregate function gives of rows.
fn role_of(function: &Expr) -> Option<Role> {
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
        Expr::Literal(value, _) => {
            Ok(Transformed::yes(Expr::Column(Column::new_unqualified(constant(&value)))))
        }
        Expr::ScalarFunction(call) => Ok(match (operator(&call.func), call.args.as_slice()) {
            (Some(op), [left, right]) => {
                Transformed::yes(binary_expr(left.clone(), op, right.clone()))
            }
            _ => Transformed::no(Expr::ScalarFunction(call)),
        }),
        other => Ok(Transformed::no(other)),
    });
    bare.map_or_else(|_| expr.to_string(), |bare| bare.data.human_display().to_string())
}

/// A constant as a user would write it.
fn constant(value: &ScalarValue) -> String {
    if value.is_null() {
        return "NULL".to_owned();
    }
    let text = value.to_array().map(|array| array_value_to_string(&array, 0));
    let text = text.ok().and_then(Result::ok).unwrap_or_else(|| value.to_string());
    match value.data_type().is_numeric() || value.data_type() == DataType::Boolean {
        true => text,
        false => format!("'{}'", text.replace('\'', "''")),
    }
}
