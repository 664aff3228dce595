//! The lines of a file, read as they are needed.

use super::{InputError, LINE_BYTES_MAX, Lines, decode, too_long};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// Lines of a script.
pub struct FileLines<R = BufReader<File>> {
    reader: R,
    /// Lines read so far.
    line_count: usize,
}

impl FileLines {
    /// Opens a file.
    ///
    /// # Errors
    /// When it cannot be opened, or is a folder.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        if file.metadata()?.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        Ok(Self { reader: BufReader::new(file), line_count: 0 })
    }
}

impl<R: BufRead> Lines for FileLines<R> {
    fn next_line(&mut self) -> Result<Option<String>, InputError> {
        self.line_count += 1;
        let mut bytes = Vec::new();
        let limit = LINE_BYTES_MAX as u64 + 1;
        self.reader
            .by_ref()
            .take(limit)
            .read_until(b'\n', &mut bytes)
            .map_err(|error| InputError::Unreadable(error.to_string()))?;
        match bytes.len() {
            0 => Ok(None),
            length if length > LINE_BYTES_MAX => Err(too_long(self.line_count)),
            _ => decode(bytes, self.line_count).map(Some),
        }
    }

    fn has_more(&mut self) -> bool {
        while let Ok(Some(line)) = self.next_line() {
            if !line.trim().is_empty() {
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(bytes: &[u8]) -> FileLines<&[u8]> {
        FileLines { reader: bytes, line_count: 0 }
    }

    #[test]
    fn a_byte_order_mark_is_no_text() {
        let mut lines = lines_of("\u{feff}a\r\n\u{feff}b".as_bytes());
        assert_eq!(lines.next_line(), Ok(Some("a\r\n".into())));
        assert_eq!(lines.next_line(), Ok(Some("\u{feff}b".into())));
        assert_eq!(lines.next_line(), Ok(None));
    }

    #[test]
    fn bytes_that_are_no_text_are_told_with_their_line() {
        let mut lines = lines_of(b"a\n\xFF\n");
        assert!(lines.next_line().is_ok());
        let expected = InputError::Unreadable("line 2 is not UTF-8".into());
        assert_eq!(lines.next_line(), Err(expected));
    }

    #[test]
    fn white_space_is_not_more() {
        assert!(!lines_of(b"\n \n").has_more());
        assert!(lines_of(b"\n x").has_more());
    }
}
