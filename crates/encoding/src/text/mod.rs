//! Nodes that hold text: UTF-8, ordered by its bytes.
//!
//! | tag | codec | file |
//! |---|---|---|
//! | 17 | constant | [`constant`] |
//! | 18 | plain | [`plain`] |
//! | 19 | fsst | [`fsst`] |
//! | 21 | dictionary | [`dictionary`] |
//! | 22 | zstd | [`zstd`] |
//! | 23 | codes of a shared dictionary | [`shared`] |
//! | 24 | zstd in several frames | [`zstd`] |
//!
//! The tags are those of the integer codecs of the same name, where there is one, plus 16.
//! Parsing checks the structure;
//! that the bytes are UTF-8, and cut between characters, is checked before the first look at them.

pub(crate) mod choose;
pub(crate) mod constant;
pub(crate) mod dictionary;
pub(crate) mod distinct;
pub(crate) mod encode;
pub(crate) mod fsst;
pub(crate) mod plain;
pub(crate) mod set;
pub(crate) mod shared;
pub(crate) mod strings;
pub(crate) mod views;
pub(crate) mod zstd;

pub(crate) use set::TextSet;
pub(crate) use views::Views;

use crate::bytes::Reader;
use crate::integer::{Rows, check_depth, clear_refused, is_true, unknown_tag};
use crate::predicate::FilterError;
use crate::selection::Selection;
use crate::shared::SharedDictionary;
use arrow::array::BooleanArray;
use constant::Constant;
use dictionary::Dictionary;
use fsst::Fsst;
use shared::Shared;
use starfact_base::Corruption;
use std::sync::Arc;
use strings::StringsNode;

/// Evaluates a value predicate on text.
pub(crate) type Evaluate<'a> = dyn FnMut(Views) -> Result<BooleanArray, FilterError> + 'a;

/// The least and the greatest text.
pub(crate) type Bounds = (Vec<u8>, Vec<u8>);

/// A parsed node of text.
#[derive(Clone, Debug)]
pub(crate) enum Text {
    Constant(Constant),
    /// Plain, and zstd.
    Strings(StringsNode),
    Fsst(Fsst),
    Dictionary(Dictionary),
    Shared(Shared),
}

impl Text {
    /// Parses a node of `rows` strings, which lies `depth` levels below the block. It may have
    /// codes of `dictionary`, if there is one.
    pub(crate) fn parse(
        reader: &mut Reader,
        rows: usize,
        depth: usize,
        dictionary: Option<&Arc<SharedDictionary>>,
    ) -> Result<Self, Corruption> {
        let position = reader.position();
        check_depth(depth, position)?;
        match reader.u8("encoding tag")? {
            constant::TAG => Constant::parse(reader).map(Self::Constant),
            plain::TAG => plain::parse(reader, rows, depth).map(Self::Strings),
            fsst::TAG => Fsst::parse(reader, rows, depth).map(Self::Fsst),
            dictionary::TAG => Dictionary::parse(reader, rows, depth).map(Self::Dictionary),
            zstd::TAG => zstd::parse(reader, rows, depth).map(Self::Strings),
            zstd::FRAMES_TAG => zstd::parse_frames(reader, rows, depth).map(Self::Strings),
            shared::TAG => Shared::parse(reader, rows, depth, dictionary).map(Self::Shared),
            tag => Err(unknown_tag(position, "an encoding of text", tag)),
        }
    }

    /// The text of `rows`, which the node has.
    pub(crate) fn fetch(&self, rows: &Rows<'_>) -> Result<Views, Corruption> {
        match self {
            Self::Constant(node) => Ok(node.fetch(rows.len())),
            Self::Strings(node) => node.fetch(rows),
            Self::Fsst(node) => node.fetch(rows),
            Self::Dictionary(node) => node.fetch(rows),
            Self::Shared(node) => node.fetch(rows),
        }
    }

    /// Clears the rows whose text is not in `set`.
    pub(crate) fn filter(
        &self,
        set: &TextSet<'_>,
        selection: &mut Selection,
    ) -> Result<(), Corruption> {
        match self {
            Self::Constant(node) => {
                if !set.contains(node.text()) {
                    selection.clear_range(0..selection.rows());
                }
                Ok(())
            }
            Self::Strings(node) => node.filter(set, selection),
            Self::Fsst(node) => node.filter(set, selection),
            Self::Dictionary(node) => node.filter(set, selection),
            Self::Shared(node) => node.filter(set, selection),
        }
    }

    /// Clears the rows for whose text `evaluate` does not answer true. Distinct text is asked once
    /// where the codec knows it and there is less of it than of rows.
    pub(crate) fn filter_values(
        &self,
        evaluate: &mut Evaluate<'_>,
        selection: &mut Selection,
    ) -> Result<(), FilterError> {
        if selection.is_empty() {
            return Ok(());
        }
        match self {
            Self::Constant(node) => {
                if !is_true(&evaluate(node.fetch(1))?, 0) {
                    selection.clear_range(0..selection.rows());
                }
                Ok(())
            }
            Self::Dictionary(node) if node.distinct_count() <= selection.count() => {
                node.filter_values(evaluate, selection)
            }
            Self::Strings(node) => node.filter_values(evaluate, selection),
            Self::Dictionary(_) | Self::Fsst(_) | Self::Shared(_) => {
                let rows = selection.indices();
                let answers = evaluate(self.fetch(&Rows::Indices(&rows))?)?;
                clear_refused(&answers, &rows, selection);
                Ok(())
            }
        }
    }

    /// The least and the greatest text of the selected rows, if there are any.
    pub(crate) fn bounds(&self, selection: &Selection) -> Result<Option<Bounds>, Corruption> {
        match self {
            Self::Constant(node) => {
                let text = || node.text().to_vec();
                Ok((!selection.is_empty()).then(|| (text(), text())))
            }
            Self::Strings(node) => node.bounds(selection),
            Self::Fsst(node) => node.bounds(selection),
            Self::Dictionary(node) => node.bounds(selection),
            Self::Shared(node) => node.bounds(selection),
        }
    }

    /// The distinct texts, ascending, if the node keeps them: those of all rows, NULL or not.
    pub(crate) fn distinct(&self) -> Result<Option<Views>, Corruption> {
        match self {
            Self::Constant(node) => Ok(Some(node.fetch(1))),
            Self::Dictionary(node) => node.texts().map(Some),
            Self::Strings(_) | Self::Fsst(_) | Self::Shared(_) => Ok(None),
        }
    }

    /// For each row the place of its text in [`Text::distinct`], if that has it.
    pub(crate) fn distinct_codes(&self, rows: &Rows<'_>) -> Result<Vec<u32>, Corruption> {
        match self {
            Self::Dictionary(node) => node.codes(rows),
            Self::Constant(_) | Self::Strings(_) | Self::Fsst(_) | Self::Shared(_) => {
                Ok(vec![0; rows.len()])
            }
        }
    }

    /// The codecs of this node and its children.
    pub(crate) fn tree(&self) -> String {
        match self {
            Self::Constant(_) => constant::NAME.into(),
            Self::Strings(node) => node.tree(),
            Self::Fsst(node) => node.tree(),
            Self::Dictionary(node) => node.tree(),
            Self::Shared(node) => node.tree(),
        }
    }
}
