//! Partial aggregation of a star block: groups are found by codes of dimensions.
//!
//! ```text
//!   reference ── code of the dimension's keys ─┐
//!   reference ── code of the dimension's keys ─┼─ cell ── group ── accumulators
//!   other keys ─ number of their combination ──┘
//! ```
//!
//! The keys of a dimension are numbered once for each of its rows that pass, so a row of the fact
//! costs a look-up and an addition for each dimension. Texts of the fact have numbers, too, where
//! its dictionaries have few. What leaves is what a partial aggregation of
//! the query engine would give; [`super::whole`] merges it, or leaves that to the final one.

use super::cells::ARRAY_CELLS_MAX;
use super::common::with_common;
use super::exec::StarExec;
use super::functions::Functions;
use super::number_key::NumberKey;
use super::partial::StarAggregateExec;
use super::plan::{Source, StarPlan, misplaced};
use super::whole::{with_first_groups, with_wholes};
use crate::operators::{StatesSchema, with_states};
use crate::scan::ScanExec;
use arrow::datatypes::{Field, FieldRef, Schema, SchemaRef};
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::AggregateUDF;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::{ExecutionPlan, InputOrderMode, Partitioning};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Puts [`StarAggregateExec`] in the place of partial aggregations over star blocks.
#[derive(Debug)]
pub(crate) struct StarAggregates;

impl PhysicalOptimizerRule for StarAggregates {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = with_states(plan, &states)?;
        with_first_groups(with_common(with_wholes(plan)?)?)
    }

    fn name(&self) -> &str {
        "StarAggregates"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Functions whose states for groups are other ones than for all rows, of which the operator above
/// an aggregation without keys expects the latter.
const TWO_STATES: [&str; 2] = ["approx_distinct", "corr"];

/// The operator for an aggregation over a star block.
fn states(
    aggregate: &AggregateExec,
    schema: &StatesSchema<'_>,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let input = without_yields(aggregate.input());
    if !aggregate.group_expr().is_single() {
        return Ok(None);
    }
    let functions = aggregate.aggr_expr();
    let has_keys = !aggregate.group_expr().is_empty();
    let is_known = |function: &Arc<AggregateFunctionExpr>| {
        function.order_bys().is_empty()
            && function.groups_accumulator_supported()
            && (has_keys || !TWO_STATES.contains(&function.fun().name()))
    };
    if !functions.iter().all(is_known) {
        return Ok(None);
    }
    if let Some(star) = input.downcast_ref::<StarExec>() {
        return Ok(Some(Arc::new(StarAggregateExec::new(star, aggregate, schema()?)?)));
    }
    if *aggregate.input_order_mode() != InputOrderMode::Linear {
        return Ok(None);
    }
    let Some(table) = table_alone(input)? else { return Ok(None) };
    let exec = StarAggregateExec::new(&table, aggregate, schema()?)?;
    Ok(exec.pays_for_a_table().then(|| Arc::new(exec) as _))
}

/// What is below operators that let others run in between, or hand rows to any thread.
fn without_yields(mut plan: &Arc<dyn ExecutionPlan>) -> &Arc<dyn ExecutionPlan> {
    loop {
        plan = match plan.downcast_ref::<RepartitionExec>() {
            Some(divided) if matches!(divided.partitioning(), Partitioning::RoundRobinBatch(_)) => {
                divided.input()
            }
            _ => match plan.downcast_ref::<CooperativeExec>() {
                Some(cooperative) => cooperative.input(),
                None => return plan,
            },
        };
    }
}

/// A table that is read without dimensions, as a star block.
fn table_alone(input: &Arc<dyn ExecutionPlan>) -> Result<Option<StarExec>> {
    let (scan, outputs) = match input.downcast_ref::<ProjectionExec>() {
        Some(projection) => (without_yields(projection.input()), Some(projection.expr())),
        None => (input, None),
    };
    let Some(scan) = scan.downcast_ref::<ScanExec>() else { return Ok(None) };
    if !scan.settings().star_executor || scan.fetch().is_some() {
        return Ok(None);
    }
    let outputs = match outputs {
        Some(outputs) => outputs.iter().map(|output| Arc::clone(&output.expr)).collect(),
        None => {
            let fields = scan.schema();
            let fields = fields.fields().iter().enumerate();
            fields.map(|(place, field)| Arc::new(Column::new(field.name(), place)) as _).collect()
        }
    };
    Ok(Some(StarExec::of_table(scan.fresh(), outputs, input.schema())))
}

/// Where a key of a group comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Key {
    /// The keys of a dimension, and a place among them.
    Dimension(usize, usize),
    /// A place among the columns of text that are read as numbers.
    Text(usize),
    /// The column of numbers that lie near each other.
    Number,
    /// A place among the keys that are evaluated row by row.
    Row(usize),
}

/// Combinations of the numbers of texts up to which these are read as such.
const TEXT_CELLS_MAX: usize = 1 << 16;

/// What there is to aggregate.
#[derive(Debug)]
pub(super) struct Aggregation {
    pub(super) star: StarPlan,
    pub(super) keys: Vec<Key>,
    /// Dimensions with keys, and the places of these among the columns of the dimension.
    pub(super) dimensions: Vec<(usize, Vec<usize>)>,
    /// Places of the columns of the root that are read as numbers of their texts, and how many of
    /// these their dictionaries have.
    pub(super) texts: Vec<(usize, usize)>,
    /// The column of the root that is [`Key::Number`].
    pub(super) number: Option<NumberKey>,
    pub(super) row_keys: Vec<Arc<dyn PhysicalExpr>>,
    pub(super) row_schema: SchemaRef,
    pub(super) functions: Functions,
    pub(super) asked: Asked,
    /// Of the states that leave it.
    pub(super) schema: SchemaRef,
}

impl Aggregation {
    pub(super) fn new(
        star: &StarExec,
        aggregate: &AggregateExec,
        schema: SchemaRef,
    ) -> Result<Self> {
        let inlined = |expr: &Arc<dyn PhysicalExpr>| inline(expr, &star.outputs);
        let functions = aggregate.aggr_expr().to_vec();
        let arguments = functions
            .iter()
            .map(|function| function.expressions().iter().map(inlined).collect::<Result<_>>())
            .collect::<Result<Vec<Vec<_>>>>()?;
        let filters = aggregate.filter_expr().iter();
        let filters = filters.map(|filter| filter.as_ref().map(inlined).transpose());
        let filters = filters.collect::<Result<Vec<_>>>()?;
        let wanted = aggregate.group_expr().expr().iter();
        let wanted = wanted.map(|(expr, _)| inlined(expr)).collect::<Result<Vec<_>>>()?;
        let texts = Texts::new(
            &star.star,
            &wanted,
            arguments.iter().flatten().chain(filters.iter().flatten()),
        );
        let asked = Asked {
            star: Arc::clone(&star.star),
            keys: wanted.clone(),
            functions: functions.clone(),
            arguments: arguments.clone(),
            filters: filters.clone(),
        };
        let number = number_among(&star.star, &wanted, &texts);
        let first_number = number.map(|(place, _)| place);
        let Keys { keys, dimensions, row_keys, row_fields } =
            Keys::new(&star.star, wanted, &texts, first_number, &schema);
        let others: Vec<_> = row_keys.iter().chain(&star.star.residuals).cloned().collect();
        let functions = Functions::new(&star.star, functions, arguments, filters, &others);
        let (functions, star, row_keys) = functions.pruned(&star.star, &row_keys)?;
        let row_schema = Arc::new(Schema::new(row_fields));
        let (texts, number) = (texts.0, number.map(|(_, number)| number));
        Ok(Self {
            star,
            keys,
            dimensions,
            texts,
            number,
            row_keys,
            row_schema,
            functions,
            asked,
            schema,
        })
    }

    /// Whether this is better than what the query engine has for a table without dimensions: it
    /// reads numbers instead of texts, or nothing but words, or finds groups without hashing.
    pub(super) fn pays_for_a_table(&self) -> bool {
        match self.keys.is_empty() {
            true => self.functions.narrow.is_all(),
            false => {
                let is_coded = |key: &Key| matches!(key, Key::Text(_) | Key::Number);
                // The query engine notices where nearly each row is a group of its own.
                let is_few = |number: NumberKey| number.room() <= ARRAY_CELLS_MAX;
                self.keys.iter().all(is_coded) && self.number.is_none_or(is_few)
            }
        }
    }
}

/// What a query asks of a star block, before it is decided how that is found.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) star: Arc<StarPlan>,
    keys: Vec<Arc<dyn PhysicalExpr>>,
    functions: Vec<Arc<AggregateFunctionExpr>>,
    arguments: Vec<Vec<Arc<dyn PhysicalExpr>>>,
    filters: Vec<Option<Arc<dyn PhysicalExpr>>>,
}

/// The same in terms that all star blocks have that have the same rows.
pub(super) struct Canonical {
    pub(super) keys: Vec<Arc<dyn PhysicalExpr>>,
    pub(super) functions: Vec<CanonicalFunction>,
}

/// A function with its arguments and its filter.
#[derive(PartialEq)]
pub(super) struct CanonicalFunction {
    function: AggregateUDF,
    result: FieldRef,
    is_distinct: bool,
    ignores_nulls: bool,
    arguments: Vec<Arc<dyn PhysicalExpr>>,
    filter: Option<Arc<dyn PhysicalExpr>>,
}

impl Asked {
    /// `None` if anything is volatile.
    pub(super) fn canonical(&self) -> Option<Canonical> {
        let named = |expr: &Arc<dyn PhysicalExpr>| self.star.canonical(expr);
        let keys = self.keys.iter().map(named).collect::<Option<_>>()?;
        let all = self.functions.iter().zip(&self.arguments).zip(&self.filters);
        let functions = all.map(|((function, arguments), filter)| {
            let field = function.field();
            let filter = match filter {
                Some(filter) => Some(named(filter)?),
                None => None,
            };
            Some(CanonicalFunction {
                function: function.fun().clone(),
                result: Arc::new(Field::new("", field.data_type().clone(), true)),
                is_distinct: function.is_distinct(),
                ignores_nulls: function.ignore_nulls(),
                arguments: arguments.iter().map(named).collect::<Option<_>>()?,
                filter,
            })
        });
        let functions = functions.collect::<Option<_>>()?;
        Some(Canonical { keys, functions })
    }
}

/// Whether some of the keys are, with each that has a common code with others, all of these.
pub(super) fn keeps_whole_codes(keys: &[Key], kept: &[usize]) -> bool {
    let share_a_code = |one: &Key, other: &Key| match (one, other) {
        (Key::Dimension(one, _), Key::Dimension(other, _)) => one == other,
        (Key::Row(_), Key::Row(_)) => true,
        _ => false,
    };
    let (mut some, mut others) = (Vec::new(), Vec::new());
    for (place, key) in keys.iter().enumerate() {
        if kept.contains(&place) { some.push(key) } else { others.push(key) }
    }
    !some.iter().any(|one| others.iter().any(|other| share_a_code(one, other)))
}

/// Where all keys come from.
#[derive(Default)]
struct Keys {
    keys: Vec<Key>,
    dimensions: Vec<(usize, Vec<usize>)>,
    row_keys: Vec<Arc<dyn PhysicalExpr>>,
    row_fields: Vec<Field>,
}

impl Keys {
    fn new(
        star: &StarPlan,
        wanted: Vec<Arc<dyn PhysicalExpr>>,
        texts: &Texts,
        number: Option<usize>,
        schema: &Schema,
    ) -> Self {
        let mut all = Self::default();
        for (place, expr) in wanted.into_iter().enumerate() {
            let column = expr.downcast_ref::<Column>().map(Column::index);
            let key = match column.and_then(|column| star.sources.get(column)) {
                Some(Source::Root(column)) if texts.place(*column).is_some() => {
                    Key::Text(texts.place(*column).unwrap_or_default())
                }
                Some(Source::Dimension(dimension, column))
                    if !star.reads_few_rows_for(*dimension) =>
                {
                    let mut known = all.dimensions.iter();
                    let known = known.position(|(known, _)| known == dimension);
                    let known = known.unwrap_or_else(|| {
                        all.dimensions.push((*dimension, Vec::new()));
                        all.dimensions.len() - 1
                    });
                    let columns = &mut all.dimensions[known].1;
                    columns.push(*column);
                    Key::Dimension(known, columns.len() - 1)
                }
                _ if Some(place) == number => Key::Number,
                _ => {
                    let field: &Field = schema.field(place);
                    all.row_fields.push(field.clone());
                    all.row_keys.push(expr);
                    Key::Row(all.row_keys.len() - 1)
                }
            };
            all.keys.push(key);
        }
        all
    }
}

/// The place of the first key that is a column of numbers which lie near each other, if it and all
/// other keys are few enough that their combinations can be counted.
fn number_among(
    star: &StarPlan,
    keys: &[Arc<dyn PhysicalExpr>],
    texts: &Texts,
) -> Option<(usize, NumberKey)> {
    let dimension = |key: &Arc<dyn PhysicalExpr>| match star
        .sources
        .get(key.downcast_ref::<Column>()?.index())?
    {
        Source::Dimension(dimension, _) => Some(*dimension),
        Source::Root(_) => None,
    };
    // The rows of a dimension are counted in 32 bits.
    let dimensions: BTreeSet<usize> = keys.iter().filter_map(dimension).collect();
    if dimensions.len() + usize::from(!texts.0.is_empty()) > 1 {
        return None;
    }
    let number = |(place, key)| Some((place, NumberKey::of(star, key)?));
    keys.iter().enumerate().find_map(number)
}

/// The columns of text that are read as numbers: keys of which dictionaries have all texts that are
/// in files, and of which nothing but the key is asked.
struct Texts(Vec<(usize, usize)>);

impl Texts {
    fn new<'a>(
        star: &'a StarPlan,
        keys: &'a [Arc<dyn PhysicalExpr>],
        others: impl Iterator<Item = &'a Arc<dyn PhysicalExpr>>,
    ) -> Self {
        let source = |column: usize| star.sources.get(column).copied();
        let is_plain = |key: &&'a Arc<dyn PhysicalExpr>| key.is::<Column>();
        let others = others.chain(keys.iter().filter(|key| !is_plain(key))).chain(&star.residuals);
        let others: Vec<Option<Source>> =
            others.flat_map(collect_columns).map(|column| source(column.index())).collect();
        let mut texts: Vec<(usize, usize)> = Vec::new();
        let mut cells = 1_usize;
        for key in keys.iter().filter_map(|key| key.downcast_ref::<Column>()) {
            let Some(Source::Root(place)) = source(key.index()) else { continue };
            let is_known = texts.iter().any(|(known, _)| *known == place);
            if is_known || others.contains(&Some(Source::Root(place))) {
                continue;
            }
            let Some(count) = star.root.text_count(place) else { continue };
            // One more for NULL.
            match cells.checked_mul(count + 1).filter(|cells| *cells <= TEXT_CELLS_MAX) {
                Some(more) => cells = more,
                None => continue,
            }
            texts.push((place, count));
        }
        Self(texts)
    }

    fn place(&self, column: usize) -> Option<usize> {
        self.0.iter().position(|(known, _)| *known == column)
    }
}

/// An expression over outputs as one over what these are over.
pub(super) fn inline(
    expr: &Arc<dyn PhysicalExpr>,
    outputs: &[Arc<dyn PhysicalExpr>],
) -> Result<Arc<dyn PhysicalExpr>> {
    let inlined = Arc::clone(expr).transform_up(|node| {
        let Some(column) = node.downcast_ref::<Column>() else { return Ok(Transformed::no(node)) };
        let output = outputs.get(column.index()).ok_or_else(misplaced)?;
        Ok(Transformed::yes(Arc::clone(output)))
    });
    Ok(inlined?.data)
}
