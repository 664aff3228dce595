//! The write-ahead log: records that are durable one by one, long before their rows are in column
//! files.
//!
//! ```text
//!  append ─► buffer ─┐   group commit: the first thread that waits takes the turn
//!  append ─► buffer ─┤   ┌────────────────────────────────────────────────────┐
//!  append ─► buffer ─┴──►│ write all frames · sync · write the mark · flush   │──► waiters go on
//!                        └────────────────────────────────────────────────────┘
//!
//!  wal/7.wal   │ header │ record 41 │ record 42 │ mark 42 │ record 43 │ mark 43 │ reco…
//!                                                                                 └───┘ torn tail
//!  wal/8.wal   │ header, first 44 │ record 44 │ …     the log before ends where the next begins
//! ```
//!
//! A record is bytes with a number; numbers are consecutive over all logs. A *mark* says that all
//! records up to a number are durable. It is written after the sync that made them so, hence
//!
//! - what a mark covers was durable, so a wrong frame before it is damage;
//! - a wrong frame that no mark covers is what a crash left of a write: the torn tail;
//! - a reader beside the writer believes what is marked and nothing else.
//!
//! A log comes into being under its name, whole and durable: it is written in `tmp` and renamed.
//! Logs are never cut or continued. After a crash, [`recover()`] copies the records behind the last
//! mark into a new log that begins with their first number; from then on the old one ends there. So
//! nothing is built on bytes that the last writer left in memory only, or failed to sync. Where
//! there is no space for a write, a new log begins in the same way, with copies of the records that
//! are written and not durable ([`go_on()`]); a failed sync ends the writing.
//!
//! What the records mean, and when a log may be removed, is not known here.

mod format;
mod reader;
mod recover;
mod writer;

#[cfg(test)]
mod tests;

pub(crate) use format::PAYLOAD_BYTES_MAX;
pub(crate) use reader::{LogReader, Torn, Until, list};
pub(crate) use recover::{Recovered, go_on, has_records, recover};
pub(crate) use writer::LogWriter;
