//! The executor over encoded column files. It knows nothing of SQL or DataFusion.
//!
//! [`Scan`] reads one table at one snapshot, morsel by morsel: zone maps drop whole blocks,
//! bitmap indexes or predicates on encoded blocks leave a selection of rows, and only then are the
//! other columns decoded, for those rows alone. Morsels are independent, so callers may read them
//! from as many threads as they like.

mod bitmaps;
mod columns;
pub mod narrow;
mod scan;
pub mod short;
mod source;
mod statistics;
mod text_numbers;
mod totals;

pub use bitmaps::{BitmapAnswers, Bitmaps};
pub use columns::{ColumnCodes, Given, MorselColumns, OpenBlocks};
pub use scan::{ColumnFilter, Morsel, Removed, Scan, ScanOptions};
pub use statistics::{ColumnBounds, column_bounds, distinct_count};
pub use text_numbers::TextNumbers;
pub use totals::{ColumnTotals, Totals, TotalsAsked};
