//! Small commits: one record of the log instead of files and a manifest.
//!
//! ```text
//!  turn taken    record appended ─► the next commit builds on it
//!  turn given    log synced, for all that wait together ─► queries see it
//! ```

use crate::commit_record::{Commit, RowsChange, byte_len, encode};
use crate::delta::merge_neighbours;
use crate::log::LogWriter;
use crate::new_files::NewFiles;
use crate::publish::{Change, publish};
use crate::snapshot::{Snapshot, Table};
use crate::store::{Shared, Writer};
use starfact_base::Result;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Bytes of changes up to which they go to the log; more of them are files at once.
const RECORD_BYTES: u64 = 32 << 20;
/// Logs from which on the next commit writes the rows that they hold into files: a process that
/// ends after each commit leaves a log each time, and no time for background work.
const LOGS_MAX: usize = 64;
/// Bytes of rows in memory of a table, from which on the next commit writes them into files.
const MEMORY_BYTES: u64 = 256 << 20;

/// A commit whose record waits to be durable.
pub(crate) struct Appended {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) log: Arc<LogWriter>,
    pub(crate) record: u64,
}

/// Whether changes should go to the log. If they should not because there are too many rows in
/// memory already, the user hears of it.
pub(crate) fn is_small(writer: &Writer, change: &Change<'_>, tables: &[RowsChange]) -> bool {
    if has_many_logs(writer) || byte_len(tables) > RECORD_BYTES {
        return false;
    }
    let is_full = |change: &RowsChange, table: &Arc<Table>| {
        let memory = table.segments.iter().filter(|segment| segment.is_in_memory());
        let bytes: u64 = memory.map(|segment| segment.byte_len()).sum();
        !change.segments.is_empty() && bytes > MEMORY_BYTES
    };
    let mut pairs = tables.iter().filter_map(|it| Some((it, change.tables.get(&it.table)?)));
    let Some((_, full)) = pairs.find(|(change, table)| is_full(change, table)) else {
        return true;
    };
    writer.background.tell(format!(
        "table \"{}\" had more than {} MB of rows in memory, as rows come faster than they are \
         merged: this commit had to write them into files first (sys.merges says how long it took)",
        full.name(),
        MEMORY_BYTES >> 20
    ));
    false
}

/// Whether rows in memory of all tables should become files, so that their logs can go.
pub(crate) fn has_many_logs(writer: &Writer) -> bool {
    writer.logs().count() >= LOGS_MAX
}

/// Appends changes to the log. The turn is the caller's.
pub(crate) fn append(
    shared: &Shared,
    change: Change<'_>,
    tables: Vec<RowsChange>,
) -> Result<Appended> {
    let writer = shared.writer()?;
    let are_in_manifest = writer.logs().are_in_manifest();
    let published = if are_in_manifest { None } else { Some(publish_logs(shared, change.before)?) };
    let before = published.as_deref().unwrap_or(change.before);
    let mut logs = writer.logs();
    shared.take_back(&mut logs)?;
    shared.check_base(before)?;
    let log = shared.open_log(&mut logs)?;
    let version = shared.state().head.version();
    let next_file = writer.next_file.load(Ordering::Relaxed);
    let commit = Commit { version, epoch: change.epoch, next_file, tables };
    let payload = encode(&commit)?;
    let record = log.append(&payload)?;
    let mut tables = change.tables;
    for RowsChange { table, segments, .. } in &commit.tables {
        for memory in segments.iter().filter_map(|segment| segment.memory()) {
            memory.set_record(record);
        }
        if let Some(table) = tables.get_mut(table) {
            let frozen = writer.frozen().get(&table.id()).copied().unwrap_or_default();
            merge_neighbours(Arc::make_mut(table), frozen)?;
        }
    }
    let snapshot = Arc::new(Snapshot::new(version, change.epoch, true, tables));
    let written = log.written();
    let mut state = shared.state();
    let before = std::mem::replace(&mut state.head, Arc::clone(&snapshot));
    state.appended.retain(|(record, _)| *record > written);
    state.appended.push((record, before));
    Ok(Appended { snapshot, log, record })
}

/// Publishes a manifest that says where the logs begin, of the tables as they are: a build that
/// knows nothing of logs would open an older one without them.
fn publish_logs(shared: &Shared, before: &Snapshot) -> Result<Arc<Snapshot>> {
    let writer = shared.writer()?;
    shared.open_log(&mut writer.logs())?;
    let (tables, epoch) = (before.by_id().clone(), before.epoch());
    let next_table = shared.state().next_table;
    let files = NewFiles::new(Arc::clone(&shared.dir), Arc::clone(&writer.next_file));
    publish(shared, Change { before, epoch, tables, next_table, files: &files, is_merge: true })
}
