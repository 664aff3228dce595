//! A terminal for the program, played by the test.

use crate::harness::{Folder, PATIENCE, code_of};
use rustix::fs::{Mode, OFlags};
use rustix::process::{ioctl_tiocsctty, setsid};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::Child;
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

/// The program in a terminal.
pub struct Terminal {
    pub child: Child,
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    /// What was on the screen since the last wait.
    seen: String,
}

impl Terminal {
    /// Starts the program in a terminal with this many columns.
    pub fn start(folder: &Folder, columns: u16, arguments: &[&str]) -> Self {
        Self::start_named(folder, columns, arguments, "xterm")
    }

    /// Starts the program in a terminal that goes by this name.
    pub fn start_named(folder: &Folder, columns: u16, arguments: &[&str], term: &str) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&ours).and_then(|()| unlockpt(&ours)).expect("a terminal");
        let name = ptsname(&ours, Vec::new()).expect("a name");
        let flags = OFlags::RDWR | OFlags::NOCTTY;
        let theirs = rustix::fs::open(name.as_c_str(), flags, Mode::empty()).expect("a terminal");
        let size = Winsize { ws_row: 40, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&ours, size).expect("a size");
        let mut command = folder.command(arguments);
        command.env("TERM", term);
        let copy = || theirs.try_clone().expect("a copy");
        command.stdin(copy()).stdout(copy()).stderr(copy());
        let leader = || {
            setsid()?;
            ioctl_tiocsctty(rustix::stdio::stdin())?;
            Ok(())
        };
        // SAFETY: between fork and exec only two system calls are made, and nothing is allocated.
        unsafe { command.pre_exec(leader) };
        let child = command.spawn().expect("the program runs");
        drop(theirs);
        let mut reader = File::from(ours.try_clone().expect("a copy"));
        let (sender, screen) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = reader.read(&mut bytes) {
                if sender.send(bytes[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { child, keyboard: ours.into(), screen, seen: String::new() }
    }

    /// Types text; `\r` is the Enter key.
    pub fn type_in(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).expect("keys");
    }

    /// Waits until this is on the screen; gives all that came until then and is not yet given.
    #[track_caller]
    pub fn wait_for(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(place) = self.seen.find(text) {
                let rest = self.seen.split_off(place + text.len());
                return std::mem::replace(&mut self.seen, rest);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.screen.recv_timeout(left) {
                Ok(bytes) => self.seen.push_str(&String::from_utf8_lossy(&bytes)),
                Err(_) => panic!("{text:?} did not come; the screen has {:?}", self.seen),
            }
        }
    }

    /// Waits for the prompt.
    #[track_caller]
    pub fn prompt(&mut self) -> String {
        // What is typed early is echoed before the prompt; this sequence only comes with one.
        self.wait_for("\x1b[?2004h")
    }

    /// Waits for the end of the program.
    pub fn end(mut self) -> (i32, String) {
        let status = self.child.wait().expect("the program ends");
        while let Ok(bytes) = self.screen.recv() {
            self.seen.push_str(&String::from_utf8_lossy(&bytes));
        }
        (code_of(status), self.seen)
    }
}
