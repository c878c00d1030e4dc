//! What fuzz/ looks at from outside.
#![allow(missing_docs, reason = "for fuzz/ alone")]

pub use crate::chain::{Chain, Known, NoHead, record};
pub use crate::gate::stack::{Behind, Found, NotUnderstood, add, arguments, disorder, find, take_out};
pub use crate::show::csv;
pub use crate::show::json::event as line_of;
pub use crate::show::times::{NoTime, When};
pub use crate::verbs::verify::{Followed, event as event_of, follow_lines};
