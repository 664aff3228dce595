//! `min` and `max`, which agree with ORDER BY about NaN: it is greater than all other numbers.
//!
//! The query engine's own find the bounds of groups of floats by comparisons that say nothing of
//! NaN, so that what comes after it counts alone. All else is left to them.

use arrow::array::ArrowPrimitiveType;
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::functions_aggregate::min_max::{Max, Min};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, Expr, GroupsAccumulator,
    ReversedUDAF, SetMonotonicity, Signature, StatisticsArgs,
};
use datafusion_functions_aggregate_common::aggregate::groups_accumulator::prim_op;
use prim_op::PrimitiveGroupsAccumulator;
use std::cmp::Ordering;
use std::sync::{Arc, LazyLock};

/// The least or the greatest value.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) enum Bound {
    Min(Min),
    Max(Max),
}

/// Whether a function is `min` or `max`, and then which: `true` for `max`.
pub(crate) fn is_max(function: &AggregateUDF) -> Option<bool> {
    let bound = function.inner().downcast_ref::<Bound>()?;
    Some(matches!(bound, Bound::Max(_)))
}

/// Both of them.
pub(super) fn bounds() -> [Bound; 2] {
    [Bound::Min(Min::new()), Bound::Max(Max::new())]
}

/// The least value of an expression, as queries have it.
pub(crate) fn least(of: Expr) -> Expr {
    static MIN: LazyLock<Arc<AggregateUDF>> =
        LazyLock::new(|| Arc::new(Bound::Min(Min::new()).into()));
    MIN.call(vec![of])
}

/// The greatest value of an expression, as queries have it.
pub(crate) fn greatest(of: Expr) -> Expr {
    static MAX: LazyLock<Arc<AggregateUDF>> =
        LazyLock::new(|| Arc::new(Bound::Max(Max::new()).into()));
    MAX.call(vec![of])
}

impl Bound {
    fn engine(&self) -> &dyn AggregateUDFImpl {
        match self {
            Self::Min(min) => min,
            Self::Max(max) => max,
        }
    }

    /// What replaces the bound that was known before.
    fn wanted(&self) -> Ordering {
        match self {
            Self::Min(_) => Ordering::Less,
            Self::Max(_) => Ordering::Greater,
        }
    }

    /// The bound of no values, which all others replace: a NaN at the opposite end.
    fn start_bits(&self) -> u64 {
        match self {
            Self::Min(_) => u64::MAX >> 1,
            Self::Max(_) => u64::MAX,
        }
    }
}

/// The bounds of groups of floats.
fn of_floats<T: ArrowPrimitiveType + Send>(
    start: T::Native,
    wanted: Ordering,
    compare: fn(&T::Native, &T::Native) -> Ordering,
) -> Box<dyn GroupsAccumulator> {
    let replace = move |known: &mut T::Native, new: T::Native| {
        if compare(&new, known) == wanted {
            *known = new;
        }
    };
    let accumulator = PrimitiveGroupsAccumulator::<T, _>::new(&T::DATA_TYPE, replace);
    Box::new(accumulator.with_starting_value(start))
}

impl AggregateUDFImpl for Bound {
    fn name(&self) -> &str {
        self.engine().name()
    }

    fn signature(&self) -> &Signature {
        self.engine().signature()
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        self.engine().coerce_types(arg_types)
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.engine().return_type(arg_types)
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        self.engine().accumulator(args)
    }

    fn create_sliding_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>> {
        self.engine().create_sliding_accumulator(args)
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<arrow::datatypes::FieldRef>> {
        self.engine().state_fields(args)
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        self.engine().groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        let (start, wanted) = (self.start_bits(), self.wanted());
        Ok(match args.return_field.data_type() {
            DataType::Float32 => {
                let start = f32::from_bits((start >> 32) as u32);
                of_floats::<Float32Type>(start, wanted, f32::total_cmp)
            }
            DataType::Float64 => {
                of_floats::<Float64Type>(f64::from_bits(start), wanted, f64::total_cmp)
            }
            _ => return self.engine().create_groups_accumulator(args),
        })
    }

    fn is_descending(&self) -> Option<bool> {
        self.engine().is_descending()
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.engine().order_sensitivity()
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        self.engine().reverse_expr()
    }

    fn value_from_stats(&self, args: &StatisticsArgs<'_>) -> Option<ScalarValue> {
        self.engine().value_from_stats(args)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.engine().documentation()
    }

    fn set_monotonicity(&self, data_type: &DataType) -> SetMonotonicity {
        self.engine().set_monotonicity(data_type)
    }
}
