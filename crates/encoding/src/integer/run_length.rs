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

use super::{Evaluate, Integers, Rows};
use crate::bytes::{Reader, Writer};
use crate::keys::KeySet;
use crate::native::Native;
use crate::predicate::FilterError;
use crate::selection::Selection;
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

/// Runs of equal keys.
#[derive(Clone, Debug)]
pub(crate) struct RunLength {
    ends: Vec<u32>,
    /// For the report only.
    ends_tree: String,
    keys: Box<Integers>,
}

impl RunLength {
    pub(super) fn parse(
        reader: &mut Reader,
        rows: usize,
        domain: Domain,
        depth: usize,
    ) -> Result<Self, Corruption> {
        let runs = reader.count(rows, "runs")?;
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
        Ok(Self { ends, ends_tree: ends_node.tree(), keys })
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
        let mut row = range.start;
        for (&end, &key) in self.ends.get(runs).unwrap_or_default().iter().zip(&keys) {
            let count = (end as usize).min(range.end).saturating_sub(row);
            out.extend(iter::repeat_n(key, count));
            row += count;
        }
        Ok(())
    }

    pub(super) fn take<T: Native>(&self, rows: &[u32], out: &mut Vec<T>) -> Result<(), Corruption> {
        let mut runs = Vec::with_capacity(rows.len());
        let (mut run, mut start) = (0, 0);
        for &row in rows {
            if row < start {
                run = 0;
            }
            let later = self.ends.get(run..).unwrap_or_default();
            run += match later.first() {
                Some(&end) if row < end => 0,
                _ => later.partition_point(|&end| end <= row),
            };
            start = row;
            runs.push(run as u32);
        }
        self.keys.take(&runs, out)
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
        self.for_each_run(selection, |key, times| totals.add(key, times))
    }

    /// Calls `visit` with the key of each run and how many of its rows are selected.
    pub(super) fn for_each_run(
        &self,
        selection: &Selection,
        mut visit: impl FnMut(i128, usize),
    ) -> Result<(), Corruption> {
        let is_all = selection.is_all();
        let mut keys: Vec<i128> = Vec::with_capacity(self.ends.len().min(VECTOR_ROWS));
        let (mut run, mut start) = (0, 0);
        for ends in self.ends.chunks(VECTOR_ROWS) {
            let runs = run..run + ends.len();
            run = runs.end;
            let end = self.start_of(run);
            if !is_all && selection.is_clear(start..end) {
                start = end;
                continue;
            }
            keys.clear();
            self.keys.decode(runs, &mut keys)?;
            for (&end, &key) in ends.iter().zip(&keys) {
                let rows = start..end as usize;
                start = rows.end;
                visit(key, if is_all { rows.len() } else { selection.count_range(rows) });
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
            let first = next
                + self
                    .ends
                    .get(next..)
                    .map_or(0, |ends| ends.partition_point(|&end| end as usize <= range.start));
            runs.clear_range(next..first);
            let rest = self.ends.get(first..).unwrap_or_default();
            let last = first + rest.partition_point(|&end| (end as usize) < range.end);
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
