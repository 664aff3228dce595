//! Measures what [`super::choose`] has to know, and keeps the smallest node together with all that
//! was made on the way: the values of children, and their own plans.
//!
//! Candidates are tried one after the other. Each is first judged by statistics and by a probe of a
//! few hundred values; only what may pay costs a pass over all of them, and is then compared by its
//! exact size.

use super::alp::{self, Integral, Scale};
use super::choose::{self, Candidate, Leaf, probe};
use super::stats::{Distinct, Stats};
use super::{delta, dictionary, marked, patched, run_length, scaled, sliced, sparse};
use crate::cpu::{self, Kernel};
use crate::native::Native;
use starfact_base::limits::ENCODING_DEPTH_MAX;

/// A node to be written.
#[derive(Debug)]
pub(crate) struct Plan<T> {
    pub(super) kind: Kind<T>,
    /// Where in the block it ends.
    pub(crate) end: usize,
}

/// The codec of a node and its children.
#[derive(Debug)]
pub(super) enum Kind<T> {
    Leaf {
        leaf: Leaf,
        base: T,
    },
    RunLength(Box<(Part<u32>, Part<T>)>),
    /// Where runs end, written as marks, and their keys.
    MarkedRuns(Box<(Vec<u32>, Part<T>)>),
    Sliced(Box<Sliced<T>>),
    Dictionary(Box<(Part<T>, Part<u32>)>),
    Patched(Box<Patched<T>>),
    Delta(Box<(Part<T>, Part<i64>)>),
    Scaled {
        multiplier: u64,
        base: T,
        multiples: Box<Part<i64>>,
    },
    Sparse {
        key: T,
        bitmap: Vec<u8>,
        keys: Box<Part<T>>,
    },
    Alp {
        scale: Scale,
        integers: Box<Part<i64>>,
    },
}

/// The children of a patched node.
#[derive(Debug)]
pub(super) struct Patched<T> {
    pub(super) positions: Part<u32>,
    pub(super) keys: Part<T>,
    pub(super) others: Part<T>,
}

/// The children of a sliced node.
#[derive(Debug)]
pub(super) struct Sliced<T> {
    pub(super) base: T,
    pub(super) low_bits: u8,
    pub(super) high: Part<u32>,
    pub(super) low: Part<u32>,
}

/// A child: its values and its node.
#[derive(Debug)]
pub(super) struct Part<T> {
    pub(super) values: Vec<T>,
    pub(super) plan: Plan<T>,
}

/// What a node may become besides a leaf.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Menu {
    candidates: &'static [Candidate],
    /// The values are codes, for which whole bytes are preferred to nearly as many bits.
    are_codes: bool,
    /// The values are ordinals, of which sets are asked for.
    are_ordinals: bool,
}

impl Menu {
    const fn new(candidates: &'static [Candidate]) -> Self {
        Self { candidates, are_codes: false, are_ordinals: false }
    }

    pub(crate) const COLUMN: Self = Self::new(&[
        Candidate::RunLength,
        Candidate::Sparse,
        Candidate::Scaled,
        Candidate::Patched,
        Candidate::Delta,
        Candidate::Dictionary,
    ]);
    /// Ordinals that a column refers to.
    pub(crate) const ORDINALS: Self = Self { are_ordinals: true, ..Self::COLUMN };
    /// What the statistics alone decide.
    pub(crate) const QUICK: Self = Self::new(&[Candidate::RunLength]);
    pub(crate) const FLOATS: Self = Self::new(&[
        Candidate::Alp,
        Candidate::RunLength,
        Candidate::Sparse,
        Candidate::Dictionary,
    ]);
    /// Lengths of text, and validity.
    pub(crate) const SIMPLE: Self = Self::new(&[Candidate::RunLength, Candidate::Sparse]);
    pub(crate) const CODES: Self =
        Self { are_codes: true, ..Self::new(&[Candidate::RunLength, Candidate::Sparse]) };
    /// Codes of which a block may use a few that lie far apart.
    pub(crate) const SHARED_CODES: Self = Self {
        are_codes: true,
        ..Self::new(&[Candidate::RunLength, Candidate::Sparse, Candidate::Dictionary])
    };
    const ENDS: Self = Self::new(&[Candidate::Delta]);
    const KEYS_OF_RUNS: Self =
        Self::new(&[Candidate::Scaled, Candidate::Patched, Candidate::Delta]);
    const DELTAS: Self = Self::new(&[Candidate::Sparse, Candidate::Patched]);
    const MULTIPLES: Self = Self::new(&[Candidate::Patched, Candidate::Delta]);
    const INTEGERS: Self =
        Self::new(&[Candidate::RunLength, Candidate::Scaled, Candidate::Patched, Candidate::Delta]);
    const LEAF: Self = Self::new(&[]);
}

/// Where a node is to be written: its first byte, and its level.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) position: usize,
    pub(crate) level: usize,
}

impl Place {
    /// The place of a child that begins at `position`.
    fn child(self, position: usize) -> Self {
        Self { position, level: self.level + 1 }
    }
}

/// The best node for values with these statistics.
pub(crate) fn plan<T: Native>(values: &[T], stats: &Stats<T>, place: Place, menu: Menu) -> Plan<T> {
    let mut best = first(values, stats, place, menu);
    if place.level >= ENCODING_DEPTH_MAX || stats.shape.range == 0 {
        return best;
    }
    for &candidate in menu.candidates {
        if choose::is_small(best.end - place.position, values.len()) {
            break;
        }
        let are_ordinals = menu.are_ordinals;
        let try_it = Try { values, stats, place, best: best.end, are_ordinals };
        let found = try_it.plan(candidate);
        let pays = |plan: &Plan<T>| choose::pays(candidate, place.position, plan.end, best.end);
        if let Some(plan) = found.filter(pays) {
            best = plan;
        }
    }
    best
}

/// What the best node so far is in the beginning.
fn first<T: Native>(values: &[T], stats: &Stats<T>, place: Place, menu: Menu) -> Plan<T> {
    let leaf = leaf(values, stats, place, menu);
    let low_bits = sliced::low_bits(values.len(), stats.shape.range);
    match low_bits.filter(|_| menu.are_ordinals && place.level < ENCODING_DEPTH_MAX) {
        Some(low_bits) => sliced(values, stats.min, low_bits, place),
        None => leaf,
    }
}

/// High and low bits of the offsets from the least value as a node.
pub(super) fn sliced<T: Native>(values: &[T], base: T, low_bits: u8, place: Place) -> Plan<T> {
    let offsets = || values.iter().map(|value| value.offset_from(base));
    let high = offsets().map(|offset| (offset >> low_bits) as u32).collect();
    let mask = u64::MAX >> (64 - low_bits);
    let low = offsets().map(|offset| (offset & mask) as u32).collect();
    let start = place.child(place.position + sliced::HEADER_BYTES);
    let high = part(high, start, Menu::LEAF);
    let low = part(low, place.child(high.plan.end), Menu::LEAF);
    let end = low.plan.end;
    Plan { end, kind: Kind::Sliced(Box::new(Sliced { base, low_bits, high, low })) }
}

fn leaf<T: Native>(values: &[T], stats: &Stats<T>, place: Place, menu: Menu) -> Plan<T> {
    let choose = if menu.are_codes { choose::code_leaf } else { choose::leaf };
    let (leaf, end) = choose(place.position, values.len(), stats.shape.range);
    Plan { kind: Kind::Leaf { leaf, base: stats.min }, end }
}

/// A child with the best node for it.
fn part<T: Native>(values: Vec<T>, place: Place, menu: Menu) -> Part<T> {
    let plan = plan(&values, &Stats::of(&values), place, menu);
    Part { values, plan }
}

/// Runs as a node.
pub(super) fn run_length<T: Native>(values: &[T], place: Place, are_ordinals: bool) -> Plan<T> {
    let (ends, keys) = run_length::runs(values);
    let menu = Menu { are_ordinals, ..Menu::KEYS_OF_RUNS };
    let marks_end = marked::marks_end(place.position, values.len());
    let ends = part(ends, place.child(place.position + run_length::HEADER_BYTES), Menu::ENDS);
    if choose::are_marks_better(marks_end - place.position, ends.plan.end - place.position) {
        let keys = part(keys, place.child(marks_end), menu);
        let end = keys.plan.end;
        return Plan { end, kind: Kind::MarkedRuns(Box::new((ends.values, keys))) };
    }
    let keys = part(keys, place.child(ends.plan.end), menu);
    Plan { end: keys.plan.end, kind: Kind::RunLength(Box::new((ends, keys))) }
}

/// A dictionary as a node.
pub(super) fn dictionary<T: Native>(distinct: Distinct<T>, place: Place) -> Plan<T> {
    let start = place.child(place.position + dictionary::HEADER_BYTES);
    let keys = part(distinct.values, start, Menu::LEAF);
    let codes = part(distinct.codes, place.child(keys.plan.end), Menu::CODES);
    Plan { end: codes.plan.end, kind: Kind::Dictionary(Box::new((keys, codes))) }
}

/// First keys and deltas as a node, if the values are not too far apart.
pub(super) fn delta<T: Native>(values: &[T], stats: &Stats<T>, place: Place) -> Option<Plan<T>> {
    let (firsts, deltas) = delta::split(values, stats.min.key(), stats.max.key())?;
    let start = place.child(place.position + delta::HEADER_BYTES);
    let firsts = part(firsts, start, Menu::LEAF);
    let deltas = part(deltas, place.child(firsts.plan.end), Menu::DELTAS);
    Some(Plan { end: deltas.plan.end, kind: Kind::Delta(Box::new((firsts, deltas))) })
}

/// Multiples of the greatest common divisor as a node, if there is one.
pub(super) fn scaled<T: Native>(values: &[T], stats: &Stats<T>, place: Place) -> Option<Plan<T>> {
    u64::try_from(stats.shape.range).ok()?;
    let (base, multiplier) = (stats.min, scaled::multiplier(values, stats.min));
    if multiplier < 2 {
        return None;
    }
    let multiples = scaled::multiples(values, base, multiplier)?;
    let start = place.child(place.position + scaled::HEADER_BYTES);
    let multiples = Box::new(part(multiples, start, Menu::MULTIPLES));
    Some(Plan { end: multiples.plan.end, kind: Kind::Scaled { multiplier, base, multiples } })
}

/// A node for the values from `low` to `high`, and the others as exceptions; `None` if there are no
/// such.
pub(super) fn patched<T: Native>(values: &[T], low: T, high: T, place: Place) -> Option<Plan<T>> {
    let mut others = values.to_vec();
    let (mut positions, mut keys) = (Vec::new(), Vec::new());
    for (row, value) in (0..).zip(&mut others) {
        if *value < low || *value > high {
            positions.push(row);
            keys.push(*value);
            *value = low;
        }
    }
    with_exceptions(positions, keys, place, |place| part(others, place, Menu::LEAF))
}

/// A patched node of these exceptions and a node for all rows.
fn with_exceptions<T: Native>(
    positions: Vec<u32>,
    keys: Vec<T>,
    place: Place,
    others: impl FnOnce(Place) -> Part<T>,
) -> Option<Plan<T>> {
    if positions.is_empty() {
        return None;
    }
    let start = place.child(place.position + patched::HEADER_BYTES);
    let positions = part(positions, start, Menu::ENDS);
    let keys = part(keys, place.child(positions.plan.end), Menu::LEAF);
    let others = others(place.child(keys.plan.end));
    let end = others.plan.end;
    Some(Plan { end, kind: Kind::Patched(Box::new(Patched { positions, keys, others })) })
}

/// A node of `key`, and a bitmap of the rows that have others, of which there is one at least.
pub(super) fn sparse<T: Native>(values: &[T], key: T, place: Place) -> Option<Plan<T>> {
    let rows = (0..).zip(values).filter(|(_, value)| **value != key);
    let (positions, keys): (Vec<u32>, Vec<T>) = rows.unzip();
    if positions.is_empty() {
        return None;
    }
    let bitmap = sparse::bitmap(&positions)?;
    let start = place.position + sparse::HEADER_BYTES + bitmap.len();
    let keys = Box::new(part(keys, place.child(start), Menu::LEAF));
    Some(Plan { end: keys.plan.end, kind: Kind::Sparse { key, bitmap, keys } })
}

/// Floats as integers, with exceptions if there are any.
pub(super) fn alp<T: Native>(keys: &[T], scale: Scale, place: Place) -> Option<Plan<T>> {
    let Integral { integers, exceptions } = Integral::of(keys, scale);
    let node = |place: Place| {
        let start = place.child(place.position + alp::HEADER_BYTES);
        let integers = Box::new(part(integers, start, Menu::INTEGERS));
        Plan { end: integers.plan.end, kind: Kind::Alp { scale, integers } }
    };
    if exceptions.is_empty() {
        return Some(node(place));
    }
    let odd = exceptions.iter().filter_map(|&row| keys.get(row as usize).copied()).collect();
    with_exceptions(exceptions, odd, place, |place| Part { values: vec![], plan: node(place) })
}

/// A candidate that is being measured.
struct Try<'a, T> {
    values: &'a [T],
    stats: &'a Stats<T>,
    place: Place,
    /// Where the best node so far ends.
    best: usize,
    are_ordinals: bool,
}

impl<T: Native> Try<'_, T> {
    fn plan(&self, candidate: Candidate) -> Option<Plan<T>> {
        match candidate {
            Candidate::Alp => self.alp(),
            Candidate::RunLength => self.run_length(),
            Candidate::Sparse => self.sparse(),
            Candidate::Patched => self.patched(),
            Candidate::Delta => self.delta(),
            Candidate::Scaled => scaled(self.values, self.stats, self.place),
            Candidate::Dictionary => self.dictionary(),
        }
    }

    /// Bytes of the best node so far.
    fn best_bytes(&self) -> usize {
        self.best - self.place.position
    }

    fn alp(&self) -> Option<Plan<T>> {
        let probe: Vec<T> = probe(self.values).into_iter().map(|(key, _)| key).collect();
        let sample = if probe.is_empty() { self.values } else { &probe };
        alp(self.values, Scale::of(sample)?, self.place)
    }

    fn run_length(&self) -> Option<Plan<T>> {
        choose::run_length_may_pay(&self.stats.shape, self.best_bytes())
            .then(|| run_length(self.values, self.place, self.are_ordinals))
    }

    fn sparse(&self) -> Option<Plan<T>> {
        let key = majority(probe(self.values).into_iter().map(|(value, _)| value))?;
        let count = cpu::run(CountOthers { values: self.values, key });
        choose::sparse_may_pay(&self.stats.shape, count, self.best_bytes())
            .then(|| sparse(self.values, key, self.place))?
    }

    fn patched(&self) -> Option<Plan<T>> {
        let mut probe: Vec<i128> =
            probe(self.values).into_iter().map(|(value, _)| value.key()).collect();
        probe.sort_unstable();
        let (min, max) = (self.stats.min.key(), self.stats.max.key());
        let window = choose::window(&probe, min, max, self.values.len())?;
        if !choose::pays(Candidate::Patched, 0, window.bytes, self.best_bytes()) {
            return None;
        }
        let (low, high) = (T::from_key(window.low), T::from_key(window.high));
        patched(self.values, low, high, self.place)
    }

    fn delta(&self) -> Option<Plan<T>> {
        let difference = |(before, after): (T, T)| after.key().checked_sub(before.key());
        let mut probe: Vec<i128> = probe(self.values).into_iter().filter_map(difference).collect();
        probe.sort_unstable();
        let (&min, &max) = probe.first().zip(probe.last())?;
        let window = choose::window(&probe, min, max, self.values.len())?;
        let is_small = choose::pays(Candidate::Delta, 0, window.bytes, self.best_bytes());
        if !is_small || !choose::deltas_may_pay(self.values.len(), window.bytes, self.best_bytes())
        {
            return None;
        }
        delta(self.values, self.stats, self.place)
    }

    fn dictionary(&self) -> Option<Plan<T>> {
        let Place { position, .. } = self.place;
        match choose::dictionary_keys_max(position, &self.stats.shape, self.best) {
            0 | 1 => None,
            max => Distinct::of(self.values, max).map(|found| dictionary(found, self.place)),
        }
    }
}

/// The value that is more than half of all if there is one, else any (Boyer and Moore).
fn majority<T: PartialEq + Copy>(values: impl Iterator<Item = T>) -> Option<T> {
    let mut leader = None;
    let mut lead = 0;
    for value in values {
        match leader {
            Some(same) if same == value => lead += 1,
            _ if lead == 0 => (leader, lead) = (Some(value), 1),
            _ => lead -= 1,
        }
    }
    leader
}

/// Counts the values that are not `key`.
struct CountOthers<'a, T> {
    values: &'a [T],
    key: T,
}

impl<T: Native> Kernel for CountOthers<'_, T> {
    type Output = usize;

    #[inline(always)]
    fn run(self) -> usize {
        let others: u32 = self.values.iter().map(|value| u32::from(*value != self.key)).sum();
        others as usize
    }
}
