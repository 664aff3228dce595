//! The only contact with the files of a warehouse.
//!
//! A [`Dir`] is one directory. Files in it are written once, from start to end, and never changed;
//! the few small files that do change are replaced whole by [`Dir::write_atomic`]. Paths are
//! relative to the directory, with `/` between names.
//!
//! What survives a power cut is what the caller synced, and no more:
//!
//! ```text
//! contents of a file      WriteFile::sync or WriteFile::finish
//! name of a file          Dir::sync_folder of the folder that holds it, after the name was made
//! a rename or a removal   Dir::sync_folder of the folders on both sides
//! a small file            Dir::write_atomic, which does all of the above
//! ```
//!
//! [`OsDir`] is the operating system's file system (Unix), [`MemDir`] a model of it for tests that
//! can crash, and [`FaultDir`] wraps either and fails at a chosen operation. There is no caching
//! here beyond that of the operating system, no format and no knowledge of tables.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub mod fault;
pub mod mem;
pub mod os;

mod holder;
mod lock;
mod path;

#[cfg(test)]
mod conformance;

pub use fault::{Fault, FaultDir, FaultMode};
pub use holder::describe_process;
pub use mem::MemDir;
pub use os::OsDir;

use bytes::Bytes;
use starfact_base::{Corruption, Error, Result};
use std::fmt::Debug;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// Bytes of the largest file that [`Dir::read`] returns; larger ones are read by range.
pub const READ_BYTES_MAX: u64 = 256 << 20;
/// The folder of unpublished files, which the next writer empties.
pub const TEMPORARY_FOLDER: &str = "tmp";
/// Bytes to which the start of an open file is aligned in memory, and so every multiple of it.
pub const MEMORY_ALIGNMENT: usize = 64;

/// One directory and everything below it.
///
/// All methods may be called from many threads at once. Every path is relative, made of plain
/// names; the root itself is `""` where a folder is asked for.
pub trait Dir: Send + Sync + Debug {
    /// Where the directory is, for messages.
    fn describe(&self) -> String;

    /// Begins a new file and makes the folders above it. Fails if there is something by that name.
    fn create(&self, path: &str) -> Result<Box<dyn WriteFile>>;

    /// Opens a file for reading, as long as it is at this moment.
    fn open(&self, path: &str) -> Result<Arc<dyn ReadFile>>;

    /// Reads a whole file of at most [`READ_BYTES_MAX`] bytes; a larger one is `Error::Limit`.
    fn read(&self, path: &str) -> Result<Vec<u8>> {
        let file = self.open(path)?;
        if file.len() > READ_BYTES_MAX {
            return Err(Error::Limit {
                what: format!("{path}, of {} bytes,", file.len()),
                limit: format!("{READ_BYTES_MAX} bytes for a file that is read whole"),
            });
        }
        Ok(file.bytes(0..file.len())?.to_vec())
    }

    /// When the contents of a file were last written; now, where that is not known.
    fn modified(&self, path: &str) -> Result<SystemTime> {
        self.open(path).map(|_| SystemTime::now())
    }

    /// Whether there is a file or folder by that name.
    fn exists(&self, path: &str) -> Result<bool>;

    /// Writes or replaces a small file: after a crash it has the old bytes or the new ones, and
    /// once this returns, the new ones.
    fn write_atomic(&self, path: &str, bytes: &[u8]) -> Result<()> {
        let temporary = unused_temporary(self)?;
        if let Err(error) = write_and_rename(self, &temporary, path, bytes) {
            // The first error is the one to report; what stays in `tmp` goes with the next writer.
            let _ = self.remove_file(&temporary);
            return Err(error);
        }
        self.sync_folder(path::parent(path))
    }

    /// Renames a file or a folder and makes the folders above the new name. A file takes the place
    /// of a file, a folder that of an empty folder; anything else by the new name is an error.
    fn rename(&self, from: &str, to: &str) -> Result<()>;

    /// Gives a file that nobody writes any more a second name in another directory, and makes the
    /// folders above that, if both are on one file system that can; whether it did.
    fn link(&self, path: &str, to: &dyn Dir) -> Result<bool> {
        let _ = (path, to);
        Ok(false)
    }

    /// Where the operating system has the directory, if it has.
    fn system_path(&self) -> Option<&Path> {
        None
    }

    /// What a folder holds, ordered by name; nothing if there is no such folder.
    fn list(&self, folder: &str) -> Result<Vec<Entry>>;

    /// Removes a file; a missing one is fine.
    fn remove_file(&self, path: &str) -> Result<()>;

    /// Removes a folder with all that is in it; a missing one is fine.
    fn remove_folder(&self, path: &str) -> Result<()>;

    /// Makes the names in `folder` durable, and its own name and those of the folders above it.
    fn sync_folder(&self, folder: &str) -> Result<()>;

    /// Takes an exclusive lock, until the result is dropped or the process ends, however it ends.
    ///
    /// The lock excludes other processes and other holders within this one. `holder` says who has
    /// it and is written into the file at `path`. When the lock is taken it is tried again until
    /// `wait` has passed; then the error is `Error::Locked` with the text of the present holder.
    fn lock(&self, path: &str, holder: &str, wait: Duration) -> Result<Box<dyn Lock>>;
}

/// A new file, written from start to end. Dropped without [`WriteFile::finish`], it stays as an
/// incomplete file. It may be renamed while it is written.
///
/// After an error every later call fails too: a failed write or sync may have lost any of the
/// bytes before it, so there is nothing to retry.
pub trait WriteFile: Send + Debug {
    /// Appends bytes. They may be buffered, and readers need not see them before a flush or a sync.
    fn write(&mut self, bytes: &[u8]) -> Result<()>;

    /// Bytes written so far, which is the offset of the next one.
    fn position(&self) -> u64;

    /// Makes all bytes so far visible to those who open the file from now on; not durable.
    fn flush(&mut self) -> Result<()>;

    /// Makes all bytes so far durable and visible to those who open the file from now on.
    fn sync(&mut self) -> Result<()>;

    /// Syncs and closes the file.
    fn finish(self: Box<Self>) -> Result<()>;
}

/// An open file. Its bytes start at a multiple of [`MEMORY_ALIGNMENT`] in memory.
pub trait ReadFile: Send + Sync + Debug {
    /// Bytes of the file when it was opened.
    fn len(&self) -> u64;

    /// Whether the file has no bytes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The path it was opened by, for messages.
    fn path(&self) -> &str;

    /// The bytes of `range`, without a copy. They stay valid after the file is closed or removed.
    ///
    /// A range that is not within the file is `Error::Corrupt`, because ranges come from what other
    /// parts of the files say.
    fn bytes(&self, range: Range<u64>) -> Result<Bytes>;
}

/// An exclusive lock, released when dropped.
pub trait Lock: Send + Sync + Debug {
    /// The file that is locked.
    fn path(&self) -> &str;
}

/// One name in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name within the folder.
    pub name: String,
    /// Whether it is a folder.
    pub is_folder: bool,
    /// Bytes of the file; 0 for a folder.
    pub bytes: u64,
}

/// A name in `tmp` that nothing has: neither this process, nor what a crashed one left there.
fn unused_temporary<D: Dir + ?Sized>(dir: &D) -> Result<String> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = format!("{TEMPORARY_FOLDER}/atomic-{}-{number}", std::process::id());
        if !dir.exists(&path)? {
            return Ok(path);
        }
    }
}

fn write_and_rename<D: Dir + ?Sized>(
    dir: &D,
    temporary: &str,
    path: &str,
    bytes: &[u8],
) -> Result<()> {
    let mut file = dir.create(temporary)?;
    file.write(bytes)?;
    file.finish()?;
    dir.rename(temporary, path)
}

/// The part `range` of the bytes of the file at `path`.
fn slice(path: &str, bytes: &Bytes, range: Range<u64>) -> Result<Bytes> {
    let start = usize::try_from(range.start).ok();
    let end = usize::try_from(range.end).ok();
    match (start, end) {
        (Some(start), Some(end)) if start <= end && end <= bytes.len() => {
            Ok(bytes.slice(start..end))
        }
        _ => {
            let expected = format!("bytes {} to {}", range.start, range.end);
            let found = format!("a file of {} bytes", bytes.len());
            Err(Corruption::new(range.start, "file length", expected, found).in_file(path))
        }
    }
}
