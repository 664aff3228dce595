//! A value that is made from the bytes of a block when it is first wanted, and then kept.

use starfact_base::Corruption;
use std::sync::OnceLock;

/// Made at most once per block, unless two threads begin at the same time: then one of two equal
/// values is dropped. A clone begins without.
#[derive(Debug)]
pub(crate) struct Lazy<T>(OnceLock<T>);

impl<T> Clone for Lazy<T> {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl<T> Default for Lazy<T> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

impl<T> Lazy<T> {
    /// The value; `make` makes it if there is none yet. An error is not kept.
    pub(crate) fn get_or_try(
        &self,
        make: impl FnOnce() -> Result<T, Corruption>,
    ) -> Result<&T, Corruption> {
        if let Some(value) = self.0.get() {
            return Ok(value);
        }
        let value = make()?;
        Ok(self.0.get_or_init(|| value))
    }
}
