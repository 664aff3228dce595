//! The first groups in the order of a value: keys are made for these alone.
//!
//! ```text
//!   ORDER BY sum(x) DESC LIMIT 10
//!
//!   sums of all groups ── the tenth greatest ── groups with as much or more ── their keys
//! ```
//!
//! Conditions: a sort with a limit is above the aggregation, perhaps with a projection in between
//! that computes nothing, and the first thing that it sorts by is the value of a function. All
//! groups that may be among the first by that alone are left; the sort decides between those that
//! are equal.

use super::plan::misplaced;
use super::whole::StarWholeExec;
use arrow::array::{Array, ArrayRef, BooleanArray, Scalar};
use arrow::compute::kernels::cmp::{gt_eq, lt_eq};
use arrow::compute::{SortOptions, is_null, or, prep_null_mask_filter, sort_to_indices};
use datafusion::common::Result;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::{ExecutionPlan, replace_children_if_necessary};
use std::sync::Arc;

/// Groups up to which the first ones are looked for.
const FIRST_MAX: usize = 1 << 14;

/// Which groups are the first.
#[derive(Clone, Copy, Debug)]
pub(super) struct First {
    /// The place of the function.
    value: usize,
    options: SortOptions,
    count: usize,
}

impl First {
    /// How many.
    pub(super) fn count(self) -> usize {
        self.count
    }

    /// Which of the groups may be among the first, by the values of all functions; `None` if all
    /// are.
    pub(super) fn of(self, values: &[ArrayRef]) -> Result<Option<BooleanArray>> {
        let column = values.get(self.value).ok_or_else(misplaced)?;
        if column.len() <= self.count {
            return Ok(None);
        }
        let order = sort_to_indices(column, Some(self.options), Some(self.count))?;
        let last = order.values().last().ok_or_else(misplaced)?;
        let last = column.slice(*last as usize, 1);
        let is_last_null = last.is_null(0);
        let nulls = is_null(column)?;
        if is_last_null {
            // NULLs are equal to each other, and before all others or behind them.
            return Ok(self.options.nulls_first.then_some(nulls));
        }
        let last = Scalar::new(last);
        let before = match self.options.descending {
            true => gt_eq(column, &last)?,
            false => lt_eq(column, &last)?,
        };
        let before = match before.null_count() {
            0 => before,
            _ => prep_null_mask_filter(&before),
        };
        Ok(Some(if self.options.nulls_first { or(&before, &nulls)? } else { before }))
    }
}

/// The operator below a sort with a limit, if it is a whole aggregation of which the first groups
/// are asked for.
pub(super) fn with_first(sort: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(sorted) = sort.downcast_ref::<SortExec>() else { return Ok(None) };
    let Some(count) = sorted.fetch().filter(|count| (1..=FIRST_MAX).contains(count)) else {
        return Ok(None);
    };
    let first = sorted.expr().first();
    let Some(column) = first.expr.downcast_ref::<Column>() else { return Ok(None) };
    let (place, projection) = match sorted.input().downcast_ref::<ProjectionExec>() {
        None => (column.index(), None),
        Some(projection) => {
            let output = projection.expr().get(column.index());
            let column = output.and_then(|output| output.expr.downcast_ref::<Column>());
            let Some(column) = column else { return Ok(None) };
            (column.index(), Some(projection))
        }
    };
    let input = projection.map_or(sorted.input(), ProjectionExec::input);
    let Some(whole) = input.downcast_ref::<StarWholeExec>() else { return Ok(None) };
    let Some(value) = whole.value_at(place) else { return Ok(None) };
    let first = First { value, options: first.options, count };
    let mut below: Arc<dyn ExecutionPlan> = Arc::new(whole.with_first(first));
    if projection.is_some() {
        below = replace_children_if_necessary(Arc::clone(sorted.input()), vec![below])?;
    }
    Ok(Some(replace_children_if_necessary(Arc::clone(sort), vec![below])?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{AsArray, Float64Array, Int64Array};
    use arrow::compute::{filter, sort};

    /// All of the first values are left, whatever is equal to the last of them, and nothing else.
    fn assert_first(column: &ArrayRef) {
        for (descending, nulls_first) in
            [(true, true), (true, false), (false, true), (false, false)]
        {
            let options = SortOptions { descending, nulls_first };
            for count in 1..=column.len() + 1 {
                let first = First { value: 0, options, count };
                let left = match first.of(std::slice::from_ref(column)).unwrap() {
                    None => Arc::clone(column),
                    Some(mask) => {
                        assert_eq!(mask.null_count(), 0);
                        filter(column, &mask).unwrap()
                    }
                };
                let all = sort(column, Some(options)).unwrap();
                let left = sort(&left, Some(options)).unwrap();
                let wanted = count.min(column.len());
                assert_eq!(&left.slice(0, wanted), &all.slice(0, wanted), "{count} {options:?}");
                if left.len() > wanted {
                    let last = left.slice(left.len() - 1, 1);
                    let is_all = all.is_null(wanted - 1) && !nulls_first;
                    assert!(is_all || *last == *all.slice(wanted - 1, 1), "{count} {options:?}");
                }
            }
        }
    }

    #[test]
    fn the_first_are_left_with_all_that_are_equal_to_the_last() {
        let numbers = |numbers: Vec<Option<i64>>| Arc::new(Int64Array::from(numbers)) as ArrayRef;
        assert_first(&numbers(vec![Some(3), None, Some(-1), Some(3), Some(7), None, Some(0)]));
        assert_first(&numbers(vec![None, None, None]));
        assert_first(&numbers(vec![Some(5), Some(5), Some(5)]));
        let floats = [0.0, f64::NAN, f64::INFINITY, -0.5, f64::NAN, f64::NEG_INFINITY, 0.5];
        let floats: ArrayRef = Arc::new(Float64Array::from(floats.to_vec()));
        assert_first(&floats);
        assert_eq!(floats.as_primitive::<arrow::datatypes::Float64Type>().len(), 7);
    }
}
