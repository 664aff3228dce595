//! `sum` and `avg` as the query engine sees them. Floats, intervals and durations are left to the
//! engine's own implementation.

use super::accumulator::{ExactDistinct, ExactSum};
use super::exact::{Finish, Width, average_type, is_exact, is_wide, sum_type};
use super::groups::ExactGroups;
use crate::error::Error;
use crate::types::sql_name;
use arrow::datatypes::{DataType, Decimal128Type, Decimal256Type, Field, FieldRef};
use datafusion::common::{Result, exec_err};
use datafusion::functions_aggregate::average::Avg;
use datafusion::functions_aggregate::sum::Sum;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, GroupsAccumulator, ReversedUDAF, Signature,
    Volatility,
};
use std::sync::Arc;

/// Which aggregate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Sum,
    Average,
}

/// An exact aggregate.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Exact {
    kind: Kind,
    signature: Signature,
    aliases: Vec<String>,
    /// What does the work for inexact types.
    sum: Sum,
    average: Avg,
}

/// Whether a function is the exact sum or average, whose states are a sum and a count.
pub(crate) fn is_exact_total(function: &AggregateUDF) -> bool {
    function.inner().is::<Exact>()
}

/// Whether a function is the exact sum.
pub(crate) fn is_sum(function: &AggregateUDF) -> bool {
    let exact = function.inner().downcast_ref::<Exact>();
    exact.is_some_and(|exact| exact.kind == Kind::Sum)
}

impl Exact {
    pub(super) fn new(kind: Kind) -> Self {
        let aliases = match kind {
            Kind::Sum => Vec::new(),
            Kind::Average => vec!["mean".to_owned()],
        };
        let signature = Signature::user_defined(Volatility::Immutable);
        Self { kind, signature, aliases, sum: Sum::new(), average: Avg::new() }
    }

    fn inexact(&self) -> &dyn AggregateUDFImpl {
        match self.kind {
            Kind::Sum => &self.sum,
            Kind::Average => &self.average,
        }
    }

    fn finish(&self, argument: &DataType) -> Finish {
        match self.kind {
            Kind::Sum => Finish::Sum(sum_type(argument)),
            Kind::Average => Finish::average(argument),
        }
    }

    fn exact_accumulator(&self, args: &AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let argument = argument(args)?;
        let finish = self.finish(argument);
        Ok(match (args.is_distinct, is_wide(argument)) {
            (true, _) => Box::new(ExactDistinct::new(finish)),
            (false, false) => Box::new(ExactSum::<Decimal128Type>::new(finish)),
            (false, true) => Box::new(ExactSum::<Decimal256Type>::new(finish)),
        })
    }
}

fn argument<'a>(args: &AccumulatorArgs<'a>) -> Result<&'a DataType> {
    match args.expr_fields {
        [field] => Ok(field.data_type()),
        _ => exec_err!("{} takes one argument", args.name),
    }
}

impl AggregateUDFImpl for Exact {
    fn name(&self) -> &str {
        match self.kind {
            Kind::Sum => "sum",
            Kind::Average => "avg",
        }
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let [argument] = arg_types else {
            return exec_err!("{} takes one argument", self.name());
        };
        Ok(vec![coerce(argument).ok_or_else(|| {
            let (name, shown) = (self.name(), sql_name(argument));
            Error::sql(format!("{name} takes numbers, and the argument is {shown}"))
                .with_hint("cast the argument to a numeric type")
        })?])
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        match (self.kind, arg_types) {
            (Kind::Sum, [argument]) if is_exact(argument) => Ok(sum_type(argument)),
            (Kind::Average, [argument]) if is_exact(argument) => Ok(average_type(argument)),
            _ => self.inexact().return_type(arg_types),
        }
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        if is_exact(argument(&args)?) {
            self.exact_accumulator(&args)
        } else {
            self.inexact().accumulator(args)
        }
    }

    fn create_sliding_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>> {
        if is_exact(argument(&args)?) {
            self.exact_accumulator(&args)
        } else {
            self.inexact().create_sliding_accumulator(args)
        }
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let argument = match args.input_fields {
            [field] if is_exact(field.data_type()) => field.data_type(),
            _ => return self.inexact().state_fields(args),
        };
        let state = |name: &str, data_type: DataType| -> FieldRef {
            Arc::new(Field::new(format_state_name(args.name, name), data_type, true))
        };
        if args.is_distinct {
            let values = Field::new_list_field(ExactDistinct::STATE, true);
            return Ok(vec![state("values", DataType::List(Arc::new(values)))]);
        }
        let sum = if is_wide(argument) { Decimal256Type::STATE } else { Decimal128Type::STATE };
        Ok(vec![state("sum", sum), state("count", DataType::UInt64)])
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        match argument(&args) {
            Ok(argument) if is_exact(argument) => !args.is_distinct,
            _ => self.inexact().groups_accumulator_supported(args),
        }
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        let argument = argument(&args)?;
        if !is_exact(argument) {
            return self.inexact().create_groups_accumulator(args);
        }
        let finish = self.finish(argument);
        Ok(if is_wide(argument) {
            Box::new(ExactGroups::<Decimal256Type>::new(finish))
        } else {
            Box::new(ExactGroups::<Decimal128Type>::new(finish))
        })
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

/// The type that an argument is converted to; `None` if it is no number.
fn coerce(argument: &DataType) -> Option<DataType> {
    Some(match argument {
        DataType::Null => DataType::Int64,
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
            DataType::Decimal128(*precision, *scale)
        }
        DataType::Decimal256(_, scale) => DataType::Decimal128(38, (*scale).min(38)),
        DataType::Float16 | DataType::Float32 | DataType::Float64 => DataType::Float64,
        DataType::Duration(_) | DataType::Interval(_) => argument.clone(),
        DataType::Dictionary(_, values) => return coerce(values),
        DataType::RunEndEncoded(_, values) => return coerce(values.data_type()),
        other if is_exact(other) => other.clone(),
        _ => return None,
    })
}
