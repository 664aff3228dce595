//! A file that is either written whole or not at all.
//!
//! Everything goes to a file beside the wanted one, which takes its name at the end. A statement
//! that fails, is cancelled or is killed leaves what was there before. What is no regular file,
//! such as a pipe, is written directly; so are `/dev/stdout` and its like even where they lead to a
//! regular file, because whoever opened that one waits for it under its own name and position.

use crate::error::{Error, Result};
use starfact_base::Error as BaseError;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

/// A file on its way.
#[derive(Debug)]
pub(crate) struct Output {
    file: File,
    /// The file that is wanted.
    path: PathBuf,
    /// The file that is written, until it has its name.
    temporary: Option<PathBuf>,
}

impl Output {
    /// Begins to write a file.
    ///
    /// # Errors
    /// Folders, and what the operating system says.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        if let Some(file) = open_stream(path) {
            let file = file.map_err(|error| BaseError::io("write", path, error))?;
            return Ok(Self { file, path: path.to_owned(), temporary: None });
        }
        let path = match fs::canonicalize(path) {
            // The file that a link leads to is replaced, not the link.
            Ok(path) => path,
            Err(error) if error.kind() == ErrorKind::NotFound => path.to_owned(),
            Err(error) => return Err(BaseError::io("write", path, error).into()),
        };
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => {
                Err(Error::sql(format!("cannot write '{}': it is a folder", path.display()))
                    .with_hint("give the name of a file in it"))
            }
            Ok(metadata) if !metadata.is_file() => {
                let file = OpenOptions::new().write(true).open(&path);
                let file = file.map_err(|error| BaseError::io("write", &path, error))?;
                Ok(Self { file, path, temporary: None })
            }
            existing => Self::beside(path, existing.ok()),
        }
    }

    /// Begins a file beside `path`, with the access rights of the one that it replaces.
    fn beside(path: PathBuf, existing: Option<fs::Metadata>) -> Result<Self> {
        let Some(name) = path.file_name() else {
            return Err(Error::sql(format!("'{}' is no file name", path.display())));
        };
        if existing.as_ref().is_some_and(|metadata| metadata.permissions().readonly()) {
            let denied = io::Error::from(ErrorKind::PermissionDenied);
            return Err(BaseError::io("write", path, denied).into());
        }
        for number in 0..1000 {
            let mut hidden = std::ffi::OsString::from(".");
            hidden.push(name);
            hidden.push(format!(".{}-{number}.tmp", std::process::id()));
            let temporary = path.with_file_name(hidden);
            let file = match OpenOptions::new().write(true).create_new(true).open(&temporary) {
                Ok(file) => file,
                Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
                Err(error) if error.kind() == ErrorKind::NotFound => return Err(no_folder(&path)),
                Err(error) => return Err(BaseError::io("write", path, error).into()),
            };
            let output = Self { file, path, temporary: Some(temporary) };
            if let Some(metadata) = existing {
                let set = output.file.set_permissions(metadata.permissions());
                set.map_err(|error| output.failed(error))?;
            }
            return Ok(output);
        }
        Err(Error::sql(format!("cannot write '{}': no free name beside it", path.display())))
    }

    /// Makes the file durable and gives it its name.
    ///
    /// # Errors
    /// What the operating system says; the file that was there before is still there.
    pub(crate) fn finish(mut self) -> Result<()> {
        self.flush().map_err(|error| self.failed(error))?;
        let Some(temporary) = &self.temporary else { return Ok(()) };
        self.file.sync_all().map_err(|error| self.failed(error))?;
        fs::rename(temporary, &self.path).map_err(|error| self.failed(error))?;
        self.temporary = None;
        Ok(())
    }

    /// An error of this file.
    pub(crate) fn failed(&self, error: io::Error) -> Error {
        BaseError::io("write", &self.path, error).into()
    }
}

/// Opens what this process has open already, if the path means that.
fn open_stream(path: &Path) -> Option<io::Result<File>> {
    let is_one_of = |names: [&str; 3]| names.iter().any(|name| path == Path::new(name));
    if is_one_of(["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"]) {
        return Some(io::stdout().as_fd().try_clone_to_owned().map(File::from));
    }
    if is_one_of(["/dev/stderr", "/dev/fd/2", "/proc/self/fd/2"]) {
        return Some(io::stderr().as_fd().try_clone_to_owned().map(File::from));
    }
    let is_device = path.starts_with("/dev/fd") || path.starts_with("/proc");
    is_device.then(|| OpenOptions::new().append(true).open(path))
}

fn no_folder(path: &Path) -> Error {
    let folder = path.parent().unwrap_or(Path::new(""));
    Error::sql(format!(
        "cannot write '{}': there is no folder '{}'",
        path.display(),
        folder.display()
    ))
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            // The statement has failed for another reason, which is the one to report.
            let _ = fs::remove_file(temporary);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_file_appears_only_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        fs::write(&path, "old").unwrap();
        let mut output = Output::create(&path).unwrap();
        output.write_all(b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        output.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["a.csv"]);
    }

    #[test]
    fn a_file_that_is_given_up_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut output = Output::create(&folder.path().join("a.csv")).unwrap();
        output.write_all(b"half").unwrap();
        drop(output);
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = Output::create(&folder.path().join("x/a.csv")).unwrap_err();
        assert!(error.message.ends_with("/x'"), "{}", error.message);
        assert!(Output::create(folder.path()).unwrap_err().message.contains("it is a folder"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_reported() {
        let mut output = Output::create(Path::new("/dev/full")).unwrap();
        let error = output.write_all(b"x").unwrap_err();
        let message = output.failed(error).message;
        assert!(message.contains("/dev/full") && message.contains("disk is full"), "{message}");
    }

    #[cfg(unix)]
    #[test]
    fn the_target_of_a_link_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("a.csv"), folder.path().join("b.csv"));
        fs::write(&target, "old").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let mut output = Output::create(&link).unwrap();
        output.write_all(b"new").unwrap();
        output.finish().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }
}
