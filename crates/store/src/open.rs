//! Opening: finds the manifest that counts, and for a writer removes what earlier ones left behind.
//!
//! ```text
//! CURRENT      for writing                        for reading
//! is there     lock · read · sync · sweep          read · pin · read again
//! is not       make a warehouse, if nothing is     refuse
//!              there that could be meant for
//!              something else
//! ```

use crate::garbage::{self, Garbage};
use crate::log::{self, LogReader, Torn, Until, recover};
use crate::logs::{Logs, note_begun};
use crate::records::Catalog;
use crate::replay::Replay;
use crate::retention::{self, Former, Retention};
use crate::snapshot::Snapshot;
use crate::{catalog, manifest, paths, pins};
use starfact_base::{Corruption, Epoch, Error, Result, TableId, Version};
use starfact_vfs::{Dir, Entry, Lock};
use std::sync::Arc;
use std::time::Duration;

/// The version of the first manifest of a warehouse.
const FIRST_VERSION: Version = Version(1);

/// A warehouse that was opened for writing.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) lock: Box<dyn Lock>,
    pub(crate) snapshot: Snapshot,
    /// What the manifest has of it.
    pub(crate) published: Snapshot,
    pub(crate) next_table: TableId,
    pub(crate) next_file: u64,
    pub(crate) next_version: Version,
    pub(crate) garbage: Garbage,
    pub(crate) logs: Logs,
    /// Older manifests, ascending.
    pub(crate) formers: Vec<Former>,
    /// What a crash left at the end of the log.
    pub(crate) torn: Option<Torn>,
}

/// Opens a warehouse for writing, or makes one.
pub(crate) fn for_writing(
    dir: &Arc<dyn Dir>,
    wait: Duration,
    retention: Retention,
) -> Result<Opened> {
    if manifest::read_current(dir.as_ref())?.is_none() {
        // Before the lock, which leaves a file behind. If another process made the warehouse
        // meanwhile, the place looked wrong for that reason.
        if let Err(error) = check_place(dir.as_ref())
            && manifest::read_current(dir.as_ref())?.is_none()
        {
            return Err(error);
        }
    }
    let lock = dir.lock(paths::LOCK, &starfact_vfs::describe_process(), wait)?;
    let version = match manifest::read_current(dir.as_ref())? {
        Some(version) => version,
        None => make(dir.as_ref())?,
    };
    // The last writer may have died between replacing CURRENT and making that durable. What is
    // removed from now on must not be missed by the CURRENT before it.
    dir.sync_folder("")?;
    let catalog = manifest::read(dir.as_ref(), version)?;
    let formers = retention::formers(dir.as_ref(), (catalog.version, catalog.epoch))?;
    let oldest = retention.oldest(&formers, catalog.epoch);
    let sweep = garbage::sweep(dir.as_ref(), &catalog, oldest)?;
    let (next_table, place) = (catalog.next_table, catalog.log);
    let mut reader = reader_of(&catalog);
    let mut replay = catalog::replay(dir, catalog, None, None)?;
    let published = replay.snapshot();
    let mut recovered =
        recover(dir, &mut reader, &mut |record, payload| replay.apply(record, payload))?;
    if replay.is_outdated() {
        let damage = Corruption::new(0, "records", "none on top of a newer manifest", "one");
        return Err(damage.in_file(paths::LOGS));
    }
    let known = log::list(dir.as_ref())?;
    let torn = recovered.torn.take();
    if let Some(log) = &recovered.log {
        note_begun(dir, log.number());
    }
    let mut logs = Logs::new(recovered, reader.next_record(), known, place.is_some());
    if torn.is_some() {
        // The tail is behind the end of its log then, and is not reported again.
        logs.open(dir)?;
    }
    let next_file = sweep.next_file.max(replay.next_file());
    Ok(Opened {
        lock,
        snapshot: replay.finish()?,
        published,
        next_table,
        next_file,
        next_version: sweep.next_version,
        garbage: sweep.garbage,
        logs,
        formers: formers.into_iter().filter(|it| Some(it.version) >= oldest).collect(),
        torn,
    })
}

/// The place in the logs where the records begin that a catalog needs.
pub(crate) fn reader_of(catalog: &Catalog) -> LogReader {
    catalog.log.map_or_else(|| LogReader::new(0, 1), |log| LogReader::new(log.log, log.first))
}

/// Checks that a directory without CURRENT may become a warehouse: nothing is in it but what an
/// attempt to make one leaves behind.
fn check_place(dir: &dyn Dir) -> Result<()> {
    let entries = dir.list("")?;
    let is_manifest = |entry: &Entry| paths::manifest_version(&entry.name).is_some();
    let is_leftover = |entry: &Entry| entry.name == paths::manifest(FIRST_VERSION);
    let has_lost_current = entries.iter().any(|entry| is_manifest(entry) && !is_leftover(entry))
        || entries.iter().any(is_leftover) && dir.exists(paths::TABLES)?;
    if has_lost_current {
        let damage = Corruption::new(0, "file", "the name of a manifest", "no such file");
        return Err(damage.in_file(paths::CURRENT));
    }
    for entry in &entries {
        let is_ours = match entry.name.as_str() {
            paths::LOCK => true,
            paths::TEMPORARY => {
                dir.list(paths::TEMPORARY)?.iter().all(|entry| paths::is_temporary(&entry.name))
            }
            name => is_leftover(entry) || !is_foreign(name),
        };
        if !is_ours {
            return Err(Error::invalid(format!(
                "{} is no warehouse and not empty (there is \"{}\" in it): name an empty or a new \
                 directory",
                dir.describe(),
                entry.name
            )));
        }
    }
    Ok(())
}

/// Whether somebody has put this into a directory, not an operating system or a tool that puts it
/// into any directory.
pub(crate) fn is_foreign(name: &str) -> bool {
    !name.starts_with('.') && name != "lost+found"
}

/// Makes an empty warehouse.
fn make(dir: &dyn Dir) -> Result<Version> {
    check_place(dir)?;
    dir.remove_file(&paths::manifest(FIRST_VERSION))?;
    let catalog = Catalog {
        version: FIRST_VERSION,
        epoch: Epoch(0),
        next_table: TableId(1),
        next_file: 1,
        log: None,
        tables: Vec::new(),
    };
    manifest::write(dir, &catalog)?;
    manifest::write_current(dir, catalog.version)?;
    Ok(catalog.version)
}

/// A snapshot of a reading process, and the place in the logs that it has reached.
#[derive(Clone, Debug)]
pub(crate) struct Followed {
    pub(crate) snapshot: Arc<Snapshot>,
    reader: LogReader,
    _pin: Option<Arc<pins::Pin>>,
}

impl Followed {
    /// The first record that the snapshot does not have.
    pub(crate) fn next_record(&self) -> u64 {
        self.reader.next_record()
    }
}

/// The newest snapshot, pinned; with the tables of `before` as far as they are the same.
pub(crate) fn for_reading(dir: &Arc<dyn Dir>, before: Option<&Followed>) -> Result<Followed> {
    loop {
        let version = current(dir.as_ref())?;
        if let Some(before) = before.filter(|before| before.snapshot.version() == version) {
            match go_on(dir, before) {
                Ok(Some(newest)) => return Ok(newest),
                Ok(None) => continue,
                Err(_) if current(dir.as_ref())? != version => continue,
                Err(error) => return Err(error),
            }
        }
        let pin = pins::Pin::take(dir, version)?;
        if current(dir.as_ref())? != version {
            continue;
        }
        let has_pin = pin.is_some();
        match begin(dir, version, before, pin.map(Arc::new)) {
            Ok(Some(newest)) => return Ok(newest),
            // A newer manifest has come meanwhile, and records on top of it.
            Ok(None) => {}
            // Without a pin files may go between two looks.
            Err(_) if !has_pin && current(dir.as_ref())? != version => {}
            Err(error) => return Err(error),
        }
    }
}

/// Reads a manifest and the records after it; `None` if there is a newer manifest.
fn begin(
    dir: &Arc<dyn Dir>,
    version: Version,
    before: Option<&Followed>,
    pin: Option<Arc<pins::Pin>>,
) -> Result<Option<Followed>> {
    let catalog = manifest::read(dir.as_ref(), version)?;
    let reader = reader_of(&catalog);
    let known = before.map(|before| before.snapshot.as_ref());
    let mut replay = catalog::replay(dir, catalog, known, pin.as_ref())?;
    if let Some(before) = before
        && replay.adopt(&before.snapshot, (reader.next_record(), before.next_record()))?
    {
        return follow(dir, replay, before.reader.clone(), pin);
    }
    follow(dir, replay, reader, pin)
}

/// Whether the logs are damaged, rather than anything else.
pub(crate) fn is_log_damage(error: &Error) -> bool {
    matches!(error, Error::Corrupt { path, .. } if path.starts_with(paths::LOGS))
}

/// The newest snapshot of a warehouse whose logs are damaged: what the manifest has, and the
/// records before the damage. Also says what is lost.
pub(crate) fn despite_damage(dir: &Arc<dyn Dir>) -> Result<(Followed, String)> {
    let version = current(dir.as_ref())?;
    let pin = pins::Pin::take(dir, version)?.map(Arc::new);
    let catalog = manifest::read(dir.as_ref(), version)?;
    let mut reader = reader_of(&catalog);
    let mut replay = catalog::replay(dir, catalog, None, pin.as_ref())?;
    let read =
        reader.read(dir.as_ref(), Until::End, &mut |record, payload| replay.apply(record, payload));
    let damage = match read {
        Err(error) if is_log_damage(&error) => error.to_string(),
        Err(error) => return Err(error),
        Ok(_) => "a manifest speaks of rows that are in no log".to_owned(),
    };
    let (snapshot, lost_tables) = replay.finish_damaged();
    let tables = match lost_tables.is_empty() {
        true => String::new(),
        false => format!(", and earlier rows of {}", lost_tables.join(", ")),
    };
    let text = format!(
        "{damage}; commits after epoch {} are lost{tables}: what is there can be read, and copied \
         by COPY or export; restore a backup to write again",
        snapshot.epoch()
    );
    Ok((Followed { snapshot: Arc::new(snapshot), reader, _pin: pin }, text))
}

/// Reads the records that have come since; `None` if there is a newer manifest.
fn go_on(dir: &Arc<dyn Dir>, before: &Followed) -> Result<Option<Followed>> {
    let reader = before.reader.clone();
    let replay = Replay::go_on(&before.snapshot, reader.next_record());
    let pin = before._pin.clone();
    let next = reader.next_record();
    let Some(newest) = follow(dir, replay, reader, pin)? else { return Ok(None) };
    let is_same = newest.reader.next_record() == next;
    let snapshot = if is_same { Arc::clone(&before.snapshot) } else { newest.snapshot };
    Ok(Some(Followed { snapshot, ..newest }))
}

fn follow(
    dir: &Arc<dyn Dir>,
    mut replay: Replay,
    mut reader: LogReader,
    pin: Option<Arc<pins::Pin>>,
) -> Result<Option<Followed>> {
    reader.read(dir.as_ref(), Until::Mark, &mut |record, payload| replay.apply(record, payload))?;
    if replay.is_outdated() {
        return Ok(None);
    }
    Ok(Some(Followed { snapshot: Arc::new(replay.finish()?), reader, _pin: pin }))
}

fn current(dir: &dyn Dir) -> Result<Version> {
    manifest::read_current(dir)?.ok_or_else(|| {
        Error::invalid(format!(
            "{} is no warehouse: there is no file {} in it",
            dir.describe(),
            paths::CURRENT
        ))
    })
}
