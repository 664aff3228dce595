//! Widened values, predicates and bounds against a reading of every value.

use super::*;
use crate::repeated::repeated;
use crate::zone::Verdict;
use crate::{Block, EncodeOptions, Selection, ZoneStats, encode};
use arrow::array::Float32Array;
use proptest::prelude::*;

fn decimal(precision: u8, scale: u8) -> DataType {
    DataType::Decimal { precision, scale }
}

#[test]
fn exactly_the_types_that_hold_all_values_are_wider() {
    use DataType::*;
    let types = [
        Boolean,
        SmallInt,
        Integer,
        BigInt,
        Real,
        Double,
        decimal(4, 0),
        decimal(7, 2),
        decimal(9, 2),
        decimal(12, 2),
        decimal(12, 3),
        decimal(19, 0),
        Varchar,
        Date,
        Time,
        Timestamp,
        TimestampTz,
    ];
    let wider = |from: DataType| -> Vec<DataType> {
        types.into_iter().filter(|to| Widening::new(from, *to).is_some()).collect()
    };
    let decimals = [decimal(7, 2), decimal(9, 2), decimal(12, 2), decimal(12, 3), decimal(19, 0)];
    assert_eq!(wider(SmallInt), [&[Integer, BigInt][..], &decimals].concat());
    assert_eq!(wider(Integer), [BigInt, decimal(12, 2), decimal(19, 0)]);
    assert_eq!(wider(BigInt), [decimal(19, 0)]);
    assert_eq!(wider(Real), [Double]);
    assert_eq!(wider(Date), [Timestamp]);
    assert_eq!(wider(decimal(4, 0)), decimals);
    assert_eq!(wider(decimal(7, 2)), [decimal(9, 2), decimal(12, 2), decimal(12, 3)]);
    assert_eq!(wider(decimal(9, 2)), [decimal(12, 2), decimal(12, 3)]);
    assert_eq!(wider(decimal(12, 2)), []);
    for ty in [Boolean, Double, Varchar, Time, Timestamp, TimestampTz] {
        assert_eq!(wider(ty), [], "{ty}");
    }
}

#[test]
fn values_are_what_a_cast_makes_of_them() {
    for (from, to, value) in [
        (DataType::SmallInt, DataType::BigInt, -5),
        (DataType::Integer, decimal(38, 28), i32::MIN.into()),
        (DataType::BigInt, decimal(20, 1), i64::MIN.into()),
        (decimal(3, 1), decimal(38, 35), -999),
        (DataType::Date, DataType::Timestamp, -719_162),
    ] {
        let widening = Widening::new(from, to).unwrap();
        let old = repeated(Some(&Scalar::Integer(value)), from, 2).unwrap();
        let new = widening.scalar(&Scalar::Integer(value)).unwrap();
        let expected = repeated(Some(&new), to, 2).unwrap();
        assert_eq!(&widening.array(&old).unwrap(), &expected, "{from} {to}");
        assert_eq!(&cast(&old, &arrow_type(to)).unwrap(), &expected, "{from} {to}");
        assert!(widening.array(&expected).is_err(), "{from} {to}");
    }
}

#[test]
fn floats_keep_their_order_whatever_they_are() {
    let bits = [0xffc0_0000, 0xff80_0001, 0xff80_0000, 0x8000_0000, 0, 0x7f80_0000, 0x7f80_0001];
    let floats: Float32Array = bits.map(|bits| Some(f32::from_bits(bits))).into_iter().collect();
    let widening = Widening::new(DataType::Real, DataType::Double).unwrap();
    let doubles = widening.array(&(Arc::new(floats) as ArrayRef)).unwrap();
    let doubles = doubles.as_primitive::<Float64Type>();
    assert!(doubles.values().is_sorted_by(|a, b| a.total_cmp(b).is_lt()), "{doubles:?}");
}

#[test]
fn a_date_without_timestamp_is_an_error_and_not_another_moment() {
    let widening = Widening::new(DataType::Date, DataType::Timestamp).unwrap();
    let late = Scalar::Integer(i32::MAX.into());
    let late = repeated(Some(&late), DataType::Date, 1).unwrap();
    assert!(widening.array(&late).unwrap_err().contains("has no timestamp"));
}

/// Even values of the new type, in a predicate of the layers above.
#[derive(Debug)]
struct IsEven(DataType);

impl ValuePredicate for IsEven {
    fn evaluate(&self, values: &ArrayRef) -> Result<BooleanArray, String> {
        assert_eq!(*values.data_type(), arrow_type(self.0));
        Ok(match values.as_primitive_opt::<Decimal128Type>() {
            Some(values) => values.iter().map(|value| value.map(|value| value % 2 == 0)).collect(),
            None => values
                .as_primitive::<TimestampMicrosecondType>()
                .iter()
                .map(|value| value.map(|value| value % 2 == 0))
                .collect(),
        })
    }
}

fn any_predicate(to: DataType, unit: i128) -> impl Strategy<Value = Predicate> {
    use CompareOp::*;
    // Values of the old type, and their neighbours.
    let near = (-40_i128..40, prop_oneof![Just(0_i128), -2..3_i128, Just(unit / 2)]);
    let constant = near.prop_map(move |(value, off)| Scalar::Integer(value * unit + off));
    let pair = (constant.clone(), constant.clone());
    let op =
        proptest::sample::select(vec![Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual]);
    prop_oneof![
        6 => (op, constant.clone()).prop_map(|(op, value)| Predicate::Compare { op, value }),
        2 => pair.prop_map(|(low, high)| Predicate::Between { low, high }),
        2 => proptest::collection::vec(constant, 0..9).prop_map(Predicate::is_in),
        1 => proptest::collection::vec(0usize..70_000, 0..40).prop_map(|members| {
            Predicate::Members(Arc::new(members.into_iter().collect()))
        }),
        1 => Just(Predicate::IsNull),
        1 => Just(Predicate::IsNotNull),
        1 => Just(Predicate::Values(Arc::new(IsEven(to)))),
    ]
}

fn any_case() -> impl Strategy<Value = (Widening, Vec<Option<i128>>, Predicate)> {
    let pairs = vec![
        (DataType::SmallInt, decimal(5, 0)),
        (DataType::Integer, decimal(12, 2)),
        (DataType::BigInt, decimal(38, 19)),
        (decimal(4, 1), decimal(20, 5)),
        (decimal(4, 1), decimal(6, 1)),
        (DataType::Date, DataType::Timestamp),
    ];
    let widening = proptest::sample::select(pairs)
        .prop_map(|(from, to)| Widening::new(from, to).expect("it is wider"));
    let rows = proptest::collection::vec(proptest::option::weighted(0.8, -30_i128..30), 1..200);
    (widening, rows).prop_flat_map(|(widening, rows)| {
        let predicate = any_predicate(widening.to, widening.factor);
        (Just(widening), Just(rows), predicate)
    })
}

fn array(rows: &[Option<i128>], ty: DataType) -> ArrayRef {
    let parts: Vec<ArrayRef> = rows
        .iter()
        .map(|row| repeated(row.map(Scalar::Integer).as_ref(), ty, 1).unwrap())
        .collect();
    let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
    arrow::compute::concat(&parts).unwrap()
}

fn filtered(array: &ArrayRef, ty: DataType, predicate: &Predicate) -> Vec<u32> {
    let encoded = encode(array.as_ref(), ty, &EncodeOptions::default()).unwrap();
    let block = Block::parse(encoded.bytes.into(), ty, array.len()).unwrap();
    let mut selection = Selection::all(array.len());
    block.filter(predicate, &mut selection).unwrap();
    selection.indices()
}

proptest! {
    #[test]
    fn a_predicate_keeps_the_same_rows_before_widening((widening, rows, predicate) in any_case()) {
        let Widening { from, to, .. } = widening;
        let old = array(&rows, from);
        let new = widening.array(&old).unwrap();
        let expected = filtered(&new, to, &predicate);
        let narrowed = widening.predicate(&predicate);
        prop_assert_eq!(&filtered(&old, from, &narrowed), &expected, "{:?}", narrowed);
        // And what its zone map says of it is true.
        let values: Vec<i128> = rows.iter().flatten().copied().collect();
        let stats = ZoneStats {
            rows: rows.len() as u32,
            nulls: (rows.len() - values.len()) as u32,
            min: values.iter().min().copied().map(Scalar::Integer),
            max: values.iter().max().copied().map(Scalar::Integer),
            present: Vec::new(),
            min_exact: true,
            max_exact: true,
        };
        match narrowed.zone_verdict(&stats) {
            Verdict::None => prop_assert!(expected.is_empty()),
            Verdict::All => prop_assert_eq!(expected.len(), rows.len()),
            Verdict::Some => {}
        }
    }
}
