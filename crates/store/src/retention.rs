//! How long older epochs can still be read, and reading them: `AS OF EPOCH`.
//!
//! ```text
//!  manifest-7   epochs 12 … 40      files of 7 are kept as long as any of its epochs is
//!  manifest-9   epochs 40 … 41
//! ```
//!
//! An epoch is the manifest before it and the records of the log up to it. What is kept is decided
//! by manifest: so some epochs stay longer than was asked for.

use crate::log::Until;
use crate::open::reader_of;
use crate::pins::Pin;
use crate::snapshot::Snapshot;
use crate::store::{Shared, Store};
use crate::{catalog, manifest, paths};
use starfact_base::{Epoch, Error, Result, Version};
use starfact_vfs::Dir;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime};

/// Which epochs are kept: those that either of the two keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// The last so many epochs.
    pub epochs: u64,
    /// Epochs that were the newest within this time.
    pub duration: Duration,
}

/// A manifest that is not the current one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Former {
    pub(crate) version: Version,
    /// The epoch that it begins with.
    pub(crate) first: Epoch,
    /// The last epoch that the next manifest is on top of.
    pub(crate) last: Epoch,
    /// When it ceased to be the current one.
    pub(crate) ended: SystemTime,
}

impl Retention {
    fn keeps(&self, former: &Former, newest: Epoch, now: SystemTime) -> bool {
        let age = now.duration_since(former.ended).unwrap_or_default();
        // The newest is one of them.
        let is_recent = former.last.0.saturating_add(self.epochs) > newest.0;
        self.epochs > 1 && is_recent || age < self.duration
    }

    /// The oldest version that is kept; `None` if that is the current one. They go in order.
    pub(crate) fn oldest(&self, formers: &[Former], newest: Epoch) -> Option<Version> {
        let now = SystemTime::now();
        formers.iter().find(|former| self.keeps(former, newest, now)).map(|it| it.version)
    }
}

/// The manifests that are there besides the current one, ascending; damaged ones are left out.
pub(crate) fn formers(dir: &dyn Dir, current: (Version, Epoch)) -> Result<Vec<Former>> {
    let names = dir.list("")?;
    let mut versions: Vec<Version> =
        names.iter().filter_map(|entry| paths::manifest_version(&entry.name)).collect();
    versions.retain(|version| *version < current.0);
    versions.sort_unstable();
    let mut formers: Vec<Former> = Vec::with_capacity(versions.len());
    for version in versions {
        let Ok(catalog) = manifest::read(dir, version) else { continue };
        if let Some(before) = formers.last_mut() {
            before.last = catalog.epoch;
            before.ended = dir.modified(&paths::manifest(version))?;
        }
        let (first, last, ended) = (catalog.epoch, current.1, SystemTime::now());
        formers.push(Former { version, first, last, ended });
    }
    if let Some(last) = formers.last_mut() {
        last.ended = dir.modified(&paths::manifest(current.0))?;
    }
    Ok(formers)
}

impl Store {
    /// Changes which older epochs are kept.
    pub fn set_retention(&self, retention: Retention) {
        *self.shared.retention.lock().unwrap_or_else(PoisonError::into_inner) = retention;
    }

    /// Lets go of all older epochs that nobody reads, and removes their files.
    ///
    /// # Errors
    /// [`Error::ReadOnly`] if the warehouse was opened for reading only.
    pub fn vacuum(&self) -> Result<()> {
        self.shared.writer()?;
        self.shared.collect_garbage_of(Retention::default());
        Ok(())
    }

    /// The epochs that can be read, as ranges of first and last, ascending; the last one ends with
    /// the newest.
    ///
    /// # Errors
    /// The operating system's.
    pub fn epochs(&self) -> Result<Vec<(Epoch, Epoch)>> {
        let newest = self.snapshot()?;
        let dir = self.shared.dir.as_ref();
        let current = manifest::read(dir, newest.version())?;
        let mut ranges = Vec::new();
        for former in formers(dir, (newest.version(), current.epoch))? {
            ranges.push((former.first, former.last));
        }
        ranges.push((current.epoch, newest.epoch()));
        Ok(ranges)
    }

    /// The snapshot of an epoch that is kept.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] says which epochs there are, if this one is not among them.
    pub fn snapshot_at(&self, epoch: Epoch) -> Result<Arc<Snapshot>> {
        let newest = self.snapshot()?;
        if epoch == newest.epoch() {
            return Ok(newest);
        }
        let found =
            if epoch < newest.epoch() { self.shared.find_epoch(&newest, epoch)? } else { None };
        if let Some(found) = found {
            return Ok(found);
        }
        let oldest = self.epochs()?.first().map_or(newest.epoch(), |range| range.0);
        Err(Error::invalid(format!(
            "there is no epoch {epoch}: those from {oldest} to {} are kept",
            newest.epoch()
        )))
    }
}

impl Shared {
    /// Reads an epoch from the manifest before it and the log.
    fn find_epoch(&self, newest: &Snapshot, epoch: Epoch) -> Result<Option<Arc<Snapshot>>> {
        let current = manifest::read(self.dir.as_ref(), newest.version())?;
        let formers = formers(self.dir.as_ref(), (newest.version(), current.epoch))?;
        let former = formers.iter().rev().find(|former| former.first <= epoch);
        let version = match former {
            _ if current.epoch <= epoch => newest.version(),
            Some(former) => former.version,
            None => return Ok(None),
        };
        let pin = Pin::take(&self.dir, version)?.map(Arc::new);
        // From here on its files stay, if they are there still.
        let Ok(catalog) = manifest::read(self.dir.as_ref(), version) else { return Ok(None) };
        let mut reader = reader_of(&catalog);
        let mut replay = catalog::replay(&self.dir, catalog, None, pin.as_ref())?;
        replay.end_at(epoch);
        let read = reader.read(self.dir.as_ref(), Until::Mark, &mut |record, payload| {
            replay.apply(record, payload)
        });
        if !replay.is_outdated() {
            read?;
        }
        let snapshot = replay.finish()?;
        Ok((snapshot.epoch() == epoch).then(|| Arc::new(snapshot)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_are_kept_by_number_or_by_time() {
        let former = |version, first, last, seconds| Former {
            version: Version(version),
            first: Epoch(first),
            last: Epoch(last),
            ended: SystemTime::now() - Duration::from_secs(seconds),
        };
        let formers = [former(1, 0, 5, 100), former(2, 5, 8, 50), former(3, 8, 20, 10)];
        let oldest = |epochs, seconds| {
            let retention = Retention { epochs, duration: Duration::from_secs(seconds) };
            retention.oldest(&formers, Epoch(20)).map(|version| version.0)
        };
        assert_eq!([oldest(0, 0), oldest(1, 0), oldest(2, 0)], [None, None, Some(3)]);
        assert_eq!([oldest(12, 0), oldest(13, 0), oldest(16, 0)], [Some(3), Some(2), Some(1)]);
        assert_eq!([oldest(0, 20), oldest(0, 70), oldest(2, 1000)], [Some(3), Some(2), Some(1)]);
    }
}
