//! Predicates on one column: what a filter asks of every row of a block.
//!
//! A predicate is in the physical space of its column (see [`Scalar`]) and may name values that the
//! column cannot hold; such a comparison is then true for all rows or for none. NULL satisfies
//! [`Predicate::IsNull`] and, if it says so, a [`ValuePredicate`]; it satisfies nothing else.
//!
//! Floats are compared in the total order of IEEE 754, as Arrow's kernels and so DataFusion do:
//!
//! ```text
//!   -NaN < -∞ < … < -0.0 < 0.0 < … < ∞ < NaN
//! ```
//!
//! So -0.0 and 0.0 are two values, and NaN equals a NaN of the same sign and payload. Whoever wants
//! both zeros to be one asks for an interval: `x = 0` is [`Predicate::Between`] -0.0 and 0.0, and
//! `x < 0` is [`CompareOp::Less`] with -0.0.

use crate::members::Members;
use arrow::array::{ArrayRef, BooleanArray};
use starfact_base::{Corruption, Scalar};
use std::cmp::Ordering;
use std::fmt::Debug;
use std::sync::Arc;
use thiserror::Error;

/// What a filter asks of every row of a column.
#[derive(Clone, Debug)]
pub enum Predicate {
    /// Compares the row's value with a constant, the value on the left.
    Compare {
        /// The comparison.
        op: CompareOp,
        /// The right side.
        value: Scalar,
    },
    /// The value lies between two bounds, both included.
    Between {
        /// The lower bound.
        low: Scalar,
        /// The upper bound.
        high: Scalar,
    },
    /// The value is one of a list: ascending, without duplicates. [`Predicate::is_in`] makes one.
    In(Vec<Scalar>),
    /// The integer is one of a set.
    Members(Arc<Members>),
    /// The text begins like this, which is a range in the order of text.
    Prefix(String),
    /// The row is NULL.
    IsNull,
    /// The row is not NULL.
    IsNotNull,
    /// Anything that can be asked of distinct values or of decoded rows.
    Values(Arc<dyn ValuePredicate>),
}

/// A comparison of a value with a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompareOp {
    /// `=`
    Equal,
    /// `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl CompareOp {
    /// Whether the comparison holds when the left side is in this order to the right side.
    pub fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::NotEqual => ordering.is_ne(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

/// A predicate that the layers above evaluate: LIKE, a function call, an expression.
pub trait ValuePredicate: Send + Sync + Debug {
    /// Answers for every row of `values`, an Arrow array of the column's type and of any length,
    /// on its own: a row must not depend on its neighbours. NULL and false mean "not selected".
    ///
    /// A block calls this at most once: with the distinct values where its encoding keeps them,
    /// some of which may belong to no selected row, else with the values of the rows that are still
    /// selected. If the block has any NULL, one follows at the end. Blocks that share a dictionary
    /// call it once for all of them, with a NULL alone in a call of its own, and use the answers
    /// for as long as the predicate lives: they must not change. There are as many answers as
    /// values.
    fn evaluate(&self, values: &ArrayRef) -> Result<BooleanArray, String>;
}

/// Why a block could not be filtered.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FilterError {
    /// The bytes of the block are not what was written.
    #[error("{0}")]
    Corrupt(#[from] Corruption),
    /// The predicate failed, or does not fit the column.
    #[error("{0}")]
    Predicate(String),
}

impl Predicate {
    /// Whether both are the same comparison with the same constants.
    pub(crate) fn has_same_constants(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Compare { op, value }, Self::Compare { op: other_op, value: other }) => {
                op == other_op && value == other
            }
            (Self::Between { low, high }, Self::Between { low: other_low, high: other_high }) => {
                low == other_low && high == other_high
            }
            (Self::In(values), Self::In(others)) => values == others,
            (Self::Members(members), Self::Members(others)) => members == others,
            (Self::Prefix(prefix), Self::Prefix(other)) => prefix == other,
            (Self::IsNull, Self::IsNull) | (Self::IsNotNull, Self::IsNotNull) => true,
            _ => false,
        }
    }

    /// The value is one of `values`, which may be in any order and repeat.
    pub fn is_in(mut values: Vec<Scalar>) -> Self {
        values.sort_by(|a, b| a.compare(b).unwrap_or(Ordering::Equal));
        values.dedup_by(|a, b| a.compare(b).is_some_and(Ordering::is_eq));
        Self::In(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_in_sorts_and_drops_duplicates() {
        let predicate = Predicate::is_in([3, 1, 3, 2, 1].map(Scalar::Integer).to_vec());
        let Predicate::In(values) = predicate else { panic!("not a list: {predicate:?}") };
        assert_eq!(values, [1, 2, 3].map(Scalar::Integer));
    }

    #[test]
    fn zero_and_minus_zero_are_two_floats() {
        let predicate = Predicate::is_in([0.0, -0.0, 0.0].map(Scalar::Float).to_vec());
        let Predicate::In(values) = predicate else { panic!("not a list: {predicate:?}") };
        assert_eq!(values.len(), 2);
    }

    #[test]
    fn comparisons_hold_for_the_orders_they_name() {
        use CompareOp::*;
        let holding = |ordering| {
            [Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual]
                .map(|op| u8::from(op.holds(ordering)))
        };
        assert_eq!(holding(Ordering::Less), [0, 1, 1, 1, 0, 0]);
        assert_eq!(holding(Ordering::Equal), [1, 0, 0, 1, 0, 1]);
        assert_eq!(holding(Ordering::Greater), [0, 1, 0, 0, 1, 1]);
    }
}
