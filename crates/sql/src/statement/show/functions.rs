//! `SHOW FUNCTIONS`: the functions of the query engine, each with its kind. Other spellings that
//! are replaced before planning are not listed.

use super::{Context, table_of, texts};
use crate::error::Result;
use crate::outcome::Rows;

pub(super) fn functions(context: &Context) -> Result<Rows> {
    let state = &context.state;
    let mut all: Vec<(&String, &str)> = Vec::new();
    all.extend(state.scalar_functions().keys().map(|name| (name, "scalar")));
    all.extend(state.aggregate_functions().keys().map(|name| (name, "aggregate")));
    all.extend(state.window_functions().keys().map(|name| (name, "window")));
    all.sort_unstable();
    table_of(vec![
        ("name", texts(all.iter().map(|(name, _)| Some((*name).clone())))),
        ("kind", texts(all.iter().map(|(_, kind)| Some((*kind).to_owned())))),
    ])
}
