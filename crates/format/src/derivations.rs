//! Section 4 of the footer: by which rules blocks follow from other columns.
//!
//! ```text
//! block = 0 u8, if it is stored
//!       | kind u8 · rounding u8 · source u32 · source u32 · factor i64 · divisor i64
//! ```
//!
//! | kind | value, without the residual | | rounding | |
//! |---|---|---|---|---|
//! | 1 | `x` | | 0 | down |
//! | 2 | what the map in the block has for `x` | | 1 | half up |
//! | 3 | `x * (factor + y) / divisor` | | | |
//! | 4 | `x * (factor - y) / divisor` | | | |
//! | 5 | `x * factor / (y * divisor)` | | | |
//! | 6 | `(x + factor) / divisor` | | | |
//! | 7 | what the list of section 6 has for the ordinal `x` | | | |
//!
//! What a rule does not use is 0.

use crate::wire::Reader;
use starfact_base::{ColumnId, Corruption};
use starfact_encoding::{Derivation, PARAMETER_MAX, Rounding, Rule};

const STORED: u8 = 0;
const SAME: u8 = 1;
const MAPPED: u8 = 2;
const SCALED_UP: u8 = 3;
const SCALED_DOWN: u8 = 4;
const RATIO: u8 = 5;
const DIVIDED: u8 = 6;
const REFERENCED: u8 = 7;

/// Appends the entry of a block.
pub(crate) fn put(derivation: Option<&Derivation>, out: &mut Vec<u8>) {
    let Some(Derivation { rule, sources }) = derivation else { return out.push(STORED) };
    let (kind, rounding, factor, divisor) = match *rule {
        Rule::Same => (SAME, Rounding::Floor, 0, 0),
        Rule::Mapped => (MAPPED, Rounding::Floor, 0, 0),
        Rule::Referenced => (REFERENCED, Rounding::Floor, 0, 0),
        Rule::ScaledUp { addend, divisor, rounding } => (SCALED_UP, rounding, addend, divisor),
        Rule::ScaledDown { addend, divisor, rounding } => (SCALED_DOWN, rounding, addend, divisor),
        Rule::Ratio { factor, divisor, rounding } => (RATIO, rounding, factor, divisor),
        Rule::Divided { addend, divisor } => (DIVIDED, Rounding::Floor, addend, divisor),
    };
    out.push(kind);
    out.push(u8::from(rounding == Rounding::HalfUp));
    for place in 0..2 {
        out.extend(sources.get(place).map_or(0, |id| id.0).to_le_bytes());
    }
    out.extend(factor.to_le_bytes());
    out.extend(divisor.to_le_bytes());
}

/// Reads the entries of `block_count` blocks, which is all that there may be.
pub(crate) fn read(
    section: &[u8],
    block_count: usize,
) -> Result<Vec<Option<Derivation>>, Corruption> {
    let mut reader = Reader::new(section);
    let mut derivations = Vec::with_capacity(block_count.min(section.len()));
    for _ in 0..block_count {
        derivations.push(read_one(&mut reader)?);
    }
    reader.finish("derivations")?;
    Ok(derivations)
}

fn read_one(reader: &mut Reader<'_>) -> Result<Option<Derivation>, Corruption> {
    let at = reader.position();
    let kind = reader.u8("rule")?;
    if kind == STORED {
        return Ok(None);
    }
    let rounding = match reader.u8("rounding")? {
        0 => Rounding::Floor,
        1 => Rounding::HalfUp,
        other => return Err(Corruption::new(at + 1, "rounding", "0 or 1", other)),
    };
    let sources = [reader.u32("source column")?, reader.u32("source column")?];
    let (factor, divisor) = (reader.i64("factor")?, reader.i64("divisor")?);
    let rule = match kind {
        SAME => Rule::Same,
        MAPPED => Rule::Mapped,
        REFERENCED => Rule::Referenced,
        SCALED_UP => Rule::ScaledUp { addend: factor, divisor, rounding },
        SCALED_DOWN => Rule::ScaledDown { addend: factor, divisor, rounding },
        RATIO => Rule::Ratio { factor, divisor, rounding },
        DIVIDED => Rule::Divided { addend: factor, divisor },
        _ => return Err(Corruption::new(at, "rule", "a rule from 0 to 7", kind)),
    };
    if !rule.is_valid() {
        let expected = format!("a factor up to {PARAMETER_MAX}, a divisor from 1");
        let found = format!("{factor} and {divisor}");
        return Err(Corruption::new(at + 10, "parameters of a rule", expected, found));
    }
    let used = sources.iter().take(rule.source_count());
    let sources: Vec<ColumnId> = used.map(|id| ColumnId(*id)).collect();
    let derivation = Derivation { rule, sources };
    // There is one way to write a rule: what it does not use is 0.
    let mut again = Vec::new();
    put(Some(&derivation), &mut again);
    let is_same = reader.since(at) == again.as_slice();
    if !is_same || derivation.sources.contains(&ColumnId(0)) {
        return Err(Corruption::new(at, "rule", "sources, and zeros where unused", "others"));
    }
    Ok(Some(derivation))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUNDINGS: [Rounding; 2] = [Rounding::Floor, Rounding::HalfUp];

    fn all() -> Vec<Option<Derivation>> {
        let mut all = vec![None];
        let two = vec![ColumnId(3), ColumnId(u32::MAX)];
        let divided = Rule::Divided { addend: -5, divisor: PARAMETER_MAX };
        for rule in [Rule::Same, Rule::Mapped, Rule::Referenced, divided] {
            all.push(Some(Derivation { rule, sources: vec![ColumnId(7)] }));
        }
        for rounding in ROUNDINGS {
            let (addend, divisor) = (-PARAMETER_MAX, PARAMETER_MAX);
            for rule in [
                Rule::ScaledUp { addend, divisor, rounding },
                Rule::ScaledDown { addend, divisor: 1, rounding },
                Rule::Ratio { factor: addend, divisor, rounding },
            ] {
                all.push(Some(Derivation { rule, sources: two.clone() }));
            }
        }
        all
    }

    fn bytes(derivations: &[Option<Derivation>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        derivations.iter().for_each(|derivation| put(derivation.as_ref(), &mut bytes));
        bytes
    }

    #[test]
    fn rules_survive_a_round_trip() {
        let all = all();
        assert_eq!(read(&bytes(&all), all.len()), Ok(all));
    }

    #[test]
    fn a_changed_byte_is_another_rule_or_damage_at_its_place() {
        let all = all();
        let good = bytes(&all);
        for (at, bit) in (0..good.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            match read(&bad, all.len()) {
                Ok(found) => {
                    assert_ne!(found, all, "{at} {bit}");
                    assert_eq!(bytes(&found), bad, "{at} {bit}");
                }
                Err(damage) => {
                    assert!(damage.offset <= good.len() as u64, "{damage}");
                    assert_ne!(damage.expected, damage.found, "{damage}");
                }
            }
        }
        for len in 0..good.len() {
            assert!(read(&good[..len], all.len()).is_err(), "{len}");
        }
        assert!(read(&good, all.len() - 1).is_err());
    }

    #[test]
    fn parameters_out_of_bounds_are_damage() {
        for (factor, divisor) in [(0, 0), (0, -1), (0, PARAMETER_MAX + 1), (i64::MIN, 1)] {
            let rule = Rule::Ratio { factor, divisor, rounding: Rounding::Floor };
            let derivation = Derivation { rule, sources: vec![ColumnId(1), ColumnId(2)] };
            let damage = read(&bytes(&[Some(derivation)]), 1).unwrap_err();
            assert_eq!((damage.offset, damage.what.as_str()), (10, "parameters of a rule"));
        }
    }
}
