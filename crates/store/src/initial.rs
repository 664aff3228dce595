//! The value that rows have in a column that was added after them.
//!
//! It stands in the manifest with the column. A float is its bits, because JSON has neither NaN nor
//! infinity: `{"integer":7}`, `{"float":"3fe0000000000000"}`, `{"text":"new"}`.

use serde::{Deserialize, Serialize};
use starfact_base::Scalar;
use std::cmp::Ordering;

/// A value that is not NULL, in the physical space of its column's type.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Initial(Scalar);

impl Initial {
    pub(crate) fn new(value: Scalar) -> Self {
        Self(value)
    }

    /// The value.
    pub fn value(&self) -> &Scalar {
        &self.0
    }
}

/// Floats are equal if their bits are.
impl PartialEq for Initial {
    fn eq(&self, other: &Self) -> bool {
        self.0.compare(&other.0) == Some(Ordering::Equal)
    }
}

impl Eq for Initial {}

/// As it stands in the manifest.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Written {
    Integer(i128),
    Float(String),
    Text(String),
}

impl From<Initial> for Written {
    fn from(initial: Initial) -> Self {
        match initial.0 {
            Scalar::Integer(value) => Self::Integer(value),
            Scalar::Float(value) => Self::Float(format!("{:016x}", value.to_bits())),
            Scalar::String(text) => Self::Text(text),
        }
    }
}

impl TryFrom<Written> for Initial {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        Ok(Self(match written {
            Written::Integer(value) => Scalar::Integer(value),
            Written::Float(bits) => {
                let wrong = || format!("\"{}\" is no float in 16 digits", bits.escape_debug());
                let value = u64::from_str_radix(&bits, 16).map_err(|_| wrong())?;
                let is_only_way = format!("{value:016x}") == bits;
                Scalar::Float(is_only_way.then(|| f64::from_bits(value)).ok_or_else(wrong)?)
            }
            Written::Text(text) => Scalar::String(text),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_survives_json() {
        for value in [
            Scalar::Integer(i128::MAX),
            Scalar::Integer(-(10_i128.pow(38) - 1)),
            Scalar::Integer(0),
            Scalar::Float(0.1),
            Scalar::Float(-0.0),
            Scalar::Float(f64::NEG_INFINITY),
            Scalar::Float(-f64::NAN),
            Scalar::Float(5e-324),
            Scalar::String("ß \" \n".into()),
        ] {
            let initial = Initial::new(value);
            let json = serde_json::to_string(&initial).unwrap();
            assert_eq!(serde_json::from_str::<Initial>(&json).unwrap(), initial, "{json}");
        }
        let json = serde_json::to_string(&Initial::new(Scalar::Float(0.5))).unwrap();
        assert_eq!(json, "{\"float\":\"3fe0000000000000\"}");
    }

    #[test]
    fn a_float_is_written_in_one_way_only() {
        for bits in ["3fe", "+fe0000000000000", "3FE0000000000000", "", "0.5"] {
            let json = format!("{{\"float\":\"{bits}\"}}");
            assert!(serde_json::from_str::<Initial>(&json).is_err(), "{json}");
        }
    }
}
