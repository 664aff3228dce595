//! Decoded text: one 16-byte view a row, in the layout of Arrow's `Utf8View`, and buffers.
//!
//! Text of up to 12 bytes lies in the view itself. Longer text is a place in a buffer, which is one
//! of the block, so decoding copies no text. Only where few of its bytes are wanted, these are
//! copied instead, lest a few rows keep a whole block in memory.

use arrow::array::make_view;
use arrow::buffer::{Buffer, ScalarBuffer};

/// Bytes of the longest text that lies in its view.
const INLINE_BYTES_MAX: usize = 12;
/// The bits of a view from which on the number of its buffer lies, 32 of them.
const BUFFER_SHIFT: u32 = 64;
/// A buffer is kept whole while no more than this many times the bytes in use.
const SLACK: usize = 4;
/// A buffer of up to this many bytes is kept whole in any case.
const COMPACT_BYTES_MIN: usize = 4_096;
/// The same for a buffer that is shared by many blocks.
const SHARED_BYTES_MAX: usize = 65_536;
/// So many rows are a good part of a block, and their buffer is kept whole without a look at them.
const COMPACT_ROWS_MAX: usize = 8_192;

/// Rows of text. Every view is of UTF-8: text of the view itself, or a part of its buffer between
/// two characters of it; [`Views::new`] and the others are called with such views only.
#[derive(Clone, Debug)]
pub(crate) struct Views {
    views: Vec<u128>,
    buffers: Vec<Buffer>,
    /// Bytes up to which the buffer is kept whole in any case.
    kept_bytes: usize,
}

/// The view of `text`, which begins at `offset` of the buffer.
#[inline]
pub(super) fn view(text: &[u8], offset: usize) -> u128 {
    make_view(text, 0, offset as u32)
}

/// A view into the first buffer, made one into another buffer.
#[inline]
pub(super) fn in_buffer(view: u128, buffer: u32) -> u128 {
    let is_within = len(view) <= INLINE_BYTES_MAX;
    if is_within { view } else { view | u128::from(buffer) << BUFFER_SHIFT }
}

/// Bytes of the text of a view.
fn len(view: u128) -> usize {
    view as u32 as usize
}

/// The buffer that the text of a view is in, and where it begins there, if it does not lie in the
/// view.
fn place(view: u128) -> Option<(usize, usize)> {
    let buffer = (view >> BUFFER_SHIFT) as u32 as usize;
    (len(view) > INLINE_BYTES_MAX).then_some((buffer, (view >> 96) as usize))
}

impl Views {
    pub(crate) fn new(views: Vec<u128>, buffer: Buffer) -> Self {
        Self::in_buffers(views, vec![buffer])
    }

    pub(crate) fn in_buffers(views: Vec<u128>, buffers: Vec<Buffer>) -> Self {
        Self { views, buffers, kept_bytes: COMPACT_BYTES_MIN }
    }

    /// Views into a buffer that is in memory anyway, so that keeping it costs nothing. Whoever
    /// adds up the bytes of arrays counts it in each; so large ones are copied from all the same.
    pub(crate) fn of_shared(views: Vec<u128>, buffer: Buffer) -> Self {
        Self { views, buffers: vec![buffer], kept_bytes: SHARED_BYTES_MAX }
    }

    /// What an Arrow array is made of.
    pub(crate) fn into_parts(self) -> (ScalarBuffer<u128>, Vec<Buffer>) {
        let Self { mut views, mut buffers, kept_bytes } = self;
        let bytes: usize = buffers.iter().map(Buffer::len).sum();
        if bytes > kept_bytes && views.len() <= COMPACT_ROWS_MAX {
            let long = views.iter().filter(|&&view| place(view).is_some());
            let used: usize = long.map(|&view| len(view)).sum();
            if used == 0 {
                buffers.clear();
            } else if bytes / SLACK > used {
                buffers = vec![compact(&mut views, &buffers, used)];
            }
        }
        (ScalarBuffer::from(views), buffers)
    }
}

/// Copies the text of `views` that lies in buffers and points them to the copy.
fn compact(views: &mut [u128], buffers: &[Buffer], used: usize) -> Buffer {
    let mut copy = Vec::with_capacity(used);
    for slot in views {
        let Some((buffer, from)) = place(*slot) else { continue };
        let bytes = buffers.get(buffer).map_or(&[][..], Buffer::as_slice);
        let text = bytes.get(from..from + len(*slot)).unwrap_or_default();
        *slot = view(text, copy.len());
        copy.extend_from_slice(text);
    }
    Buffer::from_vec(copy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::StringViewArray;

    /// Everything that Arrow can verify of an array, which the unchecked constructor does not.
    fn verified(views: Views) -> StringViewArray {
        let (views, buffers) = views.into_parts();
        StringViewArray::try_new(views, buffers, None).unwrap()
    }

    fn of(texts: &[&str]) -> Views {
        let bytes = texts.concat().into_bytes();
        let mut offset = 0;
        let views = texts.iter().map(|text| {
            offset += text.len();
            view(text.as_bytes(), offset - text.len())
        });
        Views::new(views.collect(), Buffer::from_vec(bytes))
    }

    #[test]
    fn text_of_every_length_around_the_inline_limit_is_found() {
        let texts: Vec<String> = (0..40).map(|len| "x".repeat(len)).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let array = verified(of(&texts));
        assert_eq!(array.iter().flatten().collect::<Vec<_>>(), texts);
    }

    #[test]
    fn few_rows_do_not_hold_a_large_buffer() {
        let long = "long".repeat(5_000);
        let views = of(&[&long, "short", "a few more bytes", &long]);
        let few = Views::new(views.views[1..3].to_vec(), views.buffers[0].clone());
        let array = verified(few);
        assert_eq!(array.data_buffers().len(), 1);
        assert_eq!(array.data_buffers()[0].len(), "a few more bytes".len());
        assert_eq!(array.value(1), "a few more bytes");
        let most = verified(Views::new(views.views[..2].to_vec(), views.buffers[0].clone()));
        assert_eq!(most.data_buffers()[0].len(), 2 * long.len() + 21);
        assert_eq!(most.value(0), long);
    }

    #[test]
    fn inline_text_does_not_hold_a_large_buffer() {
        let long = "long".repeat(5_000);
        let views = of(&["a", "", "twelve bytes", &long]);
        let array = verified(Views::new(views.views[..3].to_vec(), views.buffers[0].clone()));
        assert!(array.data_buffers().is_empty());
        assert_eq!(array.value(2), "twelve bytes");
    }

    #[test]
    fn text_of_several_buffers_is_found_and_copied() {
        let one = of(&["a text of the first buffer", "short"]);
        let other = of(&["another buffer has this text", "and this one, too, has it", "tiny"]);
        let views: Vec<u128> = one
            .views
            .iter()
            .copied()
            .chain(other.views.iter().map(|it| in_buffer(*it, 1)))
            .collect();
        let expected = [
            "a text of the first buffer",
            "short",
            "another buffer has this text",
            "and this one, too, has it",
            "tiny",
        ];
        let padded = |buffer: &Buffer, bytes: usize| {
            Buffer::from_vec([buffer.as_slice(), &vec![b'x'; bytes]].concat())
        };
        for bytes in [0, 50_000] {
            let buffers = vec![padded(&one.buffers[0], bytes), padded(&other.buffers[0], bytes)];
            let array = verified(Views::in_buffers(views.clone(), buffers));
            assert_eq!(array.iter().flatten().collect::<Vec<_>>(), expected);
            assert_eq!(array.data_buffers().len(), if bytes == 0 { 2 } else { 1 });
        }
    }
}
