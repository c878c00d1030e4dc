//! A jitd with a million grants, beside one with a single one.

use crate::check::{ROUNDS, await_record, check, pin_to_one_core};
use crate::contest::Contest;
use crate::daemon::Daemon;
use crate::{grants, say};
use jit_core::span::Span;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// How many.
const MANY: u32 = 1_000_000;
/// How much each may take up.
const MOST_BYTES: u64 = 400;

/// A jitd whose record has so many grants, besides the one that is checked.
fn with(place: PathBuf, grants: u32) -> (Daemon, PathBuf) {
    std::fs::create_dir_all(place.join("state")).unwrap();
    grants::record(&place.join("state/events.db"), grants, |_| Span::from_secs(6 * 3600));
    let (daemon, socket) = (Daemon::start(&place), place.join("run/pam.sock"));
    await_record(&socket);
    (daemon, socket)
}

/// Measures.
pub fn run(place: &Path) {
    pin_to_one_core();
    let (one, socket_of_one) = with(place.join("one"), 0);
    let began = Instant::now();
    let (many, socket_of_many) = with(place.join("many"), MANY);
    eprintln!("{MANY} grants came to be and were read in {:.0?}", began.elapsed());
    let at_first = many.resident_kb();
    many.settle();
    say::title(&format!("What {MANY} grants of 100,000 accounts take up"));
    let more = |kb: u64| kb.saturating_sub(one.resident_kb()) * 1024 / u64::from(MANY);
    let bytes = more(at_first);
    say::figure("more than one grant, for each", &format!("{bytes} bytes"), &say::goal("400 bytes", bytes <= MOST_BYTES));
    let settled = format!("{} bytes", more(many.resident_kb()));
    say::figure("once it is found which events they rest on, for the next start", &settled, "");

    let mut contest = Contest::new("A check over the socket");
    contest.enter("among 1 grant", || check(&socket_of_one));
    contest.enter("among 1,000,000 grants", || check(&socket_of_many));
    contest.run(ROUNDS).say(&[("among 1,000,000 grants", "among 1 grant", 1.2)]);
}
