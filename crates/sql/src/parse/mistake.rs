//! What is wrong with a statement that does not parse.
//!
//! The parser says which token it could not take. A misspelled keyword is often taken for a name or
//! an alias, and noticed one word later; a parenthesis that is never closed is noticed at the end.
//! So the tokens are looked at again, and the place and the hint are those of the likely mistake.

use super::depth;
use crate::error::{Error, Position, nearest, place};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

/// Words that a statement begins with, as far as we execute it.
pub const STATEMENTS: &[&str] = &[
    "ABORT",
    "ALTER",
    "BEGIN",
    "CHECK",
    "COMMIT",
    "COPY",
    "CREATE",
    "DEALLOCATE",
    "DELETE",
    "DESCRIBE",
    "DROP",
    "END",
    "EXECUTE",
    "EXPLAIN",
    "FROM",
    "INSERT",
    "MERGE",
    "OPTIMIZE",
    "PREPARE",
    "RESET",
    "ROLLBACK",
    "SELECT",
    "SET",
    "SHOW",
    "START",
    "SUMMARIZE",
    "TRUNCATE",
    "UPDATE",
    "VACUUM",
    "VALUES",
    "WITH",
];

/// Words that begin a statement elsewhere.
const ELSEWHERE: &[&str] = &[
    "ANALYZE",
    "ATTACH",
    "CALL",
    "CHECKPOINT",
    "COMMENT",
    "DETACH",
    "EXPORT",
    "GRANT",
    "IMPORT",
    "INSTALL",
    "LISTEN",
    "LOAD",
    "NOTIFY",
    "PIVOT",
    "REFRESH",
    "REINDEX",
    "RENAME",
    "RELEASE",
    "REPLACE",
    "SAVEPOINT",
    "UNPIVOT",
    "UPSERT",
];

/// Keywords within statements.
const KEYWORDS: &[&str] = &[
    "AND",
    "ASC",
    "BETWEEN",
    "BY",
    "CASE",
    "CAST",
    "CONFLICT",
    "CROSS",
    "DEFAULT",
    "DESC",
    "DISTINCT",
    "ELSE",
    "END",
    "EXCEPT",
    "EXISTS",
    "FALSE",
    "FILTER",
    "FOLLOWING",
    "FOREIGN",
    "FROM",
    "FULL",
    "GROUP",
    "HAVING",
    "INNER",
    "INTERSECT",
    "INTERVAL",
    "INTO",
    "JOIN",
    "LEFT",
    "LIKE",
    "LIMIT",
    "MATCHED",
    "NATURAL",
    "NOTHING",
    "NULL",
    "OFFSET",
    "ORDER",
    "OUTER",
    "OVER",
    "PARTITION",
    "PRECEDING",
    "PRIMARY",
    "QUALIFY",
    "RANGE",
    "REFERENCES",
    "RETURNING",
    "RIGHT",
    "ROWS",
    "SELECT",
    "SET",
    "SORTED",
    "TABLE",
    "THEN",
    "TRUE",
    "UNION",
    "UNIQUE",
    "UPDATE",
    "USING",
    "VALUES",
    "WHEN",
    "WHERE",
    "WINDOW",
    "WITH",
];

/// Keywords of ALTER TABLE besides; elsewhere such words are names.
const ALTER_KEYWORDS: &[&str] =
    &["ADD", "ALTER", "CHECK", "COLUMN", "CONSTRAINT", "DATA", "DROP", "RENAME", "SET", "TYPE"];

/// The error of a statement whose tokens these are, put so that it helps.
pub(super) fn explain(tokens: &[TokenWithSpan], error: Error) -> Error {
    let words: Vec<&TokenWithSpan> =
        tokens.iter().filter(|token| !is_blank(&token.token)).collect();
    if let Some(token) = depth::find_too_nested(&words) {
        return depth::too_deep(token);
    }
    if !error.message.starts_with("syntax error") {
        return error;
    }
    let statement = Mistaken { words, found: error.position };
    let error = statement.reword(error);
    let mistake = statement.mistake();
    match mistake {
        Some(mistake) => {
            let message = mistake.message.unwrap_or(error.message);
            Error { message, ..error }.at(mistake.place).with_hint(mistake.hint)
        }
        None if error.hint.is_some() => error,
        None => {
            let hint = statement.form();
            error.with_hint(hint)
        }
    }
}

/// A text, name or comment that never ends.
pub(super) fn unterminated(error: Error) -> Error {
    let (message, hint) = if error.message.contains("dollar-quoted") {
        ("a text between $$ is never closed", "close it with $$")
    } else if error.message.contains("string literal") {
        (
            "a text that begins here is never closed",
            "close it with ', and write '' for a quote in it",
        )
    } else if error.message.contains("close delimiter") {
        ("a name in quotes that begins here is never closed", "close it with the same quote")
    } else if error.message.contains("multi-line comment") {
        ("a comment that begins with /* is never closed", "close it with */")
    } else {
        return error;
    };
    Error { message: format!("syntax error: {message}"), ..error }.with_hint(hint)
}

struct Mistaken<'a> {
    /// The tokens without blanks and comments.
    words: Vec<&'a TokenWithSpan>,
    /// Where the parser stopped; the end of the statement if it does not say.
    found: Option<Position>,
}

struct Mistake {
    message: Option<String>,
    place: Option<Position>,
    hint: String,
}

impl Mistaken<'_> {
    /// The number of the token that the parser could not take.
    fn stop(&self) -> usize {
        let at = |token: &&TokenWithSpan| place::of(token) == self.found;
        match self.found {
            Some(_) => self.words.iter().position(at).unwrap_or(self.words.len()),
            None => self.words.len(),
        }
    }

    /// The plain word at a place.
    fn word(&self, place: usize) -> Option<&str> {
        match self.words.get(place).map(|token| &token.token) {
            Some(Token::Word(word)) if word.quote_style.is_none() => Some(&word.value),
            _ => None,
        }
    }

    /// `Expected: X, found: Y` in our words, with a place also where the statement ends.
    fn reword(&self, error: Error) -> Error {
        let text = error.message.trim_start_matches("syntax error: ").to_owned();
        let parts = text
            .strip_prefix("Expected: ")
            .or_else(|| text.strip_prefix("Expected "))
            .and_then(|rest| rest.rsplit_once(", found: "));
        let Some((expected, found)) = parts else { return error };
        let expected = match expected {
            list if list.len() > 60 && list.contains("after DROP") => "TABLE after DROP",
            list if list.ends_with("after ALTER TABLE") => {
                "ADD, DROP, RENAME or ALTER after ALTER TABLE t"
            }
            list if list.ends_with("after ALTER COLUMN") => {
                "TYPE, SET or DROP after ALTER COLUMN c"
            }
            list if list.starts_with("one of VIEW or") => "TABLE after ALTER",
            "identifier" => "a name",
            "an SQL statement" => "a statement",
            "a concrete value" => "a number",
            list if list.starts_with("SELECT, VALUES") => "SELECT or VALUES",
            list if list.starts_with("[NOT] NULL | TRUE") => "NULL, TRUE, FALSE or DISTINCT FROM",
            other => other,
        };
        let is_end = found == "EOF";
        let found = if is_end { "the end of the statement" } else { found };
        let message = format!("syntax error: expected {expected}, found {found}");
        let error = Error { message, ..error };
        if is_end { error.at(self.end()) } else { error }
    }

    /// The place behind the last token.
    fn end(&self) -> Option<Position> {
        let end = self.words.last()?.span.end;
        let (line, column) = (end.line as usize, end.column as usize);
        (line > 0 && column > 0).then_some(Position { line, column })
    }

    fn mistake(&self) -> Option<Mistake> {
        let first = self.statement_word();
        first
            .or_else(|| self.foreign_quote())
            .or_else(|| self.misspelled())
            .or_else(|| self.unclosed_case())
            .or_else(|| self.unclosed())
            .or_else(|| self.usage())
    }

    /// A statement begins with a word that begins none.
    fn statement_word(&self) -> Option<Mistake> {
        let mut place = 0;
        while self.word(place).is_some_and(|word| {
            ["explain", "analyze", "verbose"].contains(&word.to_lowercase().as_str())
        }) {
            place += 1;
        }
        let is_elsewhere = |word: &str| ELSEWHERE.contains(&word.to_uppercase().as_str());
        if self.stop() != place && !self.word(place).is_some_and(is_elsewhere) {
            return None;
        }
        let Some(word) = self.word(place) else {
            let token = self.words.get(place)?;
            return Some(Mistake {
                message: Some(format!("syntax error: {} begins no statement", token.token)),
                place: place::of(token),
                hint: format!("statements begin with {}", STATEMENTS.join(", ")),
            });
        };
        let upper = word.to_uppercase();
        let at = place::of(self.words[place]);
        if is_elsewhere(word) {
            let message = Some(format!("{upper} is not supported"));
            return Some(Mistake { message, place: at, hint: super::elsewhere(&upper).to_owned() });
        }
        if STATEMENTS.contains(&upper.as_str()) {
            return None;
        }
        let message = Some(format!("syntax error: \"{word}\" begins no statement"));
        let known = STATEMENTS.iter().chain(ELSEWHERE).copied();
        let hint = match nearest(word, known) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("statements begin with {}", STATEMENTS.join(", ")),
        };
        Some(Mistake { message, place: at, hint })
    }

    /// Quotes of word processors, and signs that are no SQL.
    fn foreign_quote(&self) -> Option<Mistake> {
        let token = self.words.get(self.stop())?;
        let text = token.token.to_string();
        let hint = match text.chars().next()? {
            '“' | '”' | '„' | '«' | '»' => "write names in straight quotes: \"name\"",
            '‘' | '’' | '‚' | '´' => "write texts in straight quotes: 'text'",
            '；' => "write an ordinary semicolon: ;",
            _ => return None,
        };
        Some(Mistake { message: None, place: place::of(token), hint: hint.into() })
    }

    /// A word just before the stop, or there, that is nearly a keyword.
    fn misspelled(&self) -> Option<Mistake> {
        let stop = self.stop();
        let before = stop.checked_sub(1).into_iter().chain([stop]).chain(stop.checked_sub(2));
        before.filter(|place| *place > 0).find_map(|place| {
            let word = self.word(place)?;
            let keywords = self.keywords();
            let near = near_keyword(word, &keywords)?;
            let is_known = keywords.iter().any(|keyword| keyword.eq_ignore_ascii_case(word));
            let is_plural = word.to_uppercase() == format!("{near}S");
            if is_known || is_plural {
                return None;
            }
            Some(Mistake {
                message: Some(format!("syntax error at or near \"{word}\"")),
                place: place::of(self.words[place]),
                hint: format!("did you mean {near}?"),
            })
        })
    }

    /// The keywords that a statement of this kind may have.
    fn keywords(&self) -> Vec<&'static str> {
        let more = if self.first_is("ALTER") { ALTER_KEYWORDS } else { &[] };
        [KEYWORDS, more].concat()
    }

    fn unclosed_case(&self) -> Option<Mistake> {
        let is = |token: &&&TokenWithSpan, keyword: &str| {
            matches!(&token.token, Token::Word(word)
            if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(keyword))
        };
        let cases: Vec<_> = self.words.iter().filter(|token| is(token, "case")).collect();
        let case = cases.first()?;
        let ends = self.words.iter().filter(|token| is(token, "end")).count();
        if cases.len() > ends {
            return Some(Mistake {
                message: Some("syntax error: CASE is never closed".into()),
                place: place::of(case),
                hint: "close it with END".into(),
            });
        }
        // The parser takes a CASE that it cannot read for a name, and stops behind it.
        let stop = self.stop();
        let is_behind = stop.checked_sub(2).and_then(|place| self.word(place));
        is_behind.filter(|word| word.eq_ignore_ascii_case("case")).map(|_| Mistake {
            message: Some("syntax error: CASE is not complete".into()),
            place: place::of(self.words[stop - 2]),
            hint: "write CASE WHEN condition THEN value ELSE value END".into(),
        })
    }

    /// Parentheses and brackets that have no partner.
    fn unclosed(&self) -> Option<Mistake> {
        let mut open: Vec<&TokenWithSpan> = Vec::new();
        for token in &self.words {
            let closes = matches!(token.token, Token::RParen | Token::RBracket | Token::RBrace);
            if matches!(token.token, Token::LParen | Token::LBracket | Token::LBrace) {
                open.push(token);
            } else if closes && open.pop().is_none() {
                return Some(Mistake {
                    message: None,
                    place: place::of(token),
                    hint: format!("there is nothing open that {} closes", token.token),
                });
            }
        }
        let token = open.last()?;
        let closing = match token.token {
            Token::LParen => ")",
            Token::LBracket => "]",
            _ => "}",
        };
        Some(Mistake {
            message: Some(format!("syntax error: {} is never closed", token.token)),
            place: place::of(token),
            hint: format!("close it with {closing}"),
        })
    }

    /// Mistakes that people make often, told by the word before the stop.
    fn usage(&self) -> Option<Mistake> {
        let stop = self.stop();
        let last = stop.checked_sub(1).and_then(|place| self.words.get(place));
        if last.is_some_and(|token| token.token == Token::SemiColon) {
            let (place, hint) = (self.found, "run one statement at a time".into());
            return Some(Mistake { message: None, place, hint });
        }
        let before = stop.checked_sub(1).and_then(|place| self.word(place)).unwrap_or_default();
        let at = self.word(stop).unwrap_or_default();
        let hint = match (before.to_uppercase().as_str(), at.to_uppercase().as_str()) {
            ("INSERT", "IN") | ("IN", _) if self.first_is("INSERT") => "write INSERT INTO t",
            (_, "GROUP") => "write GROUP BY",
            (_, "ORDER") => "write ORDER BY",
            (_, "PARTITION") => "write PARTITION BY",
            ("NO", _) => "did you mean ON?",
            (_, "ON") if self.has("CROSS") => "CROSS JOIN has no condition: write JOIN … ON",
            ("FROM", _) if stop == 2 && self.first_is("SELECT") => {
                "name columns between SELECT and FROM, or * for all"
            }
            (_, "FROM") => "name columns between SELECT and FROM, or * for all",
            ("IN", _) => "write IN (1, 2) or IN (SELECT …)",
            ("IS", _) => "write IS NULL, IS NOT NULL, IS TRUE or IS DISTINCT FROM value",
            ("CAST", _) => "write CAST(value AS type)",
            ("AS", _) if self.first_is("WITH") => "write WITH name AS (SELECT …)",
            ("BETWEEN", _) => "write BETWEEN low AND high",
            _ if self.stops_at(&Token::Comma) || self.stops_at(&Token::RParen) => {
                "a value is missing here, or a comma too many"
            }
            _ if self.stops_at(&Token::RArrow) => "write = or >=",
            _ => return None,
        };
        let place = self.words.get(stop).and_then(|token| place::of(token)).or_else(|| self.end());
        Some(Mistake { message: None, place, hint: hint.into() })
    }

    fn stops_at(&self, token: &Token) -> bool {
        self.words.get(self.stop()).is_some_and(|found| found.token == *token)
    }

    fn first_is(&self, keyword: &str) -> bool {
        self.word(0).is_some_and(|word| word.eq_ignore_ascii_case(keyword))
    }

    fn has(&self, keyword: &str) -> bool {
        (0..self.words.len())
            .any(|place| self.word(place).is_some_and(|word| word.eq_ignore_ascii_case(keyword)))
    }

    /// How a statement of this kind is written.
    fn form(&self) -> &'static str {
        match self.word(0).unwrap_or_default().to_uppercase().as_str() {
            "INSERT" => "write INSERT INTO t (a, b) VALUES (1, 2), or INSERT INTO t SELECT …",
            "UPDATE" => "write UPDATE t SET a = 1, b = 2 WHERE c = 3",
            "DELETE" => "write DELETE FROM t WHERE a = 1",
            "MERGE" => {
                "write MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN UPDATE SET b = s.b \
                 WHEN NOT MATCHED THEN INSERT VALUES (s.a, s.b)"
            }
            "TRUNCATE" => "write TRUNCATE t",
            "BEGIN" | "START" => "write BEGIN, or BEGIN READ ONLY",
            "COMMIT" | "END" | "ROLLBACK" | "ABORT" => "write COMMIT, or ROLLBACK",
            "COPY" => {
                "write COPY t FROM 'file.csv' (HEADER true), or COPY (SELECT …) TO 'file.parquet'"
            }
            "CREATE" => {
                "write CREATE TABLE t (a INTEGER, b VARCHAR), or CREATE TABLE t AS SELECT …"
            }
            "DROP" => "write DROP TABLE t",
            "ALTER" => {
                "write ALTER TABLE t ADD COLUMN a INTEGER DEFAULT 0, DROP COLUMN b, RENAME COLUMN \
                 c \
                 TO d, ALTER COLUMN e TYPE BIGINT, or ALTER TABLE t RENAME TO u"
            }
            "SET" | "RESET" | "PRAGMA" => {
                "write SET name = value or RESET name; SHOW ALL lists the settings"
            }
            "PREPARE" => "write PREPARE name AS SELECT … WHERE a = $1",
            "EXECUTE" => "write EXECUTE name (1, 'a')",
            "DEALLOCATE" => "write DEALLOCATE name, or DEALLOCATE ALL",
            "SHOW" => {
                "write SHOW TABLES, SHOW CREATE TABLE t, SHOW FUNCTIONS, SHOW ALL or SHOW name"
            }
            "DESCRIBE" | "DESC" | "SUMMARIZE" => "write DESCRIBE t or SUMMARIZE t",
            "EXPLAIN" => "write EXPLAIN [ANALYZE] SELECT …, or EXPLAIN STORAGE t",
            "VALUES" => "write VALUES (1, 'a'), (2, 'b')",
            _ if self.stop() >= self.words.len() => {
                "the statement is not complete: something is missing at its end"
            }
            _ => {
                "a comma, an operator or a keyword may be missing before it; \
                 clauses come in the order \
                 SELECT, FROM, WHERE, GROUP BY, HAVING, ORDER BY, LIMIT"
            }
        }
    }
}

/// The keyword that a word nearly is.
fn near_keyword(word: &str, keywords: &[&'static str]) -> Option<&'static str> {
    let is_long = word.chars().count() >= 3;
    if !is_long {
        return None;
    }
    // The first letter is rarely the one that is wrong.
    let first = |keyword: &&str| word.to_uppercase().chars().next() == keyword.chars().next();
    nearest(word, keywords.iter().copied().filter(first))
        .or_else(|| nearest(word, keywords.iter().copied()))
}

fn is_blank(token: &Token) -> bool {
    matches!(token, Token::Whitespace(_))
}
