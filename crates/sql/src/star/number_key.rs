//! A key of groups that is a column of numbers, of which zone maps say that they lie near each
//! other: the distance from the least of them is its code.

use super::plan::{Source, StarPlan, misplaced};
use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::ExecutionPlan;
use starfact_encoding::{Kernel, run_kernel};
use std::sync::Arc;

/// Numbers up to which their codes are few enough.
const NUMBERS_MAX: i128 = 1 << 22;

/// A column of the root.
#[derive(Clone, Copy, Debug)]
pub(super) struct NumberKey {
    /// Where the root has it.
    place: usize,
    /// The least number.
    min: i64,
    /// How many numbers there are from the least to the greatest.
    count: u64,
}

impl NumberKey {
    /// The column that a key is, if it is one of such numbers.
    pub(super) fn of(star: &StarPlan, key: &Arc<dyn PhysicalExpr>) -> Option<Self> {
        let Source::Root(place) = *star.sources.get(key.downcast_ref::<Column>()?.index())? else {
            return None;
        };
        let schema = star.root.schema();
        let is_integer = matches!(
            schema.fields().get(place)?.data_type(),
            DataType::Int16 | DataType::Int32 | DataType::Int64
        );
        let bounds = star.root.word_bounds(place).filter(|_| is_integer)?;
        let count = bounds.end().checked_sub(*bounds.start())?.checked_add(1)?;
        let is_few = (1..=NUMBERS_MAX).contains(&count);
        let min = i64::try_from(*bounds.start()).ok()?;
        is_few.then_some(Self { place, min, count: count as u64 })
    }

    /// How many codes there are, that of NULL among them.
    pub(super) fn room(self) -> u64 {
        self.count + 1
    }

    /// Adds the codes of rows, `stride` times, to their cells.
    pub(super) fn add(self, root: &RecordBatch, stride: u64, cells: &mut [u64]) -> Result<()> {
        let words = cast(root.column(self.place), &DataType::Int64)?;
        let words = words.as_primitive::<Int64Type>();
        let Self { min, count, .. } = self;
        if words.null_count() == 0 {
            let numbers = words.values();
            return match run_kernel(Add { numbers, min, stride, cells }) < count {
                true => Ok(()),
                false => Err(misplaced()),
            };
        }
        for (cell, number) in cells.iter_mut().zip(words) {
            let code = match number {
                None => count,
                Some(number) => {
                    let code = number.wrapping_sub(min).cast_unsigned();
                    if code >= count {
                        return Err(misplaced());
                    }
                    code
                }
            };
            *cell += code * stride;
        }
        Ok(())
    }

    /// The numbers of codes.
    pub(super) fn numbers(self, codes: &[u32], data_type: &DataType) -> Result<ArrayRef> {
        let number = |code: &u32| {
            let code = u64::from(*code);
            (code < self.count).then(|| self.min.wrapping_add(code.cast_signed()))
        };
        let numbers: Int64Array = codes.iter().map(number).collect();
        Ok(cast(&numbers, data_type)?)
    }
}

/// Adds the distances of numbers from the least one, `stride` times, to cells; gives the greatest
/// distance.
struct Add<'a> {
    numbers: &'a [i64],
    min: i64,
    stride: u64,
    cells: &'a mut [u64],
}

impl Kernel for Add<'_> {
    type Output = u64;

    #[inline(always)]
    fn run(self) -> u64 {
        let mut greatest = 0;
        for (cell, number) in self.cells.iter_mut().zip(self.numbers) {
            let code = number.wrapping_sub(self.min).cast_unsigned();
            greatest = greatest.max(code);
            *cell = cell.wrapping_add(code.wrapping_mul(self.stride));
        }
        greatest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::Int32Array;
    use arrow::datatypes::{Field, Schema};

    #[test]
    fn numbers_come_back_from_their_codes_and_others_are_refused() {
        let key = NumberKey { place: 0, min: -3, count: 10 };
        let batch = |numbers: Vec<Option<i32>>| {
            let schema = Schema::new(vec![Field::new("n", DataType::Int32, true)]);
            let numbers: ArrayRef = Arc::new(Int32Array::from(numbers));
            RecordBatch::try_new(Arc::new(schema), vec![numbers]).unwrap()
        };
        for numbers in [vec![Some(-3), Some(6), Some(0)], vec![Some(5), None, Some(-3)], vec![]] {
            let mut cells = vec![7; numbers.len()];
            let batch = batch(numbers);
            key.add(&batch, 100, &mut cells).unwrap();
            let codes: Vec<u32> = cells.iter().map(|cell| ((cell - 7) / 100) as u32).collect();
            assert_eq!(&key.numbers(&codes, &DataType::Int32).unwrap(), batch.column(0));
        }
        for number in [-4, 7, i32::MIN] {
            for numbers in [vec![Some(number)], vec![None, Some(number)]] {
                let mut cells = vec![0; numbers.len()];
                assert!(key.add(&batch(numbers), 1, &mut cells).is_err());
            }
        }
    }
}
