//! `BEGIN`, `COMMIT`, `ROLLBACK`, in all their spellings.

use super::Statement;
use datafusion::sql::sqlparser::ast::{
    Statement as SqlStatement, TransactionAccessMode, TransactionMode, TransactionModifier,
};

/// A statement that begins or ends a transaction; what is none is given back.
pub(super) fn of(statement: SqlStatement) -> Result<Statement, Box<SqlStatement>> {
    Ok(match statement {
        SqlStatement::StartTransaction { modes, modifier, statements, exception: None, .. }
            if statements.is_empty() && is_known(modifier) =>
        {
            // All isolation levels are the same one: a transaction sees one snapshot.
            let is_read_only = |mode: &TransactionMode| {
                *mode == TransactionMode::AccessMode(TransactionAccessMode::ReadOnly)
            };
            Statement::Begin { read_only: modes.iter().any(is_read_only) }
        }
        SqlStatement::Commit { chain: false, modifier: None, .. } => Statement::Commit,
        SqlStatement::Commit { chain: true, .. } => {
            Statement::Unsupported("COMMIT AND CHAIN".into())
        }
        SqlStatement::Rollback { chain: false, savepoint: None } => Statement::Rollback,
        SqlStatement::Rollback { chain: true, .. } => {
            Statement::Unsupported("ROLLBACK AND CHAIN".into())
        }
        SqlStatement::Rollback { savepoint: Some(_), .. } => {
            Statement::Unsupported("ROLLBACK TO SAVEPOINT".into())
        }
        other => return Err(Box::new(other)),
    })
}

/// SQLite's words for when a transaction begins to lock; it never does here.
fn is_known(modifier: Option<TransactionModifier>) -> bool {
    use TransactionModifier::{Deferred, Exclusive, Immediate};
    matches!(modifier, None | Some(Deferred | Immediate | Exclusive))
}

#[cfg(test)]
mod tests {
    use crate::parse::{Statement, parse};

    #[test]
    fn transactions_begin_and_end_in_many_words() {
        for sql in [
            "BEGIN",
            "BEGIN TRANSACTION",
            "BEGIN WORK",
            "BEGIN IMMEDIATE TRANSACTION",
            "START TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE",
            "BEGIN ISOLATION LEVEL SNAPSHOT",
        ] {
            let parsed = parse(sql).unwrap();
            assert!(matches!(parsed, Statement::Begin { read_only: false }), "{sql}: {parsed:?}");
        }
        for sql in ["BEGIN READ ONLY", "START TRANSACTION READ ONLY;"] {
            let parsed = parse(sql).unwrap();
            assert!(matches!(parsed, Statement::Begin { read_only: true }), "{sql}: {parsed:?}");
        }
        for sql in ["COMMIT", "COMMIT WORK", "END", "END TRANSACTION", "COMMIT AND NO CHAIN"] {
            let parsed = parse(sql).unwrap();
            assert!(matches!(parsed, Statement::Commit), "{sql}: {parsed:?}");
        }
        for sql in ["ROLLBACK", "ROLLBACK TRANSACTION", "ABORT", "ABORT WORK"] {
            let parsed = parse(sql).unwrap();
            assert!(matches!(parsed, Statement::Rollback), "{sql}: {parsed:?}");
        }
        for sql in ["COMMIT AND CHAIN", "ROLLBACK TO SAVEPOINT a", "SAVEPOINT a"] {
            let parsed = parse(sql).unwrap();
            assert!(matches!(parsed, Statement::Unsupported(_)), "{sql}: {parsed:?}");
        }
    }
}
