//! The encodings by name, as users see and choose them, and the tags of their nodes.

use crate::integer::{
    alp, bit_packed, constant, delta, dictionary, marked, patched, plain, run_length, scaled,
    sliced, sparse, zstd,
};
use crate::text;
use std::fmt;

/// An encoding that a column may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EncodingName {
    /// One value for all rows.
    Constant,
    /// Values one after the other, in whole bytes.
    Plain,
    /// As many bits as the largest value needs.
    BitPacked,
    /// Runs of equal values.
    RunLength,
    /// Distinct values in order, and their numbers.
    Dictionary,
    /// Frequent substrings of text as codes of one byte.
    Fsst,
    /// Plain, compressed.
    Zstd,
    /// Most values in few bits, and the others apart.
    Patched,
    /// The difference of each value from the one before.
    Delta,
    /// Multiples of a number.
    Scaled,
    /// One value for most rows, and a bitmap of the others.
    Sparse,
    /// Floats as integers in front of a power of ten.
    Alp,
    /// The high bits and the low bits of numbers apart.
    Sliced,
}

impl EncodingName {
    /// Every encoding.
    pub const ALL: [Self; 13] = [
        Self::Constant,
        Self::Plain,
        Self::BitPacked,
        Self::RunLength,
        Self::Dictionary,
        Self::Fsst,
        Self::Zstd,
        Self::Patched,
        Self::Delta,
        Self::Scaled,
        Self::Sparse,
        Self::Alp,
        Self::Sliced,
    ];

    /// The name in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Constant => constant::NAME,
            Self::Plain => plain::NAME,
            Self::BitPacked => bit_packed::NAME,
            Self::RunLength => run_length::NAME,
            Self::Dictionary => dictionary::NAME,
            Self::Fsst => text::fsst::NAME,
            Self::Zstd => zstd::NAME,
            Self::Patched => patched::NAME,
            Self::Delta => delta::NAME,
            Self::Scaled => scaled::NAME,
            Self::Sparse => sparse::NAME,
            Self::Alp => alp::NAME,
            Self::Sliced => sliced::NAME,
        }
    }
}

impl fmt::Display for EncodingName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// What the tag of a node stands for; `None` if this version does not know it.
pub(crate) fn tag_name(tag: u8) -> Option<&'static str> {
    Some(match tag {
        constant::TAG => "constant integers",
        plain::TAG => "plain integers",
        bit_packed::TAG => "bit-packed integers",
        run_length::TAG => "run-length integers",
        dictionary::TAG => "a dictionary of integers",
        zstd::TAG => "zstd integers",
        patched::TAG => "patched integers",
        delta::TAG => "deltas of integers",
        scaled::TAG => "scaled integers",
        sparse::TAG => "sparse integers",
        alp::TAG => "floats as integers",
        marked::TAG => "marked runs of integers",
        sliced::TAG => "sliced integers",
        text::constant::TAG => "constant text",
        text::plain::TAG => "plain text",
        text::fsst::TAG => "fsst text",
        text::dictionary::TAG => "a dictionary of text",
        text::zstd::TAG => "zstd text",
        text::zstd::FRAMES_TAG => "zstd text in several frames",
        text::shared::TAG => "codes of a shared dictionary of text",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_in_use_have_names_of_their_own() {
        let names: Vec<&str> = (0..=u8::MAX).filter_map(tag_name).collect();
        let mut distinct = names.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!((names.len(), distinct.len()), (20, 20));
    }

    #[test]
    fn encodings_print_as_their_names() {
        let names = EncodingName::ALL.map(|name| name.to_string());
        let in_order = "constant plain bit-packed run-length dictionary fsst zstd \
                        patched delta scaled sparse alp sliced";
        assert_eq!(names.join(" "), in_order);
    }
}
