//! Aggregations answered by cubes: which cube can give one, and the plan that takes it from cells.
//!
//! Conditions, all of which hold for the tables of one snapshot:
//! - Both are star blocks of one fact. A table that only the cube joins drops no row: references to
//!   it are not NULL, or it is on the inner side of an outer join. One that only the query joins
//!   does neither, or cells are joined with it (see [`super::source`]).
//! - Each condition of the cube is one of the query, or follows from those. The others of the
//!   query, its groups and the filters of its functions are expressions over keys of the cube.
//! - Each function follows from sums of cells. Cells with the same keys may cancel each other out:
//!   a group without rows is none, and a sum of no rows is NULL.
//! - Functions of keys (`count(DISTINCT x)`, `min(x)`) are of the groups by `x`, so that no cell
//!   counts of which all rows are gone.
//!
//! Of the cubes that can, the one with the fewest cells answers.

use super::failing::never_fails;
use super::implied::implies;
use super::part::{Part, Role, is_never_null, shown};
use super::reason::{Reason, used_note};
use super::source::{Source, is_beside_cells};
use crate::arithmetic::{exact, operator};
use crate::error::Error;
use crate::functions::{average_of, exact_sum, greatest, is_exact_total, least};
use crate::settings::UseCubes;
use crate::star::{Path, Shape};
use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, Result, ScalarValue};
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{
    Aggregate, Cast, Expr, ExprSchemable, Filter, GroupingSet, LogicalPlan, Operator, Projection,
    binary_expr, cast, lit, when,
};
use starfact_store::{Snapshot, Table};
use std::collections::HashSet;
use std::sync::Arc;

/// The cubes that a query may be answered from.
#[derive(Clone, Debug)]
pub(crate) struct Usable {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) parts: Vec<(Arc<Table>, Arc<Part>)>,
    /// The cubes that have given a wrong answer.
    pub(crate) quarantined: Vec<String>,
    pub(crate) mode: UseCubes,
}

/// Puts cells in the place of all aggregations that cubes can give; says what became of each cube.
///
/// # Errors
/// With [`UseCubes::Require`], why a table is read all the same.
pub(crate) fn with_cubes(plan: LogicalPlan, usable: &Usable) -> Result<(LogicalPlan, Vec<String>)> {
    let (mut notes, mut of_shapes, mut has_aggregation) = (Vec::new(), Vec::new(), false);
    let plan = plan.transform_down_with_subqueries(|node| {
        let LogicalPlan::Aggregate(aggregate) = &node else { return Ok(Transformed::no(node)) };
        has_aggregation = true;
        let query = match Shape::of(aggregate) {
            Ok(query) => query,
            Err(refused) => {
                let reason = Reason::Shape(refused);
                of_shapes.extend(cubes(usable).map(|cube| format!("cube {cube}: {reason}")));
                return Ok(Transformed::no(node));
            }
        };
        Ok(match answer(&query, aggregate, usable, &mut notes) {
            Some(plan) => Transformed::new(plan, true, TreeNodeRecursion::Jump),
            None => Transformed::no(node),
        })
    })?;
    // An aggregation of aggregations has one below that tells more.
    if notes.is_empty() {
        notes = of_shapes;
    }
    if has_aggregation {
        let all = usable.quarantined.iter();
        notes.extend(all.map(|cube| format!("cube {cube}: {}", Reason::Quarantined)));
    }
    let mut known = HashSet::new();
    notes.retain(|note| known.insert(note.clone()));
    if usable.mode == UseCubes::Require {
        require(&plan.data, &notes, usable.snapshot.is_committed())?;
    }
    Ok((plan.data, notes))
}

/// Fails if a table is read that has no cells.
fn require(plan: &LogicalPlan, notes: &[String], is_committed: bool) -> Result<()> {
    let mut read = None;
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && let Some(table) = crate::plan_cache::table_of(scan.source.as_ref())
            && !table.has_cells()
            && !table.gives_row_ids()
            && !is_beside_cells(scan)
        {
            read = Some(scan.table_name.table().to_owned());
            return Ok(TreeNodeRecursion::Stop);
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    let Some(table) = read else { return Ok(()) };
    let reasons = match notes.is_empty() {
        true if !is_committed => "the transaction has changes that are not committed".to_owned(),
        true => "there is no aggregation of a star that a cube could give".to_owned(),
        false => notes.join("; "),
    };
    let message = format!("no cube answers the query, which reads table \"{table}\": {reasons}");
    Err(Error::sql(message)
        .with_hint("SET starfact.use_cubes = on answers it from the tables")
        .into())
}

/// The plan of an aggregation from the best cube, if there is one.
fn answer(
    query: &Shape,
    aggregate: &Aggregate,
    usable: &Usable,
    notes: &mut Vec<String>,
) -> Option<LogicalPlan> {
    let mut best: Option<(u64, &str, LogicalPlan)> = None;
    let mut refused: Vec<(&str, Reason)> = Vec::new();
    for (table, part) in &usable.parts {
        match answer_from(part, table, query, aggregate, usable) {
            Ok((cost, plan)) => {
                if best.as_ref().is_none_or(|(least, ..)| cost < *least) {
                    best = Some((cost, &part.cube, plan));
                }
            }
            Err(reason) => refused.push((&part.cube, reason)),
        }
    }
    let (_, used, plan) = match best {
        Some(best) => best,
        None => {
            notes.extend(refused.iter().map(|(cube, reason)| format!("cube {cube}: {reason}")));
            return None;
        }
    };
    notes.push(used_note(used));
    let others = refused.iter().filter(|(cube, _)| *cube != used);
    notes.extend(others.map(|(cube, reason)| format!("cube {cube}: {reason}")));
    Some(plan)
}

/// The names of all cubes.
fn cubes(usable: &Usable) -> impl Iterator<Item = &str> {
    let mut names: Vec<&str> = usable.parts.iter().map(|(_, part)| part.cube.as_str()).collect();
    names.dedup();
    names.into_iter()
}

fn answer_from(
    part: &Part,
    table: &Arc<Table>,
    query: &Shape,
    aggregate: &Aggregate,
    usable: &Usable,
) -> Result<(u64, LogicalPlan), Reason> {
    let shape = &part.shape;
    if shape.root != query.root {
        return Err(Reason::OtherFact);
    }
    if query.epoch != usable.snapshot.epoch() {
        return Err(Reason::AsOf);
    }
    let source = Source::new(part, table, query, usable);
    joins_are_lossless(shape, query, &source, usable)?;
    let missing = shape.conditions.iter().find(|condition| !implies(&query.conditions, condition));
    if let Some(condition) = missing {
        return Err(Reason::CubeFilter(shown(condition)));
    }
    let cells = Cells { source, query };
    let rest = query.conditions.iter().filter(|condition| !shape.conditions.contains(condition));
    let conditions: Vec<Expr> = rest
        .map(|it| cells.of_keys(it).ok_or_else(|| Reason::Filter(shown(it))))
        .collect::<Result<_, _>>()?;
    let groups: Vec<Expr> = query
        .groups
        .iter()
        .map(|it| cells.of_keys(it).ok_or_else(|| Reason::MissingKey(shown(it))))
        .collect::<Result<_, _>>()?;
    let mut answer = Answer { cells, groups, inner: Vec::new(), by: Vec::new(), outer: Vec::new() };
    let mut values = Vec::new();
    for function in &query.functions {
        let value = answer.value(function);
        // Functions of keys are of groups of groups, which sets are not made for.
        let value = value.filter(|_| query.sets.is_none() || answer.outer.is_empty());
        values.push(value.ok_or_else(|| Reason::Aggregate(shown(function)))?);
    }
    let cost = answer.cells.source.cost();
    let fact_rows = usable.snapshot.table_by_id(query.root).map_or(0, |fact| fact.row_count());
    if cost > fact_rows.max(1) {
        return Err(Reason::Cost);
    }
    let plan = answer.plan(conditions, values, aggregate);
    Ok((cost, plan.map_err(|error| Reason::Aggregate(error.to_string()))?))
}

/// Whether the cube loses no row by a join that the query does not have; those that the query loses
/// are lost by joining cells.
fn joins_are_lossless(
    cube: &Shape,
    query: &Shape,
    source: &Source<'_>,
    usable: &Usable,
) -> Result<(), Reason> {
    let name = |path: &Path| {
        let table = usable.snapshot.table_by_id(path.table);
        table.map_or_else(String::new, |table| table.name().to_owned())
    };
    for path in &cube.paths {
        match query.path(&path.name) {
            None if path.may_drop() => return Err(Reason::CubeJoin(name(path))),
            Some(other) if path.may_drop() && !other.may_drop() => {
                return Err(Reason::QueryJoin(name(path)));
            }
            _ => {}
        }
    }
    let is_lost =
        |path: &&Path| path.may_drop() && !cube.path(&path.name).is_some_and(Path::may_drop);
    match query.paths.iter().filter(is_lost).find(|path| !source.join_along(path)) {
        Some(path) => Err(Reason::QueryJoin(name(path))),
        None => Ok(()),
    }
}

/// The cells of a part, for a query.
struct Cells<'a> {
    source: Source<'a>,
    query: &'a Shape,
}

impl Cells<'_> {
    fn of_role(&self, role: &Role) -> Option<Expr> {
        self.source.of_role(role)
    }

    /// An expression of keys, and of columns of dimensions that these lead to.
    fn of_keys(&self, expr: &Expr) -> Option<Expr> {
        let mut is_known = true;
        let found = expr.clone().transform_down(|node| {
            if let Some(key) = self.of_role(&Role::Key(node.clone())) {
                return Ok(Transformed::new(key, true, TreeNodeRecursion::Jump));
            }
            if let Expr::Column(column) = &node
                && let Some(column) = self.source.of_dimension(column)
            {
                return Ok(Transformed::new(column, true, TreeNodeRecursion::Jump));
            }
            is_known &= !matches!(node, Expr::Column(_));
            if !never_fails(&node, &self.query.columns) {
                self.source.read_living();
            }
            Ok(Transformed::no(node))
        });
        found.ok().filter(|_| is_known).map(|found| found.data)
    }

    /// Whether a cast of an exact number changes no value.
    fn keeps_values(&self, cast: &Cast) -> Option<bool> {
        let from = cast.expr.get_type(&self.query.columns).ok()?;
        let scale = |of: &DataType| match of {
            DataType::Decimal128(_, scale) => Some(*scale),
            DataType::Int16 | DataType::Int32 | DataType::Int64 => Some(0),
            _ => None,
        };
        Some(scale(&from)? <= scale(cast.field.data_type())?)
    }

    /// How many rows of a cell have a value that is not NULL.
    fn count_of(&self, argument: &Expr) -> Option<Expr> {
        if is_never_null(argument) || !argument.nullable(&self.query.columns).ok()? {
            return self.of_role(&Role::Rows);
        }
        self.of_role(&Role::Count(argument.clone()))
    }
}

/// Whether the type of a sum of two holds all of these: else one row may be out of its range while
/// sums of many are not.
fn holds_all(sum: &Expr, left: &Expr, right: &Expr, columns: &DFSchema) -> Option<bool> {
    /// The type of a number before it was cast.
    fn own_type(expr: &Expr, columns: &DFSchema) -> Option<DataType> {
        match expr {
            Expr::Cast(cast) => own_type(&cast.expr, columns),
            Expr::Literal(..) => None,
            other => other.get_type(columns).ok(),
        }
    }
    let is_less = |expr: &Expr, than: &[DataType]| {
        own_type(expr, columns).is_some_and(|own| than.contains(&own))
    };
    Some(match sum.get_type(columns).ok()? {
        DataType::Decimal128(..37, _) => true,
        DataType::Int64 => {
            let shorter = [DataType::Int16, DataType::Int32];
            is_less(left, &shorter) && is_less(right, &shorter)
        }
        DataType::Int32 => {
            let shorter = [DataType::Int16];
            is_less(left, &shorter) && is_less(right, &shorter)
        }
        _ => false,
    })
}

/// The plan under construction: groups of cells, and groups of these where functions of keys need
/// them.
struct Answer<'a> {
    cells: Cells<'a>,
    groups: Vec<Expr>,
    /// Aggregates of cells.
    inner: Vec<Expr>,
    /// What else cells are grouped by.
    by: Vec<Expr>,
    /// Aggregates of those groups, if there are any.
    outer: Vec<Expr>,
}

/// Places of sums, and whether each is subtracted.
type Terms = Vec<(usize, bool)>;

/// What a value is made of.
enum Value {
    /// Sums that are added, or subtracted.
    Sum {
        terms: Terms,
        count: usize,
    },
    Count(usize),
    /// Such a sum of values of a type, by their number.
    Average {
        terms: Terms,
        count: usize,
        of: DataType,
    },
    Plain(usize),
    /// An aggregate of groups of keys.
    OfKeys(usize),
}

impl Answer<'_> {
    /// The value of a function of the query.
    fn value(&mut self, function: &Expr) -> Option<Value> {
        let Expr::AggregateFunction(AggregateFunction { func, params }) = function else {
            return None;
        };
        if !params.order_by.is_empty() {
            return None;
        }
        let filter = match &params.filter {
            None => None,
            Some(filter) => Some(self.cells.of_keys(filter)?),
        };
        let [argument] = params.args.as_slice() else { return None };
        let is_distinct = params.distinct;
        match func.name() {
            "count" if is_distinct => self.of_keys(func, argument, filter, true),
            "approx_distinct" => self.of_keys(&count_udaf(), argument, filter, true),
            "min" | "max" => {
                let role = match func.name() {
                    "min" => Role::Min(argument.clone()),
                    _ => Role::Max(argument.clone()),
                };
                if let Some(column) = self.cells.of_role(&role) {
                    let function =
                        if func.name() == "min" { least(column) } else { greatest(column) };
                    return Some(Value::Plain(self.add(with_filter(function, filter))));
                }
                self.of_keys(func, argument, filter, false)
            }
            "count" => self.total_count(argument, filter).map(Value::Count),
            "sum" | "avg" if !is_distinct && is_exact_total(func) => {
                let mut terms = Vec::new();
                self.terms(argument, false, filter.as_ref(), &mut terms)?;
                let count = match terms.as_slice() {
                    [_] => self.total_count(argument, filter)?,
                    // Terms of several sums are never NULL.
                    _ => self.total_count(&lit(1_i64), filter)?,
                };
                if func.name() == "sum" {
                    return Some(Value::Sum { terms, count });
                }
                let of = argument.get_type(&self.cells.query.columns).ok()?;
                Some(Value::Average { terms, count, of })
            }
            _ => None,
        }
    }

    /// The sums of which a sum consists: that of an expression, or of those that it adds and
    /// subtracts if none of them may be NULL.
    fn terms(
        &mut self,
        argument: &Expr,
        is_negative: bool,
        filter: Option<&Expr>,
        terms: &mut Terms,
    ) -> Option<()> {
        if let Some(sum) = self.cells.of_role(&Role::Sum(argument.clone())) {
            terms.push((self.add(with_filter(exact_sum(sum), filter.cloned())), is_negative));
            return Some(());
        }
        match argument {
            Expr::Cast(cast) if self.cells.keeps_values(cast)? => {
                self.terms(&cast.expr, is_negative, filter, terms)
            }
            Expr::ScalarFunction(call) => {
                let is_minus = match operator(&call.func)? {
                    Operator::Plus => false,
                    Operator::Minus => true,
                    _ => return None,
                };
                let [left, right] = call.args.as_slice() else { return None };
                let columns = &self.cells.query.columns;
                if !holds_all(argument, left, right, columns)? {
                    return None;
                }
                if left.nullable(columns).ok()? || right.nullable(columns).ok()? {
                    return None;
                }
                self.terms(left, is_negative, filter, terms)?;
                self.terms(right, is_negative != is_minus, filter, terms)
            }
            _ => None,
        }
    }

    fn total_count(&mut self, argument: &Expr, filter: Option<Expr>) -> Option<usize> {
        if let Expr::Cast(cast) = argument
            && self.cells.keeps_values(cast) == Some(true)
        {
            return self.total_count(&cast.expr, filter);
        }
        if let Some(count) = self.cells.count_of(argument) {
            return Some(self.add(with_filter(exact_sum(count), filter)));
        }
        // Of a key it is known in which cells it is NULL.
        let (rows, key) = (self.cells.of_role(&Role::Rows)?, self.cells.of_keys(argument)?);
        let filter = conjunction(filter.into_iter().chain([key.is_not_null()]));
        Some(self.add(with_filter(exact_sum(rows), filter)))
    }

    /// A function of a key.
    fn of_keys(
        &mut self,
        func: &Arc<datafusion::logical_expr::AggregateUDF>,
        argument: &Expr,
        filter: Option<Expr>,
        is_distinct: bool,
    ) -> Option<Value> {
        let argument = self.cells.of_keys(argument)?;
        let argument = self.group_by(argument);
        let filter = filter.map(|filter| Box::new(self.group_by(filter)));
        let call = AggregateFunction::new_udf(
            Arc::clone(func),
            vec![argument],
            is_distinct,
            filter,
            Vec::new(),
            None,
        );
        self.outer.push(Expr::AggregateFunction(call));
        Some(Value::OfKeys(self.outer.len() - 1))
    }

    /// The column of one more expression that cells are grouped by.
    fn group_by(&mut self, expr: Expr) -> Expr {
        let place = self.by.iter().position(|known| *known == expr).unwrap_or_else(|| {
            self.by.push(expr);
            self.by.len() - 1
        });
        named(&by_name(place))
    }

    /// The place of an aggregate of cells.
    fn add(&mut self, expr: Expr) -> usize {
        self.inner.iter().position(|known| *known == expr).unwrap_or_else(|| {
            self.inner.push(expr);
            self.inner.len() - 1
        })
    }

    fn plan(
        mut self,
        conditions: Vec<Expr>,
        values: Vec<Value>,
        of: &Aggregate,
    ) -> Result<LogicalPlan> {
        let has_groups = !self.groups.is_empty();
        let is_two_level = !self.outer.is_empty();
        let sets = self.cells.query.sets.clone();
        let has_empty_set = sets.as_ref().is_some_and(|sets| sets.iter().any(Vec::is_empty));
        let rows = self.cells.of_role(&Role::Rows);
        let rows = rows.ok_or_else(|| Error::internal("cells without a number of rows"))?;
        let rows = self.add(exact_sum(rows));
        let read = self.groups.iter().chain(&self.by).chain(&self.inner);
        let input = self.cells.source.plan(conditions, read)?;
        let groups = self.groups.iter().enumerate();
        let mut by: Vec<Expr> =
            groups.map(|(place, expr)| expr.clone().alias(group_name(place))).collect();
        let others = self.by.iter().enumerate();
        by.extend(others.map(|(place, expr)| expr.clone().alias(by_name(place))));
        let inner = self.inner.iter().enumerate();
        let inner: Vec<Expr> =
            inner.map(|(place, expr)| expr.clone().alias(value_name(place))).collect();
        let has_inner_groups = !by.is_empty();
        let (input, by) = match &sets {
            None => (input, by),
            Some(sets) => in_sets(input, by, sets)?,
        };
        let mut plan = LogicalPlan::Aggregate(Aggregate::try_new(Arc::new(input), by, inner)?);
        if has_inner_groups {
            let total_of = has_empty_set.then_some(self.groups.len());
            let is_there = has_rows_left(rows, total_of, plan.schema())?;
            plan = LogicalPlan::Filter(Filter::try_new(is_there, Arc::new(plan))?);
        }
        if is_two_level {
            plan = self.second_level(plan)?;
        }
        let mut outputs = Vec::new();
        let fields = of.schema.iter().map(|(qualifier, field)| (qualifier.cloned(), field));
        for (place, (qualifier, field)) in fields.enumerate() {
            let before_values = self.groups.len() + usize::from(sets.is_some());
            let expr = match place.checked_sub(before_values) {
                None if place == self.groups.len() => named(Aggregate::INTERNAL_GROUPING_ID),
                None => named(&group_name(place)),
                Some(value) => {
                    let value = values.get(value);
                    let value = value.ok_or_else(|| Error::internal("a value is missing"))?;
                    let has_rows = has_groups && !is_two_level && !has_empty_set;
                    made(value, field.data_type(), has_rows, rows, plan.schema())?
                }
            };
            let expr = match expr.get_type(plan.schema())? == *field.data_type() {
                true => expr,
                false => cast(expr, field.data_type().clone()),
            };
            outputs.push(expr.alias_qualified(qualifier, field.name()));
        }
        Ok(LogicalPlan::Projection(Projection::try_new(outputs, Arc::new(plan))?))
    }

    /// The groups of the query, of groups that have more keys.
    fn second_level(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
        let groups = (0..self.groups.len()).map(|place| named(&group_name(place))).collect();
        let mut functions = Vec::new();
        for (place, expr) in self.inner.iter().enumerate() {
            let column = named(&value_name(place));
            let of = match expr {
                Expr::AggregateFunction(call) if call.func.name() == "min" => least(column),
                Expr::AggregateFunction(call) if call.func.name() == "max" => greatest(column),
                _ => exact_sum(column),
            };
            functions.push(of.alias(value_name(place)));
        }
        let outer = self.outer.iter().enumerate();
        functions.extend(outer.map(|(place, expr)| expr.clone().alias(outer_name(place))));
        Ok(LogicalPlan::Aggregate(Aggregate::try_new(Arc::new(plan), groups, functions)?))
    }
}

/// Whether a group has rows, or is the total of GROUPING SETS of so many groups: there is one of no
/// rows, too.
fn has_rows_left(rows: usize, total_of: Option<usize>, schema: &DFSchema) -> Result<Expr> {
    let has_rows = named(&value_name(rows)).gt(lit(ScalarValue::Decimal128(Some(0), 38, 0)));
    let Some(groups) = total_of else { return Ok(has_rows) };
    let id = named(Aggregate::INTERNAL_GROUPING_ID);
    let total = ScalarValue::UInt64(Some((1 << groups) - 1)).cast_to(&id.get_type(schema)?)?;
    Ok(has_rows.or(id.eq(lit(total))))
}

/// Cells with their groups as columns, and sets of these to group by.
fn in_sets(
    cells: LogicalPlan,
    groups: Vec<Expr>,
    sets: &[Vec<usize>],
) -> Result<(LogicalPlan, Vec<Expr>)> {
    let columns = cells.schema().columns().into_iter().map(Expr::Column);
    let columns: Vec<Expr> = columns.chain(groups).collect();
    let cells = LogicalPlan::Projection(Projection::try_new(columns, Arc::new(cells))?);
    let set = |places: &Vec<usize>| places.iter().map(|place| named(&group_name(*place))).collect();
    let sets = sets.iter().map(set).collect();
    Ok((cells, vec![Expr::GroupingSet(GroupingSet::GroupingSets(sets))]))
}

/// A value of the query, of a type.
fn made(
    value: &Value,
    data_type: &DataType,
    has_rows: bool,
    rows: usize,
    schema: &DFSchema,
) -> Result<Expr> {
    let zero = || lit(ScalarValue::Decimal128(Some(0), 38, 0));
    let of = |place: usize| named(&value_name(place));
    Ok(match value {
        // Where each group has rows, all of which have a value, there is a sum.
        Value::Sum { terms, count } => {
            let sum = total(terms, data_type, schema)?;
            match has_rows && *count == rows {
                true => sum,
                false => when(of(*count).gt(zero()), sum).end()?,
            }
        }
        Value::Count(count) if has_rows && *count == rows => of(*count),
        Value::Count(count) => when(of(*count).is_null(), zero()).otherwise(of(*count))?,
        Value::Average { terms, count, of: values } => {
            let scale = match values {
                DataType::Decimal128(_, scale) => *scale,
                _ => 0,
            };
            let sum = total(terms, &DataType::Decimal128(38, scale), schema)?;
            average_of(values, sum, of(*count))
        }
        Value::Plain(place) => of(*place),
        Value::OfKeys(place) => named(&outer_name(*place)),
    })
}

/// The sum of terms, as a type.
fn total(terms: &Terms, data_type: &DataType, schema: &DFSchema) -> Result<Expr> {
    let mut sum: Option<Expr> = None;
    for (place, is_negative) in terms {
        let term = cast(named(&value_name(*place)), data_type.clone());
        let op = if *is_negative { Operator::Minus } else { Operator::Plus };
        sum = Some(match sum {
            None => term,
            Some(sum) => cast(exact(binary_expr(sum, op, term), schema)?, data_type.clone()),
        });
    }
    sum.ok_or_else(|| Error::internal("a sum of nothing").into())
}

fn with_filter(expr: Expr, filter: Option<Expr>) -> Expr {
    match (expr, filter) {
        (Expr::AggregateFunction(mut call), Some(filter)) => {
            call.params.filter = Some(Box::new(filter));
            Expr::AggregateFunction(call)
        }
        (expr, _) => expr,
    }
}

fn named(name: &str) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}

fn group_name(place: usize) -> String {
    format!("cell group {place}")
}

fn by_name(place: usize) -> String {
    format!("cell key {place}")
}

fn value_name(place: usize) -> String {
    format!("cell value {place}")
}

fn outer_name(place: usize) -> String {
    format!("cell result {place}")
}
