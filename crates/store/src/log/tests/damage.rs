//! Every flip and every truncation of a log is an error, a clean cut or makes no difference; what
//! was marked never goes unnoticed.

use super::super::format::{push_mark, push_record};
use super::super::*;
use super::support::*;
use starfact_base::Error;
use starfact_vfs::{Dir, MemDir};

/// Two groups, the second of two records, and records without mark.
fn sample() -> OwnLog {
    OwnLog::new(1, 1).records(1..=1).mark(1).records(2..=3).mark(3).records(4..=5)
}

const MARKED: u64 = 3;
const ALL: u64 = 5;

/// The last record that is read of these bytes, and what was torn.
fn last_read(bytes: &[u8], until: Until) -> Result<(u64, Option<Torn>), Error> {
    let dir = MemDir::new();
    put(&dir, "wal/1.wal", bytes);
    let (visited, end) = try_read_on(&dir, &mut LogReader::new(1, 1), until)?;
    Ok((visited.end - 1, end.torn))
}

fn message(error: &Error) -> String {
    assert!(error.is_corrupt(), "{error}");
    error.to_string()
}

#[test]
fn the_sample_is_read() {
    let log = sample();
    assert_eq!(last_read(&log.bytes, Until::End).unwrap(), (ALL, None));
    assert_eq!(last_read(&log.bytes, Until::Mark).unwrap(), (MARKED, None));
}

#[test]
fn every_flip_is_noticed_or_makes_no_difference() {
    let log = sample();
    let last_mark = log.borders[4]..log.borders[5];
    assert_eq!(last_mark.len(), 20);
    for at in 0..log.len() {
        for bit in 0..8 {
            let mut flipped = log.bytes.clone();
            flipped[at] ^= 1 << bit;
            let context = format!("byte {at} bit {bit}");
            match last_read(&flipped, Until::End) {
                Ok((last, torn)) => {
                    assert!(at >= last_mark.start, "{context}: marked records are damaged");
                    assert!((MARKED..ALL).contains(&last), "{context}: {last}");
                    let torn = torn.expect(&context);
                    assert!(torn.offset as usize <= at, "{context}: {torn:?}");
                    assert_eq!(torn.offset + torn.byte_len, log.len() as u64, "{context}");
                }
                Err(error) => assert!(at < last_mark.start, "{context}: {error}"),
            }
            match last_read(&flipped, Until::Mark) {
                Ok((last, torn)) => {
                    let expected = if last_mark.contains(&at) { 1 } else { MARKED };
                    assert_eq!((last, torn), (expected, None), "{context}");
                }
                Err(error) => assert!(at < last_mark.start, "{context}: {error}"),
            }
        }
    }
}

#[test]
fn every_flip_in_a_log_that_another_follows_is_noticed_or_makes_no_difference() {
    let log = sample();
    let end_of_needed = log.borders[4];
    let next = OwnLog::new(2, 4).records(4..=6).mark(6);
    for at in 0..log.len() {
        for bit in 0..8 {
            let dir = MemDir::new();
            let mut log = log.clone();
            log.bytes[at] ^= 1 << bit;
            log.put(&dir);
            next.put(&dir);
            for until in [Until::Mark, Until::End] {
                let read = try_read_on(&dir, &mut LogReader::new(1, 1), until);
                assert_eq!(read.is_ok(), at >= end_of_needed, "byte {at} bit {bit}");
                if let Ok((visited, end)) = read {
                    assert_eq!((visited, end.torn), (1..7, None), "byte {at} bit {bit}");
                }
            }
        }
    }
}

#[test]
fn every_truncation_is_an_error_or_a_clean_cut() {
    let log = sample();
    let next = OwnLog::new(2, 4).records(4..=6).mark(6);
    for len in 0..log.len() {
        let cut = &log.bytes[..len];
        let is_headless = len < log.borders[0];
        // Frames: record 1, mark, record 2, record 3, mark, records 4 and 5.
        let last_of_frames = [0, 1, 1, 2, 3, 3, 4, 5];
        let frames = log.borders.iter().filter(|&&border| border <= len).count();
        match last_read(cut, Until::End) {
            Ok((last, torn)) => {
                assert!(!is_headless, "cut at {len}");
                assert_eq!(last, last_of_frames[frames - 1], "cut at {len}");
                let border = log.borders[frames - 1];
                let torn = torn.map(|torn| (torn.offset as usize, torn.byte_len as usize));
                let expected = (border < len).then_some((border, len - border));
                assert_eq!(torn, expected, "cut at {len}");
            }
            Err(error) => assert!(is_headless, "cut at {len}: {}", message(&error)),
        }
        let marked = [0, 0, 1, 1, 1, 3, 3, 3];
        match last_read(cut, Until::Mark) {
            Ok(read) => assert_eq!(read, (marked[frames - 1], None), "cut at {len}"),
            Err(error) => assert!(is_headless, "cut at {len}: {}", message(&error)),
        }
        let dir = MemDir::new();
        put(&dir, "wal/1.wal", cut);
        next.put(&dir);
        let read = try_read_on(&dir, &mut LogReader::new(1, 1), Until::Mark);
        assert_eq!(read.is_ok(), len >= log.borders[4], "cut at {len}, with another log behind");
    }
}

#[test]
fn pages_that_never_came_to_the_disk_are_a_torn_tail() {
    let log = sample();
    let tail = log.borders[5];
    for from in tail..log.len() {
        for to in from + 1..=log.len() {
            let mut bytes = log.bytes.clone();
            bytes[from..to].fill(0);
            if bytes == log.bytes {
                continue;
            }
            let (last, torn) = last_read(&bytes, Until::End).unwrap();
            let expected = if from < log.borders[6] { 3 } else { 4 };
            assert_eq!((last, torn.is_some()), (expected, true), "{from}..{to}");
        }
    }
    let zeros = log.clone().bytes(&[0; 4096]);
    let (last, torn) = last_read(&zeros.bytes, Until::End).unwrap();
    let torn = torn.unwrap();
    assert_eq!((last, torn.offset as usize, torn.byte_len), (5, log.len(), 4096));
    assert_eq!(last_read(&zeros.bytes, Until::Mark).unwrap(), (3, None));
}

#[test]
fn damage_names_file_offset_expected_and_found() {
    let mut log = sample();
    let at = log.borders[2];
    log.bytes[at + 16] ^= 1;
    let text = message(&last_read(&log.bytes, Until::Mark).unwrap_err());
    let start = format!("wal/1.wal is damaged: checksum of a frame at byte {at}: expected ");
    assert!(text.starts_with(&start) && text.contains(", found "), "{text}");
    let dir = MemDir::new();
    let text = message(&try_read_on(&dir, &mut LogReader::new(1, 9), Until::End).unwrap_err());
    assert_eq!(
        text,
        "wal/1.wal is damaged: file at byte 0: expected the log of record 9, found no such file"
    );
}

#[test]
fn frames_out_of_order_are_damage() {
    for (log, what) in [
        (OwnLog::new(1, 1).records(1..=1).records(3..=3), "number of a record"),
        (OwnLog::new(1, 1).records(1..=1).records(1..=1), "number of a record"),
        (OwnLog::new(1, 1).records(2..=2), "number of a record"),
        (OwnLog::new(1, 1).records(1..=1).mark(2), "record of a mark"),
        (OwnLog::new(1, 1).mark(1).records(1..=1), "record of a mark"),
    ] {
        for until in [Until::Mark, Until::End] {
            let text = message(&last_read(&log.bytes, until).unwrap_err());
            assert!(text.contains(what), "{text}");
        }
    }
}

#[test]
fn a_payload_that_looks_like_frames_is_no_mark() {
    // A table may well hold the bytes of a log. Frames in a torn record are not taken for frames of
    // this log, because they were made with another salt.
    let mut inside = Vec::new();
    push_mark(&mut inside, SALT + 1, 1);
    let mut log = OwnLog::new(1, 1);
    push_record(&mut log.bytes, SALT, 1, &inside.repeat(3));
    let torn = &log.bytes[..log.len() - 1];
    let (last, torn) = last_read(torn, Until::End).unwrap();
    assert_eq!((last, torn.is_some()), (0, true));
}

#[test]
fn a_log_that_follows_ends_the_one_before() {
    let dir = MemDir::new();
    sample().bytes(b"torn").put(&dir);
    OwnLog::new(3, 4).records(4..=4).mark(4).put(&dir);
    assert_eq!(found(&dir, 1, 1, Until::End), 1..5, "records 4 and 5 of the first do not count");
    assert_eq!(found(&dir, 1, 1, Until::Mark), 1..5);

    // It may not end what was durable.
    OwnLog::new(3, 3).records(3..=4).mark(4).put(&dir);
    for until in [Until::Mark, Until::End] {
        let read = try_read_on(&dir, &mut LogReader::new(1, 1), until);
        let text = message(&read.unwrap_err());
        assert!(text.contains("record of a mark at byte"), "{text}");
        assert!(text.contains("expected at most 2, as another log goes on, found 3"), "{text}");
    }
    // Nor begin later than that ends.
    sample().put(&dir);
    OwnLog::new(3, 7).records(7..=7).mark(7).put(&dir);
    let text = message(&try_read_on(&dir, &mut LogReader::new(1, 1), Until::End).unwrap_err());
    assert!(text.contains("records up to 6, found the end of the file before record 6"), "{text}");
    // Unless the records between are not needed.
    assert_eq!(found(&dir, 1, 7, Until::End), 7..8);
    assert_eq!(found(&dir, 1, 8, Until::Mark), 8..8);
}

#[test]
fn a_missing_log_is_damage_if_records_may_be_missing() {
    let dir = MemDir::new();
    for until in [Until::Mark, Until::End] {
        assert!(try_read_on(&dir, &mut LogReader::new(1, 1), until).unwrap_err().is_corrupt());
        assert_eq!(found(&dir, 0, 1, until), 1..1);
    }
    OwnLog::new(2, 4).records(4..=5).mark(5).put(&dir);
    for (log, first) in [(0, 1), (1, 1), (1, 3), (3, 6)] {
        let read = try_read_on(&dir, &mut LogReader::new(log, first), Until::Mark);
        assert!(read.unwrap_err().is_corrupt(), "{log}, {first}");
    }
    for (log, first) in [(0, 4), (1, 4), (1, 5), (2, 4), (2, 9)] {
        assert_eq!(found(&dir, log, first, Until::Mark), first..first.max(6), "{log}, {first}");
    }
    OwnLog::new(4, 8).records(8..=8).mark(8).put(&dir);
    assert!(try_read_on(&dir, &mut LogReader::new(2, 4), Until::Mark).unwrap_err().is_corrupt());
}

#[test]
fn a_log_that_became_shorter_is_damage() {
    let dir = MemDir::new();
    let log = sample();
    log.put(&dir);
    let mut reader = LogReader::new(1, 1);
    assert_eq!(read_on(&dir, &mut reader, Until::Mark), 1..4);
    put(&dir, "wal/1.wal", &log.bytes[..log.borders[3]]);
    let text = message(&try_read_on(&dir, &mut reader, Until::Mark).unwrap_err());
    assert!(text.contains("file length at byte 0"), "{text}");
}

#[test]
fn damage_in_what_is_not_needed_any_more_does_no_harm() {
    // The records that may be needed are torn, and the damage is in one before.
    let mut log = OwnLog::new(1, 1).records(1..=2).mark(2).records(3..=3);
    let at = log.borders[1];
    log.bytes[at] ^= 1;
    let dir = MemDir::new();
    log.put(&dir);
    for until in [Until::Mark, Until::End] {
        let read = |first| try_read_on(&dir, &mut LogReader::new(1, first), until);
        assert!(read(2).unwrap_err().is_corrupt());
        let (visited, end) = read(3).unwrap();
        assert_eq!((visited, end.torn.is_some()), (3..3, until == Until::End));
    }

    let mut log = sample();
    let at = log.borders[0];
    log.bytes[at] ^= 1;
    let dir = MemDir::new();
    log.put(&dir);
    OwnLog::new(2, 4).records(4..=4).mark(4).put(&dir);
    assert!(try_read_on(&dir, &mut LogReader::new(1, 3), Until::Mark).unwrap_err().is_corrupt());
    assert_eq!(found(&dir, 1, 4, Until::Mark), 4..5);
    assert_eq!(dir.list("wal").unwrap().len(), 2);
}
