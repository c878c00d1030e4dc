//! Syslog, for more than one thread: whoever waits for the disk holds up nobody's lines.

use crate::syslog::{Syslog, Turn, Urgency};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The way to syslog, shared. Nothing that is done while it is held can block.
#[derive(Debug, Clone)]
pub struct Voice(Arc<Mutex<Shared>>);

#[derive(Debug)]
struct Shared {
    syslog: Syslog,
    /// What changed about it, in order, and is not on record yet.
    turned: Vec<Turn>,
}

impl Voice {
    /// Shares it.
    #[must_use]
    pub fn new(syslog: Syslog) -> Self {
        Self(Arc::new(Mutex::new(Shared { syslog, turned: Vec::new() })))
    }

    fn held(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at it.
    pub fn with<T>(&self, look: impl FnOnce(&Syslog) -> T) -> T {
        look(&self.held().syslog)
    }

    /// Sends a line now, or as soon as syslog takes it. What that changes about syslog is kept until somebody can record it.
    pub fn say(&self, urgency: Urgency, line: &str) {
        let Shared { syslog, turned } = &mut *self.held();
        turned.extend(syslog.send(urgency, line));
    }

    /// Gives it what waits.
    pub fn flush(&self) {
        let Shared { syslog, turned } = &mut *self.held();
        turned.extend(syslog.flush());
    }

    /// What changed about it, for whoever records it now.
    #[must_use]
    pub fn turned(&self) -> Vec<Turn> {
        std::mem::take(&mut self.held().turned)
    }

    /// Whether a change of it waits to be recorded.
    #[must_use]
    pub fn has_turned(&self) -> bool {
        !self.held().turned.is_empty()
    }
}
