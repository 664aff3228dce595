//! Runs statements and commands one after the other, prints what they give, and keeps the exit
//! code.

use crate::commands::{self, CommandError};
use crate::exit::Exit;
use crate::input::{FileLines, InputError, Lines, StdinLines};
use crate::output::{self, Failure};
use crate::progress::{Clearing, Progress};
use crate::report::{self, Excerpt, Source};
use crate::signals::Signals;
use crate::sink::Sink;
use crate::view::View;
use arrow::array::RecordBatch;
use starfact::{Error, ErrorKind, Outcome, Pending, Position, Rows, Session, Splitter, Statement};
use std::io::{ErrorKind as IoErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Instant;

/// Files that may read one another.
const FILE_DEPTH_MAX: usize = 16;

/// Why no further statement runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// A statement failed, and that ends the run.
    Failed,
    /// The user wants to leave, perhaps with a code of his own.
    Quit(Option<Exit>),
    /// A shell's statement was cancelled; only the shell goes on.
    Cancelled,
    /// A signal ends the run.
    Signalled(Exit),
    /// Nobody reads the output any more.
    OutputClosed {
        /// Whether statements are left that have not run.
        has_more: bool,
    },
}

/// The open session, for who must not keep it open.
pub type SharedSession = Arc<Mutex<Weak<Session>>>;

/// Opens the warehouse in this directory, or a temporary one, perhaps for reading only.
pub type Opener = Box<dyn Fn(Option<PathBuf>, bool) -> Result<Opened, Error>>;

/// A warehouse that was opened.
pub struct Opened {
    pub session: Session,
    /// What it is called in messages.
    pub name: String,
    pub path: Option<PathBuf>,
}

/// A session with its user's wishes.
pub struct Runner {
    pub session: Arc<Session>,
    /// The same for the line editor, which must not keep it open.
    pub editors: SharedSession,
    /// What the warehouse is called in messages.
    pub warehouse: String,
    pub view: View,
    pub sink: Sink,
    /// Whether the first error ends the run.
    pub bail: bool,
    opener: Opener,
    /// The directory that is open; None is a temporary one.
    path: Option<PathBuf>,
    signals: Signals,
    /// The code of the first error.
    exit: Exit,
    is_shell: bool,
    file_depth: usize,
}

impl Runner {
    pub fn new(
        opened: Opened,
        opener: Opener,
        view: View,
        bail: Option<bool>,
        signals: Signals,
        is_shell: bool,
    ) -> Self {
        let session = Arc::new(opened.session);
        let editors = Arc::new(Mutex::new(Arc::downgrade(&session)));
        Self {
            session,
            editors,
            warehouse: opened.name,
            opener,
            path: opened.path,
            view,
            sink: Sink::new(),
            bail: bail.unwrap_or(!is_shell),
            signals,
            exit: Exit::SUCCESS,
            is_shell,
            file_depth: 0,
        }
    }

    /// The exit code of a run that ended like this.
    pub fn exit(&self, result: Result<(), Stop>) -> Exit {
        match result {
            Ok(()) | Err(Stop::Failed | Stop::Cancelled | Stop::Quit(None)) => self.exit,
            Err(Stop::Quit(Some(exit)) | Stop::Signalled(exit)) => exit,
            Err(Stop::OutputClosed { .. }) if self.exit != Exit::SUCCESS => self.exit,
            // What was left has not succeeded.
            Err(Stop::OutputClosed { has_more: true }) => Exit::FAILED,
            Err(Stop::OutputClosed { has_more: false }) => Exit::SUCCESS,
        }
    }

    /// Runs what `lines` hold: each statement as soon as the line that ends it has come.
    pub fn run(&mut self, source: &Source, lines: &mut dyn Lines) -> Result<(), Stop> {
        let mut splitter = Splitter::new();
        let result = self.run_lines(source, lines, &mut splitter);
        match result {
            Err(Stop::OutputClosed { has_more }) => {
                let is_left = has_more || splitter.finish().is_some() || lines.has_more();
                Err(Stop::OutputClosed { has_more: is_left })
            }
            other => other,
        }
    }

    fn run_lines(
        &mut self,
        source: &Source,
        lines: &mut dyn Lines,
        splitter: &mut Splitter,
    ) -> Result<(), Stop> {
        loop {
            let line = match lines.next_line() {
                Ok(Some(line)) => line,
                Ok(None) => break,
                Err(InputError::Signalled) => return self.check_signals(),
                Err(InputError::Unreadable(message)) => return self.unreadable(source, &message),
            };
            let is_command = commands::is_command(&line);
            if is_command && splitter.pending() == Pending::Nothing {
                let number = splitter.line();
                splitter.skip_line();
                self.command(source, number, &line)?;
            } else {
                splitter.push(&line);
                while let Some(statement) = splitter.next_statement() {
                    self.statement(source, &statement)?;
                }
            }
        }
        if let Some(line) = splitter.open_comment_line() {
            let error = Error::sql("a comment that begins with /* is never closed")
                .with_hint("close it with */");
            return self.fail(&error, Some(&Excerpt::of_line(source, line, "/*")));
        }
        match splitter.finish() {
            Some(statement) => self.statement(source, &statement),
            None => Ok(()),
        }
    }

    /// Runs a file, as `.read` does.
    ///
    /// # Errors
    /// A message if the file cannot be opened.
    pub fn run_file(&mut self, path: &Path) -> Result<Result<(), Stop>, Error> {
        if self.file_depth == FILE_DEPTH_MAX {
            let message = format!("files read one another more than {FILE_DEPTH_MAX} deep");
            return Err(Error::sql(message).with_hint("a file must not read itself"));
        }
        let mut lines = FileLines::open(path).map_err(|error| {
            Error::sql(format!("cannot open {}: {}", path.display(), report::cause(&error)))
        })?;
        self.file_depth += 1;
        let result = self.run(&Source::File(path.to_owned()), &mut lines);
        self.file_depth -= 1;
        Ok(result)
    }

    /// Opens another warehouse in place of this one, which stays if that fails.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(&mut self, path: Option<PathBuf>, read_only: bool) -> Result<(), Error> {
        let canonical = |path: &Option<PathBuf>| path.as_ref().map(std::fs::canonicalize)?.ok();
        if canonical(&path).is_some_and(|path| Some(path) == canonical(&self.path)) {
            return Err(Error::sql(format!("{} is open already", self.warehouse))
                .with_hint("open another first to change how it is opened"));
        }
        let opened = (self.opener)(path, read_only)?;
        let session = Arc::new(opened.session);
        let shared = Arc::downgrade(&session);
        *self.editors.lock().unwrap_or_else(PoisonError::into_inner) = shared;
        (self.session, self.warehouse, self.path) = (session, opened.name, opened.path);
        Ok(())
    }

    /// Runs standard input.
    pub fn run_stdin(&mut self) -> Result<(), Stop> {
        match StdinLines::open(&self.signals) {
            Ok(mut lines) => self.run(&Source::Stdin, &mut lines),
            Err(error) => self.unreadable(&Source::Stdin, &error.to_string()),
        }
    }

    /// Runs one statement and prints its result.
    fn statement(&mut self, source: &Source, statement: &Statement) -> Result<(), Stop> {
        self.check_signals()?;
        if self.view.echo {
            let text = statement.text.trim().trim_end_matches(';');
            if let Err(error) = writeln!(self.sink, "{text};").and_then(|()| self.sink.flush()) {
                return self.write_failed(&error);
            }
        }
        let result = self.execute(&statement.text);
        self.conclude(result, |place| Excerpt::of_statement(source, statement, place))
    }

    /// Runs one statement that the user did not write, and prints its result.
    ///
    /// # Errors
    /// When the statement or the output fails.
    pub fn execute(&mut self, sql: &str) -> Result<(), Failure> {
        let started = Instant::now();
        let progress = Progress::begin(&self.session);
        match self.session.execute(sql)? {
            Outcome::Rows(rows) => self.print(rows, progress)?,
            Outcome::Count { verb, rows } => {
                drop(progress);
                self.note(&format!("{verb} {rows}"));
            }
            Outcome::Done { tag } | Outcome::Settings { tag, .. } => {
                drop(progress);
                self.note(&tag);
            }
        }
        if let Some(notice) = self.session.take_notice() {
            report::note(&format!("note: {notice}"));
        }
        if self.view.timer {
            report::time(started.elapsed());
        }
        Ok(())
    }

    /// Tells what a statement without rows did, unless nobody wants to know.
    fn note(&self, text: &str) {
        if self.view.changes {
            report::note(text);
        }
    }

    /// Prints rows as they come.
    ///
    /// # Errors
    /// When the query or the output fails.
    pub fn print(&mut self, rows: Rows, mut progress: Progress) -> Result<(), Failure> {
        let format = self.view.format(&self.sink);
        let is_text = rows.is_plan() && format.mode.is_for_people();
        let schema = rows.schema();
        let counted = Arc::clone(&progress.rows);
        let mut batches = rows.inspect(|batch| {
            counted.fetch_add(
                batch.as_ref().map_or(0, RecordBatch::num_rows) as u64,
                Ordering::Relaxed,
            );
        });
        let mut output = Clearing { output: &mut self.sink, progress: &mut progress };
        let printed = if is_text {
            output::print_lines(&mut batches, &mut output)
        } else {
            output::print(&schema, &mut batches, &format, &mut output)
        };
        // What was printed before a failure is part of the result.
        let flushed = output.flush();
        printed?;
        flushed?;
        self.sink.end_result();
        Ok(())
    }

    fn command(&mut self, source: &Source, number: usize, line: &str) -> Result<(), Stop> {
        self.check_signals()?;
        match commands::run(self, line) {
            Ok(()) => Ok(()),
            Err(CommandError::Stop(stop)) => Err(stop),
            Err(CommandError::Failure(failure)) => {
                self.conclude(Err(failure), |_| Excerpt::of_line(source, number, line))
            }
        }
    }

    /// Reports what failed, and decides whether to go on.
    fn conclude(
        &mut self,
        result: Result<(), Failure>,
        excerpt: impl FnOnce(Option<Position>) -> Excerpt,
    ) -> Result<(), Stop> {
        match result {
            Ok(()) => Ok(()),
            Err(Failure::Query(error)) => {
                let excerpt = excerpt(error.position);
                self.fail(&error, Some(&excerpt))
            }
            Err(Failure::Write(error)) => self.write_failed(&error),
        }
    }

    /// Reports an error, and decides whether to go on.
    pub fn fail(&mut self, error: &Error, excerpt: Option<&Excerpt>) -> Result<(), Stop> {
        report::error(error, excerpt);
        self.check_signals()?;
        if error.kind == ErrorKind::Interrupted && self.is_shell {
            return Err(Stop::Cancelled);
        }
        // A shell's user has seen the error and goes on.
        if self.exit == Exit::SUCCESS && (self.bail || !self.is_shell) {
            self.exit = error.kind.into();
        }
        if self.bail { Err(Stop::Failed) } else { Ok(()) }
    }

    /// Reports that the output takes no more.
    pub fn write_failed(&mut self, error: &std::io::Error) -> Result<(), Stop> {
        let target = match self.sink.file() {
            Some(path) => path.display().to_string(),
            None if error.kind() == IoErrorKind::BrokenPipe => {
                return Err(Stop::OutputClosed { has_more: false });
            }
            None => "standard output".to_owned(),
        };
        self.sink.restore();
        let error = Error::sql(format!("cannot write to {target}: {}", report::cause(error)));
        self.fail(&error, None)
    }

    fn unreadable(&mut self, source: &Source, message: &str) -> Result<(), Stop> {
        let name = match source {
            Source::File(path) => path.display().to_string(),
            _ => "standard input".to_owned(),
        };
        self.fail(&Error::sql(format!("cannot read {name}: {message}")), None)
    }

    /// Ends the run if a signal said so.
    fn check_signals(&self) -> Result<(), Stop> {
        match self.signals.ending() {
            Some(exit) => Err(Stop::Signalled(exit)),
            None => Ok(()),
        }
    }
}
