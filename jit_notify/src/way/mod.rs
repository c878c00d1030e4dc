//! The ways by which a target is told.

#[cfg(test)]
pub(crate) mod fake;
mod mail;
mod post;
mod program;

pub use mail::{Mail, is_address};
pub use post::{Post, Roots, agent};
pub use program::Program;

use crate::event::Event;
use std::fmt;
use std::time::Duration;

/// Why an event did not reach its target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failed {
    /// It may later; perhaps the target says when.
    NotNow(String, Option<Duration>),
    /// The target does not take this event.
    Refused(String),
}

impl Failed {
    /// It may reach it later.
    fn not_now(why: impl Into<String>) -> Self {
        Self::NotNow(why.into(), None)
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::NotNow(why, _) | Self::Refused(why)) = self;
        f.write_str(&jit_core::text::printable(why, 400))
    }
}

impl std::error::Error for Failed {}

/// A way by which a target is told.
#[derive(Debug)]
pub enum Way {
    /// A program that is run.
    Program(Program),
    /// An address that is posted to.
    Post(Post),
    /// Mail.
    Mail(Mail),
}

impl Way {
    /// Tells an event, once. It returns within the target's time, whatever the target does.
    ///
    /// # Errors
    /// It was not told, as far as can be known.
    pub fn tell(&self, event: &Event, host: &str) -> Result<(), Failed> {
        match self {
            Self::Program(program) => program.run(event),
            Self::Post(post) => post.send(event, host),
            Self::Mail(mail) => mail.send(event, host),
        }
    }
}
