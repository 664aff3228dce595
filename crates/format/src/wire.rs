//! Little-endian fields in a byte slice: a bounded reader and the matching appends.
//!
//! The reader never indexes past its slice: a field that is not there is a [`Corruption`] that
//! names the field.

use starfact_base::{Corruption, Scalar};

/// Reads fields from front to back and knows how far it has come.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    pub(crate) fn position(&self) -> u64 {
        self.position as u64
    }

    pub(crate) fn remaining(&self) -> usize {
        self.bytes.len() - self.position
    }

    pub(crate) fn take(&mut self, count: usize, what: &str) -> Result<&'a [u8], Corruption> {
        let found = self.remaining();
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let Some(field) = rest.get(..count) else {
            return Err(Corruption::new(
                self.position(),
                what,
                format!("{count} bytes"),
                format!("{found}"),
            ));
        };
        self.position += count;
        Ok(field)
    }

    /// What was read from `position` on.
    pub(crate) fn since(&self, position: u64) -> &'a [u8] {
        let start = usize::try_from(position).unwrap_or(usize::MAX);
        self.bytes.get(start..self.position).unwrap_or_default()
    }

    /// Everything has to be read by now.
    pub(crate) fn finish(&self, what: &str) -> Result<(), Corruption> {
        match self.remaining() {
            0 => Ok(()),
            left => Err(Corruption::new(self.position(), format!("bytes after {what}"), 0, left)),
        }
    }

    fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], Corruption> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N, what)?);
        Ok(out)
    }

    pub(crate) fn u8(&mut self, what: &str) -> Result<u8, Corruption> {
        Ok(u8::from_le_bytes(self.array(what)?))
    }

    pub(crate) fn u16(&mut self, what: &str) -> Result<u16, Corruption> {
        Ok(u16::from_le_bytes(self.array(what)?))
    }

    pub(crate) fn u32(&mut self, what: &str) -> Result<u32, Corruption> {
        Ok(u32::from_le_bytes(self.array(what)?))
    }

    pub(crate) fn u64(&mut self, what: &str) -> Result<u64, Corruption> {
        Ok(u64::from_le_bytes(self.array(what)?))
    }

    pub(crate) fn i64(&mut self, what: &str) -> Result<i64, Corruption> {
        Ok(i64::from_le_bytes(self.array(what)?))
    }

    pub(crate) fn i128(&mut self, what: &str) -> Result<i128, Corruption> {
        Ok(i128::from_le_bytes(self.array(what)?))
    }

    /// A tagged scalar, as [`put_scalar`] wrote it.
    pub(crate) fn scalar(&mut self, what: &str) -> Result<Scalar, Corruption> {
        let start = self.position();
        match self.u8(what)? {
            0 => Ok(Scalar::Integer(self.i128(what)?)),
            1 => Ok(Scalar::Float(f64::from_bits(self.u64(what)?))),
            2 => {
                let byte_len = usize::from(self.u16(what)?);
                let bytes = self.take(byte_len, what)?;
                let text = std::str::from_utf8(bytes)
                    .map_err(|_| Corruption::new(start, what, "UTF-8", "other bytes"))?;
                Ok(Scalar::String(text.to_owned()))
            }
            tag => Err(Corruption::new(start, what, "a scalar tag up to 2", tag)),
        }
    }
}

/// Appends a scalar: tag, then 16 bytes of integer, 8 of float, or length (u16) and UTF-8.
///
/// Strings must be shorter than 65,536 bytes; zone maps truncate them far below that.
pub(crate) fn put_scalar(out: &mut Vec<u8>, scalar: &Scalar) {
    match scalar {
        Scalar::Integer(value) => {
            out.push(0);
            out.extend(value.to_le_bytes());
        }
        Scalar::Float(value) => {
            out.push(1);
            out.extend(value.to_bits().to_le_bytes());
        }
        Scalar::String(text) => {
            out.push(2);
            out.extend((text.len() as u16).to_le_bytes());
            out.extend(text.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_survive_a_round_trip() {
        for scalar in [
            Scalar::Integer(i128::MIN),
            Scalar::Float(-0.0),
            Scalar::String("Zürich".into()),
            Scalar::String(String::new()),
        ] {
            let mut bytes = Vec::new();
            put_scalar(&mut bytes, &scalar);
            let mut reader = Reader::new(&bytes);
            assert_eq!(reader.scalar("min"), Ok(scalar));
            assert_eq!(reader.remaining(), 0);
        }
    }

    #[test]
    fn a_missing_field_is_named_with_its_place() {
        let mut reader = Reader::new(&[1, 2, 3]);
        assert_eq!(reader.u16("rows"), Ok(0x0201));
        let damage = reader.u32("block length").unwrap_err();
        assert_eq!(damage.offset, 2);
        assert_eq!(damage.what, "block length");
    }
}
