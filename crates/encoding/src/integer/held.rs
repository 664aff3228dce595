//! What a parsed node holds in memory beside the bytes of its block.

use super::Integers;

impl Integers {
    /// Bytes that it holds beside those of the block and what is only made when it is asked for.
    pub(crate) fn held_bytes(&self) -> usize {
        let inner = match self {
            Self::Constant(_) | Self::Offsets(_) | Self::Wide(_) | Self::Zstd(_) => 0,
            Self::RunLength(node) => node.held_bytes(),
            Self::Dictionary(node) => node.held_bytes(),
            Self::Derived(node) => node.held_bytes(),
            Self::Patched(node) => node.held_bytes(),
            Self::Delta(node) => node.held_bytes(),
            Self::Scaled(node) => node.held_bytes(),
            Self::Sparse(node) => node.held_bytes(),
            Self::Alp(node) => node.held_bytes(),
            Self::Marked(node) => node.held_bytes(),
            Self::Sliced(node) => node.held_bytes(),
        };
        size_of::<Self>() + inner
    }
}
