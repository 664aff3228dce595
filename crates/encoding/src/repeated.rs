//! Arrays of one value: columns of segments that are older than the column.

use crate::types::{Domain, arrow_type};
use arrow::array::{
    Array, ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array,
    Int16Array, Int32Array, Int64Array, StringViewArray, Time64MicrosecondArray,
    TimestampMicrosecondArray, UInt32Array, new_null_array,
};
use arrow::compute::take;
use starfact_base::limits::STRING_BYTES_MAX;
use starfact_base::{DataType, Scalar};
use std::sync::Arc;

/// `rows` times the same value, or NULL; `None` if it is no value of the type.
pub fn repeated(value: Option<&Scalar>, ty: DataType, rows: usize) -> Option<ArrayRef> {
    let Some(value) = value else { return Some(new_null_array(&arrow_type(ty), rows)) };
    let one: ArrayRef = match value {
        Scalar::Integer(value) => integer(*value, ty)?,
        Scalar::Float(value) => match ty {
            DataType::Real => {
                let narrow = *value as f32;
                let is_same = f64::from(narrow) == *value || narrow.is_nan() && value.is_nan();
                is_same.then(|| Arc::new(Float32Array::from(vec![narrow])))?
            }
            DataType::Double => Arc::new(Float64Array::from(vec![*value])),
            _ => return None,
        },
        Scalar::String(text) => {
            let fits = ty == DataType::Varchar && text.len() <= STRING_BYTES_MAX;
            fits.then(|| Arc::new(StringViewArray::from_iter_values([text])))?
        }
    };
    // Copies of a text share its bytes.
    take(one.as_ref(), &UInt32Array::from(vec![0; rows]), None).ok()
}

fn integer(value: i128, ty: DataType) -> Option<ArrayRef> {
    if !Domain::of(ty).contains(value) {
        return None;
    }
    let one: ArrayRef = match ty {
        DataType::Boolean => Arc::new(BooleanArray::from(vec![value != 0])),
        DataType::SmallInt => Arc::new(Int16Array::from(vec![i16::try_from(value).ok()?])),
        DataType::Integer => Arc::new(Int32Array::from(vec![i32::try_from(value).ok()?])),
        DataType::Date => Arc::new(Date32Array::from(vec![i32::try_from(value).ok()?])),
        DataType::BigInt => Arc::new(Int64Array::from(vec![i64::try_from(value).ok()?])),
        DataType::Time => Arc::new(Time64MicrosecondArray::from(vec![i64::try_from(value).ok()?])),
        DataType::Timestamp => {
            Arc::new(TimestampMicrosecondArray::from(vec![i64::try_from(value).ok()?]))
        }
        DataType::TimestampTz => {
            let moment = TimestampMicrosecondArray::from(vec![i64::try_from(value).ok()?]);
            Arc::new(moment.with_data_type(arrow_type(ty)))
        }
        DataType::Decimal { precision, scale } => {
            let one = Decimal128Array::from(vec![value]);
            Arc::new(one.with_precision_and_scale(precision, scale as i8).ok()?)
        }
        DataType::Real | DataType::Double | DataType::Varchar => return None,
    };
    (*one.data_type() == arrow_type(ty)).then_some(one)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::tests::EVERY_TYPE;

    #[test]
    fn every_type_has_arrays_of_one_value_and_of_null() {
        for ty in EVERY_TYPE {
            let value = match ty {
                DataType::Real | DataType::Double => Scalar::Float(-0.5),
                DataType::Varchar => Scalar::String("a text of more than twelve bytes".into()),
                _ => Scalar::Integer(1),
            };
            for rows in [0, 1, 3] {
                let array = repeated(Some(&value), ty, rows).unwrap();
                assert_eq!((array.len(), array.null_count()), (rows, 0), "{ty}");
                assert_eq!(*array.data_type(), arrow_type(ty));
                let nulls = repeated(None, ty, rows).unwrap();
                assert_eq!((nulls.len(), nulls.null_count()), (rows, rows), "{ty}");
                assert_eq!(*nulls.data_type(), arrow_type(ty));
            }
            let array = repeated(Some(&value), ty, 2).unwrap();
            assert_eq!(*array.slice(0, 1), *array.slice(1, 1));
        }
    }

    #[test]
    fn what_is_no_value_of_the_type_has_none() {
        let text = Scalar::String("1".into());
        for (value, ty) in [
            (Scalar::Integer(2), DataType::Boolean),
            (Scalar::Integer(40_000), DataType::SmallInt),
            (Scalar::Integer(1 << 40), DataType::Date),
            (Scalar::Integer(100), DataType::Decimal { precision: 2, scale: 1 }),
            (Scalar::Integer(1), DataType::Double),
            (Scalar::Integer(1), DataType::Varchar),
            (Scalar::Float(1.0), DataType::Integer),
            (Scalar::Float(0.1), DataType::Real),
            (text.clone(), DataType::Integer),
            (text, DataType::Real),
        ] {
            assert!(repeated(Some(&value), ty, 1).is_none(), "{value:?} {ty}");
        }
        assert!(repeated(Some(&Scalar::Float(f64::NAN)), DataType::Real, 1).is_some());
    }
}
