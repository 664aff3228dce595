//! What the tests share: small tables, and a plain way to read everything back.

use crate::{
    CheckOptions, ColumnDefinition, ForeignKeyDefinition, KeyDefinition, LoadOptions, OpenMode,
    Snapshot, Store, Table, TableDefinition,
};
use arrow::array::{Array, ArrayRef, AsArray, Int32Array, StringViewArray};
use arrow::datatypes::TimestampMicrosecondType;
use arrow::datatypes::{Field, Schema};
use arrow::record_batch::RecordBatch;
use arrow::util::display::array_value_to_string;
use starfact_base::{ColumnId, DataType, Result, TableId};
use starfact_vfs::{Dir, Entry, Lock, MemDir, ReadFile, WriteFile};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub(crate) const READ_WRITE: OpenMode = OpenMode::ReadWrite { wait: Duration::ZERO };

pub(crate) fn open(dir: &MemDir) -> Store {
    try_open(dir).unwrap()
}

pub(crate) fn try_open(dir: &MemDir) -> Result<Store> {
    Store::open(Arc::new(dir.clone()), READ_WRITE)
}

pub(crate) fn open_to_read(dir: &MemDir) -> Store {
    Store::open(Arc::new(dir.clone()), OpenMode::ReadOnly).unwrap()
}

pub(crate) fn column(name: &str, data_type: DataType) -> ColumnDefinition {
    ColumnDefinition::new(name, data_type)
}

pub(crate) fn key(columns: &[&str]) -> KeyDefinition {
    KeyDefinition { name: None, columns: strings(columns) }
}

pub(crate) fn reference(columns: &[&str], parent: &str) -> ForeignKeyDefinition {
    ForeignKeyDefinition {
        columns: strings(columns),
        parent: parent.into(),
        ..ForeignKeyDefinition::default()
    }
}

pub(crate) fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

/// A dimension: `id INTEGER PRIMARY KEY, name VARCHAR`.
pub(crate) fn dimension(name: &str) -> TableDefinition {
    TableDefinition {
        name: name.into(),
        columns: vec![column("id", DataType::Integer), column("name", DataType::Varchar)],
        primary_key: Some(key(&["id"])),
        ..TableDefinition::default()
    }
}

/// A fact: `id INTEGER PRIMARY KEY, dim INTEGER REFERENCES dim, day INTEGER`, sorted by day.
pub(crate) fn fact(name: &str) -> TableDefinition {
    TableDefinition {
        name: name.into(),
        columns: ["id", "dim", "day"].map(|name| column(name, DataType::Integer)).into(),
        primary_key: Some(key(&["id"])),
        foreign_keys: vec![reference(&["dim"], "dim")],
        sorted_by: strings(&["day"]),
        ..TableDefinition::default()
    }
}

/// Columns without names: loads go by position and type.
pub(crate) fn batch(columns: Vec<ArrayRef>) -> RecordBatch {
    let field = |array: &ArrayRef| Field::new("", array.data_type().clone(), true);
    let fields: Vec<Field> = columns.iter().map(field).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

pub(crate) fn ints(values: impl IntoIterator<Item = i32>) -> ArrayRef {
    Arc::new(Int32Array::from_iter_values(values))
}

pub(crate) fn nullable_ints(values: impl IntoIterator<Item = Option<i32>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<Int32Array>())
}

pub(crate) fn texts<'a>(values: impl IntoIterator<Item = &'a str>) -> ArrayRef {
    Arc::new(StringViewArray::from_iter_values(values))
}

/// Rows of a dimension.
pub(crate) fn dimension_rows(ids: impl IntoIterator<Item = i32>) -> RecordBatch {
    let ids: Vec<i32> = ids.into_iter().collect();
    let names: Vec<String> = ids.iter().map(|id| format!("name {id}")).collect();
    batch(vec![ints(ids), texts(names.iter().map(String::as_str))])
}

/// Loads and commits.
pub(crate) fn insert(store: &Store, table: &str, batches: Vec<RecordBatch>) -> Result<u64> {
    insert_with(store, table, batches, &LoadOptions::default())
}

pub(crate) fn insert_with(
    store: &Store,
    table: &str,
    batches: Vec<RecordBatch>,
    options: &LoadOptions,
) -> Result<u64> {
    let mut transaction = store.begin()?;
    let id = transaction.snapshot().unwrap().table(table).unwrap().id();
    let rows = transaction.load(id, &mut batches.into_iter().map(Ok), options)?;
    transaction.commit()?;
    Ok(rows)
}

/// A check finds nothing wrong with any table.
#[track_caller]
pub(crate) fn assert_sound(store: &Store) {
    let snapshot = store.snapshot().unwrap();
    let options = CheckOptions { threads: 1, memory_bytes: 1 << 20, proceed: &|_| Ok(()) };
    for table in snapshot.tables() {
        let report = snapshot.check(table.id(), &options).unwrap();
        assert!(report.fault_count == 0, "{}: {:?}", table.name(), report.faults);
    }
}

pub(crate) fn create(store: &Store, definition: &TableDefinition) -> TableId {
    let mut transaction = store.begin().unwrap();
    let id = transaction.create_table(definition).unwrap();
    transaction.commit().unwrap();
    id
}

/// The values of a column, hidden ones too, of the rows that are not deleted.
pub(crate) fn live_values(table: &Table, id: ColumnId) -> Vec<String> {
    let rows = table.segments.iter().flat_map(|segment| segment.first_row()..segment.row_end());
    let live = values(table, id).into_iter().zip(rows).filter(|(_, row)| table.is_live(*row));
    live.map(|(value, _)| value).collect()
}

/// All values of a column, hidden ones too, in the order of the table.
pub(crate) fn values(table: &Table, id: ColumnId) -> Vec<String> {
    let mut values = Vec::new();
    for segment in table.segments() {
        for block in 0..segment.block_count() {
            let array = table.block_values(segment, id, block).unwrap();
            values.extend((0..array.len()).map(|row| match array.is_null(row) {
                true => "NULL".to_owned(),
                false => show(&array, row),
            }));
        }
    }
    values
}

/// A value as text, with time zones left out.
pub(crate) fn show(array: &ArrayRef, row: usize) -> String {
    match array.as_primitive_opt::<TimestampMicrosecondType>() {
        Some(array) => array.value(row).to_string(),
        None => array_value_to_string(array, row).unwrap(),
    }
}

pub(crate) fn named(snapshot: &Snapshot, table: &str, column: &str) -> Vec<String> {
    let table = snapshot.table(table).unwrap();
    values(table, table.column_named(column).unwrap().id)
}

/// The values of a column of the newest snapshot.
pub(crate) fn read(store: &Store, table: &str, column: &str) -> Vec<String> {
    named(&store.snapshot().unwrap(), table, column)
}

pub(crate) fn table(store: &Store, name: &str) -> Arc<Table> {
    Arc::clone(store.snapshot().unwrap().table(name).unwrap())
}

/// Called with an operation and its path before it is done; an error is that of the operation.
type Hook = dyn Fn(&str, &str) -> Result<()> + Send + Sync;

/// A directory that calls a hook before it syncs a folder, takes a lock or writes to a file.
pub(crate) struct HookDir {
    dir: MemDir,
    hook: Arc<Hook>,
}

impl HookDir {
    pub(crate) fn new(
        dir: &MemDir,
        hook: impl Fn(&str, &str) -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self { dir: dir.clone(), hook: Arc::new(hook) }
    }
}

impl fmt::Debug for HookDir {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("HookDir").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl Dir for HookDir {
    fn sync_folder(&self, folder: &str) -> Result<()> {
        (self.hook)("sync", folder)?;
        self.dir.sync_folder(folder)
    }

    fn lock(&self, path: &str, holder: &str, wait: Duration) -> Result<Box<dyn Lock>> {
        (self.hook)("lock", path)?;
        self.dir.lock(path, holder, wait)
    }

    fn describe(&self) -> String {
        self.dir.describe()
    }

    fn create(&self, path: &str) -> Result<Box<dyn WriteFile>> {
        let (inner, hook) = (self.dir.create(path)?, Arc::clone(&self.hook));
        Ok(Box::new(HookFile { inner, hook, path: path.to_owned() }))
    }

    fn open(&self, path: &str) -> Result<Arc<dyn ReadFile>> {
        self.dir.open(path)
    }

    fn exists(&self, path: &str) -> Result<bool> {
        self.dir.exists(path)
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.dir.rename(from, to)
    }

    fn list(&self, folder: &str) -> Result<Vec<Entry>> {
        self.dir.list(folder)
    }

    fn remove_file(&self, path: &str) -> Result<()> {
        self.dir.remove_file(path)
    }

    fn remove_folder(&self, path: &str) -> Result<()> {
        self.dir.remove_folder(path)
    }
}

/// A file of a [`HookDir`], by the name that it had at first.
struct HookFile {
    inner: Box<dyn WriteFile>,
    hook: Arc<Hook>,
    path: String,
}

impl fmt::Debug for HookFile {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("HookFile").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl WriteFile for HookFile {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        (self.hook)("write", &self.path)?;
        self.inner.write(bytes)
    }

    fn position(&self) -> u64 {
        self.inner.position()
    }

    fn flush(&mut self) -> Result<()> {
        self.inner.flush()
    }

    fn sync(&mut self) -> Result<()> {
        self.inner.sync()
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.inner.finish()
    }
}

/// The names of all files below a folder.
pub(crate) fn files(dir: &dyn Dir, folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in dir.list(folder).unwrap() {
        let path = if folder.is_empty() { entry.name } else { format!("{folder}/{}", entry.name) };
        if entry.is_folder {
            found.extend(files(dir, &path));
        } else {
            found.push(path);
        }
    }
    found
}

/// Files that nothing names: everything but what the newest manifest of the store needs.
pub(crate) fn unnamed_files(store: &Store, dir: &dyn Dir) -> Vec<String> {
    let snapshot = store.snapshot().unwrap();
    let mut named = crate::garbage::folders(snapshot.tables());
    let catalog = crate::manifest::read(dir, snapshot.version()).unwrap();
    for table in &catalog.tables {
        let deletions = table.deletions.map(|it| crate::paths::deletions(table.schema.id, it.id));
        named.extend(deletions.map(Into::into));
    }
    let first_log = catalog.log.map_or(u64::MAX, |log| log.log);
    let is_log = |path: &str| {
        let name = path.strip_prefix("wal/").unwrap_or_default();
        let log = crate::paths::log_number(name).or_else(|| crate::paths::begun_log_number(name));
        log.is_some_and(|log| log >= first_log)
    };
    let manifest = crate::paths::manifest(snapshot.version());
    let is_named = |path: &String| {
        [crate::paths::LOCK, crate::paths::CURRENT, manifest.as_str()].contains(&path.as_str())
            || named.contains(path.as_str())
            || is_log(path)
            || path.rsplit_once('/').is_some_and(|(folder, _)| named.contains(folder))
    };
    files(dir, "").into_iter().filter(|path| !is_named(path)).collect()
}
