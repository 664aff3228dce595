//! The bytes of a log.
//!
//! ```text
//! starfact-log 2 7 41 5f3a9c1e 5d08db15↵   kind · format version · number of the log · number of
//!                                          its first record · salt · CRC-32C of the text before
//!
//! frame   0         4         8                   16          20
//!         │ length  │ kind    │ record            │ checksum  │ payload, `length` bytes
//!         │ u32     │ u32     │ u64               │ u32       │
//!
//! kind 1  a record; `record` is its number
//! kind 2  a mark: all records up to `record` are durable; no payload
//! ```
//!
//! The checksum of a frame is the CRC-32C of the 16 bytes before it and the payload, continued from
//! the salt. The salt is a random number of each log, so neither bytes of other logs nor a payload
//! that looks like frames pass for frames of this one. That makes it safe to look for marks behind
//! a wrong frame, at every byte.

use starfact_base::checksum::{checksum, extend};
use starfact_base::{Corruption, Error, Result};

/// Bytes of the largest record.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 256 << 20;
/// Bytes of a frame without payload, as marks are.
pub(super) const FRAME_BYTES: usize = 20;
/// The greatest number that a record may have.
pub(super) const RECORD_MAX: u64 = i64::MAX.unsigned_abs();

/// The version that this build writes, and the newest that it reads. Version 1 had no compressed
/// records.
const LOG_VERSION: u32 = 2;
const KIND: &str = "starfact-log";
/// Bytes within which the header line must end.
const HEADER_BYTES_MAX: usize = 100;

const RECORD: u32 = 1;
const MARK: u32 = 2;

/// What the header line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The number of the log.
    pub(super) number: u64,
    /// The number of its first record, also if it has none yet.
    pub(super) first: u64,
    /// What the checksums of its frames begin with.
    pub(super) salt: u32,
}

impl Header {
    /// The line, with its end.
    pub(super) fn line(&self) -> String {
        self.line_of(LOG_VERSION)
    }

    fn line_of(&self, version: u32) -> String {
        let Self { number, first, salt } = self;
        let text = format!("{KIND} {version} {number} {first} {salt:08x} ");
        let sum = checksum(text.as_bytes());
        format!("{text}{sum:08x}\n")
    }

    /// Reads the line at the start of the log `number`; returns its length as well.
    ///
    /// # Errors
    /// [`Error::Corrupt`]; [`Error::UnsupportedVersion`] if a newer Starfact wrote the file.
    pub(super) fn parse(path: &str, number: u64, bytes: &[u8]) -> Result<(Self, usize)> {
        let corrupt = |what: &str, expected: &str, found: &str| {
            Corruption::new(0, what, expected, found.escape_debug()).in_file(path)
        };
        let front = bytes.get(..bytes.len().min(HEADER_BYTES_MAX)).unwrap_or_default();
        let line_end = front.iter().position(|&byte| byte == b'\n').map(|at| at + 1);
        let Some(line) = line_end.and_then(|end| front.get(..end)) else {
            let found = String::from_utf8_lossy(front);
            return Err(corrupt("header line", "a line of text", &found));
        };
        let byte_len = line.len();
        let line = String::from_utf8_lossy(line);
        let mut words = line.split(' ');
        if words.next() != Some(KIND) {
            return Err(corrupt("file signature", KIND, &line));
        }
        let version = match words.next().and_then(|word| word.parse::<u32>().ok()) {
            Some(found) if found > LOG_VERSION => {
                let supported = LOG_VERSION;
                return Err(Error::UnsupportedVersion { path: path.into(), found, supported });
            }
            Some(found) => found.max(1),
            None => LOG_VERSION,
        };
        let first = words.nth(1).and_then(|word| word.parse().ok()).unwrap_or_default();
        let salt = words.next().and_then(|word| u32::from_str_radix(word, 16).ok());
        // All is right exactly if this is the line that we would write.
        let header = Self { number, first, salt: salt.unwrap_or_default() };
        let expected = header.line_of(version);
        if line != expected {
            return Err(corrupt("header line", expected.trim_end(), line.trim_end()));
        }
        if !(1..=RECORD_MAX).contains(&first) {
            let expected = format!("from 1 to {RECORD_MAX}");
            return Err(corrupt("number of the first record", &expected, &first.to_string()));
        }
        Ok((header, byte_len))
    }
}

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    /// A record with this payload.
    Record(&'a [u8]),
    /// A mark.
    Mark,
}

/// A frame in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placed<'a> {
    pub(super) frame: Frame<'a>,
    /// Its record, or the last one that it covers.
    pub(super) record: u64,
    /// The offset behind it.
    pub(super) end: usize,
}

/// Appends a record. The payload has at most [`PAYLOAD_BYTES_MAX`] bytes.
pub(super) fn push_record(out: &mut Vec<u8>, salt: u32, record: u64, payload: &[u8]) {
    push(out, salt, RECORD, record, payload);
}

/// Appends a mark.
pub(super) fn push_mark(out: &mut Vec<u8>, salt: u32, record: u64) {
    push(out, salt, MARK, record, &[]);
}

fn push(out: &mut Vec<u8>, salt: u32, kind: u32, record: u64, payload: &[u8]) {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    out.reserve(FRAME_BYTES + payload.len());
    let start = out.len();
    out.extend(length.to_le_bytes());
    out.extend(kind.to_le_bytes());
    out.extend(record.to_le_bytes());
    let sum = extend(salt, out.get(start..).unwrap_or_default());
    out.extend(extend(sum, payload).to_le_bytes());
    out.extend(payload);
}

/// The frame at `at`; `None` if that is the end of the file.
///
/// # Errors
/// How the bytes there differ from a frame; the offset is within the file.
pub(super) fn frame(bytes: &[u8], at: usize, salt: u32) -> Result<Option<Placed<'_>>, Corruption> {
    let rest = bytes.get(at..).unwrap_or_default();
    let wrong = |what: &str, expected: String, found: String| {
        Err(Corruption::new(at as u64, what, expected, found))
    };
    if rest.is_empty() {
        return Ok(None);
    }
    let Some(head) = Head::read(rest) else {
        let expected = format!("{FRAME_BYTES} bytes or more");
        return wrong("frame", expected, format!("{} bytes", rest.len()));
    };
    let length = head.length as usize;
    if length > PAYLOAD_BYTES_MAX {
        let expected = format!("at most {PAYLOAD_BYTES_MAX}");
        return wrong("length of a frame", expected, length.to_string());
    }
    let Some(payload) = head.behind.get(..length) else {
        let found = format!("{} bytes", head.behind.len());
        return wrong("payload of a frame", format!("{length} bytes"), found);
    };
    let sum = extend(extend(salt, head.summed), payload);
    if sum != head.checksum {
        let found = format!("{:08x}", head.checksum);
        return wrong("checksum of a frame", format!("{sum:08x}"), found);
    }
    let frame = match head.kind {
        RECORD => Frame::Record(payload),
        MARK if payload.is_empty() => Frame::Mark,
        kind => {
            let found = format!("{kind} with {length} bytes");
            return wrong("kind of a frame", format!("{RECORD}, or {MARK} with 0 bytes"), found);
        }
    };
    Ok(Some(Placed { frame, record: head.record, end: at + FRAME_BYTES + length }))
}

/// Looks for a mark from the byte `from` on, wherever it begins, that covers record `least`.
/// Returns where it is and the last record that it covers.
pub(super) fn find_mark(bytes: &[u8], from: usize, salt: u32, least: u64) -> Option<(usize, u64)> {
    (from..bytes.len()).find_map(|at| {
        let head = Head::read(bytes.get(at..)?)?;
        let may_be = head.kind == MARK && head.length == 0 && head.record >= least;
        let placed = if may_be { frame(bytes, at, salt).ok()? } else { None };
        placed.map(|mark| (at, mark.record))
    })
}

/// The part of a frame before its payload.
struct Head<'a> {
    length: u32,
    kind: u32,
    record: u64,
    checksum: u32,
    /// The bytes before the checksum.
    summed: &'a [u8],
    /// All bytes after it.
    behind: &'a [u8],
}

impl<'a> Head<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk()?;
        let (kind, rest) = rest.split_first_chunk()?;
        let (record, rest) = rest.split_first_chunk()?;
        let summed = bytes.get(..bytes.len() - rest.len())?;
        let (checksum, behind) = rest.split_first_chunk()?;
        Some(Self {
            length: u32::from_le_bytes(*length),
            kind: u32::from_le_bytes(*kind),
            record: u64::from_le_bytes(*record),
            checksum: u32::from_le_bytes(*checksum),
            summed,
            behind,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: u32 = 0x5f3a_9c1e;

    fn parse(number: u64, line: &str) -> Result<(Header, usize)> {
        Header::parse("wal/7.wal", number, line.as_bytes())
    }

    #[test]
    fn a_header_is_read_back_only_as_it_is_written() {
        for (number, first) in [(1, 1), (7, 41), (u64::MAX, RECORD_MAX)] {
            let header = Header { number, first, salt: SALT };
            let line = header.line();
            assert_eq!(parse(number, &line).unwrap(), (header, line.len()));
            let with_more = format!("{line}frames");
            assert_eq!(parse(number, &with_more).unwrap(), (header, line.len()));
            assert!(parse(number - 1, &line).unwrap_err().is_corrupt(), "of another log");
            for at in 0..line.len() {
                assert!(parse(number, &line[..at]).is_err(), "cut at {at}");
                for bit in 0..8 {
                    let mut flipped = line.clone().into_bytes();
                    flipped[at] ^= 1 << bit;
                    let found = Header::parse("wal/7.wal", number, &flipped);
                    assert!(found.is_err(), "{at} bit {bit}");
                }
            }
        }
    }

    #[test]
    fn logs_of_the_first_version_are_read() {
        let header = Header { number: 7, first: 41, salt: SALT };
        let line = "starfact-log 1 7 41 5f3a9c1e 4ef0bbe6\n";
        assert_eq!(parse(7, line).unwrap(), (header, line.len()));
        assert!(parse(7, &line.replacen(" 1 ", " 01 ", 1)).unwrap_err().is_corrupt());
    }

    #[test]
    fn a_header_bounds_the_number_of_its_record() {
        for first in [0, RECORD_MAX + 1, u64::MAX] {
            let line = Header { number: 7, first, salt: SALT }.line();
            let message = parse(7, &line).unwrap_err().to_string();
            assert!(message.contains("number of the first record at byte 0"), "{message}");
        }
    }

    #[test]
    fn a_newer_version_is_refused_with_both_named() {
        let message = parse(7, "starfact-log 3 something new\n").unwrap_err().to_string();
        assert!(message.contains("version 3") && message.contains("up to version 2"), "{message}");
        let message = parse(7, "starfact-current 1 0 0\n").unwrap_err().to_string();
        assert!(message.contains("file signature"), "{message}");
    }

    #[test]
    fn frames_are_read_back() {
        let mut bytes = b"before".to_vec();
        push_record(&mut bytes, SALT, 41, b"payload");
        push_record(&mut bytes, SALT, 42, b"");
        push_mark(&mut bytes, SALT, 42);
        let first = frame(&bytes, 6, SALT).unwrap().unwrap();
        assert_eq!(first, Placed { frame: Frame::Record(b"payload"), record: 41, end: 33 });
        let second = frame(&bytes, 33, SALT).unwrap().unwrap();
        assert_eq!(second, Placed { frame: Frame::Record(b""), record: 42, end: 53 });
        let third = frame(&bytes, 53, SALT).unwrap().unwrap();
        assert_eq!(third, Placed { frame: Frame::Mark, record: 42, end: 73 });
        assert_eq!(frame(&bytes, 73, SALT).unwrap(), None);
        assert!(frame(&bytes, 53, SALT + 1).is_err(), "a frame of another log");
    }

    #[test]
    fn every_flip_and_truncation_of_a_frame_is_noticed() {
        let mut bytes = Vec::new();
        push_record(&mut bytes, SALT, 41, b"payload");
        for at in 0..bytes.len() {
            assert!(at == 0 || frame(&bytes[..at], 0, SALT).is_err(), "cut at {at}");
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                assert!(frame(&flipped, 0, SALT).is_err(), "{at} bit {bit}");
            }
        }
        assert!(frame(&[0; 64], 0, SALT).is_err() && frame(&[0; 64], 0, 0).is_err(), "zeros");
    }

    #[test]
    fn a_long_frame_is_refused_before_it_is_looked_at() {
        let mut bytes = Vec::new();
        push_record(&mut bytes, SALT, 41, b"payload");
        bytes[..4].copy_from_slice(&(PAYLOAD_BYTES_MAX as u32 + 1).to_le_bytes());
        let message = frame(&bytes, 0, SALT).unwrap_err().to_string();
        assert_eq!(
            message,
            "length of a frame at byte 0: expected at most 268435456, found 268435457"
        );
    }

    #[test]
    fn kinds_that_do_not_exist_are_refused() {
        for (kind, payload) in [(0, "x"), (3, ""), (MARK, "x")] {
            let mut bytes = Vec::new();
            push(&mut bytes, SALT, kind, 41, payload.as_bytes());
            let message = frame(&bytes, 0, SALT).unwrap_err().to_string();
            assert!(message.contains("kind of a frame"), "{kind}: {message}");
        }
    }

    #[test]
    fn marks_are_found_wherever_they_begin() {
        let mut bytes = Vec::new();
        push_record(&mut bytes, SALT, 41, b"payload");
        push_mark(&mut bytes, SALT, 41);
        push_record(&mut bytes, SALT, 42, b"payload");
        push_mark(&mut bytes, SALT, 42);
        assert_eq!(find_mark(&bytes, 0, SALT, 41), Some((27, 41)));
        assert_eq!(find_mark(&bytes, 1, SALT, 40), Some((27, 41)));
        assert_eq!(find_mark(&bytes, 0, SALT, 42), Some((74, 42)));
        assert_eq!(find_mark(&bytes, 28, SALT, 41), Some((74, 42)));
        assert_eq!(find_mark(&bytes, 0, SALT, 43), None);
        assert_eq!(find_mark(&bytes, 75, SALT, 0), None);
        assert_eq!(find_mark(&bytes, 0, SALT + 1, 0), None);
    }
}
