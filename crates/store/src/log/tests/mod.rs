//! Tests of the log as a whole: what is appended is what is read, over however many logs.

mod crashes;
mod damage;
mod support;
mod threads;

use super::format::{Header, push_mark, push_record};
use super::*;
use crate::log::format::PAYLOAD_BYTES_MAX;
use crate::paths;
use starfact_base::Error;
use starfact_vfs::{Dir, Fault, FaultDir, FaultMode, MemDir, OsDir};
use std::io::ErrorKind;
use std::sync::Arc;
use support::*;

fn round_trip(dir: Arc<dyn Dir>) {
    let log = LogWriter::create(&dir, 1, 1).unwrap();
    assert_eq!((log.number(), log.next(), log.durable()), (1, 1, 0));
    append_all(&log, 1..=5);
    assert_eq!((log.next(), log.durable()), (6, 0));
    assert_eq!(found(dir.as_ref(), 1, 1, Until::End), 1..1, "nothing is written yet");
    log.sync(3).unwrap();
    assert_eq!((log.next(), log.durable()), (6, 5), "a sync takes all along");
    assert_eq!(found(dir.as_ref(), 1, 1, Until::Mark), 1..6);
    append_all(&log, 6..=7);
    log.sync(0).unwrap();
    log.sync(5).unwrap();
    assert_eq!(log.durable(), 5, "those were durable");
    log.sync(7).unwrap();
    assert_eq!(log.byte_len(), dir.open("wal/1.wal").unwrap().len());
    assert_eq!(found(dir.as_ref(), 1, 1, Until::Mark), 1..8);

    let next = LogWriter::create(&dir, 4, log.next()).unwrap();
    assert_eq!((next.number(), next.next(), next.durable()), (4, 8, 7));
    append_all(&next, 8..=9);
    next.sync(9).unwrap();
    for until in [Until::Mark, Until::End] {
        for first in 1..=10 {
            assert_eq!(found(dir.as_ref(), 1, first, until), first..10, "{first}");
        }
        assert_eq!(found(dir.as_ref(), 4, 8, until), 8..10);
        assert_eq!(found(dir.as_ref(), 0, 1, until), 1..10);
    }
    assert_eq!(dir.list("tmp").unwrap(), []);
}

#[test]
fn records_are_read_back() {
    round_trip(Arc::new(MemDir::new()));
    let home = tempfile::tempdir().unwrap();
    round_trip(Arc::new(OsDir::open(home.path()).unwrap()));
}

#[test]
fn records_of_all_sizes_are_read_back() {
    let home = tempfile::tempdir().unwrap();
    let dir: Arc<dyn Dir> = Arc::new(OsDir::open(home.path()).unwrap());
    let log = LogWriter::create(&dir, 1, 1).unwrap();
    let sizes = [0, 1, 19, 20, 21, 1 << 20, (1 << 20) + 1, 3_000_000, 5];
    let payloads = sizes.map(|byte_len| vec![b'x'; byte_len]);
    for payload in &payloads {
        log.append(payload).unwrap();
    }
    log.sync(9).unwrap();
    let mut at = 0;
    let mut reader = LogReader::new(1, 1);
    let end = reader.read(dir.as_ref(), Until::End, &mut |record, payload| {
        assert!(payload == payloads[at], "{record}");
        at += 1;
        Ok(())
    });
    assert_eq!((end.unwrap().torn, at), (None, sizes.len()));
}

#[test]
fn a_record_that_is_too_long_is_refused() {
    let dir: Arc<dyn Dir> = Arc::new(MemDir::new());
    let log = LogWriter::create(&dir, 1, 1).unwrap();
    let error = log.append(&vec![0; PAYLOAD_BYTES_MAX + 1]).unwrap_err();
    assert!(matches!(error, Error::Limit { .. }), "{error}");
    append_all(&log, 1..=1);
    log.sync(1).unwrap();
    assert_eq!(found(dir.as_ref(), 1, 1, Until::Mark), 1..2);
}

#[test]
fn numbers_that_cannot_be_are_refused() {
    let dir: Arc<dyn Dir> = Arc::new(MemDir::new());
    assert!(matches!(LogWriter::create(&dir, 1, 0).unwrap_err(), Error::Internal(_)));
    assert!(matches!(LogWriter::create(&dir, 1, u64::MAX).unwrap_err(), Error::Internal(_)));
    let log = LogWriter::create(&dir, 1, i64::MAX as u64).unwrap();
    log.append(b"the last one").unwrap();
    assert!(matches!(log.append(b"one more").unwrap_err(), Error::Internal(_)));
    assert!(matches!(log.sync(log.next()).unwrap_err(), Error::Internal(_)));
}

#[test]
fn a_log_does_not_take_the_place_of_another() {
    let dir: Arc<dyn Dir> = Arc::new(MemDir::new());
    let log = LogWriter::create(&dir, 1, 1).unwrap();
    append_all(&log, 1..=2);
    log.sync(2).unwrap();
    let error = LogWriter::create(&dir, 1, 3).unwrap_err();
    assert!(error.to_string().contains("there is a log wal/1.wal already"), "{error}");
    assert_eq!(found(dir.as_ref(), 1, 1, Until::Mark), 1..3);
    LogWriter::create(&dir, 2, 3).unwrap();
}

#[test]
fn what_an_attempt_to_make_a_log_left_is_in_nobodys_way() {
    let dir: Arc<dyn Dir> = Arc::new(MemDir::new());
    put(dir.as_ref(), &paths::new_log(1), b"rubbish");
    put(dir.as_ref(), "wal/notes.txt", b"not ours");
    put(dir.as_ref(), "wal/7.wal/folder", b"not ours");
    let log = LogWriter::create(&dir, 1, 1).unwrap();
    append_all(&log, 1..=1);
    log.sync(1).unwrap();
    assert_eq!(found(dir.as_ref(), 1, 1, Until::Mark), 1..2);
}

#[test]
fn a_log_is_durable_when_it_is_made_or_its_fate_is_unknown() {
    let mem = MemDir::new();
    let counter = FaultDir::new(Arc::new(mem.clone()), None);
    let dir: Arc<dyn Dir> = Arc::new(counter.clone());
    LogWriter::create(&dir, 1, 1).unwrap();
    assert!(mem.crash().exists("wal/1.wal").unwrap());
    let operations = counter.operations();
    assert_eq!(operations, 6, "remove, create, write, sync, rename, sync of the folder");
    for at in 0..operations {
        let mem = MemDir::new();
        let fault = Fault { at, mode: FaultMode::Fail, kind: ErrorKind::StorageFull };
        let dir: Arc<dyn Dir> = Arc::new(FaultDir::new(Arc::new(mem.clone()), Some(fault)));
        let error = LogWriter::create(&dir, 1, 1).unwrap_err();
        assert!(error.to_string().contains("disk is full"), "{error}");
        let is_unknown = at == operations - 1;
        assert_eq!(matches!(error, Error::ReadOnly(_)), is_unknown, "{at}: {error}");
        assert_eq!(mem.exists("wal/1.wal").unwrap(), is_unknown, "{at}");
        let again = LogWriter::create(&dir, if is_unknown { 2 } else { 1 }, 1).unwrap();
        append_all(&again, 1..=1);
        again.sync(1).unwrap();
        assert_eq!(found(&mem.crash(), 0, 1, Until::End), 1..2, "{at}");
    }
}

#[test]
fn after_a_failure_nothing_is_tried_again() {
    use ErrorKind::{Other, StorageFull};
    let steps = ["write", "flush", "sync", "write", "flush"];
    let cases = steps.into_iter().enumerate().flat_map(|it| [(it, StorageFull), (it, Other)]);
    for ((step, op), kind) in cases {
        let mem = MemDir::new();
        let faulty = FaultDir::new(Arc::new(mem.clone()), None);
        let dir: Arc<dyn Dir> = Arc::new(faulty.clone());
        let log = LogWriter::create(&dir, 1, 1).unwrap();
        append_all(&log, 1..=2);
        log.sync(2).unwrap();
        let at = faulty.operations() + step as u64;
        faulty.set_fault(Some(Fault { at, mode: FaultMode::Fail, kind }));
        append_all(&log, 3..=4);
        let first = log.sync(3).unwrap_err();
        let message = first.to_string();
        assert!(matches!(first, Error::Io { .. }), "{message}");
        assert!(message.starts_with(&format!("cannot {op} wal/1.wal: ")), "{message}");
        let operations = faulty.operations();
        for _ in 0..2 {
            assert_eq!(log.append(b"more").unwrap_err().to_string(), message);
            assert_eq!(log.sync(4).unwrap_err().to_string(), message);
            log.sync(2).unwrap();
        }
        // Where there was no space for the mark, the records are there.
        let written = if step > 2 && kind == StorageFull { 4 } else { 2 };
        assert_eq!((log.durable(), log.synced(), log.written()), (2, written, written));
        assert_eq!(log.is_full(), kind == StorageFull && op != "sync");
        drop(log);
        assert_eq!(faulty.operations(), operations, "{op}");
        let read = found(&mem, 1, 1, Until::Mark);
        assert!(read == (1..3) || step == 4 && read == (1..5), "{op}: {read:?}");
    }
}

#[test]
fn another_log_goes_on_where_there_was_no_space() {
    for (step, mode) in [(0, FaultMode::Fail), (0, FaultMode::Tear), (1, FaultMode::Fail)] {
        let mem = MemDir::new();
        let faulty = FaultDir::new(Arc::new(mem.clone()), None);
        let dir: Arc<dyn Dir> = Arc::new(faulty.clone());
        let full = LogWriter::create(&dir, 1, 1).unwrap();
        append_all(&full, 1..=2);
        full.sync(2).unwrap();
        append_all(&full, 3..=3);
        full.write(3).unwrap();
        let at = faulty.operations() + step;
        faulty.set_fault(Some(Fault { at, mode, kind: ErrorKind::StorageFull }));
        append_all(&full, 4..=5);
        full.sync(5).unwrap_err();
        assert!(full.is_full() && full.written() == 3 && full.durable() == 2);
        // A torn write of two records has one of them whole.
        let has_one = step == 1 || mode == FaultMode::Tear;
        assert_eq!(has_records(&mem, 1, 4).unwrap(), has_one, "{mode:?}");
        let log = go_on(&dir, 2, 1, &(3..4)).unwrap();
        assert_eq!((log.durable(), log.next()), (3, 4));
        assert_eq!(found(&mem.crash(), 1, 1, Until::End), 1..4);
        append_all(&log, 4..=6);
        log.sync(6).unwrap();
        assert_eq!(found(&mem, 1, 1, Until::Mark), 1..7);
        assert_eq!(found(&mem.crash(), 1, 1, Until::End), 1..7);
        assert!(go_on(&dir, 3, 2, &(7..9)).is_err(), "there are no such records");
    }
}

#[test]
fn a_record_that_a_visit_does_not_accept_is_visited_again() {
    let dir: Arc<dyn Dir> = Arc::new(MemDir::new());
    let log = LogWriter::create(&dir, 1, 1).unwrap();
    append_all(&log, 1..=3);
    log.sync(3).unwrap();
    let log = LogWriter::create(&dir, 2, 4).unwrap();
    append_all(&log, 4..=6);
    log.sync(6).unwrap();
    for until in [Until::Mark, Until::End] {
        let mut reader = LogReader::new(1, 1);
        let mut visits = Vec::new();
        let mut is_refused = false;
        while reader.next_record() < 7 {
            let result = reader.read(dir.as_ref(), until, &mut |record, payload| {
                assert!(payload == payload_of(record));
                is_refused = !is_refused;
                if is_refused {
                    return Err(Error::invalid("not now"));
                }
                visits.push(record);
                Ok(())
            });
            let is_done = reader.next_record() == 7;
            assert_eq!(result.is_ok(), is_done);
        }
        assert_eq!(visits, [1, 2, 3, 4, 5, 6]);
    }
}

#[test]
fn a_place_moves_on_from_log_to_log() {
    let dir: Arc<dyn Dir> = Arc::new(MemDir::new());
    let mut reader = LogReader::new(1, 2);
    let mut go_on = |expected: std::ops::Range<u64>| {
        let before = reader.clone();
        assert_eq!(read_on(dir.as_ref(), &mut reader, Until::Mark), expected);
        assert_eq!(read_on(dir.as_ref(), &mut before.clone(), Until::Mark), expected);
        assert_eq!(reader.next_record(), expected.end);
    };
    let log = LogWriter::create(&dir, 1, 1).unwrap();
    go_on(2..2);
    append_all(&log, 1..=1);
    log.sync(1).unwrap();
    go_on(2..2);
    append_all(&log, 2..=4);
    log.sync(4).unwrap();
    go_on(2..5);
    go_on(5..5);
    let log = LogWriter::create(&dir, 2, 5).unwrap();
    go_on(5..5);
    append_all(&log, 5..=5);
    log.sync(5).unwrap();
    let log = LogWriter::create(&dir, 3, 6).unwrap();
    append_all(&log, 6..=7);
    log.sync(7).unwrap();
    dir.remove_file("wal/1.wal").unwrap();
    go_on(5..8);
    dir.remove_file("wal/2.wal").unwrap();
    append_all(&log, 8..=8);
    log.sync(8).unwrap();
    go_on(8..9);
}

#[test]
fn only_marked_records_are_for_readers() {
    let dir = MemDir::new();
    let log = OwnLog::new(1, 1).records(1..=2).mark(2).records(3..=4);
    log.put(&dir);
    assert_eq!(found(&dir, 1, 1, Until::Mark), 1..3);
    assert_eq!(found(&dir, 1, 1, Until::End), 1..5);
    assert_eq!(found(&dir, 1, 4, Until::Mark), 4..4);
    assert_eq!(found(&dir, 1, 4, Until::End), 4..5);
}

#[test]
fn recovery_copies_what_was_not_marked() {
    let mem = MemDir::new();
    let dir: Arc<dyn Dir> = Arc::new(mem.clone());
    let log = OwnLog::new(5, 1).records(1..=2).mark(2).records(3..=4).bytes(b"torn");
    log.put(&mem);
    let mut reader = LogReader::new(5, 2);
    let (visited, recovered) = recover_all(&dir, &mut reader);
    assert_eq!(visited.unwrap(), 2..5);
    let offset = (log.len() - 4) as u64;
    let torn = Torn { path: "wal/5.wal".into(), offset, byte_len: 4 };
    assert_eq!(recovered.torn, Some(torn));
    assert_eq!((recovered.next_log, reader.next_record()), (7, 5));
    let log = recovered.log.unwrap();
    assert_eq!((log.number(), log.next(), log.durable()), (6, 5, 4));
    assert_eq!(log.byte_len(), mem.open("wal/6.wal").unwrap().len());
    mem.remove_file("wal/5.wal").unwrap();
    assert_eq!(found(&mem.crash(), 5, 3, Until::Mark), 3..5, "the copies are durable and marked");
    append_all(&log, 5..=5);
    log.sync(5).unwrap();
    assert_eq!(found(&mem.crash(), 6, 3, Until::End), 3..6);
}

#[test]
fn recovery_makes_no_log_if_all_is_marked() {
    let mem = MemDir::new();
    let dir: Arc<dyn Dir> = Arc::new(mem.clone());
    let (visited, recovered) = recover_all(&dir, &mut LogReader::new(0, 1));
    assert_eq!((visited.unwrap(), recovered.next_log), (1..1, 1));
    OwnLog::new(5, 1).records(1..=2).mark(2).put(&mem);
    let (visited, recovered) = recover_all(&dir, &mut LogReader::new(5, 1));
    assert_eq!((visited.unwrap(), recovered.next_log), (1..3, 6));
    assert!(recovered.log.is_none() && recovered.torn.is_none());
    // What a manifest has already is not needed from the log.
    OwnLog::new(6, 3).records(3..=4).put(&mem);
    let (visited, recovered) = recover_all(&dir, &mut LogReader::new(5, 5));
    assert_eq!((visited.unwrap(), recovered.next_log), (5..5, 7));
    assert!(recovered.log.is_none());
    let log = LogWriter::create(&dir, 7, 5).unwrap();
    append_all(&log, 5..=5);
    log.sync(5).unwrap();
    assert_eq!(found(&mem, 5, 5, Until::Mark), 5..6);
}

#[test]
fn the_documented_log_is_what_is_written() {
    let header = Header { number: 7, first: 41, salt: 0x5f3a_9c1e };
    let mut bytes = header.line().into_bytes();
    push_record(&mut bytes, header.salt, 41, b"star");
    push_record(&mut bytes, header.salt, 42, b"fact");
    push_mark(&mut bytes, header.salt, 42);
    let document = include_str!("../../../../../docs/FORMAT.md");
    let dump = document.split("<!-- log -->\n```text\n").nth(1).expect("the example");
    let dump = dump.split("```").next().expect("the end of the block");
    let words = dump
        .lines()
        .flat_map(|line| line.split('│').next().unwrap_or_default().split_whitespace().skip(1));
    let documented: Vec<u8> = words.map(|word| u8::from_str_radix(word, 16).unwrap()).collect();
    assert_eq!(documented, bytes, "{bytes:02x?}");
}

#[test]
fn what_is_written_and_not_synced_survives_the_process_and_no_power_cut() {
    let dir = MemDir::new();
    let shared: Arc<dyn Dir> = Arc::new(dir.clone());
    let log = LogWriter::create(&shared, 1, 1).unwrap();
    log.append(b"one").unwrap();
    log.sync(1).unwrap();
    log.append(b"two").unwrap();
    log.write(2).unwrap();
    log.write(2).unwrap();
    assert_eq!(log.durable(), 1);
    let records = |dir: &MemDir| {
        let mut found = Vec::new();
        let mut reader = LogReader::new(1, 1);
        let visit = &mut |record, _: &[u8]| {
            found.push(record);
            Ok(())
        };
        reader.read(dir, Until::End, visit).unwrap();
        found
    };
    assert_eq!(records(&dir), [1, 2]);
    assert_eq!(records(&dir.crash()), [1]);
    log.sync(2).unwrap();
    assert_eq!((log.durable(), records(&dir.crash())), (2, vec![1, 2]));
}

#[test]
fn a_mark_begins_no_page() {
    // So that there is space for it whenever there was for the records.
    for len in 3_900..4_120 {
        let dir = MemDir::new();
        let shared: Arc<dyn Dir> = Arc::new(dir.clone());
        let log = LogWriter::create(&shared, 1, 1).unwrap();
        for (record, len) in [(1, len), (2, 8_192 - len), (3, 5)] {
            log.append(&vec![7; len]).unwrap();
            log.sync(record).unwrap();
            let bytes = dir.read(&paths::log(1)).unwrap();
            assert_eq!(bytes.len() as u64, log.byte_len());
            let (mark_end, records_end) = (bytes.len() - 1, bytes.len() - 21);
            assert_eq!(mark_end / 4096, records_end / 4096, "{len}, record {record}");
        }
        let mut found = Vec::new();
        let visit = &mut |record, _: &[u8]| {
            found.push(record);
            Ok(())
        };
        LogReader::new(1, 1).read(&dir, Until::Mark, visit).unwrap();
        assert_eq!(found, [1, 2, 3]);
    }
}
