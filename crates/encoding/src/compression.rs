//! zstd (RFC 8878) for bytes that nothing else shortens, with bounds on what a frame may claim.

use arrow::buffer::Buffer;
use starfact_base::Corruption;
use starfact_base::limits::BLOCK_BYTES_MAX;
use std::cell::RefCell;
use std::io;
use zstd::bulk::{Compressor, Decompressor};

/// Sentences come out 5 % smaller than at level 1, at three quarters of the speed; the next level
/// that gains as much takes more than twice as long.
const LEVEL: i32 = 3;
/// A compressed block of 4 bytes gives at most 128 KB, so no frame gives more than this times its
/// own length. A frame that claims more is refused before anything is allocated.
const RATIO_MAX: usize = 1 << 15;

thread_local! {
    /// Contexts have tables and windows of their own, so they are made once a thread, not once a
    /// frame.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> =
        RefCell::new(Compressor::new(LEVEL).ok());
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> =
        RefCell::new(Decompressor::new().ok());
}

/// Compresses `bytes`; `None` if the library fails, which it only does without memory.
pub(crate) fn compress(bytes: &[u8]) -> Option<Vec<u8>> {
    COMPRESSOR.with_borrow_mut(|compressor| compressor.as_mut()?.compress(bytes).ok())
}

/// Whether to keep a compressed form: it must save a quarter, since it costs a pass to read.
pub(crate) fn pays(compressed_bytes: usize, plain_bytes: usize) -> bool {
    compressed_bytes < plain_bytes - plain_bytes / 4
}

/// The bytes that a frame at `position` of the block says it holds.
pub(crate) fn content_bytes(frame: &[u8], position: usize) -> Result<usize, Corruption> {
    let damage = |expected: &str, found: String| {
        Corruption::new(position as u64, "zstd frame", expected, found)
    };
    match zstd::zstd_safe::get_frame_content_size(frame) {
        Ok(Some(stated)) if stated > BLOCK_BYTES_MAX as u64 => {
            let expected = format!("at most {BLOCK_BYTES_MAX} bytes of content");
            Err(damage(&expected, format!("{stated} bytes")))
        }
        Ok(Some(stated)) => Ok(stated as usize),
        Ok(None) | Err(_) => Err(damage("bytes of content", "no content size".into())),
    }
}

/// Decompresses a frame at `position` of the block that must give exactly `len` bytes.
pub(crate) fn decompress(frame: &[u8], len: usize, position: usize) -> Result<Buffer, Corruption> {
    let damage = |found: String| {
        Corruption::new(position as u64, "zstd frame", format!("{len} bytes of content"), found)
    };
    if len > BLOCK_BYTES_MAX || len > frame.len().saturating_mul(RATIO_MAX) {
        return Err(damage(format!("{} bytes, which cannot hold that", frame.len())));
    }
    let stated = content_bytes(frame, position)?;
    if stated != len {
        return Err(damage(format!("{stated} bytes")));
    }
    let bytes = DECOMPRESSOR.with_borrow_mut(|decompressor| match decompressor {
        Some(decompressor) => decompressor.decompress(frame, len),
        None => Err(io::ErrorKind::OutOfMemory.into()),
    });
    let bytes = bytes.map_err(|error| damage(error.to_string()))?;
    if bytes.len() != len {
        return Err(damage(format!("{} bytes", bytes.len())));
    }
    Ok(Buffer::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_back_what_was_compressed() {
        let bytes = b"star schema ".repeat(1_000);
        let frame = compress(&bytes).unwrap();
        assert!(pays(frame.len(), bytes.len()));
        let back = decompress(&frame, bytes.len(), 0).unwrap();
        assert_eq!(back.as_slice(), bytes);
        let empty = compress(b"").unwrap();
        assert_eq!(decompress(&empty, 0, 0).unwrap().len(), 0);
    }

    #[test]
    fn the_densest_frame_is_within_the_ratio() {
        let bytes = vec![0; 64 << 20];
        let frame = compress(&bytes).unwrap();
        assert_eq!(decompress(&frame, bytes.len(), 0).unwrap().len(), bytes.len());
    }

    #[test]
    fn a_frame_of_another_length_is_damage() {
        let frame = compress(&[7; 500]).unwrap();
        for len in [0, 499, 501, 1 << 30, BLOCK_BYTES_MAX + 1, usize::MAX] {
            let damage = decompress(&frame, len, 40).unwrap_err();
            assert_eq!((damage.offset, damage.what.as_str()), (40, "zstd frame"), "{len}");
        }
        assert!(decompress(&frame[..frame.len() - 1], 500, 0).is_err());
        assert!(decompress(b"not zstd at all", 500, 0).is_err());
    }
}
