//! `INSERT … ON CONFLICT … DO NOTHING | DO UPDATE SET …`.
//!
//! ```text
//!   rows to insert ─ convert ─ look up their keys ─┬─ no such row    insert
//!                                                  ├─ DO NOTHING     leave out
//!                                                  └─ DO UPDATE      set, in the row that is there
//! ```
//!
//! Keys are looked up in the key indexes, never in the rows of the table, and all of them before
//! anything is changed: what a row is to the table is what it was before the statement. Of rows of
//! the statement with the same key DO NOTHING keeps the first; for DO UPDATE they are an error,
//! because it is not said which one is to win.

mod action;
mod conflict;

use super::Context;
use super::changed::Changed;
use super::kept::{Kept, Updates};
use super::returning::Returning;
use super::write::{self, Target};
use crate::error::{Error, Result};
use action::Action;
use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::{interleave_record_batch, take_record_batch};
use conflict::{Found, Keys};
use datafusion::sql::sqlparser::ast::OnConflict;
use starfact_store::Transaction;
use std::collections::HashSet;
use std::sync::Arc;

/// What is done about rows whose key is in the table.
pub(super) struct Upsert {
    keys: Keys,
    action: Option<Action>,
}

/// Rows of a batch by what becomes of them.
#[derive(Default)]
struct Plan {
    inserted: Vec<u32>,
    updated: Vec<u32>,
    /// The row that each of `updated` is for.
    row_ids: Vec<u64>,
}

impl Upsert {
    /// Looks up the keys that ON CONFLICT means, and what it sets.
    ///
    /// # Errors
    /// No such key; columns and expressions that make no sense.
    pub(super) fn new(context: &Context, changed: &Changed, on: OnConflict) -> Result<Self> {
        let keys = Keys::new(&changed.table, &on)?;
        let action = Action::new(context, changed, on.action)?;
        Ok(Self { keys, action })
    }

    /// Inserts or updates; returns how many rows were.
    pub(super) fn run(
        mut self,
        context: &Context,
        transaction: &mut Transaction,
        mut target: Target,
        batches: &mut dyn Iterator<Item = Result<RecordBatch>>,
        mut returning: Option<&mut Returning>,
    ) -> Result<u64> {
        let (table, schema) = (self.keys.table(), Arc::clone(target.schema()));
        let (mut inserted, mut updated) = (Kept::new(context), Kept::new(context));
        let mut row_ids: Vec<u64> = Vec::new();
        let mut touched: HashSet<u64> = HashSet::new();
        for batch in batches {
            context.check_cancelled()?;
            let rows = target.convert(&batch?)?;
            let found = self.keys.find(transaction, &rows)?;
            let mut plan = match &self.action {
                None => Plan { inserted: self.new_rows(&found), ..Plan::default() },
                Some(_) => self.split(&found)?,
            };
            let new = match &mut self.action {
                Some(action) if !plan.updated.is_empty() => {
                    let old = transaction.take_rows(table, &plan.row_ids)?;
                    let offered = take(&rows, &plan.updated)?;
                    let (chosen, new) = action.apply(&old, &offered)?;
                    plan.keep(&chosen);
                    new
                }
                _ => RecordBatch::new_empty(Arc::clone(&schema)),
            };
            if !plan.row_ids.iter().all(|row| touched.insert(*row)) {
                return Err(twice());
            }
            if let Some(returning) = returning.as_deref_mut() {
                returning.push(&plan.in_order(&rows, &new)?, &[], None)?;
            }
            inserted.push(take(&rows, &plan.inserted)?)?;
            updated.push(new)?;
            row_ids.extend(plan.row_ids);
        }
        let mut updates = Updates::new(table);
        let mut rest = row_ids.as_slice();
        for rows in updated.batches() {
            let (these, others) = rest.split_at(rows.num_rows());
            updates.push(transaction, these, rows.clone())?;
            rest = others;
        }
        let updated = updates.finish(transaction)?;
        let mut new = inserted.batches().iter().cloned().map(Ok);
        let inserted = write::add_converted(context, transaction, (table, &schema), &mut new)?;
        Ok(inserted + updated)
    }

    /// DO NOTHING: the rows of which no key is there, neither in the table nor in rows before.
    fn new_rows(&mut self, found: &Found) -> Vec<u32> {
        let mut rows = Vec::new();
        for row in 0..found.row_count() {
            if found.existing(row).is_none() && self.keys.claim(found, row) {
                rows.push(row as u32);
            }
        }
        rows
    }

    /// DO UPDATE: the rows that are new, and those that update one.
    fn split(&mut self, found: &Found) -> Result<Plan> {
        let mut plan = Plan::default();
        for row in 0..found.row_count() {
            if let Some(existing) = found.existing(row) {
                plan.updated.push(row as u32);
                plan.row_ids.push(existing);
            } else if self.keys.claim(found, row) {
                plan.inserted.push(row as u32);
            } else {
                return Err(twice());
            }
        }
        Ok(plan)
    }
}

impl Plan {
    /// Forgets the updates that WHERE did not choose.
    fn keep(&mut self, chosen: &[bool]) {
        let mut keep = chosen.iter();
        self.updated.retain(|_| *keep.next().unwrap_or(&false));
        let mut keep = chosen.iter();
        self.row_ids.retain(|_| *keep.next().unwrap_or(&false));
    }

    /// The inserted and the updated rows in the order in which they came.
    fn in_order(&self, offered: &RecordBatch, new: &RecordBatch) -> Result<RecordBatch> {
        let inserted = self.inserted.iter().map(|row| (*row, (0, *row as usize)));
        let updated = self.updated.iter().enumerate().map(|(place, row)| (*row, (1, place)));
        let mut all: Vec<(u32, (usize, usize))> = inserted.chain(updated).collect();
        all.sort_unstable();
        let places: Vec<(usize, usize)> = all.into_iter().map(|(_, place)| place).collect();
        Ok(interleave_record_batch(&[offered, new], &places)?)
    }
}

fn take(rows: &RecordBatch, places: &[u32]) -> Result<RecordBatch> {
    if places.len() == rows.num_rows() {
        return Ok(rows.clone());
    }
    Ok(take_record_batch(rows, &UInt32Array::from(places.to_vec()))?)
}

fn twice() -> Error {
    Error::sql("ON CONFLICT DO UPDATE changes a row a second time: two rows have the same key")
        .with_hint("insert only one row for each key, for example by DISTINCT ON or GROUP BY")
}
