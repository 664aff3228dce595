//! What every `Dir` must do, in one function that each implementation runs.
