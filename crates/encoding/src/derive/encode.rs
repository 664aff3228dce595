//! Writes a block that is stored as a derived one.

use super::node::values;
use super::{Lookup, Map, Rule};
use crate::bytes::Writer;
use crate::integer::constant::Constant;
use crate::integer::encode as integers;
use crate::integer::stats::Stats;
use crate::integer::{Integers, Rows};
use crate::{Block, Effort, SharedKeys};
use starfact_base::Corruption;
use std::sync::Arc;

/// The bytes of `block` derived by `rule` from `sources`, blocks of the same rows, and `keys`, if
/// the rule refers to a list; `None` if it cannot be: if the types do not allow it, or if the block
/// is no map of its source.
///
/// # Errors
/// Damage.
pub fn encode_derived(
    block: &Block,
    rule: &Rule,
    sources: &[&Block],
    keys: Option<&Arc<SharedKeys>>,
) -> Result<Option<Vec<u8>>, Corruption> {
    let Some(node) = block.word_keys() else { return Ok(None) };
    let mut nodes: Vec<Integers> = Vec::with_capacity(sources.len());
    for source in sources {
        match source.word_keys() {
            Some(node) if source.rows() == block.rows() => nodes.push(node.clone()),
            _ => return Ok(None),
        }
    }
    if nodes.len() != rule.source_count() || !rule.is_valid() || block.rows() == 0 {
        return Ok(None);
    }
    let all = Rows::Range(0..block.rows());
    let wanted: Vec<i64> = node.fetch(&all)?;
    let validity: Option<Vec<u8>> = match block.validity().is_all(1) {
        true => None,
        false => Some(block.validity().fetch(&all)?),
    };
    let lookup = match (rule, nodes.first(), keys) {
        (Rule::Mapped, Some(source), _) => {
            let source = source.fetch::<i64>(&all)?;
            match Map::of(&source, &wanted, validity.as_deref()) {
                Some(map) => Lookup::Map(map),
                None => return Ok(None),
            }
        }
        (Rule::Referenced, _, Some(keys)) => Lookup::Keys(Arc::clone(keys)),
        (Rule::Referenced, _, None) => return Ok(None),
        _ => Lookup::None,
    };
    let mut residual = values(*rule, &lookup, &nodes, &all)?;
    for (residual, key) in residual.iter_mut().zip(&wanted) {
        *residual = key.wrapping_sub(*residual);
    }
    if let Some(validity) = &validity {
        fill(&mut residual, validity);
    }
    let mut writer = Writer::default();
    match &validity {
        None => Constant::encode(1, &mut writer),
        Some(bits) => integers::encode_simple(bits, &Stats::of(bits), &mut writer),
    }
    if let Lookup::Map(map) = &lookup {
        map.encode(&mut writer);
    }
    integers::encode(&residual, &Stats::of(&residual), Effort::Best, &mut writer);
    Ok(Some(writer.into_bytes()))
}

/// Gives NULLs the residual of the row before, or of the first row that is not NULL: so they cost
/// nothing.
fn fill(residual: &mut [i64], validity: &[u8]) {
    let first = validity.iter().position(|&bit| bit == 1);
    let mut last = first.and_then(|row| residual.get(row).copied()).unwrap_or_default();
    for (residual, &bit) in residual.iter_mut().zip(validity) {
        if bit == 1 {
            last = *residual;
        }
        *residual = last;
    }
}
