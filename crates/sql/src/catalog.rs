//! The tables of one snapshot as a DataFusion catalog: `warehouse.main`.
//!
//! A session has one of these for its whole life and points it at the snapshot of each statement
//! before the statement is planned, so that a statement sees exactly one epoch.

use crate::error::Error;
use crate::information_schema::{self, INFORMATION_SCHEMA};
use crate::parse::split_as_of;
use crate::scan::StarfactTable;
use crate::statement::table_named;
use crate::sys::{self, SYS};
use crate::views::Views;
use crate::warehouse::Inner;
use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, SchemaProvider, TableProvider};
use datafusion::common::Result;
use starfact_base::Epoch;
use starfact_store::Snapshot;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Name of the only catalog.
pub(crate) const CATALOG: &str = "warehouse";
/// Name of the schema that holds all tables.
pub(crate) const SCHEMA: &str = "main";
/// All of them.
pub(crate) const SCHEMAS: [&str; 3] = [SCHEMA, INFORMATION_SCHEMA, SYS];

/// The catalog `warehouse`.
#[derive(Debug)]
pub(crate) struct WarehouseCatalog {
    pub(crate) schema: Arc<WarehouseSchema>,
}

impl CatalogProvider for WarehouseCatalog {
    fn schema_names(&self) -> Vec<String> {
        SCHEMAS.map(str::to_owned).to_vec()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        let views = match name {
            SCHEMA => return Some(Arc::clone(&self.schema) as _),
            INFORMATION_SCHEMA => information_schema::VIEWS,
            SYS => sys::VIEWS,
            _ => return None,
        };
        self.schema.lock().has_others = true;
        Some(Arc::new(Views { main: Arc::clone(&self.schema), views }))
    }
}

/// The schema `main`: the snapshot's tables, and the files that the statement names.
pub(crate) struct WarehouseSchema {
    warehouse: Weak<Inner>,
    current: Mutex<Current>,
}

#[derive(Default)]
struct Current {
    snapshot: Option<Arc<Snapshot>>,
    files: HashMap<String, Arc<dyn TableProvider>>,
    /// Whether the statement has named anything but tables of the snapshot.
    has_others: bool,
}

impl WarehouseSchema {
    /// The schema of a session of this warehouse.
    pub(crate) fn new(warehouse: &Arc<Inner>) -> Self {
        Self { warehouse: Arc::downgrade(warehouse), current: Mutex::default() }
    }

    /// The warehouse, as long as it is open.
    pub(crate) fn warehouse(&self) -> Option<Arc<Inner>> {
        self.warehouse.upgrade()
    }

    /// Points the schema at the snapshot of the next statement and forgets the files of the last.
    pub(crate) fn set_snapshot(&self, snapshot: Arc<Snapshot>) {
        *self.lock() = Current { snapshot: Some(snapshot), ..Current::default() };
    }

    /// Makes a file visible under a name that no table can have.
    pub(crate) fn add_file(&self, name: String, provider: Arc<dyn TableProvider>) {
        let mut current = self.lock();
        current.files.insert(name, provider);
        current.has_others = true;
    }

    /// Whether the statement has named files, views or older epochs: what it means may then change
    /// without any change of the tables' definitions.
    pub(crate) fn has_others(&self) -> bool {
        self.lock().has_others
    }

    /// The snapshot of the statement.
    pub(crate) fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.lock().snapshot.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for WarehouseSchema {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("WarehouseSchema").finish_non_exhaustive()
    }
}

#[async_trait]
impl SchemaProvider for WarehouseSchema {
    fn table_names(&self) -> Vec<String> {
        let current = self.lock();
        let tables = current.snapshot.iter().flat_map(|snapshot| snapshot.tables());
        tables.map(|table| table.name().to_owned()).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let mut current = self.lock();
        if let Some(file) = current.files.get(name) {
            return Ok(Some(Arc::clone(file)));
        }
        if let Some((table, epoch)) = split_as_of(name) {
            current.has_others = true;
            drop(current);
            let Some(warehouse) = self.warehouse() else { return Ok(None) };
            let snapshot = warehouse.store.snapshot_at(Epoch(epoch)).map_err(|error| {
                Error::from(error).with_hint("SELECT * FROM sys.snapshots shows what there is")
            })?;
            let table = table_named(&snapshot, table);
            return Ok(table.map(|table| Arc::new(StarfactTable::new(&snapshot, table)) as _));
        }
        let Some(snapshot) = current.snapshot.as_ref() else { return Ok(None) };
        let table = table_named(snapshot, name);
        Ok(table.map(|table| Arc::new(StarfactTable::new(snapshot, table)) as _))
    }

    fn table_exist(&self, name: &str) -> bool {
        if let Some((table, _)) = split_as_of(name) {
            return self.table_exist(table);
        }
        let current = self.lock();
        current.files.contains_key(name)
            || current
                .snapshot
                .as_ref()
                .is_some_and(|snapshot| table_named(snapshot, name).is_some())
    }
}
