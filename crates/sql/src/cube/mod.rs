//! Cubes: declared aggregates over a star that are kept exact, and used without being named.
//!
//! ```text
//!   CREATE CUBE c AS SELECT …      define     a query for the cells of each part
//!                                  part       that query, planned: which column is what
//!   commit                         maintain   cells of rows that go, negative; of rows that come
//!   SELECT … GROUP BY …            answer     the same aggregation, of cells
//!   CHECK CUBE c                   check      the cells beside those of a new build
//! ```
//!
//! A part of a cube is a table of the warehouse that users do not see. Its rows are cells: keys,
//! the number of rows, and sums of all kinds. Several cells may have the same keys, and count
//! together; so a commit only adds cells, those of rows that go with negative numbers, and it adds
//! them in the same commit. Every snapshot has the cells of exactly its rows, whatever crashes and
//! whoever reads.

mod answer;
mod cells;
mod check;
mod define;
mod failing;
mod implied;
mod lookups;
mod maintain;
mod part;
mod planner;
mod reason;
mod source;

pub(crate) use answer::{Usable, with_cubes};
pub(crate) use check::check;
pub(crate) use define::{Declared, Wanted, parts_of};
pub(crate) use maintain::Keeper;
pub(crate) use part::{Part, Role};
pub(crate) use planner::{Audit, Cubes};
pub(crate) use reason::used_cube;
pub(crate) use source::is_beside_cells;
