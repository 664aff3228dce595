//! The file system of the operating system (Unix).
//!
//! Reads are memory-mapped: opening a file costs two system calls, a read costs none, and the page
//! cache is the only cache. Writes go through a buffer of 1 MiB. Locks are `flock`, which belong to
//! an open file, so they exclude holders within the process as well and vanish with it.

use crate::lock::{Attempt, retry};
use crate::path::{folder_names, names, parent};
use crate::{Dir, Entry, Lock, ReadFile, WriteFile, slice};
use bytes::Bytes;
use memmap2::Mmap;
use starfact_base::{Error, Result};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, ErrorKind, Read, Write};
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Bytes of the write buffer of a file.
const WRITE_BUFFER_BYTES: usize = 1 << 20;
/// Bytes of a lock's holder text that are read back.
const HOLDER_BYTES_MAX: u64 = 1024;

/// A directory of the operating system.
#[derive(Clone, Debug)]
pub struct OsDir {
    root: PathBuf,
}

impl OsDir {
    /// Opens the directory at `path`, and makes it, durably, if there is none.
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let missing: Vec<&Path> = path
            .ancestors()
            .take_while(|ancestor| !ancestor.as_os_str().is_empty() && !ancestor.exists())
            .collect();
        if !missing.is_empty() {
            fs::create_dir_all(path).map_err(|error| Error::io("create", path, error))?;
        }
        for folder in missing {
            let holder = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
            sync_directory(holder.unwrap_or(Path::new(".")))
                .map_err(|error| Error::io("sync", folder, error))?;
        }
        Self::open(path)
    }

    /// Opens the directory at `path`, which must exist.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let metadata = fs::metadata(path).map_err(|error| Error::io("open", path, error))?;
        if !metadata.is_dir() {
            return Err(Error::invalid(format!(
                "{} is not a directory: a warehouse is a directory of its own",
                path.display()
            )));
        }
        fs::read_dir(path).map_err(|error| Error::io("open", path, error))?;
        Ok(Self { root: path.to_path_buf() })
    }

    /// Where the directory is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn file(&self, path: &str) -> Result<PathBuf> {
        names(path)?;
        Ok(self.root.join(path))
    }

    fn folder(&self, path: &str) -> Result<PathBuf> {
        folder_names(path)?;
        Ok(if path.is_empty() { self.root.clone() } else { self.root.join(path) })
    }

    fn make_parent(&self, path: &str) -> Result<()> {
        let folder = parent(path);
        if folder.is_empty() {
            return Ok(());
        }
        fs::create_dir_all(self.folder(folder)?).map_err(|error| Error::io("create", folder, error))
    }

    /// One attempt at the lock. The file may be removed by its last holder between our opening and
    /// locking it; a lock on a file without a name excludes nobody, so the name is compared after.
    fn try_lock(&self, path: &str, holder: &str) -> Result<Attempt<OsLock>> {
        let full = self.file(path)?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&full)
            .map_err(|error| Error::io("open", path, error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return read_holder(&file)
                    .map(Attempt::HeldBy)
                    .map_err(|error| Error::io("read", path, error));
            }
            Err(TryLockError::Error(error)) => return Err(Error::io("lock", path, error)),
        }
        if !is_named(&file, &full).map_err(|error| Error::io("lock", path, error))? {
            return self.try_lock(path, holder);
        }
        file.set_len(0)
            .and_then(|()| file.write_all(holder.as_bytes()))
            .map_err(|error| Error::io("write", path, error))?;
        Ok(Attempt::Taken(OsLock { path: path.to_owned(), _file: file }))
    }
}

impl Dir for OsDir {
    fn describe(&self) -> String {
        self.root.display().to_string()
    }

    fn link(&self, path: &str, to: &dyn Dir) -> Result<bool> {
        let from = self.file(path)?;
        let Some(root) = to.system_path() else { return Ok(false) };
        let to = root.join(path);
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).map_err(|error| Error::io("create", path, error))?;
        }
        // Whatever the reason, a copy is as good.
        Ok(fs::hard_link(from, to).is_ok())
    }

    fn system_path(&self) -> Option<&Path> {
        Some(&self.root)
    }

    fn create(&self, path: &str) -> Result<Box<dyn WriteFile>> {
        let full = self.file(path)?;
        self.make_parent(path)?;
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(full)
            .map_err(|error| Error::io("create", path, error))?;
        Ok(Box::new(OsWriteFile {
            path: path.to_owned(),
            file: Some(BufWriter::with_capacity(WRITE_BUFFER_BYTES, file)),
            position: 0,
        }))
    }

    fn open(&self, path: &str) -> Result<Arc<dyn ReadFile>> {
        let full = self.file(path)?;
        let bytes = map(&full).map_err(|error| Error::io("open", path, error))?;
        Ok(Arc::new(OsReadFile { path: path.to_owned(), bytes }))
    }

    fn modified(&self, path: &str) -> Result<SystemTime> {
        let modified = fs::metadata(self.file(path)?).and_then(|file| file.modified());
        modified.map_err(|error| Error::io("look at", path, error))
    }

    fn exists(&self, path: &str) -> Result<bool> {
        self.folder(path)?.try_exists().map_err(|error| Error::io("look for", path, error))
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        let (full_from, full_to) = (self.file(from)?, self.file(to)?);
        self.make_parent(to)?;
        fs::rename(full_from, full_to).map_err(|error| Error::io("rename", from, error))
    }

    fn list(&self, folder: &str) -> Result<Vec<Entry>> {
        let full = self.folder(folder)?;
        let mut entries = list(&full).map_err(|error| Error::io("list", folder, error))?;
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn remove_file(&self, path: &str) -> Result<()> {
        missing_is_fine(fs::remove_file(self.file(path)?))
            .map_err(|error| Error::io("remove", path, error))
    }

    fn remove_folder(&self, path: &str) -> Result<()> {
        missing_is_fine(fs::remove_dir_all(self.file(path)?))
            .map_err(|error| Error::io("remove", path, error))
    }

    fn sync_folder(&self, folder: &str) -> Result<()> {
        let full = self.folder(folder)?;
        // The folders above as well: whether their names are durable yet is not known here, since
        // another process may have made them and died.
        for ancestor in full.ancestors() {
            sync_directory(ancestor).map_err(|error| Error::io("sync", folder, error))?;
            if ancestor == self.root {
                break;
            }
        }
        Ok(())
    }

    fn lock(&self, path: &str, holder: &str, wait: Duration) -> Result<Box<dyn Lock>> {
        self.make_parent(path)?;
        let lock = retry(path, wait, || self.try_lock(path, holder))?;
        Ok(Box::new(lock))
    }
}

/// A file being written.
#[derive(Debug)]
struct OsWriteFile {
    path: String,
    /// `None` after a failure.
    file: Option<BufWriter<File>>,
    position: u64,
}

impl OsWriteFile {
    /// Runs one operation; after the first failure no other is tried, and what is still in the
    /// buffer is never written.
    fn run(
        &mut self,
        op: &'static str,
        operation: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
    ) -> Result<()> {
        let Some(file) = &mut self.file else {
            let error = io::Error::other("an earlier write or sync of this file failed");
            return Err(Error::io(op, &self.path, error));
        };
        operation(file).map_err(|error| {
            // Dropped whole, the writer would try once more to write its buffer.
            drop(self.file.take().map(BufWriter::into_parts));
            Error::io(op, &self.path, error)
        })
    }
}

impl WriteFile for OsWriteFile {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.run("write", |file| file.write_all(bytes))?;
        self.position += bytes.len() as u64;
        Ok(())
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn flush(&mut self) -> Result<()> {
        self.run("write", BufWriter::flush)
    }

    fn sync(&mut self) -> Result<()> {
        self.flush()?;
        // This syncs the length of a file that has grown, too, and leaves out only the times.
        self.run("sync", |file| file.get_ref().sync_data())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.sync()
    }
}

/// A mapped file.
#[derive(Debug)]
struct OsReadFile {
    path: String,
    bytes: Bytes,
}

impl ReadFile for OsReadFile {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn path(&self) -> &str {
        &self.path
    }

    fn bytes(&self, range: Range<u64>) -> Result<Bytes> {
        slice(&self.path, &self.bytes, range)
    }
}

/// A held `flock`: closing the file releases it.
#[derive(Debug)]
struct OsLock {
    path: String,
    _file: File,
}

impl Lock for OsLock {
    fn path(&self) -> &str {
        &self.path
    }
}

/// Maps a whole file for reading. An empty file has nothing to map.
fn map(path: &Path) -> io::Result<Bytes> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    if metadata.len() == 0 {
        return Ok(Bytes::new());
    }
    // SAFETY: a mapping is sound while nobody truncates or rewrites the file below it. This crate
    // offers no way to do so: `Dir::create` refuses names that exist, `WriteFile` only appends,
    // and `Dir::rename` and the removals leave the mapped file itself alone. Lock files, which are
    // rewritten, are read by `read_holder` and not mapped. Programs other than Starfact must keep
    // away from the files of a warehouse, as from those of any database that maps them.
    let map = unsafe { Mmap::map(&file)? };
    Ok(Bytes::from_owner(map))
}

fn list(folder: &Path) -> io::Result<Vec<Entry>> {
    let listing = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        listing => listing?,
    };
    let mut entries = Vec::new();
    for entry in listing {
        let entry = entry?;
        // Follows symbolic links, so that a folder may live on another disk. What is gone by now,
        // or leads nowhere, is not listed.
        let metadata = match fs::metadata(entry.path()) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            metadata => metadata?,
        };
        let is_folder = metadata.is_dir();
        entries.push(Entry {
            name: entry.file_name().to_string_lossy().into_owned(),
            is_folder,
            bytes: if is_folder { 0 } else { metadata.len() },
        });
    }
    Ok(entries)
}

fn missing_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn sync_directory(path: &Path) -> io::Result<()> {
    match File::open(path)?.sync_all() {
        // Some network and foreign file systems cannot sync a directory and say so with EINVAL;
        // there, names are as durable as that file system makes them.
        Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(()),
        other => other,
    }
}

fn read_holder(file: &File) -> io::Result<String> {
    let mut text = Vec::new();
    file.take(HOLDER_BYTES_MAX).read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Whether `path` still names the open file.
fn is_named(file: &File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        named => named.map(|named| named.dev() == ours.dev() && named.ino() == ours.ino()),
    }
}

#[cfg(test)]
mod tests;
