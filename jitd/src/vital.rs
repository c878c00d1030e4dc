//! What jitd cannot be without: if one of these panics, a jitd that stays up would look well and be half of one.

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Where it is said that something vital was lost.
#[derive(Debug, Clone)]
pub struct Vital(mpsc::UnboundedSender<&'static str>);

/// What was lost.
#[derive(Debug)]
pub struct Losses(mpsc::UnboundedReceiver<&'static str>);

/// Kept by a thread or a task for as long as it works: what drops it in a panic is lost.
#[derive(Debug)]
#[must_use]
pub struct Pulse {
    what: &'static str,
    vital: Vital,
}

impl Vital {
    /// Nothing is lost yet.
    #[must_use]
    pub fn new() -> (Self, Losses) {
        let (lost, losses) = mpsc::unbounded_channel();
        (Self(lost), Losses(losses))
    }

    /// For a thread that works on this, in words for an administrator.
    pub fn pulse(&self, what: &'static str) -> Pulse {
        Pulse { what, vital: self.clone() }
    }

    /// Begins a task that works on this.
    pub fn spawn(&self, what: &'static str, work: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        let pulse = self.pulse(what);
        tokio::spawn(async move {
            let _pulse = pulse;
            work.await;
        })
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Nobody listens to it in a jitd that is ending already.
            let _ = self.vital.0.send(self.what);
        }
    }
}

impl Losses {
    /// Waits until something is lost, and says what. It never returns while all goes well.
    pub async fn next(&mut self) -> &'static str {
        match self.0.recv().await {
            Some(what) => what,
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Vital;

    #[tokio::test]
    async fn a_thread_or_a_task_that_panics_is_lost_and_one_that_ends_is_not() {
        let (vital, mut losses) = Vital::new();
        let (ended, thread) = (vital.pulse("what ends"), vital.pulse("a thread"));
        std::thread::spawn(move || drop(ended)).join().unwrap();
        assert!(losses.0.try_recv().is_err());
        let panics = std::thread::spawn(move || {
            let _pulse = thread;
            panic!("of the test's own");
        });
        assert!(panics.join().is_err());
        assert_eq!(losses.next().await, "a thread");
        let panics = vital.spawn("a task", async {
            tokio::task::yield_now().await;
            panic!("of the test's own");
        });
        assert!(panics.await.is_err());
        assert_eq!(losses.next().await, "a task");
        assert!(losses.0.try_recv().is_err());
    }
}
