//! Patched: a node that is right for most rows, and the rows for which it is not. Few outliers then
//! do not widen the offsets of all, whether they lie below the others or above; and a double that
//! is no short decimal does not spoil [`super::alp`].
//!
//! ```text
//!   ┌─────┬───────┬─────────────────────┬───────────────────┬────────────────────────┐
//!   │ tag │ count │ positions: integer  │ keys: integer     │ others: integer node   │
//!   │ u8  │ u32   │ node, ascending     │ node of as many   │ of as many rows as this│
//!   └─────┴───────┴─────────────────────┴───────────────────┴────────────────────────┘
//!    = 7   1..=rows
//! ```
//!
//! The key of row `positions[i]` is `keys[i]`, whatever the last node says of it. Positions ascend
//! strictly, which is checked when the node is parsed. (Patching of outliers is from PFOR: Zukowski
//! et al., "Super-Scalar RAM-CPU Cache Compression", ICDE 2006.)

use super::exceptions::Exceptions;
use super::{Evaluate, Integers};
use crate::bytes::{Reader, Writer};
use crate::keys::KeySet;
use crate::native::Native;
use crate::predicate::FilterError;
use crate::selection::Selection;
use crate::totals::KeyTotals;
use crate::types::Domain;
use starfact_base::Corruption;
use std::ops::Range;

pub(crate) const TAG: u8 = 7;
pub(crate) const NAME: &str = "patched";
/// Tag and number of exceptions.
pub(crate) const HEADER_BYTES: usize = 5;

/// Writes the header; the three children follow.
pub(crate) fn encode_header(count: usize, writer: &mut Writer) {
    writer.u8(TAG);
    writer.u32(count);
}

/// A node and its exceptions.
#[derive(Clone, Debug)]
pub(crate) struct Patched {
    exceptions: Exceptions,
    /// For the report only.
    positions_tree: String,
    others: Box<Integers>,
}

impl Patched {
    /// See [`Integers::held_bytes`].
    pub(super) fn held_bytes(&self) -> usize {
        self.exceptions.held_bytes() + self.positions_tree.len() + self.others.held_bytes()
    }

    pub(super) fn parse(
        reader: &mut Reader,
        rows: usize,
        domain: Domain,
        depth: usize,
    ) -> Result<Self, Corruption> {
        let count = reader.count(rows, "exceptions")?;
        let what = "positions of exceptions";
        let (positions_node, positions) =
            Integers::parse_ascending(reader, count, Domain::codes(rows), depth, what)?;
        let keys = Integers::parse_child(reader, count, domain, depth)?;
        let exceptions = Exceptions::new(positions, keys);
        let others = Integers::parse_child(reader, rows, domain, depth)?;
        Ok(Self { exceptions, positions_tree: positions_node.tree(), others })
    }

    pub(super) fn decode<T: Native>(
        &self,
        range: Range<usize>,
        out: &mut Vec<T>,
    ) -> Result<(), Corruption> {
        self.others.decode(range.clone(), out)?;
        self.exceptions.patch(range, out)
    }

    pub(super) fn take<T: Native>(&self, rows: &[u32], out: &mut Vec<T>) -> Result<(), Corruption> {
        self.others.take(rows, out)?;
        self.exceptions.patch_taken(rows, out)
    }

    pub(super) fn filter(&self, set: &KeySet, selection: &mut Selection) -> Result<(), Corruption> {
        let kept = self.exceptions.filter(set, selection)?;
        self.others.filter(set, selection)?;
        self.exceptions.restore(&kept, selection);
        Ok(())
    }

    pub(super) fn filter_values(
        &self,
        evaluate: &mut Evaluate<'_>,
        selection: &mut Selection,
    ) -> Result<(), FilterError> {
        let kept = self.exceptions.filter_values(evaluate, selection)?;
        // What stands in for the exceptions need not be a value that the predicate can be asked.
        self.exceptions.clear(selection);
        if !selection.is_empty() {
            self.others.filter_values(evaluate, selection)?;
        }
        self.exceptions.restore(&kept, selection);
        Ok(())
    }

    pub(super) fn aggregate(
        &self,
        selection: &Selection,
        totals: &mut KeyTotals,
    ) -> Result<(), Corruption> {
        self.exceptions.aggregate(selection, totals)?;
        let mut rest = selection.clone();
        self.exceptions.clear(&mut rest);
        self.others.aggregate(&rest, totals)
    }

    pub(super) fn tree(&self) -> String {
        let (positions, keys) = (&self.positions_tree, self.exceptions.tree());
        format!("{NAME}({}, {} at {positions} {keys})", self.others.tree(), self.exceptions.len())
    }
}
