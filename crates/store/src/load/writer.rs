//! Writes rows into as many segments as they need, one thread a column.
//!
//! Each column goes its own way through all segments: what is shared between the threads is only
//! the plan of which rows go where.

use super::Job;
use super::chunk::Rows;
use crate::keys::layout::ours;
use crate::new_files::NewFiles;
use crate::paths;
use crate::records::FileRecord;
use crate::schema::Column;
use crate::snapshot::Table;
use crate::verify::ORDINALS;
use crate::workers::Workers;
use arrow::array::ArrayRef;
use arrow::compute::take;
use starfact_base::limits::{BLOCK_ROWS, SEGMENT_BLOCKS_MAX};
use starfact_base::{ColumnId, DataType, Error, Result, SegmentId, TableId};
use starfact_encoding::{Effort, EncodeOptions, EncodingName};
use starfact_format::{BitmapPolicy, ColumnFile, ColumnFileInfo, ColumnWriter};
use std::ops::Range;
use std::sync::Arc;

/// Rows of the largest segment.
const SEGMENT_ROWS_MAX: usize = SEGMENT_BLOCKS_MAX * BLOCK_ROWS;
/// The name of the file of row numbers of a segment.
const NUMBERS: &str = "rows.col";

/// A segment that was written.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) id: SegmentId,
    pub(crate) folder: String,
    pub(crate) rows: u64,
    pub(crate) files: Vec<FileRecord>,
    /// The folder and the file of the numbers of its rows.
    pub(crate) numbers: Option<(String, Arc<ColumnFile>)>,
}

/// Segments being written, the last of them open.
#[derive(Debug)]
pub(crate) struct SegmentsWriter<'a> {
    files: &'a NewFiles,
    table: TableId,
    columns: Vec<ColumnOutput>,
    segments: Vec<SegmentPlan>,
}

/// Where the files of a segment go.
#[derive(Debug)]
struct SegmentPlan {
    id: SegmentId,
    folder: String,
    numbers: Option<String>,
    rows: usize,
}

/// Some of the rows that are being appended.
struct Piece {
    /// The place of its segment among all.
    segment: usize,
    rows: Range<usize>,
    /// Whether the segment is full then.
    is_last: bool,
}

/// One column of all segments.
struct ColumnOutput {
    /// Its place among the columns of the rows.
    idx: usize,
    /// `None` for the numbers of the rows.
    id: Option<ColumnId>,
    data_type: DataType,
    options: EncodeOptions,
    bitmaps: BitmapPolicy,
    writer: Option<ColumnWriter>,
    /// Its files in the segments that are finished.
    finished: Vec<ColumnFileInfo>,
}

impl std::fmt::Debug for ColumnOutput {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("ColumnOutput").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A column of rows that are written.
#[derive(Clone, Debug)]
pub(crate) struct RowColumn {
    pub(crate) id: ColumnId,
    pub(crate) data_type: DataType,
    pub(crate) options: EncodeOptions,
    pub(crate) bitmaps: BitmapPolicy,
}

impl RowColumn {
    /// A column that users see, encoded as they asked for.
    pub(crate) fn visible(column: &Column) -> Self {
        let wanted = column.encoding.as_deref();
        let encoding = EncodingName::ALL.into_iter().find(|name| Some(name.as_str()) == wanted);
        let bitmaps = match column.bitmap {
            Some(true) => BitmapPolicy::WherePays,
            _ => BitmapPolicy::Never,
        };
        let (id, data_type, options) =
            (column.id, column.data_type, EncodeOptions { encoding, ..EncodeOptions::default() });
        Self { id, data_type, options, bitmaps }
    }

    /// A column of ordinals.
    pub(crate) fn hidden(id: ColumnId) -> Self {
        let options = EncodeOptions { effort: Effort::Ordinals, ..EncodeOptions::default() };
        let bitmaps = BitmapPolicy::Never;
        Self { id, data_type: DataType::BigInt, options, bitmaps }
    }

    /// The columns of a table that users see.
    pub(crate) fn visible_of(table: &Table) -> Vec<Self> {
        table.columns().iter().map(Self::visible).collect()
    }

    /// All columns of a table: those that users see, references, and the rows' own ordinals.
    pub(crate) fn all_of(table: &Table) -> Vec<Self> {
        let mut columns = Self::visible_of(table);
        columns.extend(table.foreign_keys().iter().map(|key| Self::hidden(key.ordinal_column)));
        columns.push(Self::hidden(ORDINALS));
        columns
    }
}

impl<'a> SegmentsWriter<'a> {
    /// For rows with the columns of the job and, if so, their numbers.
    pub(crate) fn new(job: &Job<'a>, with_numbers: bool) -> Self {
        let output = |(idx, column): (usize, &RowColumn)| ColumnOutput {
            idx,
            id: Some(column.id),
            data_type: column.data_type,
            options: column.options,
            bitmaps: column.bitmaps,
            writer: None,
            finished: Vec::new(),
        };
        let mut columns: Vec<ColumnOutput> = job.columns.iter().enumerate().map(output).collect();
        if with_numbers {
            columns.push(ColumnOutput {
                idx: columns.len(),
                id: None,
                data_type: DataType::BigInt,
                options: EncodeOptions::default(),
                bitmaps: BitmapPolicy::Never,
                writer: None,
                finished: Vec::new(),
            });
        }
        Self { files: job.files, table: job.before.id(), columns, segments: Vec::new() }
    }

    /// Appends rows.
    pub(crate) fn append(&mut self, rows: &dyn Rows, workers: &Workers) -> Result<()> {
        let pieces = self.plan(rows.row_count());
        let (segments, dir) = (&self.segments, self.files.dir());
        workers.each(&mut self.columns, |column| {
            let values = rows.column(column.idx)?;
            for piece in &pieces {
                let segment = segments.get(piece.segment);
                let segment = segment.ok_or_else(|| Error::internal("a piece without segment"))?;
                if column.writer.is_none() {
                    let path = column.path(segment);
                    let (ty, options) = (column.data_type, column.options);
                    let writer = ColumnWriter::create(dir.as_ref(), &path, ty, options)?;
                    column.writer = Some(writer.with_bitmaps(column.bitmaps));
                }
                column.append(rows, &values, piece.rows.clone())?;
                if piece.is_last {
                    column.finish()?;
                }
            }
            Ok(())
        })
    }

    fn plan(&mut self, row_count: usize) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut start = 0;
        while start < row_count {
            let has_room = |last: &SegmentPlan| last.rows < SEGMENT_ROWS_MAX;
            if !self.segments.last().is_some_and(has_room) {
                let (id, folder) = self.files.segment(self.table);
                let has_numbers = self.columns.iter().any(|column| column.id.is_none());
                let numbers = has_numbers.then(|| self.files.temporary());
                self.segments.push(SegmentPlan { id, folder, numbers, rows: 0 });
            }
            let segment = self.segments.len() - 1;
            let Some(last) = self.segments.last_mut() else { break };
            let count = (row_count - start).min(SEGMENT_ROWS_MAX - last.rows);
            last.rows += count;
            let is_last = last.rows == SEGMENT_ROWS_MAX;
            pieces.push(Piece { segment, rows: start..start + count, is_last });
            start += count;
        }
        pieces
    }

    /// Finishes all files.
    pub(crate) fn finish(mut self, workers: &Workers) -> Result<Vec<Written>> {
        workers.each(&mut self.columns, ColumnOutput::finish)?;
        let mut written = Vec::with_capacity(self.segments.len());
        for (place, plan) in self.segments.into_iter().enumerate() {
            let mut files = Vec::with_capacity(self.columns.len());
            let mut numbers = None;
            for column in &self.columns {
                let file = column.finished.get(place).filter(|file| file.rows == plan.rows as u64);
                let file = file.ok_or_else(|| Error::internal("a column with too few rows"))?;
                match (column.id, &plan.numbers) {
                    (Some(id), _) => files.push(FileRecord::new(id, column.data_type, file)),
                    (None, Some(folder)) => {
                        let path = format!("{folder}/{NUMBERS}");
                        let file = ColumnFile::open(self.files.dir().as_ref(), &path)?;
                        numbers = Some((folder.clone(), Arc::new(file)));
                    }
                    (None, None) => {}
                }
            }
            files.sort_by_key(|file| file.column);
            let (id, folder, rows) = (plan.id, plan.folder, plan.rows as u64);
            written.push(Written { id, folder, rows, files, numbers });
        }
        Ok(written)
    }
}

impl ColumnOutput {
    fn path(&self, segment: &SegmentPlan) -> String {
        match (self.id, &segment.numbers) {
            (Some(id), _) => paths::column(&segment.folder, id),
            (None, numbers) => format!("{}/{NUMBERS}", numbers.as_deref().unwrap_or_default()),
        }
    }

    /// Appends the rows of one piece, in order, a block at a time.
    fn append(&mut self, rows: &dyn Rows, values: &ArrayRef, piece: Range<usize>) -> Result<()> {
        let writer = self.writer.as_mut().ok_or_else(|| Error::internal("no open column file"))?;
        let Some(order) = rows.order() else {
            return writer.append(&values.slice(piece.start, piece.len()));
        };
        let mut start = piece.start;
        while start < piece.end {
            let count = BLOCK_ROWS.min(piece.end - start);
            let taken = take(values.as_ref(), &order.slice(start, count), None).map_err(ours)?;
            writer.append(&taken)?;
            start += count;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        if let Some(writer) = self.writer.take() {
            self.finished.push(writer.finish()?);
        }
        Ok(())
    }
}
