//! What fuzz/ looks at from outside.

pub use crate::breakglass::events as breakglass_events;
pub use crate::wire::{Unread, read};
