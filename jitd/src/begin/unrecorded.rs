//! What was said while there was no record, for the next one.

use crate::writer::{back, fresh};
use jit_core::time::Now;
use jit_store::Fresh;
use std::sync::{Arc, Mutex, PoisonError};

/// The most that is kept.
const MOST: usize = 100;

/// It is the same for all who begin in one jitd.
#[derive(Clone, Default)]
pub struct Unrecorded(Arc<Mutex<Vec<Fresh>>>);

impl Unrecorded {
    /// Keeps one more, if there is room.
    pub fn keep(&self, said: Fresh) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < MOST {
            kept.push(said);
        }
    }

    /// What was said meanwhile, and that it is over. That comes last, and with the time of now: by the newest event's a clock that
    /// was set back is known.
    ///
    /// # Errors
    /// It cannot be written down.
    pub fn take(&self, now: Now) -> Result<Vec<Fresh>, String> {
        let mut kept = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        if !kept.is_empty() {
            kept.push(fresh(now.wall, &back())?);
        }
        Ok(kept)
    }
}
