//! Loops over wide integers that are known to be short: sums of few groups, and arithmetic.
//!
//! Decimals and sums have 128 bits, and nearly all of them would fit in 64. Whether they do is
//! asked once for a batch.

/// Groups of which a batch is added up in several sums each.
pub const FEW_GROUPS: usize = 64;
/// Values that sums of 64 bits hold, if these have no more than [`SUMMED_BITS`].
pub const SUMMED_VALUES: usize = 1 << 14;
/// See [`SUMMED_VALUES`].
pub const SUMMED_BITS: u32 = 48;
/// Sums of each group, so that none waits for the row before.
const LANES: usize = 4;

/// The least number of bits such that all values are at least `-2^bits` and less than `2^bits`.
pub fn bits(values: &[i128]) -> u32 {
    // A negative number has as many bits as the one before its opposite.
    let any = values.iter().fold(0, |any, value| any | (value ^ (value >> 127)));
    128 - any.leading_zeros()
}

/// What the values of each of few groups come to, and how many there are: `groups` says of each
/// value which one it is in. At most [`SUMMED_VALUES`] of [`SUMMED_BITS`].
pub fn sums_of_few(values: &[i128], groups: &[usize]) -> [(i64, u64); FEW_GROUPS] {
    let mut sums = [[0_i64; FEW_GROUPS]; LANES];
    let mut counts = [[0_u64; FEW_GROUPS]; LANES];
    let mut add = |lane: usize, value: &i128, group: &usize| {
        let slot = group % FEW_GROUPS;
        sums[lane][slot] = sums[lane][slot].wrapping_add(*value as i64);
        counts[lane][slot] += 1;
    };
    let (value_lanes, group_lanes) = (values.chunks_exact(LANES), groups.chunks_exact(LANES));
    for (value, group) in value_lanes.remainder().iter().zip(group_lanes.remainder()) {
        add(0, value, group);
    }
    for (values, groups) in value_lanes.zip(group_lanes) {
        for lane in 0..LANES {
            add(lane, &values[lane], &groups[lane]);
        }
    }
    let mut all = [(0, 0); FEW_GROUPS];
    for (sums, counts) in sums.iter().zip(&counts) {
        for ((all_sum, all_count), (sum, count)) in all.iter_mut().zip(sums.iter().zip(counts)) {
            *all_sum += sum;
            *all_count += count;
        }
    }
    all
}

/// An operator of two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShortOp {
    /// Addition.
    Add,
    /// Subtraction.
    Subtract,
    /// Multiplication.
    Multiply,
}

/// One side of an operator: values that are multiplied by a factor first.
#[derive(Clone, Copy, Debug)]
pub enum ShortSide<'a> {
    /// A value for each row.
    Each(&'a [i128], i64),
    /// One for all of them.
    One(i128, i64),
}

/// What an operator gives for each row, if 64 bits hold everything that there is to compute;
/// otherwise something else.
pub fn short(op: ShortOp, left: ShortSide<'_>, right: ShortSide<'_>) -> Vec<i128> {
    match op {
        ShortOp::Add => both(left, right, i64::wrapping_add),
        ShortOp::Subtract => both(left, right, i64::wrapping_sub),
        ShortOp::Multiply => both(left, right, i64::wrapping_mul),
    }
}

#[inline(always)]
fn both(left: ShortSide<'_>, right: ShortSide<'_>, apply: impl Fn(i64, i64) -> i64) -> Vec<i128> {
    use ShortSide::{Each, One};
    let scaled = |value: i128, factor: i64| (value as i64).wrapping_mul(factor);
    match (left, right) {
        (Each(left, 1), Each(right, 1)) => {
            let pairs = left.iter().zip(right);
            pairs.map(|(a, b)| apply(*a as i64, *b as i64).into()).collect()
        }
        (Each(left, a_factor), Each(right, b_factor)) => {
            let pairs = left.iter().zip(right);
            pairs.map(|(a, b)| apply(scaled(*a, a_factor), scaled(*b, b_factor)).into()).collect()
        }
        (One(left, a_factor), Each(right, b_factor)) => {
            let left = scaled(left, a_factor);
            right.iter().map(|b| apply(left, scaled(*b, b_factor)).into()).collect()
        }
        (Each(left, a_factor), One(right, b_factor)) => {
            let right = scaled(right, b_factor);
            left.iter().map(|a| apply(scaled(*a, a_factor), right).into()).collect()
        }
        (One(left, a_factor), One(right, b_factor)) => {
            vec![apply(scaled(left, a_factor), scaled(right, b_factor)).into()]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_enough_and_not_more() {
        for (values, expected) in
            [(vec![], 0), (vec![0], 0), (vec![-1], 0), (vec![1, -2], 1), (vec![-128, 127], 7)]
        {
            assert_eq!(bits(&values), expected, "{values:?}");
        }
        assert_eq!(bits(&[i128::MIN]), 127);
    }

    #[test]
    fn sums_are_those_of_their_groups() {
        for count in [0, 1, 3, 4, 5, 1_000, SUMMED_VALUES] {
            let value = |n: usize| ((n as i128 * 7_919) % 4_001 - 2_000) << 36;
            let values: Vec<i128> = (0..count).map(value).collect();
            let groups: Vec<usize> = (0..count).map(|n| n * n % FEW_GROUPS).collect();
            assert!(bits(&values) <= SUMMED_BITS);
            for (group, (sum, rows)) in sums_of_few(&values, &groups).into_iter().enumerate() {
                let of = || values.iter().zip(&groups).filter(move |(_, of)| **of == group);
                assert_eq!(i128::from(sum), of().map(|(value, _)| *value).sum::<i128>());
                assert_eq!(rows, of().count() as u64);
            }
        }
    }
}
