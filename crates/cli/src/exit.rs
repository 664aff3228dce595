//! Exit codes, which scripts rely on.

use starfact::ErrorKind;
use std::process::ExitCode;

/// What the process reports to whoever started it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit(pub u8);

impl Exit {
    /// Every statement succeeded.
    pub const SUCCESS: Self = Self(0);
    /// A statement failed.
    pub const FAILED: Self = Self(1);
    /// The command line is wrong.
    pub const USAGE: Self = Self(2);
    /// The warehouse, or a file named on the command line, cannot be opened.
    pub const CANNOT_OPEN: Self = Self(3);
    /// The warehouse is damaged.
    pub const CORRUPT: Self = Self(4);
    /// Ended by Ctrl-C, numbered as shells number a signal.
    pub const INTERRUPTED: Self = Self(130);

    /// Ended by a signal.
    pub fn of_signal(signal: i32) -> Self {
        Self(u8::try_from(signal).map_or(u8::MAX, |signal| signal.saturating_add(128)))
    }
}

impl From<ErrorKind> for Exit {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Sql | ErrorKind::Internal => Self::FAILED,
            ErrorKind::CannotOpen => Self::CANNOT_OPEN,
            ErrorKind::Corrupt => Self::CORRUPT,
            ErrorKind::Interrupted => Self::INTERRUPTED,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_contract() {
        assert_eq!(Exit::from(ErrorKind::Sql).0, 1);
        assert_eq!(Exit::from(ErrorKind::CannotOpen).0, 3);
        assert_eq!(Exit::from(ErrorKind::Corrupt).0, 4);
        assert_eq!(Exit::from(ErrorKind::Interrupted), Exit::of_signal(2));
        assert_eq!(Exit::of_signal(15).0, 143);
    }
}
