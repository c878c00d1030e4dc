//! How often, and for how long, something is tried again.

use jit_core::span::Span;
use ring::rand::{SecureRandom, SystemRandom};
use std::time::Duration;

/// How often an event is offered to a target that says that it will not take it.
pub const OFFERS: u32 = 3;
/// The longest pause that a target may ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(3600);

/// The pauses between tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// The first one; each is twice as long as the one before.
    pub first: Span,
    /// The longest.
    pub most: Span,
    /// How old an event may become before it is given up.
    pub give_up: Span,
}

impl Default for Retry {
    fn default() -> Self {
        Self { first: Span::from_secs(1), most: Span::from_secs(300), give_up: Span::from_secs(86_400) }
    }
}

impl Retry {
    /// How long to wait after so many failures in a row: between half of it and all of it, so that many hosts do not
    /// come back at the same moment.
    pub fn pause(&self, failures: u32, asked: Option<Duration>) -> Duration {
        let doubled = self.first.as_millis().saturating_mul(1_u64.checked_shl(failures.saturating_sub(1)).unwrap_or(u64::MAX));
        let most = Duration::from_millis(doubled.min(self.most.as_millis()));
        let pause = most.mul_f64(0.5 + f64::from(random_byte()) / 510.0);
        pause.max(asked.unwrap_or_default().min(LONGEST_ASKED))
    }
}

fn random_byte() -> u8 {
    let mut byte = [0];
    // Without it all pauses are the shortest.
    let _ = SystemRandom::new().fill(&mut byte);
    byte[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_are_never_quite_the_same() {
        let retry = Retry { first: Span::from_secs(2), most: Span::from_secs(60), ..Retry::default() };
        for (failures, most) in [(1, 2), (2, 4), (3, 8), (6, 60), (100, 60), (u32::MAX, 60)] {
            let pause = retry.pause(failures, None).as_secs_f64();
            assert!((f64::from(most) / 2.0..=f64::from(most)).contains(&pause), "{failures}: {pause}");
        }
        let pauses: std::collections::BTreeSet<_> = (0..50).map(|_| retry.pause(9, None)).collect();
        assert!(pauses.len() > 10);
    }

    #[test]
    fn a_target_may_ask_for_a_longer_pause_but_not_for_ever() {
        let asked = |secs| Retry::default().pause(1, Some(Duration::from_secs(secs))).as_secs();
        assert_eq!(asked(30), 30);
        assert_eq!(asked(u64::MAX), 3600);
    }
}
