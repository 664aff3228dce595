//! What the last predicates on a dictionary mean in codes.
//!
//! Shared by all threads. Two locks: one for the list, held for a look at it, and one a predicate,
//! held while its answer is found, so that the others that need it wait instead of asking again.
//! Errors are not remembered.

use crate::keys::KeySet;
use crate::predicate::{FilterError, Predicate, ValuePredicate};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Predicates that are remembered; the oldest is forgotten for the next.
const ANSWERS_MAX: usize = 16;

/// The last predicates and what is known of them.
#[derive(Debug, Default)]
pub(crate) struct Answers(Mutex<VecDeque<(Question, Arc<Mutex<Answer>>)>>);

/// A predicate as it is recognised.
#[derive(Debug)]
enum Question {
    Constants(Predicate),
    /// While this is here no other predicate gets its address.
    Values(Weak<dyn ValuePredicate>),
}

/// What is known of a predicate.
#[derive(Debug, Default)]
struct Answer {
    codes: Option<Arc<KeySet>>,
    keeps_null: Option<bool>,
    /// Rows that were asked about one by one.
    asked: usize,
}

impl Answers {
    pub(super) fn of_constants(
        &self,
        predicate: &Predicate,
        find: impl FnOnce() -> Result<Option<Arc<KeySet>>, &'static str>,
    ) -> Result<Option<Arc<KeySet>>, &'static str> {
        let is_it = |known: &Question| match known {
            Question::Constants(known) => known.has_same_constants(predicate),
            Question::Values(_) => false,
        };
        let answer = self.answer(is_it, || Question::Constants(predicate.clone()));
        let mut answer = lock(&answer);
        if answer.codes.is_none() {
            answer.codes = find()?;
        }
        Ok(answer.codes.clone())
    }

    /// Asks if `rows` rows more, with all before, are as many as there are texts.
    pub(super) fn of_values(
        &self,
        predicate: &Arc<dyn ValuePredicate>,
        rows: usize,
        text_count: usize,
        find: impl FnOnce() -> Result<KeySet, FilterError>,
    ) -> Result<Option<Arc<KeySet>>, FilterError> {
        let answer = self.answer_of_values(predicate);
        let mut answer = lock(&answer);
        if answer.codes.is_none() {
            answer.asked = answer.asked.saturating_add(rows);
            if answer.asked < text_count {
                return Ok(None);
            }
            answer.codes = Some(Arc::new(find()?));
        }
        Ok(answer.codes.clone())
    }

    pub(super) fn of_null(
        &self,
        predicate: &Arc<dyn ValuePredicate>,
        find: impl FnOnce() -> Result<bool, FilterError>,
    ) -> Result<bool, FilterError> {
        let answer = self.answer_of_values(predicate);
        let mut answer = lock(&answer);
        match answer.keeps_null {
            Some(keeps_null) => Ok(keeps_null),
            None => Ok(*answer.keeps_null.insert(find()?)),
        }
    }

    fn answer_of_values(&self, predicate: &Arc<dyn ValuePredicate>) -> Arc<Mutex<Answer>> {
        let address = Arc::as_ptr(predicate).cast::<()>();
        let is_it = |known: &Question| match known {
            Question::Values(known) => known.as_ptr().cast::<()>() == address,
            Question::Constants(_) => false,
        };
        self.answer(is_it, || Question::Values(Arc::downgrade(predicate)))
    }

    fn answer(
        &self,
        is_it: impl Fn(&Question) -> bool,
        question: impl FnOnce() -> Question,
    ) -> Arc<Mutex<Answer>> {
        let mut known = lock(&self.0);
        if let Some((_, answer)) = known.iter().find(|(known, _)| is_it(known)) {
            return Arc::clone(answer);
        }
        known.retain(|(known, _)| match known {
            Question::Constants(_) => true,
            Question::Values(known) => known.strong_count() > 0,
        });
        if known.len() >= ANSWERS_MAX {
            known.pop_front();
        }
        let answer = Arc::default();
        known.push_back((question(), Arc::clone(&answer)));
        answer
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
