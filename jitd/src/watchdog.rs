//! The service manager's watchdog: a jitd that no longer decides is started again.

use crate::engine::Handle;
use std::time::Duration;

/// Says that jitd lives, three times in each period, as long as its engine answers: a look takes the way that each check
/// takes. Whoever waits for an engine that hangs says nothing more, and the service manager acts when the period is over.
pub async fn say_that_it_lives(engine: Handle, within: Duration) {
    let every = within.checked_div(3).unwrap_or(within);
    while engine.query(|_| ()).await.is_ok() {
        // Who is not listened to any more can do no better.
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Watchdog]);
        tokio::time::sleep(every).await;
    }
}
