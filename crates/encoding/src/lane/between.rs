//! Offsets against an interval, from their bytes straight to the bits of a selection.
//!
//! The rows of a selection's word lie beside each other in the FastLanes order too: offset `r` of
//! all lanes is 128 bytes of rows in their order, and comparing them gives two words, one, half of
//! one or a quarter. So nothing is unpacked, no flag is written, and no bits are put in order.
//!
//! ```text
//!   a lane of offsets of 5 bits               what is compared: one of them on top of rubbish
//!   ┌───┬───────┬───────┬───────┐             ┌───────┬─────────────┐
//!   │ … │ r + 1 │ r     │ r - 1 │  ── << ──►  │ r     │ r - 1 …     │ - low <= last
//!   └───┴───────┴───────┴───────┘             └───────┴─────────────┘
//!                                       low   │ low   │ 0 0 0 0 0 0 │
//!                                       last  │ span  │ 1 1 1 1 1 1 │
//! ```
//!
//! An offset is shifted to the top of its lane and not masked. The bits below it do not matter,
//! because the lower end of the interval has zeros there and its length has ones. Bytes are read
//! from the first to the last, which processors foresee: asking for them in advance gains nothing.
//!
//! Only processors whose comparisons give bits are served here. For the others, and for whatever
//! is not an interval, [`super::unpack`] and [`Vector::retain`](super::Vector::retain) do it.

use crate::cpu::InstructionSet;
use starfact_base::limits::VECTOR_ROWS;

#[cfg(target_arch = "x86_64")]
mod avx512;

/// Words of a selection that belong to one vector.
const VECTOR_WORDS: usize = VECTOR_ROWS / 64;

/// An interval of the offsets of one width.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Between {
    width: u8,
    /// The offsets are not packed but lie one after the other.
    in_order: bool,
    low: u64,
    span: u64,
}

impl Between {
    /// The packed offsets `low..=low + span`, 1 to 64 bits wide; those beyond the largest count
    /// from 0 again.
    pub(crate) fn new(width: u8, low: u64, span: u64) -> Self {
        assert!((1..=64).contains(&width), "an offset has 1 to 64 bits");
        let largest = u64::MAX >> (64 - width);
        Self { width, in_order: false, low: low & largest, span: span & largest }
    }

    /// All packed offsets but `low..=low + span`; `None` if there are no others.
    pub(crate) fn outside(width: u8, low: u64, span: u64) -> Option<Self> {
        let inside = Self::new(width, low, span);
        let others = ((u64::MAX >> (64 - width)) - inside.span).checked_sub(1)?;
        Some(Self::new(width, low.wrapping_add(span).wrapping_add(1), others))
    }

    /// The same of offsets that are not packed: they have the width of a lane, and lie one after
    /// the other.
    pub(crate) fn in_order(self) -> Self {
        assert!(matches!(self.width, 8 | 16 | 32 | 64), "lanes have such widths");
        Self { in_order: true, ..self }
    }

    /// Clears the bits of `words` whose offsets are not in the interval, and returns whether it
    /// did: it does nothing where there is no kernel for it, which wants words for a whole vector.
    /// `bytes` begins with the vector.
    pub(crate) fn retain(&self, bytes: &[u8], words: &mut [u64]) -> bool {
        let words: Result<&mut [u64; VECTOR_WORDS], _> = words.try_into();
        match (InstructionSet::best(), words) {
            // SAFETY: the processor has the instructions of this level.
            #[cfg(target_arch = "x86_64")]
            (InstructionSet::Avx512, Ok(words)) => unsafe { avx512::retain(self, bytes, words) },
            _ => false,
        }
    }

    /// The lower end, and the length less one, at the top of a lane of so many bits.
    fn at_top(&self, lane_bits: u32) -> (u64, u64) {
        let below = lane_bits - u32::from(self.width);
        (self.low << below, self.span << below | ((1 << below) - 1))
    }
}

#[cfg(test)]
mod tests;
