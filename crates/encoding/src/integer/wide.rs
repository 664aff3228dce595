//! Plain keys of 16 bytes, for decimals more than 64 bits apart; the layout is that of
//! [`super::plain`]. Such columns are rare, so there are no kernels: rows are worked on one by one.

use crate::keys::KeySet;
use crate::native::Native;
use crate::selection::Selection;
use crate::totals::KeyTotals;
use crate::types::Domain;
use arrow::buffer::Buffer;
use starfact_base::Corruption;
use std::ops::Range;

/// Bytes of a key.
pub(crate) const BYTES: u8 = size_of::<i128>() as u8;

/// Keys of 128 bits.
#[derive(Clone, Debug)]
pub(crate) struct Wide {
    pub(super) domain: Domain,
    /// 16 bytes for each row.
    pub(super) bytes: Buffer,
    pub(super) position: usize,
}

impl Wide {
    fn keys(&self) -> &[[u8; BYTES as usize]] {
        self.bytes.as_slice().as_chunks().0
    }

    fn read(&self, bytes: &[u8; BYTES as usize]) -> Result<i128, Corruption> {
        let key = i128::from_le_bytes(*bytes);
        self.domain.check(key, self.position, "value")?;
        Ok(key)
    }

    pub(super) fn decode<T: Native>(
        &self,
        range: Range<usize>,
        out: &mut Vec<T>,
    ) -> Result<(), Corruption> {
        for key in self.keys().get(range).unwrap_or_default() {
            out.push(T::from_key(self.read(key)?));
        }
        Ok(())
    }

    pub(super) fn take<T: Native>(&self, rows: &[u32], out: &mut Vec<T>) -> Result<(), Corruption> {
        let keys = self.keys();
        for &row in rows {
            let beyond = || super::beyond(self.position, row as usize, keys.len());
            let key = keys.get(row as usize).ok_or_else(beyond)?;
            out.push(T::from_key(self.read(key)?));
        }
        Ok(())
    }

    pub(super) fn filter(&self, set: &KeySet, selection: &mut Selection) -> Result<(), Corruption> {
        let keys = self.keys();
        for row in selection.indices() {
            let kept = match keys.get(row as usize) {
                Some(key) => set.contains(self.read(key)?),
                None => false,
            };
            if !kept {
                selection.clear(row as usize);
            }
        }
        Ok(())
    }

    pub(super) fn aggregate(
        &self,
        selection: &Selection,
        totals: &mut KeyTotals,
    ) -> Result<(), Corruption> {
        let keys = self.keys();
        for row in selection.indices() {
            let beyond = || super::beyond(self.position, row as usize, keys.len());
            let key = keys.get(row as usize).ok_or_else(beyond)?;
            totals.add(self.read(key)?, 1);
        }
        Ok(())
    }
}
