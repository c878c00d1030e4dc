//! The name service, asked with a limit: it may ask the network, and a verb by which trouble is found must not wait for what makes it.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// How long is waited for all that a verb asks.
const MOMENT: Duration = Duration::from_secs(3);

/// What was found in time.
#[derive(Debug, PartialEq, Eq)]
pub struct Soon<T> {
    /// One after the other.
    pub found: Vec<T>,
    /// Whether that is all; else the name service has not answered.
    pub is_all: bool,
}

/// What this tells within a moment. What it goes on with behind that ends with the process.
pub fn soon<T: Send + 'static>(ask: impl FnOnce(&dyn Fn(T)) + Send + 'static) -> Soon<T> {
    within(MOMENT, ask)
}

fn within<T: Send + 'static>(limit: Duration, ask: impl FnOnce(&dyn Fn(T)) + Send + 'static) -> Soon<T> {
    let (tell, told) = mpsc::channel();
    // Where nobody listens any more, nobody wants to know.
    thread::spawn(move || ask(&|one| drop(tell.send(one))));
    let began = Instant::now();
    let mut found = Vec::new();
    loop {
        match told.recv_timeout(limit.saturating_sub(began.elapsed())) {
            Ok(one) => found.push(one),
            Err(RecvTimeoutError::Disconnected) => return Soon { found, is_all: true },
            Err(RecvTimeoutError::Timeout) => return Soon { found, is_all: false },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_before_somebody_did_not_answer_is_told_and_that_it_is_not_all() {
        let ended = soon(|tell| [1, 2].into_iter().for_each(tell));
        assert_eq!(ended, Soon { found: vec![1, 2], is_all: true });
        let (hold, held) = mpsc::channel::<()>();
        let late = within(Duration::from_millis(50), move |tell| {
            tell(1);
            let _ = held.recv();
            tell(2);
        });
        assert_eq!(late, Soon { found: vec![1], is_all: false });
        drop(hold);
    }
}
