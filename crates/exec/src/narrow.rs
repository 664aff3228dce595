//! Arithmetic of numbers that are known to be short, and sums of the results by group.
//!
//! Decimals have 128 bits, and what the zone maps say of a column nearly always shows that 64 hold
//! all that is computed from it. Then there is nothing to check: vectors of words are added and
//! multiplied, a thousand rows at a time, and what several sums have in common is computed once.

use crate::short::ShortOp;
use arrow::array::{Array, Int64Array};
use arrow::buffer::NullBuffer;
use starfact_encoding::{Kernel, run_kernel};
use std::ops::Range;

/// Rows that are computed at a time: all results of theirs stay near the processor.
const CHUNK_ROWS: usize = 1 << 10;
/// What is added up is at least `-SUMMED_END` and less than this, so that 64 bits hold the sum of a
/// chunk.
pub const SUMMED_END: i128 = 1 << 52;
/// Groups up to which each of them is added up by itself.
const FEW_GROUPS: usize = 8;

/// A step of a computation; others are named by their places before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The values of a column.
    Column(usize),
    /// The same value for each row.
    Constant(i64),
    /// What an operator gives of two steps.
    Apply(ShortOp, usize, usize),
}

/// Steps, each of which has others before it as operands.
#[derive(Clone, Debug, Default)]
pub struct Program {
    steps: Vec<Step>,
}

impl Program {
    /// Adds a step, unless it is there; returns its place.
    pub fn add(&mut self, step: Step) -> usize {
        let known = self.steps.iter().position(|known| *known == step);
        known.unwrap_or_else(|| {
            self.steps.push(step);
            self.steps.len() - 1
        })
    }

    /// Computes the steps of a chunk.
    fn run(&self, columns: &[&[i64]], results: &mut Vec<Vec<i64>>) {
        results.resize_with(self.steps.len(), Vec::new);
        for (place, step) in self.steps.iter().enumerate() {
            let Step::Apply(op, left, right) = *step else { continue };
            let (known, rest) = results.split_at_mut(place);
            let Some(result) = rest.first_mut() else { continue };
            let (left, right) = (self.side(left, columns, known), self.side(right, columns, known));
            run_kernel(Apply { op, left, right, result });
        }
    }

    fn side<'a>(&self, step: usize, columns: &[&'a [i64]], known: &'a [Vec<i64>]) -> Side<'a> {
        match self.steps.get(step) {
            Some(Step::Column(column)) => Side::Each(columns.get(*column).copied().unwrap_or(&[])),
            Some(Step::Constant(value)) => Side::One(*value),
            _ => Side::Each(known.get(step).map_or(&[], Vec::as_slice)),
        }
    }
}

#[derive(Clone, Copy)]
enum Side<'a> {
    Each(&'a [i64]),
    One(i64),
}

struct Apply<'a> {
    op: ShortOp,
    left: Side<'a>,
    right: Side<'a>,
    result: &'a mut Vec<i64>,
}

impl Kernel for Apply<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        match self.op {
            ShortOp::Add => self.with(i64::wrapping_add),
            ShortOp::Subtract => self.with(i64::wrapping_sub),
            ShortOp::Multiply => self.with(i64::wrapping_mul),
        }
    }
}

impl Apply<'_> {
    #[inline(always)]
    fn with(self, apply: impl Fn(i64, i64) -> i64) {
        let Self { left, right, result, .. } = self;
        let rows = match (left, right) {
            (Side::Each(values), _) | (_, Side::Each(values)) => values.len(),
            (Side::One(_), Side::One(_)) => CHUNK_ROWS,
        };
        result.resize(rows, 0);
        match (left, right) {
            (Side::Each(left), Side::Each(right)) => {
                for ((slot, left), right) in result.iter_mut().zip(left).zip(right) {
                    *slot = apply(*left, *right);
                }
            }
            (Side::Each(left), Side::One(right)) => {
                for (slot, left) in result.iter_mut().zip(left) {
                    *slot = apply(*left, right);
                }
            }
            (Side::One(left), Side::Each(right)) => {
                for (slot, right) in result.iter_mut().zip(right) {
                    *slot = apply(left, *right);
                }
            }
            (Side::One(left), Side::One(right)) => result.fill(apply(left, right)),
        }
    }
}

/// What is asked of each group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The step whose results are added up, if any is.
    pub sum: Option<usize>,
    /// The columns that must not be NULL in the rows that count.
    pub columns: Vec<usize>,
}

/// Sums and counts of groups.
#[derive(Clone, Debug)]
pub struct GroupSums {
    program: Program,
    asked: Vec<Asked>,
    /// Rows of each group.
    rows: Vec<u64>,
    /// For each that is asked for, the sum of each group.
    sums: Vec<Vec<i128>>,
    /// For each that is asked for, the rows of each group that do not count.
    nulls: Vec<Vec<u64>>,
    results: Vec<Vec<i64>>,
}

impl GroupSums {
    /// Nothing yet.
    pub fn new(program: Program, asked: Vec<Asked>) -> Self {
        let sums = vec![Vec::new(); asked.len()];
        let nulls = vec![Vec::new(); asked.len()];
        Self { program, asked, rows: Vec::new(), sums, nulls, results: Vec::new() }
    }

    /// Adds rows, of each of which `groups` has the group, below `total`.
    pub fn add(&mut self, columns: &[&Int64Array], groups: &[usize], total: usize) {
        let masks: Vec<Option<NullBuffer>> =
            self.asked.iter().map(|it| mask(it, columns)).collect();
        self.resize(total);
        for (nulls, mask) in self.nulls.iter_mut().zip(&masks) {
            if mask.is_some() {
                nulls.resize(total, 0);
            }
        }
        for start in (0..groups.len()).step_by(CHUNK_ROWS) {
            let end = groups.len().min(start + CHUNK_ROWS);
            let parts = parts(columns, start..end);
            let groups = groups.get(start..end).unwrap_or_default();
            self.program.run(&parts, &mut self.results);
            run_kernel(Count { groups, rows: &mut self.rows });
            for (place, (asked, mask)) in self.asked.iter().zip(&masks).enumerate() {
                let values = asked.sum.map(|step| self.program.side(step, &parts, &self.results));
                let (Some(sums), Some(nulls)) =
                    (self.sums.get_mut(place), self.nulls.get_mut(place))
                else {
                    continue;
                };
                match (mask, values) {
                    (None, None) => {}
                    (None, Some(values)) => run_kernel(Sum { values, groups, sums }),
                    (Some(mask), values) => {
                        let mask = mask.slice(start, end - start);
                        add_some(values, groups, &mask, sums, nulls);
                    }
                }
            }
        }
    }

    /// Adds rows of groups that lie together: the first group ends before the first of `ends`, the
    /// second before the next, and so on. Each row has its group in `groups`, too.
    pub fn add_runs(&mut self, columns: &[&Int64Array], groups: &[usize], ends: &[usize]) {
        let has_nulls = |asked: &Asked| mask(asked, columns).is_some();
        if self.asked.iter().any(has_nulls) || columns.is_empty() {
            self.add(columns, groups, ends.len());
            return;
        }
        self.resize(ends.len());
        let mut start = 0;
        for (rows, end) in self.rows.iter_mut().zip(ends) {
            *rows += (end - start) as u64;
            start = *end;
        }
        let (mut prefixes, mut first) = (Vec::with_capacity(CHUNK_ROWS + 1), 0);
        for start in (0..groups.len()).step_by(CHUNK_ROWS) {
            let end = groups.len().min(start + CHUNK_ROWS);
            let parts = parts(columns, start..end);
            self.program.run(&parts, &mut self.results);
            let after = groups.get(end - 1).map_or(0, |group| group + 1);
            let ends = ends.get(first..after).unwrap_or_default();
            for (asked, sums) in self.asked.iter().zip(&mut self.sums) {
                let Some(step) = asked.sum else { continue };
                let sums = sums.get_mut(first..after).unwrap_or_default();
                match self.program.side(step, &parts, &self.results) {
                    Side::One(value) => add_products(value, start..end, ends, sums),
                    Side::Each(values) => {
                        run_kernel(Scan { values, prefixes: &mut prefixes });
                        add_differences(&prefixes, start, ends, sums);
                    }
                }
            }
            // The last group may go on in the next chunk.
            first = after - 1;
        }
    }

    /// The sum of each group, of one that is asked for.
    pub fn sums(&self, place: usize) -> &[i128] {
        self.sums.get(place).map_or(&[], Vec::as_slice)
    }

    /// The sum and the number of values of each group, of one that is asked for.
    pub fn of(&self, place: usize) -> impl Iterator<Item = (i128, u64)> {
        let sums = self.sums.get(place).map_or(&[][..], Vec::as_slice);
        let nulls = self.nulls.get(place).map_or(&[][..], Vec::as_slice);
        self.rows.iter().enumerate().map(|(group, rows)| {
            let nulls = nulls.get(group).copied().unwrap_or_default();
            (sums.get(group).copied().unwrap_or_default(), rows.saturating_sub(nulls))
        })
    }

    /// Adds the groups of another, of each of which `groups` has the place here, below `total`.
    pub fn merge(&mut self, other: &Self, groups: &[usize], total: usize) {
        self.resize(total);
        add_all(&mut self.rows, &other.rows, groups);
        for (nulls, more) in self.nulls.iter_mut().zip(&other.nulls) {
            if !more.is_empty() {
                nulls.resize(total, 0);
                add_all(nulls, more, groups);
            }
        }
        for (sums, more) in self.sums.iter_mut().zip(&other.sums) {
            add_all(sums, more, groups);
        }
    }

    /// Makes room for groups; that for NULLs is made when there are some.
    fn resize(&mut self, total: usize) {
        self.rows.resize(total, 0);
        for (asked, sums) in self.asked.iter().zip(&mut self.sums) {
            if asked.sum.is_some() {
                sums.resize(total, 0);
            }
        }
    }

    /// Bytes in memory.
    pub fn size(&self) -> usize {
        let counts = self.nulls.iter().chain([&self.rows]).map(Vec::capacity).sum::<usize>();
        let sums = self.sums.iter().map(Vec::capacity).sum::<usize>();
        counts * size_of::<u64>() + sums * size_of::<i128>()
    }

    /// Forgets all groups.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.sums.iter_mut().for_each(Vec::clear);
        self.nulls.iter_mut().for_each(Vec::clear);
    }
}

/// Some rows of columns.
fn parts<'a>(columns: &[&'a Int64Array], rows: Range<usize>) -> Vec<&'a [i64]> {
    let part = |column: &&'a Int64Array| column.values().get(rows.clone()).unwrap_or_default();
    columns.iter().map(part).collect()
}

/// Adds to the values of some groups.
fn add_all<T: Copy + std::ops::AddAssign>(to: &mut [T], from: &[T], groups: &[usize]) {
    for (group, more) in groups.iter().zip(from) {
        if let Some(known) = to.get_mut(*group) {
            *known += *more;
        }
    }
}

/// Adds the same value for each row of a chunk to the sums of the groups that end there.
fn add_products(value: i64, rows: Range<usize>, ends: &[usize], sums: &mut [i128]) {
    let mut start = rows.start;
    for (end, sum) in ends.iter().zip(sums) {
        let end = rows.end.min(*end);
        *sum += i128::from(value) * (end - start) as i128;
        start = end;
    }
}

/// Adds to the sums of groups, by what all rows of a chunk before each of its rows come to.
fn add_differences(prefixes: &[i64], start: usize, ends: &[usize], sums: &mut [i128]) {
    let last = prefixes.len() - 1;
    let mut before = 0;
    for (end, sum) in ends.iter().zip(sums) {
        let prefix = prefixes.get((end - start).min(last)).copied().unwrap_or_default();
        *sum += i128::from(prefix - before);
        before = prefix;
    }
}

/// What all values before each come to.
struct Scan<'a> {
    values: &'a [i64],
    prefixes: &'a mut Vec<i64>,
}

impl Kernel for Scan<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { values, prefixes } = self;
        prefixes.clear();
        prefixes.resize(values.len() + 1, 0);
        let mut sum = 0_i64;
        for (slot, value) in prefixes.iter_mut().skip(1).zip(values) {
            sum = sum.wrapping_add(*value);
            *slot = sum;
        }
    }
}

/// Which rows count; `None` for all.
fn mask(asked: &Asked, columns: &[&Int64Array]) -> Option<NullBuffer> {
    let mut mask: Option<NullBuffer> = None;
    for column in asked.columns.iter().filter_map(|column| columns.get(*column)) {
        mask = NullBuffer::union(mask.as_ref(), column.nulls());
    }
    mask.filter(|mask| mask.null_count() > 0)
}

/// Adds the rows that count.
fn add_some(
    values: Option<Side<'_>>,
    groups: &[usize],
    mask: &NullBuffer,
    sums: &mut [i128],
    nulls: &mut [u64],
) {
    for (row, group) in groups.iter().enumerate() {
        if mask.is_null(row) {
            if let Some(nulls) = nulls.get_mut(*group) {
                *nulls += 1;
            }
            continue;
        }
        let value = match values {
            None => 0,
            Some(Side::One(value)) => value,
            Some(Side::Each(values)) => values.get(row).copied().unwrap_or_default(),
        };
        if let Some(sum) = sums.get_mut(*group) {
            *sum += i128::from(value);
        }
    }
}

/// Counts the rows of each group.
struct Count<'a> {
    groups: &'a [usize],
    rows: &'a mut [u64],
}

impl Kernel for Count<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        if self.rows.len() <= FEW_GROUPS {
            for (group, rows) in self.rows.iter_mut().enumerate() {
                let mut of_group = 0;
                for of in self.groups {
                    of_group += u64::from(*of == group);
                }
                *rows += of_group;
            }
            return;
        }
        for group in self.groups {
            if let Some(rows) = self.rows.get_mut(*group) {
                *rows += 1;
            }
        }
    }
}

/// Adds up the values of each group.
struct Sum<'a> {
    values: Side<'a>,
    groups: &'a [usize],
    sums: &'a mut [i128],
}

impl Kernel for Sum<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { values, groups, sums } = self;
        let values = match values {
            Side::Each(values) => values,
            Side::One(value) => {
                for group in groups {
                    if let Some(sum) = sums.get_mut(*group) {
                        *sum += i128::from(value);
                    }
                }
                return;
            }
        };
        if let [sum] = sums {
            *sum += i128::from(values.iter().fold(0_i64, |sum, value| sum.wrapping_add(*value)));
            return;
        }
        if sums.len() <= FEW_GROUPS {
            for (group, sum) in sums.iter_mut().enumerate() {
                let mut of_group = 0_i64;
                for (value, of) in values.iter().zip(groups) {
                    of_group = of_group.wrapping_add(if *of == group { *value } else { 0 });
                }
                *sum += i128::from(of_group);
            }
            return;
        }
        for (value, group) in values.iter().zip(groups) {
            if let Some(sum) = sums.get_mut(*group) {
                *sum += i128::from(*value);
            }
        }
    }
}

#[cfg(test)]
mod tests;
