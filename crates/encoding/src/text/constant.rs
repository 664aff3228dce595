//! Constant: one text for every row.
//!
//! ```text
//!   ┌─────┬────────┬───────────────┐
//!   │ tag │ length │ UTF-8         │
//!   │ u8  │ u32    │ `length` bytes│
//!   └─────┴────────┴───────────────┘
//!    = 17   at most 16 MiB
//! ```

use super::views::{Views, view};
use crate::bytes::{Reader, Writer};
use arrow::buffer::Buffer;
use starfact_base::Corruption;
use starfact_base::limits::STRING_BYTES_MAX;

pub(crate) const TAG: u8 = 17;
pub(crate) const NAME: &str = "constant";

/// A node whose rows are all the same.
#[derive(Clone, Debug)]
pub(crate) struct Constant {
    /// UTF-8.
    bytes: Buffer,
}

impl Constant {
    /// Writes a text, which is within the limit.
    pub(crate) fn encode(text: &[u8], writer: &mut Writer) {
        writer.u8(TAG);
        writer.u32(text.len());
        writer.extend(text);
    }

    pub(super) fn parse(reader: &mut Reader) -> Result<Self, Corruption> {
        let position = reader.position();
        let len = reader.u32("length of a text")? as usize;
        if len > STRING_BYTES_MAX {
            let expected = format!("at most {STRING_BYTES_MAX}");
            return Err(Corruption::new(position as u64, "length of a text", expected, len));
        }
        let position = reader.position();
        let bytes = reader.take(len, NAME)?;
        match std::str::from_utf8(bytes.as_slice()) {
            Ok(_) => Ok(Self { bytes }),
            Err(error) => {
                let at = position + error.valid_up_to();
                Err(Corruption::new(at as u64, "text", "UTF-8", "other bytes"))
            }
        }
    }

    pub(super) fn text(&self) -> &[u8] {
        self.bytes.as_slice()
    }

    /// The text of `rows` rows.
    pub(super) fn fetch(&self, rows: usize) -> Views {
        Views::new(vec![view(self.text(), 0); rows], self.bytes.clone())
    }
}
