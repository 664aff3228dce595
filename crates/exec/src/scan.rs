//! The encoded scan: which blocks to read, which rows of them survive, and their values.
//!
//! A [`Scan`] is immutable and shared; all state of reading a morsel lives on the reader's stack.
//! Callers that have predicates of their own call [`Scan::select`], decode what these need with
//! [`Scan::decode`], narrow the selection, and decode the rest.

use crate::bitmaps::{self, BitmapAnswers, Bitmaps};
use crate::columns::{Given, MorselColumns, OpenBlocks, OpenColumn};
use crate::source::{Question, Source};
use arrow::array::{ArrayRef, Int64Array};
use starfact_base::limits::BLOCK_ROWS;
use starfact_base::{ColumnId, Error, Result, Scalar};
use starfact_encoding::{Members, OrdinalCodes, Predicate, Selection, Verdict};
use starfact_store::{Segment, Table};
use std::sync::Arc;

/// One of the conjuncts that a row must satisfy.
#[derive(Clone, Debug)]
pub struct ColumnFilter {
    /// The column that it looks at.
    pub column: ColumnId,
    /// What its value must be.
    pub predicate: Predicate,
}

/// Shortcuts that may be switched off. The answer is the same either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanOptions {
    /// Skip blocks by their zone maps.
    pub zone_maps: bool,
    /// Answer filters by bitmap indexes.
    pub bitmaps: Bitmaps,
    /// Look for sets of ordinals by their codes: high bits, runs, words of the set.
    pub hierarchy_codes: bool,
}

impl Default for ScanOptions {
    fn default() -> Self {
        Self { zone_maps: true, bitmaps: Bitmaps::default(), hierarchy_codes: true }
    }
}

/// One block of one segment: the unit of parallel work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Morsel {
    segment_idx: usize,
    pub(crate) block_idx: usize,
    rows: usize,
}

impl Morsel {
    /// Rows of the block, before any filter.
    pub fn rows(&self) -> usize {
        self.rows
    }
}

/// A scan of one table.
#[derive(Debug)]
pub struct Scan {
    table: Arc<Table>,
    pub(crate) filters: Vec<ColumnFilter>,
    morsels: Vec<Morsel>,
    pruned_blocks: usize,
    pub(crate) options: ScanOptions,
    /// The ordinals of the rows that it may give out; all if nothing is here.
    among: Option<Arc<Members>>,
}

impl Scan {
    /// Plans a scan: reads the footers of the filtered columns and drops the blocks in which no
    /// row can satisfy the filters.
    ///
    /// # Errors
    /// A column file that is missing or damaged.
    pub fn new(
        table: Arc<Table>,
        filters: Vec<ColumnFilter>,
        options: ScanOptions,
    ) -> Result<Self> {
        let mut morsels = Vec::new();
        let mut pruned_blocks = 0;
        for (segment_idx, segment) in table.segments().iter().enumerate() {
            let row_count = segment.row_count() as usize;
            let block_count = row_count.div_ceil(BLOCK_ROWS);
            let mut keep = vec![true; block_count];
            if options.zone_maps {
                for filter in &filters {
                    mark_pruned(&table, segment, filter, &mut keep)?;
                }
            }
            for (block_idx, keep) in keep.into_iter().enumerate() {
                let rows = (row_count - block_idx * BLOCK_ROWS).min(BLOCK_ROWS);
                if is_deleted(&table, segment, block_idx, rows) {
                    continue;
                }
                if keep {
                    morsels.push(Morsel { segment_idx, block_idx, rows });
                } else {
                    pruned_blocks += 1;
                }
            }
        }
        Ok(Self { table, filters, morsels, pruned_blocks, options, among: None })
    }

    /// The same scan of the rows with these ordinals alone.
    ///
    /// # Errors
    /// A file of ordinals that is missing or damaged.
    pub fn among(&self, members: Arc<Members>) -> Result<Self> {
        let members = match &self.among {
            Some(known) => Arc::new(known.intersection(&members)),
            None => members,
        };
        let mut morsels = Vec::new();
        for morsel in &self.morsels {
            let has_some = match self.segment(morsel)?.consecutive() {
                Some(first) => {
                    let start = i128::from(first) + (morsel.block_idx * BLOCK_ROWS) as i128;
                    members.has_any(start..=start + morsel.rows as i128 - 1)
                }
                None => true,
            };
            if has_some || !self.options.zone_maps {
                morsels.push(*morsel);
            }
        }
        let pruned_blocks = self.pruned_blocks + self.morsels.len() - morsels.len();
        let (table, filters) = (Arc::clone(&self.table), self.filters.clone());
        let among = Some(members);
        Ok(Self { table, filters, morsels, pruned_blocks, options: self.options, among })
    }

    /// The same scan with more filters, which are asked after its own.
    ///
    /// # Errors
    /// A column file that is missing or damaged.
    pub fn narrowed(&self, more: Vec<ColumnFilter>) -> Result<Self> {
        let mut morsels = Vec::new();
        for of_segment in self.morsels.chunk_by(|a, b| a.segment_idx == b.segment_idx) {
            let Some(first) = of_segment.first() else { continue };
            let segment = self.segment(first)?;
            let mut keep = vec![true; (segment.row_count() as usize).div_ceil(BLOCK_ROWS)];
            if self.options.zone_maps {
                for filter in &more {
                    mark_pruned(&self.table, segment, filter, &mut keep)?;
                }
            }
            let is_kept = |morsel: &&Morsel| keep.get(morsel.block_idx) == Some(&true);
            morsels.extend(of_segment.iter().filter(is_kept));
        }
        let pruned_blocks = self.pruned_blocks + self.morsels.len() - morsels.len();
        let (table, mut filters) = (Arc::clone(&self.table), self.filters.clone());
        filters.extend(more);
        let among = self.among.clone();
        Ok(Self { table, filters, morsels, pruned_blocks, options: self.options, among })
    }

    /// The same scan, which asks its filters in the order of these places, each of them once.
    #[must_use]
    pub fn asking(mut self, places: &[usize]) -> Self {
        debug_assert_eq!(places.len(), self.filters.len(), "each filter has a place");
        self.filters =
            places.iter().filter_map(|place| self.filters.get(*place).cloned()).collect();
        self
    }

    /// Whether it gives out rows with certain ordinals alone.
    pub fn is_among(&self) -> bool {
        self.among.is_some()
    }

    /// How many segments have blocks that must be read.
    pub fn segment_count(&self) -> usize {
        self.morsels.chunk_by(|a, b| a.segment_idx == b.segment_idx).count()
    }

    /// The table that is scanned.
    pub fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// The blocks that must be read, in the order of the table's rows.
    pub fn morsels(&self) -> &[Morsel] {
        &self.morsels
    }

    /// Blocks that the zone maps ruled out.
    pub fn pruned_blocks(&self) -> usize {
        self.pruned_blocks
    }

    /// Whether the zone maps prove that `filters` leave nothing of this morsel.
    ///
    /// For filters that became known only after the scan was planned.
    pub fn rules_out(&self, morsel: &Morsel, filters: &[ColumnFilter]) -> Result<bool> {
        if !self.options.zone_maps {
            return Ok(false);
        }
        for filter in filters {
            let rules_out = match self.source(morsel, filter.column)?.ask(&filter.predicate)? {
                Question::Answered(holds) => !holds,
                Question::OfFile(file, predicate) => {
                    let zone = file.zones().get(morsel.block_idx);
                    zone.is_some_and(|zone| zone.verdict(&predicate) == Verdict::None)
                }
            };
            if rules_out {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The filters that it was planned with.
    pub fn filters(&self) -> &[ColumnFilter] {
        &self.filters
    }

    /// The rows of a morsel that satisfy the filters of the scan.
    pub fn select(&self, morsel: &Morsel) -> Result<Selection> {
        let mut selection = self.live(morsel)?;
        let (blocks, removed) = (&mut OpenBlocks::default(), &mut Removed::default());
        self.narrow(morsel, &self.filters, &mut selection, blocks, removed)?;
        Ok(selection)
    }

    /// The rows of a morsel that are not deleted, and that are among those it may give out.
    ///
    /// # Errors
    /// A morsel of another scan; a file of ordinals that is missing or damaged.
    pub fn live(&self, morsel: &Morsel) -> Result<Selection> {
        let mut selection = Selection::all(morsel.rows);
        if let Some(deleted) = self.table.deleted_rows(self.segment(morsel)?.id()) {
            let start = (morsel.block_idx * BLOCK_ROWS) as u32;
            for place in deleted.range(start..start.saturating_add(morsel.rows as u32)) {
                selection.clear((place - start) as usize);
            }
        }
        if let Some(members) = &self.among {
            self.keep_members(morsel, members, &mut selection)?;
        }
        Ok(selection)
    }

    /// Leaves the rows whose ordinals are members.
    fn keep_members(
        &self,
        morsel: &Morsel,
        members: &Members,
        selection: &mut Selection,
    ) -> Result<()> {
        let segment = self.segment(morsel)?;
        match segment.consecutive() {
            Some(first) => {
                let start = first + (morsel.block_idx * BLOCK_ROWS) as u64;
                let words = members.words_from(usize::try_from(start).unwrap_or(usize::MAX));
                let words: Vec<u64> = words.take(morsel.rows.div_ceil(64)).collect();
                selection.intersect_words(&words);
            }
            None => {
                let all = segment.ordinals(morsel.block_idx)?;
                for row in selection.indices() {
                    let ordinal = all.get(row as usize).copied();
                    if !ordinal.is_some_and(|ordinal| members.contains(ordinal.into())) {
                        selection.clear(row as usize);
                    }
                }
            }
        }
        Ok(())
    }

    /// The ids of the selected rows.
    ///
    /// # Errors
    /// A morsel of another scan.
    pub fn row_ids(&self, morsel: &Morsel, selection: &Selection) -> Result<ArrayRef> {
        let start = self.segment(morsel)?.first_row() + (morsel.block_idx * BLOCK_ROWS) as u64;
        let rows = selection.indices().into_iter().map(|row| (start + u64::from(row)) as i64);
        Ok(Arc::new(Int64Array::from_iter_values(rows)))
    }

    /// The ordinals of the selected rows.
    ///
    /// # Errors
    /// A morsel of another scan; a file that is missing or damaged.
    pub fn ordinals(&self, morsel: &Morsel, selection: &Selection) -> Result<ArrayRef> {
        let segment = self.segment(morsel)?;
        let rows = selection.indices();
        let ordinals: Vec<i64> = match segment.consecutive() {
            Some(first) => {
                let start = (first + (morsel.block_idx * BLOCK_ROWS) as u64) as i64;
                rows.iter().map(|row| start + i64::from(*row)).collect()
            }
            None => {
                let all = segment.ordinals(morsel.block_idx)?;
                let ordinal = |row: &u32| all.get(*row as usize).map(|ordinal| *ordinal as i64);
                let ordinals = rows.iter().map(ordinal).collect::<Option<_>>();
                ordinals.ok_or_else(|| Error::internal("rows beyond the ordinals of a block"))?
            }
        };
        Ok(Arc::new(Int64Array::from(ordinals)))
    }

    /// Takes out of `selection` the rows that do not satisfy `filters`; says what bitmap indexes
    /// did for it, and adds to `removed` how many rows each filter took out. Blocks that are opened
    /// on the way are left in `blocks`.
    pub fn narrow(
        &self,
        morsel: &Morsel,
        filters: &[ColumnFilter],
        selection: &mut Selection,
        blocks: &mut OpenBlocks,
        removed: &mut Removed,
    ) -> Result<BitmapAnswers> {
        let mut answers = BitmapAnswers::default();
        let mut later = Vec::new();
        removed.begin(filters.len(), selection);
        for (place, filter) in filters.iter().enumerate() {
            removed.note(place.checked_sub(1), selection);
            if selection.is_empty() {
                return Ok(answers);
            }
            let source = self.source(morsel, filter.column)?;
            let (file, predicate) = match source.ask(&filter.predicate)? {
                Question::OfFile(file, predicate) => (file, predicate),
                Question::Answered(true) => continue,
                Question::Answered(false) => {
                    *selection = Selection::none(morsel.rows);
                    removed.note(Some(place), selection);
                    return Ok(answers);
                }
            };
            if self.options.zone_maps {
                let zone = file.zones().get(morsel.block_idx);
                match zone.map(|zone| zone.verdict(&predicate)) {
                    Some(Verdict::All) => continue,
                    Some(Verdict::None) => {
                        *selection = Selection::none(morsel.rows);
                        removed.note(Some(place), selection);
                        return Ok(answers);
                    }
                    _ => {}
                }
            }
            let (block_idx, mode) = (morsel.block_idx, self.options.bitmaps);
            let answer = bitmaps::narrow(&file, block_idx, &predicate, selection, mode)?;
            answers = answers.and(answer);
            if !answer.answered {
                let block = blocks.get(&file, filter.column, block_idx)?;
                if !self.options.hierarchy_codes {
                    block.filter_row_by_row(&predicate, selection)?;
                } else if block.filter_coarsely(&predicate, selection)? > 0 {
                    later.push((place, block, predicate));
                }
            }
        }
        removed.note(filters.len().checked_sub(1), selection);
        for (place, block, predicate) in later {
            if !selection.is_empty() {
                block.filter(&predicate, selection)?;
                removed.note(Some(place), selection);
            }
        }
        Ok(answers)
    }

    /// The values of `columns` at the selected rows, one array a column.
    ///
    /// # Errors
    /// A column that the table does not have; damage.
    pub fn decode(
        &self,
        morsel: &Morsel,
        columns: &[ColumnId],
        selection: &Selection,
    ) -> Result<Vec<ArrayRef>> {
        self.open(morsel, columns, &mut OpenBlocks::default())?.decode(selection)
    }

    /// Opens columns of a morsel, to decode it piece by piece; `blocks` are those that are open
    /// already. Columns for which something else is to be given out will give that.
    ///
    /// # Errors
    /// A column that the table does not have; damage.
    pub fn open_coded(
        &self,
        morsel: &Morsel,
        columns: &[ColumnId],
        given: &[Option<Given>],
        blocks: &mut OpenBlocks,
    ) -> Result<MorselColumns> {
        let mut open = |(column, given): (&ColumnId, Option<&Given>)| match given {
            None => self.open_one(morsel, *column, blocks),
            Some(Given::Words) => {
                Ok(OpenColumn::Words(Box::new(self.open_one(morsel, *column, blocks)?)))
            }
            Some(Given::Codes(codes)) => match self.common_code(morsel, *column, codes)? {
                Some(code) => Ok(OpenColumn::Code(code)),
                None => {
                    let ordinals = self.open_one(morsel, *column, blocks)?;
                    Ok(OpenColumn::Coded(Box::new(ordinals), Arc::clone(codes)))
                }
            },
        };
        let given = given.iter().map(Option::as_ref).chain(std::iter::repeat(None));
        let columns = columns.iter().zip(given).map(&mut open).collect::<Result<_>>()?;
        Ok(MorselColumns { columns, rows: morsel.rows })
    }

    /// The code that all ordinals of a column have in a morsel, if its zone map says so.
    fn common_code(
        &self,
        morsel: &Morsel,
        column: ColumnId,
        codes: &OrdinalCodes,
    ) -> Result<Option<u32>> {
        if !self.options.zone_maps {
            return Ok(None);
        }
        let Source::File(file, None) = self.source(morsel, column)? else { return Ok(None) };
        let zone = file.zones().get(morsel.block_idx).map(|zone| &zone.stats);
        let bounds = zone.filter(|zone| zone.nulls == 0).map(|zone| (&zone.min, &zone.max));
        Ok(match bounds {
            Some((Some(Scalar::Integer(min)), Some(Scalar::Integer(max)))) => {
                codes.common(*min..=*max)
            }
            _ => None,
        })
    }

    /// Opens columns of a morsel, to decode it piece by piece; `blocks` are those that are open
    /// already.
    ///
    /// # Errors
    /// A column that the table does not have; damage.
    pub fn open(
        &self,
        morsel: &Morsel,
        columns: &[ColumnId],
        blocks: &mut OpenBlocks,
    ) -> Result<MorselColumns> {
        self.open_coded(morsel, columns, &[], blocks)
    }

    fn open_one(
        &self,
        morsel: &Morsel,
        column: ColumnId,
        blocks: &mut OpenBlocks,
    ) -> Result<OpenColumn> {
        Ok(match self.source(morsel, column)? {
            Source::File(file, widening) => {
                OpenColumn::Block(blocks.get(&file, column, morsel.block_idx)?, widening)
            }
            Source::Missing(missing) => OpenColumn::Missing(missing),
        })
    }

    /// Bytes that `columns` of a morsel take in their files.
    ///
    /// # Errors
    /// A column file that is missing or damaged.
    pub fn block_bytes(&self, morsel: &Morsel, columns: &[ColumnId]) -> Result<u64> {
        let segment = self.segment(morsel)?;
        columns.iter().try_fold(0, |bytes, column| {
            let file = segment.column(*column)?;
            Ok(bytes + file.map_or(0, |file| file.block_byte_len(morsel.block_idx)))
        })
    }

    /// The columns that the filters of the scan look at.
    pub fn filter_columns(&self) -> impl Iterator<Item = ColumnId> {
        self.filters.iter().map(|filter| filter.column)
    }

    /// Where the values of a column are in a morsel.
    pub(crate) fn source(&self, morsel: &Morsel, column: ColumnId) -> Result<Source> {
        Source::of(&self.table, self.segment(morsel)?, column)
    }

    pub(crate) fn segment(&self, morsel: &Morsel) -> Result<&Arc<Segment>> {
        let segments = self.table.segments();
        segments.get(morsel.segment_idx).ok_or_else(|| {
            let count = segments.len();
            Error::internal(format!("segment {} of {count}", morsel.segment_idx))
        })
    }
}

/// How many rows filters took out, one after the other.
#[derive(Clone, Debug, Default)]
pub struct Removed {
    rows: Vec<u64>,
    left: u64,
}

impl Removed {
    /// The rows that each filter took out.
    pub fn rows(&self) -> &[u64] {
        &self.rows
    }

    fn begin(&mut self, filters: usize, selection: &Selection) {
        self.rows.resize(filters, 0);
        self.left = selection.count() as u64;
    }

    /// What is missing since the last time, the filter at `place` has taken out.
    fn note(&mut self, place: Option<usize>, selection: &Selection) {
        let Some(rows) = place.and_then(|place| self.rows.get_mut(place)) else { return };
        let left = selection.count() as u64;
        *rows += self.left - left;
        self.left = left;
    }
}

/// Whether all rows of a block are deleted.
fn is_deleted(table: &Table, segment: &Segment, block: usize, rows: usize) -> bool {
    let start = (block * BLOCK_ROWS) as u32;
    let range = start..start.saturating_add(rows as u32);
    let deleted = table.deleted_rows(segment.id());
    deleted.is_some_and(|deleted| deleted.range_cardinality(range) == rows as u64)
}

fn mark_pruned(
    table: &Table,
    segment: &Segment,
    filter: &ColumnFilter,
    keep: &mut [bool],
) -> Result<()> {
    match Source::of(table, segment, filter.column)?.ask(&filter.predicate)? {
        Question::Answered(true) => {}
        Question::Answered(false) => keep.fill(false),
        Question::OfFile(file, predicate) if file.has_none(&predicate) => keep.fill(false),
        Question::OfFile(file, predicate) => {
            for (keep, zone) in keep.iter_mut().zip(file.zones()) {
                *keep &= zone.verdict(&predicate) != Verdict::None;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests;
