//! Numbers that name things. Each is allocated in ascending order and never reused, so a stale
//! number can be absent but never mean something else.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $inner:ty) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize,
            Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(out)
            }
        }

        impl $name {
            /// The number after this one.
            pub fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }
    };
}

id!(
    /// A table of the warehouse, whatever it is called at the moment.
    TableId,
    u32
);
id!(
    /// A column of one table, visible or hidden, whatever it is called at the moment.
    ColumnId,
    u32
);
id!(
    /// An immutable run of rows of one table.
    SegmentId,
    u64
);
id!(
    /// The number of a commit; commits form one total order.
    Epoch,
    u64
);
id!(
    /// The number of a published manifest. A merge publishes a version without a new epoch.
    Version,
    u64
);
