//! What a filter means, row by row, and predicates to try it with.

use super::data::{Row, array, rows_of, value};
use crate::{CompareOp, Members, Predicate, ValuePredicate, data_type_of};
use arrow::array::{Array, ArrayRef, BooleanArray};
use starfact_base::data_type::Physical;
use starfact_base::{DataType, Scalar};
use std::cmp::Ordering;
use std::sync::Arc;

/// Numbers that look random and are the same in every run (Knuth's MMIX generator).
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_add(0x9e37_79b9_7f4a_7c15))
    }

    /// A number below `limit`, which is not 0.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

/// Whether two rows are the same to the last bit.
pub(super) fn same(a: &Row, b: &Row) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => a.compare(b) == Some(Ordering::Equal),
        _ => false,
    }
}

/// A predicate, and what it means where that is not plain to see.
pub(super) struct Asked {
    pub(super) predicate: Predicate,
    half: Option<Half>,
}

impl From<Predicate> for Asked {
    fn from(predicate: Predicate) -> Self {
        Self { predicate, half: None }
    }
}

impl Asked {
    /// Whether a row satisfies the predicate.
    pub(super) fn is_satisfied_by(&self, row: &Row) -> bool {
        let compare = |value: &Scalar| row.as_ref().map(|row| row.compare(value).unwrap());
        let is_equal = |value: &Scalar| compare(value) == Some(Ordering::Equal);
        match &self.predicate {
            Predicate::Compare { op, value } => compare(value).is_some_and(|order| op.holds(order)),
            Predicate::Between { low, high } => {
                compare(low).is_some_and(Ordering::is_ge)
                    && compare(high).is_some_and(Ordering::is_le)
            }
            Predicate::In(values) => values.iter().any(is_equal),
            Predicate::Members(members) => {
                matches!(row, Some(Scalar::Integer(key)) if members.contains(*key))
            }
            Predicate::Prefix(prefix) => {
                matches!(row, Some(Scalar::String(text)) if text.starts_with(prefix))
            }
            Predicate::IsNull => row.is_none(),
            Predicate::IsNotNull => row.is_some(),
            Predicate::Values(_) => self.half.unwrap().answer(row),
        }
    }
}

/// Says yes to about half of all values, and to NULL or not.
#[derive(Clone, Copy, Debug)]
struct Half {
    salt: u64,
    keeps_null: bool,
}

impl Half {
    fn answer(self, row: &Row) -> bool {
        let hash = |bytes: &[u8]| {
            let mix =
                |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            bytes.iter().fold(self.salt, mix) >> 7 & 1 == 1
        };
        match row {
            None => self.keeps_null,
            Some(Scalar::Integer(key)) => hash(&key.to_le_bytes()),
            Some(Scalar::Float(float)) => hash(&float.to_bits().to_le_bytes()),
            Some(Scalar::String(text)) => hash(text.as_bytes()),
        }
    }
}

impl ValuePredicate for Half {
    fn evaluate(&self, values: &ArrayRef) -> Result<BooleanArray, String> {
        let ty = data_type_of(values.data_type()).unwrap();
        // NULL as an answer means no, too.
        let answers = rows_of(ty, values).into_iter().map(|row| self.answer(&row).then_some(true));
        Ok(answers.collect())
    }
}

/// Predicates of every kind about values that `rows` have, about their neighbours and about others.
pub(super) fn predicates(ty: DataType, rows: &[Row], random: &mut Random) -> Vec<Asked> {
    use CompareOp::*;
    let mut constants: Vec<Scalar> = (0..3).filter_map(|number| value(ty, number)).collect();
    for _ in 0..5 {
        constants.extend(value(ty, random.below(100) as u64));
        if !rows.is_empty() {
            constants.extend(rows[random.below(rows.len())].clone());
        }
    }
    let neighbours: Vec<Scalar> = constants.iter().flat_map(neighbours).collect();
    constants.extend(neighbours);
    let mut predicates: Vec<Asked> =
        [Predicate::IsNull, Predicate::IsNotNull, Predicate::is_in(vec![])].map(Asked::from).into();
    for half in [Half { salt: 1, keeps_null: false }, Half { salt: 2, keeps_null: true }] {
        let predicate = Predicate::Values(Arc::new(half));
        predicates.push(Asked { predicate, half: Some(half) });
    }
    let mut pick = || constants[random.below(constants.len())].clone();
    for op in [Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual, Equal, Less] {
        predicates.push(Predicate::Compare { op, value: pick() }.into());
    }
    for _ in 0..3 {
        predicates.push(Predicate::Between { low: pick(), high: pick() }.into());
    }
    if ty == DataType::Varchar {
        for _ in 0..4 {
            let Scalar::String(text) = pick() else { continue };
            let longest = text.chars().count().min(7);
            for chars in [0, 1, longest / 2, longest] {
                let prefix = text.chars().take(chars).collect();
                predicates.push(Predicate::Prefix(prefix).into());
            }
        }
    }
    for count in [1, 3, 3, 12] {
        predicates.push(Predicate::is_in((0..count).map(|_| pick()).collect()).into());
    }
    if matches!(ty.physical(), Physical::Integer | Physical::Wide) {
        for shared in 0..6 {
            let room = 1 << 20;
            let mut members = Members::with_room(room);
            let picked = (0..1 << (2 * shared)).filter_map(|_| match pick() {
                Scalar::Integer(key) => usize::try_from(key).ok(),
                _ => None,
            });
            picked.for_each(|key| members.insert(key));
            predicates.push(Predicate::Members(Arc::new(members)).into());
        }
        let halves = (0..3_000).filter(|_| random.below(2) == 0).collect();
        predicates.push(Predicate::Members(Arc::new(halves)).into());
        let neighbours = (0..20_000).filter(|n| (500..9_000).contains(n) || n % 4_000 == 7);
        predicates.push(Predicate::Members(Arc::new(neighbours.collect())).into());
        predicates.push(Predicate::Members(Arc::new((512..10_000).collect())).into());
    }
    predicates
}

/// Constants next to a value, some of which the column cannot hold.
fn neighbours(value: &Scalar) -> Vec<Scalar> {
    match value {
        Scalar::Integer(key) => {
            vec![Scalar::Integer(key.saturating_add(1)), Scalar::Integer(key.saturating_sub(1))]
        }
        Scalar::Float(float) => vec![Scalar::Float(float.next_up()), Scalar::Float(-float)],
        Scalar::String(text) => {
            let mut shorter = text.clone();
            shorter.pop();
            vec![Scalar::String(format!("{text}\0")), Scalar::String(shorter)]
        }
    }
}

#[test]
fn arrays_and_rows_lead_to_each_other() {
    for ty in crate::types::tests::EVERY_TYPE {
        let rows: Vec<Row> = (0..2_000).map(|i| value(ty, i)).chain([None]).collect();
        let back = rows_of(ty, &array(ty, &rows));
        assert!(rows.iter().zip(&back).all(|(a, b)| same(a, b)), "{ty}");
    }
}
