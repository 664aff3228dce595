//! `MERGE INTO t USING s ON condition WHEN [NOT] MATCHED … THEN …`.

use crate::error::{Error, Result};
use datafusion::sql::sqlparser::ast::{Assignment, Expr, Ident, SelectItem, TableFactor, With};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{IsOptional, Parser};
use datafusion::sql::sqlparser::tokenizer::Token;
use std::fmt;

/// A MERGE as written.
#[derive(Debug)]
pub(crate) struct Merge {
    pub(crate) with: Option<With>,
    pub(crate) table: TableFactor,
    pub(crate) source: TableFactor,
    pub(crate) on: Expr,
    pub(crate) clauses: Vec<When>,
    pub(crate) returning: Option<Vec<SelectItem>>,
}

/// `WHEN kind [AND condition] THEN action`.
#[derive(Debug)]
pub(crate) struct When {
    pub(crate) kind: WhenKind,
    pub(crate) condition: Option<Expr>,
    pub(crate) action: WhenAction,
}

/// Which rows a clause is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WhenKind {
    /// A row of the table and one of the source that satisfy ON.
    Matched,
    /// A row of the source without one of the table.
    NotMatchedByTarget,
    /// A row of the table without one of the source.
    NotMatchedBySource,
}

/// What is done with a row.
#[derive(Debug)]
pub(crate) enum WhenAction {
    Update(Vec<Assignment>),
    Delete,
    /// No columns are all of them; no values are a row of defaults.
    Insert {
        columns: Vec<Ident>,
        values: Option<Vec<Expr>>,
    },
    Nothing,
}

impl When {
    /// Its condition, and the values that it gives to columns.
    pub(crate) fn expressions_mut(&mut self) -> impl Iterator<Item = &mut Expr> {
        let (set, values): (&mut [Assignment], &mut [Expr]) = match &mut self.action {
            WhenAction::Update(set) => (set, &mut []),
            WhenAction::Insert { values: Some(values), .. } => (&mut [], values),
            WhenAction::Insert { values: None, .. } | WhenAction::Delete | WhenAction::Nothing => {
                (&mut [], &mut [])
            }
        };
        let set = set.iter_mut().map(|assignment| &mut assignment.value);
        self.condition.iter_mut().chain(set).chain(values)
    }
}

impl fmt::Display for WhenKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Matched => "MATCHED",
            Self::NotMatchedByTarget => "NOT MATCHED",
            Self::NotMatchedBySource => "NOT MATCHED BY SOURCE",
        })
    }
}

pub(super) fn parse(parser: &mut Parser<'_>, with: Option<With>) -> Result<Merge> {
    parser.expect_keyword(Keyword::MERGE)?;
    let _ = parser.parse_keyword(Keyword::INTO);
    let table = parser.parse_table_factor()?;
    parser.expect_keyword(Keyword::USING)?;
    let source = parser.parse_table_factor()?;
    parser.expect_keyword(Keyword::ON)?;
    let on = parser.parse_expr()?;
    let mut clauses = Vec::new();
    while parser.parse_keyword(Keyword::WHEN) {
        clauses.push(clause(parser)?);
    }
    if clauses.is_empty() {
        parser.expect_keyword(Keyword::WHEN)?;
    }
    let returning = match parser.parse_keyword(Keyword::RETURNING) {
        true => Some(parser.parse_comma_separated(Parser::parse_select_item)?),
        false => None,
    };
    Ok(Merge { with, table, source, on, clauses, returning })
}

fn clause(parser: &mut Parser<'_>) -> Result<When> {
    let is_negated = parser.parse_keyword(Keyword::NOT);
    parser.expect_keyword(Keyword::MATCHED)?;
    let kind = if !is_negated {
        WhenKind::Matched
    } else if parser.parse_keywords(&[Keyword::BY, Keyword::SOURCE]) {
        WhenKind::NotMatchedBySource
    } else {
        if parser.parse_keyword(Keyword::BY) {
            parser.expect_keyword(Keyword::TARGET)?;
        }
        WhenKind::NotMatchedByTarget
    };
    let condition = match parser.parse_keyword(Keyword::AND) {
        true => Some(parser.parse_expr()?),
        false => None,
    };
    parser.expect_keyword(Keyword::THEN)?;
    let place = super::position(parser.peek_token().span.start);
    let action = action(parser)?;
    let is_insert = matches!(action, WhenAction::Insert { .. });
    let is_for_new = kind == WhenKind::NotMatchedByTarget;
    if !matches!(action, WhenAction::Nothing) && is_insert != is_for_new {
        let (done, hint) = match is_insert {
            true => ("INSERT", "rows are inserted WHEN NOT MATCHED"),
            false => {
                ("UPDATE and DELETE", "there is no row of the table: write INSERT or DO NOTHING")
            }
        };
        return Err(Error::sql(format!("WHEN {kind} does not take {done}"))
            .at(place)
            .with_hint(hint));
    }
    Ok(When { kind, condition, action })
}

fn action(parser: &mut Parser<'_>) -> Result<WhenAction> {
    if parser.parse_keyword(Keyword::UPDATE) {
        parser.expect_keyword(Keyword::SET)?;
        return Ok(WhenAction::Update(parser.parse_comma_separated(Parser::parse_assignment)?));
    }
    if parser.parse_keyword(Keyword::DELETE) {
        return Ok(WhenAction::Delete);
    }
    if parser.parse_keywords(&[Keyword::DO, Keyword::NOTHING]) {
        return Ok(WhenAction::Nothing);
    }
    if !parser.parse_keyword(Keyword::INSERT) {
        let found = parser.peek_token();
        return Err(super::unexpected("UPDATE, DELETE, INSERT or DO NOTHING", &found));
    }
    if parser.parse_keywords(&[Keyword::DEFAULT, Keyword::VALUES]) {
        return Ok(WhenAction::Insert { columns: Vec::new(), values: None });
    }
    let columns = parser.parse_parenthesized_column_list(IsOptional::Optional, false)?;
    parser.expect_keyword(Keyword::VALUES)?;
    parser.expect_token(&Token::LParen)?;
    let values = parser.parse_comma_separated(Parser::parse_expr)?;
    parser.expect_token(&Token::RParen)?;
    Ok(WhenAction::Insert { columns, values: Some(values) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::{Statement, parse as parse_sql};

    fn merge(sql: &str) -> Merge {
        match parse_sql(sql).unwrap() {
            Statement::Merge(merge) => *merge,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_kind_of_clause_is_read() {
        let merge = merge(
            "WITH x AS (SELECT 1 AS a) MERGE INTO t AS b USING x ON b.a = x.a
             WHEN MATCHED AND x.a > 1 THEN UPDATE SET c = 1, (d, e) = (2, DEFAULT)
             WHEN MATCHED THEN DO NOTHING
             WHEN NOT MATCHED BY TARGET THEN INSERT (a, c) VALUES (x.a, 3)
             WHEN NOT MATCHED AND x.a = 0 THEN INSERT DEFAULT VALUES
             WHEN NOT MATCHED BY SOURCE THEN DELETE RETURNING *",
        );
        let kinds: Vec<WhenKind> = merge.clauses.iter().map(|clause| clause.kind).collect();
        use WhenKind::{Matched, NotMatchedBySource, NotMatchedByTarget};
        assert_eq!(
            kinds,
            [Matched, Matched, NotMatchedByTarget, NotMatchedByTarget, NotMatchedBySource]
        );
        assert!(merge.with.is_some() && merge.returning.is_some());
    }

    #[test]
    fn an_action_must_fit_its_rows() {
        for (sql, message) in [
            ("MATCHED THEN INSERT VALUES (1)", "WHEN MATCHED does not take INSERT"),
            ("NOT MATCHED THEN DELETE", "WHEN NOT MATCHED does not take UPDATE and DELETE"),
            (
                "NOT MATCHED BY SOURCE THEN INSERT VALUES (1)",
                "WHEN NOT MATCHED BY SOURCE does not take INSERT",
            ),
        ] {
            let sql = format!("MERGE INTO t USING s ON true WHEN {sql}");
            assert_eq!(parse_sql(&sql).unwrap_err().message, message);
        }
    }
}
