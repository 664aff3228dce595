//! One value of a column, as the storage layers hold it: in zone maps, predicates and defaults.

use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// A value that is not NULL, in the physical space of its column: booleans are 0 and 1, dates days,
/// times and timestamps microseconds, decimals unscaled integers.
///
/// Two scalars are compared only when they belong to the same column, so they are of one variant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Scalar {
    /// Any integer type and any decimal.
    Integer(i128),
    /// REAL and DOUBLE; ordered by IEEE 754 `totalOrder`, as Arrow does.
    Float(f64),
    /// Text, ordered by its UTF-8 bytes.
    String(String),
}

impl Scalar {
    /// Orders two scalars of one column; `None` if their variants differ.
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => Some(a.cmp(b)),
            (Self::Float(a), Self::Float(b)) => Some(a.total_cmp(b)),
            (Self::String(a), Self::String(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_within_a_variant_only() {
        assert_eq!(Scalar::Integer(1).compare(&Scalar::Integer(2)), Some(Ordering::Less));
        assert_eq!(
            Scalar::Float(f64::NAN).compare(&Scalar::Float(f64::INFINITY)),
            Some(Ordering::Greater)
        );
        assert_eq!(Scalar::Integer(1).compare(&Scalar::Float(1.0)), None);
    }
}
