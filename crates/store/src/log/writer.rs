//! Writes a log: many threads append, one at a time writes and syncs for all.
//!
//! Shared between threads is the state behind one lock: the frames that nobody has written yet, and
//! the file while nobody writes. A thread in [`LogWriter::sync`] that finds the file there takes it
//! and all frames, and works without the lock; the others append meanwhile, or wait. When it is
//! done it puts the file back and wakes them all: whose record is durable returns, and one of the
//! rest is the next to write.
//!
//! After a failed write or sync the file is given up, and from then on every call fails with the
//! first error. After a failed sync nobody knows what is durable, and trying again would not tell.
//! But if there was no space for a write, then it is known which records the operating system has:
//! those of earlier writes. The log is *full*, and another one may go on after them.

use super::format::{FRAME_BYTES, Header, PAYLOAD_BYTES_MAX, RECORD_MAX, push_mark, push_record};
use crate::paths;
use starfact_base::{Error, Result};
use starfact_vfs::{Dir, WriteFile};
use std::hash::{BuildHasher, RandomState};
use std::io::ErrorKind;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// The smallest unit in which file systems give out space.
const PAGE_BYTES: u64 = 4096;

/// A log that takes records. Dropped, it forgets those that nobody synced.
#[derive(Debug)]
pub(crate) struct LogWriter {
    header: Header,
    state: Mutex<State>,
    /// Told when a write is over.
    is_settled: Condvar,
}

#[derive(Debug)]
struct State {
    /// Frames that nobody has begun to write.
    buffer: Vec<u8>,
    /// The number of the next record.
    next: u64,
    /// The last record that the operating system has.
    written: u64,
    /// The last record that is durable.
    synced: u64,
    /// The last record that is durable and marked: less than `synced` only if that failed.
    durable: u64,
    /// Bytes of the file, with those of the buffer.
    byte_len: u64,
    /// `None` while a thread writes, and after a failure.
    file: Option<Box<dyn WriteFile>>,
    failure: Option<Error>,
    /// Whether that was nothing but a lack of space.
    is_full: bool,
}

impl LogWriter {
    /// Makes the log `number`, durably with its name. `first` is the number of its first record,
    /// from 1 on.
    ///
    /// The log before takes no more records, and all that it has were synced, or are never needed.
    /// That holds after [`Error::ReadOnly`] as well, as this log may be there all the same.
    ///
    /// # Errors
    /// Of the file system. [`Error::ReadOnly`]: it is not known whether the log is durable.
    pub(crate) fn create(dir: &Arc<dyn Dir>, number: u64, first: u64) -> Result<Self> {
        NewLog::begin(dir, number, first)?.publish()
    }

    /// Appends a record and returns its number. Nothing is written yet: the bytes wait in memory
    /// for the next sync.
    ///
    /// # Errors
    /// [`Error::Limit`] if the payload is too long; the error of the first failed sync.
    pub(crate) fn append(&self, payload: &[u8]) -> Result<u64> {
        check_payload(payload)?;
        let mut state = self.state();
        if let Some(failure) = &state.failure {
            return Err(repeat(failure));
        }
        let record = state.next;
        check_record(record)?;
        push_record(&mut state.buffer, self.header.salt, record, payload);
        state.next += 1;
        state.byte_len += (FRAME_BYTES + payload.len()) as u64;
        Ok(record)
    }

    /// Waits until a record that was appended is durable and marked, and all before it.
    ///
    /// # Errors
    /// The first error of writing this log. Then it is not known which of the records are durable
    /// that no sync has returned for.
    pub(crate) fn sync(&self, record: u64) -> Result<()> {
        self.hand_over(record, true)
    }

    /// Waits until a record that was appended is with the operating system, and all before it: they
    /// survive the end of this process, and a power cut only once they are synced.
    ///
    /// # Errors
    /// As those of [`LogWriter::sync`].
    pub(crate) fn write(&self, record: u64) -> Result<()> {
        self.hand_over(record, false)
    }

    fn hand_over(&self, record: u64, syncs: bool) -> Result<()> {
        let mut state = self.state();
        loop {
            if record <= if syncs { state.durable } else { state.written } {
                return Ok(());
            }
            if record >= state.next {
                return Err(Error::internal(format!("record {record} is not in the log yet")));
            }
            if let Some(failure) = &state.failure {
                return Err(repeat(failure));
            }
            state = match state.file.take() {
                Some(file) => {
                    let mut frames = std::mem::take(&mut state.buffer);
                    let before = frames.len() as u64;
                    self.make_room(file.position() + before, state.durable, &mut frames);
                    state.byte_len += frames.len() as u64 - before;
                    let turn = Turn { log: self, last: state.next - 1, syncs, outcome: None };
                    drop(state);
                    turn.run(file, frames);
                    self.state()
                }
                None => self.is_settled.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Sees to it that the mark which follows the frames, up to the byte `end`, lies in a page that
    /// the last of them has begun: where there is no space for the mark, there is none for that
    /// frame. What moves them there is a mark that says nothing new.
    fn make_room(&self, end: u64, durable: u64, frames: &mut Vec<u8>) {
        let rest = (PAGE_BYTES - end % PAGE_BYTES) % PAGE_BYTES;
        if rest < FRAME_BYTES as u64 {
            let mut moved = Vec::with_capacity(FRAME_BYTES + frames.len());
            push_mark(&mut moved, self.header.salt, durable);
            moved.append(frames);
            *frames = moved;
        }
    }

    /// The last record that is durable and marked; the number before the first record if none is.
    pub(crate) fn durable(&self) -> u64 {
        self.state().durable
    }

    /// The last record that the operating system has, as far as is known.
    pub(crate) fn written(&self) -> u64 {
        self.state().written
    }

    /// The last record that is durable, even if there was no space for its mark.
    pub(crate) fn synced(&self) -> u64 {
        self.state().synced
    }

    /// Whether it takes no more records, for whatever reason.
    pub(crate) fn has_failed(&self) -> bool {
        self.state().failure.is_some()
    }

    /// Whether it takes no more records because there was no space. What was appended and not
    /// written is lost then, and says so to those who wait for it.
    pub(crate) fn is_full(&self) -> bool {
        self.state().is_full
    }

    /// The number of the log.
    pub(crate) fn number(&self) -> u64 {
        self.header.number
    }

    /// Bytes of the file, with those that wait to be written.
    pub(crate) fn byte_len(&self) -> u64 {
        self.state().byte_len
    }

    /// The number that the next record gets.
    pub(crate) fn next(&self) -> u64 {
        self.state().next
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The turn of the one thread that writes. However it ends, also by a panic, the others hear of it.
struct Turn<'a> {
    log: &'a LogWriter,
    /// The last record of the frames.
    last: u64,
    /// Whether it makes them durable, too.
    syncs: bool,
    /// `None` after a panic.
    outcome: Option<Written>,
}

/// How a turn has ended.
enum Written {
    /// All is done.
    All(Box<dyn WriteFile>),
    /// The records are durable, but there was no space for the mark, which readers need.
    Unmarked(Error),
    /// There was no space for the records.
    Full(Error),
    /// Nobody knows what is in the file.
    Unknown(Error),
}

impl Turn<'_> {
    fn run(mut self, file: Box<dyn WriteFile>, frames: Vec<u8>) {
        self.outcome = Some(self.write(file, &frames));
    }

    fn write(&self, mut file: Box<dyn WriteFile>, frames: &[u8]) -> Written {
        // Until the flush, a lack of space is all that can have kept bytes from the file.
        if let Err(error) = file.write(frames).and_then(|()| file.flush()) {
            let end = if is_full(&error) { Written::Full } else { Written::Unknown };
            return end(self.named(error));
        }
        if !self.syncs {
            return Written::All(file);
        }
        if let Err(error) = file.sync() {
            return Written::Unknown(self.named(error));
        }
        let mut mark = Vec::with_capacity(FRAME_BYTES);
        push_mark(&mut mark, self.log.header.salt, self.last);
        match file.write(&mark).and_then(|()| file.flush()) {
            Ok(()) => Written::All(file),
            Err(error) if is_full(&error) => Written::Unmarked(self.named(error)),
            Err(error) => Written::Unknown(self.named(error)),
        }
    }

    /// The error with the name that the file has by now.
    fn named(&self, error: Error) -> Error {
        match error {
            Error::Io { op, source, .. } => Error::io(op, paths::log(self.log.number()), source),
            other => other,
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.log.state();
        let panicked = || Error::internal("the thread that wrote the log panicked");
        let outcome = self.outcome.take().unwrap_or_else(|| Written::Unknown(panicked()));
        if matches!(outcome, Written::All(_) | Written::Unmarked(_)) {
            state.written = self.last;
            if self.syncs {
                state.synced = self.last;
            }
        }
        match outcome {
            Written::All(file) => {
                state.file = Some(file);
                if self.syncs {
                    state.durable = self.last;
                    state.byte_len += FRAME_BYTES as u64;
                }
            }
            Written::Unmarked(error) | Written::Full(error) => {
                state.failure = Some(error);
                state.is_full = true;
            }
            Written::Unknown(error) => state.failure = Some(error),
        }
        self.log.is_settled.notify_all();
    }
}

/// A log that is being made and has no name yet that counts.
#[derive(Debug)]
pub(super) struct NewLog {
    dir: Arc<dyn Dir>,
    header: Header,
    file: Box<dyn WriteFile>,
    next: u64,
    /// The frame that is being written.
    frame: Vec<u8>,
}

impl NewLog {
    pub(super) fn begin(dir: &Arc<dyn Dir>, number: u64, first: u64) -> Result<Self> {
        check_record(first)?;
        let path = paths::new_log(number);
        dir.remove_file(&path)?;
        let header = Header { number, first, salt: random() };
        let mut file = dir.create(&path)?;
        file.write(header.line().as_bytes())?;
        Ok(Self { dir: Arc::clone(dir), header, file, next: first, frame: Vec::new() })
    }

    pub(super) fn append(&mut self, payload: &[u8]) -> Result<()> {
        check_payload(payload)?;
        check_record(self.next)?;
        self.frame.clear();
        push_record(&mut self.frame, self.header.salt, self.next, payload);
        self.file.write(&self.frame)?;
        self.next += 1;
        Ok(())
    }

    /// The number of the next record.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Makes the log durable, and then its name. Nobody sees the mark before that, so it is true.
    pub(super) fn publish(mut self) -> Result<LogWriter> {
        let last = self.next - 1;
        if self.next > self.header.first {
            self.frame.clear();
            push_mark(&mut self.frame, self.header.salt, last);
            self.file.write(&self.frame)?;
        }
        self.file.sync()?;
        let path = paths::log(self.header.number);
        if self.dir.exists(&path)? {
            return Err(Error::internal(format!("there is a log {path} already")));
        }
        self.dir.rename(&paths::new_log(self.header.number), &path)?;
        self.dir.sync_folder(paths::LOGS).map_err(|error| {
            Error::ReadOnly(format!(
                "it is not known whether the new log {path} was made durable ({error}): open the \
                 warehouse again, and check the disk"
            ))
        })?;
        let state = State {
            buffer: Vec::new(),
            next: self.next,
            written: last,
            synced: last,
            durable: last,
            byte_len: self.file.position(),
            file: Some(self.file),
            failure: None,
            is_full: false,
        };
        Ok(LogWriter { header: self.header, state: Mutex::new(state), is_settled: Condvar::new() })
    }
}

/// Whether nothing but space was missing.
fn is_full(error: &Error) -> bool {
    matches!(error, Error::Io { source, .. }
        if matches!(source.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded))
}

fn check_payload(payload: &[u8]) -> Result<()> {
    if payload.len() <= PAYLOAD_BYTES_MAX {
        return Ok(());
    }
    Err(Error::Limit {
        what: format!("a change of {} bytes", payload.len()),
        limit: format!("{PAYLOAD_BYTES_MAX} bytes for a record of the log"),
    })
}

fn check_record(record: u64) -> Result<()> {
    if (1..=RECORD_MAX).contains(&record) {
        return Ok(());
    }
    Err(Error::internal(format!("{record} is no number of a record")))
}

/// The same error once more.
fn repeat(error: &Error) -> Error {
    match error {
        Error::Io { op, path, source } => {
            let source = std::io::Error::new(source.kind(), source.to_string());
            Error::io(op, path, source)
        }
        Error::Internal(message) => Error::internal(message.as_str()),
        other => Error::ReadOnly(other.to_string()),
    }
}

/// A number that differs from log to log. The standard library offers none but the keys of its hash
/// maps.
fn random() -> u32 {
    let hash = RandomState::new().hash_one(std::process::id());
    u32::try_from(hash >> 32).unwrap_or_default()
}
