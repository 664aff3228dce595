//! The header line of CURRENT and of manifests: what the file is, in which version, and how to
//! tell that it is whole.
//!
//! ```text
//! starfact-manifest 1 482 9ae0daaf↵     kind · format version · bytes that follow · their CRC-32C
//! {"version":3,"epoch":2,…
//! ```
//!
//! The line is written in one way only; any other spelling of it is damage. From version 3 on its
//! checksum begins with the text before it, so that no flipped bit makes one version of another.

use starfact_base::checksum::{checksum, extend};
use starfact_base::{Corruption, Error, Result};

/// The newest version of manifests that this build reads. What is written says the least version
/// that has all of it, so that older builds open what they can.
pub const MANIFEST_VERSION: u32 = 6;

/// The version of manifests without cubes.
pub(crate) const CLUSTERED_VERSION: u32 = 5;

/// The version of manifests without tables in the order of those that they reference.
pub(crate) const KEY_LISTS_VERSION: u32 = 4;

/// The version of manifests without lists of keys.
pub(crate) const ROWS_VERSION: u32 = 3;

/// The version of manifests with dictionaries and nothing newer.
pub(crate) const DICTIONARIES_VERSION: u32 = 2;

/// The version of CURRENT, and of manifests without anything newer.
pub(crate) const FIRST_VERSION: u32 = 1;

/// Bytes within which the header line must end.
const HEADER_BYTES_MAX: usize = 80;

/// `payload`, of this version, behind its header line.
pub(crate) fn seal(kind: &str, version: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = header(kind, version, payload).into_bytes();
    out.extend(payload);
    out
}

fn header(kind: &str, version: u32, payload: &[u8]) -> String {
    let text = format!("{kind} {version} {} ", payload.len());
    let sum = match version {
        FIRST_VERSION | DICTIONARIES_VERSION => checksum(payload),
        _ => extend(checksum(text.as_bytes()), payload),
    };
    format!("{text}{sum:08x}\n")
}

/// The payload of the file `path`, verified.
///
/// # Errors
/// [`Error::Corrupt`]; [`Error::UnsupportedVersion`] if a newer Starfact wrote the file.
pub(crate) fn unseal<'a>(kind: &str, path: &str, bytes: &'a [u8]) -> Result<&'a [u8]> {
    let corrupt = |what: &str, expected: &str, found: &str| {
        Corruption::new(0, what, expected, found.escape_debug()).in_file(path)
    };
    let front = bytes.get(..bytes.len().min(HEADER_BYTES_MAX)).unwrap_or_default();
    let line_end = front.iter().position(|&byte| byte == b'\n');
    let (line, payload) = match line_end {
        Some(end) => bytes.split_at(end + 1),
        None => {
            let found = String::from_utf8_lossy(front);
            return Err(corrupt("header line", "a line of text", &found));
        }
    };
    let line = String::from_utf8_lossy(line);
    let mut words = line.split(' ');
    if words.next() != Some(kind) {
        return Err(corrupt("file signature", kind, &line));
    }
    let version = match words.next().and_then(|word| word.parse::<u32>().ok()) {
        Some(version) if version > MANIFEST_VERSION => {
            return Err(Error::UnsupportedVersion {
                path: path.into(),
                found: version,
                supported: MANIFEST_VERSION,
            });
        }
        version => version.unwrap_or_default().max(FIRST_VERSION),
    };
    // Version, length and checksum are right exactly if this is the line that we would write.
    let expected = header(kind, version, payload);
    if line != expected {
        return Err(corrupt("header line", expected.trim_end(), line.trim_end()));
    }
    Ok(payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_is_unsealed() {
        for version in FIRST_VERSION..=MANIFEST_VERSION {
            let bytes = seal("starfact-test", version, b"payload");
            assert_eq!(unseal("starfact-test", "FILE", &bytes).unwrap(), b"payload");
        }
        let bytes = seal("starfact-test", 1, b"payload");
        assert_eq!(bytes, b"starfact-test 1 7 f4e36970\npayload".to_vec(), "{bytes:?}");
        assert_eq!(unseal("starfact-test", "FILE", &bytes).unwrap(), b"payload");
    }

    #[test]
    fn a_newer_version_is_refused_with_both_named() {
        let error = unseal("k", "CURRENT", b"k 7 0 00000000\n").unwrap_err();
        let message = error.to_string();
        assert!(message.contains("version 7") && message.contains("up to version 6"), "{message}");
    }

    #[test]
    fn every_flip_and_truncation_is_noticed() {
        for version in FIRST_VERSION..=MANIFEST_VERSION {
            let bytes = seal("starfact-test", version, b"some payload");
            for at in 0..bytes.len() {
                assert!(unseal("starfact-test", "FILE", &bytes[..at]).is_err(), "cut at {at}");
                for bit in 0..8 {
                    let mut flipped = bytes.clone();
                    flipped[at] ^= 1 << bit;
                    assert!(unseal("starfact-test", "FILE", &flipped).is_err(), "{at} bit {bit}");
                }
            }
            let mut longer = bytes.clone();
            longer.push(b' ');
            assert!(unseal("starfact-test", "FILE", &longer).is_err());
        }
    }
}
