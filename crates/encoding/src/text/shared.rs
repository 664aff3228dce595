//! Shared: for each row the place of its text in a dictionary that lies outside of the block, and
//! that many blocks and files have in common.
//!
//! ```text
//!   ┌─────┬──────────────────────────────────────────────────────┐
//!   │ tag │ codes: integer node of as many rows as this, below   │
//!   │ u8  │ the number of texts of the dictionary                │
//!   └─────┴──────────────────────────────────────────────────────┘
//!    = 23
//! ```
//!
//! Which dictionary it is, the file of the block says. Codes are in the order of the texts, as in
//! [`super::dictionary`]; what a predicate means in codes is found once for all blocks, see
//! [`SharedDictionary`].

use super::Bounds;
use super::set::TextSet;
use super::views::Views;
use crate::bytes::Reader;
use crate::integer::{Integers, Rows, is_true};
use crate::predicate::{FilterError, Predicate, ValuePredicate};
use crate::selection::Selection;
use crate::shared::SharedDictionary;
use crate::totals::KeyTotals;
use crate::types::Domain;
use starfact_base::Corruption;
use std::sync::Arc;

pub(crate) const TAG: u8 = 23;
pub(crate) const NAME: &str = "shared-dictionary";

/// Codes into the texts of a dictionary.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    dictionary: Arc<SharedDictionary>,
    codes: Box<Integers>,
}

impl Shared {
    pub(super) fn parse(
        reader: &mut Reader,
        rows: usize,
        depth: usize,
        dictionary: Option<&Arc<SharedDictionary>>,
    ) -> Result<Self, Corruption> {
        let Some(dictionary) = dictionary else {
            let position = reader.position() as u64 - 1;
            let (expected, found) = ("an encoding of text", "codes of a dictionary (tag 23)");
            let expected = format!("{expected}, as the file has no dictionary");
            return Err(Corruption::new(position, "encoding tag", expected, found));
        };
        let domain = Domain::codes(dictionary.len());
        let codes = Box::new(Integers::parse(reader, rows, domain, depth + 1)?);
        Ok(Self { dictionary: Arc::clone(dictionary), codes })
    }

    pub(crate) fn dictionary(&self) -> &Arc<SharedDictionary> {
        &self.dictionary
    }

    /// The codes of rows, which are below the number of texts.
    pub(crate) fn codes(&self, rows: &Rows<'_>) -> Result<Vec<u16>, Corruption> {
        self.codes.fetch(rows)
    }

    pub(super) fn fetch(&self, rows: &Rows<'_>) -> Result<Views, Corruption> {
        Ok(self.dictionary.views(&self.codes(rows)?))
    }

    pub(super) fn filter(
        &self,
        set: &TextSet<'_>,
        selection: &mut Selection,
    ) -> Result<(), Corruption> {
        self.codes.filter(&self.dictionary.codes_of(set), selection)
    }

    /// Filters by comparison with constants; the error says that they are of the wrong type.
    pub(crate) fn filter_constants(
        &self,
        predicate: &Predicate,
        selection: &mut Selection,
    ) -> Result<Result<(), Corruption>, &'static str> {
        Ok(match self.dictionary.codes_of_constants(predicate)? {
            Some(codes) => self.codes.filter(&codes, selection),
            None => Ok(()),
        })
    }

    /// Clears the rows for whose text the predicate does not answer true; NULLs are as their text.
    /// Texts are asked once for all blocks, or, while few rows were asked about, those of the rows.
    pub(crate) fn filter_values(
        &self,
        predicate: &Arc<dyn ValuePredicate>,
        selection: &mut Selection,
    ) -> Result<(), FilterError> {
        if selection.is_empty() {
            return Ok(());
        }
        match self.dictionary.codes_of_values(predicate, selection.count())? {
            Some(codes) => Ok(self.codes.filter(&codes, selection)?),
            None => self.filter_rows(predicate, selection),
        }
    }

    /// Asks for the distinct texts of the selected rows.
    fn filter_rows(
        &self,
        predicate: &Arc<dyn ValuePredicate>,
        selection: &mut Selection,
    ) -> Result<(), FilterError> {
        let rows = selection.indices();
        let codes = self.codes(&Rows::Indices(&rows))?;
        let mut distinct = codes.clone();
        distinct.sort_unstable();
        distinct.dedup();
        let answers = self.dictionary.ask(predicate, &distinct)?;
        for (row, code) in rows.into_iter().zip(&codes) {
            let is_kept = distinct.binary_search(code).is_ok_and(|place| is_true(&answers, place));
            if !is_kept {
                selection.clear(row as usize);
            }
        }
        Ok(())
    }

    /// The least and the greatest text of the selected rows, if there are any.
    pub(super) fn bounds(&self, selection: &Selection) -> Result<Option<Bounds>, Corruption> {
        let mut codes = KeyTotals::default();
        self.codes.aggregate(selection, &mut codes)?;
        let text = |code: i128| self.dictionary.value(code as u16).unwrap_or_default().into();
        Ok(codes.bounds.map(|(min, max)| (text(min), text(max))))
    }

    pub(super) fn tree(&self) -> String {
        format!("{NAME}({})", self.codes.tree())
    }
}
