//! Bitmaps of a block say what a row-by-row reference says, of every predicate that they know.

use super::data::Row;
use super::reference::Asked;
use crate::{BitmapDirectory, BitmapPage, Predicate, Selection, bitmaps};
use arrow::array::{Array, ArrayRef};
use starfact_base::DataType;

/// The parsed directory of a page of these rows.
pub(crate) fn parse(page: &BitmapPage, ty: DataType, array: &ArrayRef) -> BitmapDirectory {
    let (values, len) = (page.values as usize, page.containers.len());
    let rows = (array.len(), array.null_count());
    BitmapDirectory::parse(&page.directory.clone().into(), ty, values, rows, len).unwrap()
}

/// The rows that have one of some values.
pub(crate) fn read(
    directory: &BitmapDirectory,
    page: &BitmapPage,
    values: &[u32],
    rows: usize,
) -> Selection {
    let mut selection = Selection::none(rows);
    for &value in values {
        let place = directory.container(value);
        let bytes = &page.containers[place.start as usize..place.end as usize];
        directory.add(value, bytes, &mut selection).unwrap();
    }
    selection
}

/// The index of some rows.
pub(super) struct Index {
    page: BitmapPage,
    directory: BitmapDirectory,
    nulls: usize,
}

impl Index {
    /// `None` if the rows have none, because all are NULL or too many differ.
    pub(super) fn of(ty: DataType, array: &ArrayRef) -> Option<Self> {
        let page = bitmaps(array.as_ref(), ty, None).unwrap()?;
        assert_eq!(page.values, page.indexed);
        let directory = parse(&page, ty, array);
        Some(Self { page, directory, nulls: array.null_count() })
    }

    pub(super) fn answers_like_the_reference(&self, label: &str, rows: &[Row], asked: &Asked) {
        let predicate = &asked.predicate;
        let Some(found) = self.directory.find(predicate).unwrap() else {
            let is_about_null = match predicate {
                Predicate::IsNull | Predicate::IsNotNull => true,
                Predicate::Values(_) => self.nulls > 0,
                _ => false,
            };
            assert!(is_about_null, "{label}, {predicate:?}");
            return;
        };
        let mut expected = Selection::none(rows.len());
        let chosen = rows.iter().enumerate().filter(|(_, row)| asked.is_satisfied_by(row));
        chosen.for_each(|(row, _)| expected.set(row));
        assert_eq!(found.kept.rows, expected.count(), "{label}, {predicate:?}");
        assert_eq!(found.kept.rows + found.dropped.rows + self.nulls, rows.len());
        let read = |values: &[u32]| read(&self.directory, &self.page, values, rows.len());
        assert!(read(&found.kept.values) == expected, "{label}, {predicate:?}");
        let others = read(&found.dropped.values);
        assert_eq!(others.count(), found.dropped.rows, "{label}, {predicate:?}");
        expected.intersect_words(others.words());
        assert!(expected.is_empty(), "{label}, {predicate:?}");
        for side in [found.kept, found.dropped] {
            assert_eq!(side.containers.unwrap().count, side.values.len());
        }
    }
}
