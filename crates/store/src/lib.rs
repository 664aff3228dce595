//! The store: a warehouse as tables at an epoch, on top of column files.
//!
//! ```text
//!  Store ──snapshot──► Snapshot ──► Table ──► Segment ──► column files
//!    │                    ▲            └────► key runs: key → row id
//!    └──begin──► Transaction ──load──► new segments, checked against keys and references
//!                     │    └──insert, delete, update──► rows in memory, checked at the commit
//!                     └─────commit──► one record of the log, if it is small, else
//!                                     manifest-<version>, then CURRENT: the moment that counts
//! ```
//!
//! One process writes, any number of them read. Everything on disk is written once, but for logs,
//! which grow; a commit adds a record or files, makes them durable and then marks the record or
//! replaces CURRENT, so a crash leaves the old epoch or the new one. What no manifest and no
//! reader needs any more is removed afterwards. All access to files goes through `starfact-vfs`.
//!
//! There is no SQL here: defaults and checks are kept as text for the layer above.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod alter;
mod append;
mod backup;
mod catalog;
mod check;
mod commit_record;
mod constraints;
mod cube;
mod declare;
mod definition;
mod deletions_file;
mod delta;
mod derive;
mod dictionaries;
mod durable;
mod edges;
mod envelope;
mod garbage;
mod improvable;
mod indexes;
mod initial;
mod keys;
mod load;
mod log;
mod logs;
mod lookup;
mod maintain;
mod manifest;
mod merge;
mod new_files;
mod open;
mod paths;
mod pins;
mod policy;
mod publish;
mod records;
mod replay;
mod retention;
mod rewrite;
mod rows;
mod schema;
mod segment;
mod shared_keys;
mod snapshot;
mod store;
mod transaction;
mod turn;
mod values;
mod verify;
mod violation;
mod worker;
mod workers;

#[cfg(test)]
mod tests;

pub use alter::TableChange;
pub use backup::{BackupMode, BackupReport};
pub use check::{CheckOptions, CheckReport};
pub use cube::{CellRole, CubePart, Maintenance, PartChange, PartDefinition};
pub use declare::NAME_BYTES_MAX;
pub use definition::{
    CheckDefinition, ColumnDefinition, ForeignKeyDefinition, KeyDefinition, TableDefinition,
};
pub use dictionaries::SharedDictionaries;
pub use envelope::MANIFEST_VERSION;
pub use initial::Initial;
pub use load::LoadOptions;
pub use maintain::{MergeReport, Pace};
pub use policy::MergePolicy;
pub use retention::Retention;
pub use schema::{Check, Column, ForeignKey, Key, KeyId};
pub use segment::Segment;
pub use snapshot::{Definition, Snapshot, Table};
pub use store::{OpenMode, Store};
pub use transaction::{Durability, Transaction, TransactionInfo};
pub use worker::{MergeReason, MergeRecord, QueryGuard};
