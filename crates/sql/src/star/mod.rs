//! Star blocks: a fact with its dimensions, joined by array look-ups.
//!
//! ```text
//!  optimised logical plan          tree of joins, filters and projections over tables
//!        │ flatten                 tables, conditions, outputs
//!        │ shape                   one root, foreign keys from it to all others
//!        ▼
//!  StarExec                        rows of the root, columns of dimensions beside them
//!        │ aggregate               under a partial aggregation
//!        ▼
//!  StarAggregateExec               its states, groups found by codes of dimensions
//!        │ whole                   with the final aggregation over it
//!        ▼
//!  StarWholeExec                   values, threads merged by the same codes
//! ```
//!
//! First each dimension is read once: its filters leave a set of ordinals, which is a filter of the
//! column of references in the fact, by which blocks are skipped and rows dropped without a look at
//! anything else; the columns that are asked for lie in arrays that ordinals lead into. So nothing
//! is hashed for a join, and the order of joins is the order in which filters leave fewest rows.
//!
//! Any query of this shape is answered so, by declared foreign keys alone. What does not have it
//! stays as the query engine plans it, and so does everything with `starfact.star_executor = off`.

mod aggregate;
mod block;
mod brief;
mod canonical;
mod cells;
mod common;
mod dimension;
mod exec;
mod existence;
mod flatten;
mod found;
mod functions;
mod groups;
mod index;
mod keyed;
mod late_keys;
mod merge;
mod narrow;
mod node;
mod number_key;
mod order;
mod outer_groups;
mod partial;
mod plan;
mod reading;
mod refused;
mod regroup;
mod same_rows;
mod shape;
mod texts;
mod top_groups;
mod whole;

pub(crate) use aggregate::StarAggregates;
pub(crate) use brief::{is_brief, is_divided_in_vain, is_led};
pub(crate) use canonical::{Path, ROOT, Shape};
pub(crate) use node::StarPlanner;
pub(crate) use refused::{Refused, SharedNotes};
