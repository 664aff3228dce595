//! Threads that do a part of the work of another one, which goes on itself meanwhile.
//!
//! ```text
//!   session   ─ dimensions ─┬─ rows ────────────────┬─ groups
//!   helper    ········ looks ┴─ rows of the same ───┘ looks ······ sleeps
//! ```
//!
//! To wake a thread may take as long as a short query. So one that has helped looks for more to do
//! for a moment before it sleeps; and who asks for help does not wait for it: if no thread has
//! begun when the work is done, none begins any more. Threads of the runtime are not asked, since
//! each that is woken wakes another one, which takes the time of those that work.

use crate::error::Error;
use datafusion::common::Result;
use datafusion::execution::TaskContext;
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, Result as Outcome};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::oneshot::{self, Receiver};

/// How long a thread looks for something before it sleeps until it comes.
const LOOKS: Duration = Duration::from_micros(300);

type Job = Box<dyn FnOnce() + Send>;

/// Threads that wait to help. They end when nobody can ask them any more.
#[derive(Default)]
pub(crate) struct Helpers {
    shared: Arc<Shared>,
    threads: usize,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    has_changed: Condvar,
    /// How many jobs there are, to be looked at without the lock.
    jobs: AtomicUsize,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    /// Threads that look for jobs, and threads that sleep.
    looking: usize,
    sleeping: usize,
    is_over: bool,
}

impl fmt::Debug for Helpers {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Helpers").field(&self.threads).finish()
    }
}

impl Helpers {
    /// # Errors
    /// Threads that cannot be started.
    pub(crate) fn new(threads: usize) -> crate::Result<Self> {
        let helpers = Self { shared: Arc::default(), threads };
        for _ in 0..threads {
            let shared = Arc::clone(&helpers.shared);
            let thread = Builder::new().name("starfact-helper".into()).stack_size(8 << 20);
            let started = thread.spawn(move || shared.help());
            started.map_err(|error| Error::internal(format!("cannot start threads: {error}")))?;
        }
        Ok(helpers)
    }

    /// The helpers of the warehouse that a statement is about; none if it is to use one thread.
    pub(crate) fn of(context: &TaskContext) -> Arc<Self> {
        let config = context.session_config();
        let helpers = config.get_extension::<Self>();
        helpers.filter(|_| config.target_partitions() > 1).unwrap_or_default()
    }

    /// Asks for work to be done; the runtime around it is that of the thread that asks.
    fn ask<F: Future<Output: Send> + Send + 'static>(&self, work: F) -> Help<F> {
        let (mut sender, outcome) = oneshot::channel();
        let work = Arc::new(Mutex::new(Some(work)));
        let (runtime, left) = (Handle::current(), Arc::clone(&work));
        self.shared.add(Box::new(move || {
            let Some(work) = taken(&left) else { return };
            let work = async {
                tokio::select! {
                    biased;
                    // Nobody wants it any more.
                    () = sender.closed() => None,
                    outcome = work => Some(outcome),
                }
            };
            let outcome = catch_unwind(AssertUnwindSafe(|| runtime.block_on(work))).transpose();
            if let Some(outcome) = outcome {
                // Whoever asked may have gone meanwhile.
                let _ = sender.send(outcome);
            }
        }));
        Help { work, outcome }
    }

    /// Does all of some work: the first here, the others by threads that have the time, or here.
    pub(crate) async fn all<T, F>(&self, work: impl IntoIterator<Item = F>) -> Result<Vec<T>>
    where
        T: Send,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let mut work = work.into_iter();
        let Some(first) = work.next() else { return Ok(Vec::new()) };
        let (first, mut all) = self.beside(first, work).await?;
        all.insert(0, first);
        Ok(all)
    }

    /// Does something here, and other work by threads that have the time, or here.
    pub(crate) async fn beside<H, T, F>(
        &self,
        here: impl Future<Output = Result<H>>,
        work: impl IntoIterator<Item = F>,
    ) -> Result<(H, Vec<T>)>
    where
        T: Send,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let asked: Vec<Help<F>> = work.into_iter().map(|work| self.ask(work)).collect();
        let here = here.await?;
        // Threads begin with the first, so this one does it with the last.
        let mut outcomes: Vec<Option<T>> = Vec::with_capacity(asked.len());
        for help in asked.iter().rev() {
            outcomes.push(match taken(&help.work) {
                Some(work) => Some(work.await?),
                None => None,
            });
        }
        let mut all = Vec::with_capacity(asked.len());
        for (help, outcome) in asked.into_iter().zip(outcomes.into_iter().rev()) {
            all.push(match outcome {
                Some(outcome) => outcome,
                None => help.finished().await??,
            });
        }
        Ok((here, all))
    }

    /// Does work of which each takes what the others leave: the first here, the others by threads
    /// that have the time. What none has begun when the first is done is left out.
    pub(crate) async fn sharing<T, F>(&self, work: impl IntoIterator<Item = F>) -> Result<Vec<T>>
    where
        T: Send,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let mut work = work.into_iter();
        let Some(first) = work.next() else { return Ok(Vec::new()) };
        let asked: Vec<Help<F>> = work.map(|work| self.ask(work)).collect();
        let mut outcomes = vec![first.await?];
        for help in asked {
            if taken(&help.work).is_none() {
                outcomes.push(help.finished().await??);
            }
        }
        Ok(outcomes)
    }
}

impl Drop for Helpers {
    fn drop(&mut self) {
        self.shared.lock().is_over = true;
        self.shared.has_changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, job: Job) {
        let mut state = self.lock();
        state.jobs.push_back(job);
        self.jobs.store(state.jobs.len(), Ordering::Release);
        let is_seen = state.jobs.len() <= state.looking;
        let wakes = !is_seen && state.sleeping > 0;
        drop(state);
        if wakes {
            self.has_changed.notify_one();
        }
    }

    /// What a thread does.
    fn help(&self) {
        while let Some(job) = self.next() {
            job();
        }
    }

    fn next(&self) -> Option<Job> {
        self.lock().looking += 1;
        let begin = Instant::now();
        while self.jobs.load(Ordering::Acquire) == 0 && begin.elapsed() < LOOKS {
            std::hint::spin_loop();
        }
        let mut state = self.lock();
        state.looking -= 1;
        loop {
            if let Some(job) = state.jobs.pop_front() {
                self.jobs.store(state.jobs.len(), Ordering::Release);
                return Some(job);
            }
            if state.is_over {
                return None;
            }
            state.sleeping += 1;
            state = self.has_changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.sleeping -= 1;
        }
    }
}

/// Work that was asked for. Dropped, it ends soon.
struct Help<F: Future> {
    /// There until a thread has begun.
    work: Arc<Mutex<Option<F>>>,
    outcome: Receiver<Outcome<F::Output>>,
}

impl<F: Future> Help<F> {
    /// The outcome of what a thread has begun.
    async fn finished(mut self) -> Result<F::Output> {
        let begin = Instant::now();
        while self.outcome.is_empty() && begin.elapsed() < LOOKS {
            std::hint::spin_loop();
        }
        match (&mut self.outcome).await {
            Ok(Ok(outcome)) => Ok(outcome),
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => Err(Error::internal("a thread that helped is gone").into()),
        }
    }
}

impl<F: Future> Drop for Help<F> {
    fn drop(&mut self) {
        taken(&self.work);
    }
}

fn taken<F>(work: &Mutex<Option<F>>) -> Option<F> {
    work.lock().unwrap_or_else(PoisonError::into_inner).take()
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::common::exec_err;
    use std::sync::atomic::AtomicBool;

    fn run<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .build()
            .unwrap()
            .block_on(work)
    }

    /// Comes back to the runtime until something has happened.
    async fn until(flag: &AtomicBool) {
        let begin = Instant::now();
        while !flag.load(Ordering::Acquire) {
            assert!(begin.elapsed() < Duration::from_secs(60), "nothing has happened");
            tokio::task::yield_now().await;
        }
    }

    /// Says that it is there, and when it is gone.
    struct Guest {
        has_come: Arc<AtomicBool>,
        is_gone: Arc<AtomicBool>,
    }

    impl Drop for Guest {
        fn drop(&mut self) {
            self.is_gone.store(true, Ordering::Release);
        }
    }

    #[test]
    fn all_work_is_done_whether_or_not_there_are_threads() {
        for threads in [0, 1, 3] {
            let helpers = Helpers::new(threads).unwrap();
            let work = || (0..20).map(|number| async move { Ok(number * number) });
            let squares: Vec<i32> = (0..20).map(|number| number * number).collect();
            assert_eq!(run(helpers.all(work())).unwrap(), squares);
            let (here, beside) = run(helpers.beside(async { Ok("here") }, work())).unwrap();
            assert_eq!((here, beside), ("here", squares));
        }
        let none: Vec<std::future::Ready<Result<()>>> = Vec::new();
        assert!(run(Helpers::default().all(none)).unwrap().is_empty());
    }

    #[test]
    fn shared_work_that_no_thread_has_begun_is_left_out() {
        let work = || (0..3).map(|number| async move { Ok(number) });
        assert_eq!(run(Helpers::default().sharing(work())).unwrap(), [0]);
        // One thread has begun when the first ends.
        let helpers = Helpers::new(1).unwrap();
        let has_begun = Arc::new(AtomicBool::new(false));
        let work = (0..2).map(|number| {
            let has_begun = Arc::clone(&has_begun);
            async move {
                match number {
                    0 => until(&has_begun).await,
                    _ => has_begun.store(true, Ordering::Release),
                }
                Ok(number)
            }
        });
        assert_eq!(run(helpers.sharing(work)).unwrap(), [0, 1]);
    }

    #[test]
    fn errors_and_panics_of_threads_reach_who_asked() {
        let helpers = Helpers::new(1).unwrap();
        for panics in [false, true] {
            let has_begun = Arc::new(AtomicBool::new(false));
            let begun = Arc::clone(&has_begun);
            let work = async move {
                begun.store(true, Ordering::Release);
                assert!(!panics, "on purpose");
                exec_err!("no luck")
            };
            let here = async {
                until(&has_begun).await;
                Ok(())
            };
            let done =
                catch_unwind(AssertUnwindSafe(|| run(helpers.beside::<(), (), _>(here, [work]))));
            match done {
                Ok(done) => assert!(!panics && done.unwrap_err().to_string().contains("no luck")),
                Err(panic) => {
                    assert!(panics && panic.downcast_ref::<&str>() == Some(&"on purpose"))
                }
            }
        }
        // The thread goes on.
        assert_eq!(run(helpers.all((0..9).map(|it| async move { Ok(it) }))).unwrap().len(), 9);
    }

    #[test]
    fn work_that_nobody_wants_any_more_ends() {
        let helpers = Helpers::new(1).unwrap();
        let has_come = Arc::new(AtomicBool::new(false));
        let is_gone = Arc::new(AtomicBool::new(false));
        let guest = Guest { has_come: Arc::clone(&has_come), is_gone: Arc::clone(&is_gone) };
        let work = async move {
            guest.has_come.store(true, Ordering::Release);
            loop {
                tokio::task::yield_now().await;
            }
        };
        run(async {
            let here = async {
                until(&has_come).await;
                exec_err!("cancelled")
            };
            assert!(helpers.beside::<(), (), _>(here, [work]).await.is_err());
            until(&is_gone).await;
        });
    }
}
