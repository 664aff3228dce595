//! What the statistics of a run of rows say about a predicate, without a look at the rows.
//!
//! A pure function: the layers above feed it the zone map of a block, of a segment or of a table.

use crate::members::Members;
use crate::predicate::{CompareOp, Predicate};
use starfact_base::Scalar;
use std::cmp::Ordering;

/// Statistics of a run of rows. A bound that is unknown is `None`.
#[derive(Clone, Debug, PartialEq)]
pub struct ZoneStats {
    /// Rows, NULL or not.
    pub rows: u32,
    /// Rows that are NULL.
    pub nulls: u32,
    /// No value that is not NULL is less than this.
    pub min: Option<Scalar>,
    /// No value that is not NULL is greater than this.
    pub max: Option<Scalar>,
    /// All distinct values that are not NULL, ascending; empty if they are not known.
    pub present: Vec<Scalar>,
    /// Whether `min` is itself a value of the run, not only a bound.
    pub min_exact: bool,
    /// Whether `max` is itself a value of the run, not only a bound.
    pub max_exact: bool,
}

/// How many rows of a run satisfy a predicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No row does.
    None,
    /// Nobody knows without a look.
    Some,
    /// Every row does.
    All,
}

impl Verdict {
    /// This verdict, or another if it says nothing.
    fn or_else(self, other: impl FnOnce() -> Self) -> Self {
        if self == Self::Some { other() } else { self }
    }
}

impl Predicate {
    /// Judges a run of rows by its statistics. [`Verdict::Some`] is always a correct answer, so
    /// that is what statistics of another type than the predicate's get.
    pub fn zone_verdict(&self, stats: &ZoneStats) -> Verdict {
        match self {
            Self::IsNull => share(stats.nulls, stats.rows),
            Self::IsNotNull => share(stats.rows.saturating_sub(stats.nulls), stats.rows),
            Self::Values(_) => Verdict::Some,
            _ if stats.nulls >= stats.rows => Verdict::None,
            _ => match self.verdict_of_values(stats).or_else(|| self.verdict_of_present(stats)) {
                Verdict::All if stats.nulls > 0 => Verdict::Some,
                verdict => verdict,
            },
        }
    }

    /// Judges the rows that are not NULL by their distinct values.
    fn verdict_of_present(&self, stats: &ZoneStats) -> Verdict {
        let (mut none, mut all) = (true, true);
        for value in &stats.present {
            let Some(holds) = self.holds(value) else { return Verdict::Some };
            none &= !holds;
            all &= holds;
        }
        if stats.present.is_empty() { Verdict::Some } else { verdict(none, all) }
    }

    /// Whether a value that is not NULL satisfies a predicate on values; `None` if that cannot be
    /// said here, as of a value of another type or of [`Predicate::Values`].
    pub fn holds(&self, value: &Scalar) -> Option<bool> {
        let compare = |to: &Scalar| value.compare(to);
        match self {
            Self::Compare { op, value } => compare(value).map(|order| op.holds(order)),
            Self::Between { low, high } => Some(compare(low)?.is_ge() && compare(high)?.is_le()),
            Self::In(list) => {
                let mut orders = list.iter().map(compare);
                orders.try_fold(false, |found, order| Some(found | order?.is_eq()))
            }
            Self::Members(members) => match value {
                Scalar::Integer(value) => Some(members.contains(*value)),
                Scalar::Float(_) | Scalar::String(_) => None,
            },
            Self::Prefix(prefix) => match value {
                Scalar::String(text) => Some(text.starts_with(prefix)),
                Scalar::Integer(_) | Scalar::Float(_) => None,
            },
            Self::IsNull | Self::IsNotNull | Self::Values(_) => None,
        }
    }

    /// Judges the rows that are not NULL by their bounds.
    fn verdict_of_values(&self, stats: &ZoneStats) -> Verdict {
        match self {
            Self::Compare { op, value } => Bounds::new(stats, value, value).compare(*op),
            Self::Between { low, high } => between(stats, low, high),
            Self::In(values) => is_in(stats, values),
            Self::Members(members) => is_member(stats, members),
            Self::Prefix(prefix) => starts_with(stats, prefix),
            Self::IsNull | Self::IsNotNull | Self::Values(_) => Verdict::Some,
        }
    }
}

/// `part` rows out of `whole`.
fn share(part: u32, whole: u32) -> Verdict {
    match part {
        0 => Verdict::None,
        _ if part >= whole => Verdict::All,
        _ => Verdict::Some,
    }
}

/// How the bounds of a run stand to an interval of constants.
struct Bounds {
    /// The lower bound against the low and the high end of the interval.
    min_to_low: Option<Ordering>,
    min_to_high: Option<Ordering>,
    /// The upper bound against the low and the high end of the interval.
    max_to_low: Option<Ordering>,
    max_to_high: Option<Ordering>,
    /// Both bounds are values of the run.
    exact: bool,
}

impl Bounds {
    fn new(stats: &ZoneStats, low: &Scalar, high: &Scalar) -> Self {
        let order = |bound: &Option<Scalar>, to: &Scalar| bound.as_ref()?.compare(to);
        Self {
            min_to_low: order(&stats.min, low),
            min_to_high: order(&stats.min, high),
            max_to_low: order(&stats.max, low),
            max_to_high: order(&stats.max, high),
            exact: stats.min_exact && stats.max_exact,
        }
    }

    /// All values are below the interval, or all are above it.
    fn outside(&self) -> bool {
        self.max_to_low == Some(Ordering::Less) || self.min_to_high == Some(Ordering::Greater)
    }

    /// All values are in the interval.
    fn inside(&self) -> bool {
        self.min_to_low.is_some_and(Ordering::is_ge)
            && self.max_to_high.is_some_and(Ordering::is_le)
    }

    /// The verdict on a comparison with the constant that is both ends of the interval.
    fn compare(&self, op: CompareOp) -> Verdict {
        let at_most = |bound: Option<Ordering>| bound.is_some_and(Ordering::is_le);
        let at_least = |bound: Option<Ordering>| bound.is_some_and(Ordering::is_ge);
        let (below, above) =
            (self.max_to_low == Some(Ordering::Less), self.min_to_low == Some(Ordering::Greater));
        let only = self.exact && self.inside();
        let (none, all) = match op {
            CompareOp::Equal => (below || above, only),
            CompareOp::NotEqual => (only, below || above),
            CompareOp::Less => (at_least(self.min_to_low), below),
            CompareOp::LessOrEqual => (above, at_most(self.max_to_low)),
            CompareOp::Greater => (at_most(self.max_to_low), above),
            CompareOp::GreaterOrEqual => (below, at_least(self.min_to_low)),
        };
        verdict(none, all)
    }
}

fn between(stats: &ZoneStats, low: &Scalar, high: &Scalar) -> Verdict {
    if low.compare(high) == Some(Ordering::Greater) {
        return Verdict::None;
    }
    let bounds = Bounds::new(stats, low, high);
    verdict(bounds.outside(), bounds.inside())
}

/// The values are ascending, so those within the bounds of the run are neighbours.
fn is_in(stats: &ZoneStats, values: &[Scalar]) -> Verdict {
    let from = stats.min.as_ref().map_or(0, |min| {
        values.partition_point(|value| value.compare(min) == Some(Ordering::Less))
    });
    let to = stats.max.as_ref().map_or(values.len(), |max| {
        values.partition_point(|value| value.compare(max) != Some(Ordering::Greater))
    });
    match values.get(from..to) {
        None | Some([]) => Verdict::None,
        Some([only])
            if Bounds::new(stats, only, only).compare(CompareOp::Equal) == Verdict::All =>
        {
            Verdict::All
        }
        Some(_) => Verdict::Some,
    }
}

fn is_member(stats: &ZoneStats, members: &Members) -> Verdict {
    let (Some(Scalar::Integer(min)), Some(Scalar::Integer(max))) = (&stats.min, &stats.max) else {
        return Verdict::Some;
    };
    verdict(!members.has_any(*min..=*max), members.has_all(*min..=*max))
}

/// All texts that begin with a prefix are neighbours, and the prefix itself is the first of them.
fn starts_with(stats: &ZoneStats, prefix: &str) -> Verdict {
    let (Some(Scalar::String(min)), Some(Scalar::String(max))) = (&stats.min, &stats.max) else {
        return Verdict::Some;
    };
    let above = min.as_str() > prefix && !min.starts_with(prefix);
    let below = max.as_str() < prefix;
    verdict(above || below, min.as_str() >= prefix && max.starts_with(prefix))
}

fn verdict(none: bool, all: bool) -> Verdict {
    match (none, all) {
        (true, _) => Verdict::None,
        (false, true) => Verdict::All,
        (false, false) => Verdict::Some,
    }
}

#[cfg(test)]
mod tests;
