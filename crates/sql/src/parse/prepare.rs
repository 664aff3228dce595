//! `PREPARE name [(types)] AS statement`, `EXECUTE name [(values)]`, `DEALLOCATE name | ALL`.

use super::{Statement, Template, parse_tokenized};
use crate::error::{Error, Result, place};
use datafusion::sql::sqlparser::ast::{DataType, Ident};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

/// A parsed PREPARE.
#[derive(Debug)]
pub(crate) struct Prepare {
    pub(crate) name: Ident,
    /// Those of the first parameters; of the others it is the type of their values.
    pub(crate) types: Vec<DataType>,
    pub(crate) template: Template,
}

/// A statement with parameters, checked for its syntax.
///
/// # Errors
/// Syntax errors; statements that cannot be prepared.
pub(crate) fn template_of(tokens: Vec<TokenWithSpan>) -> Result<Template> {
    let is_blank = |token: &&TokenWithSpan| matches!(token.token, Token::Whitespace(_));
    let start = tokens.iter().find(|token| !is_blank(token)).and_then(place::of);
    let template = Template::new(tokens)?;
    match parse_tokenized(template.tokens())? {
        Statement::Query(_)
        | Statement::Insert(_)
        | Statement::Update { .. }
        | Statement::Delete { .. }
        | Statement::Merge(_) => Ok(template),
        _ => Err(Error::sql("this statement cannot be prepared")
            .with_hint("queries, INSERT, UPDATE, DELETE and MERGE can be; run it as it is")
            .at(start)),
    }
}

pub(super) fn parse(parser: &mut Parser<'_>) -> Result<Statement> {
    parser.next_token();
    let name = parser.parse_identifier()?;
    let mut types = Vec::new();
    if parser.consume_token(&Token::LParen) {
        types = parser.parse_comma_separated(Parser::parse_data_type)?;
        parser.expect_token(&Token::RParen)?;
    }
    parser.expect_keyword_is(Keyword::AS)?;
    let mut tokens = Vec::new();
    // White space counts: texts on lines of their own are one text.
    while let Some(token) = parser.next_token_no_skip().cloned() {
        tokens.push(token);
    }
    if tokens.iter().all(|token| matches!(token.token, Token::Whitespace(_) | Token::SemiColon)) {
        return Ok(parser.expected("a statement after AS", parser.peek_token())?);
    }
    let template = template_of(tokens)?;
    Ok(Statement::Prepare(Box::new(Prepare { name, types, template })))
}

pub(super) fn parse_execute(parser: &mut Parser<'_>) -> Result<Statement> {
    parser.next_token();
    let name = parser.parse_identifier()?;
    let mut values = Vec::new();
    if parser.consume_token(&Token::LParen) {
        if parser.peek_token().token != Token::RParen {
            values = parser.parse_comma_separated(Parser::parse_expr)?;
        }
        parser.expect_token(&Token::RParen)?;
    }
    Ok(Statement::Execute { name, values })
}

pub(super) fn parse_deallocate(parser: &mut Parser<'_>) -> Result<Statement> {
    parser.next_token();
    let _ = parser.parse_keyword(Keyword::PREPARE);
    if parser.parse_keyword(Keyword::ALL) {
        return Ok(Statement::Deallocate { name: None });
    }
    Ok(Statement::Deallocate { name: Some(parser.parse_identifier()?) })
}

#[cfg(test)]
mod tests {
    use crate::parse::{Statement, parse};

    #[test]
    fn a_statement_is_prepared_with_or_without_types() {
        for (sql, types, parameters) in [
            ("PREPARE p AS SELECT 1", 0, 0),
            ("PREPARE p (INTEGER, DECIMAL(9, 2)) AS SELECT $1, $2", 2, 2),
            ("prepare \"P\" as insert into t as a values (?, ?, ?);", 0, 3),
            ("PREPARE p AS WITH x AS (SELECT 1) UPDATE t SET a = $2 WHERE b LIKE $1", 0, 2),
            ("PREPARE p AS MERGE INTO t USING s ON a = $1 WHEN MATCHED THEN DELETE", 0, 1),
        ] {
            let Statement::Prepare(prepared) = parse(sql).unwrap() else { panic!("{sql}") };
            assert_eq!(prepared.types.len(), types, "{sql}");
            assert_eq!(prepared.template.parameter_count(), parameters, "{sql}");
        }
    }

    #[test]
    fn what_cannot_be_prepared_is_told() {
        for (sql, message) in [
            ("PREPARE p AS", "expected a statement after AS"),
            ("PREPARE p AS SELECT 1; SELECT 2", "syntax error"),
            ("PREPARE p AS SELECT FROM WHERE", "syntax error"),
            ("PREPARE p AS CREATE TABLE t (a INT)", "cannot be prepared"),
            ("PREPARE p AS PREPARE q AS SELECT 1", "cannot be prepared"),
            ("PREPARE p AS EXECUTE q", "cannot be prepared"),
        ] {
            let error = parse(sql).unwrap_err();
            assert!(error.message.contains(message), "{sql}: {}", error.message);
        }
    }

    #[test]
    fn values_and_names_are_given_in_several_ways() {
        for (sql, count) in [("EXECUTE p", 0), ("EXECUTE p ()", 0), ("EXECUTE p (1, 'a', -2)", 3)] {
            let Statement::Execute { values, .. } = parse(sql).unwrap() else { panic!("{sql}") };
            assert_eq!(values.len(), count, "{sql}");
        }
        for (sql, all) in
            [("DEALLOCATE p", false), ("DEALLOCATE PREPARE p", false), ("DEALLOCATE ALL", true)]
        {
            let Statement::Deallocate { name } = parse(sql).unwrap() else { panic!("{sql}") };
            assert_eq!(name.is_none(), all, "{sql}");
        }
    }
}
