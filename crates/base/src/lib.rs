//! Words that every layer shares: errors, ids, limits, column types, plain values and checksums.
//!
//! This crate sits at the bottom of the layer graph. It does no I/O and knows nothing of Arrow,
//! SQL or files; what needs those lives above.

pub mod checksum;
pub mod data_type;
pub mod error;
pub mod ids;
pub mod limits;
pub mod scalar;

pub use data_type::DataType;
pub use error::{Corruption, Error, Result};
pub use ids::{ColumnId, Epoch, SegmentId, TableId, Version};
pub use scalar::Scalar;
