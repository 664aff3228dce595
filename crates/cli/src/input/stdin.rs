//! The lines of a pipe, each handed on as soon as it is there, and a wait that a signal can end.
//!
//! A thread reads what has come and sends it on in pieces. It may be two pieces ahead; a system
//! call that waits for input is left behind when the process ends.

use super::{InputError, LINE_BYTES_MAX, Lines, decode, too_long};
use crate::signals::Signals;
use std::io::Read;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

const PIECE_BYTES: usize = 64 << 10;
const PIECES_AHEAD: usize = 2;
/// How long to look whether there is more when nobody wants the answers any more.
const PATIENCE: Duration = Duration::from_millis(50);

enum Event {
    Piece(Vec<u8>),
    End,
    Failure(String),
    /// A signal came.
    Wake,
}

/// Lines of standard input.
pub struct StdinLines {
    events: Receiver<Event>,
    signals: Signals,
    buffer: Vec<u8>,
    /// Bytes of the buffer that were handed out.
    taken: usize,
    /// Bytes of the buffer in which no line feed is to be found, from `taken` on.
    searched: usize,
    is_at_end: bool,
    line_count: usize,
}

impl StdinLines {
    /// Begins to read.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn open(signals: &Signals) -> std::io::Result<Self> {
        let (sender, events) = sync_channel(PIECES_AHEAD);
        let waker = sender.clone();
        // A full channel has woken the receiver already.
        signals.wake_with(Box::new(move || drop(waker.try_send(Event::Wake))));
        std::thread::Builder::new().name("stdin".into()).spawn(move || read(&sender))?;
        Ok(Self {
            events,
            signals: signals.clone(),
            buffer: Vec::new(),
            taken: 0,
            searched: 0,
            is_at_end: false,
            line_count: 0,
        })
    }

    /// A line that is there already.
    fn buffered(&mut self) -> Option<Vec<u8>> {
        let rest = self.buffer.get(self.taken..)?;
        let feed = rest.get(self.searched..)?.iter().position(|byte| *byte == b'\n');
        let length = match feed {
            Some(place) => self.searched + place + 1,
            None if self.is_at_end && !rest.is_empty() => rest.len(),
            None => {
                self.searched = rest.len();
                return None;
            }
        };
        let line = rest.get(..length)?.to_vec();
        self.taken += length;
        self.searched = 0;
        Some(line)
    }

    /// Takes in what the reading thread has sent.
    fn accept(&mut self, event: Event) -> Result<(), InputError> {
        match event {
            Event::Piece(piece) => {
                self.buffer.drain(..self.taken);
                self.taken = 0;
                self.buffer.extend(piece);
            }
            Event::End => self.is_at_end = true,
            Event::Failure(message) => return Err(InputError::Unreadable(message)),
            Event::Wake => {}
        }
        Ok(())
    }
}

impl Lines for StdinLines {
    fn next_line(&mut self) -> Result<Option<String>, InputError> {
        loop {
            if self.signals.ending().is_some() {
                return Err(InputError::Signalled);
            }
            if let Some(line) = self.buffered() {
                self.line_count += 1;
                return decode(line, self.line_count).map(Some);
            }
            if self.is_at_end {
                return Ok(None);
            }
            if self.buffer.len() - self.taken > LINE_BYTES_MAX {
                return Err(too_long(self.line_count + 1));
            }
            let event = self.events.recv().unwrap_or(Event::End);
            self.accept(event)?;
        }
    }

    fn has_more(&mut self) -> bool {
        loop {
            let rest = self.buffer.get(self.taken..).unwrap_or_default();
            if !rest.trim_ascii().is_empty() {
                return true;
            }
            match self.events.recv_timeout(PATIENCE) {
                Ok(event @ Event::Piece(_)) => drop(self.accept(event)),
                _ => return false,
            }
        }
    }
}

/// Sends standard input piece by piece until its end.
fn read(sender: &SyncSender<Event>) {
    let mut stdin = std::io::stdin().lock();
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let event = match stdin.read(&mut piece) {
            Ok(0) => Event::End,
            Ok(length) => Event::Piece(piece.get(..length).unwrap_or_default().to_vec()),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => Event::Failure(error.to_string()),
        };
        let is_last = !matches!(event, Event::Piece(_));
        if sender.send(event).is_err() || is_last {
            return;
        }
    }
}
