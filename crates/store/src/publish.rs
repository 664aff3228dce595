//! Publishing: the steps that turn a transaction into a commit.
//!
//! ```text
//! 1  every new file is synced as it is finished; here, the folders that hold them, and the log
//! 2  manifest-<version>, synced, with its name
//! 3  CURRENT replaced and synced          before: the old epoch · after: the new one
//! 4  garbage of the old epoch removed
//! ```
//!
//! If one of the first two steps fails, nothing has happened. If the third fails, CURRENT says
//! what has happened, unless it cannot be read, or names the new manifest and cannot be made
//! durable: then the store takes no more writes and removes no files, because nobody knows which
//! of two epochs a power cut would leave.
//!
//! A small commit is a record of the log instead, see [`crate::append`].

use crate::append::has_many_logs;
use crate::deletions_file::DeletionsFile;
use crate::garbage::{Garbage, Item, folders};
use crate::load::LoadOptions;
use crate::maintain::{MergeReport, choose, new_places, report};
use crate::new_files::NewFiles;
use crate::policy::MergePolicy;
use crate::records::Catalog;
use crate::retention::Former;
use crate::rewrite::{Rewriting, number_cells, widen};
use crate::snapshot::{Snapshot, Table};
use crate::store::{Shared, Writer};
use crate::worker::{MergeReason, MergeRecord};
use crate::{catalog, manifest, paths, verify};
use starfact_base::{Epoch, Error, Result, TableId, Version};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Instant, SystemTime};

/// What a transaction wants to become true.
pub(crate) struct Change<'a> {
    pub(crate) before: &'a Snapshot,
    /// The number of the commit; that of `before` if only the files are to be others.
    pub(crate) epoch: Epoch,
    pub(crate) tables: BTreeMap<TableId, Arc<Table>>,
    pub(crate) next_table: TableId,
    pub(crate) files: &'a NewFiles,
    /// Whether rows were only written again, by the background work.
    pub(crate) is_merge: bool,
}

/// Publishes a change; after an error it has not happened, unless the error says otherwise.
pub(crate) fn publish(shared: &Shared, change: Change<'_>) -> Result<Arc<Snapshot>> {
    let writer = shared.writer()?;
    let mut change = change;
    let merges = store_rows(writer, &mut change)?;
    let named = folders(change.tables.values());
    for folder in change.files.list() {
        if named.contains(folder.as_str()) {
            shared.dir.sync_folder(paths::folder_to_sync(&folder))?;
        }
    }
    let mut logs = writer.logs();
    shared.settle_logs(&mut logs, change.before)?;
    let log = logs.place(change.tables.values());
    let version = Version(writer.next_version.fetch_add(1, Ordering::Relaxed));
    let numbers = (change.next_table, writer.next_file.load(Ordering::Relaxed), log);
    let catalog = catalog::records(version, change.epoch, numbers, change.tables.values());
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
    merges.into_iter().for_each(|merge| writer.background.remember(merge));
    let last = change.before.version();
    let snapshot = Arc::new(Snapshot::new(version, change.epoch, true, change.tables));
    {
        let mut garbage = writer.garbage.lock().unwrap_or_else(PoisonError::into_inner);
        let mut published = writer.published.lock().unwrap_or_else(PoisonError::into_inner);
        discard(&mut garbage, &published, &snapshot);
        let mut formers = writer.formers.lock().unwrap_or_else(PoisonError::into_inner);
        formers.push(Former {
            version: published.version(),
            first: published.epoch(),
            last: change.epoch,
            ended: SystemTime::now(),
        });
        logs.published(log, last, &mut garbage);
        *published = Arc::clone(&snapshot);
    }
    let mut state = shared.state();
    state.snapshot = Arc::clone(&snapshot);
    state.head = Arc::clone(&snapshot);
    state.appended.clear();
    state.next_table = change.next_table;
    Ok(snapshot)
}

/// Writes into files what no log has: rows in memory of tables that were changed, and deletions.
/// Says what was written again.
fn store_rows(writer: &Writer, change: &mut Change<'_>) -> Result<Vec<MergeRecord>> {
    let options = LoadOptions::default();
    let workers = writer.workers.get(options.threads)?;
    let tables = change.tables.clone();
    let rewriting = Rewriting {
        files: change.files,
        tables: &tables,
        options: &options,
        workers: &workers,
        pace: &|| Ok(()),
    };
    let mut merges = Vec::new();
    let mut rewrite = |table: &mut Arc<Table>, range: Range<usize>| {
        let (started, clock) = (SystemTime::now(), Instant::now());
        let mut after = rewriting.rewrite(table, range.clone())?;
        let new = new_places(table, &after, &range);
        number_cells(&mut after, new)?;
        let after = Arc::new(after);
        let report = MergeReport { is_done: true, ..report(table, &after, &range) };
        let (reason, duration) = (MergeReason::Commit, clock.elapsed());
        merges.push(MergeRecord { started, duration, reason, outcome: Ok(report) });
        *table = after;
        Ok::<(), Error>(())
    };
    let flushes_all = has_many_logs(writer);
    for table in change.tables.values_mut() {
        let known = change.before.table_by_id(table.id());
        let is_changed = known.is_none_or(|known| !Arc::ptr_eq(known, table));
        if !change.is_merge && (is_changed || flushes_all) {
            while let Some(range) = in_memory(table) {
                rewrite(table, range)?;
            }
            while let Some(range) = choose(table, &MergePolicy::COMMIT)? {
                let range = widen(table, range);
                rewrite(table, range)?;
            }
        }
        if table.deletions_file.is_none() && !table.deletions.is_empty() {
            let name = change.files.deletions(table.id());
            let file = DeletionsFile::write(change.files.dir().as_ref(), name, table)?;
            let deletions_file = Some(Arc::new(file));
            *table = Arc::new(Table { deletions_file, ..table.as_ref().clone() });
        }
    }
    Ok(merges)
}

/// The first segments in memory.
fn in_memory(table: &Table) -> Option<Range<usize>> {
    let from = table.segments.iter().position(|segment| segment.is_in_memory())?;
    let rest = table.segments.get(from..).unwrap_or_default();
    let count = rest.iter().take_while(|segment| segment.is_in_memory()).count();
    Some(from..from + count)
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
    Err(shared.stop(&error))
}

/// Notes what the new manifest does not need.
fn discard(garbage: &mut Garbage, before: &Snapshot, after: &Snapshot) {
    let last = before.version();
    let named = folders(after.all_tables());
    for folder in folders(before.all_tables()).difference(&named) {
        garbage.add(Item::folder(folder, last));
    }
    for table in before.all_tables() {
        if after.table_by_id(table.id()).is_none() {
            garbage.add(Item::table_folder(table.id(), last));
        }
    }
    garbage.add(Item::manifest(last));
}
