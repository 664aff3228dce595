//! Writing rows again beside queries and commits: flushing the delta, merging runs, and freeing the
//! space of deleted rows.
//!
//! ```text
//!  turn taken for a moment    the newest epoch · its rows in memory are frozen
//!  without the turn           some neighbouring segments are written again: `rewrite`
//!  turn taken                 the new segments take their place in the newest epoch; rows deleted
//!                             meanwhile are found by their ordinals · a manifest, as for any
//!                             other change of files
//! ```
//!
//! Only one thread does this at a time. Readers notice nothing; commits wait for the last step.

use crate::edges;
use crate::improvable;
use crate::load::{LoadOptions, sort_layout};
use crate::new_files::NewFiles;
use crate::policy::{self, MergePolicy, Size};
use crate::publish::{Change, publish};
use crate::records::SegmentRecord;
use crate::rewrite::{Rewriting, number_cells, widen};
use crate::rows::Deletions;
use crate::segment::Segment;
use crate::snapshot::{Snapshot, Table};
use crate::store::{Shared, Store, Writer};
use crate::turn::Taken;
use crate::worker::{MergeReason, MergeRecord};
use roaring::{RoaringBitmap, RoaringTreemap};
use starfact_base::{Error, Result, TableId};
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, PoisonError};
use std::time::{Instant, SystemTime};

/// Logs from which on the rows that they hold are written into files, so that they can go.
const LOGS_MAX: usize = 32;
/// How often a rewrite is tried beside others before it takes the turn first.
const TRIES: usize = 2;

/// What one step has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergeReport {
    /// The table.
    pub table: String,
    /// Segments before and after.
    pub segments: (u64, u64),
    /// Rows in their files before, deleted ones among them, and after.
    pub rows: (u64, u64),
    /// Bytes of their files before and after.
    pub bytes: (u64, u64),
    /// Whether it took effect; if not, others had changed the same files meanwhile.
    pub is_done: bool,
}

/// Called before each block that is written again; an error ends the work.
pub type Pace<'a> = dyn Fn() -> Result<()> + Sync + 'a;

/// Which rows of which table to write again.
type Pick<'a> = dyn Fn(&Snapshot) -> Result<Option<(TableId, Range<usize>)>> + 'a;

impl Store {
    /// Writes some rows again, if the policy finds that any should be; `None` if not.
    ///
    /// # Errors
    /// Damage, the operating system's, and those of `pace`; nothing has changed then.
    pub fn merge_step(
        &self,
        policy: &MergePolicy,
        options: &LoadOptions,
        pace: &Pace<'_>,
    ) -> Result<Option<MergeReport>> {
        self.shared.merge_step(policy, options, pace, MergeReason::Statement)
    }

    /// Writes rows of a table again so that none are in memory or deleted, all follow the declared
    /// order, and no segments are small beside others. Those before and behind, of which that is
    /// true already, stay as they are.
    ///
    /// # Errors
    /// As those of [`Store::merge_step`].
    pub fn optimize(
        &self,
        table: TableId,
        options: &LoadOptions,
        pace: &Pace<'_>,
    ) -> Result<Option<MergeReport>> {
        let pick = |snapshot: &Snapshot| {
            let Some(table) = snapshot.table_by_id(table) else { return Ok(None) };
            let range = improvable::range(table)?;
            Ok(range.map(|range| (table.id(), widen(table, range))))
        };
        for attempt in 0..=TRIES {
            let keeps_turn = attempt == TRIES;
            let mode = Mode { keeps_turn, reason: MergeReason::Statement };
            let report = self.shared.rewrite(&pick, options, pace, mode)?;
            if report.as_ref().is_none_or(|report| report.is_done) {
                return Ok(report);
            }
        }
        Ok(None)
    }
}

/// How to write rows again.
#[derive(Clone, Copy)]
struct Mode {
    /// Whether no commit is let in between.
    keeps_turn: bool,
    reason: MergeReason,
}

impl Shared {
    pub(crate) fn merge_step(
        &self,
        policy: &MergePolicy,
        options: &LoadOptions,
        pace: &Pace<'_>,
        reason: MergeReason,
    ) -> Result<Option<MergeReport>> {
        let writer = self.writer()?;
        let has_many_logs = writer.logs().count() > LOGS_MAX;
        let policy = match has_many_logs {
            true => MergePolicy { flush_rows: 1, ..*policy },
            false => *policy,
        };
        let pick = |snapshot: &Snapshot| {
            for table in snapshot.all_tables() {
                if let Some(range) = choose(table, &policy)? {
                    return Ok(Some((table.id(), widen(table, range))));
                }
            }
            Ok(None)
        };
        self.rewrite(&pick, options, pace, Mode { keeps_turn: false, reason })
    }

    /// Writes the rows again that `pick` chooses of the newest epoch.
    fn rewrite(
        &self,
        pick: &Pick<'_>,
        options: &LoadOptions,
        pace: &Pace<'_>,
        mode: Mode,
    ) -> Result<Option<MergeReport>> {
        let writer = self.writer()?;
        let _one = writer.merging.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = writer.turn.take();
        // Rows are not written again as a commit left them that might be taken back.
        self.head()?;
        self.sync_newest()?;
        let base = self.head()?;
        let Some((id, range)) = pick(&base)? else { return Ok(None) };
        let missing = || Error::internal(format!("there is no table {id}"));
        let before = base.table_by_id(id).ok_or_else(missing)?;
        let _frozen = Frozen::new(writer, id, before.next_row);
        let taken = mode.keeps_turn.then_some(taken);
        let (started, clock) = (SystemTime::now(), Instant::now());
        let outcome = self.write_again(&base, (before, range), (options, pace), taken);
        writer.background.remember(MergeRecord {
            started,
            duration: clock.elapsed(),
            reason: mode.reason,
            outcome: outcome.as_ref().map(MergeReport::clone).map_err(ToString::to_string),
        });
        drop(base);
        self.collect_garbage();
        outcome.map(Some)
    }

    fn write_again(
        &self,
        base: &Snapshot,
        (before, range): (&Arc<Table>, Range<usize>),
        (options, pace): (&LoadOptions, &Pace<'_>),
        taken: Option<Taken>,
    ) -> Result<MergeReport> {
        let writer = self.writer()?;
        let files = NewFiles::new(Arc::clone(&self.dir), Arc::clone(&writer.next_file));
        let workers = writer.workers.get(options.threads)?;
        let rewriting =
            Rewriting { files: &files, tables: base.by_id(), options, workers: &workers, pace };
        let after = rewriting.rewrite(before, range.clone())?;
        let _taken = taken.unwrap_or_else(|| writer.turn.take());
        let newest = self.head()?;
        let mut report = report(before, &after, &range);
        let placed = match newest.table_by_id(before.id()) {
            Some(table) => place(before, &range, &after, table)?,
            None => None,
        };
        let Some(table) = placed else { return Ok(report) };
        let mut tables = newest.by_id().clone();
        tables.insert(table.id(), Arc::new(table));
        let (epoch, next_table) = (newest.epoch(), self.state().next_table);
        let change =
            Change { before: &newest, epoch, tables, next_table, files: &files, is_merge: true };
        publish(self, change)?;
        report.is_done = true;
        Ok(report)
    }
}

impl Shared {
    /// The newest epoch, for whoever has the turn.
    fn head(&self) -> Result<Arc<Snapshot>> {
        let state = self.state();
        match &state.stopped {
            Some(reason) => Err(Error::ReadOnly(reason.clone())),
            None => Ok(Arc::clone(&state.head)),
        }
    }
}

/// Rows in memory that do not become one with newer ones, as long as this is there.
struct Frozen<'a> {
    writer: &'a Writer,
    table: TableId,
}

impl<'a> Frozen<'a> {
    fn new(writer: &'a Writer, table: TableId, next_row: u64) -> Self {
        writer.frozen().insert(table, next_row);
        Self { writer, table }
    }
}

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        self.writer.frozen().remove(&self.table);
    }
}

/// The segments of a table that should be written again, if any.
pub(crate) fn choose(table: &Table, policy: &MergePolicy) -> Result<Option<Range<usize>>> {
    let sizes = sizes(table)?;
    let cells = table.cell_roles().and_then(|_| policy::choose_cells(&sizes, policy));
    Ok(cells.or_else(|| policy::choose(&sizes, policy)))
}

/// What the policy has to know.
fn sizes(table: &Table) -> Result<Vec<Size>> {
    let follows = edges::follow_each(table)?;
    let size = |(segment, follows): (&Arc<Segment>, bool)| Size {
        rows: segment.row_count(),
        deleted: table.deletions.of(segment.id()).map_or(0, |deleted| deleted.len()),
        bytes: segment.byte_len(),
        run: segment.run(),
        is_in_memory: segment.is_in_memory(),
        follows,
    };
    Ok(table.segments.iter().zip(follows).map(size).collect())
}

pub(crate) fn report(before: &Table, after: &Table, range: &Range<usize>) -> MergeReport {
    let old = before.segments.get(range.clone()).unwrap_or_default();
    let new = new_segments(before, after, range);
    let sum = |segments: &[Arc<Segment>], of: fn(&Segment) -> u64| {
        segments.iter().map(|segment| of(segment)).sum::<u64>()
    };
    MergeReport {
        table: before.name().to_owned(),
        segments: (old.len() as u64, new.len() as u64),
        rows: (sum(old, Segment::row_count), sum(new, Segment::row_count)),
        bytes: (sum(old, Segment::byte_len), sum(new, Segment::byte_len)),
        is_done: false,
    }
}

/// The places of the segments of `after` that took the place of those of `before` in `range`.
pub(crate) fn new_places(before: &Table, after: &Table, range: &Range<usize>) -> Range<usize> {
    let behind = before.segments.len() - range.end;
    range.start..after.segments.len().saturating_sub(behind)
}

fn new_segments<'a>(before: &Table, after: &'a Table, range: &Range<usize>) -> &'a [Arc<Segment>] {
    after.segments.get(new_places(before, after, range)).unwrap_or_default()
}

/// Puts what was made of `before` into `newest`; `None` if that has changed too much meanwhile.
fn place(
    before: &Table,
    range: &Range<usize>,
    after: &Table,
    newest: &Table,
) -> Result<Option<Table>> {
    let old = before.segments.get(range.clone()).unwrap_or_default();
    let (Some(first), Some(last)) = (old.first(), old.last()) else { return Ok(None) };
    let from = newest.segments.partition_point(|it| it.row_end() <= first.first_row());
    let to = newest.segments.partition_point(|it| it.first_row() < last.row_end());
    let now = newest.segments.get(from..to).unwrap_or_default();
    let is_same = now.iter().map(|it| it.id()).eq(old.iter().map(|it| it.id()));
    if newest.schema != before.schema || !is_same {
        return Ok(None);
    }
    let mut placed = newest.clone();
    // Key runs: those that had to go must be there still.
    let ids = |table: &Table| -> BTreeSet<u64> {
        table.key_runs.iter().map(|run| run.record().id).collect()
    };
    let (runs_before, runs_after, runs_now) = (ids(before), ids(after), ids(newest));
    let gone: BTreeSet<u64> = runs_before.difference(&runs_after).copied().collect();
    if !gone.is_subset(&runs_now) {
        return Ok(None);
    }
    placed.key_runs.retain(|run| !gone.contains(&run.record().id));
    let new_runs = after.key_runs.iter().filter(|run| !runs_before.contains(&run.record().id));
    placed.key_runs.extend(new_runs.cloned());
    // Segments, as a run of their own.
    let mut new = new_segments(before, after, range).to_vec();
    if newest.next_run != before.next_run {
        for segment in new.iter_mut().filter(|segment| segment.run() != 0) {
            let record = SegmentRecord { run: newest.next_run, ..segment.record().clone() };
            let other = Segment::new(Arc::clone(segment.dir()), newest.id(), record);
            *segment = Arc::new(other.with_dictionaries(&after.dictionaries));
        }
        placed.next_run += 1;
    } else {
        placed.next_run = after.next_run;
    }
    let deleted = deleted_since(before, old, newest)?;
    placed.deletions = Arc::new(carry_deletions(&deleted, old, newest, &new)?);
    placed.deletions_file = None;
    let places = from..from + new.len();
    placed.segments.splice(from..to, new);
    keep_dictionaries(&mut placed, after);
    if deleted.is_empty() {
        number_cells(&mut placed, places)?;
    }
    placed.is_sorted = match sort_layout(&placed)? {
        None => false,
        Some(layout) => edges::is_sorted(&layout, &placed)?,
    };
    Ok(Some(placed))
}

/// The ordinals of rows of the `old` segments that were deleted since `before`.
fn deleted_since(before: &Table, old: &[Arc<Segment>], newest: &Table) -> Result<RoaringTreemap> {
    let mut deleted = RoaringTreemap::new();
    for segment in old {
        if let Some(places) = newest.deletions.of(segment.id()) {
            let known = before.deletions.of(segment.id());
            let since =
                known.map_or_else(|| places.as_ref().clone(), |it| places.as_ref() - it.as_ref());
            let rows: Vec<u64> =
                since.iter().map(|place| segment.first_row() + u64::from(place)).collect();
            deleted.extend(before.ordinals_of(&rows)?);
        }
    }
    Ok(deleted)
}

/// The deletions of `newest` without those of the `old` segments. Those of their rows that were
/// `deleted` meanwhile live in the `new` segments, where they are deleted instead.
fn carry_deletions(
    deleted: &RoaringTreemap,
    old: &[Arc<Segment>],
    newest: &Table,
    new: &[Arc<Segment>],
) -> Result<Deletions> {
    let mut deletions = newest.deletions.as_ref().clone();
    old.iter().for_each(|segment| deletions.remove(segment.id()));
    let mut found = 0;
    for segment in new.iter().filter(|_| !deleted.is_empty()) {
        let mut places = RoaringBitmap::new();
        for block in 0..segment.block_count() {
            let ordinals = segment.ordinals(block)?;
            let start = (block * starfact_base::limits::BLOCK_ROWS) as u32;
            for (ordinal, place) in ordinals.into_iter().zip(start..) {
                if deleted.contains(ordinal) {
                    places.insert(place);
                }
            }
        }
        found += deletions.add(segment.id(), &places);
    }
    // Of cells with the same keys all were deleted; the one that they became has the ordinal of one
    // of them.
    if found != deleted.len() && newest.cell_roles().is_none() {
        return Err(Error::internal("rows that were deleted during a merge are not in it"));
    }
    Ok(deletions)
}

/// Dictionaries: the known ones and those of `after`, as far as files have codes of them.
fn keep_dictionaries(placed: &mut Table, after: &Table) {
    for (column, file) in &after.dictionaries {
        let is_known = placed.dictionaries.iter().any(|(_, known)| known.number() == file.number());
        if !is_known {
            placed.dictionaries.push((*column, Arc::clone(file)));
        }
    }
    let used: BTreeSet<u64> = placed
        .segments
        .iter()
        .flat_map(|segment| segment.dictionaries().map(|file| file.number()))
        .collect();
    placed.dictionaries.retain(|(_, file)| used.contains(&file.number()));
    placed.dictionaries.sort_by_key(|(_, file)| file.number());
}
