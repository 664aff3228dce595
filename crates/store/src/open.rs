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
use crate::records::Catalog;
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
    pub(crate) next_table: TableId,
    pub(crate) next_file: u64,
    pub(crate) next_version: Version,
    pub(crate) garbage: Garbage,
}

/// Opens a warehouse for writing, or makes one.
pub(crate) fn for_writing(dir: &Arc<dyn Dir>, wait: Duration) -> Result<Opened> {
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
    let sweep = garbage::sweep(dir.as_ref(), &catalog)?;
    let next_table = catalog.next_table;
    Ok(Opened {
        lock,
        snapshot: catalog::snapshot(dir, catalog, None, None)?,
        next_table,
        next_file: sweep.next_file,
        next_version: sweep.next_version,
        garbage: sweep.garbage,
    })
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
        tables: Vec::new(),
    };
    manifest::write(dir, &catalog)?;
    manifest::write_current(dir, catalog.version)?;
    Ok(catalog.version)
}

/// The newest snapshot, pinned; `before` itself if there is no newer one.
pub(crate) fn for_reading(
    dir: &Arc<dyn Dir>,
    before: Option<&Arc<Snapshot>>,
) -> Result<Arc<Snapshot>> {
    loop {
        let version = current(dir.as_ref())?;
        if let Some(before) = before.filter(|before| before.version() == version) {
            return Ok(Arc::clone(before));
        }
        let pin = pins::Pin::take(dir, version)?;
        if current(dir.as_ref())? != version {
            continue;
        }
        match manifest::read(dir.as_ref(), version) {
            Ok(catalog) => {
                let before = before.map(AsRef::as_ref);
                let pin = pin.map(Arc::new);
                return Ok(Arc::new(catalog::snapshot(dir, catalog, before, pin)?));
            }
            // Without a pin the manifest may go between two looks.
            Err(_) if pin.is_none() && current(dir.as_ref())? != version => {}
            Err(error) => return Err(error),
        }
    }
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
