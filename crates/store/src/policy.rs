//! Which rows of a table to write again: a policy that looks at numbers only.
//!
//! ```text
//!  flush   rows in memory                          when they are many, or have many logs
//!  merge   neighbouring runs in files, tiered:     when as many as the fan-in are of one tier or
//!          a tier has runs of up to fan-in times   below, and their ranges of the sort key overlap
//!          the rows of the tier below              or they are small
//!  purge   a segment                               when much of it is deleted
//!  cells   all of a part of a cube                 when many may have the keys of others
//! ```

use starfact_base::limits::BLOCK_ROWS;
use std::ops::Range;

/// Rows of a run that is small.
const SMALL_ROWS: u64 = BLOCK_ROWS as u64;
/// A segment is written again when one row in this many is deleted …
const DELETED_SHARE: u64 = 4;
/// … and at least so many are.
const DELETED_ROWS_MIN: u64 = 1024;

/// When rows are written again in the background.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MergePolicy {
    /// Neighbouring runs of about one size that become one; at least 2.
    pub fan_in: usize,
    /// Rows in memory from which on they are written into files.
    pub flush_rows: u64,
    /// Bytes of rows in memory from which on they are written into files.
    pub flush_bytes: u64,
    /// Rows of the largest run that is made.
    pub rows_max: u64,
    /// Cells outside of the largest run of a part of a cube, which may have the keys of others: so
    /// many, and as many again as `loose_share` times those of that run, may be.
    pub loose_cells: u64,
    /// See `loose_cells`.
    pub loose_share: u64,
}

/// Loose cells of a part of which all are read in no time.
const LOOSE_CELLS: u64 = 20_000;

impl Default for MergePolicy {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl MergePolicy {
    /// What is done unless told otherwise.
    pub const DEFAULT: Self = Self {
        fan_in: 8,
        flush_rows: 1 << 20,
        flush_bytes: 64 << 20,
        rows_max: 1 << 30,
        loose_cells: LOOSE_CELLS,
        loose_share: 1,
    };

    /// What a commit does itself, where the background work does not keep up or has no time: make
    /// one of many small segments.
    pub(crate) const COMMIT: Self = Self {
        fan_in: 64,
        flush_rows: u64::MAX,
        flush_bytes: u64::MAX,
        rows_max: 1 << 20,
        loose_cells: 4 * LOOSE_CELLS,
        loose_share: 4,
    };
}

/// What the policy knows of a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Size {
    /// Rows in its files.
    pub(crate) rows: u64,
    /// Rows of these that are deleted.
    pub(crate) deleted: u64,
    pub(crate) bytes: u64,
    /// Segments of one run that is not 0 are one sequence.
    pub(crate) run: u64,
    pub(crate) is_in_memory: bool,
    /// Whether its rows follow those of the segment before in the declared order.
    pub(crate) follows: bool,
}

/// The segments that should be written again, if any.
pub(crate) fn choose(segments: &[Size], policy: &MergePolicy) -> Option<Range<usize>> {
    flush(segments, policy).or_else(|| purge(segments, policy)).or_else(|| merge(segments, policy))
}

/// All segments of a part of a cube, if many of its cells may have the keys of others.
pub(crate) fn choose_cells(segments: &[Size], policy: &MergePolicy) -> Option<Range<usize>> {
    let (mut runs, mut all) = (runs(segments), 0);
    for run in &mut runs {
        let deleted = segments.get(run.segments.clone()).unwrap_or_default().iter();
        run.rows = run.rows.saturating_sub(deleted.map(|size| size.deleted).sum());
        all += run.rows;
    }
    let largest = runs.iter().filter(|run| !run.is_in_memory).map(|run| run.rows).max();
    let largest = largest.unwrap_or_default();
    let may_be = largest.saturating_mul(policy.loose_share).saturating_add(policy.loose_cells);
    (runs.len() > 1 && all - largest > may_be).then_some(0..segments.len())
}

/// Neighbours in memory that are many.
fn flush(segments: &[Size], policy: &MergePolicy) -> Option<Range<usize>> {
    let mut from = 0;
    while from < segments.len() {
        let rest = segments.get(from..)?;
        let group = rest.iter().take_while(|size| size.is_in_memory);
        let (mut count, mut rows, mut bytes) = (0, 0, 0);
        for size in group {
            count += 1;
            rows += size.rows;
            bytes += size.bytes;
        }
        if rows >= policy.flush_rows || bytes >= policy.flush_bytes {
            return Some(from..from + count);
        }
        from += count.max(1);
    }
    None
}

/// A segment in files that is deleted in large part.
fn purge(segments: &[Size], policy: &MergePolicy) -> Option<Range<usize>> {
    let wastes = |size: &Size| {
        !size.is_in_memory
            && (size.deleted == size.rows
                || size.rows <= policy.rows_max
                    && size.deleted >= DELETED_ROWS_MIN
                    && size.deleted >= size.rows / DELETED_SHARE)
    };
    segments.iter().position(wastes).map(|idx| idx..idx + 1)
}

/// Neighbouring runs of a size.
fn merge(segments: &[Size], policy: &MergePolicy) -> Option<Range<usize>> {
    let runs = runs(segments);
    let fan_in = policy.fan_in.max(2);
    let mut limit = SMALL_ROWS;
    while limit <= policy.rows_max {
        for from in 0..runs.len() {
            let rest = runs.get(from..).unwrap_or_default();
            let is_of_tier = |run: &&Run| !run.is_in_memory && run.rows < limit;
            let mut total = 0;
            let fits = |run: &&Run| {
                total += run.rows;
                total <= policy.rows_max
            };
            let group: Vec<&Run> = rest.iter().take_while(is_of_tier).take_while(fits).collect();
            let is_small = group.iter().any(|run| run.rows < SMALL_ROWS);
            let overlaps = group.iter().skip(1).any(|run| !run.follows);
            // A large run is not written again for the sake of a few small ones.
            let largest = group.iter().map(|run| run.rows).max().unwrap_or_default();
            let total: u64 = group.iter().map(|run| run.rows).sum();
            let is_even = limit == SMALL_ROWS || largest <= total / 2;
            if group.len() >= fan_in
                && is_even
                && (is_small || overlaps)
                && let (Some(first), Some(last)) = (group.first(), group.last())
            {
                return Some(first.segments.start..last.segments.end);
            }
        }
        limit = limit.saturating_mul(fan_in as u64);
    }
    None
}

/// Segments that are one sequence.
struct Run {
    segments: Range<usize>,
    rows: u64,
    is_in_memory: bool,
    follows: bool,
}

fn runs(segments: &[Size]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut last = 0;
    for (idx, size) in segments.iter().enumerate() {
        match runs.last_mut().filter(|run| size.run != 0 && size.run == last && !run.is_in_memory) {
            Some(run) => {
                run.segments.end = idx + 1;
                run.rows += size.rows;
            }
            None => runs.push(Run {
                segments: idx..idx + 1,
                rows: size.rows,
                is_in_memory: size.is_in_memory,
                follows: size.follows,
            }),
        }
        last = size.run;
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: MergePolicy = MergePolicy {
        fan_in: 4,
        flush_rows: 1000,
        flush_bytes: 1 << 20,
        rows_max: 1 << 24,
        loose_cells: 10,
        loose_share: 1,
    };

    fn file(rows: u64, deleted: u64) -> Size {
        Size { rows, deleted, ..Size::default() }
    }

    fn memory(rows: u64) -> Size {
        Size { rows, is_in_memory: true, ..Size::default() }
    }

    #[test]
    fn many_rows_in_memory_are_flushed() {
        assert_eq!(choose(&[file(9, 0), memory(400), memory(599)], &POLICY), None);
        assert_eq!(choose(&[file(9, 0), memory(400), memory(600)], &POLICY), Some(1..3));
        assert_eq!(choose(&[memory(600), file(9, 0), memory(600)], &POLICY), None);
        let large = Size { bytes: 1 << 20, ..memory(1) };
        assert_eq!(choose(&[memory(6), file(9, 0), large], &POLICY), Some(2..3));
    }

    #[test]
    fn many_small_segments_become_one() {
        let mut segments = vec![file(1 << 20, 0)];
        segments.extend([file(10, 1); 3]);
        assert_eq!(choose(&segments, &POLICY), None);
        segments.push(file(SMALL_ROWS - 1, 0));
        assert_eq!(choose(&segments, &POLICY), Some(1..5));
        segments.push(file(SMALL_ROWS, 0));
        assert_eq!(choose(&segments, &POLICY), Some(1..5));
        segments.insert(3, memory(5));
        assert_eq!(choose(&segments, &POLICY), None);
    }

    #[test]
    fn runs_that_overlap_are_merged_by_tiers() {
        let run = |run: u64, follows: bool| Size { run, follows, ..file(SMALL_ROWS, 0) };
        let apart: Vec<Size> = (1..9).map(|number| run(number, true)).collect();
        assert_eq!(choose(&apart, &POLICY), None, "they follow one another");
        let mut overlapping = apart.clone();
        overlapping[2].follows = false;
        assert_eq!(choose(&overlapping, &POLICY), Some(0..8));
        let one = vec![Size { follows: false, ..run(1, false) }; 9];
        assert_eq!(choose(&one, &POLICY), None, "they are one run");
        let mut large = vec![run(9, false); 5];
        large.iter_mut().zip(1..).for_each(|(size, number)| {
            (size.run, size.rows) = (number, POLICY.rows_max / 4);
        });
        assert_eq!(choose(&large, &POLICY), Some(0..4), "up to the largest run");
    }

    #[test]
    fn loose_cells_are_fewer_than_others_and_some() {
        let run = |rows: u64, run: u64| Size { run, ..file(rows, 0) };
        let most = [run(50, 1), run(50, 1), memory(60), run(50, 2)];
        assert_eq!(choose_cells(&most, &POLICY), None, "as many as the largest run, and ten");
        let more = [&most[..], &[memory(1)]].concat();
        assert_eq!(choose_cells(&more, &POLICY), Some(0..5));
        let deleted = [run(50, 1), run(50, 1), memory(60), Size { deleted: 1, ..run(51, 2) }];
        assert_eq!(choose_cells(&deleted, &POLICY), None);
        assert_eq!(choose_cells(&[memory(11)], &POLICY), None, "one has each key once");
        assert_eq!(choose_cells(&[memory(6), memory(5)], &POLICY), Some(0..2));
        assert_eq!(choose_cells(&[], &POLICY), None);
    }

    #[test]
    fn a_segment_with_many_deleted_rows_is_written_again() {
        assert_eq!(choose(&[file(1 << 20, 1 << 17), file(1 << 20, 0)], &POLICY), None);
        assert_eq!(choose(&[file(1 << 20, 0), file(1 << 20, 1 << 18)], &POLICY), Some(1..2));
        assert_eq!(choose(&[file(1000, 999)], &POLICY), None);
        assert_eq!(choose(&[file(10, 10)], &POLICY), Some(0..1));
        assert_eq!(choose(&[], &POLICY), None);
    }
}
