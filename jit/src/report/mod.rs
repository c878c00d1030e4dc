//! The access review: what the events of a time come to.
//!
//! Events pass by once and are not kept. What is kept does not grow with them: live grants and open requests, sums by
//! person, and lists that are cut at a length.

pub mod csv;
pub mod facts;
mod fold;
pub mod html;
mod read;
mod timeline;
mod top;

pub use fold::Fold;

#[cfg(test)]
mod tests;

use std::ops::Range;

/// The time that is reported on, in milliseconds since 1970.
pub type Period = Range<i64>;
