//! Keys of new segments that references lead to, in lists that the segments of a table have in
//! common.
//!
//! ```text
//!  ordinals and keys of the      the newest list, if it says so   files of keys that follow from
//!  rows of new segments      ─►  of all of them, else a new one ─► the ordinals, where that takes
//!                                with its keys and these           less
//! ```
//!
//! The row of a parent keeps its key for as long as anything refers to it, so what the rows of a
//! table say is enough to know the keys by ordinal; the parent is not read. If two rows do not say
//! the same of an ordinal, or a list does not pay, the keys stay stored.
//!
//! Columns of the table's own keys stay stored, and so do those that ask for an encoding or that
//! others are derived from. Files are replaced as for dictionaries of text, see
//! [`crate::dictionaries`].

use crate::derive::pays;
use crate::dictionaries::{Rewritten, Shared, chosen, may_pay_for_list, replace, take};
use crate::load::Job;
use crate::paths;
use crate::records::FileRecord;
use crate::segment::Segment;
use crate::snapshot::Table;
use arrow::array::{ArrayRef, Int64Array};
use starfact_base::data_type::Physical;
use starfact_base::{ColumnId, Error, Result, Scalar, SegmentId};
use starfact_encoding::{Derivation, EncodeOptions, Rule, SHARED_KEYS_MAX, SharedKeys};
use starfact_format::{ColumnFile, ColumnFileInfo, ColumnWriter, DerivedBlock, DictionaryFile};
use starfact_vfs::Dir;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Rewrites columns of keys in the segments that `table` has and `before` has not.
pub(crate) fn share(job: &Job<'_>, table: &mut Table, before: &Table) -> Result<()> {
    let old: BTreeSet<SegmentId> = before.segments.iter().map(|segment| segment.id()).collect();
    let is_new = |segment: &&Arc<Segment>| !old.contains(&segment.id());
    let new: Vec<Arc<Segment>> = table.segments.iter().filter(is_new).cloned().collect();
    let task = |(column, ordinals)| Task { column, ordinals, table, new: &new, shared: None };
    let mut tasks: Vec<Task<'_>> = candidates(table).into_iter().map(task).collect();
    job.workers.each(&mut tasks, |task| task.run(job))?;
    let shared = tasks.into_iter().filter_map(|task| Some((task.column, task.shared?)));
    for (column, shared) in shared.collect::<Vec<_>>() {
        replace(table, column, shared);
    }
    Ok(())
}

/// The columns that may be rewritten, each with the ordinals that its keys follow from.
fn candidates(table: &Table) -> Vec<(ColumnId, ColumnId)> {
    let is_candidate = |column: &&crate::Column| {
        let is_in_key = table.keys().iter().any(|key| key.columns.contains(&column.id));
        let is_integer = column.data_type.physical() == Physical::Integer;
        is_integer && column.encoding.is_none() && !is_in_key
    };
    let candidate = |column: &crate::Column| {
        let mut keys = table.foreign_keys().iter();
        let key = keys.find(|key| key.columns.contains(&column.id))?;
        Some((column.id, key.ordinal_column))
    };
    table.columns().iter().filter(is_candidate).filter_map(candidate).collect()
}

/// A column that may be rewritten.
struct Task<'a> {
    column: ColumnId,
    ordinals: ColumnId,
    table: &'a Table,
    new: &'a [Arc<Segment>],
    shared: Option<Shared>,
}

/// Files of a segment, both stored, from which nothing else is derived.
struct Source<'a> {
    segment: &'a Segment,
    record: FileRecord,
    keys: Arc<ColumnFile>,
    ordinals: Arc<ColumnFile>,
}

impl Task<'_> {
    fn run(&mut self, job: &Job<'_>) -> Result<()> {
        let sources = self.sources()?;
        let Some(room) = room(&sources) else { return Ok(()) };
        let newest = self.table.dictionaries.iter().rev().find(|(id, _)| *id == self.column);
        let newest = newest.map(|(_, file)| file).filter(|file| file.keys().is_ok());
        let known = newest.map(|file| file.keys()).transpose()?;
        let bytes: u64 = sources.iter().map(|source| source.record.bytes).sum();
        let mut list = List::new(known.map(Arc::as_ref), room);
        if list.is_new && !may_pay_for_list(room, bytes) {
            return Ok(());
        }
        for source in &sources {
            if !source.read(|ordinal, key| list.add(ordinal, key))? {
                return Ok(());
            }
            if list.is_new && !may_pay_for_list(list.keys.len(), bytes) {
                return Ok(());
            }
        }
        let (dictionary, is_new) = match (newest, list.is_new) {
            (Some(newest), false) => (Arc::clone(newest), false),
            _ => (self.create(job, list)?, true),
        };
        let files = self.rewrite(job.files.dir().as_ref(), &sources, &dictionary, is_new)?;
        if files.is_empty() && is_new {
            job.files.remove(dictionary.path());
        }
        self.shared = (!files.is_empty()).then_some(Shared { dictionary, files });
        Ok(())
    }

    fn sources(&self) -> Result<Vec<Source<'_>>> {
        let mut sources = Vec::new();
        for segment in self.new {
            let record = segment.record().files.iter().find(|file| file.column == self.column);
            let files = (segment.column(self.column)?, segment.column(self.ordinals)?);
            let (Some(record), (Some(keys), Some(ordinals))) = (record, files) else { continue };
            let is_stored = |file: &ColumnFile| {
                file.source_ids().is_empty() && file.dictionary_link().is_none()
            };
            if is_stored(&keys) && is_stored(&ordinals) && !self.is_source(segment)? {
                sources.push(Source { segment, record: *record, keys, ordinals });
            }
        }
        Ok(sources)
    }

    /// Whether any column of a segment is derived from the keys.
    fn is_source(&self, segment: &Segment) -> Result<bool> {
        for file in &segment.record().files {
            let file = segment.column(file.column)?;
            if file.is_some_and(|file| file.source_ids().contains(&self.column)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn create(&self, job: &Job<'_>, list: List<'_>) -> Result<Arc<DictionaryFile>> {
        let (number, path) = job.files.dictionary(self.table.id(), self.column);
        let keys: ArrayRef = Arc::new(Int64Array::from(list.keys));
        let dir = Arc::clone(job.files.dir());
        DictionaryFile::create(dir, path.into(), number, &keys).map(Arc::new)
    }

    /// Writes the files anew; returns those that took the places of the old ones.
    fn rewrite(
        &self,
        dir: &dyn Dir,
        sources: &[Source<'_>],
        dictionary: &Arc<DictionaryFile>,
        is_new: bool,
    ) -> Result<Vec<(SegmentId, FileRecord)>> {
        let mut files = Vec::with_capacity(sources.len());
        for source in sources {
            let info = source.write(dir, dictionary, self.ordinals)?;
            files.push(Rewritten { folder: source.segment.folder(), record: source.record, info });
        }
        let records = take(dir, &files, chosen(&files, dictionary, is_new), dictionary)?;
        let ids = sources.iter().map(|source| source.segment.id());
        Ok(ids.zip(records).filter_map(|(id, record)| Some((id, record?))).collect())
    }
}

/// How many keys a list for these files needs at most; `None` if there are none, or too many.
fn room(sources: &[Source<'_>]) -> Option<usize> {
    let zones = sources.iter().flat_map(|source| source.ordinals.zones());
    let largest = zones.filter_map(|zone| match zone.stats.max {
        Some(Scalar::Integer(largest)) => Some(largest),
        _ => None,
    });
    let room = usize::try_from(largest.max()?.checked_add(1)?).ok()?;
    (room <= SHARED_KEYS_MAX).then_some(room)
}

/// A list in the making.
struct List<'a> {
    /// The newest list that there is already.
    known: Option<&'a SharedKeys>,
    /// Whether rows have keys that the newest list does not have.
    is_new: bool,
    keys: Vec<i64>,
    /// Whether a row has said so, one bit an ordinal.
    is_said: Vec<u64>,
}

impl<'a> List<'a> {
    fn new(known: Option<&'a SharedKeys>, room: usize) -> Self {
        let is_new = known.is_none_or(|known| known.len() < room);
        let key = |ordinal| known.and_then(|known| known.get(ordinal as i64)).unwrap_or_default();
        let len = room.max(known.map_or(0, SharedKeys::len));
        let keys = (0..len).map(key).collect();
        Self { known, is_new, keys, is_said: vec![0; len.div_ceil(64)] }
    }

    /// Whether the row agrees with those before.
    fn add(&mut self, ordinal: i64, key: i64) -> bool {
        let place = usize::try_from(ordinal).unwrap_or(usize::MAX);
        let (Some(slot), Some(word)) = (self.keys.get_mut(place), self.is_said.get_mut(place / 64))
        else {
            return false;
        };
        if *word >> (place % 64) & 1 == 1 {
            return *slot == key;
        }
        *word |= 1 << (place % 64);
        self.is_new |= self.known.is_none_or(|_| *slot != key);
        *slot = key;
        true
    }
}

impl Source<'_> {
    /// Shows the ordinal and the key of each row that refers to one to `add`, until it says no.
    fn read(&self, mut add: impl FnMut(i64, i64) -> bool) -> Result<bool> {
        for idx in 0..self.keys.block_count() {
            let (keys, ordinals) = (self.keys.block(idx)?, self.ordinals.block(idx)?);
            let rows: Vec<u32> = (0..keys.rows() as u32).collect();
            let Some(((keys, has_key), (ordinals, refers))) =
                keys.keys(&rows)?.zip(ordinals.keys(&rows)?)
            else {
                return Ok(false);
            };
            let rows = ordinals.iter().zip(refers).zip(keys.iter().zip(has_key));
            for ((ordinal, refers), (key, has_key)) in rows {
                if refers && has_key && !add(*ordinal, *key) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Writes the file of keys that follow from ordinals beside the one that there is; returns what
    /// it amounts to.
    fn write(
        &self,
        dir: &dyn Dir,
        dictionary: &DictionaryFile,
        ordinals: ColumnId,
    ) -> Result<ColumnFileInfo> {
        let (ty, options) = (self.record.data_type, EncodeOptions::default());
        let path = paths::unfinished(&paths::column(self.segment.folder(), self.record.column));
        let mut writer = ColumnWriter::create(dir, &path, ty, options)?;
        writer.set_dictionary(dictionary.link()?);
        let derivation = Derivation { rule: Rule::Referenced, sources: vec![ordinals] };
        for idx in 0..self.keys.block_count() {
            let derived = self.derived(idx, dictionary)?;
            let derivation = derivation.clone();
            let derived = derived.map(|bytes| DerivedBlock { derivation, bytes });
            writer.append_block(&self.keys, idx, derived)?;
        }
        writer.finish()
    }

    /// A block in its derived form, if that is smaller.
    fn derived(&self, idx: usize, dictionary: &DictionaryFile) -> Result<Option<Vec<u8>>> {
        let (keys, ordinals) = (self.keys.block(idx)?, self.ordinals.block(idx)?);
        let bytes = keys.derive(&Rule::Referenced, &[ordinals], Some(dictionary.keys()?))?;
        let missing = || Error::internal(format!("{}: no keys", self.keys.path()));
        let bytes = bytes.ok_or_else(missing)?;
        Ok(Some(bytes).filter(|bytes| pays(bytes.len(), self.keys.block_byte_len(idx))))
    }
}
