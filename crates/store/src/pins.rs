//! Pins: how a reading process keeps the writer from removing what it reads.
//!
//! ```text
//! reader   read CURRENT → v      lock pins/v-…      read CURRENT again: still v? else start again
//! writer   replace CURRENT       list pins, remove what no live pin and no manifest names
//! ```
//!
//! Whichever of "lock" and "list" comes first, either the writer sees the pin or the reader sees
//! the new CURRENT. A pin is alive while its lock is held, and locks end with their process; a dead
//! one is removed by the next writer that looks.

use crate::paths;
use starfact_base::{Error, Result, Version};
use starfact_vfs::{Dir, Lock};
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long a reader waits for the lock on a pin file, which only a writer that takes the file for
/// dead may hold, and only for a moment.
const PIN_WAIT: Duration = Duration::from_secs(10);

/// A reader's hold on one version. Dropping it lets go.
#[derive(Debug)]
pub(crate) struct Pin {
    dir: Arc<dyn Dir>,
    path: String,
    /// Released after the file is removed.
    _lock: Box<dyn Lock>,
}

impl Pin {
    /// Pins `version`; `None` on a medium that takes no files, where nothing is removed either, and
    /// on a full disk, where reading without a hold is better than not to read.
    pub(crate) fn take(dir: &Arc<dyn Dir>, version: Version) -> Result<Option<Self>> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = paths::pin(version, &format!("{}-{number}", std::process::id()));
            match dir.lock(&path, &starfact_vfs::describe_process(), PIN_WAIT) {
                Ok(lock) => return Ok(Some(Self { dir: Arc::clone(dir), path, _lock: lock })),
                Err(error) if takes_no_files(&error) => return Ok(None),
                // Process numbers of two machines or containers may be the same.
                Err(Error::Locked(_)) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        // A pin file that stays behind is dead and goes with the next writer.
        let _ = self.dir.remove_file(&self.path);
    }
}

fn takes_no_files(error: &Error) -> bool {
    use ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    matches!(error, Error::Io { source, .. } if matches!(
        source.kind(),
        ReadOnlyFilesystem | PermissionDenied | StorageFull | QuotaExceeded
    ))
}

/// The versions that live readers hold. Removes dead pins on the way.
pub(crate) fn live(dir: &dyn Dir) -> Result<BTreeSet<Version>> {
    let mut versions = BTreeSet::new();
    for entry in dir.list(paths::PINS)? {
        let Some(version) = paths::pinned_version(&entry.name) else { continue };
        let path = format!("{}/{}", paths::PINS, entry.name);
        match dir.lock(&path, "garbage collection", Duration::ZERO) {
            Ok(_lock) => dir.remove_file(&path)?,
            Err(_) => {
                versions.insert(version);
            }
        }
    }
    Ok(versions)
}
