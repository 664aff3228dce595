//! Dictionary: the distinct texts in ascending order, and for each row the place of its text.
//!
//! ```text
//!   ┌─────┬───────┬─────────────────────────┬───────────────────────────────┐
//!   │ tag │ count │ texts: plain, fsst or   │ codes: integer node of as     │
//!   │ u8  │ u32   │ zstd node of `count`    │ many rows as this, 0..count   │
//!   │     │       │ rows, ascending         │                               │
//!   └─────┴───────┴─────────────────────────┴───────────────────────────────┘
//!    = 21   1..=rows
//! ```
//!
//! Texts ascend strictly by their bytes, which is checked before the first look at one. So a
//! comparison of texts is a comparison of codes: a filter searches the texts once and then works on
//! codes only, and so does decoding, which copies one view of 16 bytes a row.

use super::set::TextSet;
use super::strings::{Strings, StringsNode};
use super::views::Views;
use super::{Bounds, Evaluate, Fsst, fsst, plain, zstd};
use crate::bytes::{Reader, Writer};
use crate::integer::{Integers, Rows, check_depth, is_true, unknown_tag};
use crate::keys::KeySet;
use crate::lazy::Lazy;
use crate::predicate::FilterError;
use crate::selection::Selection;
use crate::totals::KeyTotals;
use crate::types::Domain;
use starfact_base::Corruption;

pub(crate) const TAG: u8 = 21;
pub(crate) const NAME: &str = "dictionary";
/// Tag and number of texts.
pub(super) const HEADER_BYTES: usize = 5;

/// Writes the header; the two children follow.
pub(super) fn encode_header(count: usize, writer: &mut Writer) {
    writer.u8(TAG);
    writer.u32(count);
}

/// The distinct texts.
#[derive(Clone, Debug)]
enum Texts {
    Strings(StringsNode),
    Fsst(Fsst),
}

impl Texts {
    fn parse(reader: &mut Reader, count: usize, depth: usize) -> Result<Self, Corruption> {
        let position = reader.position();
        check_depth(depth, position)?;
        match reader.u8("encoding tag")? {
            plain::TAG => plain::parse(reader, count, depth).map(Self::Strings),
            fsst::TAG => Fsst::parse(reader, count, depth).map(Self::Fsst),
            zstd::TAG => zstd::parse(reader, count, depth).map(Self::Strings),
            tag => Err(unknown_tag(position, "plain, fsst or zstd text", tag)),
        }
    }

    fn open(&self) -> Result<&Strings, Corruption> {
        match self {
            Self::Strings(node) => node.open(),
            Self::Fsst(node) => node.open(),
        }
    }

    fn tree(&self) -> String {
        match self {
            Self::Strings(node) => node.tree(),
            Self::Fsst(node) => node.tree(),
        }
    }
}

/// Codes into ascending texts.
#[derive(Clone, Debug)]
pub(crate) struct Dictionary {
    count: usize,
    texts: Texts,
    codes: Box<Integers>,
    /// Where the texts begin in the block, for messages.
    position: usize,
    /// The view of each text; made when the texts were seen to ascend.
    views: Lazy<Vec<u128>>,
}

impl Dictionary {
    pub(super) fn parse(
        reader: &mut Reader,
        rows: usize,
        depth: usize,
    ) -> Result<Self, Corruption> {
        let count = reader.count(rows, "distinct texts")?;
        let position = reader.position();
        let texts = Texts::parse(reader, count, depth + 1)?;
        let codes = Box::new(Integers::parse(reader, rows, Domain::codes(count), depth + 1)?);
        Ok(Self { count, texts, codes, position, views: Lazy::default() })
    }

    /// The texts and the view of each, verified.
    fn open(&self) -> Result<(&Strings, &[u128]), Corruption> {
        let texts = self.texts.open()?;
        let views = self.views.get_or_try(|| {
            let pairs = (1..texts.rows()).map(|row| (texts.get(row - 1), texts.get(row)));
            match pairs.into_iter().all(|(before, after)| before < after) {
                true => Ok(texts.all()),
                false => {
                    let position = self.position as u64;
                    Err(Corruption::new(position, "texts of a dictionary", "to ascend", "others"))
                }
            }
        })?;
        Ok((texts, views))
    }

    pub(super) fn distinct_count(&self) -> usize {
        self.count
    }

    /// The distinct texts.
    pub(super) fn texts(&self) -> Result<Views, Corruption> {
        let (texts, distinct) = self.open()?;
        Ok(texts.views(distinct.to_vec()))
    }

    /// For each row, the place of its text.
    pub(super) fn codes(&self, rows: &Rows<'_>) -> Result<Vec<u32>, Corruption> {
        self.codes.fetch(rows)
    }

    pub(super) fn fetch(&self, rows: &Rows<'_>) -> Result<Views, Corruption> {
        let (texts, distinct) = self.open()?;
        let codes: Vec<u32> = self.codes.fetch(rows)?;
        // A code without a text cannot be, the node of the codes has checked them; view 0 is "".
        let views = codes.iter().map(|&code| distinct.get(code as usize).copied().unwrap_or(0));
        Ok(texts.views(views.collect()))
    }

    pub(super) fn filter(
        &self,
        set: &TextSet<'_>,
        selection: &mut Selection,
    ) -> Result<(), Corruption> {
        self.codes.filter(&set.codes(self.open()?.0), selection)
    }

    /// Asks for every distinct text once.
    pub(super) fn filter_values(
        &self,
        evaluate: &mut Evaluate<'_>,
        selection: &mut Selection,
    ) -> Result<(), FilterError> {
        let (texts, distinct) = self.open()?;
        let answers = evaluate(texts.views(distinct.to_vec()))?;
        let codes = (0..self.count).filter(|&code| is_true(&answers, code));
        let set = KeySet::points(codes.map(|code| code as i128).collect());
        Ok(self.codes.filter(&set, selection)?)
    }

    /// The texts of the least and the greatest code of the selected rows.
    pub(super) fn bounds(&self, selection: &Selection) -> Result<Option<Bounds>, Corruption> {
        let (texts, _) = self.open()?;
        let mut codes = KeyTotals::default();
        self.codes.aggregate(selection, &mut codes)?;
        let text = |code: i128| texts.get(code as usize).to_vec();
        Ok(codes.bounds.map(|(min, max)| (text(min), text(max))))
    }

    pub(super) fn tree(&self) -> String {
        format!("{NAME}({}, {})", self.texts.tree(), self.codes.tree())
    }
}
