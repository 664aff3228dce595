//! Keys: normal form, sorted runs on disk, uniqueness, and references resolved to ordinals.

pub(crate) mod dense;
pub(crate) mod files;
pub(crate) mod index;
pub(crate) mod kept;
pub(crate) mod layout;
pub(crate) mod memory;
pub(crate) mod references;
pub(crate) mod run;
pub(crate) mod search;
pub(crate) mod sorter;
pub(crate) mod unique;
