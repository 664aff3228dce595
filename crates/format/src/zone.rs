//! Zone maps: what is known of a block without reading it.
//!
//! Bounds of strings are cut to [`BOUND_BYTES_MAX`] bytes: the lower bound to a prefix, the upper
//! to a prefix whose last character is raised by one. Such bounds still enclose every value but
//! need not occur themselves, which the `exact` flags record: only exact bounds answer MIN and MAX.

use crate::presence;
use crate::wire::{Reader, put_scalar};
use starfact_base::{Corruption, DataType, Scalar, data_type::Physical};
use starfact_encoding::{BlockStats, Predicate, Verdict, ZoneStats};
use std::cmp::Ordering;

/// Replaces a bound by another that lies further; false if that is not known.
fn widened(bound: &mut Option<Scalar>, other: Option<&Scalar>, further: Ordering) -> bool {
    let Some(other) = other else { return false };
    match bound.as_ref().map(|bound| other.compare(bound)) {
        Some(None) => return false,
        Some(Some(order)) if order != further => {}
        _ => *bound = Some(other.clone()),
    }
    true
}

/// Bytes that a string bound may take in a zone map.
pub(crate) const BOUND_BYTES_MAX: usize = 64;

const HAS_MIN: u8 = 1;
const HAS_MAX: u8 = 2;
const MIN_EXACT: u8 = 4;
const MAX_EXACT: u8 = 8;
const HAS_SUM: u8 = 16;
const ALL_FLAGS: u8 = HAS_MIN | HAS_MAX | MIN_EXACT | MAX_EXACT | HAS_SUM;

/// Bounds, counts and sum of one block.
#[derive(Clone, Debug, PartialEq)]
pub struct Zone {
    /// Rows, NULLs and bounds.
    pub stats: ZoneStats,
    /// Sum of the values that are not NULL, for integer types; `None` if unknown.
    pub sum: Option<i128>,
}

impl Zone {
    /// The zone map of a block with these statistics.
    pub(crate) fn of(stats: &BlockStats) -> Self {
        let (min, min_exact) = match &stats.min {
            Some(Scalar::String(text)) => lower_bound(text),
            other => (other.clone(), other.is_some()),
        };
        let (max, max_exact) = match &stats.max {
            Some(Scalar::String(text)) => upper_bound(text),
            other => (other.clone(), other.is_some()),
        };
        let (rows, nulls) = (stats.rows, stats.nulls);
        let present = presence::kept(&stats.present);
        let stats_of = ZoneStats { rows, nulls, min, max, present, min_exact, max_exact };
        Self { stats: stats_of, sum: stats.sum }
    }

    /// Whether no, some or every row of the block satisfies `predicate`.
    pub fn verdict(&self, predicate: &Predicate) -> Verdict {
        predicate.zone_verdict(&self.stats)
    }

    /// What is known of the rows of several blocks together.
    pub(crate) fn of_all(zones: &[Self]) -> ZoneStats {
        let mut all = ZoneStats {
            rows: 0,
            nulls: 0,
            min: None,
            max: None,
            present: Vec::new(),
            min_exact: false,
            max_exact: false,
        };
        let (mut min_known, mut max_known) = (true, true);
        for ZoneStats { rows, nulls, min, max, .. } in zones.iter().map(|zone| &zone.stats) {
            all.rows = all.rows.saturating_add(*rows);
            all.nulls = all.nulls.saturating_add(*nulls);
            if nulls == rows {
                continue;
            }
            min_known &= widened(&mut all.min, min.as_ref(), Ordering::Less);
            max_known &= widened(&mut all.max, max.as_ref(), Ordering::Greater);
        }
        all.min = all.min.filter(|_| min_known);
        all.max = all.max.filter(|_| max_known);
        all
    }

    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        let ZoneStats { nulls, min, max, min_exact, max_exact, .. } = &self.stats;
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        out.push(
            flag(min.is_some(), HAS_MIN)
                | flag(max.is_some(), HAS_MAX)
                | flag(*min_exact, MIN_EXACT)
                | flag(*max_exact, MAX_EXACT)
                | flag(self.sum.is_some(), HAS_SUM),
        );
        out.extend(nulls.to_le_bytes());
        for bound in [min, max].into_iter().flatten() {
            put_scalar(out, bound);
        }
        if let Some(sum) = self.sum {
            out.extend(sum.to_le_bytes());
        }
    }

    /// Reads what [`Zone::put`] wrote, for a block of `rows` rows of type `ty`.
    pub(crate) fn read(
        reader: &mut Reader<'_>,
        rows: u32,
        ty: DataType,
    ) -> Result<Self, Corruption> {
        let start = reader.position();
        let flags = reader.u8("zone flags")?;
        if flags & !ALL_FLAGS != 0 {
            let expected = format!("at most {ALL_FLAGS:#04x}");
            return Err(Corruption::new(start, "zone flags", expected, format!("{flags:#04x}")));
        }
        let nulls = reader.u32("zone null count")?;
        if nulls > rows {
            let expected = format!("at most {rows}");
            return Err(Corruption::new(start, "zone null count", expected, nulls));
        }
        let mut bound = |bit: u8, what: &str| -> Result<Option<Scalar>, Corruption> {
            if flags & bit == 0 {
                return Ok(None);
            }
            let at = reader.position();
            let scalar = reader.scalar(what)?;
            if belongs(&scalar, ty) {
                Ok(Some(scalar))
            } else {
                Err(Corruption::new(at, what, format!("a value of {ty}"), "another kind"))
            }
        };
        let min = bound(HAS_MIN, "zone minimum")?;
        let max = bound(HAS_MAX, "zone maximum")?;
        let sum = if flags & HAS_SUM == 0 { None } else { Some(reader.i128("zone sum")?) };
        let exact = |bit: u8| flags & bit != 0;
        let (min_exact, max_exact) = (exact(MIN_EXACT), exact(MAX_EXACT));
        let present = Vec::new();
        let stats = ZoneStats { rows, nulls, min, max, present, min_exact, max_exact };
        Ok(Self { stats, sum })
    }
}

/// Whether a value is of the physical type of a column.
pub(crate) fn belongs(scalar: &Scalar, ty: DataType) -> bool {
    match scalar {
        Scalar::Integer(_) => matches!(ty.physical(), Physical::Integer | Physical::Wide),
        Scalar::Float(_) => matches!(ty.physical(), Physical::Float32 | Physical::Float64),
        Scalar::String(_) => ty.physical() == Physical::String,
    }
}

/// The longest prefix of whole characters within `BOUND_BYTES_MAX` bytes.
fn prefix(text: &str) -> &str {
    let mut end = text.len().min(BOUND_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

fn lower_bound(text: &str) -> (Option<Scalar>, bool) {
    let kept = prefix(text);
    (Some(Scalar::String(kept.to_owned())), kept.len() == text.len())
}

fn upper_bound(text: &str) -> (Option<Scalar>, bool) {
    let mut kept = prefix(text).to_owned();
    if kept.len() == text.len() {
        return (Some(Scalar::String(kept)), true);
    }
    // Raise the last character that has a successor; UTF-8 keeps the order of code points.
    while let Some(last) = kept.pop() {
        let raised = match last {
            '\u{D7FF}' => Some('\u{E000}'),
            other => char::from_u32(other as u32 + 1),
        };
        if let Some(next) = raised {
            kept.push(next);
            return (Some(Scalar::String(kept)), false);
        }
    }
    (None, false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn string(scalar: Option<Scalar>) -> String {
        match scalar {
            Some(Scalar::String(text)) => text,
            other => panic!("not a string: {other:?}"),
        }
    }

    #[test]
    fn all_zones_together_rule_out_what_lies_beyond_each() {
        let zone = |nulls: u32, bounds: Option<(i128, i128)>| {
            let bound = |value: Option<i128>| value.map(Scalar::Integer);
            let (min, max) = (bound(bounds.map(|it| it.0)), bound(bounds.map(|it| it.1)));
            let (min_exact, max_exact) = (min.is_some(), max.is_some());
            let present = Vec::new();
            let stats = ZoneStats { rows: 10, nulls, min, max, present, min_exact, max_exact };
            Zone { stats, sum: None }
        };
        let between = |low, high| Predicate::Between {
            low: Scalar::Integer(low),
            high: Scalar::Integer(high),
        };
        let mut zones = vec![zone(2, Some((5, 9))), zone(10, None), zone(0, Some((-3, 4)))];
        let all = Zone::of_all(&zones);
        assert_eq!((all.rows, all.nulls), (30, 12));
        assert_eq!(between(10, 99).zone_verdict(&all), Verdict::None);
        assert_eq!(between(-9, -4).zone_verdict(&all), Verdict::None);
        assert_eq!(between(9, 10).zone_verdict(&all), Verdict::Some);
        assert_eq!(between(-3, -3).zone_verdict(&all), Verdict::Some);
        // Of a block with values and without bounds nobody knows.
        zones.push(zone(0, None));
        assert_eq!(between(10, 99).zone_verdict(&Zone::of_all(&zones)), Verdict::Some);
        assert_eq!(between(1, 2).zone_verdict(&Zone::of_all(&[])), Verdict::None);
    }

    #[test]
    fn long_strings_are_cut_to_bounds_that_enclose_them() {
        for text in ["x".repeat(100), "é".repeat(50), "\u{D7FF}".repeat(40)] {
            let (low, low_exact) = lower_bound(&text);
            let (high, high_exact) = upper_bound(&text);
            assert!(!low_exact && !high_exact);
            assert!(string(low).as_bytes() < text.as_bytes());
            assert!(string(high).as_bytes() > text.as_bytes());
        }
    }

    #[test]
    fn the_greatest_characters_leave_no_upper_bound() {
        assert_eq!(upper_bound(&"\u{10FFFF}".repeat(20)), (None, false));
    }

    /// Texts around the length at which bounds are cut, of characters of every length in bytes.
    fn any_text() -> impl Strategy<Value = String> {
        let odd = "a\u{7f}\u{80}\u{7ff}\u{800}\u{d7ff}\u{e000}\u{ffff}\u{10000}\u{10ffff}";
        let odd = proptest::sample::select(odd.chars().collect::<Vec<_>>());
        let character = prop_oneof![3 => odd, 1 => any::<char>()];
        proptest::collection::vec(character, 0..80).prop_map(|text| text.into_iter().collect())
    }

    proptest! {
        #[test]
        fn bounds_enclose_all_texts_between(texts in proptest::collection::vec(any_text(), 1..5)) {
            let scalar = |text: Option<&String>| text.cloned().map(Scalar::String);
            let zone = Zone::of(&BlockStats {
                rows: texts.len() as u32,
                nulls: 0,
                min: scalar(texts.iter().min()),
                max: scalar(texts.iter().max()),
                present: Vec::new(),
                sum: None,
            });
            let ZoneStats { min, max, min_exact, max_exact, .. } = &zone.stats;
            let min = string(min.clone());
            prop_assert!(min.len() <= BOUND_BYTES_MAX);
            prop_assert!(texts.iter().all(|text| min <= *text));
            prop_assert_eq!(*min_exact, texts.contains(&min));
            if let Some(max) = max.clone() {
                let max = string(Some(max));
                prop_assert!(max.len() <= BOUND_BYTES_MAX + 3);
                prop_assert!(texts.iter().all(|text| *text <= max));
                prop_assert_eq!(*max_exact, texts.contains(&max));
            } else {
                prop_assert!(!max_exact);
            }
            let mut bytes = Vec::new();
            zone.put(&mut bytes);
            let read = Zone::read(&mut Reader::new(&bytes), texts.len() as u32, DataType::Varchar);
            prop_assert_eq!(read, Ok(zone));
        }
    }

    #[test]
    fn a_cut_bound_is_the_least_that_is_known_to_enclose() {
        let long = format!("{}zz", "x".repeat(63));
        assert_eq!(string(lower_bound(&long).0), format!("{}z", "x".repeat(63)));
        assert_eq!(string(upper_bound(&long).0), format!("{}{{", "x".repeat(63)));
        let last = format!("a{}", "\u{10ffff}".repeat(20));
        assert_eq!(string(upper_bound(&last).0), "b");
    }

    /// The statistics of NULLs.
    fn nothing(sum: Option<i128>) -> BlockStats {
        BlockStats { rows: 7, nulls: 7, min: None, max: None, present: Vec::new(), sum }
    }

    #[test]
    fn zones_survive_a_round_trip() {
        let integers = BlockStats {
            rows: 7,
            nulls: 2,
            min: Some(Scalar::Integer(-5)),
            max: Some(Scalar::Integer(9)),
            present: Vec::new(),
            sum: Some(12),
        };
        for stats in [integers, nothing(Some(0))] {
            let zone = Zone::of(&stats);
            let mut bytes = Vec::new();
            zone.put(&mut bytes);
            let mut reader = Reader::new(&bytes);
            assert_eq!(Zone::read(&mut reader, 7, DataType::Integer), Ok(zone));
            assert_eq!(reader.remaining(), 0);
        }
    }

    #[test]
    fn more_nulls_than_rows_is_damage() {
        let zone = Zone::of(&nothing(None));
        let mut bytes = Vec::new();
        zone.put(&mut bytes);
        let damage = Zone::read(&mut Reader::new(&bytes), 6, DataType::Integer).unwrap_err();
        assert_eq!(damage.what, "zone null count");
    }
}
