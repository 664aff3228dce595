//! Whatever fails, and whenever: records whose sync returned are read back, the others are there
//! whole or not at all, in order. That holds for crashes during recovery, too.

use super::super::*;
use super::support::*;
use starfact_base::Result;
use starfact_vfs::{Dir, Fault, FaultDir, FaultMode, MemDir};
use std::cell::Cell;
use std::io::ErrorKind;
use std::sync::Arc;

const MODES: [FaultMode; 4] =
    [FaultMode::Fail, FaultMode::Tear, FaultMode::Freeze, FaultMode::TearAndFreeze];

/// Records of the workload.
const RECORDS: u64 = 12;

/// Writes [`RECORDS`] records to three logs; `acknowledged` is the last one whose sync returned.
fn work(dir: &Arc<dyn Dir>, acknowledged: &Cell<u64>) -> Result<()> {
    let mut log = LogWriter::create(dir, 1, 1)?;
    for record in 1..=RECORDS {
        log.append(&payload_of(record))?;
        // Groups of one, two and three records.
        if [1, 3, 6, 7, 9, 12].contains(&record) {
            log.sync(record)?;
            acknowledged.set(record);
        }
        if [3, 7].contains(&record) {
            log = LogWriter::create(dir, log.number() + 1, log.next())?;
        }
    }
    Ok(())
}

fn fault(at: u64, mode: FaultMode) -> Option<Fault> {
    Some(Fault { at, mode, kind: ErrorKind::StorageFull })
}

/// Runs the workload with a fault at every operation, in every mode.
fn for_every_fault(check: &dyn Fn(&MemDir, u64, &str)) {
    let run = |fault| {
        let mem = MemDir::new();
        let faulty = FaultDir::new(Arc::new(mem.clone()), fault);
        let acknowledged = Cell::new(0);
        let dir: Arc<dyn Dir> = Arc::new(faulty.clone());
        let outcome = work(&dir, &acknowledged);
        (mem, faulty, acknowledged.get(), outcome)
    };
    let (_, counter, acknowledged, outcome) = run(None);
    outcome.unwrap();
    assert_eq!(acknowledged, RECORDS);
    let operations = counter.operations();
    assert!(operations > 40, "{operations}");
    for mode in MODES {
        for at in 0..operations {
            let (mem, faulty, acknowledged, outcome) = run(fault(at, mode));
            assert!(faulty.has_struck() && outcome.is_err(), "{mode:?} at {at}");
            check(&mem, acknowledged, &format!("{mode:?} at {at} of {operations}"));
        }
    }
}

/// All that a power cut might leave now.
fn crashes(mem: &MemDir) -> impl Iterator<Item = MemDir> + '_ {
    std::iter::once(mem.crash()).chain((0..24).map(|seed| mem.crash_with_luck(seed)))
}

/// Recovers, and checks what must be there; returns the last record and the log to go on with.
fn recover_checked(mem: &MemDir, acknowledged: u64, context: &str) -> (u64, LogWriter) {
    let dir: Arc<dyn Dir> = Arc::new(mem.clone());
    let mut reader = LogReader::new(0, 1);
    let (visited, recovered) =
        try_recover(&dir, &mut reader).unwrap_or_else(|error| panic!("{context}: {error}"));
    let last = visited.end - 1;
    assert!(last >= acknowledged, "{context}: {last} without {acknowledged}");
    assert!(last <= RECORDS, "{context}: {last}");
    let log = recovered.log.unwrap_or_else(|| {
        LogWriter::create(&dir, recovered.next_log, reader.next_record()).unwrap()
    });
    assert_eq!((log.durable(), log.next()), (last, last + 1), "{context}");
    (last, log)
}

#[test]
fn a_power_cut_at_any_time() {
    for_every_fault(&|mem, acknowledged, context| {
        for after in crashes(mem) {
            let marked = found(&after, 0, 1, Until::Mark);
            let (last, log) = recover_checked(&after, acknowledged, context);
            assert!(marked.end - 1 <= last, "{context}");
            // What was recovered is durable from now on, and so is what comes after.
            assert_eq!(found(&after.crash(), 0, 1, Until::Mark), 1..last + 1, "{context}");
            append_all(&log, last + 1..=last + 2);
            log.sync(last + 2).unwrap();
            assert_eq!(found(&after, 0, 1, Until::Mark), 1..last + 3, "{context}");
            // A power cut may take the newest mark, but not what it covered.
            assert_eq!(found(&after.crash(), 0, 1, Until::End), 1..last + 3, "{context}");
        }
    });
}

#[test]
fn the_end_of_the_process_at_any_time_and_then_a_power_cut() {
    // The operating system still has all that was written, until the power goes as well.
    for_every_fault(&|mem, acknowledged, context| {
        assert!(found(mem, 0, 1, Until::Mark).end > acknowledged, "{context}");
        let (last, _log) = recover_checked(mem, acknowledged, context);
        for after in crashes(mem) {
            assert_eq!(found(&after, 0, 1, Until::Mark), 1..last + 1, "{context}");
        }
    });
}

#[test]
fn a_crash_during_recovery_at_any_time() {
    for_every_fault(&|mem, acknowledged, context| {
        for first in [mem.crash(), mem.crash_with_luck(1), mem.crash_with_luck(2)] {
            for at in 0.. {
                let second = first.crash_with_luck(0);
                let faulty = FaultDir::new(Arc::new(second.clone()), None);
                faulty.set_fault(fault(at, FaultMode::TearAndFreeze));
                let dir: Arc<dyn Dir> = Arc::new(faulty.clone());
                let outcome = try_recover(&dir, &mut LogReader::new(0, 1));
                for seed in 0..4 {
                    let third = second.crash_with_luck(seed);
                    let (last, _) = recover_checked(&third, acknowledged, context);
                    if let Ok((visited, _)) = &outcome {
                        assert_eq!(last, visited.end - 1, "{context}, {at}");
                    }
                }
                if !faulty.has_struck() {
                    break;
                }
            }
        }
    });
}

#[test]
fn a_failed_write_or_sync_may_be_followed_by_another_log() {
    // The store is opened again without a crash.
    for_every_fault(&|mem, acknowledged, context| {
        let (last, log) = recover_checked(mem, acknowledged, context);
        append_all(&log, last + 1..=last + 1);
        log.sync(last + 1).unwrap();
        assert_eq!(found(&mem.crash(), 0, 1, Until::End), 1..last + 2, "{context}");
    });
}
