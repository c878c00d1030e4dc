//! Waiting for facts.

use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

/// The longest that anything is waited for: a loaded machine may take its time, and what never comes fails all the same.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until something is there, and returns it.
///
/// # Panics
/// It does not come; then `what` says what was waited for.
pub fn wait_until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    wait_until_or(&|| what.to_owned(), look)
}

/// The same, where what is said depends on what has happened by then.
pub(crate) fn wait_until_or<T>(what: &dyn Fn() -> String, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "waited in vain for {}", what());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until a program ends by itself.
pub(crate) fn wait_for_exit(what: &str, child: &mut Child, patience: Duration) -> ExitStatus {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(began.elapsed() < patience, "this does not end: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
