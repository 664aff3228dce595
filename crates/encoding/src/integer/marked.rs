//! Run-length with a bit for each row: whether a run of equal keys begins there, and the keys.
//!
//! ```text
//!   ┌─────┬──────┬──────────────┬────────────────────┬──────────────────────────┐
//!   │ tag │ runs │ zeros to the │ marks: a bit a row,│ keys: integer node of    │
//!   │ u8  │ u32  │ next multiple│ in words of 64     │ `runs` rows              │
//!   └─────┴──────┤ of 64 bytes  │                    │                          │
//!    = 12        └──────────────┴────────────────────┴──────────────────────────┘
//! ```
//!
//! For runs of a few rows, such as those of the lines of an order: marks take about as much as
//! lengths would, and neither have to be decoded nor added up. Which run a row belongs to is the
//! number of marks before it, and what holds for runs is carried to their rows 64 at a time. The
//! first row has a mark, and bits beyond the last row are zero. What is rarely asked is answered by
//! the [run-length](super::run_length) node with the same runs.

use super::run_length::{self, RunLength};
use super::{Integers, Rows};
use crate::bytes::{Reader, Writer, aligned};
use crate::keys::KeySet;
use crate::lazy::Lazy;
use crate::native::Native;
use crate::ordinal_codes::OrdinalCodes;
use crate::selection::{Ranked, Selection};
use crate::types::Domain;
use arrow::buffer::Buffer;
use starfact_base::Corruption;
use std::ops::Range;

pub(crate) const TAG: u8 = 12;
/// Tag and number of runs.
const HEADER_BYTES: usize = 5;
/// Rows of a selection, for each run, up to which their runs are looked at one by one.
const SINGLES_SHARE: usize = 32;
/// Runs in doubt are looked at at once if so many times as many are there.
const FEW_SHARE: usize = 64;

/// Where the marks of the rows of a node end that begins at `position`.
pub(crate) fn marks_end(position: usize, rows: usize) -> usize {
    aligned(position + HEADER_BYTES) + rows.div_ceil(64) * 8
}

/// Writes everything but the keys, which follow. Runs end where `ends` says.
pub(crate) fn encode_header(ends: &[u32], writer: &mut Writer) {
    let rows = ends.last().map_or(0, |end| *end as usize);
    let mut marks = vec![0_u64; rows.div_ceil(64)];
    for start in std::iter::once(&0).chain(ends) {
        if let Some(word) = marks.get_mut(*start as usize / 64).filter(|_| (*start as usize) < rows)
        {
            *word |= 1 << (start % 64);
        }
    }
    writer.u8(TAG);
    writer.u32(ends.len());
    writer.align();
    marks.iter().for_each(|word| writer.extend(&word.to_le_bytes()));
}

/// Runs of equal keys, by where they begin.
#[derive(Clone, Debug)]
pub(crate) struct MarkedRuns {
    rows: usize,
    /// A bit a row.
    marks: Buffer,
    runs: usize,
    keys: Box<Integers>,
    /// The rows where runs begin.
    opened: Lazy<Ranked>,
    position: usize,
    domain: Domain,
}

impl MarkedRuns {
    /// See [`Integers::held_bytes`].
    pub(super) fn held_bytes(&self) -> usize {
        self.keys.held_bytes()
    }

    pub(super) fn parse(
        reader: &mut Reader,
        rows: usize,
        domain: Domain,
        depth: usize,
    ) -> Result<Self, Corruption> {
        let runs = reader.count(rows, "runs")?;
        reader.align()?;
        let position = reader.position();
        let marks = reader.take(rows.div_ceil(64) * 8, "marks of runs")?;
        let keys = Integers::parse_child(reader, runs, domain, depth)?;
        let opened = Lazy::default();
        let node = Self { rows, marks, runs, keys, opened, position, domain };
        node.starts()?;
        Ok(node)
    }

    /// The rows where runs begin.
    fn starts(&self) -> Result<&Ranked, Corruption> {
        self.opened.get_or_try(|| {
            let words = self.marks.as_slice().as_chunks::<8>().0.iter();
            let words: Vec<u64> = words.map(|bytes| u64::from_le_bytes(*bytes)).collect();
            let damage = |expected: String, found: String| {
                Err(Corruption::new(self.position as u64, "marks of runs", expected, found))
            };
            let Some(starts) = Selection::of_words(self.rows, words) else {
                return damage("zeros beyond the last row".into(), "ones".into());
            };
            let starts = Ranked::new(starts);
            if starts.count() != self.runs || !starts.rows().contains(0) {
                let first = u8::from(starts.rows().contains(0));
                return damage(
                    format!("{}, one at the first row", self.runs),
                    format!("{}, {first} there", starts.count()),
                );
            }
            Ok(starts)
        })
    }

    /// The same runs by where they end.
    pub(super) fn by_ends(&self) -> Result<RunLength, Corruption> {
        let starts = self.starts()?.rows().indices();
        let later = starts.get(1..).unwrap_or_default();
        let ends = later.iter().copied().chain([self.rows as u32]).collect();
        Ok(RunLength::new(ends, self.keys.clone(), self.domain))
    }

    pub(super) fn decode<T: Native>(
        &self,
        range: Range<usize>,
        out: &mut Vec<T>,
    ) -> Result<(), Corruption> {
        if range.is_empty() {
            return Ok(());
        }
        let starts = self.starts()?;
        // The run that a row belongs to.
        let run_of = |row: usize| starts.rank(row + 1).saturating_sub(1);
        let runs = run_of(range.start)..run_of(range.end - 1) + 1;
        let keys: Vec<T> = self.keys.fetch(&Rows::Range(runs))?;
        // The first run begins at or before the range, all others within it.
        let starts = starts.rows().slice(range.start + 1..range.end).indices();
        let first = range.start as u32;
        let ends = starts.iter().map(|start| start + first + 1).chain([range.end as u32]);
        let ends: Vec<u32> = ends.collect();
        run_length::expand(&ends, &keys, range, out);
        Ok(())
    }

    pub(super) fn take<T: Native>(&self, rows: &[u32], out: &mut Vec<T>) -> Result<(), Corruption> {
        self.keys.take(&self.starts()?.last_at_or_before(rows), out)
    }

    pub(super) fn take_codes(
        &self,
        rows: &[u32],
        codes: &OrdinalCodes,
    ) -> Result<Vec<i64>, Corruption> {
        self.keys.take_codes(&self.starts()?.last_at_or_before(rows), codes)
    }

    pub(super) fn filter(&self, set: &KeySet, selection: &mut Selection) -> Result<(), Corruption> {
        let selected = selection.count();
        if selected * SINGLES_SHARE <= self.runs {
            return self.filter_singles(set, selection);
        }
        let starts = self.starts()?;
        let mut runs = match selected == selection.rows() {
            true => Selection::all(self.runs),
            false => starts.runs_near(selection),
        };
        self.keys.filter(set, &mut runs)?;
        if !runs.is_all() {
            starts.keep_runs(&runs, selection);
        }
        Ok(())
    }

    /// Clears rows whose keys are not in `set`, as far as is told without much work. Gives about
    /// how many of those that are left may not be in it; 0 if all are.
    pub(super) fn filter_coarsely(
        &self,
        set: &KeySet,
        selection: &mut Selection,
    ) -> Result<usize, Corruption> {
        if selection.count() * SINGLES_SHARE <= self.runs {
            self.filter_singles(set, selection)?;
            return Ok(0);
        }
        let starts = self.starts()?;
        let mut runs = starts.runs_near(selection);
        let mut doubtful = self.keys.filter_coarsely(set, &mut runs)?;
        if (1..=self.runs / FEW_SHARE).contains(&doubtful) {
            // To look at them costs less than to find their rows.
            self.keys.filter(set, &mut runs)?;
            doubtful = 0;
        }
        starts.keep_runs(&runs, selection);
        Ok(doubtful * self.rows.div_ceil(self.runs))
    }

    /// Filters few rows: their runs, each once.
    fn filter_singles(&self, set: &KeySet, selection: &mut Selection) -> Result<(), Corruption> {
        let mut runs = Selection::none(self.runs);
        let rows = selection.indices();
        let runs_of = self.starts()?.last_at_or_before(&rows);
        runs_of.iter().for_each(|run| runs.set(*run as usize));
        self.keys.filter(set, &mut runs)?;
        for (row, run) in rows.iter().zip(runs_of) {
            if !runs.contains(run as usize) {
                selection.clear(*row as usize);
            }
        }
        Ok(())
    }

    pub(super) fn tree(&self) -> String {
        format!("{}(marks, {})", run_length::NAME, self.keys.tree())
    }
}
