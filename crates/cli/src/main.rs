//! The `starfact` command: a shell, and a runner of scripts, over the library.
//!
//! Only this crate prints. Results go to standard output, all else to standard error. The way of a
//! statement: [`args`] says what to run, [`input`] gives lines, [`runner`] makes statements and
//! commands of them and hands rows to [`output`], which writes them to the [`sink`].

mod args;
mod bench;
mod catalog;
mod commands;
mod exit;
mod identifier;
mod input;
mod invocation;
mod output;
mod progress;
mod report;
mod runner;
mod shell;
mod signals;
mod sink;
mod terminal;
mod transfer;
mod upkeep;
mod view;

use crate::exit::Exit;
use starfact::{Error, ErrorKind};
use std::any::Any;
use std::panic::catch_unwind;
use std::process::ExitCode;
use std::thread::{Builder, JoinHandle};

/// Arrays of some kilobytes, of which each block of a query needs several, cost less with it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Address space for the stack of the thread that runs statements.
const STACK_BYTES: usize = 128 << 20;

fn main() -> ExitCode {
    // A panic is reported below, once, in the words of all our errors.
    std::panic::set_hook(Box::new(|_| {}));
    let arguments = std::env::args_os().skip(1).collect();
    let work = || catch_unwind(|| invocation::run(arguments));
    // With a stack that is large enough for any statement, none has to be made for each.
    let thread = Builder::new().name("starfact".into()).stack_size(STACK_BYTES).spawn(work);
    let exit = match thread.map(JoinHandle::join) {
        Ok(Ok(exit)) => exit,
        Ok(Err(panic)) => Err(panic),
        Err(error) => {
            let message = format!("cannot start a thread: {error}");
            report::error(&Error::new(ErrorKind::Internal, message), None);
            return Exit::FAILED.into();
        }
    };
    exit.unwrap_or_else(|panic| panicked(panic.as_ref())).into()
}

fn panicked(panic: &(dyn Any + Send)) -> Exit {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("unknown cause");
    let message = format!("internal error: {text}; please report it");
    report::error(&Error::new(ErrorKind::Internal, message), None);
    Exit::FAILED
}
