//! Transactions: `BEGIN`, `COMMIT`, `ROLLBACK`, and the one way in which statements change
//! anything.
//!
//! ```text
//!   no transaction is open    begin ─ look for rows ─ change them ─ commit, within the statement
//!   BEGIN … COMMIT            begin ── statement ── statement ── … ── commit
//! ```
//!
//! A statement of its own takes its turn before it looks for the rows that it changes, so nothing
//! comes in between. A transaction of several statements does not wait for others; should another
//! have changed what it relies on, its COMMIT fails. An error within it aborts it, and then only
//! ROLLBACK and COMMIT are taken, which both undo it.

use super::Context;
use crate::error::{Error, Result};
use crate::outcome::Outcome;
use crate::parse::Statement;
use starfact_store::{Snapshot, Transaction};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const ABORTED: &str = "the transaction is aborted: ROLLBACK ends it";

/// The transaction that a session has begun.
pub(crate) struct OpenTransaction {
    state: State,
    /// Set when rows of one of its queries fail while they are read.
    failed: Arc<AtomicBool>,
}

enum State {
    Writing(Box<Transaction>),
    Reading(Arc<Snapshot>),
    Aborted,
}

impl OpenTransaction {
    fn new(state: State) -> Self {
        Self { state, failed: Arc::default() }
    }

    /// One of which nothing is left.
    pub(crate) fn aborted() -> Self {
        Self::new(State::Aborted)
    }

    /// Undoes everything; only its end is left to come.
    pub(crate) fn abort(&mut self) {
        self.state = State::Aborted;
    }

    /// What its statements see; `None` if it is aborted.
    ///
    /// # Errors
    /// Its own rows cannot be encoded.
    pub(crate) fn snapshot(&self) -> Result<Option<Arc<Snapshot>>> {
        match &self.state {
            State::Writing(transaction) => Ok(Some(transaction.snapshot()?)),
            State::Reading(snapshot) => Ok(Some(Arc::clone(snapshot))),
            State::Aborted => Ok(None),
        }
    }

    /// What the rows of its queries set when they fail.
    pub(crate) fn failure_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.failed)
    }

    /// Takes notice of rows that have failed since the last statement.
    pub(crate) fn notice_failure(&mut self) {
        if self.failed.load(Ordering::Relaxed) {
            self.abort();
        }
    }
}

/// What a statement is to a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Begin,
    Within,
    End,
}

impl Part {
    pub(crate) fn of(statement: &Statement) -> Self {
        match statement {
            Statement::Begin { .. } => Self::Begin,
            Statement::Commit | Statement::Rollback => Self::End,
            _ => Self::Within,
        }
    }
}

/// Refuses what an aborted transaction does not take.
pub(crate) fn check_open(open: Option<&OpenTransaction>, part: Part) -> Result<()> {
    let is_aborted = open.is_some_and(|open| matches!(open.state, State::Aborted));
    if is_aborted && part != Part::End {
        return Err(Error::sql(ABORTED)
            .with_hint("an earlier statement of it failed, so nothing of it is kept"));
    }
    Ok(())
}

/// `BEGIN`
pub(super) fn begin(context: &mut Context, read_only: bool) -> Result<Outcome> {
    if context.open.is_some() {
        return Err(Error::sql("a transaction is open already")
            .with_hint("COMMIT keeps what it changed, ROLLBACK does not"));
    }
    let store = &context.inner.store;
    let state = match read_only || store.is_read_only() {
        true => State::Reading(Arc::clone(&context.snapshot)),
        false => State::Writing(Box::new(store.begin_concurrent()?)),
    };
    context.open = Some(OpenTransaction::new(state));
    Ok(Outcome::Done { tag: "BEGIN".into() })
}

/// `COMMIT`
pub(super) fn commit(context: &mut Context) -> Result<Outcome> {
    let open = context.open.take();
    match open.ok_or_else(none_open)?.state {
        State::Writing(transaction) => {
            transaction.commit_with(context.settings.durability)?;
        }
        State::Reading(_) => {}
        State::Aborted => {
            return Err(Error::sql("the transaction was aborted by an error: it is rolled back")
                .with_hint("nothing of it was kept; run its statements again"));
        }
    }
    Ok(Outcome::Done { tag: "COMMIT".into() })
}

/// `ROLLBACK`
pub(super) fn rollback(context: &mut Context) -> Result<Outcome> {
    context.open.take().ok_or_else(none_open)?;
    Ok(Outcome::Done { tag: "ROLLBACK".into() })
}

fn none_open() -> Error {
    Error::sql("no transaction is open").with_hint("BEGIN opens one")
}

/// Changes something, in the transaction that is open or in one of its own, which is committed
/// before this returns. What `work` is given sees that transaction.
///
/// # Errors
/// Those of `work`, and of the commit.
pub(super) fn change<T>(
    context: &mut Context,
    work: impl FnOnce(&mut Context, &mut Transaction) -> Result<T>,
) -> Result<T> {
    let Some(mut open) = context.open.take() else {
        return change_alone(context, work);
    };
    let result = match &mut open.state {
        State::Writing(transaction) => work(context, transaction),
        State::Reading(_) if context.inner.store.is_read_only() => {
            // Says why in its own words.
            context.inner.store.begin().map_err(Error::from).and_then(|_| Err(read_only()))
        }
        State::Reading(_) => Err(read_only()),
        State::Aborted => Err(Error::sql(ABORTED)),
    };
    context.open = Some(open);
    result
}

fn read_only() -> Error {
    Error::sql("the transaction is READ ONLY").with_hint("end it, and begin one with BEGIN")
}

fn change_alone<T>(
    context: &mut Context,
    work: impl FnOnce(&mut Context, &mut Transaction) -> Result<T>,
) -> Result<T> {
    let mut transaction = wait_for_turn(context)?;
    context.see(transaction.snapshot()?);
    let result = work(context, &mut transaction)?;
    context.check_cancelled()?;
    transaction.commit_with(context.settings.durability)?;
    Ok(result)
}

/// Begins a transaction when there is no other; waiting for that can be cancelled.
fn wait_for_turn(context: &Context) -> Result<Transaction> {
    let inner = Arc::clone(&context.inner);
    let begun = context.inner.runtime.spawn_blocking(move || inner.store.begin());
    let begun = context.wait(async {
        begun.await.map_err(|error| Error::internal(format!("cannot begin: {error}")))
    })?;
    Ok(begun?)
}
