//! What fuzz/ looks at from outside.

pub use crate::breakglass::entry as breakglass_entry;
pub use crate::wire::{Unread, read};
