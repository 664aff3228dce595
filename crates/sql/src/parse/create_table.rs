//! `CREATE [OR REPLACE] [TEMP] TABLE [IF NOT EXISTS] t (…) [SORTED BY (a, b)] [AS query]`.

use super::{Statement, cube, position, unexpected};
use crate::error::{Error, Result, nearest};
use datafusion::sql::sqlparser::ast::{
    ColumnDef, DataType, Ident, ObjectName, Query, TableConstraint,
};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{IsOptional, Parser};
use datafusion::sql::sqlparser::tokenizer::Token;

/// A table definition as written.
#[derive(Debug)]
pub(crate) struct CreateTable {
    pub(crate) or_replace: bool,
    pub(crate) if_not_exists: bool,
    pub(crate) name: ObjectName,
    pub(crate) columns: Vec<ColumnDef>,
    pub(crate) constraints: Vec<TableConstraint>,
    pub(crate) sorted_by: Vec<Ident>,
    pub(crate) query: Option<Box<Query>>,
}

pub(super) fn parse(parser: &mut Parser<'_>) -> Result<Statement> {
    parser.next_token();
    let or_replace = parser.parse_keywords(&[Keyword::OR, Keyword::REPLACE]);
    let next = parser.peek_token();
    if parser.parse_one_of_keywords(&[Keyword::TEMP, Keyword::TEMPORARY]).is_some() {
        return Err(Error::sql("temporary tables are not supported")
            .at(position(next.span.start))
            .with_hint("use WITH, or a table that you drop afterwards"));
    }
    if cube::is_next(parser) && !or_replace {
        return cube::parse_create(parser);
    }
    if !parser.parse_keyword(Keyword::TABLE) {
        let what = parser.peek_token();
        if nearest(&what.token.to_string(), ["TABLE"].into_iter()).is_some() {
            return Err(unexpected("TABLE", &what));
        }
        let what = match what.token.to_string().to_uppercase().as_str() {
            "MATERIALIZED" => "VIEW".to_owned(),
            other => other.to_owned(),
        };
        return Ok(Statement::Unsupported(format!("CREATE {what}")));
    }
    let if_not_exists = parser.parse_keywords(&[Keyword::IF, Keyword::NOT, Keyword::EXISTS]);
    let name = parser.parse_object_name(false)?;
    let (columns, constraints) = match parse_names(parser) {
        Some(columns) => (columns, Vec::new()),
        None => parser.parse_columns()?,
    };
    let mut sorted_by = Vec::new();
    loop {
        let next = parser.peek_token();
        let is_sorted = matches!(&next.token, Token::Word(word)
            if word.quote_style.is_none() && word.value.eq_ignore_ascii_case("sorted"));
        if is_sorted {
            parser.next_token();
            parser.expect_keyword(Keyword::BY)?;
            sorted_by = parser.parse_parenthesized_column_list(IsOptional::Mandatory, false)?;
        } else {
            break;
        }
    }
    let query = if parser.parse_keyword(Keyword::AS) { Some(parser.parse_query()?) } else { None };
    if parser.parse_keyword(Keyword::WITH) {
        let _ = parser.parse_keyword(Keyword::NO);
        let found = parser.peek_token();
        return Err(unexpected("the end of the statement", &found));
    }
    Ok(Statement::CreateTable(Box::new(CreateTable {
        or_replace,
        if_not_exists,
        name,
        columns,
        constraints,
        sorted_by,
        query,
    })))
}

/// `(a, b)` before AS: names without types.
fn parse_names(parser: &mut Parser<'_>) -> Option<Vec<ColumnDef>> {
    let names = parser.maybe_parse(|parser| {
        let names = parser.parse_parenthesized_column_list(IsOptional::Mandatory, false)?;
        match parser.peek_token().token {
            Token::Word(word) if word.keyword == Keyword::AS => Ok(names),
            Token::Word(word) if word.value.eq_ignore_ascii_case("sorted") => Ok(names),
            _ => parser.expected("AS", parser.peek_token()),
        }
    });
    let untyped = |name| ColumnDef { name, data_type: DataType::Unspecified, options: Vec::new() };
    names.ok().flatten().map(|names| names.into_iter().map(untyped).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::parse as parse_sql;

    fn table(sql: &str) -> CreateTable {
        match parse_sql(sql).unwrap() {
            Statement::CreateTable(table) => *table,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_sort_order_stands_behind_the_columns() {
        let table = table("CREATE TABLE f (a INTEGER, b DATE) SORTED BY (b, a)");
        assert_eq!(table.columns.len(), 2);
        let names: Vec<_> = table.sorted_by.iter().map(|ident| ident.value.as_str()).collect();
        assert_eq!(names, ["b", "a"]);
    }

    #[test]
    fn create_table_as_may_be_sorted() {
        let table = table("CREATE TABLE IF NOT EXISTS f SORTED BY (a) AS SELECT 1 AS a");
        assert!(table.if_not_exists && table.query.is_some() && table.columns.is_empty());
        assert_eq!(table.sorted_by.len(), 1);
    }

    #[test]
    fn create_table_as_may_name_its_columns() {
        let table = table("CREATE TABLE f (a, \"B\") SORTED BY (a) AS SELECT 1, 2");
        assert_eq!(table.columns.len(), 2);
        assert!(table.columns.iter().all(|column| column.data_type == DataType::Unspecified));
        assert!(parse_sql("CREATE TABLE f (a, b)").is_err());
    }

    #[test]
    fn a_table_may_be_called_date() {
        assert_eq!(table("CREATE TABLE date (d_datekey INTEGER PRIMARY KEY)").columns.len(), 1);
    }
}
