//! The lines of a text that is there as a whole.

use super::{InputError, Lines};

/// Lines of a `-c` or of what was typed into a shell.
pub struct TextLines<'a> {
    rest: &'a str,
}

impl<'a> TextLines<'a> {
    pub fn new(text: &'a str) -> Self {
        Self { rest: text }
    }
}

impl Lines for TextLines<'_> {
    fn next_line(&mut self) -> Result<Option<String>, InputError> {
        let end = self.rest.find('\n').map_or(self.rest.len(), |place| place + 1);
        let (line, rest) = self.rest.split_at(end);
        self.rest = rest;
        Ok((!line.is_empty()).then(|| line.to_owned()))
    }

    fn has_more(&mut self) -> bool {
        !self.rest.trim().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_line_feed() {
        let mut lines = TextLines::new("a\n\nb");
        assert!(lines.has_more());
        assert_eq!(lines.next_line(), Ok(Some("a\n".into())));
        assert_eq!(lines.next_line(), Ok(Some("\n".into())));
        assert_eq!(lines.next_line(), Ok(Some("b".into())));
        assert!(!lines.has_more());
        assert_eq!(lines.next_line(), Ok(None));
    }
}
