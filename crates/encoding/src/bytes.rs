//! The cursor that parses a block and the buffer that a block is written into.
//!
//! All numbers are little-endian. The reader bounds every length by the bytes that are there and
//! says where in the block it was; slices it hands out share the memory of the block.

use arrow::buffer::Buffer;
use starfact_base::Corruption;
use starfact_base::limits::BLOCK_ALIGNMENT;

/// Reads a block front to back.
#[derive(Debug)]
pub(crate) struct Reader {
    bytes: Buffer,
    position: usize,
}

impl Reader {
    pub(crate) fn new(bytes: bytes::Bytes) -> Self {
        Self { bytes: Buffer::from(bytes), position: 0 }
    }

    /// Bytes read so far: the offset within the block.
    pub(crate) fn position(&self) -> usize {
        self.position
    }

    /// The next `len` bytes.
    pub(crate) fn take(&mut self, len: usize, what: &str) -> Result<Buffer, Corruption> {
        let left = self.bytes.len() - self.position;
        if len > left {
            let position = self.position as u64;
            return Err(Corruption::new(position, what, format!("{len} bytes"), left));
        }
        let slice = self.bytes.slice_with_length(self.position, len);
        self.position += len;
        Ok(slice)
    }

    fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], Corruption> {
        let position = self.position;
        let bytes = self.take(N, what)?;
        bytes.as_slice().first_chunk().copied().ok_or_else(|| {
            Corruption::new(position as u64, what, format!("{N} bytes"), bytes.len())
        })
    }

    pub(crate) fn u8(&mut self, what: &str) -> Result<u8, Corruption> {
        self.array(what).map(u8::from_le_bytes)
    }

    pub(crate) fn u32(&mut self, what: &str) -> Result<u32, Corruption> {
        self.array(what).map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self, what: &str) -> Result<u64, Corruption> {
        self.array(what).map(u64::from_le_bytes)
    }

    pub(crate) fn i128(&mut self, what: &str) -> Result<i128, Corruption> {
        self.array(what).map(i128::from_le_bytes)
    }

    /// A number that counts something and must lie in `1..=max`.
    pub(crate) fn count(&mut self, max: usize, what: &str) -> Result<usize, Corruption> {
        let position = self.position as u64;
        let count = self.u32(what)? as usize;
        if count == 0 || count > max {
            return Err(Corruption::new(position, what, format!("1 to {max}"), count));
        }
        Ok(count)
    }

    /// Skips the padding up to the next multiple of [`BLOCK_ALIGNMENT`].
    pub(crate) fn align(&mut self) -> Result<(), Corruption> {
        let padding = aligned(self.position) - self.position;
        self.take(padding, "padding").map(drop)
    }

    /// Everything has to be read by now.
    pub(crate) fn finish(&self) -> Result<(), Corruption> {
        match self.bytes.len() - self.position {
            0 => Ok(()),
            left => {
                let what = "bytes after the last node of the block";
                Err(Corruption::new(self.position as u64, what, 0, left))
            }
        }
    }
}

/// Writes a block front to back.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// Bytes written so far: the offset within the block.
    pub(crate) fn position(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub(crate) fn u32(&mut self, value: usize) {
        debug_assert!(u32::try_from(value).is_ok(), "a length within a block fits 32 bits");
        self.bytes.extend_from_slice(&(value as u32).to_le_bytes());
    }

    pub(crate) fn i128(&mut self, value: i128) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn reserve(&mut self, bytes: usize) {
        self.bytes.reserve(bytes);
    }

    /// Pads with zeros up to the next multiple of [`BLOCK_ALIGNMENT`].
    pub(crate) fn align(&mut self) {
        self.bytes.resize(aligned(self.bytes.len()), 0);
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// The next multiple of [`BLOCK_ALIGNMENT`] from `position` on.
pub(crate) fn aligned(position: usize) -> usize {
    position.next_multiple_of(BLOCK_ALIGNMENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_was_written() {
        let mut writer = Writer::default();
        writer.u8(7);
        writer.u32(1 << 20);
        writer.i128(i128::MIN);
        writer.align();
        writer.extend(b"end");
        assert_eq!(writer.position(), 67);
        let mut reader = Reader::new(writer.into_bytes().into());
        assert_eq!(reader.u8("a"), Ok(7));
        assert_eq!(reader.count(1 << 20, "b"), Ok(1 << 20));
        assert_eq!(reader.i128("c"), Ok(i128::MIN));
        reader.align().unwrap();
        assert!(reader.finish().is_err());
        assert_eq!(reader.take(3, "d").unwrap().as_slice(), b"end");
        assert_eq!((reader.position(), reader.finish()), (67, Ok(())));
    }

    #[test]
    fn a_length_beyond_the_block_says_where_and_how_much_is_left() {
        let mut reader = Reader::new(vec![9, 0, 0, 0, 1].into());
        assert_eq!(reader.count(8, "runs"), Err(Corruption::new(0, "runs", "1 to 8", 9)));
        assert_eq!(reader.take(2, "text"), Err(Corruption::new(4, "text", "2 bytes", 1)));
        assert!(reader.take(usize::MAX, "text").is_err());
        assert!(reader.align().is_err());
    }
}
