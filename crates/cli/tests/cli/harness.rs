//! Runs the program.

use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use tempfile::TempDir;

/// Longer than anything takes; who waits longer waits for ever.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A folder in which the program runs; removed at the end.
pub struct Folder(TempDir);

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Folder {
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("cli-test-").tempdir();
        Self(folder.expect("a folder can be made"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).expect("a file can be written");
        path
    }

    /// The program in this folder, its state, configuration and temporary files included.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_starfact"));
        let temporary = self.path("tmp");
        std::fs::create_dir_all(&temporary).expect("a folder can be made");
        command
            .args(arguments)
            .current_dir(self.0.path())
            .env("HOME", self.path("home"))
            .env("TMPDIR", temporary)
            .env("TERM", "xterm")
            .env_remove("NO_COLOR")
            .env_remove("XDG_STATE_HOME")
            .env_remove("XDG_CONFIG_HOME");
        command
    }

    /// Runs the program with nothing on standard input.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        let mut command = self.command(arguments);
        command.stdin(Stdio::null()).output().expect("the program runs").into()
    }

    /// Runs the program with this text on standard input.
    pub fn pipe(&self, arguments: &[&str], input: impl AsRef<[u8]>) -> Ended {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program runs");
        let mut stdin = child.stdin.take().expect("a pipe");
        let input = input.as_ref().to_vec();
        // The program may stop reading early.
        let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output().expect("the program ends");
        writer.join().expect("the writer ends");
        output.into()
    }

    /// Starts the program with pipes.
    pub fn start(&self, arguments: &[&str]) -> Running {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Running::new(command.spawn().expect("the program runs"))
    }

    /// What is left in the folder for temporary files.
    pub fn temporary_files(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.path("tmp")).expect("a folder");
        entries.map(|entry| entry.expect("an entry").path()).collect()
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
        let ended = Self {
            code: code_of(output.status),
            out: text(output.stdout),
            err: text(output.stderr),
        };
        for word in ["panicked", "RUST_BACKTRACE", "internal error"] {
            assert!(!ended.err.contains(word), "{ended:?}");
        }
        ended
    }
}

impl Ended {
    /// Checks exit code and output.
    #[track_caller]
    pub fn is(&self, code: i32, out: &str) -> &Self {
        assert_eq!((self.code, self.out.as_str()), (code, out), "{}", self.err);
        self
    }

    /// Checks what went to standard error.
    #[track_caller]
    pub fn says(&self, err: &str) -> &Self {
        assert_eq!(self.err, err);
        self
    }

    /// Checks that this is part of what went to standard error.
    #[track_caller]
    pub fn mentions(&self, part: &str) -> &Self {
        assert!(self.err.contains(part), "{part:?} is not in {}", self.err);
        self
    }
}

/// A program that has not ended yet. Its output is read by threads, line by line.
pub struct Running {
    pub child: Child,
    pub stdin: Option<ChildStdin>,
    out: Receiver<String>,
    err: Receiver<String>,
}

impl Running {
    fn new(mut child: Child) -> Self {
        let out = lines(child.stdout.take().expect("a pipe"));
        let err = lines(child.stderr.take().expect("a pipe"));
        let stdin = child.stdin.take();
        Self { child, stdin, out, err }
    }

    pub fn send(&mut self, text: &str) {
        let stdin = self.stdin.as_mut().expect("a pipe");
        stdin.write_all(text.as_bytes()).and_then(|()| stdin.flush()).expect("the program reads");
    }

    /// The next line of standard output.
    pub fn line(&self) -> String {
        self.out.recv_timeout(PATIENCE).expect("a line of output")
    }

    /// The next line of standard error.
    pub fn error_line(&self) -> String {
        self.err.recv_timeout(PATIENCE).expect("a line of standard error")
    }

    pub fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a process");
        kill_process(id, signal).expect("the process is there");
    }

    /// Closes standard input and waits for the end; gives what was not read before.
    pub fn end(mut self) -> Ended {
        self.stdin = None;
        let status = self.child.wait().expect("the program ends");
        let rest = |lines: Receiver<String>| lines.iter().collect::<String>();
        Ended { code: code_of(status), out: rest(self.out), err: rest(self.err) }
    }
}

/// The exit code; a signal is minus its number.
pub fn code_of(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status.code().unwrap_or_else(|| -status.signal().unwrap_or(0))
}

fn lines(source: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut source = BufReader::new(source);
        let mut line = String::new();
        while source.read_line(&mut line).is_ok_and(|length| length > 0) {
            if sender.send(std::mem::take(&mut line)).is_err() {
                return;
            }
        }
    });
    receiver
}

/// A path as an argument.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("a path that is text")
}
