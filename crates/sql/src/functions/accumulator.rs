//! Exact sums and averages of one group: without GROUP BY, in window frames, and with DISTINCT.
//!
//! Values can be taken out again, so that a sliding window frame costs two steps a row.

use super::exact::{Finish, Width, accumulate, for_each_value, out_of_range};
use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, PrimitiveArray};
use arrow::datatypes::{ArrowNativeTypeOp, DataType, Decimal128Type, UInt64Type, i256};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::Accumulator;
use std::collections::HashMap;
use std::sync::Arc;

/// A sum and the number of values in it. `W` is what the sum is added up in.
#[derive(Debug)]
pub(super) struct ExactSum<W: Width> {
    sum: W::Native,
    count: u64,
    finish: Finish,
}

impl<W: Width> ExactSum<W> {
    pub(super) fn new(finish: Finish) -> Self {
        Self { sum: W::default_value(), count: 0, finish }
    }
}

impl<W: Width> Accumulator for ExactSum<W> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let [values] = values else { return internal_err!("a sum takes one argument") };
        let mut overflow = false;
        for_each_value(values, |value| {
            overflow |= accumulate::<W>(&mut self.sum, W::widen(value));
        })?;
        self.count += (values.len() - values.null_count()) as u64;
        if overflow { Err(out_of_range("sum", &W::STATE)) } else { Ok(()) }
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let [values] = values else { return internal_err!("a sum takes one argument") };
        for_each_value(values, |value| self.sum = self.sum.sub_wrapping(W::widen(value)))?;
        self.count -= (values.len() - values.null_count()) as u64;
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let result = self.finish.array([(W::to_256(self.sum), self.count)].into_iter())?;
        ScalarValue::try_from_array(&result, 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let sum = PrimitiveArray::<W>::new(vec![self.sum].into(), None).with_data_type(W::STATE);
        Ok(vec![ScalarValue::try_from_array(&sum, 0)?, ScalarValue::UInt64(Some(self.count))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [sums, counts] = states else { return internal_err!("a sum has two states") };
        let mut overflow = false;
        for sum in sums.as_primitive::<W>().values() {
            overflow |= accumulate::<W>(&mut self.sum, *sum);
        }
        self.count += counts.as_primitive::<UInt64Type>().values().iter().sum::<u64>();
        if overflow { Err(out_of_range("sum", &W::STATE)) } else { Ok(()) }
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

/// The distinct values, and how often each occurs in the frame.
#[derive(Debug)]
pub(super) struct ExactDistinct {
    values: HashMap<i128, u64>,
    finish: Finish,
}

impl ExactDistinct {
    /// The type of one distinct value in a state.
    pub(super) const STATE: DataType = DataType::Decimal128(38, 0);

    pub(super) fn new(finish: Finish) -> Self {
        Self { values: HashMap::new(), finish }
    }
}

impl Accumulator for ExactDistinct {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let [values] = values else { return internal_err!("a sum takes one argument") };
        for_each_value(values, |value| *self.values.entry(value).or_default() += 1)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let [values] = values else { return internal_err!("a sum takes one argument") };
        for_each_value(values, |value| {
            if let Some(count) = self.values.get_mut(&value) {
                *count -= 1;
                if *count == 0 {
                    self.values.remove(&value);
                }
            }
        })
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let mut sum = i256::ZERO;
        self.values.keys().for_each(|value| sum = sum.add_wrapping(i256::from_i128(*value)));
        let result = self.finish.array([(sum, self.values.len() as u64)].into_iter())?;
        ScalarValue::try_from_array(&result, 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let values: Decimal128Array = self.values.keys().map(|value| Some(*value)).collect();
        let values: ArrayRef = Arc::new(values.with_data_type(Self::STATE));
        let list = datafusion::common::utils::SingleRowListArrayBuilder::new(values);
        Ok(vec![list.build_list_scalar()])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [lists] = states else { return internal_err!("a distinct sum has one state") };
        for list in lists.as_list::<i32>().iter().flatten() {
            for value in list.as_primitive::<Decimal128Type>().values() {
                *self.values.entry(*value).or_default() += 1;
            }
        }
        Ok(())
    }

    fn size(&self) -> usize {
        // A table is at most 7/8 full, with one byte a slot for its own use.
        let slots = self.values.capacity() * 8 / 7;
        size_of_val(self) + slots * (size_of::<(i128, u64)>() + 1)
    }
}
