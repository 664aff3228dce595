//! Constant: one key for every row.
//!
//! ```text
//!   ┌─────┬───────────────┐
//!   │ tag │ key           │
//!   │ u8  │ i128          │
//!   └─────┴───────────────┘
//!    = 1
//! ```

use crate::bytes::{Reader, Writer};
use crate::types::Domain;
use starfact_base::Corruption;

pub(crate) const TAG: u8 = 1;
pub(crate) const NAME: &str = "constant";

/// A node whose rows are all the same.
#[derive(Clone, Debug)]
pub(crate) struct Constant {
    pub(crate) key: i128,
}

impl Constant {
    /// Where the node ends that begins at `position`.
    pub(crate) fn estimate(position: usize) -> usize {
        position + 1 + size_of::<i128>()
    }

    pub(crate) fn encode(key: i128, writer: &mut Writer) {
        writer.u8(TAG);
        writer.i128(key);
    }

    pub(super) fn parse(reader: &mut Reader, domain: Domain) -> Result<Self, Corruption> {
        let position = reader.position();
        let key = reader.i128(NAME)?;
        domain.check(key, position, NAME)?;
        Ok(Self { key })
    }
}
