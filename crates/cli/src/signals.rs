//! Ctrl-C and the signals that end a process.
//!
//! One thread waits for signals. In a shell, SIGINT cancels the running statement. Elsewhere, and
//! for SIGTERM and SIGHUP everywhere, the run ends: the running statement is cancelled, no further
//! one is begun, and the main thread leaves by its usual way, which removes a temporary warehouse.
//! It is woken if it waits for input. A second signal ends the process at once.

use crate::exit::Exit;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long to wait before a statement is told once more to end; it may have begun just after.
const REPEAT: Duration = Duration::from_millis(50);

/// Ends the running statement.
type Canceller = Box<dyn Fn() + Send>;
/// Does something so that the main thread looks around.
type Waker = Box<dyn Fn() + Send>;

/// What has been received, and whom to tell.
#[derive(Clone, Default)]
pub struct Signals(Arc<State>);

#[derive(Default)]
struct State {
    /// The signal that ends the run; 0 is none.
    ending: AtomicI32,
    is_shell: AtomicBool,
    interrupted: AtomicBool,
    listeners: Mutex<Listeners>,
}

#[derive(Default)]
struct Listeners {
    cancel: Option<Canceller>,
    waker: Option<Waker>,
}

impl Signals {
    /// Begins to listen. SIGHUP is left alone if it is ignored, as under nohup.
    ///
    /// # Errors
    /// When the operating system refuses a handler or a thread.
    pub fn install() -> io::Result<Self> {
        let signals = Self::default();
        let mut wanted = vec![SIGINT, SIGTERM];
        if !is_ignored(SIGHUP) {
            wanted.push(SIGHUP);
        }
        // A write beyond the limit for files is then an error and not the end.
        signal_hook::flag::register(SIGXFSZ, Arc::default())?;
        let mut received = signal_hook::iterator::Signals::new(wanted)?;
        let state = signals.clone();
        std::thread::Builder::new().name("signals".into()).spawn(move || {
            while state.ending().is_none() {
                received.wait().for_each(|signal| state.receive(signal));
            }
            loop {
                received.pending().for_each(|signal| state.receive(signal));
                state.cancel();
                std::thread::sleep(REPEAT);
            }
        })?;
        Ok(signals)
    }

    /// Cancels with this function from now on; until then a signal ends the process at once.
    pub fn cancel_with(&self, canceller: Canceller) {
        self.lock().cancel = Some(canceller);
    }

    /// Wakes the main thread with this function.
    pub fn wake_with(&self, waker: Waker) {
        self.lock().waker = Some(waker);
    }

    /// Makes SIGINT mean the statement and not the process.
    pub fn enter_shell(&self) {
        self.0.is_shell.store(true, Ordering::SeqCst);
    }

    /// How the run has to end, if a signal said so.
    pub fn ending(&self) -> Option<Exit> {
        match self.0.ending.load(Ordering::SeqCst) {
            0 => None,
            signal => Some(Exit::of_signal(signal)),
        }
    }

    /// Whether a shell was interrupted since this was last asked.
    pub fn take_interrupt(&self) -> bool {
        self.0.interrupted.swap(false, Ordering::SeqCst)
    }

    fn receive(&self, signal: i32) {
        if signal == SIGINT && self.0.is_shell.load(Ordering::SeqCst) {
            self.0.interrupted.store(true, Ordering::SeqCst);
            return self.cancel();
        }
        let is_second = self.0.ending.swap(signal, Ordering::SeqCst) != 0;
        if is_second || !self.cancel_if_running() {
            std::process::exit(i32::from(Exit::of_signal(signal).0));
        }
    }

    /// Cancels and wakes; false if nothing was begun that could be cancelled.
    fn cancel_if_running(&self) -> bool {
        self.cancel();
        let listeners = self.lock();
        if let Some(wake) = &listeners.waker {
            wake();
        }
        listeners.cancel.is_some()
    }

    fn cancel(&self) {
        if let Some(cancel) = &self.lock().cancel {
            cancel();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Listeners> {
        self.0.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the process was started with this signal ignored, where the system tells.
fn is_ignored(signal: i32) -> bool {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else { return false };
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & (1 << (signal - 1)) != 0)
}
