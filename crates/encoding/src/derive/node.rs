//! The values of a derived block: sources, rule and residual, which answer like any other node.

use super::map::WORDS;
use super::quotient::Bounds;
use super::{Derivation, Divided, Map, Rule};
use crate::bytes::Reader;
use crate::cpu;
use crate::integer::{Evaluate, Integers, Rows, clear_refused};
use crate::keys::KeySet;
use crate::native::Native;
use crate::predicate::FilterError;
use crate::selection::Selection;
use crate::shared_keys::SharedKeys;
use crate::totals::KeyTotals;
use crate::types::Domain;
use starfact_base::Corruption;
use starfact_base::limits::VECTOR_ROWS;
use std::ops::Range;
use std::sync::Arc;

/// Rows that are computed at a time, so that they stay in the cache.
const STEP_ROWS: usize = 4 * VECTOR_ROWS;

/// What a rule looks the keys of its source up in.
#[derive(Clone, Debug)]
pub(crate) enum Lookup {
    None,
    /// There for [`Rule::Mapped`].
    Map(Map),
    /// There for [`Rule::Referenced`].
    Keys(Arc<SharedKeys>),
}

/// The values of a derived block.
#[derive(Clone, Debug)]
pub(crate) struct Derived {
    derivation: Derivation,
    sources: Vec<Integers>,
    lookup: Lookup,
    residual: Integers,
    /// The source, if all it takes is another base.
    shifted: Option<Box<Integers>>,
    domain: Domain,
    /// 1 where the row is not NULL; the keys of the others may lie outside of the domain.
    validity: Integers,
    rows: usize,
    /// Where the residual begins in the block, for messages.
    position: usize,
}

impl Derived {
    /// See [`Integers::held_bytes`].
    pub(crate) fn held_bytes(&self) -> usize {
        let sources = self.sources.iter().map(Integers::held_bytes).sum::<usize>();
        let lookup = match &self.lookup {
            Lookup::Map(map) => map.held_bytes(),
            Lookup::None | Lookup::Keys(_) => 0,
        };
        let shifted = self.shifted.as_ref().map_or(0, |node| node.held_bytes());
        sources + lookup + shifted + self.residual.held_bytes() + self.validity.held_bytes()
    }

    /// Parses what follows the validity of a block of `rows` rows. There is a source of as many
    /// rows for each that the rule has.
    pub(crate) fn parse(
        reader: &mut Reader,
        rows: usize,
        domain: Domain,
        derivation: &Derivation,
        sources: Vec<Integers>,
        keys: Option<&Arc<SharedKeys>>,
        validity: &Integers,
    ) -> Result<Self, Corruption> {
        let position = reader.position();
        let lookup = match (derivation.rule, keys) {
            (Rule::Mapped, _) => Lookup::Map(Map::parse(reader)?),
            (Rule::Referenced, Some(keys)) => Lookup::Keys(Arc::clone(keys)),
            (Rule::Referenced, None) => {
                let what = format!("derivation {derivation}");
                return Err(Corruption::new(position as u64, what, "a list of keys", "none"));
            }
            _ => Lookup::None,
        };
        let position = reader.position();
        let residual = Integers::parse(reader, rows, WORDS, 1)?;
        let mut node = Self {
            derivation: derivation.clone(),
            sources,
            lookup,
            residual,
            shifted: None,
            domain,
            validity: validity.clone(),
            rows,
            position,
        };
        node.shifted = node.shift().map(Box::new);
        Ok(node)
    }

    /// Offsets from a base that lie a constant further than the source's.
    fn shift(&self) -> Option<Integers> {
        match (self.derivation.rule, self.sources.as_slice(), &self.residual) {
            (Rule::Same, [Integers::Offsets(source)], Integers::Constant(residual)) => {
                let is_valid = self.validity.is_all(1);
                source.shifted(residual.key, self.domain, is_valid).map(Integers::Offsets)
            }
            _ => None,
        }
    }

    pub(crate) fn decode<T: Native>(
        &self,
        range: Range<usize>,
        out: &mut Vec<T>,
    ) -> Result<(), Corruption> {
        if let Some(shifted) = &self.shifted {
            return shifted.decode(range, out);
        }
        let mut start = range.start;
        while start < range.end {
            let end = range.end.min((start / STEP_ROWS + 1) * STEP_ROWS);
            let keys = self.keys(&Rows::Range(start..end))?;
            out.extend(keys.iter().map(|&key| T::from_key(key.into())));
            start = end;
        }
        Ok(())
    }

    pub(crate) fn take<T: Native>(&self, rows: &[u32], out: &mut Vec<T>) -> Result<(), Corruption> {
        if let Some(shifted) = &self.shifted {
            return shifted.take(rows, out);
        }
        for rows in rows.chunks(STEP_ROWS) {
            let keys = self.keys(&Rows::Indices(rows))?;
            out.extend(keys.iter().map(|&key| T::from_key(key.into())));
        }
        Ok(())
    }

    /// The keys of `rows`, each of which the domain has.
    fn keys(&self, rows: &Rows<'_>) -> Result<Vec<i64>, Corruption> {
        let mut keys = values(self.derivation.rule, &self.lookup, &self.sources, rows)
            .map_err(|damage| self.of_source(damage))?;
        match &self.residual {
            Integers::Constant(residual) => {
                let residual = residual.key as i64;
                if residual != 0 {
                    keys.iter_mut().for_each(|key| *key = key.wrapping_add(residual));
                }
            }
            residual => {
                for (key, residual) in keys.iter_mut().zip(residual.fetch::<i64>(rows)?) {
                    *key = key.wrapping_add(residual);
                }
            }
        }
        let (min, max) = cpu::run(Bounds(&keys));
        if !self.domain.contains(min.into()) || !self.domain.contains(max.into()) {
            self.check_each(rows, &mut keys)?;
        }
        Ok(keys)
    }

    /// Damage in a source, which another block has; its place is in the words.
    fn of_source(&self, damage: Corruption) -> Corruption {
        let what = format!("source of {}, {} at {}", self.derivation, damage.what, damage.offset);
        Corruption::new(self.position as u64, what, damage.expected, damage.found)
    }

    /// Refuses keys outside of the domain in rows that are not NULL; the others become 0.
    fn check_each(&self, rows: &Rows<'_>, keys: &mut [i64]) -> Result<(), Corruption> {
        let validity: Vec<u8> = self.validity.fetch(rows)?;
        for (key, is_valid) in keys.iter_mut().zip(validity) {
            if self.domain.contains((*key).into()) {
                continue;
            }
            if is_valid == 1 {
                let expected = format!("{} to {}", self.domain.min, self.domain.max);
                let position = self.position as u64;
                return Err(Corruption::new(position, "derived value", expected, *key));
            }
            *key = 0;
        }
        Ok(())
    }

    /// Clears the rows whose keys are not in `set`.
    pub(crate) fn filter(&self, set: &KeySet, selection: &mut Selection) -> Result<(), Corruption> {
        if let Some(shifted) = &self.shifted {
            return shifted.filter(set, selection);
        }
        if let (Some(set), [source]) = (self.set_of_source(set), self.sources.as_slice()) {
            return source.filter(&set, selection);
        }
        let mut start = 0;
        while start < self.rows {
            let end = self.rows.min(start + VECTOR_ROWS);
            let rows = selection.slice(start..end).indices();
            if !rows.is_empty() {
                let rows: Vec<u32> = rows.into_iter().map(|row| row + start as u32).collect();
                // Whole vectors are decoded at the cost of a few rows.
                let is_dense = rows.len() > (end - start) / 8;
                let wanted = if is_dense { Rows::Range(start..end) } else { Rows::Indices(&rows) };
                let keys = self.keys(&wanted)?;
                for (place, &row) in rows.iter().enumerate() {
                    let place = if is_dense { row as usize - start } else { place };
                    let key = keys.get(place).copied().unwrap_or_default();
                    if !set.contains(key.into()) {
                        selection.clear(row as usize);
                    }
                }
            }
            start = end;
        }
        Ok(())
    }

    /// Adds the keys of the selected rows, none of which is NULL, to `totals`.
    pub(crate) fn aggregate(
        &self,
        selection: &Selection,
        totals: &mut KeyTotals,
    ) -> Result<(), Corruption> {
        if let Some(shifted) = &self.shifted {
            return shifted.aggregate(selection, totals);
        }
        if let (Rule::Same, [source], Integers::Constant(residual)) =
            (self.derivation.rule, self.sources.as_slice(), &self.residual)
        {
            let mut own = KeyTotals::default();
            source.aggregate(selection, &mut own).map_err(|damage| self.of_source(damage))?;
            let own = own.scaled(residual.key, 1);
            let has = |(min, max)| self.domain.contains(min) && self.domain.contains(max);
            if own.bounds.is_none_or(has) {
                totals.merge(&own);
                return Ok(());
            }
        }
        for start in (0..self.rows).step_by(VECTOR_ROWS) {
            let end = self.rows.min(start + VECTOR_ROWS);
            let rows = selection.slice(start..end).indices();
            if !rows.is_empty() {
                let rows: Vec<u32> = rows.into_iter().map(|row| row + start as u32).collect();
                let keys = self.keys(&Rows::Indices(&rows))?;
                keys.into_iter().for_each(|key| totals.add(key.into(), 1));
            }
        }
        Ok(())
    }

    /// The keys of the only source for which the derived ones are in `set`, if that can be told.
    fn set_of_source(&self, set: &KeySet) -> Option<Arc<KeySet>> {
        let Integers::Constant(residual) = &self.residual else { return None };
        match (self.derivation.rule, &self.lookup) {
            (Rule::Same, _) => Some(Arc::new(set.shifted(residual.key.checked_neg()?))),
            (Rule::Divided { addend, divisor }, _) => {
                // Then no sum of a quotient and the residual wraps around.
                let is_short = |key: i128| key.unsigned_abs() < 1 << 61;
                let terms = [residual.key, self.domain.min, self.domain.max];
                let quotients = set.shifted(residual.key.checked_neg()?);
                let divided = Divided { addend, divisor };
                if residual.key != 0 && !terms.into_iter().all(is_short) {
                    return None;
                }
                divided.numbers(&quotients).map(Arc::new)
            }
            (_, Lookup::Keys(keys)) => {
                // Sums that wrap around would be in no set that is shifted.
                (residual.key == 0).then(|| keys.ordinals(set))
            }
            // Keys that the map does not have count as 0.
            (_, Lookup::Map(map)) if !set.contains(residual.key) => {
                let is_wanted =
                    |value: i64| set.contains(value.wrapping_add(residual.key as i64).into());
                let wanted = map.iter().filter(|(_, value)| is_wanted(*value));
                Some(Arc::new(KeySet::points(wanted.map(|(key, _)| key.into()).collect())))
            }
            _ => None,
        }
    }

    /// Clears the rows for whose keys `evaluate`, asked about `node`, does not answer true.
    pub(crate) fn filter_values(
        &self,
        node: &Integers,
        evaluate: &mut Evaluate<'_>,
        selection: &mut Selection,
    ) -> Result<(), FilterError> {
        if selection.is_empty() {
            return Ok(());
        }
        let rows = selection.indices();
        let answers = evaluate(node, Rows::Indices(&rows))?;
        clear_refused(&answers, &rows, selection);
        Ok(())
    }

    pub(crate) fn tree(&self) -> String {
        format!("derived({}, {})", self.derivation, self.residual.tree())
    }
}

/// The values of a rule at `rows`.
pub(super) fn values(
    rule: Rule,
    lookup: &Lookup,
    sources: &[Integers],
    rows: &Rows<'_>,
) -> Result<Vec<i64>, Corruption> {
    let fetch = |place: usize| match sources.get(place) {
        Some(source) => source.fetch::<i64>(rows),
        None => Ok(vec![0; rows.len()]),
    };
    let mut x = fetch(0)?;
    match lookup {
        Lookup::None => {}
        Lookup::Map(map) => map.apply(&mut x),
        Lookup::Keys(keys) => keys.apply(&mut x).map_err(|ordinal| {
            let expected = format!("one of {} ordinals", keys.len());
            Corruption::new(0, "reference", expected, ordinal)
        })?,
    }
    match (rule, rule.quotient()) {
        (Rule::Divided { addend, divisor }, _) => Ok(Divided { addend, divisor }.of_all(x)),
        (_, Some(quotient)) => Ok(quotient.of_all(&x, &fetch(1)?)),
        (_, None) => Ok(x),
    }
}
