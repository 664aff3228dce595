//! Publishing: the steps that turn a transaction into a commit.
//!
//! ```text
//! 1  every new file is synced as it is finished; here, the folders that hold them
//! 2  manifest-<version>, synced, with its name
//! 3  CURRENT replaced and synced          before: the old epoch · after: the new one
//! 4  garbage of the old epoch removed
//! ```
//!
//! If one of the first two steps fails, nothing has happened. If the third fails, CURRENT says
//! what has happened, unless it cannot be read, or names the new manifest and cannot be made
//! durable: then the store takes no more writes and removes no files, because nobody knows which
//! of two epochs a power cut would leave.

use crate::deletions_file::DeletionsFile;
use crate::garbage::{Item, folders};
use crate::load::LoadOptions;
use crate::new_files::NewFiles;
use crate::policy::{Size, choose};
use crate::records::Catalog;
use crate::rewrite::{Rewriting, widen};
use crate::segment::Segment;
use crate::snapshot::{Snapshot, Table};
use crate::store::{Shared, Writer};
use crate::{catalog, manifest, paths, verify};
use starfact_base::{Epoch, Error, Result, TableId, Version};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

/// What a transaction wants to become true.
pub(crate) struct Change<'a> {
    pub(crate) before: &'a Snapshot,
    pub(crate) tables: BTreeMap<TableId, Arc<Table>>,
    pub(crate) next_table: TableId,
    pub(crate) files: &'a NewFiles,
}

/// Publishes a change; after an error it has not happened, unless the error says otherwise.
pub(crate) fn publish(shared: &Shared, change: Change<'_>) -> Result<Epoch> {
    let writer = shared.writer()?;
    let mut change = change;
    store_rows(writer, &mut change)?;
    let named = folders(change.tables.values());
    for folder in change.files.list() {
        if named.contains(folder.as_str()) {
            shared.dir.sync_folder(paths::folder_to_sync(&folder))?;
        }
    }
    let version = Version(writer.next_version.fetch_add(1, Ordering::Relaxed));
    let epoch = change.before.epoch().next();
    let numbers = (change.next_table, writer.next_file.load(Ordering::Relaxed));
    let catalog = catalog::records(version, epoch, numbers, change.tables.values());
    verify::catalog(&catalog)
        .map_err(|wrong| Error::internal(format!("the new catalog is wrong: {wrong}")))?;
    if let Err(error) = write(shared, &catalog, change.files) {
        if shared.state().stopped.is_none() {
            // It counts for nothing; what stays goes with the next writer.
            let _ = shared.dir.remove_file(&paths::manifest(version));
        }
        return Err(error);
    }
    change.files.settle(|folder| named.contains(folder));
    discard(writer, &change);
    let snapshot = Snapshot::new(version, epoch, true, change.tables);
    {
        let mut state = shared.state();
        state.snapshot = Arc::new(snapshot);
        state.next_table = change.next_table;
    }
    Ok(epoch)
}

/// Writes rows that are in memory into files, and deletions that have changed.
fn store_rows(writer: &Writer, change: &mut Change<'_>) -> Result<()> {
    let options = LoadOptions::default();
    let workers = writer.workers.get(options.threads)?;
    let tables = change.tables.clone();
    let rewriting =
        Rewriting { files: change.files, tables: &tables, options: &options, workers: &workers };
    for table in change.tables.values_mut() {
        let known = change.before.table_by_id(table.id());
        if known.is_some_and(|known| Arc::ptr_eq(known, table)) {
            continue;
        }
        // Those of a transaction that loads too, or alters the table, lie between others.
        while let Some(from) = table.segments.iter().position(|it| it.is_in_memory()) {
            let rest = table.segments.iter().skip(from);
            let count = rest.take_while(|it| it.is_in_memory()).count();
            *table = Arc::new(rewriting.rewrite(table, from..from + count)?);
        }
        while let Some(range) = choose(&sizes(table)) {
            *table = Arc::new(rewriting.rewrite(table, widen(table, range))?);
        }
        if table.deletions_file.is_none() && !table.deletions.is_empty() {
            let name = change.files.deletions(table.id());
            let file = DeletionsFile::write(change.files.dir().as_ref(), name, &table.deletions)?;
            let deletions_file = Some(Arc::new(file));
            *table = Arc::new(Table { deletions_file, ..table.as_ref().clone() });
        }
    }
    Ok(())
}

fn sizes(table: &Table) -> Vec<Size> {
    let size = |segment: &Arc<Segment>| Size {
        rows: segment.row_count(),
        deleted: table.deletions.of(segment.id()).map_or(0, |deleted| deleted.len()),
    };
    table.segments.iter().map(size).collect()
}

/// Steps 2 and 3.
fn write(shared: &Shared, catalog: &Catalog, files: &NewFiles) -> Result<()> {
    let dir = shared.dir.as_ref();
    manifest::write(dir, catalog)?;
    let Err(error) = manifest::write_current(dir, catalog.version) else { return Ok(()) };
    match manifest::read_current(dir) {
        Ok(Some(version)) if version == catalog.version => {
            if dir.sync_folder("").is_ok() {
                return Ok(());
            }
        }
        Ok(_) => return Err(error),
        Err(_) => {}
    }
    // Either epoch may be the one that is found next time: keep the files of both.
    files.settle(|_| true);
    let reason = format!(
        "it is not known whether the last commit was made durable ({error}): open the warehouse \
         again to see, and check the disk"
    );
    shared.state().stopped = Some(reason.clone());
    Err(Error::ReadOnly(reason))
}

/// Notes what the new epoch does not need.
fn discard(writer: &Writer, change: &Change<'_>) {
    let mut garbage = writer.garbage.lock().unwrap_or_else(PoisonError::into_inner);
    let last = change.before.version();
    let named = folders(change.tables.values());
    for folder in folders(change.before.tables()).difference(&named) {
        garbage.add(Item::folder(folder, last));
    }
    for table in change.before.tables() {
        if !change.tables.contains_key(&table.id()) {
            garbage.add(Item::table_folder(table.id(), last));
        }
    }
    garbage.add(Item::manifest(last));
}
