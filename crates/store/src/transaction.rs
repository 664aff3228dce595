//! A transaction: changes that become visible together, or not at all.
//!
//! ```text
//!  insert, delete, update     rows in memory, beside the tables: `changes`
//!  load, create, drop, …      files, and tables that name them; the transaction has its turn then
//!  commit                     turn ─► newest epoch below the changes ─► constraints ─► durable
//! ```

mod changes;
mod moved;
mod rows;

use crate::alter::{self, TableChange};
use crate::append::{Appended, append, is_small};
use crate::commit_record::{Counters, RowsChange};
use crate::constraints::Settled;
use crate::cube::{self, PartChange, PartDefinition};
use crate::definition::TableDefinition;
use crate::load::{self, LoadOptions};
use crate::new_files::NewFiles;
use crate::publish::{Change, publish};
use crate::snapshot::{Snapshot, Table};
use crate::store::Shared;
use crate::turn::Taken;
use crate::{constraints, declare, garbage};
use arrow::record_batch::RecordBatch;
use changes::Changes;
pub(crate) use moved::Removals;
pub(crate) use rows::take_rows;
use starfact_base::{Epoch, Error, Result, TableId};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// Cells of a part of a cube, above which a commit writes new ones into files at once.
const CELLS_IN_MEMORY_MAX: usize = 1 << 16;

/// Changes in the making. Dropped without [`Transaction::commit`], it has never been.
///
/// A method that fails leaves the transaction as it was before the call.
pub struct Transaction {
    // Fields drop in order: the files go before the next transaction begins.
    files: NewFiles,
    /// What it began with, or the newest epoch from its turn on.
    before: Arc<Snapshot>,
    /// `before` with what has been created, dropped and loaded.
    tables: BTreeMap<TableId, Arc<Table>>,
    /// Rows that are changed, by table.
    changes: BTreeMap<TableId, Changes>,
    next_table: TableId,
    has_changes: bool,
    /// Whether there is more to publish than changed rows.
    is_structural: bool,
    shared: Arc<Shared>,
    taken: Option<Taken>,
    /// How others see that it is there.
    entry: Registered,
}

/// An open transaction, as others see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionInfo {
    /// A number of its own in this process.
    pub id: u64,
    /// When it began.
    pub began: SystemTime,
    /// The epoch that it began with.
    pub epoch: Epoch,
    /// Whether other writers wait for it.
    pub has_turn: bool,
}

/// The transactions that are open.
pub(crate) type Registry = Arc<Mutex<BTreeMap<u64, TransactionInfo>>>;

struct Registered {
    id: u64,
    registry: Registry,
}

impl Registered {
    /// Is there before the transaction has its epoch, so that what later ones remove is noted.
    fn new(registry: &Registry, has_turn: bool) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let epoch = Epoch(0);
        let info = TransactionInfo { id, began: SystemTime::now(), epoch, has_turn };
        registry.lock().unwrap_or_else(PoisonError::into_inner).insert(id, info);
        Self { id, registry: Arc::clone(registry) }
    }

    fn note_epoch(&self, epoch: Epoch) {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(info) = registry.get_mut(&self.id) {
            info.epoch = epoch;
        }
    }

    fn note_turn(&self) {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(info) = registry.get_mut(&self.id) {
            info.has_turn = true;
        }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

/// When a commit is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// When it survives a power cut.
    #[default]
    Sync,
    /// When it is visible; it survives a power cut a moment later.
    Async,
}

impl Transaction {
    pub(crate) fn begin(shared: Arc<Shared>, taken: Option<Taken>) -> Result<Self> {
        let files = NewFiles::new(Arc::clone(&shared.dir), Arc::clone(&shared.writer()?.next_file));
        let entry = Registered::new(&shared.writer()?.transactions, taken.is_some());
        let (before, next_table) = {
            let state = shared.state();
            let newest = if taken.is_some() { &state.head } else { &state.snapshot };
            (Arc::clone(newest), state.next_table)
        };
        entry.note_epoch(before.epoch());
        Ok(Self {
            entry,
            files,
            tables: before.by_id().clone(),
            before,
            changes: BTreeMap::new(),
            next_table,
            has_changes: false,
            is_structural: false,
            shared,
            taken,
        })
    }

    /// What the transaction sees: the epoch that it began with and its own changes.
    ///
    /// # Errors
    /// Rows that cannot be encoded.
    pub fn snapshot(&self) -> Result<Arc<Snapshot>> {
        if !self.has_changes {
            return Ok(Arc::clone(&self.before));
        }
        let (version, epoch) = (self.before.version(), self.before.epoch());
        let mut tables = self.tables.clone();
        for (id, changes) in &self.changes {
            if let Some(table) = tables.get_mut(id) {
                *table = Arc::new(changes.view(table)?);
            }
        }
        Ok(Arc::new(Snapshot::new(version, epoch, false, tables)))
    }

    /// Creates a table without rows.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] says what is wrong with the definition.
    pub fn create_table(&mut self, definition: &TableDefinition) -> Result<TableId> {
        self.take_turn()?;
        let others = self.tables.values().map(|table| table.schema.as_ref());
        let id = self.next_table;
        let schema = declare::declare(definition, id, others)?;
        self.tables.insert(id, Arc::new(Table::empty(schema)));
        self.next_table = id.next();
        self.has_changes = true;
        self.is_structural = true;
        Ok(id)
    }

    /// Creates a part of a cube, whose cells come with the commit.
    ///
    /// # Errors
    /// As those of [`Transaction::create_table`].
    pub fn create_cube_part(&mut self, definition: &PartDefinition) -> Result<TableId> {
        let id = self.create_table(&definition.table)?;
        let mut table = self.table(id)?.as_ref().clone();
        let mut schema = table.schema.as_ref().clone();
        schema.cube = Some(definition.part.clone());
        table.schema = Arc::new(schema);
        self.tables.insert(id, Arc::new(table));
        Ok(id)
    }

    /// Changes what is declared of a table; its rows stay where they are. Rows that the transaction
    /// has changed are checked before, as by a commit.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] says why it cannot be; [`Error::Constraint`] if there are rows that
    /// do not satisfy what is to be declared.
    pub fn alter_table(&mut self, table: TableId, change: &TableChange) -> Result<()> {
        self.take_turn()?;
        // Changed rows have the columns that the table had when they were changed.
        self.settle_early()?;
        let after = alter::alter(&self.tables, self.table(table)?, change)?;
        self.tables.insert(table, Arc::new(after));
        self.has_changes = true;
        self.is_structural = true;
        Ok(())
    }

    /// Drops a table with its rows.
    ///
    /// # Errors
    /// [`Error::Constraint`] while another table references it.
    pub fn drop_table(&mut self, table: TableId) -> Result<()> {
        self.take_turn()?;
        let name = self.table(table)?.name().to_owned();
        let references = |other: &&Arc<Table>| {
            other.id() != table && other.foreign_keys().iter().any(|key| key.parent == table)
        };
        let schemas = self.tables.values().map(|table| table.schema.as_ref());
        if let Some(part) = cube::dependent(schemas, table) {
            return Err(Error::Constraint(format!(
                "cannot drop table \"{name}\": cube \"{}\" is made of it; DROP CUBE {} first",
                part.cube, part.cube
            )));
        }
        if let Some(other) = self.tables.values().find(references) {
            return Err(Error::Constraint(format!(
                "cannot drop table \"{name}\": table \"{}\" references it; drop that one first",
                other.name()
            )));
        }
        self.tables.remove(&table);
        self.changes.remove(&table);
        self.has_changes = true;
        self.is_structural = true;
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
        self.take_turn()?;
        // What the rows may reference or meet must be there before them.
        self.settle_early()?;
        let before = Arc::clone(self.table(table)?);
        let workers = self.shared.writer()?.workers.get(options.threads)?;
        let loaded = load::load(&self.files, &self.tables, &before, batches, options, &workers);
        let Some((after, rows)) = loaded.inspect_err(|_| self.forget_files())? else {
            return Ok(0);
        };
        self.tables.insert(table, Arc::new(after));
        self.has_changes = true;
        self.is_structural = true;
        Ok(rows)
    }

    /// Makes the changes durable and visible, and returns the number of the commit. Without
    /// changes that is the number of the last one.
    ///
    /// # Errors
    /// [`Error::Constraint`] if the changes, taken together, violate a key or a reference;
    /// [`Error::Conflict`] if another transaction changed the same rows; the operating system's.
    /// After [`Error::ReadOnly`] it is not known whether the changes will be found when the
    /// warehouse is opened again; after any other error they have not happened.
    pub fn commit(self) -> Result<Epoch> {
        self.commit_with(Durability::Sync)
    }

    /// The same, done at another moment.
    ///
    /// # Errors
    /// As those of [`Transaction::commit`].
    pub fn commit_with(mut self, durability: Durability) -> Result<Epoch> {
        if !self.has_changes {
            return Ok(self.before.epoch());
        }
        self.take_turn()?;
        let mut changed = self.settle_changes()?;
        self.change_cubes(&mut changed)?;
        let change = Change {
            before: &self.before,
            epoch: self.before.epoch().next(),
            tables: std::mem::take(&mut self.tables),
            next_table: self.next_table,
            files: &self.files,
            is_merge: false,
        };
        let shared = Arc::clone(&self.shared);
        if self.is_structural || !is_small(shared.writer()?, &change, &changed) {
            let published = publish(&shared, change)?;
            drop(changed);
            drop(self);
            shared.collect_garbage();
            shared.writer()?.background.note_commit();
            return Ok(published.epoch());
        }
        let Appended { snapshot, log, record } = append(&shared, change, changed)?;
        // Others go on while this one waits, and are made durable together with it.
        drop(self);
        shared.finish(&log, record, durability)?;
        shared.show(&snapshot);
        shared.writer()?.background.note_commit();
        Ok(snapshot.epoch())
    }

    fn table(&self, id: TableId) -> Result<&Arc<Table>> {
        self.tables.get(&id).ok_or_else(|| Error::internal(format!("there is no table {id}")))
    }

    /// Waits until no other transaction is about to commit, and puts the changes on top of the
    /// newest epoch.
    fn take_turn(&mut self) -> Result<()> {
        if self.taken.is_some() {
            return Ok(());
        }
        let taken = self.shared.writer()?.turn.take();
        let (newest, next_table) = {
            let state = self.shared.state();
            if let Some(reason) = &state.stopped {
                return Err(Error::ReadOnly(reason.clone()));
            }
            (Arc::clone(&state.head), state.next_table)
        };
        if !Arc::ptr_eq(&newest, &self.before) {
            let (removals, epoch) = (&self.shared.writer()?.removals, self.before.epoch());
            for (id, changes) in &mut self.changes {
                let missing = || Error::internal(format!("there is no table {id}"));
                let before = self.tables.get(id).ok_or_else(missing)?;
                changes.follow(before, newest.table_by_id(*id), &|| removals.since(epoch, *id))?;
            }
            self.tables = newest.by_id().clone();
            self.before = newest;
            self.next_table = next_table;
        }
        self.taken = Some(taken);
        self.entry.note_turn();
        Ok(())
    }

    /// Makes changed rows part of the tables before the commit, which then has to publish them.
    fn settle_early(&mut self) -> Result<()> {
        if !self.changes.is_empty() {
            self.settle_changes()?;
            self.is_structural = true;
        }
        Ok(())
    }

    /// Checks the changed rows against all constraints and makes them part of the tables; says what
    /// they are.
    fn settle_changes(&mut self) -> Result<Vec<RowsChange>> {
        let mut tables = self.tables.clone();
        let number = || starfact_base::SegmentId(self.files.number());
        let mut settled = Vec::with_capacity(self.changes.len());
        for (id, changes) in &self.changes {
            let before = self.table(*id)?;
            let referenced = constraints::referenced_key(&tables, before);
            let (after, work) = changes.settle(before, referenced, &number)?;
            tables.insert(*id, Arc::new(after));
            settled.push(work);
        }
        constraints::check(&mut tables, &settled)?;
        self.note_removals(&settled)?;
        let mut changed = Vec::with_capacity(settled.len());
        for Settled { before, removed, .. } in &settled {
            let Some(after) = tables.get(&before.id()) else { continue };
            changed.push(RowsChange {
                table: before.id(),
                counters: Counters::of(after),
                segments: after.segments.get(before.segments.len()..).unwrap_or_default().to_vec(),
                deleted: removed.iter().copied().collect(),
            });
        }
        self.tables = tables;
        self.changes.clear();
        Ok(changed)
    }

    /// Changes the cells of cubes as the rows have changed that they are of.
    fn change_cubes(&mut self, changed: &mut Vec<RowsChange>) -> Result<()> {
        let (version, epoch) = (self.before.version(), self.before.epoch().next());
        let after = Snapshot::new(version, epoch, true, self.tables.clone());
        let parts = cube::parts_to_change(&self.before, &after);
        if parts.is_empty() {
            return Ok(());
        }
        let Some(maintenance) = self.shared.writer()?.maintenance.get() else {
            return Err(Error::internal("nobody knows what the cells of cubes are"));
        };
        let changes = maintenance.changes(&self.before, &Arc::new(after), &parts)?;
        for PartChange { table, deleted, added } in changes {
            self.delete(table, &deleted)?;
            if added.iter().map(RecordBatch::num_rows).sum::<usize>() > CELLS_IN_MEMORY_MAX {
                let mut rows = added.into_iter().map(Ok);
                self.load(table, &mut rows, &LoadOptions::default())?;
                continue;
            }
            added.iter().try_for_each(|rows| self.insert(table, rows))?;
        }
        changed.extend(self.settle_changes()?);
        Ok(())
    }

    /// Notes which rows go, for transactions that began before.
    fn note_removals(&self, settled: &[Settled]) -> Result<()> {
        let writer = self.shared.writer()?;
        let visible = self.shared.state().snapshot.epoch();
        let epochs = (self.before.epoch().next(), visible);
        for Settled { before, removed, .. } in settled {
            writer.removals.note(epochs, (before, removed), &writer.transactions)?;
        }
        Ok(())
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
