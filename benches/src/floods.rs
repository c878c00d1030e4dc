//! Root's checks beside a flood of the user socket from one account, on a test host.

use crate::contest::median;
use crate::host::start;
use crate::say;
use jit_tests::{Checks, FLOODS};
use std::path::Path;

/// How often each is put beside a quiet time, and how many checks that is each time.
const ROUNDS: usize = 5;
const CHECKS: usize = 2_000;
/// The goals: so many times what a check takes in a quiet time, and so much memory.
const MOST: f64 = 2.0;
const MEMORY: usize = 64 * 1024;

/// What the checks of some rounds took in the middle, and at worst.
fn said(rounds: impl Iterator<Item = Checks> + Clone) -> String {
    let (middle, longest) = (median(rounds.clone().map(|checks| checks.median as f64).collect()), rounds.map(|checks| checks.worst).max());
    format!("{middle:.0} / {} us", longest.unwrap_or_default())
}

/// Measures.
pub fn run(place: &Path) {
    let host = start(place, |host| host.user("bob", &["ops"]));
    host.grant("alice", "sudo", "carol");
    say::title("Root's checks beside a flood of the user socket from one account, each in a process of its own: median / longest");
    for way in FLOODS {
        let floods: Vec<_> = (0..ROUNDS).map(|_| host.flood(way, CHECKS)).collect();
        assert!(floods.iter().all(|flood| flood.quiet.failed + flood.beside.failed == 0), "{floods:?}");
        say::figure(&format!("{way}: before it"), &said(floods.iter().map(|flood| flood.quiet)), "");
        say::figure(&format!("{way}: beside it"), &said(floods.iter().map(|flood| flood.beside)), "");
        let ratio = median(floods.iter().map(|flood| flood.beside.median as f64 / flood.quiet.median as f64).collect());
        say::figure(
            &format!("{way}: beside it, of before it"),
            &format!("{ratio:.2} times"),
            &say::goal(&format!("{MOST} times"), ratio <= MOST),
        );
    }
    let peak = host.peak();
    say::figure("the most memory of jitd", &format!("{} MB", peak / 1024), &say::goal("64 MB", peak <= MEMORY));
}
