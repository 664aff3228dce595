//! The line editor, in a thread that reads when it is told to.
//!
//! Between two lines, while statements run, the terminal does not echo and does not gather lines:
//! what is typed ahead then reaches the editor key by key, Ctrl-D included, and does not get into
//! the results. A dumb terminal stays as it is, because there nothing reads key by key.

use super::helper::Helper;
use super::history;
use crate::exit::Exit;
use crate::runner::SharedSession;
use crate::signals::Signals;
use crate::terminal;
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};
use rustyline::config::{BellStyle, CompletionType, Config};
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

const PROMPT: &str = "starfact> ";
/// The prompt while a transaction is open.
const PROMPT_IN_TRANSACTION: &str = "starfact*> ";
const HISTORY_ENTRIES_MAX: usize = 10_000;
/// Completions that are listed without asking.
const COMPLETIONS_UNASKED: usize = 150;

/// What came from the user.
pub enum Input {
    /// A whole statement, or several, or a command.
    Text(String),
    /// Ctrl-C: what was typed is dropped.
    Cleared,
    /// Ctrl-D.
    End,
    /// A signal ends the run.
    Signalled(Exit),
    Failed(String),
}

enum Event {
    Read(Result<String, ReadlineError>),
    Wake,
}

/// The main thread's side.
pub struct Editor {
    requests: Option<Sender<&'static str>>,
    events: Receiver<Event>,
    thread: Option<JoinHandle<()>>,
    signals: Signals,
    /// How the terminal was set before.
    settings: Option<Termios>,
}

impl Editor {
    /// Starts the thread; names for completion come from `session`.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(session: SharedSession, signals: &Signals) -> io::Result<Self> {
        let (requests, wanted) = channel();
        let (sender, events) = sync_channel(2);
        let waker = sender.clone();
        // A full channel has woken the receiver already.
        signals.wake_with(Box::new(move || drop(waker.try_send(Event::Wake))));
        let thread = std::thread::Builder::new().name("line editor".into()).spawn(move || {
            if let Err(error) = serve(session, &wanted, &sender) {
                // The main thread may have left.
                let _ = sender.send(Event::Read(Err(error)));
            }
        })?;
        signals.enter_shell();
        let settings = tcgetattr(io::stdin()).ok().filter(|_| !terminal::is_dumb());
        if let Some(settings) = &settings {
            // A terminal that cannot be set like this does without.
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &between_lines(settings));
        }
        Ok(Self {
            requests: Some(requests),
            events,
            thread: Some(thread),
            signals: signals.clone(),
            settings,
        })
    }

    /// Shows the prompt, which tells whether a transaction is open, and waits.
    pub fn read(&mut self, is_in_transaction: bool) -> Input {
        let prompt = if is_in_transaction { PROMPT_IN_TRANSACTION } else { PROMPT };
        let is_served =
            self.requests.as_ref().is_some_and(|requests| requests.send(prompt).is_ok());
        loop {
            if let Some(exit) = self.signals.ending() {
                leave_editing();
                return Input::Signalled(exit);
            }
            match self.events.recv() {
                Ok(Event::Wake) if is_served => {}
                Ok(Event::Read(Ok(text))) => return Input::Text(text),
                Ok(Event::Read(Err(ReadlineError::Interrupted))) => return Input::Cleared,
                Ok(Event::Read(Err(ReadlineError::Eof))) => return Input::End,
                Ok(Event::Read(Err(error))) => return Input::Failed(error.to_string()),
                Ok(Event::Wake) | Err(_) => return Input::Failed("the editor has ended".into()),
            }
        }
    }

    /// Ends the thread, unless it waits for keys, and gives the terminal back as it was.
    pub fn end(&mut self) {
        self.requests = None;
        if self.signals.ending().is_none() {
            // A panic of the thread has been reported as an error of `read`.
            let _ = self.thread.take().map(JoinHandle::join);
        }
        if let Some(settings) = self.settings.take() {
            // If the terminal is gone, it needs no settings.
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &settings);
        }
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        self.end();
    }
}

/// The settings while statements run: Ctrl-C still is a signal.
fn between_lines(settings: &Termios) -> Termios {
    let mut between = settings.clone();
    between.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
    between.special_codes[SpecialCodeIndex::VMIN] = 1;
    between.special_codes[SpecialCodeIndex::VTIME] = 0;
    between
}

/// Ends what an editor that still waits for keys has begun: bracketed paste, and its line.
fn leave_editing() {
    let mut stdout = io::stdout().lock();
    let end: &[u8] = if terminal::is_dumb() { b"\n" } else { b"\x1b[?2004l\r\n" };
    let _ = stdout.write_all(end).and_then(|()| stdout.flush());
}

/// The thread's side: one line for each request.
fn serve(
    session: SharedSession,
    wanted: &Receiver<&'static str>,
    sender: &SyncSender<Event>,
) -> Result<(), ReadlineError> {
    let config = Config::builder()
        .max_history_size(HISTORY_ENTRIES_MAX)?
        .history_ignore_dups(true)?
        .history_ignore_space(true)
        .auto_add_history(false)
        .completion_type(CompletionType::List)
        .completion_prompt_limit(COMPLETIONS_UNASKED)
        .bell_style(BellStyle::None)
        .build();
    let mut editor = rustyline::Editor::<Helper, FileHistory>::with_config(config)?;
    editor.set_helper(Some(Helper::new(session)));
    let history = history::file();
    if let Some(file) = &history {
        // There is none yet, or it cannot be read: a shell works without.
        let _ = editor.load_history(file);
    }
    while let Ok(prompt) = wanted.recv() {
        if let Some(helper) = editor.helper_mut() {
            helper.forget();
        }
        let line = editor.readline(prompt);
        if let Ok(line) = &line {
            remember(&mut editor, line, history.as_ref());
        }
        if sender.send(Event::Read(line)).is_err() {
            break;
        }
    }
    Ok(())
}

/// Adds a line to the history, at once, so that a shell beside this one loses nothing.
fn remember(
    editor: &mut rustyline::Editor<Helper, FileHistory>,
    line: &str,
    file: Option<&PathBuf>,
) {
    let line = line.trim_end();
    let is_added = !line.is_empty() && editor.add_history_entry(line).unwrap_or(false);
    if let Some(file) = file.filter(|_| is_added) {
        // The disk may be full; the line was typed all the same.
        let _ = editor.append_history(file);
    }
}
