//! Tests of `mem`.
