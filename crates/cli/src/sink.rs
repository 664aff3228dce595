//! Where results go: standard output, or a file for a while.

use std::fs::File;
use std::io::{self, BufWriter, Stdout, Write};
use std::path::{Path, PathBuf};

const BUFFER_BYTES: usize = 64 << 10;

/// The output of results. What is written waits in a buffer until [`Sink::flush`].
pub struct Sink {
    stdout: BufWriter<Stdout>,
    file: Option<FileTarget>,
}

struct FileTarget {
    path: PathBuf,
    writer: BufWriter<File>,
    /// Whether it is for the next result only.
    once: bool,
}

impl Sink {
    /// Standard output.
    pub fn new() -> Self {
        Self { stdout: BufWriter::with_capacity(BUFFER_BYTES, io::stdout()), file: None }
    }

    /// Sends results to a new file, for ever or for `once`.
    ///
    /// # Errors
    /// When the file cannot be created; then all stays as it was.
    pub fn redirect(&mut self, path: &Path, once: bool) -> io::Result<()> {
        let writer = BufWriter::with_capacity(BUFFER_BYTES, File::create(path)?);
        self.file = Some(FileTarget { path: path.to_owned(), writer, once });
        Ok(())
    }

    /// Sends results to standard output again.
    pub fn restore(&mut self) {
        self.file = None;
    }

    /// A result is complete: what was for one result only ends.
    pub fn end_result(&mut self) {
        if self.file.as_ref().is_some_and(|file| file.once) {
            self.restore();
        }
    }

    /// The file that results go to.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_ref().map(|file| file.path.as_path())
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.file {
            Some(file) => file.writer.write(bytes),
            None => self.stdout.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.file {
            Some(file) => file.writer.flush(),
            None => self.stdout.flush(),
        }
    }
}
