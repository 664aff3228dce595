//! Filters that are answered by the bitmap index of a block instead of the block.
//!
//! ```text
//!   directory of the block ─► values kept, values dropped, rows of each, exactly
//!        │ nothing kept       │ nothing dropped    │ few rows kept     │ few rows dropped   │ else
//!      drop block           keep all rows        read their rows     read theirs, subtract  block
//! ```
//!
//! Which of these is taken is [`choose`], a pure function; what pays is the rule of
//! [`Containers::pay`], by which containers are also written.

use starfact_base::Result;
use starfact_encoding::{BitmapMatch, BlockCost, Containers, Predicate, Selection};
use starfact_format::ColumnFile;

/// When bitmap indexes are used. The answer is the same in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bitmaps {
    /// Not at all.
    Never,
    /// Where they cost less than the block.
    #[default]
    IfCheaper,
    /// Wherever there are any: for tests and measurements.
    Always,
}

/// What bitmaps did for a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BitmapAnswers {
    /// A filter was answered by bitmaps.
    pub answered: bool,
    /// And it left no row: that value is not in the block.
    pub dropped: bool,
}

impl BitmapAnswers {
    /// What bitmaps did for a block in two steps.
    #[must_use]
    pub fn and(self, then: Self) -> Self {
        let (answered, dropped) = (self.answered | then.answered, self.dropped | then.dropped);
        Self { answered, dropped }
    }
}

/// How a filter of a block is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    /// No row satisfies it.
    Drop,
    /// Every row does.
    Keep,
    /// By the rows of the values that satisfy it.
    Kept,
    /// By the rows of the values that do not.
    Dropped,
    /// By the block.
    Block,
}

/// Chooses the cheapest access for what the directory says.
fn choose(found: &BitmapMatch, nulls: usize, block: &BlockCost, bitmaps: Bitmaps) -> Access {
    let pays = |containers: &Containers| bitmaps == Bitmaps::Always || containers.pay(block);
    let kept = found.kept.containers.filter(pays);
    // A row that is NULL satisfies nothing, and stands in no container that could be subtracted.
    let dropped = found.dropped.containers.filter(|_| nulls == 0).filter(pays);
    match (kept, dropped) {
        _ if found.kept.rows == 0 => Access::Drop,
        _ if found.dropped.rows == 0 && nulls == 0 => Access::Keep,
        (Some(kept), Some(dropped)) if dropped.bytes < kept.bytes => Access::Dropped,
        (Some(_), _) => Access::Kept,
        (None, Some(_)) => Access::Dropped,
        (None, None) => Access::Block,
    }
}

/// Takes out of `selection` the rows of a block that do not satisfy `predicate`, if its bitmap
/// index does that at less cost than the block. What is done if nothing is said: nothing.
///
/// # Errors
/// Damage of the index; a predicate that does not fit the column.
pub(crate) fn narrow(
    file: &ColumnFile,
    block_idx: usize,
    predicate: &Predicate,
    selection: &mut Selection,
    bitmaps: Bitmaps,
) -> Result<BitmapAnswers> {
    let nothing = BitmapAnswers::default();
    // What is evaluated value by value is evaluated on the dictionary of the block, if it has one.
    let is_known =
        !matches!(predicate, Predicate::IsNull | Predicate::IsNotNull | Predicate::Values(_));
    if bitmaps == Bitmaps::Never || !is_known || file.bitmap_byte_len(block_idx) == 0 {
        return Ok(nothing);
    }
    let rows = selection.rows();
    let block = BlockCost {
        bytes: usize::try_from(file.filter_byte_len(block_idx)).unwrap_or(usize::MAX),
        vectors: selection.vectors(),
        vectors_total: Selection::all(rows).vectors(),
    };
    if bitmaps != Bitmaps::Always && !block.may_be_saved(file.bitmap_value_count(block_idx)) {
        return Ok(nothing);
    }
    let Some(index) = file.bitmaps(block_idx)? else { return Ok(nothing) };
    let Some(found) = index.find(predicate)? else { return Ok(nothing) };
    let nulls = file.zones().get(block_idx).map_or(0, |zone| zone.stats.nulls as usize);
    let answered = BitmapAnswers { answered: true, dropped: false };
    match choose(&found, nulls, &block, bitmaps) {
        Access::Block => Ok(nothing),
        Access::Keep => Ok(answered),
        Access::Drop => {
            *selection = Selection::none(rows);
            Ok(BitmapAnswers { dropped: true, ..answered })
        }
        Access::Kept => {
            let kept = index.rows_of(&found.kept.values, rows)?;
            selection.intersect_words(kept.words());
            Ok(answered)
        }
        Access::Dropped => {
            selection.subtract(&index.rows_of(&found.dropped.values, rows)?);
            Ok(answered)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use starfact_encoding::BitmapSide;

    fn side(rows: usize, containers: Option<(usize, usize)>) -> BitmapSide {
        let containers = containers.map(|(count, bytes)| Containers { count, bytes });
        BitmapSide { values: Vec::new(), rows, containers }
    }

    fn chosen(kept: BitmapSide, dropped: BitmapSide, nulls: usize) -> Access {
        let block = BlockCost { bytes: 100_000, vectors: 64, vectors_total: 64 };
        choose(&BitmapMatch { kept, dropped }, nulls, &block, Bitmaps::IfCheaper)
    }

    #[test]
    fn the_side_with_fewer_rows_is_read_if_it_costs_less_than_the_block() {
        let rare = || side(500, Some((1, 1_000)));
        let frequent = || side(65_036, Some((90, 130_000)));
        assert_eq!(chosen(rare(), frequent(), 0), Access::Kept);
        assert_eq!(chosen(frequent(), rare(), 0), Access::Dropped);
        assert_eq!(chosen(frequent(), rare(), 1), Access::Block);
        assert_eq!(chosen(frequent(), frequent(), 0), Access::Block);
        assert_eq!(chosen(rare(), side(65_036, None), 7), Access::Kept);
        assert_eq!(chosen(side(500, None), side(65_036, None), 0), Access::Block);
    }

    #[test]
    fn nothing_and_everything_need_no_container() {
        let (nothing, everything) = (|| side(0, Some((0, 0))), || side(65_536, None));
        assert_eq!(chosen(nothing(), everything(), 0), Access::Drop);
        assert_eq!(chosen(nothing(), everything(), 9), Access::Drop);
        assert_eq!(chosen(everything(), nothing(), 0), Access::Keep);
        assert_eq!(chosen(everything(), nothing(), 9), Access::Block);
    }

    #[test]
    fn a_block_of_which_little_is_left_is_filtered_itself() {
        let found = BitmapMatch { kept: side(500, Some((1, 1_000))), dropped: side(65_036, None) };
        let block = |vectors| BlockCost { bytes: 100_000, vectors, vectors_total: 64 };
        let chosen = |vectors| choose(&found, 0, &block(vectors), Bitmaps::IfCheaper);
        assert_eq!((chosen(64), chosen(1)), (Access::Kept, Access::Block));
        assert_eq!(choose(&found, 0, &block(1), Bitmaps::Always), Access::Kept);
    }
}
