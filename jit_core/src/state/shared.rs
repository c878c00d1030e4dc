//! What many have in common, held once.

use std::collections::HashSet;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

/// Values of which each is held once, whoever has it, and no longer than somebody has it: all are looked through once as many
/// events have passed as there were values before. So there are at most twice as many, and an event costs two looks.
pub(super) struct Shared<T> {
    values: HashSet<Arc<T>>,
    /// How many somebody had when they were looked through.
    had: usize,
    /// How many events have passed since.
    passed: usize,
}

impl<T: Eq + Hash> Shared<T> {
    /// The value that is equal to this one.
    pub(super) fn share(&mut self, value: T) -> Arc<T> {
        if let Some(known) = self.values.get(&value) {
            return Arc::clone(known);
        }
        let new = Arc::new(value);
        self.values.insert(Arc::clone(&new));
        new
    }

    /// An event has passed.
    pub(super) fn pass(&mut self) {
        self.passed = self.passed.saturating_add(1);
        if self.passed > self.had {
            self.values.retain(|value| Arc::strong_count(value) > 1);
            self.values.shrink_to(self.values.len().saturating_mul(2));
            (self.had, self.passed) = (self.values.len(), 0);
        }
    }
}

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self { values: HashSet::new(), had: 0, passed: 0 }
    }
}

/// What it holds is seen where it is held.
impl<T> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

/// It may hold what nobody has any more, so it is no part of what makes two states the same.
impl<T> PartialEq for Shared<T> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<T> Eq for Shared<T> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_one_and_what_nobody_has_any_more_goes() {
        let mut shared = Shared::default();
        let (one, again, other) = (shared.share("a".to_owned()), shared.share("a".to_owned()), shared.share("b".to_owned()));
        assert!(Arc::ptr_eq(&one, &again) && !Arc::ptr_eq(&one, &other));
        drop((again, other));
        (0..3).for_each(|_| shared.pass());
        assert_eq!(shared.values.len(), 1, "b is nobody's");
        assert!(Arc::ptr_eq(&one, &shared.share("a".to_owned())));
        (0..10_000).for_each(|number| {
            shared.share(number.to_string());
            shared.pass();
            assert!(shared.values.len() <= 4, "{}", shared.values.len());
        });
        assert_eq!(format!("{shared:?}"), "Shared { .. }");
    }

    #[test]
    fn all_are_looked_through_after_as_many_events_as_there_were_and_room_that_nobody_needs_is_given_back() {
        let mut shared = Shared::default();
        let mut held: Vec<_> = (0..1000).map(|number| shared.share(number)).collect();
        shared.pass();
        held.truncate(10);
        (0..1000).for_each(|_| shared.pass());
        assert_eq!(shared.values.len(), 1000, "not yet");
        shared.pass();
        assert!(shared.values.len() == 10 && shared.values.capacity() < 100, "{} in {}", shared.values.len(), shared.values.capacity());
    }
}
