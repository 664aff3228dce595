//! What the tests of the log share: payloads that are known by their number, logs made by hand, and
//! a directory that is slow.

use super::super::format::{Header, push_mark, push_record};
use super::super::*;
use crate::paths;
use starfact_base::Result;
use starfact_vfs::{Dir, Entry, Lock, ReadFile, WriteFile};
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

pub(super) const SALT: u32 = 0x1234_5678;

/// The payload of a record in these tests.
pub(super) fn payload_of(record: u64) -> Vec<u8> {
    (0..record * 7 % 23).map(|at| (record * 31 + at) as u8).collect()
}

pub(super) fn append_all(log: &LogWriter, records: RangeInclusive<u64>) {
    for record in records {
        assert_eq!(log.append(&payload_of(record)).unwrap(), record);
    }
}

/// Reads on and checks every record; returns the numbers of those that were visited.
pub(super) fn try_read_on(
    dir: &dyn Dir,
    reader: &mut LogReader,
    until: Until,
) -> Result<(Range<u64>, ReadEnd)> {
    let mut visited = reader.next_record()..reader.next_record();
    let end = reader.read(dir, until, &mut |record, payload| {
        assert_eq!(record, visited.end);
        assert!(payload == payload_of(record), "{record}");
        visited.end += 1;
        Ok(())
    })?;
    assert_eq!(reader.next_record(), visited.end);
    Ok((visited, end))
}

pub(super) fn read_on(dir: &dyn Dir, reader: &mut LogReader, until: Until) -> Range<u64> {
    let (visited, end) = try_read_on(dir, reader, until).unwrap();
    assert_eq!(end.torn, None);
    visited
}

/// The numbers of all records from a place on.
pub(super) fn found(dir: &dyn Dir, first_log: u64, first: u64, until: Until) -> Range<u64> {
    read_on(dir, &mut LogReader::new(first_log, first), until)
}

pub(super) fn try_recover(
    dir: &Arc<dyn Dir>,
    reader: &mut LogReader,
) -> Result<(Range<u64>, Recovered)> {
    let mut visited = reader.next_record()..reader.next_record();
    let recovered = recover(dir, reader, &mut |record, payload| {
        assert_eq!(record, visited.end);
        assert!(payload == payload_of(record), "{record}");
        visited.end += 1;
        Ok(())
    })?;
    Ok((visited, recovered))
}

pub(super) fn recover_all(
    dir: &Arc<dyn Dir>,
    reader: &mut LogReader,
) -> (Result<Range<u64>>, Recovered) {
    let (visited, recovered) = try_recover(dir, reader).unwrap();
    (Ok(visited), recovered)
}

pub(super) fn put(dir: &dyn Dir, path: &str, bytes: &[u8]) {
    dir.remove_file(path).unwrap();
    let mut file = dir.create(path).unwrap();
    file.write(bytes).unwrap();
    file.finish().unwrap();
}

/// The bytes of a log, put together by hand.
#[derive(Clone)]
pub(super) struct OwnLog {
    number: u64,
    pub(super) bytes: Vec<u8>,
    /// Where each frame begins, and the end.
    pub(super) borders: Vec<usize>,
}

impl OwnLog {
    pub(super) fn new(number: u64, first: u64) -> Self {
        let bytes = Header { number, first, salt: SALT }.line().into_bytes();
        let borders = vec![bytes.len()];
        Self { number, bytes, borders }
    }

    pub(super) fn records(mut self, records: RangeInclusive<u64>) -> Self {
        for record in records {
            push_record(&mut self.bytes, SALT, record, &payload_of(record));
            self.borders.push(self.bytes.len());
        }
        self
    }

    pub(super) fn mark(mut self, record: u64) -> Self {
        push_mark(&mut self.bytes, SALT, record);
        self.borders.push(self.bytes.len());
        self
    }

    pub(super) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend(bytes);
        self
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn put(&self, dir: &dyn Dir) {
        put(dir, &paths::log(self.number), &self.bytes);
    }
}

/// A directory whose files are written in pieces, slowly, and that counts their syncs.
#[derive(Clone, Debug)]
pub(super) struct SlowDir {
    inner: Arc<dyn Dir>,
    control: Arc<Control>,
}

#[derive(Debug)]
struct Control {
    syncs: AtomicU64,
    /// How long a sync takes.
    pause: Duration,
    /// Whether the next sync panics.
    panics: AtomicBool,
}

impl SlowDir {
    pub(super) fn new(inner: impl Dir + 'static, pause: Duration) -> Self {
        let control = Control { syncs: AtomicU64::new(0), pause, panics: AtomicBool::new(false) };
        Self { inner: Arc::new(inner), control: Arc::new(control) }
    }

    pub(super) fn syncs(&self) -> u64 {
        self.control.syncs.load(Ordering::SeqCst)
    }

    pub(super) fn panic_at_next_sync(&self) {
        self.control.panics.store(true, Ordering::SeqCst);
    }
}

impl Dir for SlowDir {
    fn create(&self, path: &str) -> Result<Box<dyn WriteFile>> {
        let inner = self.inner.create(path)?;
        Ok(Box::new(SlowFile { inner, control: Arc::clone(&self.control) }))
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }

    fn open(&self, path: &str) -> Result<Arc<dyn ReadFile>> {
        self.inner.open(path)
    }

    fn exists(&self, path: &str) -> Result<bool> {
        self.inner.exists(path)
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.inner.rename(from, to)
    }

    fn list(&self, folder: &str) -> Result<Vec<Entry>> {
        self.inner.list(folder)
    }

    fn remove_file(&self, path: &str) -> Result<()> {
        self.inner.remove_file(path)
    }

    fn remove_folder(&self, path: &str) -> Result<()> {
        self.inner.remove_folder(path)
    }

    fn sync_folder(&self, folder: &str) -> Result<()> {
        self.inner.sync_folder(folder)
    }

    fn lock(&self, path: &str, holder: &str, wait: Duration) -> Result<Box<dyn Lock>> {
        self.inner.lock(path, holder, wait)
    }
}

#[derive(Debug)]
struct SlowFile {
    inner: Box<dyn WriteFile>,
    control: Arc<Control>,
}

impl WriteFile for SlowFile {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        for piece in bytes.chunks(11) {
            self.inner.write(piece)?;
            self.inner.flush()?;
            std::thread::yield_now();
        }
        Ok(())
    }

    fn position(&self) -> u64 {
        self.inner.position()
    }

    fn flush(&mut self) -> Result<()> {
        self.inner.flush()
    }

    fn sync(&mut self) -> Result<()> {
        self.control.syncs.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(self.control.pause);
        assert!(!self.control.panics.swap(false, Ordering::SeqCst), "told to panic");
        self.inner.sync()
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.inner.finish()
    }
}
