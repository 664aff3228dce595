//! Sums of numbers that zone maps prove to be short.
//!
//! What a sum or an average adds up is `+`, `-` and `*` of columns of the root and constants, and
//! from the bounds of the columns follow those of each step. If none needs more than 64 bits, or
//! more digits than its type has, columns are read as words and nothing is checked:
//! [`starfact_exec::narrow`].

use super::plan::{Source, StarPlan};
use crate::arithmetic::short_operation;
use crate::functions::{is_exact_total, is_sum, is_wide};
use arrow::array::{Array, ArrayRef, Decimal128Array, Decimal256Array, Int64Array, UInt64Array};
use arrow::datatypes::{DataType, i256};
use datafusion::common::{Result, ScalarValue};
use datafusion::functions_aggregate::count::Count;
use datafusion::logical_expr::EmitTo;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::expressions::{CastExpr, Column, Literal};
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use starfact_exec::narrow::{Asked, GroupSums, Program, SUMMED_END, Step};
use starfact_exec::short::ShortOp;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// No step goes as far as this, in either direction.
const WORD_END: i128 = 1 << 62;
/// The most digits of a decimal.
const DIGITS_MAX: u32 = 38;

/// The functions of an aggregation that are computed so.
#[derive(Clone, Debug, Default)]
pub(super) struct Narrow {
    program: Program,
    asked: Vec<Asked>,
    /// The places in the batches of the root of the columns that are read as words.
    pub(super) columns: Vec<usize>,
    /// For each function of the aggregation, what its states are; `None` if it is not computed so.
    pub(super) functions: Vec<Option<States>>,
}

/// The states of a function, and where what they are made of is among all that is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum States {
    /// A sum in 128 bits and the number of values.
    Sum(usize),
    /// A sum in 256 bits and the number of values.
    WideSum(usize),
    /// The number of values.
    Count(usize),
}

/// A step and what its results are between.
#[derive(Clone, Debug)]
struct Number {
    step: usize,
    bounds: RangeInclusive<i128>,
}

impl Narrow {
    /// Which functions of an aggregation can be computed so. `arguments` are over the columns of
    /// joined rows, of which those at `others` are read as they are, too.
    pub(super) fn new(
        star: &StarPlan,
        functions: &[Arc<AggregateFunctionExpr>],
        arguments: &[Vec<Arc<dyn PhysicalExpr>>],
        filters: &[Option<Arc<dyn PhysicalExpr>>],
        others: &[Arc<dyn PhysicalExpr>],
    ) -> Self {
        let mut is_out = vec![false; functions.len()];
        loop {
            let mut narrow = Self::default();
            let mut read: Vec<&Arc<dyn PhysicalExpr>> = others.iter().collect();
            let all = functions.iter().zip(arguments).zip(filters).zip(&is_out);
            for (((function, arguments), filter), is_out) in all {
                let states = match (filter, is_out) {
                    (None, false) => narrow.states(star, function, arguments),
                    _ => None,
                };
                if states.is_none() {
                    read.extend(arguments.iter().chain(filter));
                }
                narrow.functions.push(states);
            }
            // What is read as it is, too, is not read as words.
            let read = read.into_iter().flat_map(collect_columns);
            let read: Vec<Option<Source>> =
                read.map(|column| star.sources.get(column.index()).copied()).collect();
            let is_read = |place: &usize| read.contains(&Some(Source::Root(*place)));
            let Some(shared) = narrow.columns.iter().position(is_read) else {
                return match narrow.functions.iter().any(Option::is_some) {
                    true => narrow,
                    false => Self { functions: vec![None; functions.len()], ..Self::default() },
                };
            };
            for (states, is_out) in narrow.functions.iter().zip(&mut is_out) {
                *is_out |= states.is_some_and(|states| narrow.uses(states, shared));
            }
        }
    }

    /// Whether any function is computed so.
    pub(super) fn is_empty(&self) -> bool {
        self.functions.iter().all(Option::is_none)
    }

    /// Whether all functions are computed so, and there are columns to compute with.
    pub(super) fn is_all(&self) -> bool {
        !self.columns.is_empty() && self.functions.iter().all(Option::is_some)
    }

    /// Nothing added up yet.
    pub(super) fn sums(&self) -> GroupSums {
        GroupSums::new(self.program.clone(), self.asked.clone())
    }

    fn uses(&self, states: States, column: usize) -> bool {
        let (States::Sum(place) | States::WideSum(place) | States::Count(place)) = states;
        self.asked.get(place).is_some_and(|asked| asked.columns.contains(&column))
    }

    fn states(
        &mut self,
        star: &StarPlan,
        function: &AggregateFunctionExpr,
        arguments: &[Arc<dyn PhysicalExpr>],
    ) -> Option<States> {
        if function.is_distinct() {
            return None;
        }
        let [argument] = arguments else { return None };
        let is_count = function.fun().inner().is::<Count>();
        if is_count && argument.downcast_ref::<Literal>().is_some_and(|it| !it.value().is_null()) {
            return Some(States::Count(self.ask(None, Vec::new())));
        }
        if !is_count && !is_exact_total(function.fun()) {
            return None;
        }
        // What a failed attempt leaves is not computed for anybody.
        let before = (self.program.clone(), self.columns.len());
        let number = self
            .number(star, argument)
            .filter(|number| is_count || fits(&number.bounds, SUMMED_END));
        let Some(number) = number else {
            self.program = before.0;
            self.columns.truncate(before.1);
            return None;
        };
        let mut columns = Vec::new();
        for column in collect_columns(argument) {
            let Some(Source::Root(place)) = star.sources.get(column.index()) else { return None };
            columns.extend(self.columns.iter().position(|known| known == place));
        }
        columns.sort_unstable();
        if is_count {
            return Some(States::Count(self.ask(None, columns)));
        }
        let place = self.ask(Some(number.step), columns);
        let data_type = argument.data_type(&star.schema).ok()?;
        Some(if is_wide(&data_type) { States::WideSum(place) } else { States::Sum(place) })
    }

    fn ask(&mut self, sum: Option<usize>, columns: Vec<usize>) -> usize {
        let asked = Asked { sum, columns };
        let known = self.asked.iter().position(|known| *known == asked);
        known.unwrap_or_else(|| {
            self.asked.push(asked);
            self.asked.len() - 1
        })
    }

    /// The steps that an expression is.
    fn number(&mut self, star: &StarPlan, expr: &Arc<dyn PhysicalExpr>) -> Option<Number> {
        if let Some(column) = expr.downcast_ref::<Column>() {
            let Source::Root(place) = *star.sources.get(column.index())? else { return None };
            let bounds = star.root.word_bounds(place).filter(|bounds| fits(bounds, WORD_END))?;
            let known = self.columns.iter().position(|known| *known == place);
            let column = known.unwrap_or_else(|| {
                self.columns.push(place);
                self.columns.len() - 1
            });
            return Some(Number { step: self.program.add(Step::Column(column)), bounds });
        }
        if let Some(literal) = expr.downcast_ref::<Literal>() {
            let value = match literal.value() {
                ScalarValue::Int16(Some(value)) => i128::from(*value),
                ScalarValue::Int32(Some(value)) => i128::from(*value),
                ScalarValue::Int64(Some(value)) => i128::from(*value),
                ScalarValue::Decimal128(Some(value), _, 0..) => *value,
                _ => return None,
            };
            return self.constant(value);
        }
        if let Some(cast) = expr.downcast_ref::<CastExpr>() {
            let from = cast.expr().data_type(&star.schema).ok()?;
            let (factor, limit) = widening(&from, cast.cast_type())?;
            let number = self.number(star, cast.expr())?;
            return self.scaled(number, factor).filter(|number| fits(&number.bounds, limit));
        }
        let call = expr.downcast_ref::<ScalarFunctionExpr>()?;
        let [left, right] = call.args() else { return None };
        let types = (left.data_type(&star.schema).ok()?, right.data_type(&star.schema).ok()?);
        let operation = short_operation(call.fun(), &types.0, &types.1)?;
        let [left_factor, right_factor] = operation.factors;
        let left = self.number(star, left)?;
        let left = self.scaled(left, left_factor)?;
        let right = self.number(star, right)?;
        let right = self.scaled(right, right_factor)?;
        let bounds = results(operation.op, &left.bounds, &right.bounds)?;
        if !fits(&bounds, operation.limit.min(WORD_END)) {
            return None;
        }
        let step = self.program.add(Step::Apply(operation.op, left.step, right.step));
        Some(Number { step, bounds })
    }

    fn constant(&mut self, value: i128) -> Option<Number> {
        let bounds = value..=value;
        let word = i64::try_from(value).ok().filter(|_| fits(&bounds, WORD_END))?;
        Some(Number { step: self.program.add(Step::Constant(word)), bounds })
    }

    fn scaled(&mut self, number: Number, factor: i64) -> Option<Number> {
        if factor == 1 {
            return Some(number);
        }
        let factor = self.constant(factor.into())?;
        let bounds = results(ShortOp::Multiply, &number.bounds, &factor.bounds)?;
        if !fits(&bounds, WORD_END) {
            return None;
        }
        let step = self.program.add(Step::Apply(ShortOp::Multiply, number.step, factor.step));
        Some(Number { step, bounds })
    }
}

/// The states of a function for all groups.
pub(super) fn states_of(sums: &GroupSums, states: States) -> Result<Vec<ArrayRef>> {
    let (States::Sum(place) | States::WideSum(place) | States::Count(place)) = states;
    let (values, counts): (Vec<i128>, Vec<u64>) = sums.of(place).unzip();
    Ok(match states {
        States::Sum(_) => {
            let values = Decimal128Array::from(values).with_precision_and_scale(38, 0)?;
            vec![Arc::new(values), Arc::new(UInt64Array::from(counts))]
        }
        States::WideSum(_) => {
            let values = values.into_iter().map(i256::from_i128);
            let values = Decimal256Array::from_iter_values(values);
            let values = values.with_precision_and_scale(76, 0)?;
            vec![Arc::new(values), Arc::new(UInt64Array::from(counts))]
        }
        States::Count(_) => {
            let counts = counts.into_iter().map(|count| count as i64);
            vec![Arc::new(Int64Array::from_iter_values(counts))]
        }
    })
}

/// The values of a function for all groups.
pub(super) fn values_of(
    sums: &GroupSums,
    states: States,
    function: &AggregateFunctionExpr,
) -> Result<ArrayRef> {
    let data_type = function.field().data_type().clone();
    match (states, &data_type) {
        (States::Count(place), DataType::Int64) => {
            let counts = sums.of(place).map(|(_, count)| count as i64);
            Ok(Arc::new(Int64Array::from_iter_values(counts)))
        }
        (States::Sum(place) | States::WideSum(place), DataType::Decimal128(38, _))
            if is_sum(function.fun()) =>
        {
            // A sum of so many words has less than 38 digits.
            let has_all = sums.of(place).all(|(_, count)| count > 0);
            let nulls = (!has_all).then(|| sums.of(place).map(|(_, count)| count > 0).collect());
            let values = Decimal128Array::new(sums.sums(place).to_vec().into(), nulls);
            Ok(Arc::new(values.with_data_type(data_type)))
        }
        _ => {
            let states = states_of(sums, states)?;
            let count = states.first().map_or(0, |states| states.len());
            let groups: Vec<usize> = (0..count).collect();
            let mut accumulator = function.create_groups_accumulator()?;
            accumulator.merge_batch(&states, &groups, count)?;
            accumulator.evaluate(EmitTo::All)
        }
    }
}

/// Whether all numbers are less than `end` and more than its opposite.
fn fits(bounds: &RangeInclusive<i128>, end: i128) -> bool {
    -end < *bounds.start() && *bounds.end() < end
}

/// What the results of an operator are between, of operands of which this is known.
fn results(
    op: ShortOp,
    left: &RangeInclusive<i128>,
    right: &RangeInclusive<i128>,
) -> Option<RangeInclusive<i128>> {
    let apply = |a: &i128, b: &i128| match op {
        ShortOp::Add => a.checked_add(*b),
        ShortOp::Subtract => a.checked_sub(*b),
        ShortOp::Multiply => a.checked_mul(*b),
    };
    let ends = [
        apply(left.start(), right.start())?,
        apply(left.start(), right.end())?,
        apply(left.end(), right.start())?,
        apply(left.end(), right.end())?,
    ];
    Some(*ends.iter().min()?..=*ends.iter().max()?)
}

/// What a cast multiplies numbers by, and what the results are to be less than.
fn widening(from: &DataType, to: &DataType) -> Option<(i64, i128)> {
    let scale = |data_type: &DataType| match data_type {
        DataType::Int16 | DataType::Int32 | DataType::Int64 => Some(0_u32),
        DataType::Decimal128(_, scale @ 0..) => Some(scale.unsigned_abs().into()),
        _ => None,
    };
    let limit = match to {
        DataType::Int16 => i128::from(i16::MAX),
        DataType::Int32 => i128::from(i32::MAX),
        DataType::Int64 => i128::from(i64::MAX),
        DataType::Decimal128(precision, _) => 10_i128.pow(u32::from(*precision).min(DIGITS_MAX)),
        _ => return None,
    };
    let factor = 10_i64.checked_pow(scale(to)?.checked_sub(scale(from)?)?)?;
    Some((factor, limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_between_those_of_the_ends() {
        for op in [ShortOp::Add, ShortOp::Subtract, ShortOp::Multiply] {
            let ranges = [-3..=2, 0..=0, 4..=9, -7..=-5, -1..=1];
            for (left, right) in ranges.iter().flat_map(|a| ranges.iter().map(move |b| (a, b))) {
                let bounds = results(op, left, right).unwrap();
                let pairs = left.clone().flat_map(|a| right.clone().map(move |b| (a, b)));
                let all: Vec<i128> = pairs
                    .map(|(a, b)| match op {
                        ShortOp::Add => a + b,
                        ShortOp::Subtract => a - b,
                        ShortOp::Multiply => a * b,
                    })
                    .collect();
                assert_eq!(Some(bounds.start()), all.iter().min());
                assert_eq!(Some(bounds.end()), all.iter().max());
            }
        }
        assert_eq!(results(ShortOp::Multiply, &(0..=i128::MAX), &(2..=2)), None);
    }

    #[test]
    fn casts_append_zeros() {
        let decimal = DataType::Decimal128;
        assert_eq!(widening(&DataType::Int32, &decimal(12, 2)), Some((100, 10_i128.pow(12))));
        assert_eq!(widening(&decimal(5, 1), &decimal(7, 3)), Some((100, 10_i128.pow(7))));
        assert_eq!(widening(&DataType::Int64, &DataType::Int16), Some((1, 32_767)));
        assert_eq!(widening(&decimal(5, 2), &DataType::Int64), None);
        assert_eq!(widening(&DataType::Utf8View, &DataType::Int64), None);
    }
}
