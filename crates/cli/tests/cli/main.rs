//! The `starfact` program as its users see it: arguments, pipes, terminals, exit codes.
//!
//! Each test runs the built program in a folder of its own. What these tests fix is a contract:
//! scripts rely on it to the letter.

mod arguments;
mod bench;
mod commands;
mod errors;
mod harness;
mod modes;
mod pipes;
mod shell;
mod signals;
mod terminal;
mod transfer;
mod upkeep;
mod warehouses;
