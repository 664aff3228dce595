//! Count, sum and bounds of the selected rows of a block, without an array of them.
//!
//! A run or a constant adds its key times its rows, offsets from a base are added up as they are
//! unpacked, a dictionary counts its codes. Sums of floats are missing on purpose: they depend on
//! the order of the additions, and no other order than that of the rows gives the same last bit.

use crate::block::{Block, Values};
use crate::native::{float32_key, float64_key};
use crate::selection::Selection;
use crate::text::Text;
use crate::totals::KeyTotals;
use starfact_base::data_type::Physical;
use starfact_base::{Corruption, DataType, Scalar};

/// What the selected rows of a block come to that are not NULL.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Aggregate {
    /// How many these are.
    pub count: u64,
    /// The least value; `None` if there is none. Floats are in the total order of IEEE 754.
    pub min: Option<Scalar>,
    /// The greatest value; `None` if there is none.
    pub max: Option<Scalar>,
    /// The sum of the values of an integer or a decimal type, the latter in units of the last
    /// digit; `None` for other types, and if it does not fit.
    pub sum: Option<i128>,
}

impl Block {
    /// Counts the selected rows that are not NULL.
    ///
    /// # Errors
    /// Damage; a selection of another number of rows.
    pub fn count(&self, selection: &Selection) -> Result<u64, Corruption> {
        Ok(self.selected_values(selection)?.count() as u64)
    }

    /// Count, sum and bounds of the selected rows that are not NULL.
    ///
    /// # Errors
    /// Damage; a selection of another number of rows.
    pub fn aggregate(&self, selection: &Selection) -> Result<Aggregate, Corruption> {
        let selection = self.selected_values(selection)?;
        match self.values() {
            Values::Keys(keys) => {
                let mut totals = KeyTotals::default();
                keys.aggregate(&selection, &mut totals)?;
                Ok(self.aggregate_of(&totals))
            }
            Values::Text(text) => of_text(text, &selection),
        }
    }

    /// The selected rows that are not NULL.
    fn selected_values(&self, selection: &Selection) -> Result<Selection, Corruption> {
        if selection.rows() != self.rows() {
            let expected = format!("{} rows, those of the block", self.rows());
            return Err(Corruption::new(0, "selection", expected, selection.rows()));
        }
        let mut selection = selection.clone();
        self.keep_validity(1, &mut selection)?;
        Ok(selection)
    }

    fn aggregate_of(&self, totals: &KeyTotals) -> Aggregate {
        let scalar = |key: i128| match self.data_type().physical() {
            Physical::Float32 => {
                Scalar::Float(f32::from_bits(float32_key(key as i32) as u32).into())
            }
            Physical::Float64 => Scalar::Float(f64::from_bits(float64_key(key as i64) as u64)),
            _ => Scalar::Integer(key),
        };
        let sum = match self.data_type() {
            DataType::SmallInt
            | DataType::Integer
            | DataType::BigInt
            | DataType::Decimal { .. } => totals.sum.total(),
            _ => None,
        };
        let (min, max) = totals.bounds.unzip();
        Aggregate { count: totals.count, min: min.map(scalar), max: max.map(scalar), sum }
    }
}

fn of_text(text: &Text, selection: &Selection) -> Result<Aggregate, Corruption> {
    let count = selection.count() as u64;
    let bounds = if count == 0 { None } else { text.bounds(selection)? };
    // The bytes were verified where they were cut into rows.
    let scalar = |text: Vec<u8>| Scalar::String(String::from_utf8_lossy(&text).into_owned());
    let (min, max) = bounds.unzip();
    Ok(Aggregate { count, min: min.map(scalar), max: max.map(scalar), sum: None })
}
