//! Exact sums and averages of many groups at once: the fast path of GROUP BY.
//!
//! Every thread has one of these per aggregate. Its state, the sum and the number of values of
//! each group, is what goes from the partial to the final aggregation.

use super::exact::{Finish, Width, accumulate, out_of_range, with_integers};
use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, Decimal128Array, PrimitiveArray,
    UInt64Array,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{
    DataType, Decimal128Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use starfact_exec::short::{FEW_GROUPS, SUMMED_BITS, SUMMED_VALUES, bits, sums_of_few};
use std::sync::Arc;

/// See the [module](self). `W` is what sums are added up in.
pub(super) struct ExactGroups<W: Width> {
    sums: Vec<W::Native>,
    counts: Vec<u64>,
    finish: Finish,
}

impl<W: Width> ExactGroups<W> {
    pub(super) fn new(finish: Finish) -> Self {
        Self { sums: Vec::new(), counts: Vec::new(), finish }
    }

    fn grow(&mut self, groups: usize) {
        self.sums.resize(groups, W::default_value());
        self.counts.resize(groups, 0);
    }

    /// Adds the selected values to the sums of their groups.
    fn add<T>(
        &mut self,
        array: &PrimitiveArray<T>,
        groups: &[usize],
        selected: Option<&NullBuffer>,
    ) -> Result<()>
    where
        T: ArrowPrimitiveType,
        i128: From<T::Native>,
    {
        if let (None, [sum], [count]) = (selected, &mut *self.sums, &mut *self.counts) {
            // Of one group are all values.
            *count += array.len() as u64;
            let overflow = accumulate::<W>(sum, W::widen(total(array.values())));
            return if overflow { Err(out_of_range("sum", &W::STATE)) } else { Ok(()) };
        }
        if selected.is_none() && self.add_to_few(array, groups) {
            return Ok(());
        }
        let mut overflow = false;
        let mut add = |group: usize, value: T::Native| {
            overflow |= accumulate::<W>(&mut self.sums[group], W::widen(value.into()));
            self.counts[group] += 1;
        };
        match selected {
            None => {
                let pairs = groups.iter().zip(array.values().iter());
                pairs.for_each(|(group, value)| add(*group, *value));
            }
            Some(selected) => {
                selected.valid_indices().for_each(|row| add(groups[row], array.value(row)));
            }
        }
        if overflow { Err(out_of_range("sum", &W::STATE)) } else { Ok(()) }
    }

    /// Adds all values to the sums of their groups if these are few and the values short: then 64
    /// bits hold the sums of a batch, and neighbouring rows add to sums of their own, so that none
    /// waits for the one before it. Tells whether it did.
    fn add_to_few<T>(&mut self, array: &PrimitiveArray<T>, groups: &[usize]) -> bool
    where
        T: ArrowPrimitiveType,
        i128: From<T::Native>,
    {
        let count = self.sums.len();
        if count > FEW_GROUPS || array.len() < 2 * FEW_GROUPS || array.len() > SUMMED_VALUES {
            return false;
        }
        let widened: Vec<i128>;
        let values = match array.as_any().downcast_ref::<Decimal128Array>() {
            Some(decimals) => decimals.values().as_ref(),
            None => {
                widened = array.values().iter().map(|value| (*value).into()).collect();
                &widened
            }
        };
        if bits(values) > SUMMED_BITS {
            return false;
        }
        let added = sums_of_few(values, groups);
        for ((sum, known), (more, rows)) in self.sums.iter_mut().zip(&mut self.counts).zip(added) {
            // A batch of short values cannot be too much, see `super::exact`.
            let overflow = accumulate::<W>(sum, W::widen(more.into()));
            debug_assert!(!overflow, "a sum of decimals with more digits than declared");
            *known += rows;
        }
        true
    }

    fn take(&mut self, emit_to: EmitTo) -> (Vec<W::Native>, Vec<u64>) {
        (emit_to.take_needed(&mut self.sums), emit_to.take_needed(&mut self.counts))
    }
}

/// The sum of the values of a batch.
fn total<N: Copy>(values: &[N]) -> i128
where
    i128: From<N>,
{
    if size_of::<N>() > size_of::<i64>() {
        return values.iter().map(|value| i128::from(*value)).sum();
    }
    // In two halves, sums of which 64 bits hold for so many values.
    let sums = values.chunks(1 << 31).map(|chunk| {
        let halves = chunk.iter().fold((0_i64, 0_u64), |(high, low), value| {
            let value = i128::from(*value);
            (high + (value >> 32) as i64, low + (value as u64 & u64::from(u32::MAX)))
        });
        (<i128 as From<i64>>::from(halves.0) << 32) + <i128 as From<u64>>::from(halves.1)
    });
    sums.sum()
}

/// The rows that are neither NULL nor filtered out; `None` for all.
fn selected_rows(values: &ArrayRef, filter: Option<&BooleanArray>) -> Option<NullBuffer> {
    let kept = filter.map(|filter| {
        let mask = filter.values().clone();
        NullBuffer::new(match filter.nulls() {
            Some(known) => &mask & known.inner(),
            None => mask,
        })
    });
    NullBuffer::union(values.nulls(), kept.as_ref()).filter(|rows| rows.null_count() > 0)
}

impl<W: Width> GroupsAccumulator for ExactGroups<W> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        let [values] = values else { return internal_err!("a sum takes one argument") };
        self.grow(total_num_groups);
        let selected = selected_rows(values, opt_filter);
        with_integers!(values, array => self.add(array, group_indices, selected.as_ref()))
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let (sums, counts) = self.take(emit_to);
        W::finished(&self.finish, sums, &counts)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let (sums, counts) = self.take(emit_to);
        let sums = PrimitiveArray::<W>::new(sums.into(), None).with_data_type(W::STATE);
        Ok(vec![Arc::new(sums), Arc::new(UInt64Array::new(counts.into(), None))])
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        let [sums, counts] = values else { return internal_err!("a sum has two states") };
        self.grow(total_num_groups);
        let (sums, counts) = (sums.as_primitive::<W>(), counts.as_primitive::<UInt64Type>());
        let mut overflow = false;
        for ((group, sum), count) in group_indices.iter().zip(sums.values()).zip(counts.values()) {
            overflow |= accumulate::<W>(&mut self.sums[*group], *sum);
            self.counts[*group] += count;
        }
        if overflow { Err(out_of_range("sum", &W::STATE)) } else { Ok(()) }
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let [values] = values else { return internal_err!("a sum takes one argument") };
        let mut rows = Self::new(self.finish.clone());
        rows.grow(values.len());
        let groups: Vec<usize> = (0..values.len()).collect();
        rows.update_batch(std::slice::from_ref(values), &groups, opt_filter, values.len())?;
        rows.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        self.sums.capacity() * size_of::<W::Native>() + self.counts.capacity() * size_of::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_few_groups_are_those_of_many() {
        let values: Vec<i64> = (0..1_000).map(|n: i64| (n * 7_919 % 4_001 - 2_000) << 20).collect();
        let groups: Vec<usize> = (0..1_000).map(|n| n * n % 61).collect();
        let sums = |total: usize| {
            let finish = Finish::Sum(DataType::Decimal128(38, 0));
            let mut all = ExactGroups::<Decimal128Type>::new(finish);
            let values: ArrayRef = Arc::new(arrow::array::Int64Array::from(values.clone()));
            for _ in 0..2 {
                all.update_batch(std::slice::from_ref(&values), &groups, None, total).unwrap();
            }
            let sums = all.evaluate(EmitTo::All).unwrap();
            sums.slice(0, 61)
        };
        assert_eq!(&sums(61), &sums(FEW_GROUPS + 1));
        assert_eq!(&sums(FEW_GROUPS), &sums(FEW_GROUPS + 1));
    }

    #[test]
    fn sums_of_batches_are_those_of_their_values() {
        let ends = [i64::MIN, i64::MIN + 1, -1 << 32, -1, 0, 1, (1 << 32) - 1, 1 << 32, i64::MAX];
        for values in (0..ends.len()).flat_map(|from| (from..=ends.len()).map(move |to| from..to)) {
            let values = &ends[values];
            assert_eq!(total(values), values.iter().map(|value| i128::from(*value)).sum::<i128>());
        }
        assert_eq!(total(&[u64::MAX; 3]), 3 * i128::from(u64::MAX));
        assert_eq!(total(&[i8::MIN; 300]), 300 * i128::from(i8::MIN));
        assert_eq!(total(&[i128::MAX / 2, 1]), i128::MAX / 2 + 1);
        assert_eq!(total::<i32>(&[]), 0);
    }
}
