//! Columns of text that do not hold on to more memory than they need.
//!
//! Texts of more than twelve bytes lie in buffers, and an array that is taken from another one
//! holds on to all buffers of that. Names of nations that come with each batch of customers lie in
//! the same few buffers, or in none, and each batch brings these along.

use arrow::array::{Array, ArrayRef, AsArray, ByteView, MAX_INLINE_VIEW_LEN, StringViewArray};
use arrow::buffer::Buffer;
use std::sync::Arc;

/// Buffers up to which it pays to find out which are the same.
const FEW_BUFFERS: usize = 8;

/// The same column with each buffer once, if its texts lie in a few.
pub(super) fn with_few_buffers(column: ArrayRef) -> ArrayRef {
    let Some(texts) = column.as_string_view_opt() else { return column };
    if texts.data_buffers().len() < 2 {
        return column;
    }
    // Short ones lie in no buffer at all.
    let longest = texts.views().iter().fold(0, |longest, view| longest.max(*view as u32));
    if longest <= MAX_INLINE_VIEW_LEN {
        let (views, nulls) = (texts.views().clone(), texts.nulls().cloned());
        // SAFETY: these views are valid, and none of them is of a buffer.
        return Arc::new(unsafe { StringViewArray::new_unchecked(views, vec![], nulls) });
    }
    match moved(texts) {
        Some(moved) => Arc::new(moved),
        None => column,
    }
}

fn moved(texts: &StringViewArray) -> Option<StringViewArray> {
    let mut kept: Vec<Buffer> = Vec::new();
    // The place of each buffer among those that are kept, once a text in it is seen.
    let mut places: Vec<Option<u32>> = vec![None; texts.data_buffers().len()];
    let mut views = Vec::with_capacity(texts.len());
    for view in texts.views() {
        let mut view = ByteView::from(*view);
        if view.length > MAX_INLINE_VIEW_LEN {
            let number = view.buffer_index as usize;
            let known = places.get_mut(number)?;
            view.buffer_index = match *known {
                Some(place) => place,
                None => *known.insert(place_in(&mut kept, texts.data_buffers().get(number)?)?),
            };
        }
        views.push(view.as_u128());
    }
    // SAFETY: the texts of valid views are the same, where they lie, in the buffers that are kept.
    Some(unsafe { StringViewArray::new_unchecked(views.into(), kept, texts.nulls().cloned()) })
}

/// The place of a buffer among others, of which there are only a few.
fn place_in(kept: &mut Vec<Buffer>, buffer: &Buffer) -> Option<u32> {
    let is_it = |known: &Buffer| known.as_ptr() == buffer.as_ptr() && known.len() == buffer.len();
    let place = kept.iter().position(is_it).unwrap_or_else(|| {
        kept.push(buffer.clone());
        kept.len() - 1
    });
    (place < FEW_BUFFERS).then_some(place as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::UInt32Array;
    use arrow::compute::{concat, take};

    #[test]
    fn texts_stay_and_each_buffer_is_there_once() {
        let long = |n: usize| format!("a text of more than twelve bytes {n}");
        let nations: StringViewArray = (0..9)
            .map(|n| (n != 4).then(|| if n % 3 == 0 { format!("no {n}") } else { long(n) }))
            .collect();
        let rows: Vec<UInt32Array> =
            (0..30_u32).map(|batch| (0..50).map(|row| (row * 7 + batch) % 9).collect()).collect();
        let taken: Vec<ArrayRef> =
            rows.iter().map(|rows| take(&nations, rows, None).unwrap()).collect();
        let parts: Vec<&dyn Array> = taken.iter().map(AsRef::as_ref).collect();
        let all = concat(&parts).unwrap();
        assert_eq!(all.as_string_view().data_buffers().len(), 30);
        let few = with_few_buffers(Arc::clone(&all));
        assert_eq!(&few, &all);
        assert_eq!(few.as_string_view().data_buffers().len(), 1);
        let short: Vec<u32> = (0..1_500).filter(|row| nations_are_short(&all, *row)).collect();
        let short = take(&all, &UInt32Array::from(short), None).unwrap();
        let none = with_few_buffers(Arc::clone(&short));
        assert_eq!((&none, none.as_string_view().data_buffers().len()), (&short, 0));
        // Of others nothing is gained.
        let many: Vec<ArrayRef> = (0..20)
            .map(|n| Arc::new(StringViewArray::from_iter_values([long(n)])) as ArrayRef)
            .collect();
        let parts: Vec<&dyn Array> = many.iter().map(AsRef::as_ref).collect();
        let all = concat(&parts).unwrap();
        let same = with_few_buffers(Arc::clone(&all));
        assert_eq!(same.as_string_view().data_buffers().len(), 20);
        assert_eq!(&same, &all);
    }

    fn nations_are_short(all: &ArrayRef, row: u32) -> bool {
        let all = all.as_string_view();
        all.is_null(row as usize) || all.value(row as usize).len() <= MAX_INLINE_VIEW_LEN as usize
    }
}
