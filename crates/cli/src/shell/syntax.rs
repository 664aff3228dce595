//! Where in its text an unfinished statement stands: between words, in quotes, or in a comment.

/// What is open at the end of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    Nothing,
    /// A string or a name in quotes: the quote, and the place of the byte behind it.
    Quote(char, usize),
    Comment,
}

/// The start of the last statement in a text, and what is open at the end of the text.
pub fn scan(text: &str) -> (usize, Open) {
    let mut start = 0;
    let mut characters = text.char_indices().peekable();
    while let Some((place, c)) = characters.next() {
        let next = characters.peek().map(|(_, next)| *next);
        let open = match (c, next) {
            (';', _) => {
                start = place + 1;
                continue;
            }
            ('\'' | '"', _) => {
                let is_closed = characters.by_ref().any(|(_, inner)| inner == c);
                (!is_closed).then_some(Open::Quote(c, place + 1))
            }
            ('-', Some('-')) => {
                let is_closed = characters.by_ref().any(|(_, inner)| inner == '\n');
                (!is_closed).then_some(Open::Comment)
            }
            ('/', Some('*')) => {
                characters.next();
                let mut previous = ' ';
                let is_closed = characters.by_ref().any(|(_, inner)| {
                    let closes = previous == '*' && inner == '/';
                    previous = inner;
                    closes
                });
                (!is_closed).then_some(Open::Comment)
            }
            _ => None,
        };
        if let Some(open) = open {
            return (start, open);
        }
    }
    (start, Open::Nothing)
}

/// The words of a statement, and points between them; quotes are dropped, the rest is left out.
pub fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        if is_word(c) {
            let mut word = String::from(c);
            while let Some(next) = characters.next_if(|next| is_word(*next)) {
                word.push(next);
            }
            words.push(word);
        } else if c == '"' {
            words.push(characters.by_ref().take_while(|inner| *inner != '"').collect());
        } else if c == '\'' {
            characters.by_ref().any(|inner| inner == '\'');
            words.push("''".into());
        } else if matches!(c, '.' | ',' | '(' | ')') {
            words.push(c.into());
        }
    }
    words
}

/// Whether a character can be part of a name.
pub fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_comments() {
        for (text, expected) in [
            ("select 'it''s' from ", (0, Open::Nothing)),
            ("select 'a", (0, Open::Quote('\'', 8))),
            ("select 1; from \"a", (9, Open::Quote('"', 16))),
            ("select ';'", (0, Open::Nothing)),
            ("select 1 -- it's", (0, Open::Comment)),
            ("select 1 -- it's\n;", (18, Open::Nothing)),
            ("select /* ; '", (0, Open::Comment)),
            ("select /* ; ' */ 2 - 1 / 2", (0, Open::Nothing)),
        ] {
            assert_eq!(scan(text), expected, "{text}");
        }
    }

    #[test]
    fn words_and_points() {
        let text = "select t.\"My Col\", f('x y') from a_b";
        let expected = ["select", "t", ".", "My Col", ",", "f", "(", "''", ")", "from", "a_b"];
        assert_eq!(words(text), expected);
    }
}
