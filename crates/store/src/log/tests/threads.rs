//! Tests with many threads: group commit, failures that all of them hear of, readers beside a
//! writer.

use super::super::*;
use super::support::*;
use crate::paths;
use starfact_base::Error;
use starfact_vfs::{Dir, Fault, FaultDir, FaultMode, MemDir, OsDir};
use std::io::ErrorKind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

const THREADS: u64 = 8;

#[test]
fn threads_share_syncs() {
    const EACH: u64 = 40;
    let slow = SlowDir::new(MemDir::new(), Duration::from_millis(1));
    let dir: Arc<dyn Dir> = Arc::new(slow.clone());
    let log = LogWriter::create(&dir, 1, 1).unwrap();
    let syncs = slow.syncs();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let mut before = 0;
                for i in 0..EACH {
                    let record = log.append(&i.to_le_bytes()).unwrap();
                    assert!(record > before);
                    before = record;
                    log.sync(record).unwrap();
                    assert!(log.durable() >= record);
                }
            });
        }
    });
    let syncs = slow.syncs() - syncs;
    assert!((EACH..THREADS * EACH / 2).contains(&syncs), "{syncs}");
    assert_eq!((log.next(), log.durable()), (THREADS * EACH + 1, THREADS * EACH));
    assert_eq!(log.byte_len(), slow.open("wal/1.wal").unwrap().len());

    let mut counts = [0; EACH as usize];
    let mut reader = LogReader::new(1, 1);
    let visit = &mut |_, payload: &[u8]| {
        counts[usize::from(payload[0])] += 1;
        Ok(())
    };
    reader.read(&slow, Until::Mark, visit).unwrap();
    assert_eq!(counts, [THREADS; EACH as usize]);
}

/// Lets many threads append, and then all sync; returns what became of each.
fn sync_together(log: &LogWriter) -> Vec<thread::Result<Result<(), Error>>> {
    let barrier = Barrier::new(THREADS as usize);
    thread::scope(|scope| {
        let sync = || {
            let record = log.append(b"payload").unwrap();
            barrier.wait();
            log.sync(record)
        };
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(sync)).collect();
        threads.into_iter().map(|thread| thread.join()).collect()
    })
}

#[test]
fn a_failure_is_told_to_all_who_wait() {
    let faulty = FaultDir::new(Arc::new(MemDir::new()), None);
    let dir: Arc<dyn Dir> = Arc::new(SlowDir::new(faulty.clone(), Duration::from_millis(20)));
    let log = LogWriter::create(&dir, 1, 1).unwrap();
    // Writes come in pieces, each with a flush.
    log.append(b"").unwrap();
    let at = faulty.operations();
    log.sync(1).unwrap();
    assert_eq!(faulty.operations() - at, 4 + 1 + 1 + 4 + 1);
    // Whatever the first thread takes along, something fails early.
    let at = faulty.operations() + 5;
    faulty.set_fault(Some(Fault { at, mode: FaultMode::Fail, kind: ErrorKind::StorageFull }));
    for outcome in sync_together(&log) {
        let message = outcome.unwrap().unwrap_err().to_string();
        assert!(message.contains(" wal/1.wal: "), "{message}");
        assert!(message.contains("the disk is full"), "{message}");
    }
    assert_eq!(log.durable(), 1);
}

#[test]
fn a_panic_while_writing_stops_the_log_and_nobody_waits_for_ever() {
    let slow = SlowDir::new(MemDir::new(), Duration::from_millis(20));
    let dir: Arc<dyn Dir> = Arc::new(slow.clone());
    let log = LogWriter::create(&dir, 1, 1).unwrap();
    slow.panic_at_next_sync();
    let outcomes = sync_together(&log);
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_err()).count(), 1);
    for result in outcomes.into_iter().flatten() {
        let message = result.unwrap_err().to_string();
        assert!(message.contains("the thread that wrote the log panicked"), "{message}");
    }
    assert!(log.append(b"").is_err() && log.sync(1).is_err());
    assert_eq!(found(&slow, 1, 1, Until::Mark), 1..1);
}

/// A writer that goes from log to log, and readers that must see all that was acknowledged before.
fn read_beside(dir: Arc<dyn Dir>) {
    const RECORDS: u64 = 300;
    let acknowledged = AtomicU64::new(0);
    let mut log = LogWriter::create(&dir, 1, 1).unwrap();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut reader = LogReader::new(1, 1);
                while reader.next_record() <= RECORDS {
                    let least = acknowledged.load(Ordering::SeqCst);
                    let visited = read_on(dir.as_ref(), &mut reader, Until::Mark);
                    assert!(visited.end > least, "{visited:?} without {least}");
                    thread::sleep(Duration::from_micros(100));
                }
            });
        }
        let mut record = 0;
        while record < RECORDS {
            let last = (record + 1 + record % 3).min(RECORDS);
            append_all(&log, record + 1..=last);
            log.sync(last).unwrap();
            acknowledged.store(last, Ordering::SeqCst);
            record = last;
            if record % 50 < 3 {
                log = LogWriter::create(&dir, log.number() + 1, log.next()).unwrap();
            }
        }
        assert!(log.number() > 5);
    });
}

#[test]
fn readers_beside_a_writer_see_what_is_acknowledged() {
    read_beside(Arc::new(SlowDir::new(MemDir::new(), Duration::from_micros(50))));
    let home = tempfile::tempdir().unwrap();
    read_beside(Arc::new(OsDir::open(home.path()).unwrap()));
    let home = tempfile::tempdir().unwrap();
    let dir = OsDir::open(home.path()).unwrap();
    read_beside(Arc::new(SlowDir::new(dir, Duration::from_micros(50))));
}

/// Of log 11 is known how long it was, and log 1 is as long.
#[test]
fn a_log_that_has_grown_is_not_taken_for_another() {
    let mut as_long = 0;
    for records in 1..=23 {
        let dir: Arc<dyn Dir> = Arc::new(MemDir::new());
        let mut next = 1;
        let mut write = |log: &LogWriter, count: u64| {
            append_all(log, next..=next + count - 1);
            next += count;
            log.sync(next - 1).unwrap();
            next
        };
        let mut log = LogWriter::create(&dir, 1, 1).unwrap();
        for number in 2..=11 {
            let next = write(&log, if number == 3 { records } else { 1 });
            log = LogWriter::create(&dir, number, next).unwrap();
        }
        let first = write(&log, 1) - 1;
        let entries = dir.list(paths::LOGS).unwrap();
        let bytes = |name: &str| entries.iter().find(|entry| entry.name == name).unwrap().bytes;
        as_long += usize::from(bytes("1.wal") == bytes("11.wal"));
        let mut reader = LogReader::new(1, 1);
        assert_eq!(read_on(dir.as_ref(), &mut reader, Until::Mark), 1..first + 1);
        assert_eq!(read_on(dir.as_ref(), &mut reader, Until::Mark), first + 1..first + 1);
        write(&log, 1);
        assert_eq!(read_on(dir.as_ref(), &mut reader, Until::Mark), first + 1..first + 2);
    }
    assert!(as_long > 0);
}
