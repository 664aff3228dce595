//! Run-length: where each run of equal keys ends, and its key.
//!
//! ```text
//!   ┌─────┬──────┬─────────────────────────┬──────────────────────────┐
//!   │ tag │ runs │ ends: integer node of   │ keys: integer node of    │
//!   │ u8  │ u32  │ `runs` rows, 1..=rows   │ `runs` rows              │
//!   └─────┴──────┴─────────────────────────┴──────────────────────────┘
//!    = 4   1..=rows
//! ```
//!
//! Run `i` covers the rows from `ends[i - 1]` (0 for the first) up to but not with `ends[i]`.
//! Ends ascend strictly and the last one is the number of rows: both are checked when the node is
//! parsed, which decodes them. Filters look at each run once.

use super::{Evaluate, Integers, Rows, by_vector, dense, gallop, pick};
use crate::bytes::{Reader, Writer};
use crate::cpu::{self, Kernel};
use crate::keys::KeySet;
use crate::native::Native;
use crate::predicate::FilterError;
use crate::selection::{Ranked, Selection};
use crate::totals::KeyTotals;
use crate::types::Domain;
use starfact_base::Corruption;
use starfact_base::limits::VECTOR_ROWS;
use std::iter;
use std::ops::Range;

pub(crate) const TAG: u8 = 4;
pub(crate) const NAME: &str = "run-length";
/// Tag and number of runs.
pub(crate) const HEADER_BYTES: usize = 5;

/// Writes the header; the two children follow.
pub(crate) fn encode_header(runs: usize, writer: &mut Writer) {
    writer.u8(TAG);
    writer.u32(runs);
}

/// The ends and the keys of the runs of `values`.
pub(crate) fn runs<T: Native>(values: &[T]) -> (Vec<u32>, Vec<T>) {
    let (mut ends, mut keys) = (Vec::new(), Vec::new());
    let mut end = 0;
    for run in values.chunk_by(|a, b| a == b) {
        end += run.len();
        ends.push(end as u32);
        keys.extend(run.first());
    }
    (ends, keys)
}

/// Keys of 64 bits.
const WORDS: Domain = Domain { min: i64::MIN as i128, max: i64::MAX as i128 };
/// Rows that are written at once, whatever the length of a run.
const SHORT: usize = 8;
/// Rows of a run from which on it is written straight to where it belongs.
const LONG: usize = 64;

/// Runs of equal keys.
#[derive(Clone, Debug)]
pub(crate) struct RunLength {
    ends: Vec<u32>,
    /// For the report only.
    ends_tree: String,
    keys: Box<Integers>,
    /// There may be keys of more than 64 bits.
    is_wide: bool,
}

impl RunLength {
    /// See [`Integers::held_bytes`].
    pub(super) fn held_bytes(&self) -> usize {
        size_of_val(self.ends.as_slice()) + self.ends_tree.len() + self.keys.held_bytes()
    }

    pub(super) fn parse(
        reader: &mut Reader,
        rows: usize,
        domain: Domain,
        depth: usize,
    ) -> Result<Self, Corruption> {
        let runs = reader.count(rows, "runs")?;
        let is_wide = !WORDS.contains(domain.min) || !WORDS.contains(domain.max);
        let (position, what) = (reader.position() as u64, "ends of runs");
        let (ends_node, ends): (_, Vec<u32>) =
            Integers::parse_ascending(reader, runs, Domain::ends(rows), depth, what)?;
        match ends.last() {
            Some(&last) if last as usize == rows => {}
            last => {
                let (expected, found) = (format!("to end with {rows}"), format!("{last:?}"));
                return Err(Corruption::new(position, what, expected, found));
            }
        }
        let keys = Integers::parse_child(reader, runs, domain, depth)?;
        Ok(Self { ends, ends_tree: ends_node.tree(), keys, is_wide })
    }

    /// Runs that end where `ends` says, which ascend strictly.
    pub(super) fn new(ends: Vec<u32>, keys: Box<Integers>, domain: Domain) -> Self {
        let is_wide = !WORDS.contains(domain.min) || !WORDS.contains(domain.max);
        Self { ends, ends_tree: String::new(), keys, is_wide }
    }

    /// The run that `row` belongs to.
    fn run_of(&self, row: usize) -> usize {
        self.ends.partition_point(|&end| end as usize <= row)
    }

    pub(super) fn decode<T: Native>(
        &self,
        range: Range<usize>,
        out: &mut Vec<T>,
    ) -> Result<(), Corruption> {
        if range.is_empty() {
            return Ok(());
        }
        let runs = self.run_of(range.start)..self.run_of(range.end - 1) + 1;
        let keys: Vec<T> = self.keys.fetch(&Rows::Range(runs.clone()))?;
        let ends = self.ends.get(runs).unwrap_or_default();
        cpu::run(Expand { ends, keys: &keys, range, out });
        Ok(())
    }

    pub(super) fn take<T: Native>(&self, rows: &[u32], out: &mut Vec<T>) -> Result<(), Corruption> {
        if let Some(range) = dense(rows) {
            return self.take_dense(range, rows, out);
        }
        let mut runs = Vec::with_capacity(rows.len());
        let (mut run, mut before) = (0, 0);
        for &row in rows {
            let from = if row < before { 0 } else { run };
            run = gallop(&self.ends, from, row + 1);
            before = row;
            runs.push(run as u32);
        }
        self.keys.take(&runs, out)
    }

    /// Takes many of the rows of `range`, in ascending order: each vector is expanded, and they are
    /// picked from it.
    fn take_dense<T: Native>(
        &self,
        range: Range<usize>,
        rows: &[u32],
        out: &mut Vec<T>,
    ) -> Result<(), Corruption> {
        let mut runs = self.run_of(range.start)..self.run_of(range.end - 1) + 1;
        let keys: Vec<T> = self.keys.fetch(&Rows::Range(runs.clone()))?;
        let (first_run, mut vector) = (runs.start, Vec::with_capacity(VECTOR_ROWS));
        for rows in by_vector(rows) {
            let (Some(&first), Some(&last)) = (rows.first(), rows.last()) else { continue };
            let range = first as usize..last as usize + 1;
            let first = range.start;
            runs.start = gallop(&self.ends, runs.start, first as u32 + 1);
            let ends = self.ends.get(runs.clone()).unwrap_or_default();
            let keys = keys.get(runs.start - first_run..).unwrap_or_default();
            vector.clear();
            cpu::run(Expand { ends, keys, range, out: &mut vector });
            pick(&vector, first, rows, out);
        }
        Ok(())
    }

    pub(super) fn filter(&self, set: &KeySet, selection: &mut Selection) -> Result<(), Corruption> {
        let mut runs = self.runs_of(selection);
        self.keys.filter(set, &mut runs)?;
        self.keep(&runs, selection);
        Ok(())
    }

    pub(super) fn filter_values(
        &self,
        evaluate: &mut Evaluate<'_>,
        selection: &mut Selection,
    ) -> Result<(), FilterError> {
        let mut runs = self.runs_of(selection);
        self.keys.filter_values(evaluate, &mut runs)?;
        self.keep(&runs, selection);
        Ok(())
    }

    pub(super) fn aggregate(
        &self,
        selection: &Selection,
        totals: &mut KeyTotals,
    ) -> Result<(), Corruption> {
        match self.is_wide {
            true => self.for_each_run(selection, |keys: &[i128], counts| {
                keys.iter().zip(counts).for_each(|(&key, &count)| totals.add(key, count as usize));
            }),
            false => self.for_each_run(selection, |keys, counts| totals.add_weighted(keys, counts)),
        }
    }

    /// Calls `visit` with the keys of some runs, and how many rows of each are selected, until it
    /// has seen all runs that have any.
    pub(super) fn for_each_run<T: Native>(
        &self,
        selection: &Selection,
        mut visit: impl FnMut(&[T], &[u32]),
    ) -> Result<(), Corruption> {
        let ranked = (!selection.is_all()).then(|| Ranked::new(selection.clone()));
        let (mut keys, mut counts) = (Vec::new(), Vec::new());
        let (mut run, mut start) = (0, 0);
        for ends in self.ends.chunks(VECTOR_ROWS) {
            let runs = run..run + ends.len();
            run = runs.end;
            counts.clear();
            cpu::run(Lengths { ends, start, ranked: ranked.as_ref(), out: &mut counts });
            start = self.start_of(run);
            if counts.iter().any(|&count| count > 0) {
                keys.clear();
                self.keys.decode(runs, &mut keys)?;
                visit(&keys, &counts);
            }
        }
        Ok(())
    }

    /// The runs that have any selected row.
    fn runs_of(&self, selection: &Selection) -> Selection {
        let mut runs = Selection::all(self.ends.len());
        if selection.is_all() {
            return runs;
        }
        let mut next = 0;
        for range in selection.ranges() {
            if range.end <= self.start_of(next) {
                continue;
            }
            let first = gallop(&self.ends, next, range.start as u32 + 1);
            runs.clear_range(next..first);
            let last = gallop(&self.ends, first, range.end as u32);
            next = next.max(last + 1);
        }
        runs.clear_range(next..self.ends.len());
        runs
    }

    /// Clears the rows of all runs that are not among `runs`.
    fn keep(&self, runs: &Selection, selection: &mut Selection) {
        if runs.is_all() {
            return;
        }
        let mut row = 0;
        for range in runs.ranges() {
            selection.clear_range(row..self.start_of(range.start));
            row = self.start_of(range.end);
        }
        selection.clear_range(row..selection.rows());
    }

    /// The first row of a run; of the run after the last one, the number of rows.
    fn start_of(&self, run: usize) -> usize {
        run.checked_sub(1).and_then(|run| self.ends.get(run)).map_or(0, |&end| end as usize)
    }

    pub(super) fn tree(&self) -> String {
        format!("{NAME}({}, {})", self.ends_tree, self.keys.tree())
    }
}

/// Appends the keys of the rows of `range`, of whose runs ends and keys are given.
pub(super) fn expand<T: Native>(ends: &[u32], keys: &[T], range: Range<usize>, out: &mut Vec<T>) {
    cpu::run(Expand { ends, keys, range, out });
}

/// Appends the keys of the rows of `range`, which the runs cover, the first of them its first row.
struct Expand<'a, T> {
    ends: &'a [u32],
    keys: &'a [T],
    range: Range<usize>,
    out: &'a mut Vec<T>,
}

impl<T: Native> Kernel for Expand<'_, T> {
    type Output = ();

    /// Short runs are written to a buffer, eight rows at a time, of which the next run overwrites
    /// what is too much: no branch depends on how long the shortest are.
    #[inline(always)]
    fn run(self) {
        let Self { ends, keys, range, out } = self;
        let mut buffer = [T::default(); VECTOR_ROWS + LONG];
        let (mut filled, mut row) = (0, range.start);
        for (&end, &key) in ends.iter().zip(keys) {
            if row >= range.end {
                break;
            }
            let count = (end as usize).min(range.end).saturating_sub(row);
            row += count;
            if count >= LONG || filled >= VECTOR_ROWS {
                out.extend_from_slice(buffer.get(..filled).unwrap_or_default());
                filled = 0;
            }
            if count >= LONG {
                out.extend(iter::repeat_n(key, count));
                continue;
            }
            let slots = buffer.get_mut(filled..).unwrap_or_default();
            let mut eights = slots.as_chunks_mut::<SHORT>().0.iter_mut();
            if let Some(eight) = eights.next() {
                *eight = [key; SHORT];
            }
            if count > SHORT {
                eights.take(count / SHORT).for_each(|eight| *eight = [key; SHORT]);
            }
            filled += count;
        }
        out.extend_from_slice(buffer.get(..filled).unwrap_or_default());
    }
}

/// Appends how many rows of each run are selected, or how many it has.
struct Lengths<'a> {
    ends: &'a [u32],
    /// Where the first run begins.
    start: usize,
    /// What is selected; all rows if there is none.
    ranked: Option<&'a Ranked>,
    out: &'a mut Vec<u32>,
}

impl Kernel for Lengths<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Some(ranked) = self.ranked else {
            let starts = iter::once(self.start as u32).chain(self.ends.iter().copied());
            self.out.extend(self.ends.iter().zip(starts).map(|(&end, start)| end - start));
            return;
        };
        let mut before = ranked.rank(self.start);
        let counts = self.ends.iter().map(|&end| {
            let rank = ranked.rank(end as usize);
            let count = rank - before;
            before = rank;
            count as u32
        });
        cpu::append(self.out, counts);
    }
}
