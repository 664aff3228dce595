//! Finds rules that columns of a table follow, from a sample of their rows.
//!
//! A policy: it looks at keys and nothing else, neither at names nor at declared keys. What it
//! finds holds in (almost) every row of the sample; whether a block gets smaller by it, only the
//! block itself tells.
//!
//! ```text
//!   same     differences of the columns lie closer together than the keys
//!   mapped   rows with equal keys in one column have equal keys in the other
//!   scaled   x2 at two rows gives slope 1/divisor and addend:  y/x1 = (addend ± x2) / divisor
//!   divided  x - divisor * key lies in a window as wide as the divisor
//!   ratio    y * x2 / x1 is, up to rounding, the same fraction everywhere
//! ```
//!
//! The work is a few comparisons for each triple of columns: nearly all fail at the first rows.

use super::{PARAMETER_MAX, Rounding, Rule};
use crate::integer::bit_packed::width;
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// Columns that are looked at: the largest ones.
const COLUMNS_LOOKED_AT: usize = 40;
/// Rows of a sample below which nothing is found.
const ROWS_MIN: usize = 64;
/// Bits a row that a rule has to save.
const SAVED_MIN: f64 = 1.0;
/// The part of its size that a column has to save.
const SAVED_SHARE_MIN: f64 = 0.1;
/// What a rule that costs more than an addition has to save besides, in bits a row.
const RULE_COST: f64 = 0.5;
/// The largest divisor of a ratio that is looked for.
const RATIO_DIVISOR_MAX: i64 = 1_000;
/// Rules that are tried as the first.
const RULES_TRIED_FIRST: usize = 500;
/// Rows with large keys, from which parameters are solved.
const TOP_ROWS: usize = 32;

/// Some rows of a column.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The keys, group after group; those of NULL rows mean nothing.
    pub keys: Vec<i64>,
    /// Which of them are not NULL.
    pub is_valid: Vec<bool>,
    /// Bits that a row takes as it is stored.
    pub bits: f64,
    /// Whether the column may be derived; it can be a source anyway.
    pub may_be_derived: bool,
}

/// A rule that a sample follows.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The place of the column among the samples.
    pub column: usize,
    /// The rule.
    pub rule: Rule,
    /// The places of its sources.
    pub sources: Vec<usize>,
    /// Bits a row that it probably saves.
    pub saved: f64,
}

/// The rules that a table follows, the best first. `group_rows` consecutive rows of the samples
/// are of one block.
pub fn find_rules(samples: &[Sample], group_rows: usize) -> Vec<Found> {
    let mut places: Vec<usize> = (0..samples.len()).collect();
    let bits = |place: &usize| samples.get(*place).map_or(0.0, |sample| sample.bits);
    places.sort_by(|a, b| bits(b).total_cmp(&bits(a)));
    places.truncate(COLUMNS_LOOKED_AT);
    let columns: Vec<Column<'_>> = places
        .into_iter()
        .filter_map(|place| Column::of(place, samples.get(place)?, group_rows))
        .collect();
    let mut found = Vec::new();
    for column in columns.iter().filter(|column| column.sample.may_be_derived) {
        let sources = columns.iter().filter(|source| source.place != column.place);
        for source in sources.clone() {
            found.extend(column.same(source, group_rows));
            found.extend(column.mapped(source));
            found.extend(column.divided(source));
        }
        for x in sources.clone() {
            let others = sources.clone().filter(|other| other.place != x.place);
            found.extend(others.filter_map(|other| column.quotient(x, other)));
        }
    }
    found.retain(|found| {
        let bits = bits(&found.column);
        found.saved >= SAVED_MIN && found.saved >= SAVED_SHARE_MIN * bits
    });
    found.sort_by(|a, b| b.saved.total_cmp(&a.saved).then(b.column.cmp(&a.column)));
    found
}

/// A column of the sample that is not constant.
struct Column<'a> {
    place: usize,
    sample: &'a Sample,
    /// Bits of a row as it is stored, or as a number within the range of its block.
    bits: f64,
    /// The rows of each group, by key.
    by_key: Vec<Vec<usize>>,
    /// Distinct keys of a group, at the most.
    distinct: usize,
    /// Rows of large keys.
    top: Vec<usize>,
}

impl<'a> Column<'a> {
    fn of(place: usize, sample: &'a Sample, group_rows: usize) -> Option<Self> {
        let Sample { keys, is_valid, .. } = sample;
        let first = keys.first()?;
        let is_constant = keys.iter().all(|key| key == first);
        if keys.len() < ROWS_MIN || is_valid.len() != keys.len() || is_constant {
            return None;
        }
        let key = |row: &usize| keys.get(*row).copied().unwrap_or_default();
        let rows: Vec<usize> = (0..keys.len()).collect();
        let mut by_key: Vec<Vec<usize>> =
            rows.chunks(group_rows.max(1)).map(<[usize]>::to_vec).collect();
        let (mut distinct, mut range_bits) = (0, 0);
        for group in &mut by_key {
            group.sort_by_key(key);
            if let (Some(first), Some(last)) = (group.first(), group.last()) {
                range_bits = range_bits.max(width(key(last).abs_diff(key(first))));
            }
            distinct = distinct.max(group.chunk_by(|a, b| key(a) == key(b)).count());
        }
        let mut top = rows;
        top.sort_by_key(|row| Reverse(key(row).unsigned_abs()));
        top.truncate(TOP_ROWS);
        let bits = sample.bits.min(range_bits.into());
        Some(Self { place, sample, bits, by_key, distinct, top })
    }

    fn key(&self, row: usize) -> i64 {
        self.sample.keys.get(row).copied().unwrap_or_default()
    }

    fn is_valid(&self, row: usize) -> bool {
        self.sample.is_valid.get(row).is_some_and(|is_valid| *is_valid)
    }

    fn found(&self, rule: Rule, sources: Vec<usize>, bits_left: f64) -> Option<Found> {
        let saved = self.bits - bits_left;
        Some(Found { column: self.place, rule, sources, saved })
    }

    /// The column as `source` and a residual.
    fn same(&self, source: &Self, group_rows: usize) -> Option<Found> {
        let mut bits = 0;
        let rows: Vec<usize> = (0..self.sample.keys.len()).collect();
        for group in rows.chunks(group_rows.max(1)) {
            let valid = group.iter().copied().filter(|row| self.is_valid(*row));
            let differences =
                valid.map(|row| i128::from(self.key(row)) - i128::from(source.key(row)));
            let (min, max) =
                differences.fold((i128::MAX, i128::MIN), |(min, max), d| (min.min(d), max.max(d)));
            if max > min {
                bits = bits.max(width(u64::try_from(max - min).unwrap_or(u64::MAX)));
            }
            if f64::from(bits) >= self.bits {
                return None;
            }
        }
        self.found(Rule::Same, vec![source.place], f64::from(bits))
    }

    /// The column as a map of `source`.
    fn mapped(&self, source: &Self) -> Option<Found> {
        let group_rows = source.by_key.first()?.len();
        // As many repetitions as it takes to be no accident.
        if source.distinct * 2 > group_rows {
            return None;
        }
        for group in &source.by_key {
            let mut last: Option<(i64, i64)> = None;
            for row in group.iter().copied().filter(|row| self.is_valid(*row)) {
                let (from, to) = (source.key(row), self.key(row));
                if last.is_some_and(|(key, value)| key == from && value != to) {
                    return None;
                }
                last = Some((from, to));
            }
        }
        self.found(Rule::Mapped, vec![source.place], RULE_COST)
    }

    /// The column as a quotient of `source` and a constant.
    fn divided(&self, source: &Self) -> Option<Found> {
        let mut valid = source.top.iter().copied().filter(|row| self.is_valid(*row));
        let first = valid.next()?;
        let distance = |row: usize| source.key(row).abs_diff(source.key(first));
        let rows = (0..self.sample.keys.len()).filter(|row| self.is_valid(*row));
        let second = rows.clone().max_by_key(|row| distance(*row))?;
        let (dx, dy) = (distance(second), self.key(second).abs_diff(self.key(first)));
        // Rounding moves the distance of the quotients by less than 1.
        let divisor = i64::try_from(dx.saturating_add(dy / 2).checked_div(dy)?).ok()?;
        if !(2..=PARAMETER_MAX).contains(&divisor) {
            return None;
        }
        let (mut min, mut max) = (i128::MAX, i128::MIN);
        for row in rows {
            let rest =
                i128::from(source.key(row)) - i128::from(divisor) * i128::from(self.key(row));
            (min, max) = (min.min(rest), max.max(rest));
            if max - min >= divisor.into() {
                return None;
            }
        }
        // A window that begins at a multiple of the divisor is the likelier one.
        let aligned = min.div_euclid(divisor.into()) * i128::from(divisor);
        let start = if max < aligned + i128::from(divisor) { aligned } else { min };
        let addend = i64::try_from((-start).rem_euclid(divisor.into())).ok()?;
        self.found(Rule::Divided { addend, divisor }, vec![source.place], RULE_COST)
    }

    /// The column as a quotient of `x` and `y`.
    fn quotient(&self, x: &Self, y: &Self) -> Option<Found> {
        let rules = self.scaled(x, y).into_iter().chain(self.ratio(x, y));
        let mut rules = rules.filter(|rule| self.follows(rule, x, y));
        self.found(rules.next()?, vec![x.place, y.place], RULE_COST)
    }

    /// Whether the rule holds in all rows of the sample but one in twenty.
    fn follows(&self, rule: &Rule, x: &Self, y: &Self) -> bool {
        let Some(quotient) = rule.quotient().filter(|_| rule.is_valid()) else { return false };
        let rows = self.sample.keys.len();
        let mut exceptions = 0;
        for row in 0..rows {
            let is_exact = self.key(row) == quotient.of(x.key(row), y.key(row));
            exceptions += usize::from(self.is_valid(row) && !is_exact);
            if exceptions > 1 + row / 20 {
                return false;
            }
        }
        true
    }

    /// Rules `x * (addend ± y) / divisor` that hold at two rows.
    fn scaled(&self, x: &Self, y: &Self) -> Vec<Rule> {
        let Some(&first) = x.top.iter().find(|row| self.is_valid(**row)) else { return Vec::new() };
        let distance = |row: usize| y.key(row).abs_diff(y.key(first));
        let valid = x.top.iter().copied().filter(|row| self.is_valid(*row) && x.key(*row) != 0);
        let Some(second) = valid.max_by_key(|row| distance(*row)) else { return Vec::new() };
        let quotient = |row: usize| self.key(row) as f64 / x.key(row) as f64;
        let slope =
            (quotient(first) - quotient(second)) / (y.key(first) as f64 - y.key(second) as f64);
        let divisor = (1.0 / slope.abs()).round();
        if !slope.is_finite() || !(1.0..=PARAMETER_MAX as f64).contains(&divisor) {
            return Vec::new();
        }
        let up = slope > 0.0;
        let at_first = y.key(first) as f64;
        let addend = quotient(first) * divisor - if up { at_first } else { -at_first };
        if addend.abs() > PARAMETER_MAX as f64 {
            return Vec::new();
        }
        let (addend, divisor) = (addend.round() as i64, divisor as i64);
        let rule = |rounding| match up {
            true => Rule::ScaledUp { addend, divisor, rounding },
            false => Rule::ScaledDown { addend, divisor, rounding },
        };
        [Rounding::Floor, Rounding::HalfUp].map(rule).into()
    }

    /// Rules `x * factor / (y * divisor)` that hold at the rows with the largest keys.
    fn ratio(&self, x: &Self, y: &Self) -> Vec<Rule> {
        let mut rules = Vec::new();
        for (rounding, below, above) in [(Rounding::Floor, 0.0, 1.0), (Rounding::HalfUp, 0.5, 0.5)]
        {
            let (mut low, mut high) = (0.0f64, f64::INFINITY);
            for &row in self.top.iter().filter(|row| self.is_valid(**row)) {
                let (key, x, y) = (self.key(row) as f64, x.key(row) as f64, y.key(row) as f64);
                if key <= 0.0 || x <= 0.0 || y <= 0.0 {
                    low = f64::INFINITY;
                    break;
                }
                low = low.max((key - below) * y / x);
                high = high.min((key + above) * y / x);
                if low > high {
                    break;
                }
            }
            if low > high || high.is_infinite() {
                continue;
            }
            let fraction = (1..=RATIO_DIVISOR_MAX).find_map(|divisor| {
                let factor = (low * divisor as f64 - 1e-9).ceil();
                let is_within = factor >= 1.0 && factor <= high * divisor as f64;
                (is_within && factor <= PARAMETER_MAX as f64).then_some((factor as i64, divisor))
            });
            rules.extend(fraction.map(|(factor, divisor)| Rule::Ratio {
                factor,
                divisor,
                rounding,
            }));
        }
        rules
    }
}

/// Which of the rules, the best first, are used together: a source is always stored. `works` says
/// whether a rule keeps its promise, and is asked about those only that could be used.
///
/// Each in its turn is taken if it can be; but the one is put first with which all save the most,
/// since the best rule may take a column as its source that others would derive.
pub fn choose_rules<E>(
    mut found: Vec<Found>,
    mut works: impl FnMut(&Found) -> Result<bool, E>,
) -> Result<Vec<Found>, E> {
    let saved_with = |first: usize| {
        let mut together = Together::default();
        let rest = found.iter().enumerate().filter(|(place, _)| *place != first);
        let ordered = found.get(first).into_iter().chain(rest.map(|(_, found)| found));
        ordered.filter(|found| together.take(found)).map(|found| found.saved).sum::<f64>()
    };
    let best = (0..found.len().min(RULES_TRIED_FIRST))
        .map(|first| (saved_with(first), first))
        .reduce(|best, other| if other.0 > best.0 { other } else { best });
    if let Some((_, first)) = best {
        found.get_mut(..=first).unwrap_or_default().rotate_right(1);
    }
    let mut together = Together::default();
    let mut chosen = Vec::new();
    for found in found {
        if together.allows(&found) && works(&found)? {
            together.take(&found);
            chosen.push(found);
        }
    }
    Ok(chosen)
}

/// Rules that are used together.
#[derive(Default)]
struct Together {
    derived: BTreeSet<usize>,
    stored: BTreeSet<usize>,
}

impl Together {
    fn allows(&self, found: &Found) -> bool {
        let is_free = !self.derived.contains(&found.column) && !self.stored.contains(&found.column);
        is_free && found.sources.iter().all(|source| !self.derived.contains(source))
    }

    /// Adds a rule, if it can be.
    fn take(&mut self, found: &Found) -> bool {
        let is_allowed = self.allows(found);
        if is_allowed {
            self.derived.insert(found.column);
            self.stored.extend(found.sources.iter().copied());
        }
        is_allowed
    }
}
