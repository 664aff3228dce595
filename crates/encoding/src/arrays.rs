//! From nodes to Arrow arrays: which keys become values of which type.

use crate::integer::{Integers, Rows};
use crate::native::{float32_key, float64_key};
use crate::text::Views;
use crate::types::arrow_type;
use arrow::array::{
    ArrayRef, ArrowPrimitiveType, BooleanArray, PrimitiveArray, StringViewArray, new_null_array,
};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::datatypes::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
    Time64MicrosecondType, TimestampMicrosecondType,
};
use starfact_base::{Corruption, DataType};
use std::sync::Arc;

/// The values of `rows` as an array of `ty`, a type other than text; `nulls` has as many rows.
pub(crate) fn of_keys(
    ty: DataType,
    keys: &Integers,
    rows: &Rows<'_>,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef, Corruption> {
    Ok(match ty {
        DataType::Boolean => Arc::new(BooleanArray::new(keys.bits(rows)?, nulls)),
        DataType::SmallInt => primitive::<Int16Type>(ty, keys.fetch(rows)?, nulls),
        DataType::Integer => primitive::<Int32Type>(ty, keys.fetch(rows)?, nulls),
        DataType::BigInt => primitive::<Int64Type>(ty, keys.fetch(rows)?, nulls),
        DataType::Date => primitive::<Date32Type>(ty, keys.fetch(rows)?, nulls),
        DataType::Time => primitive::<Time64MicrosecondType>(ty, keys.fetch(rows)?, nulls),
        DataType::Timestamp | DataType::TimestampTz => {
            primitive::<TimestampMicrosecondType>(ty, keys.fetch(rows)?, nulls)
        }
        DataType::Decimal { .. } => primitive::<Decimal128Type>(ty, keys.fetch(rows)?, nulls),
        DataType::Real => {
            let keys: Vec<i32> = keys.fetch(rows)?;
            let floats = keys.into_iter().map(|key| f32::from_bits(float32_key(key) as u32));
            primitive::<Float32Type>(ty, floats.collect(), nulls)
        }
        DataType::Double => {
            let keys: Vec<i64> = keys.fetch(rows)?;
            let floats = keys.into_iter().map(|key| f64::from_bits(float64_key(key) as u64));
            primitive::<Float64Type>(ty, floats.collect(), nulls)
        }
        // Blocks of text hold no keys, see [`of_views`].
        DataType::Varchar => new_null_array(&arrow_type(ty), rows.len()),
    })
}

fn primitive<P: ArrowPrimitiveType>(
    ty: DataType,
    values: Vec<P::Native>,
    nulls: Option<NullBuffer>,
) -> ArrayRef {
    let array = PrimitiveArray::<P>::new(ScalarBuffer::from(values), nulls);
    Arc::new(array.with_data_type(arrow_type(ty)))
}

/// Text as an array; `nulls` has as many rows.
pub(crate) fn of_views(views: Views, nulls: Option<NullBuffer>) -> ArrayRef {
    let (views, buffers) = views.into_parts();
    // SAFETY: `Views` are only made from text that was verified to be UTF-8, and point into their
    // own buffer; see `text::views`.
    let array = unsafe { StringViewArray::new_unchecked(views, buffers, nulls) };
    Arc::new(array)
}
