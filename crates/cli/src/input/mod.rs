//! Lines of SQL and commands, wherever they come from.

mod file;
mod stdin;
mod text;

pub use file::FileLines;
pub use stdin::StdinLines;
pub use text::TextLines;

/// Bytes of a line at most; what is longer is no SQL.
const LINE_BYTES_MAX: usize = 1 << 30;

/// Why there is no next line.
#[derive(Debug, PartialEq, Eq)]
pub enum InputError {
    /// The input cannot be read, and this is why.
    Unreadable(String),
    /// A signal came that ends the run.
    Signalled,
}

/// Where lines come from, one after the other.
pub trait Lines {
    /// The next line with its line feed; the last one may have none. None is the end.
    ///
    /// # Errors
    /// When the input cannot be read any further.
    fn next_line(&mut self) -> Result<Option<String>, InputError>;

    /// Whether more than white space is known to follow. Does not wait for it.
    fn has_more(&mut self) -> bool;
}

/// A line as text. A byte order mark is dropped from the first one.
fn decode(bytes: Vec<u8>, number: usize) -> Result<String, InputError> {
    let wrong = |_| InputError::Unreadable(format!("line {number} is not UTF-8"));
    let line = String::from_utf8(bytes).map_err(wrong)?;
    match line.strip_prefix('\u{feff}') {
        Some(rest) if number == 1 => Ok(rest.to_owned()),
        _ => Ok(line),
    }
}

fn too_long(number: usize) -> InputError {
    InputError::Unreadable(format!("line {number} is longer than {} MiB", LINE_BYTES_MAX >> 20))
}
