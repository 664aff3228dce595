//! What a query sees: every table at one epoch. Nothing in a snapshot ever changes, and the files
//! that it names stay while it lives.

use crate::deletions_file::DeletionsFile;
use crate::keys::run::KeyRun;
use crate::pins::Pin;
use crate::rows::Deletions;
use crate::schema::{Check, Column, ForeignKey, Key, KeyId, Schema};
use crate::segment::Segment;
use roaring::RoaringBitmap;
use starfact_base::{ColumnId, Epoch, SegmentId, TableId, Version};
use starfact_format::DictionaryFile;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The warehouse at one epoch.
///
/// In a reading process, keep the snapshot or a table of it for as long as segments of it are
/// used: that is what holds back the writer's garbage collection.
#[derive(Debug)]
pub struct Snapshot {
    version: Version,
    epoch: Epoch,
    is_committed: bool,
    tables: BTreeMap<TableId, Arc<Table>>,
    names: BTreeMap<String, TableId>,
}

impl Snapshot {
    pub(crate) fn new(
        version: Version,
        epoch: Epoch,
        is_committed: bool,
        tables: BTreeMap<TableId, Arc<Table>>,
    ) -> Self {
        let visible = tables.values().filter(|table| table.cube().is_none());
        let names = visible.map(|table| (table.name().to_owned(), table.id())).collect();
        Self { version, epoch, is_committed, tables, names }
    }

    /// The number of the last commit in it.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The manifest version that it was made from.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Whether it is exactly what its version says. A transaction's own view, with uncommitted
    /// changes on top of that version, is not.
    pub fn is_committed(&self) -> bool {
        self.is_committed
    }

    /// The same rows as if they were committed: to plan with, not to be read.
    #[must_use]
    pub fn as_committed(&self) -> Self {
        Self::new(self.version, self.epoch, true, self.tables.clone())
    }

    /// The table of exactly this name, if users see it.
    pub fn table(&self, name: &str) -> Option<&Arc<Table>> {
        self.tables.get(self.names.get(name)?)
    }

    /// The table of this number.
    pub fn table_by_id(&self, id: TableId) -> Option<&Arc<Table>> {
        self.tables.get(&id)
    }

    /// The tables that users see, by name: all but those of cells of cubes.
    pub fn tables(&self) -> impl Iterator<Item = &Arc<Table>> {
        self.names.values().filter_map(|id| self.tables.get(id))
    }

    /// All tables, by number.
    pub fn all_tables(&self) -> impl Iterator<Item = &Arc<Table>> {
        self.tables.values()
    }

    pub(crate) fn by_id(&self) -> &BTreeMap<TableId, Arc<Table>> {
        &self.tables
    }
}

/// What a table is declared to be, without its rows: equal for two snapshots if no DDL lies between
/// them. It holds no file and no pin, so it may be kept.
#[derive(Clone, Debug)]
pub struct Definition(Arc<Schema>);

impl PartialEq for Definition {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

/// One table of one snapshot.
#[derive(Clone, Debug)]
pub struct Table {
    pub(crate) schema: Arc<Schema>,
    pub(crate) segments: Vec<Arc<Segment>>,
    pub(crate) key_runs: Vec<Arc<KeyRun>>,
    /// Each with its column, ascending by number.
    pub(crate) dictionaries: Vec<(ColumnId, Arc<DictionaryFile>)>,
    /// The deleted rows of the segments.
    pub(crate) deletions: Arc<Deletions>,
    /// The file of exactly these deletions, if it was written.
    pub(crate) deletions_file: Option<Arc<DeletionsFile>>,
    pub(crate) next_ordinal: u64,
    pub(crate) next_row: u64,
    pub(crate) next_run: u64,
    pub(crate) is_sorted: bool,
    /// In a reading process: what keeps the writer from removing the files.
    pub(crate) _pin: Option<Arc<Pin>>,
}

impl Table {
    /// A new table without rows.
    pub(crate) fn empty(schema: Schema) -> Self {
        let is_sorted = !schema.sorted_by.is_empty();
        Self {
            schema: Arc::new(schema),
            segments: Vec::new(),
            key_runs: Vec::new(),
            dictionaries: Vec::new(),
            deletions: Arc::default(),
            deletions_file: None,
            next_ordinal: 0,
            next_row: 0,
            next_run: 1,
            is_sorted,
            _pin: None,
        }
    }

    /// What it is declared to be.
    pub fn definition(&self) -> Definition {
        Definition(Arc::clone(&self.schema))
    }

    /// Its number.
    pub fn id(&self) -> TableId {
        self.schema.id
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.schema.name
    }

    /// The columns that users see, in the declared order.
    pub fn columns(&self) -> &[Column] {
        &self.schema.columns
    }

    /// The column of this number, if users see it.
    pub fn column(&self, id: ColumnId) -> Option<&Column> {
        self.schema.column(id)
    }

    /// The column of exactly this name.
    pub fn column_named(&self, name: &str) -> Option<&Column> {
        self.schema.column_named(name)
    }

    /// The primary key.
    pub fn primary_key(&self) -> Option<&Key> {
        self.schema.keys.iter().find(|key| key.primary)
    }

    /// All keys: the primary key first, then the UNIQUE ones.
    pub fn keys(&self) -> &[Key] {
        &self.schema.keys
    }

    /// The UNIQUE keys, in the declared order, without the primary key.
    pub fn unique_keys(&self) -> impl Iterator<Item = &Key> {
        self.schema.keys.iter().filter(|key| !key.primary)
    }

    /// The references to other tables, in the declared order.
    pub fn foreign_keys(&self) -> &[ForeignKey] {
        &self.schema.foreign_keys
    }

    /// The CHECK constraints, as SQL text for the layer above.
    pub fn checks(&self) -> &[Check] {
        &self.schema.checks
    }

    /// The columns that rows are sorted by: ascending, NULLs last; empty if no order was declared.
    /// Hidden columns of foreign keys are among them where rows are in the order of those that they
    /// reference.
    pub fn sorted_by(&self) -> &[ColumnId] {
        &self.schema.sorted_by
    }

    /// The columns that the sort order was declared with.
    pub fn declared_order(&self) -> Vec<ColumnId> {
        self.schema.declared_order()
    }

    /// Whether all rows, in the order of the segments, follow the declared sort order: ascending,
    /// NULLs last. False if none was declared.
    pub fn is_sorted(&self) -> bool {
        self.is_sorted
    }

    /// Rows that are there: those of all segments without the deleted ones.
    pub fn row_count(&self) -> u64 {
        self.stored_row_count().saturating_sub(self.deletions.rows())
    }

    /// Rows of all segments, deleted ones included.
    pub fn stored_row_count(&self) -> u64 {
        self.segments.iter().fold(0, |sum, segment| sum.saturating_add(segment.row_count()))
    }

    /// Rows that are deleted and still stored.
    pub fn deleted_row_count(&self) -> u64 {
        self.deletions.rows()
    }

    /// The deleted rows of a segment, by their places in it; `None` if there are none.
    pub fn deleted_rows(&self, segment: SegmentId) -> Option<&RoaringBitmap> {
        self.deletions.of(segment).map(AsRef::as_ref)
    }

    /// One more than the largest ordinal that was ever given to a row.
    pub fn ordinal_end(&self) -> u64 {
        self.next_ordinal
    }

    /// The segments, by ordinal.
    pub fn segments(&self) -> &[Arc<Segment>] {
        &self.segments
    }

    /// The dictionaries that files of text columns have codes of, each with its column, the newest
    /// last; which one it is [`Segment::dictionary`] says.
    pub fn dictionaries(&self) -> &[(ColumnId, Arc<DictionaryFile>)] {
        &self.dictionaries
    }

    /// Bytes of all dictionaries of a column.
    pub fn dictionary_byte_len(&self, id: ColumnId) -> u64 {
        let own = self.dictionaries.iter().filter(|(column, _)| *column == id);
        own.fold(0, |sum, (_, file)| sum.saturating_add(file.byte_len()))
    }

    /// Bytes of all files: segments, key runs, dictionaries and deletions.
    pub fn bytes(&self) -> u64 {
        let segments = self.segments.iter().map(|segment| segment.byte_len());
        let runs = self.key_runs.iter().map(|run| run.byte_len());
        let dictionaries = self.dictionaries.iter().map(|(_, file)| file.byte_len());
        let deletions = self.deletions_file.iter().map(|file| file.record.bytes);
        segments.chain(runs).chain(dictionaries).chain(deletions).fold(0, u64::saturating_add)
    }

    /// Whether rows in the order of their ordinals are in ascending order of this key.
    pub fn is_in_key_order(&self, id: KeyId) -> bool {
        let mut runs = self.key_runs.iter().filter(|run| run.key() == id);
        match (runs.next(), runs.next()) {
            (None, _) => self.segments.is_empty(),
            (Some(run), None) => run.covers(&self.segments) && self.rows_are_ordinals(),
            _ => false,
        }
    }
}
