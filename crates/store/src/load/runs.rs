//! Runs: parts of the input that are in order one after the other.
//!
//! As long as each chunk, sorted, follows the one before it, all of them are one run, which needs
//! no merge. Where a chunk begins below the end of the one before, a new run begins.

use super::Job;
use super::chunk::{Chunk, Rows, SortedChunk};
use super::combined::combine;
use super::merged::merge;
use super::numbers::RowNumbers;
use super::writer::{SegmentsWriter, Written};
use crate::keys::layout::{Layout, NormalKey};
use starfact_base::Result;

/// Rows that were loaded, in their final order.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) segments: Vec<Written>,
    pub(crate) numbers: RowNumbers,
    pub(crate) rows: u64,
}

/// Sorts chunks and writes them as runs.
#[derive(Debug)]
pub(crate) struct RunsWriter<'a, K> {
    job: &'a Job<'a>,
    layout: Option<&'a Layout>,
    /// Where the columns of the sort order are among all.
    places: Vec<usize>,
    open: Option<OpenRun<'a, K>>,
    finished: Vec<Vec<Written>>,
    rows: u64,
    /// The order of the only chunk.
    order: Option<RowNumbers>,
}

#[derive(Debug)]
struct OpenRun<'a, K> {
    writer: SegmentsWriter<'a>,
    last: Option<K>,
}

impl<'a, K: NormalKey> RunsWriter<'a, K> {
    pub(crate) fn new(job: &'a Job<'a>, layout: Option<&'a Layout>) -> Self {
        let columns = job.columns;
        let place = |id| columns.iter().position(|column| column.id == id);
        let places = job.before.sorted_by().iter().filter_map(|id| place(*id)).collect();
        Self { job, layout, places, open: None, finished: Vec::new(), rows: 0, order: None }
    }

    /// Sorts and writes a chunk; the end of the input may come with it.
    pub(crate) fn add(&mut self, mut chunk: Chunk, is_last: bool) -> Result<()> {
        let is_only = is_last && self.rows == 0;
        if let Some(clustered) = self.job.clustered {
            clustered.resolve(self.job, &mut chunk, is_only)?;
        }
        let workers = self.job.workers;
        let chunk = match self.layout {
            None => SortedChunk::as_it_is(chunk),
            Some(layout) => {
                let are_cells = self.job.cell_roles.is_some();
                SortedChunk::<K>::sort(chunk, layout, &self.places, workers, are_cells)?
            }
        };
        let combined = match &chunk.starts {
            Some(starts) => combine(self.job, &chunk, starts)?,
            None => None,
        };
        let rows: &dyn Rows = combined.as_ref().map_or(&chunk, |combined| combined);
        if rows.row_count() == 0 {
            return Ok(());
        }
        self.rows += rows.row_count() as u64;
        let (first, last) = chunk.ends.clone().unzip();
        let follows = |open: &OpenRun<'_, K>| open.last <= first;
        if !self.open.as_ref().is_some_and(follows) {
            self.close()?;
            let with_numbers = !is_only && self.needs_numbers();
            let writer = SegmentsWriter::new(self.job, with_numbers);
            self.open = Some(OpenRun { writer, last: None });
        }
        if let Some(open) = &mut self.open {
            open.writer.append(rows, workers)?;
            open.last = last;
        }
        if is_only {
            self.order = chunk.into_order().map(RowNumbers::Order);
        }
        Ok(())
    }

    /// Whether the rows are put in another order, and messages may have to name them.
    fn needs_numbers(&self) -> bool {
        let before = self.job.before;
        let has_messages = !(before.keys().is_empty() && before.foreign_keys().is_empty());
        self.layout.is_some() && has_messages
    }

    fn close(&mut self) -> Result<()> {
        if let Some(open) = self.open.take() {
            self.finished.push(open.writer.finish(self.job.workers)?);
        }
        Ok(())
    }

    /// Merges all runs into one; `None` if there are no rows.
    pub(crate) fn finish(mut self) -> Result<Option<Loaded>> {
        self.close()?;
        if self.rows == 0 {
            return Ok(None);
        }
        let segments = match self.layout {
            Some(layout) => merge::<K>(self.job, layout, &self.places, self.finished)?,
            None => self.finished.into_iter().flatten().collect(),
        };
        let mut files = Vec::new();
        for written in &segments {
            files.extend(written.numbers.as_ref().map(|(_, file)| std::sync::Arc::clone(file)));
        }
        let numbers = match self.order {
            Some(order) => order,
            None if files.is_empty() => RowNumbers::InOrder,
            None => RowNumbers::Files(files),
        };
        Ok(Some(Loaded { segments, numbers, rows: self.rows }))
    }
}
