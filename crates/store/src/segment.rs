//! One segment of a table: which files it has, opened when they are first asked for.

use crate::delta::Memory;
use crate::keys::memory::MemoryKeys;
use crate::keys::run::decode_block;
use crate::paths;
use crate::records::{FileRecord, OrdinalsRecord, SegmentRecord};
use arrow::array::ArrayRef;
use starfact_base::limits::BLOCK_ROWS;
use starfact_base::{ColumnId, Corruption, Error, Result, SegmentId, TableId};
use starfact_format::{ColumnFile, DictionaryFile};
use starfact_vfs::Dir;
use std::io::ErrorKind;
use std::sync::{Arc, OnceLock};

/// An immutable run of rows, one file a column. Shared freely between threads and snapshots.
#[derive(Debug)]
pub struct Segment {
    dir: Arc<dyn Dir>,
    /// While it is shared with anything outside of garbage collection, the folder stays.
    folder: Arc<str>,
    record: SegmentRecord,
    /// One a file of the record.
    opened: Vec<Slot>,
    /// There if its files are in memory.
    memory: Option<Arc<Memory>>,
}

/// What is known of a file besides its record.
#[derive(Clone, Debug, Default)]
struct Slot {
    file: OnceLock<Arc<ColumnFile>>,
    /// The dictionary that its blocks have codes of.
    dictionary: Option<Arc<DictionaryFile>>,
}

impl Segment {
    pub(crate) fn new(dir: Arc<dyn Dir>, table: TableId, record: SegmentRecord) -> Self {
        let folder = paths::segment(table, record.id).into();
        let opened = record.files.iter().map(|_| Slot::default()).collect();
        Self { dir, folder, record, opened, memory: None }
    }

    /// A segment whose files are in memory only.
    pub(crate) fn in_memory(dir: Arc<dyn Dir>, table: TableId, record: SegmentRecord) -> Self {
        Self { memory: Some(Arc::default()), ..Self::new(dir, table, record) }
    }

    /// Its number, which no other segment of the warehouse has or had.
    pub fn id(&self) -> SegmentId {
        self.record.id
    }

    /// Rows in it, at least one.
    pub fn row_count(&self) -> u64 {
        self.record.rows
    }

    /// The row id of its first row; each row's is one more than that of the row before.
    pub fn first_row(&self) -> u64 {
        self.record.first_row()
    }

    /// Whether its rows are in the delta: in the log and in memory, and in no file of their own.
    pub fn is_in_memory(&self) -> bool {
        self.memory.is_some()
    }

    /// The ordinal of its first row, if each row's is one more than that of the row before.
    pub fn consecutive(&self) -> Option<u64> {
        match self.record.ordinals {
            OrdinalsRecord::Consecutive(first) => Some(first),
            OrdinalsRecord::Stored => None,
        }
    }

    /// The keys of its rows, as long as it is in memory.
    pub(crate) fn memory_keys(&self) -> Option<&MemoryKeys> {
        self.memory.as_ref().map(|memory| &memory.keys)
    }

    /// What is known of it as long as it is in memory.
    pub(crate) fn memory(&self) -> Option<&Memory> {
        self.memory.as_deref()
    }

    /// Where its files are.
    pub(crate) fn dir(&self) -> &Arc<dyn Dir> {
        &self.dir
    }

    /// The number of its run: the segments of one run, in order, are one sequence that follows the
    /// table's declared sort order, if there is one. The segments of run 0 are in no order.
    pub fn run(&self) -> u64 {
        self.record.run
    }

    /// Blocks of each of its columns; all but the last have 65,536 rows.
    pub fn block_count(&self) -> usize {
        self.record.rows.div_ceil(BLOCK_ROWS as u64) as usize
    }

    /// Bytes of all its files.
    pub fn byte_len(&self) -> u64 {
        self.record.files.iter().fold(0, |sum, file| sum.saturating_add(file.bytes))
    }

    /// Bytes of the file of a column; 0 if there is none.
    pub fn column_byte_len(&self, id: ColumnId) -> u64 {
        self.find(id).map_or(0, |(file, _)| file.bytes)
    }

    /// The dictionary that the file of a text column has codes of, if it has such; its number tells
    /// whether two segments have the same. [`ColumnFile::block`] gives out codes.
    pub fn dictionary(&self, id: ColumnId) -> Option<&Arc<DictionaryFile>> {
        self.find(id).and_then(|(_, slot)| slot.dictionary.as_ref())
    }

    /// The dictionaries that files of text columns have codes of.
    pub fn dictionaries(&self) -> impl Iterator<Item = &Arc<DictionaryFile>> {
        self.opened.iter().filter_map(|slot| slot.dictionary.as_ref())
    }

    /// The file of a column, hidden ones included; `None` if the segment was written before the
    /// column existed.
    ///
    /// # Errors
    /// [`starfact_base::Error::Corrupt`] if the file is damaged or is not the one that the
    /// manifest describes.
    pub fn column(&self, id: ColumnId) -> Result<Option<Arc<ColumnFile>>> {
        let Some((expected, slot)) = self.find(id) else { return Ok(None) };
        if let Some(file) = slot.file.get() {
            return Ok(Some(Arc::clone(file)));
        }
        let mut file = self.open(expected)?;
        if let Some(dictionary) = &slot.dictionary {
            file = file.with_dictionary(Arc::clone(dictionary));
        }
        let ids = file.source_ids();
        if !ids.is_empty() {
            let sources = ids.iter().map(|id| Ok((*id, self.source(*id, file.path())?)));
            let sources = sources.collect::<Result<Vec<_>>>()?;
            file = file.with_sources(sources)?;
        }
        Ok(Some(Arc::clone(slot.file.get_or_init(|| Arc::new(file)))))
    }

    /// The file of a column that the one at `path` is derived from. It is opened as it is: one that
    /// is derived itself is no source, so nothing goes in a circle.
    fn source(&self, id: ColumnId, path: &str) -> Result<Arc<ColumnFile>> {
        let Some((expected, slot)) = self.find(id) else {
            let what = "source of a derived column";
            let found = format!("column {id}");
            return Err(Corruption::new(0, what, "a column of the segment", found).in_file(path));
        };
        if let Some(file) = slot.file.get() {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(self.open(expected)?);
        match file.source_ids().is_empty() {
            true => Ok(Arc::clone(slot.file.get_or_init(|| file))),
            false => Ok(file),
        }
    }

    fn open(&self, expected: &FileRecord) -> Result<ColumnFile> {
        let path = paths::column(&self.folder, expected.column);
        open_column(self.dir.as_ref(), &path, expected, self.record.rows)
    }

    pub(crate) fn folder(&self) -> &Arc<str> {
        &self.folder
    }

    /// One more than the id of its last row.
    pub(crate) fn row_end(&self) -> u64 {
        self.first_row().saturating_add(self.row_count())
    }

    /// The files of several columns, all of which it has.
    pub(crate) fn columns(&self, ids: &[ColumnId]) -> Result<Vec<Arc<ColumnFile>>> {
        let file = |id: &ColumnId| {
            let missing = || Error::internal(format!("no column {id} in {}", self.folder));
            self.column(*id)?.ok_or_else(missing)
        };
        ids.iter().map(file).collect()
    }

    /// The values of a block of several columns, all of which it has, of the types of their files.
    pub(crate) fn decode(&self, ids: &[ColumnId], block: usize) -> Result<Vec<ArrayRef>> {
        let kept = |id: &ColumnId| self.kept(*id);
        if let Some(arrays) = ids.iter().map(kept).collect() {
            return Ok(arrays);
        }
        decode_block(&self.columns(ids)?, block)
    }

    /// The values of a column of the type of its file, if it is in memory and they are kept; it
    /// has one block then.
    pub(crate) fn kept(&self, id: ColumnId) -> Option<ArrayRef> {
        self.memory.as_ref()?.array(id)
    }

    pub(crate) fn record(&self) -> &SegmentRecord {
        &self.record
    }

    /// The same segment with more files; what is open stays open.
    pub(crate) fn with_files(&self, added: &[FileRecord]) -> Self {
        let mut files: Vec<(FileRecord, Slot)> =
            self.record.files.iter().copied().zip(self.opened.iter().cloned()).collect();
        files.extend(added.iter().map(|file| (*file, Slot::default())));
        files.sort_by_key(|(file, _)| file.column);
        let (files, opened) = files.into_iter().unzip();
        let record = SegmentRecord { files, ..self.record.clone() };
        let (dir, folder) = (Arc::clone(&self.dir), Arc::clone(&self.folder));
        Self { dir, folder, record, opened, memory: self.memory.clone() }
    }

    /// The same segment with files that have taken the place of others.
    pub(crate) fn with_new_files(&self, new_files: &[FileRecord]) -> Self {
        let mut segment = self.with_files(&[]);
        for (file, opened) in segment.record.files.iter_mut().zip(&mut segment.opened) {
            if let Some(new) = new_files.iter().find(|new| new.column == file.column) {
                // A new file has codes of the dictionary that the old one had, if it has any.
                let dictionary = opened.dictionary.take().filter(|_| new.dictionary.is_some());
                (*file, *opened) = (*new, Slot { dictionary, ..Slot::default() });
            }
        }
        segment
    }

    /// The same segment with a file of codes that has taken the place of one of text.
    pub(crate) fn with_codes(&self, file: FileRecord, dictionary: &Arc<DictionaryFile>) -> Self {
        let mut segment = self.with_new_files(&[file]);
        for (record, slot) in segment.record.files.iter().zip(&mut segment.opened) {
            if record.column == file.column {
                slot.dictionary = Some(Arc::clone(dictionary));
            }
        }
        segment
    }

    /// The segment with those of its table's dictionaries that its files need.
    pub(crate) fn with_dictionaries(mut self, known: &[(ColumnId, Arc<DictionaryFile>)]) -> Self {
        for (record, slot) in self.record.files.iter().zip(&mut self.opened) {
            let is_it = |(_, file): &&(ColumnId, Arc<DictionaryFile>)| {
                Some(file.number()) == record.dictionary
            };
            slot.dictionary = known.iter().find(is_it).map(|(_, file)| Arc::clone(file));
        }
        self
    }

    fn find(&self, id: ColumnId) -> Option<(&FileRecord, &Slot)> {
        let place = self.record.files.binary_search_by_key(&id, |file| file.column).ok()?;
        Some((self.record.files.get(place)?, self.opened.get(place)?))
    }
}

/// Opens a column file and compares it with what the manifest says of it.
pub(crate) fn open_column(
    dir: &dyn Dir,
    path: &str,
    expected: &FileRecord,
    rows: u64,
) -> Result<ColumnFile> {
    let file = ColumnFile::open(dir, path).map_err(|error| match error {
        Error::Io { source, .. } if source.kind() == ErrorKind::NotFound => {
            let size = format!("a file of {} bytes", expected.bytes);
            Corruption::new(0, "file", size, "none").in_file(path)
        }
        other => other,
    })?;
    let differs = |what: &str, expected: String, found: String| {
        Err(Corruption::new(0, format!("{what} (manifest against file)"), expected, found)
            .in_file(path))
    };
    if file.rows() != rows {
        return differs("rows", rows.to_string(), file.rows().to_string());
    }
    if file.byte_len() != expected.bytes {
        return differs("file length", expected.bytes.to_string(), file.byte_len().to_string());
    }
    let found = file.footer_checksum();
    if let Some(checksum) = expected.checksum.filter(|checksum| *checksum != found) {
        let hex = |sum: u32| format!("{sum:#010x}");
        return differs("footer checksum", hex(checksum), hex(found));
    }
    if file.data_type() != expected.data_type {
        let (expected, found) = (expected.data_type, file.data_type());
        return differs("column type", expected.to_string(), found.to_string());
    }
    let number = file.dictionary_link().map(|link| link.number);
    if number != expected.dictionary {
        let show = |number: Option<u64>| number.map_or("none".into(), |id| format!("number {id}"));
        return differs("dictionary", show(expected.dictionary), show(number));
    }
    Ok(file)
}
