//! A block: at most 65,536 rows of one column, as it lies in a column file.
//!
//! ```text
//!   ┌────────────────────────────────┬──────────────────────────────┐
//!   │ validity: integer node of 0, 1 │ values: integer or text node │
//!   └────────────────────────────────┴──────────────────────────────┘
//! ```
//!
//! A row is NULL where its validity is 0; its value is then some value of the block, or zero or
//! the empty text where every row is NULL, and counts for nothing. Number of rows and type of the
//! column come from the footer of the file.

use crate::arrays;
use crate::bytes::Reader;
use crate::derive::{Derivation, Derived};
use crate::integer::{Integers, Rows, is_true};
use crate::keys::KeySet;
use crate::ordinal_codes::OrdinalCodes;
use crate::predicate::{FilterError, Predicate, ValuePredicate};
use crate::selection::Selection;
use crate::shared::SharedDictionary;
use crate::shared_keys::SharedKeys;
use crate::text::shared::Shared;
use crate::text::{Text, TextSet, Views};
use crate::types::Domain;
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, StringViewArray, new_null_array,
};
use arrow::buffer::{Buffer, NullBuffer};
use arrow::compute::concat;
use starfact_base::data_type::Physical;
use starfact_base::limits::BLOCK_ROWS;
use starfact_base::{Corruption, DataType};
use std::ops::Range;
use std::sync::Arc;

/// Keys of some rows, of which the NULL ones have any, and which of them are not NULL.
pub type SampledKeys = (Vec<i64>, Vec<bool>);

/// Codes of some rows of a block, see [`Block::codes`].
#[derive(Clone, Debug, PartialEq)]
pub struct Codes {
    /// The place of each row's text in the dictionary; that of a row that is NULL is some place.
    pub codes: Vec<u16>,
    /// Which rows are NULL; `None` if none is.
    pub nulls: Option<NullBuffer>,
}

/// Places of the texts of some rows, see [`Block::places_of_texts`].
#[derive(Clone, Debug, PartialEq)]
pub struct TextPlaces {
    /// For each row, the place of its text among the distinct ones.
    pub places: Vec<u32>,
    /// Which rows are NULL; `None` if none is.
    pub nulls: Option<NullBuffer>,
}

/// A parsed block. What it hands out may share the memory of its bytes.
#[derive(Clone, Debug)]
pub struct Block {
    ty: DataType,
    rows: usize,
    /// 1 where a row is not NULL.
    validity: Integers,
    values: Values,
}

#[derive(Clone, Debug)]
pub(crate) enum Values {
    Keys(Integers),
    Text(Text),
}

/// Bytes that a block which is kept parsed holds at most.
const KEPT_BYTES_MAX: usize = 4 << 10;

impl Block {
    /// Whether it is little beside its bytes, so that it may be kept parsed: a clone of it is made
    /// without a look at them.
    pub fn is_light(&self) -> bool {
        match &self.values {
            Values::Keys(keys) => keys.held_bytes() + self.validity.held_bytes() <= KEPT_BYTES_MAX,
            Values::Text(_) => false,
        }
    }

    /// Parses the bytes of a block of `rows` rows of type `ty`, both as the footer states them.
    ///
    /// # Errors
    /// Damage; its offset counts from the start of the block. Parsing looks at the structure only,
    /// so damaged values may show later, when they are read.
    pub fn parse(bytes: bytes::Bytes, ty: DataType, rows: usize) -> Result<Self, Corruption> {
        Self::parse_with(bytes, ty, rows, None)
    }

    /// Parses the bytes of a block of text that may have codes of `dictionary`.
    ///
    /// # Errors
    /// Damage, as of [`Block::parse`].
    pub fn parse_shared(
        bytes: bytes::Bytes,
        ty: DataType,
        rows: usize,
        dictionary: &Arc<SharedDictionary>,
    ) -> Result<Self, Corruption> {
        Self::parse_with(bytes, ty, rows, Some(dictionary))
    }

    fn parse_with(
        bytes: bytes::Bytes,
        ty: DataType,
        rows: usize,
        dictionary: Option<&Arc<SharedDictionary>>,
    ) -> Result<Self, Corruption> {
        if rows > BLOCK_ROWS {
            return Err(Corruption::new(0, "rows", format!("at most {BLOCK_ROWS}"), rows));
        }
        if !ty.is_valid() {
            return Err(Corruption::new(0, "column type", "a precision of 1 to 38", ty));
        }
        let mut reader = Reader::new(bytes);
        let validity = Integers::parse(&mut reader, rows, Domain::BIT, 1)?;
        let values = match ty.physical() {
            Physical::String => Values::Text(Text::parse(&mut reader, rows, 1, dictionary)?),
            _ => Values::Keys(Integers::parse(&mut reader, rows, Domain::of(ty), 1)?),
        };
        reader.finish()?;
        Ok(Self { ty, rows, validity, values })
    }

    /// Parses the bytes of a derived block; `sources` are the blocks of the same rows of the
    /// columns that `derivation` names, in that order, and `keys` is the list of its column file.
    ///
    /// # Errors
    /// Damage, as of [`Block::parse`]; sources that the rule cannot be applied to.
    pub fn parse_derived(
        bytes: bytes::Bytes,
        ty: DataType,
        rows: usize,
        derivation: &Derivation,
        sources: &[Self],
        keys: Option<&Arc<SharedKeys>>,
    ) -> Result<Self, Corruption> {
        if rows > BLOCK_ROWS {
            return Err(Corruption::new(0, "rows", format!("at most {BLOCK_ROWS}"), rows));
        }
        let wrong = |expected: &str, found: String| {
            Err(Corruption::new(0, format!("derivation {derivation}"), expected, found))
        };
        if ty.physical() != Physical::Integer || !ty.is_valid() || !derivation.rule.is_valid() {
            return wrong("a rule for a column of integers", ty.to_string());
        }
        let mut nodes = Vec::with_capacity(sources.len());
        for source in sources {
            match source.word_keys() {
                Some(node) if source.rows == rows => nodes.push(node.clone()),
                _ => {
                    let found = format!("{} of {}, {} rows", source.tree(), source.ty, source.rows);
                    return wrong(&format!("stored integers, {rows} rows"), found);
                }
            }
        }
        if nodes.len() != derivation.rule.source_count() {
            return wrong("as many sources as the rule has", nodes.len().to_string());
        }
        let mut reader = Reader::new(bytes);
        let validity = Integers::parse(&mut reader, rows, Domain::BIT, 1)?;
        let domain = Domain::of(ty);
        let node = Derived::parse(&mut reader, rows, domain, derivation, nodes, keys, &validity)?;
        reader.finish()?;
        let values = Values::Keys(Integers::Derived(Box::new(node)));
        Ok(Self { ty, rows, validity, values })
    }

    /// The keys, if they are stored and 64 bits hold each of them.
    pub(crate) fn word_keys(&self) -> Option<&Integers> {
        match &self.values {
            Values::Keys(Integers::Derived(_)) | Values::Text(_) => None,
            Values::Keys(keys) => (self.ty.physical() == Physical::Integer).then_some(keys),
        }
    }

    /// The keys of single rows: a sample to find rules in. `None` if no rule applies to the block.
    ///
    /// # Errors
    /// Damage, and rows that the block does not have.
    pub fn keys(&self, rows: &[u32]) -> Result<Option<SampledKeys>, Corruption> {
        let rows = Rows::Indices(rows);
        rows.check(self.rows)?;
        let Some(keys) = self.word_keys() else { return Ok(None) };
        let is_valid = match self.validity.is_all(1) {
            true => vec![true; rows.len()],
            false => self.validity.fetch::<u8>(&rows)?.into_iter().map(|bit| bit == 1).collect(),
        };
        Ok(Some((keys.fetch(&rows)?, is_valid)))
    }

    pub(crate) fn values(&self) -> &Values {
        &self.values
    }

    /// The dictionary outside of the block that its codes refer to, if it has such.
    pub fn dictionary(&self) -> Option<&Arc<SharedDictionary>> {
        self.shared().map(Shared::dictionary)
    }

    /// The codes of the selected rows in [`Block::dictionary`], and which of them are NULL, without
    /// a look at a text; `None` if there is no such dictionary.
    ///
    /// # Errors
    /// Damage, and a selection of another number of rows.
    pub fn codes(&self, selection: &Selection) -> Result<Option<Codes>, Corruption> {
        let Some(shared) = self.shared() else { return Ok(None) };
        let mut indices = Vec::new();
        let rows = self.selected(selection, &mut indices)?;
        Ok(Some(Codes { codes: shared.codes(&rows)?, nulls: self.nulls(&rows)? }))
    }

    /// The selected rows; `indices` is where they are written down if they are not all.
    fn selected<'a>(
        &self,
        selection: &Selection,
        indices: &'a mut Vec<u32>,
    ) -> Result<Rows<'a>, Corruption> {
        if selection.rows() != self.rows {
            return Err(Corruption::new(0, "rows of a selection", self.rows, selection.rows()));
        }
        if selection.is_all() {
            return Ok(Rows::Range(0..self.rows));
        }
        *indices = selection.indices();
        Ok(Rows::Indices(indices))
    }

    fn shared(&self) -> Option<&Shared> {
        match &self.values {
            Values::Text(Text::Shared(shared)) => Some(shared),
            _ => None,
        }
    }

    /// The distinct texts of the rows that are not NULL, ascending, if the encoding keeps them: if
    /// it is a dictionary within the block, or constant.
    ///
    /// # Errors
    /// Damage.
    pub fn distinct_texts(&self) -> Result<Option<StringViewArray>, Corruption> {
        let Values::Text(text) = &self.values else { return Ok(None) };
        let views = match text.distinct()? {
            Some(_) if self.validity.is_all(0) => Views::new(Vec::new(), Buffer::default()),
            Some(views) => views,
            None => return Ok(None),
        };
        Ok(Some(arrays::of_views(views, None).as_string_view().clone()))
    }

    /// The same and for each row the place of its text, if it is not NULL.
    pub(crate) fn distinct_texts_and_codes(
        &self,
    ) -> Result<Option<(StringViewArray, Vec<u32>)>, Corruption> {
        let Values::Text(text) = &self.values else { return Ok(None) };
        let Some(texts) = self.distinct_texts()? else { return Ok(None) };
        Ok(Some((texts, text.distinct_codes(&Rows::Range(0..self.rows))?)))
    }

    /// For each selected row the place of its text in [`Block::distinct_texts`]; that of a row that
    /// is NULL is some place. `None` if the encoding does not keep distinct texts.
    ///
    /// # Errors
    /// Damage, and a selection of another number of rows.
    pub fn places_of_texts(&self, selection: &Selection) -> Result<Option<TextPlaces>, Corruption> {
        let Values::Text(text @ (Text::Dictionary(_) | Text::Constant(_))) = &self.values else {
            return Ok(None);
        };
        let mut indices = Vec::new();
        let rows = self.selected(selection, &mut indices)?;
        let (places, nulls) = (text.distinct_codes(&rows)?, self.nulls(&rows)?);
        Ok(Some(TextPlaces { places, nulls }))
    }

    pub(crate) fn validity(&self) -> &Integers {
        &self.validity
    }

    /// Rows of the block.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The type of the column.
    pub fn data_type(&self) -> DataType {
        self.ty
    }

    /// The values of consecutive rows.
    ///
    /// # Errors
    /// Damage, and rows that the block does not have.
    pub fn decode(&self, rows: Range<usize>) -> Result<ArrayRef, Corruption> {
        let end = rows.end.max(rows.start);
        self.fetch(&Rows::Range(rows.start..end))
    }

    /// The values of single rows, in the order given.
    ///
    /// # Errors
    /// Damage, and rows that the block does not have.
    pub fn take(&self, rows: &[u32]) -> Result<ArrayRef, Corruption> {
        self.fetch(&Rows::Indices(rows))
    }

    /// The codes of the ordinals at these rows; `None` if some row of the block has none.
    ///
    /// # Errors
    /// Damage.
    pub fn take_codes(
        &self,
        rows: &[u32],
        codes: &OrdinalCodes,
    ) -> Result<Option<ArrayRef>, Corruption> {
        match &self.values {
            Values::Keys(keys) if self.validity.is_all(1) && self.ty == DataType::BigInt => {
                Rows::Indices(rows).check(self.rows)?;
                let codes = keys.take_codes(rows, codes)?;
                Ok(Some(Arc::new(Int64Array::from(codes))))
            }
            _ => Ok(None),
        }
    }

    /// The numbers of consecutive rows as they are stored, decimals without their point, in 64
    /// bits; `None` if the column is none of such.
    ///
    /// # Errors
    /// Damage, and rows that the block does not have.
    pub fn decode_words(&self, rows: Range<usize>) -> Result<Option<ArrayRef>, Corruption> {
        let end = rows.end.max(rows.start);
        self.fetch_words(&Rows::Range(rows.start..end))
    }

    /// The same of single rows, in the order given.
    ///
    /// # Errors
    /// Damage, and rows that the block does not have.
    pub fn take_words(&self, rows: &[u32]) -> Result<Option<ArrayRef>, Corruption> {
        self.fetch_words(&Rows::Indices(rows))
    }

    fn fetch_words(&self, rows: &Rows<'_>) -> Result<Option<ArrayRef>, Corruption> {
        let Values::Keys(keys) = &self.values else { return Ok(None) };
        if self.ty.physical() != Physical::Integer || self.ty == DataType::Boolean {
            return Ok(None);
        }
        rows.check(self.rows)?;
        let words: Vec<i64> = keys.fetch(rows)?;
        Ok(Some(Arc::new(Int64Array::new(words.into(), self.nulls(rows)?))))
    }

    fn fetch(&self, rows: &Rows<'_>) -> Result<ArrayRef, Corruption> {
        rows.check(self.rows)?;
        let nulls = self.nulls(rows)?;
        match &self.values {
            Values::Keys(keys) => arrays::of_keys(self.ty, keys, rows, nulls),
            Values::Text(text) => Ok(arrays::of_views(text.fetch(rows)?, nulls)),
        }
    }

    fn nulls(&self, rows: &Rows<'_>) -> Result<Option<NullBuffer>, Corruption> {
        if self.validity.is_all(1) {
            return Ok(None);
        }
        Ok(Some(NullBuffer::new(self.validity.bits(rows)?)).filter(|nulls| nulls.null_count() > 0))
    }

    /// Takes the rows that do not satisfy `predicate` out of `selection`, which has one bit for
    /// each row of the block. After an error, `selection` holds some subset of what it held.
    ///
    /// # Errors
    /// Damage; a predicate that does not fit the column, or that failed.
    pub fn filter(
        &self,
        predicate: &Predicate,
        selection: &mut Selection,
    ) -> Result<(), FilterError> {
        if selection.rows() != self.rows {
            let (rows, bits) = (self.rows, selection.rows());
            let message = format!("a selection of {bits} rows is not one of a block of {rows}");
            return Err(FilterError::Predicate(message));
        }
        match predicate {
            Predicate::IsNull => self.keep_validity(0, selection)?,
            Predicate::IsNotNull => self.keep_validity(1, selection)?,
            Predicate::Values(predicate) => self.filter_values(predicate, selection)?,
            _ => {
                self.filter_constants(predicate, selection)?;
                self.keep_validity(1, selection)?;
            }
        }
        Ok(())
    }

    /// The same, without a look at anything but the values of the rows: what a filter means.
    ///
    /// # Errors
    /// As of [`Block::filter`].
    pub fn filter_row_by_row(
        &self,
        predicate: &Predicate,
        selection: &mut Selection,
    ) -> Result<(), FilterError> {
        if let (Predicate::Members(members), Values::Keys(keys), true) =
            (predicate, &self.values, selection.rows() == self.rows)
        {
            let rows = selection.indices();
            let found: Vec<i128> = keys.fetch(&Rows::Indices(&rows))?;
            for (row, key) in rows.iter().zip(found) {
                if !members.contains(key) {
                    selection.clear(*row as usize);
                }
            }
            return Ok(self.keep_validity(1, selection)?);
        }
        self.filter(predicate, selection)
    }

    /// The same as far as can be told without much work. Gives about how many of the rows that are
    /// left may not satisfy the predicate, 0 if all do: else those of them that other filters leave
    /// are to be filtered again.
    ///
    /// # Errors
    /// As of [`Block::filter`].
    pub fn filter_coarsely(
        &self,
        predicate: &Predicate,
        selection: &mut Selection,
    ) -> Result<usize, FilterError> {
        if let (Predicate::Members(_), Values::Keys(keys), true) =
            (predicate, &self.values, selection.rows() == self.rows)
            && let Ok(Some(set)) = KeySet::new(predicate, self.ty.physical())
        {
            let doubtful = keys.filter_coarsely(&set, selection)?;
            self.keep_validity(1, selection)?;
            return Ok(doubtful);
        }
        self.filter(predicate, selection).map(|()| 0)
    }

    /// Keeps the rows that are NULL (0) or that are not (1).
    pub(crate) fn keep_validity(
        &self,
        wanted: i128,
        selection: &mut Selection,
    ) -> Result<(), Corruption> {
        self.validity.filter(&KeySet::range(wanted, wanted), selection)
    }

    /// Filters by comparison with constants, NULL or not.
    fn filter_constants(
        &self,
        predicate: &Predicate,
        selection: &mut Selection,
    ) -> Result<(), FilterError> {
        let misfit = |constant: &str| {
            let ty = self.ty;
            let message = format!("a column of type {ty} cannot be compared with {constant}");
            FilterError::Predicate(message)
        };
        match &self.values {
            Values::Keys(keys) => {
                if let Some(set) = KeySet::new(predicate, self.ty.physical()).map_err(misfit)? {
                    keys.filter(&set, selection)?;
                }
            }
            Values::Text(Text::Shared(shared)) => {
                shared.filter_constants(predicate, selection).map_err(misfit)??;
            }
            Values::Text(text) => {
                if let Some(set) = TextSet::new(predicate).map_err(misfit)? {
                    text.filter(&set, selection)?;
                }
            }
        }
        Ok(())
    }

    fn filter_values(
        &self,
        predicate: &Arc<dyn ValuePredicate>,
        selection: &mut Selection,
    ) -> Result<(), FilterError> {
        let has_nulls = !self.validity.is_all(1);
        let before = selection.clone();
        let mut asked =
            Asked { predicate: predicate.as_ref(), with_null: has_nulls, keeps_null: false };
        match &self.values {
            Values::Keys(keys) => {
                let ty = self.ty;
                let mut evaluate = |node: &Integers, rows: Rows<'_>| {
                    asked.evaluate(arrays::of_keys(ty, node, &rows, None)?)
                };
                keys.filter_values(&mut evaluate, selection)?;
            }
            Values::Text(Text::Shared(shared)) => {
                shared.filter_values(predicate, selection)?;
                asked.keeps_null = has_nulls && shared.dictionary().keeps_null(predicate)?;
            }
            Values::Text(text) => {
                let mut evaluate = |views| asked.evaluate(arrays::of_views(views, None));
                text.filter_values(&mut evaluate, selection)?;
            }
        }
        if !has_nulls {
            return Ok(());
        }
        self.keep_validity(1, selection)?;
        if asked.keeps_null {
            let mut nulls = before;
            self.keep_validity(0, &mut nulls)?;
            selection.union(&nulls);
        }
        Ok(())
    }

    /// The encodings of the block in words, those of children in parentheses: that of the
    /// values, and behind `nulls` that of the validity if there are NULLs.
    pub fn tree(&self) -> String {
        let values = match &self.values {
            Values::Keys(keys) => keys.tree(),
            Values::Text(text) => text.tree(),
        };
        match self.validity.is_all(1) {
            true => values,
            false => format!("{values}, nulls {}", self.validity.tree()),
        }
    }
}

/// A predicate that is being evaluated, and what it said of NULL.
struct Asked<'a> {
    predicate: &'a dyn ValuePredicate,
    with_null: bool,
    keeps_null: bool,
}

impl Asked<'_> {
    /// The answers for `values`, and to one NULL more if the block has any.
    fn evaluate(&mut self, values: ArrayRef) -> Result<BooleanArray, FilterError> {
        let count = values.len();
        let asked = match self.with_null {
            true => with_null(&values).map_err(FilterError::Predicate)?,
            false => values,
        };
        let answers = self.predicate.evaluate(&asked).map_err(FilterError::Predicate)?;
        if answers.len() != asked.len() {
            let (found, expected) = (answers.len(), asked.len());
            let message = format!("a predicate gave {found} answers for {expected} values");
            return Err(FilterError::Predicate(message));
        }
        self.keeps_null |= self.with_null && is_true(&answers, count);
        Ok(answers.slice(0, count))
    }
}

fn with_null(values: &ArrayRef) -> Result<ArrayRef, String> {
    let null = new_null_array(values.data_type(), 1);
    concat(&[values.as_ref(), null.as_ref()]).map_err(|error| error.to_string())
}
