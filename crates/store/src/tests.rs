//! Tests of the store as a whole: what is written is what is read, whatever happens in between.

mod alter;
mod cells;
mod clustered;
mod crashes;
mod damage;
mod derive;
mod dictionaries;
mod evolution;
mod fixtures;
mod indexes;
mod keys;
mod loads;
mod lookups;
mod merges;
mod models;
mod open;
mod shared_keys;
mod space;
pub(crate) mod support;
mod transactions;
mod writes;
