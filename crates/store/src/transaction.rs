//! A transaction: changes that become visible together, or not at all.

use crate::definition::TableDefinition;
use crate::load::{self, LoadOptions};
use crate::new_files::NewFiles;
use crate::publish::{Change, publish};
use crate::schema::KeyId;
use crate::snapshot::{Snapshot, Table};
use crate::store::Shared;
use crate::turn::Taken;
use crate::{declare, garbage};
use arrow::array::ArrayRef;
use arrow::record_batch::RecordBatch;
use starfact_base::{Epoch, Error, Result, TableId};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// When a commit is durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// When it returns.
    #[default]
    Sync,
    /// Soon after.
    Async,
}

/// Changes in the making. Dropped without [`Transaction::commit`], it has never been.
///
/// A method that fails leaves the transaction as it was before the call.
pub struct Transaction {
    // Fields drop in order: the files go before the next transaction begins.
    files: NewFiles,
    before: Arc<Snapshot>,
    tables: BTreeMap<TableId, Arc<Table>>,
    next_table: TableId,
    has_changes: bool,
    pending: std::sync::Mutex<BTreeMap<TableId, Pending>>,
    flushed: std::sync::Mutex<Option<BTreeMap<TableId, Arc<Table>>>>,
    shared: Arc<Shared>,
    _taken: Taken,
}

impl Transaction {
    pub(crate) fn begin(shared: Arc<Shared>, taken: Taken) -> Result<Self> {
        let files = NewFiles::new(Arc::clone(&shared.dir), Arc::clone(&shared.writer()?.next_file));
        let (before, next_table) = {
            let state = shared.state();
            (Arc::clone(&state.snapshot), state.next_table)
        };
        let tables = before.by_id().clone();
        Ok(Self {
            files,
            before,
            tables,
            next_table,
            has_changes: false,
            pending: Default::default(),
            flushed: Default::default(),
            shared,
            _taken: taken,
        })
    }

    /// What the transaction sees: the newest epoch and its own changes.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        if !self.has_changes {
            return Arc::clone(&self.before);
        }
        if !self.pending.lock().unwrap().is_empty() {
            let f = self.flush().unwrap();
            let (version, epoch) = (self.before.version(), self.before.epoch());
            *self.flushed.lock().unwrap() = Some(f.clone());
            return Arc::new(Snapshot::new(version, epoch, false, f));
        }
        let (version, epoch) = (self.before.version(), self.before.epoch());
        Arc::new(Snapshot::new(version, epoch, false, self.tables.clone()))
    }

    /// Creates a table without rows.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] says what is wrong with the definition.
    pub fn create_table(&mut self, definition: &TableDefinition) -> Result<TableId> {
        self.settle(true)?;
        let others = self.tables.values().map(|table| table.schema.as_ref());
        let id = self.next_table;
        let schema = declare::declare(definition, id, others)?;
        self.tables.insert(id, Arc::new(Table::empty(schema)));
        self.next_table = id.next();
        self.has_changes = true;
        Ok(id)
    }

    /// Drops a table with its rows.
    ///
    /// # Errors
    /// [`Error::Constraint`] while another table references it.
    pub fn drop_table(&mut self, table: TableId) -> Result<()> {
        self.settle(true)?;
        let name = self.table(table)?.name().to_owned();
        let references = |other: &&Arc<Table>| {
            other.id() != table && other.foreign_keys().iter().any(|key| key.parent == table)
        };
        if let Some(other) = self.tables.values().find(references) {
            return Err(Error::Constraint(format!(
                "cannot drop table \"{name}\": table \"{}\" references it; drop that one first",
                other.name()
            )));
        }
        self.tables.remove(&table);
        self.has_changes = true;
        Ok(())
    }

    /// Appends rows to a table; returns how many.
    ///
    /// Batches have the table's visible columns in the declared order, each of exactly the Arrow
    /// type of its type ([`starfact_encoding::arrow_type`]). Rows are sorted by the declared sort
    /// order among themselves, on disk if they do not fit into `options.memory_bytes`, and get
    /// ordinals in that order, after all rows that the table has.
    ///
    /// # Errors
    /// [`Error::Constraint`] names the first row, counted from 1, that is NULL where it must not
    /// be, that has the key of another row, or that references a row which does not exist. Rows
    /// may reference rows of the same load and of earlier ones. Errors of `batches` are passed on.
    pub fn load(
        &mut self,
        table: TableId,
        batches: &mut dyn Iterator<Item = Result<RecordBatch>>,
        options: &LoadOptions,
    ) -> Result<u64> {
        self.settle(true)?;
        let before = Arc::clone(self.table(table)?);
        let workers = self.shared.writer()?.workers.get(options.threads)?;
        let loaded = load::load(&self.files, &self.tables, &before, batches, options, &workers);
        let Some((after, rows)) = loaded.inspect_err(|_| self.forget_files())? else {
            return Ok(0);
        };
        self.tables.insert(table, Arc::new(after));
        self.has_changes = true;
        Ok(rows)
    }

    /// Makes the changes durable and visible, and returns the number of the commit. Without
    /// changes that is the number of the last one.
    ///
    /// # Errors
    /// The operating system's. After [`Error::ReadOnly`] it is not known whether the changes will
    /// be found when the warehouse is opened again; after any other error they have not happened.
    pub fn commit(mut self) -> Result<Epoch> {
        self.settle(true)?;
        if !self.has_changes {
            return Ok(self.before.epoch());
        }
        let change = Change {
            before: &self.before,
            tables: self.tables.clone(),
            next_table: self.next_table,
            files: &self.files,
        };
        let epoch = publish(&self.shared, change)?;
        let shared = Arc::clone(&self.shared);
        let before = 0;
        let tables = 0;
        drop((before, tables));
        shared.collect_garbage();
        Ok(epoch)
    }

    /// Fake.
    pub fn insert(&mut self, table: TableId, rows: &RecordBatch) -> Result<()> {
        self.settle(false)?;
        let t = Arc::clone(self.table(table)?);
        crate::load::fake_check(&t, rows)?;
        self.has_changes = true;
        self.pending.lock().unwrap().entry(table).or_default().new.push(rows.clone());
        Ok(())
    }

    /// Fake.
    pub fn delete(&mut self, table: TableId, rows: &[u64]) -> Result<u64> {
        self.settle(false)?;
        self.has_changes = true;
        let mut p = self.pending.lock().unwrap();
        let p = p.entry(table).or_default();
        let mut n = 0;
        for r in rows {
            if !matches!(p.rows.insert(*r, None), Some(None)) {
                n += 1;
            }
        }
        Ok(n)
    }

    /// Fake.
    pub fn update(&mut self, table: TableId, rows: &[u64], new: &RecordBatch) -> Result<()> {
        self.settle(false)?;
        let t = Arc::clone(self.table(table)?);
        assert_eq!(rows.len(), new.num_rows());
        crate::load::fake_check(&t, new)?;
        self.has_changes = true;
        let mut p = self.pending.lock().unwrap();
        let p = p.entry(table).or_default();
        for (i, r) in rows.iter().enumerate() {
            assert!(p.rows.insert(*r, Some(new.slice(i, 1))).is_none());
        }
        Ok(())
    }

    /// Fake.
    pub fn truncate(&mut self, table: TableId) -> Result<u64> {
        self.settle(false)?;
        let t = Arc::clone(self.table(table)?);
        let ids: Vec<u64> = (0..t.row_count()).collect();
        let n = self.delete(table, &ids)?;
        Ok(n)
    }

    /// Fake.
    pub fn find_rows(
        &self,
        table: TableId,
        key: KeyId,
        columns: &[ArrayRef],
    ) -> Result<Vec<Option<u64>>> {
        let s = self.snapshot();
        let t = s.table_by_id(table).unwrap();
        let rows = read(t)?;
        let key = t.schema.key(key).unwrap();
        let places: Vec<usize> = key
            .columns
            .iter()
            .map(|id| t.columns().iter().position(|c| c.id == *id).unwrap())
            .collect();
        let own: Vec<ArrayRef> = places.iter().map(|p| Arc::clone(rows.column(*p))).collect();
        let mut c = arrow::row::RowConverter::new(
            own.iter().map(|a| arrow::row::SortField::new(a.data_type().clone())).collect(),
        )
        .unwrap();
        let have = c.convert_columns(&own).unwrap();
        let want = c.convert_columns(columns).unwrap();
        Ok((0..columns[0].len())
            .map(|r| {
                if columns.iter().any(|c| c.is_null(r)) {
                    return None;
                }
                (0..rows.num_rows()).find(|h| have.row(*h) == want.row(r)).map(|h| h as u64)
            })
            .collect())
    }

    /// Fake.
    pub fn take_rows(&self, table: TableId, rows: &[u64]) -> Result<RecordBatch> {
        let s = self.snapshot();
        let t = s.table_by_id(table).unwrap();
        let all = read(t)?;
        Ok(arrow::compute::take_record_batch(&all, &arrow::array::UInt64Array::from(rows.to_vec()))
            .unwrap())
    }

    fn settle(&mut self, flush: bool) -> Result<()> {
        let f = self.flushed.lock().unwrap().take();
        if let Some(f) = f {
            self.tables = f;
            self.pending.lock().unwrap().clear();
        }
        if flush && !self.pending.lock().unwrap().is_empty() {
            self.tables = self.flush()?;
            self.pending.lock().unwrap().clear();
        }
        Ok(())
    }

    fn flush(&self) -> Result<BTreeMap<TableId, Arc<Table>>> {
        let pending = self.pending.lock().unwrap();
        let mut done: BTreeMap<TableId, Arc<Table>> = BTreeMap::new();
        let mut left: Vec<Arc<Table>> = self.tables.values().cloned().collect();
        let workers = self.shared.writer()?.workers.get(2)?;
        while !left.is_empty() {
            let at = left
                .iter()
                .position(|t| {
                    t.foreign_keys()
                        .iter()
                        .all(|k| k.parent == t.id() || done.contains_key(&k.parent))
                })
                .unwrap();
            let t = left.remove(at);
            let rows = read(&t)?;
            let nothing = Pending::default();
            let p = pending.get(&t.id()).unwrap_or(&nothing);
            let mut out = Vec::new();
            for r in 0..rows.num_rows() {
                match p.rows.get(&(r as u64)) {
                    None => out.push(rows.slice(r, 1)),
                    Some(None) => {}
                    Some(Some(b)) => out.push(b.clone()),
                }
            }
            out.extend(p.new.iter().cloned());
            let schema = rows.schema();
            let out: Vec<RecordBatch> = out
                .into_iter()
                .map(|b| RecordBatch::try_new(schema.clone(), b.columns().to_vec()).unwrap())
                .collect();
            let all = arrow::compute::concat_batches(&schema, &out).unwrap();
            let empty = Table::empty((*t.schema).clone());
            let mut around = done.clone();
            around.insert(t.id(), Arc::new(empty.clone()));
            let loaded = load::load(
                &self.files,
                &around,
                &empty,
                &mut std::iter::once(Ok(all)),
                &LoadOptions::default(),
                &workers,
            )?;
            done.insert(
                t.id(),
                Arc::new(match loaded {
                    Some((t, _)) => t,
                    None => empty,
                }),
            );
        }
        Ok(done)
    }

    /// See `commit`.
    pub fn commit_with(self, _durability: Durability) -> Result<Epoch> {
        self.commit()
    }

    fn table(&self, id: TableId) -> Result<&Arc<Table>> {
        self.tables.get(&id).ok_or_else(|| Error::internal(format!("there is no table {id}")))
    }

    /// Removes the files of a load that failed.
    fn forget_files(&self) {
        let named = garbage::folders(self.tables.values());
        for folder in self.files.list() {
            if !named.contains(folder.as_str()) {
                self.files.remove(&folder);
            }
        }
    }
}

impl fmt::Debug for Transaction {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.tables.values().map(|table| table.name()).collect();
        out.debug_struct("Transaction").field("tables", &names).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Pending {
    rows: BTreeMap<u64, Option<RecordBatch>>,
    new: Vec<RecordBatch>,
}

fn read(t: &Table) -> Result<RecordBatch> {
    use arrow::datatypes::{Field, Schema};
    let schema = Arc::new(Schema::new(
        t.columns()
            .iter()
            .map(|c| Field::new(&c.name, starfact_encoding::arrow_type(c.data_type), true))
            .collect::<Vec<_>>(),
    ));
    let mut all = Vec::new();
    for s in t.segments() {
        let mut cols = Vec::new();
        for c in t.columns() {
            let ty = starfact_encoding::arrow_type(c.data_type);
            let n = s.row_count() as usize;
            match s.column(c.id)? {
                None => cols.push(arrow::array::new_null_array(&ty, n)),
                Some(f) => {
                    let mut parts = Vec::new();
                    let b = starfact_base::limits::BLOCK_ROWS;
                    for i in 0..n.div_ceil(b) {
                        parts.push(f.block(i)?.decode(0..(n - i * b).min(b))?);
                    }
                    let parts: Vec<&dyn arrow::array::Array> =
                        parts.iter().map(|a| a.as_ref()).collect();
                    cols.push(arrow::compute::concat(&parts).unwrap());
                }
            }
        }
        all.push(RecordBatch::try_new(schema.clone(), cols).unwrap());
    }
    Ok(arrow::compute::concat_batches(&schema, &all).unwrap())
}
