//! Why a cube does not answer an aggregation, in words and by codes that stay.

use crate::star::Refused;
use std::fmt;

/// The note that a cube answers.
pub(crate) fn used_note(cube: &str) -> String {
    format!("cube {cube}: used")
}

/// The cube that a note says answers.
pub(crate) fn used_cube(note: &str) -> Option<&str> {
    note.strip_prefix("cube ")?.strip_suffix(": used")
}

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The aggregation is not over a star block.
    Shape(Refused),
    OtherFact,
    /// Rows of the cube are lost for the lack of one in a table that the query does not join.
    CubeJoin(String),
    /// The same the other way round, or joins of other kinds.
    QueryJoin(String),
    /// The cube leaves out rows that the query asks for.
    CubeFilter(String),
    MissingKey(String),
    Filter(String),
    Aggregate(String),
    Cost,
    AsOf,
    Quarantined,
}

impl Reason {
    /// Its code.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Shape(refused) => refused.code(),
            Self::OtherFact => "other-fact",
            Self::CubeJoin(_) | Self::QueryJoin(_) => "join-not-lossless",
            Self::CubeFilter(_) => "cube-filter",
            Self::MissingKey(_) => "missing-key",
            Self::Filter(_) => "filter-not-derivable",
            Self::Aggregate(_) => "aggregate-not-derivable",
            Self::Cost => "cost",
            Self::AsOf => "as-of",
            Self::Quarantined => "quarantined",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: ", self.code())?;
        match self {
            Self::Shape(refused) => write!(out, "{}", refused.words()),
            Self::OtherFact => write!(out, "it is made of another fact"),
            Self::CubeJoin(table) => {
                write!(
                    out,
                    "it has no rows without one in \"{table}\", which the query does not join"
                )
            }
            Self::QueryJoin(table) => {
                write!(out, "it has rows without one in \"{table}\", or the query has")
            }
            Self::CubeFilter(condition) => {
                write!(out, "it has only rows with {condition}, which the query does not ask for")
            }
            Self::MissingKey(key) => write!(out, "{key} does not follow from its keys"),
            Self::Filter(condition) => write!(out, "{condition} does not follow from its keys"),
            Self::Aggregate(function) => {
                write!(out, "{function} does not follow from its columns")
            }
            Self::Cost => write!(out, "its cells take longer to read than the fact"),
            Self::AsOf => write!(out, "the query reads an older epoch"),
            Self::Quarantined => write!(out, "it gave a wrong answer, see sys.audit"),
        }
    }
}
