//! What `encode` says of a block and what it refuses.

use super::*;
use crate::Block;
use crate::cpu::tests::run_at_all_levels;
use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array,
    StringArray, StringViewArray,
};
use starfact_base::limits::STRING_BYTES_MAX;

fn stats(array: &dyn Array, ty: DataType) -> BlockStats {
    encode(array, ty, &EncodeOptions::default()).unwrap().stats
}

fn integer(value: i128) -> Option<Scalar> {
    Some(Scalar::Integer(value))
}

#[test]
fn statistics_are_exact_and_leave_out_nulls() {
    let array = Int32Array::from(vec![None, Some(5), Some(-3), None, Some(i32::MAX)]);
    let expected = BlockStats {
        rows: 5,
        nulls: 2,
        min: integer(-3),
        max: integer(i32::MAX.into()),
        present: vec![-3, 5, i32::MAX.into()].into_iter().map(Scalar::Integer).collect(),
        sum: Some(i128::from(i32::MAX) + 2),
    };
    assert_eq!(stats(&array, DataType::Integer), expected);
}

#[test]
fn rows_that_are_all_null_have_no_bounds() {
    let stats = stats(&Int64Array::from(vec![None; 9]), DataType::BigInt);
    let (min, max, present) = (None, None, Vec::new());
    let expected = BlockStats { rows: 9, nulls: 9, min, max, present, sum: Some(0) };
    assert_eq!(stats, expected);
}

#[test]
fn sums_of_the_extremes_do_not_wrap() {
    for value in [i64::MIN, -1, 0, i64::MAX] {
        let array = Int64Array::from(vec![value; BLOCK_ROWS]);
        let expected = i128::from(value) * BLOCK_ROWS as i128;
        assert_eq!(stats(&array, DataType::BigInt).sum, Some(expected), "{value}");
    }
    let mixed = Int64Array::from(vec![i64::MIN, i64::MAX, 7, -9]);
    assert_eq!(stats(&mixed, DataType::BigInt).sum, Some(-3));
}

#[test]
fn a_sum_of_decimals_that_does_not_fit_is_unknown() {
    let ty = DataType::Decimal { precision: 38, scale: 0 };
    let largest = 10i128.pow(38) - 1;
    let of = |rows| {
        let array = Decimal128Array::from(vec![largest; rows]);
        stats(&array.with_precision_and_scale(38, 0).unwrap(), ty).sum
    };
    assert_eq!(of(1), Some(largest));
    assert_eq!(of(2), None);
}

#[test]
fn types_without_a_meaningful_sum_have_none() {
    assert_eq!(stats(&Date32Array::from(vec![1, 2]), DataType::Date).sum, None);
    assert_eq!(stats(&BooleanArray::from(vec![true]), DataType::Boolean).sum, None);
}

#[test]
fn bounds_of_floats_are_in_the_total_order() {
    let array = Float64Array::from(vec![0.0, -0.0, f64::NAN, f64::INFINITY]);
    let stats = stats(&array, DataType::Double);
    let bits = |bound: Option<Scalar>| match bound {
        Some(Scalar::Float(float)) => float.to_bits(),
        other => panic!("not a float: {other:?}"),
    };
    assert_eq!(bits(stats.min), (-0.0f64).to_bits());
    assert_eq!(bits(stats.max), f64::NAN.to_bits());
}

#[test]
fn a_decimal_with_too_many_digits_is_refused_with_its_row() {
    for (precision, limit) in [(4, 9_999), (18, 10i128.pow(18) - 1), (37, 10i128.pow(37) - 1)] {
        let ty = DataType::Decimal { precision, scale: 2 };
        let encode = |values: Vec<Option<i128>>| {
            let array = Decimal128Array::from(values).with_data_type(arrow_type(ty));
            encode(&array, ty, &EncodeOptions::default())
        };
        assert!(encode(vec![Some(limit), Some(-limit)]).is_ok());
        for value in [limit + 1, -limit - 1, i128::MAX, i128::MIN] {
            let message = encode(vec![Some(1), Some(value)]).unwrap_err().to_string();
            assert!(message.contains("row 2") && message.contains(&ty.to_string()), "{message}");
        }
    }
    let ty = DataType::Decimal { precision: 4, scale: 2 };
    let array = Decimal128Array::from(vec![123_456]).with_data_type(arrow_type(ty));
    let message = encode(&array, ty, &EncodeOptions::default()).unwrap_err().to_string();
    assert_eq!(message, "row 1 of the block: 1234.56 has more digits than DECIMAL(4,2)");
}

#[test]
fn halves_of_decimals_are_whole_only_if_nothing_is_lost() {
    let edges = [i128::from(i64::MIN), -1, 0, i128::from(i64::MAX)];
    let (narrow, fits) = run_at_all_levels(|| Narrow(&edges));
    assert_eq!((narrow, fits), (vec![i64::MIN, -1, 0, i64::MAX], true));
    for beyond in [i128::from(i64::MIN) - 1, i128::from(i64::MAX) + 1, i128::MAX, i128::MIN] {
        let values = [0, beyond];
        assert!(!run_at_all_levels(|| Narrow(&values)).1, "{beyond}");
    }
}

#[test]
fn what_lies_under_a_null_is_no_value() {
    let ty = DataType::Decimal { precision: 4, scale: 0 };
    let nulls = NullBuffer::from(vec![false, true, false]);
    let values = vec![i128::MAX, 12, i128::MIN].into();
    let array = Decimal128Array::new(values, Some(nulls)).with_data_type(arrow_type(ty));
    let encoded = encode(&array, ty, &EncodeOptions::default()).unwrap();
    assert_eq!((&encoded.stats.min, encoded.stats.sum), (&integer(12), Some(12)));
    let block = Block::parse(encoded.bytes.into(), ty, 3).unwrap();
    assert!(block.tree().starts_with("constant, nulls"), "{}", block.tree());
}

#[test]
fn the_longest_text_is_stored_and_a_longer_one_refused() {
    let longest = "ä".repeat(STRING_BYTES_MAX / 2);
    for name in [None, Some(EncodingName::Plain), Some(EncodingName::Dictionary)] {
        let array = StringViewArray::from_iter_values(["a", longest.as_str(), ""]);
        let options = EncodeOptions { encoding: name, ..EncodeOptions::default() };
        let encoded = encode(&array, DataType::Varchar, &options).unwrap();
        let block = Block::parse(encoded.bytes.into(), DataType::Varchar, 3).unwrap();
        let decoded: ArrayRef = block.decode(0..3).unwrap();
        assert_eq!(decoded.as_string_view(), &array);
    }
    let longer = longest + "b";
    let array = StringViewArray::from_iter(vec![Some("a"), None, Some(longer.as_str())]);
    let error = encode(&array, DataType::Varchar, &EncodeOptions::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the text in row 3 of the block, of 16777217 bytes, is over the limit of \
         16777216 bytes for a text"
    );
}

#[test]
fn arrays_that_are_no_block_of_the_type_are_refused() {
    let options = EncodeOptions::default();
    let text = StringArray::from(vec!["a"]);
    assert!(encode(&text, DataType::Varchar, &options).is_err());
    assert!(encode(&Int32Array::from(vec![1]), DataType::BigInt, &options).is_err());
    let many = Int32Array::from(vec![1; BLOCK_ROWS + 1]);
    assert!(encode(&many, DataType::Integer, &options).is_err());
}
