//! `COPY t [(columns)] FROM 'file' …` and `COPY t | (query) TO 'file' …`.
//!
//! Options stand in parentheses, with or without `=` and in any order: `(FORMAT csv, HEADER true,
//! DELIMITER '|')`; a bare `HEADER` means true.

use super::{Statement, unexpected};
use crate::error::{Error, Result, nearest};
use datafusion::sql::sqlparser::ast::{Ident, ObjectName, Query};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{IsOptional, Parser};
use datafusion::sql::sqlparser::tokenizer::Token;

/// What is copied.
#[derive(Debug)]
pub(crate) enum CopySource {
    /// A table, or some of its columns.
    Table { name: ObjectName, columns: Vec<Ident> },
    /// The rows of a query.
    Query(Box<Query>),
}

/// A COPY statement.
#[derive(Debug)]
pub(crate) struct Copy {
    pub(crate) source: CopySource,
    /// Whether rows leave the warehouse.
    pub(crate) to: bool,
    pub(crate) file: String,
    pub(crate) options: CopyOptions,
}

/// Options in the order in which they were written, names in lower case.
#[derive(Debug, Default)]
pub(crate) struct CopyOptions(pub(crate) Vec<(String, String)>);

impl CopyOptions {
    /// The last value given for any of these names.
    pub(crate) fn get(&self, names: &[&str]) -> Option<&str> {
        let found = self.0.iter().rev().find(|(name, _)| names.contains(&name.as_str()));
        found.map(|(_, value)| value.as_str())
    }

    /// A truth value; a bare name is true.
    pub(crate) fn get_bool(&self, names: &[&str]) -> Result<Option<bool>> {
        let Some(value) = self.get(names) else { return Ok(None) };
        match value.to_ascii_lowercase().as_str() {
            "true" | "t" | "on" | "yes" | "1" | "" => Ok(Some(true)),
            "false" | "f" | "off" | "no" | "0" => Ok(Some(false)),
            _ => Err(Error::sql(format!("{} must be true or false, not '{value}'", names[0]))),
        }
    }

    /// A single byte.
    pub(crate) fn get_byte(&self, names: &[&str]) -> Result<Option<u8>> {
        let Some(value) = self.get(names) else { return Ok(None) };
        match value.as_bytes() {
            [byte] if byte.is_ascii() => Ok(Some(*byte)),
            b"\\t" => Ok(Some(b'\t')),
            _ => Err(Error::sql(format!("{} must be one ASCII character", names[0]))),
        }
    }

    /// Refuses options that are not among `known`.
    pub(crate) fn only(&self, known: &[&str]) -> Result<()> {
        for (name, _) in &self.0 {
            if !known.contains(&name.as_str()) {
                let hint = match nearest(name, known.iter().copied()) {
                    Some(near) => format!("did you mean {near}?"),
                    None => format!("known options: {}", known.join(", ")),
                };
                let message = format!("COPY has no option \"{name}\" for this format");
                return Err(Error::sql(message).with_hint(hint));
            }
        }
        Ok(())
    }
}

pub(super) fn parse(parser: &mut Parser<'_>) -> Result<Statement> {
    parser.next_token();
    let source = if parser.consume_token(&Token::LParen) {
        let query = parser.parse_query()?;
        parser.expect_token(&Token::RParen)?;
        CopySource::Query(query)
    } else {
        let name = parser.parse_object_name(false)?;
        let columns = parser.parse_parenthesized_column_list(IsOptional::Optional, false)?;
        CopySource::Table { name, columns }
    };
    let to = match parser.parse_one_of_keywords(&[Keyword::FROM, Keyword::TO]) {
        Some(Keyword::FROM) => false,
        Some(_) => true,
        None => return Err(unexpected("FROM or TO", &parser.peek_token())),
    };
    if !to && matches!(source, CopySource::Query(_)) {
        return Err(Error::sql("COPY (query) goes TO a file")
            .with_hint("to load a file, name a table: COPY t FROM 'file'"));
    }
    let next = parser.peek_token();
    let Token::SingleQuotedString(file) = next.token else {
        return Err(unexpected("a file name in single quotes", &next));
    };
    parser.next_token();
    let options = parse_options(parser)?;
    Ok(Statement::Copy(Box::new(Copy { source, to, file, options })))
}

fn parse_options(parser: &mut Parser<'_>) -> Result<CopyOptions> {
    let mut options = CopyOptions::default();
    let _ = parser.parse_keyword(Keyword::WITH);
    if parser.consume_token(&Token::LParen) {
        loop {
            if parser.consume_token(&Token::RParen) {
                return Ok(options);
            }
            let option = parse_option(parser)?;
            options.0.push(option);
            if !parser.consume_token(&Token::Comma) {
                parser.expect_token(&Token::RParen)?;
                return Ok(options);
            }
        }
    }
    // PostgreSQL's older form: COPY t FROM 'f' CSV HEADER DELIMITER '|'.
    while let Token::Word(word) = parser.peek_token().token {
        let name = word.value.to_ascii_lowercase();
        parser.next_token();
        match name.as_str() {
            "csv" | "parquet" => options.0.push(("format".into(), name)),
            "header" => options.0.push((name, String::new())),
            _ => {
                let _ = parser.parse_keyword(Keyword::AS);
                options.0.push((name, option_value(parser)?));
            }
        }
    }
    Ok(options)
}

fn parse_option(parser: &mut Parser<'_>) -> Result<(String, String)> {
    let token = parser.next_token();
    let name = match &token.token {
        Token::Word(word) => word.value.to_ascii_lowercase(),
        Token::SingleQuotedString(text) => text.to_ascii_lowercase(),
        _ => return Err(unexpected("an option", &token)),
    };
    let _ = parser.consume_token(&Token::Eq);
    match parser.peek_token().token {
        Token::Comma | Token::RParen => Ok((name, String::new())),
        _ => Ok((name, option_value(parser)?)),
    }
}

fn option_value(parser: &mut Parser<'_>) -> Result<String> {
    let token = parser.next_token();
    match token.token {
        Token::SingleQuotedString(text)
        | Token::DoubleQuotedString(text)
        | Token::Number(text, _) => Ok(text),
        Token::EscapedStringLiteral(text) => Ok(text),
        Token::Word(word) => Ok(word.value),
        _ => Err(unexpected("a value", &token)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::parse as parse_sql;

    fn copy(sql: &str) -> Copy {
        match parse_sql(sql).unwrap() {
            Statement::Copy(copy) => *copy,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn options_come_in_any_spelling() {
        for sql in [
            "COPY t FROM 'f' (FORMAT csv, DELIMITER '|', HEADER false)",
            "COPY t FROM 'f' WITH (format = 'csv', header = 0, delimiter = '|')",
            "COPY t FROM 'f' CSV DELIMITER AS '|' HEADER false",
        ] {
            let copy = copy(sql.replace(" HEADER false", " HEADER").as_str());
            assert_eq!(copy.options.get(&["format"]), Some("csv"), "{sql}");
            assert_eq!(copy.options.get_byte(&["delimiter"]).unwrap(), Some(b'|'), "{sql}");
        }
        let bare = copy("COPY t TO 'f' (HEADER)");
        assert_eq!(bare.options.get_bool(&["header"]).unwrap(), Some(true));
        assert!(bare.to);
    }

    #[test]
    fn an_unknown_option_is_refused_by_name() {
        let error = copy("COPY t FROM 'f' (HEADR true)").options.only(&["header"]).unwrap_err();
        assert!(error.message.contains("headr"), "{}", error.message);
    }
}
