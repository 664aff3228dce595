//! A transaction: changes that become visible together, or not at all.

use crate::alter::{self, TableChange};
use crate::definition::TableDefinition;
use crate::load::{self, LoadOptions};
use crate::new_files::NewFiles;
use crate::publish::{Change, publish};
use crate::snapshot::{Snapshot, Table};
use crate::store::Shared;
use crate::turn::Taken;
use crate::{declare, garbage};
use arrow::record_batch::RecordBatch;
use starfact_base::{Epoch, Error, Result, TableId};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

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
        Ok(Self { files, before, tables, next_table, has_changes: false, shared, _taken: taken })
    }

    /// What the transaction sees: the newest epoch and its own changes.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        if !self.has_changes {
            return Arc::clone(&self.before);
        }
        let (version, epoch) = (self.before.version(), self.before.epoch());
        Arc::new(Snapshot::new(version, epoch, false, self.tables.clone()))
    }

    /// Creates a table without rows.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] says what is wrong with the definition.
    pub fn create_table(&mut self, definition: &TableDefinition) -> Result<TableId> {
        let others = self.tables.values().map(|table| table.schema.as_ref());
        let id = self.next_table;
        let schema = declare::declare(definition, id, others)?;
        self.tables.insert(id, Arc::new(Table::empty(schema)));
        self.next_table = id.next();
        self.has_changes = true;
        Ok(id)
    }

    /// Changes what is declared of a table; its rows stay where they are.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] says why it cannot be; [`Error::Constraint`] if there are rows that
    /// do not satisfy what is to be declared.
    pub fn alter_table(&mut self, table: TableId, change: &TableChange) -> Result<()> {
        let after = alter::alter(&self.tables, self.table(table)?, change)?;
        self.tables.insert(table, Arc::new(after));
        self.has_changes = true;
        Ok(())
    }

    /// Drops a table with its rows.
    ///
    /// # Errors
    /// [`Error::Constraint`] while another table references it.
    pub fn drop_table(&mut self, table: TableId) -> Result<()> {
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
    pub fn commit(self) -> Result<Epoch> {
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
        let Self { before, tables, .. } = self;
        drop((before, tables));
        shared.collect_garbage();
        Ok(epoch)
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
