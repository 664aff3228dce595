//! The distinct values of blocks that have few: an optional section of the footer.
//!
//! ```text
//! presence = for each block: count u8 · `count` values, ascending, each a scalar as in zone maps
//!   0 : nothing is known      2..=8 : a value of the block is one of these, each of which it has
//! ```
//!
//! A file in which nothing is known of any block has no such section. Long texts are left out.

use crate::wire::{Reader, put_scalar};
use crate::zone::{BOUND_BYTES_MAX, Zone, belongs};
use starfact_base::{Corruption, DataType, Scalar};
use starfact_encoding::PRESENT_MAX;
use std::cmp::Ordering;

/// The values that are worth a place in a footer: all, or none.
pub(crate) fn kept(present: &[Scalar]) -> Vec<Scalar> {
    let is_short = |value: &Scalar| match value {
        Scalar::String(text) => text.len() <= BOUND_BYTES_MAX,
        Scalar::Integer(_) | Scalar::Float(_) => true,
    };
    if present.iter().all(is_short) { present.to_vec() } else { Vec::new() }
}

/// The bytes of the section; `None` if it would say nothing.
pub(crate) fn put(zones: &[Zone]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for zone in zones {
        out.push(zone.stats.present.len() as u8);
        zone.stats.present.iter().for_each(|value| put_scalar(&mut out, value));
    }
    out.iter().any(|byte| *byte != 0).then_some(out)
}

/// Reads what [`put`] wrote into the zone maps of a column of type `ty`.
pub(crate) fn read(section: &[u8], zones: &mut [Zone], ty: DataType) -> Result<(), Corruption> {
    let mut reader = Reader::new(section);
    for zone in zones {
        let start = reader.position();
        let count = usize::from(reader.u8("values of a block")?);
        if count == 1 || count > PRESENT_MAX {
            let expected = format!("0 or 2 to {PRESENT_MAX}");
            return Err(Corruption::new(start, "values of a block", expected, count));
        }
        let mut present: Vec<Scalar> = Vec::with_capacity(count);
        for _ in 0..count {
            let at = reader.position();
            let value = reader.scalar("value of a block")?;
            let ascends =
                present.last().is_none_or(|before| before.compare(&value) == Some(Ordering::Less));
            if !belongs(&value, ty) || !ascends {
                let expected = format!("ascending values of {ty}");
                return Err(Corruption::new(at, "value of a block", expected, "another"));
            }
            present.push(value);
        }
        zone.stats.present = present;
    }
    reader.finish("values of blocks")
}

#[cfg(test)]
mod tests {
    use super::*;
    use starfact_encoding::BlockStats;

    fn zone(present: Vec<Scalar>) -> Zone {
        let (min, max) = (present.first().cloned(), present.last().cloned());
        Zone::of(&BlockStats { rows: 9, nulls: 0, min, max, present, sum: None })
    }

    fn text(text: &str) -> Scalar {
        Scalar::String(text.into())
    }

    #[test]
    fn values_come_back() {
        let zones = [zone(vec![text("Aarau"), text("Zürich")]), zone(vec![])];
        let section = put(&zones).unwrap();
        let mut back = [zone(vec![]), zone(vec![])];
        read(&section, &mut back, DataType::Varchar).unwrap();
        assert_eq!(back.map(|zone| zone.stats.present), zones.map(|zone| zone.stats.present));
        assert_eq!(put(&[zone(vec![]), zone(vec![])]), None);
    }

    #[test]
    fn long_texts_are_left_out() {
        let long = "x".repeat(BOUND_BYTES_MAX + 1);
        assert!(zone(vec![text("a"), text(&long)]).stats.present.is_empty());
    }

    #[test]
    fn values_that_cannot_be_are_damage() {
        let section = |values: &[Scalar]| {
            let mut out = vec![values.len() as u8];
            values.iter().for_each(|value| put_scalar(&mut out, value));
            out
        };
        let refused = |bytes: &[u8], ty| read(bytes, &mut [zone(vec![])], ty).is_err();
        let two = section(&[text("a"), text("b")]);
        assert!(!refused(&two, DataType::Varchar) && refused(&two, DataType::Date));
        assert!(refused(&section(&[text("b"), text("a")]), DataType::Varchar));
        assert!(refused(&section(&[text("b"), text("b")]), DataType::Varchar));
        assert!(refused(&section(&[text("a")]), DataType::Varchar));
        let nine: Vec<Scalar> = (0..9).map(Scalar::Integer).collect();
        assert!(refused(&section(&nine), DataType::Integer));
        assert!(refused(&two[..4], DataType::Varchar) && refused(&[], DataType::Varchar));
        assert!(refused(&[two.as_slice(), &[0]].concat(), DataType::Varchar));
    }
}
