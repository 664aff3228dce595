//! Merges runs of a load into one.

use super::Job;
use super::chunk::Rows;
use super::combined::{combine, starts};
use super::writer::{SegmentsWriter, Written};
use crate::keys::layout::{Layout, NormalKey};
use crate::merge::{BlockRange, FAN_IN, Merger, SortedRun, decode};
use crate::records::{OrdinalsRecord, SegmentRecord};
use crate::segment::Segment;
use arrow::array::{ArrayRef, UInt32Array};
use starfact_base::{ColumnId, Result};
use std::sync::Arc;

/// Merges runs until there is one, and returns its segments. The others are removed.
pub(crate) fn merge<K: NormalKey>(
    job: &Job<'_>,
    layout: &Layout,
    places: &[usize],
    mut runs: Vec<Vec<Written>>,
) -> Result<Vec<Written>> {
    while runs.len() > 1 {
        let mut merged = Vec::with_capacity(runs.len().div_ceil(FAN_IN));
        let mut rest = runs.into_iter().peekable();
        while rest.peek().is_some() {
            let group: Vec<Vec<Written>> = rest.by_ref().take(FAN_IN).collect();
            merged.push(merge_group::<K>(job, layout, places, group)?);
        }
        runs = merged;
    }
    Ok(runs.into_iter().flatten().collect())
}

fn merge_group<K: NormalKey>(
    job: &Job<'_>,
    layout: &Layout,
    places: &[usize],
    group: Vec<Vec<Written>>,
) -> Result<Vec<Written>> {
    if group.len() == 1 {
        return Ok(group.into_iter().flatten().collect());
    }
    let with_numbers = group.iter().flatten().all(|written| written.numbers.is_some());
    let runs: Vec<SortedRun> =
        group.iter().map(|written| open(job, written)).collect::<Result<_>>()?;
    let mut writer = SegmentsWriter::new(job, with_numbers);
    let mut merger = Merger::<K>::new(&runs, layout, places);
    while let Some(step) = merger.next_step()? {
        let are_cells = job.cell_roles.is_some();
        let starts = are_cells.then(|| starts(step.pairs.iter().map(|(key, _)| key)));
        let order = UInt32Array::from_iter_values(step.pairs.into_iter().map(|(_, place)| place));
        let rows = MergedRows { runs: &runs, ranges: step.ranges, order };
        let combined = match starts {
            Some(starts) => combine(job, &rows, &starts)?,
            None => None,
        };
        match combined {
            Some(combined) => writer.append(&combined, job.workers)?,
            None => writer.append(&rows, job.workers)?,
        }
    }
    let written = writer.finish(job.workers)?;
    drop(runs);
    for old in group.iter().flatten() {
        job.files.remove(&old.folder);
        if let Some((folder, _)) = &old.numbers {
            job.files.remove(folder);
        }
    }
    Ok(written)
}

/// Opens the files of a run: the columns of the job, then the numbers of the rows.
fn open(job: &Job<'_>, run: &[Written]) -> Result<SortedRun> {
    let ids: Vec<ColumnId> = job.columns.iter().map(|column| column.id).collect();
    let mut parts = Vec::with_capacity(run.len());
    for written in run {
        let record = SegmentRecord {
            id: written.id,
            rows: written.rows,
            run: 0,
            first_row: None,
            ordinals: OrdinalsRecord::Consecutive(0),
            files: written.files.clone(),
        };
        let segment = Segment::new(Arc::clone(job.files.dir()), job.before.id(), record);
        let mut files = segment.columns(&ids)?;
        files.extend(written.numbers.as_ref().map(|(_, file)| Arc::clone(file)));
        parts.push(files);
    }
    Ok(SortedRun { parts })
}

/// Rows of several runs.
struct MergedRows<'a> {
    runs: &'a [SortedRun],
    ranges: Vec<BlockRange>,
    order: UInt32Array,
}

impl Rows for MergedRows<'_> {
    fn row_count(&self) -> usize {
        self.order.len()
    }

    fn column(&self, idx: usize) -> Result<ArrayRef> {
        decode(self.runs, &self.ranges, idx)
    }

    fn order(&self) -> Option<&UInt32Array> {
        Some(&self.order)
    }
}
