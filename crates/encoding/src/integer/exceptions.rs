//! Rows whose keys are stored apart from those of a node: ascending positions, and their keys.
//!
//! What [`super::patched`] and [`super::sparse`] share. The node itself holds some key for these
//! rows too, which means nothing: whoever works on all rows puts them right here afterwards.

use super::{Evaluate, Integers, Rows, gallop};
use crate::keys::KeySet;
use crate::native::Native;
use crate::predicate::FilterError;
use crate::selection::Selection;
use crate::totals::KeyTotals;
use starfact_base::Corruption;
use std::ops::Range;

/// Rows with keys of their own.
#[derive(Clone, Debug)]
pub(crate) struct Exceptions {
    /// Ascending, all of them rows of the node.
    positions: Vec<u32>,
    /// As many keys.
    keys: Box<Integers>,
}

impl Exceptions {
    /// See [`Integers::held_bytes`].
    pub(super) fn held_bytes(&self) -> usize {
        size_of_val(self.positions.as_slice()) + self.keys.held_bytes()
    }

    /// Puts together what was read: ascending rows of the node, and as many keys.
    pub(super) fn new(positions: Vec<u32>, keys: Box<Integers>) -> Self {
        Self { positions, keys }
    }

    pub(super) fn len(&self) -> usize {
        self.positions.len()
    }

    /// Puts the keys of `range` right, which are the last ones of `out`.
    pub(super) fn patch<T: Native>(
        &self,
        range: Range<usize>,
        out: &mut [T],
    ) -> Result<(), Corruption> {
        let place = |row: usize| self.positions.partition_point(|&at| (at as usize) < row);
        let places = place(range.start)..place(range.end);
        if places.is_empty() {
            return Ok(());
        }
        let keys: Vec<T> = self.keys.fetch(&Rows::Range(places.clone()))?;
        let first = out.len().saturating_sub(range.len());
        for (&row, key) in self.positions.get(places).unwrap_or_default().iter().zip(keys) {
            if let Some(slot) = out.get_mut(first + row as usize - range.start) {
                *slot = key;
            }
        }
        Ok(())
    }

    /// Puts the keys of `rows` right, which are the last ones of `out`.
    pub(super) fn patch_taken<T: Native>(
        &self,
        rows: &[u32],
        out: &mut [T],
    ) -> Result<(), Corruption> {
        let first = out.len().saturating_sub(rows.len());
        let (places, slots) = self.find(rows);
        let out = out.get_mut(first..).unwrap_or_default();
        let keys: Vec<T> = self.keys.fetch(&Rows::Indices(&places))?;
        for (slot, key) in slots.into_iter().zip(keys) {
            if let Some(slot) = out.get_mut(slot as usize) {
                *slot = key;
            }
        }
        Ok(())
    }

    /// Those of `rows` that are exceptions: their places here, and their places in `rows`. The
    /// shorter of the two lists is walked.
    fn find(&self, rows: &[u32]) -> (Vec<u32>, Vec<u32>) {
        let (mut places, mut slots) = (Vec::new(), Vec::new());
        if self.positions.len() < rows.len() && rows.is_sorted() {
            let mut slot = 0;
            for (place, &position) in (0..).zip(&self.positions) {
                slot = gallop(rows, slot, position);
                while rows.get(slot) == Some(&position) {
                    places.push(place);
                    slots.push(slot as u32);
                    slot += 1;
                }
            }
            return (places, slots);
        }
        let (mut place, mut last) = (0, 0);
        for (slot, &row) in (0..).zip(rows) {
            // Rows mostly ascend; where they do not, the search begins anew.
            let from = if row < last { 0 } else { place };
            place = gallop(&self.positions, from, row);
            last = row;
            if self.positions.get(place) == Some(&row) {
                places.push(place as u32);
                slots.push(slot);
            }
        }
        (places, slots)
    }

    /// The exceptions among the selected rows whose keys are in `set`.
    pub(super) fn filter(
        &self,
        set: &KeySet,
        selection: &Selection,
    ) -> Result<Selection, Corruption> {
        let mut kept = self.selected(selection);
        if !kept.is_empty() {
            self.keys.filter(set, &mut kept)?;
        }
        Ok(kept)
    }

    /// The exceptions among the selected rows for whose keys `evaluate` answers true.
    pub(super) fn filter_values(
        &self,
        evaluate: &mut Evaluate<'_>,
        selection: &Selection,
    ) -> Result<Selection, FilterError> {
        let mut kept = self.selected(selection);
        if !kept.is_empty() {
            self.keys.filter_values(evaluate, &mut kept)?;
        }
        Ok(kept)
    }

    /// Adds the keys of the exceptions among the selected rows.
    pub(super) fn aggregate(
        &self,
        selection: &Selection,
        totals: &mut KeyTotals,
    ) -> Result<(), Corruption> {
        self.keys.aggregate(&self.selected(selection), totals)
    }

    /// Which exceptions have their row in `selection`.
    fn selected(&self, selection: &Selection) -> Selection {
        let mut selected = Selection::none(self.positions.len());
        for (place, &row) in self.positions.iter().enumerate() {
            if selection.contains(row as usize) {
                selected.set(place);
            }
        }
        selected
    }

    /// Removes the rows of all exceptions.
    pub(super) fn clear(&self, selection: &mut Selection) {
        for &row in &self.positions {
            selection.clear(row as usize);
        }
    }

    /// Adds the rows of the exceptions in `kept`, and removes those of the others.
    pub(super) fn restore(&self, kept: &Selection, selection: &mut Selection) {
        for (place, &row) in self.positions.iter().enumerate() {
            match kept.contains(place) {
                true => selection.set(row as usize),
                false => selection.clear(row as usize),
            }
        }
    }

    pub(super) fn tree(&self) -> String {
        self.keys.tree()
    }
}
