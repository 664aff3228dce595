//! A directory that fails on purpose, to test what becomes of a warehouse when writing fails.
//!
//! Every operation that changes the directory has a number, from 0: create, write, flush, sync,
//! rename, remove and sync_folder. `write_atomic` is made of these, so its steps are counted one by
//! one.
//! A test runs once without a fault to learn how many there are, and then once for each:
//!
//! ```
//! use starfact_vfs::{Dir, Fault, FaultDir, FaultMode, MemDir};
//! use std::{io::ErrorKind, sync::Arc};
//!
//! let count = |fault| {
//!     let dir = FaultDir::new(Arc::new(MemDir::new()), fault);
//!     let result = dir.write_atomic("CURRENT", b"1");
//!     (result.is_ok(), dir.operations())
//! };
//! let (is_ok, operations) = count(None);
//! assert!(is_ok);
//! for at in 0..operations {
//!     let fault = Fault { at, mode: FaultMode::Fail, kind: ErrorKind::StorageFull };
//!     assert!(!count(Some(fault)).0);
//! }
//! ```
//!
//! Reads and locks are not counted; after a freeze they fail like everything else.

use crate::{Dir, Entry, Lock, ReadFile, WriteFile};
use starfact_base::{Error, Result};
use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// What goes wrong, and when.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// The number of the operation that goes wrong, counted from the making of the `FaultDir`.
    pub at: u64,
    /// How it goes wrong.
    pub mode: FaultMode,
    /// The error that is reported: `StorageFull` is a full disk, `Other` a broken one.
    pub kind: ErrorKind,
}

/// How an operation goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultMode {
    /// It fails and does nothing; later operations work.
    Fail,
    /// It is done by half and fails: a write appends the first half, a create leaves an empty file,
    /// the removal of a folder removes some of it. What is atomic fails as a whole.
    Tear,
    /// It does nothing, and everything from then on fails, reads included: a crash.
    Freeze,
    /// It is done by half, and everything from then on fails: a crash in the middle of it.
    TearAndFreeze,
}

/// A directory that fails at a chosen operation of another.
#[derive(Clone, Debug)]
pub struct FaultDir {
    inner: Arc<dyn Dir>,
    control: Arc<Control>,
}

impl FaultDir {
    /// Wraps `inner`; without a fault it only counts.
    pub fn new(inner: Arc<dyn Dir>, fault: Option<Fault>) -> Self {
        let control = Control { fault: Mutex::new(fault), ..Control::default() };
        Self { inner, control: Arc::new(control) }
    }

    /// Changing operations so far, the one that failed included.
    pub fn operations(&self) -> u64 {
        self.control.operations.load(Ordering::SeqCst)
    }

    /// Whether the fault has struck.
    pub fn has_struck(&self) -> bool {
        self.control.has_struck.load(Ordering::SeqCst)
    }

    /// Replaces the fault, for example to let a store open first and break afterwards.
    pub fn set_fault(&self, fault: Option<Fault>) {
        *self.control.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    /// The directory behind: what is left after the fault.
    pub fn inner(&self) -> &Arc<dyn Dir> {
        &self.inner
    }

    fn refuse_if_frozen(&self, op: &'static str, path: &str) -> Result<()> {
        self.control.refuse_if_frozen(op, path)
    }

    fn remove_half(&self, folder: &str) -> Result<()> {
        let entries = self.inner.list(folder)?;
        for entry in entries.iter().take(entries.len().div_ceil(2)) {
            let path = format!("{folder}/{}", entry.name);
            if entry.is_folder {
                self.inner.remove_folder(&path)?;
            } else {
                self.inner.remove_file(&path)?;
            }
        }
        Ok(())
    }
}

/// The counter and the switch, shared by a directory and its open files.
#[derive(Debug, Default)]
struct Control {
    operations: AtomicU64,
    has_struck: AtomicBool,
    fault: Mutex<Option<Fault>>,
    frozen: Mutex<Option<ErrorKind>>,
}

/// What is to become of one operation.
enum Verdict {
    /// Do it.
    Pass,
    /// Fail with this error, doing nothing.
    Fail(Error),
    /// Do half of it, then fail with this error.
    Tear(Error),
}

impl Control {
    fn refuse_if_frozen(&self, op: &'static str, path: &str) -> Result<()> {
        let frozen = *self.frozen.lock().unwrap_or_else(PoisonError::into_inner);
        match frozen {
            Some(kind) => Err(Error::io(op, path, kind.into())),
            None => Ok(()),
        }
    }

    /// Numbers one operation and decides about it.
    fn count(&self, op: &'static str, path: &str) -> Verdict {
        if let Err(error) = self.refuse_if_frozen(op, path) {
            return Verdict::Fail(error);
        }
        let number = self.operations.fetch_add(1, Ordering::SeqCst);
        let fault = *self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Fault { mode, kind, .. }) = fault.filter(|fault| fault.at == number) else {
            return Verdict::Pass;
        };
        self.has_struck.store(true, Ordering::SeqCst);
        if matches!(mode, FaultMode::Freeze | FaultMode::TearAndFreeze) {
            *self.frozen.lock().unwrap_or_else(PoisonError::into_inner) = Some(kind);
        }
        let error = Error::io(op, path, kind.into());
        match mode {
            FaultMode::Fail | FaultMode::Freeze => Verdict::Fail(error),
            FaultMode::Tear | FaultMode::TearAndFreeze => Verdict::Tear(error),
        }
    }

    /// The same for an operation that is done as a whole or not at all.
    fn count_atomic(&self, op: &'static str, path: &str) -> Result<()> {
        match self.count(op, path) {
            Verdict::Pass => Ok(()),
            Verdict::Fail(error) | Verdict::Tear(error) => Err(error),
        }
    }
}

impl Dir for FaultDir {
    fn describe(&self) -> String {
        self.inner.describe()
    }

    fn create(&self, path: &str) -> Result<Box<dyn WriteFile>> {
        match self.control.count("create", path) {
            Verdict::Pass => Ok(Box::new(FaultWriteFile {
                inner: self.inner.create(path)?,
                control: self.control.clone(),
                path: path.to_owned(),
                failed: None,
            })),
            Verdict::Fail(error) => Err(error),
            Verdict::Tear(error) => {
                drop(self.inner.create(path)?);
                Err(error)
            }
        }
    }

    fn open(&self, path: &str) -> Result<Arc<dyn ReadFile>> {
        self.refuse_if_frozen("open", path)?;
        self.inner.open(path)
    }

    fn modified(&self, path: &str) -> Result<SystemTime> {
        self.refuse_if_frozen("look at", path)?;
        self.inner.modified(path)
    }

    fn exists(&self, path: &str) -> Result<bool> {
        self.refuse_if_frozen("look for", path)?;
        self.inner.exists(path)
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.control.count_atomic("rename", from)?;
        self.inner.rename(from, to)
    }

    fn list(&self, folder: &str) -> Result<Vec<Entry>> {
        self.refuse_if_frozen("list", folder)?;
        self.inner.list(folder)
    }

    fn remove_file(&self, path: &str) -> Result<()> {
        self.control.count_atomic("remove", path)?;
        self.inner.remove_file(path)
    }

    fn remove_folder(&self, path: &str) -> Result<()> {
        match self.control.count("remove", path) {
            Verdict::Pass => self.inner.remove_folder(path),
            Verdict::Fail(error) => Err(error),
            Verdict::Tear(error) => {
                self.remove_half(path)?;
                Err(error)
            }
        }
    }

    fn sync_folder(&self, folder: &str) -> Result<()> {
        self.control.count_atomic("sync", folder)?;
        self.inner.sync_folder(folder)
    }

    fn lock(&self, path: &str, holder: &str, wait: Duration) -> Result<Box<dyn Lock>> {
        self.refuse_if_frozen("lock", path)?;
        self.inner.lock(path, holder, wait)
    }
}

/// A file of which one operation may go wrong; after that all do, as `WriteFile` demands.
#[derive(Debug)]
struct FaultWriteFile {
    inner: Box<dyn WriteFile>,
    control: Arc<Control>,
    path: String,
    failed: Option<ErrorKind>,
}

impl FaultWriteFile {
    fn count(&mut self, op: &'static str) -> Verdict {
        if let Some(kind) = self.failed {
            return Verdict::Fail(Error::io(op, &self.path, kind.into()));
        }
        let verdict = self.control.count(op, &self.path);
        if let Verdict::Fail(error) | Verdict::Tear(error) = &verdict {
            self.failed = Some(match error {
                Error::Io { source, .. } => source.kind(),
                _ => ErrorKind::Other,
            });
        }
        verdict
    }
}

impl WriteFile for FaultWriteFile {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match self.count("write") {
            Verdict::Pass => self.inner.write(bytes),
            Verdict::Fail(error) => Err(error),
            Verdict::Tear(error) => {
                let (half, _) = bytes.split_at(bytes.len() / 2);
                self.inner.write(half)?;
                Err(error)
            }
        }
    }

    fn position(&self) -> u64 {
        self.inner.position()
    }

    fn flush(&mut self) -> Result<()> {
        match self.count("flush") {
            Verdict::Pass => self.inner.flush(),
            Verdict::Fail(error) | Verdict::Tear(error) => Err(error),
        }
    }

    fn sync(&mut self) -> Result<()> {
        match self.count("sync") {
            Verdict::Pass => self.inner.sync(),
            Verdict::Fail(error) | Verdict::Tear(error) => Err(error),
        }
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        match self.count("sync") {
            Verdict::Pass => self.inner.finish(),
            Verdict::Fail(error) | Verdict::Tear(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
