//! Processes are gone through beside the thread that answers checks, and few sessions' at a time: they are as many as somebody
//! likes, in as many sessions as they like.

use std::sync::Arc;
use tokio::sync::Semaphore;

/// A place for such work.
#[derive(Debug, Clone)]
pub struct Aside(Arc<Semaphore>);

impl Aside {
    /// One where so much is done at a time; the rest waits in its turn.
    pub fn of(at_once: usize) -> Self {
        Self(Arc::new(Semaphore::new(at_once)))
    }

    /// Does something there. Once it has begun it is done, whether or not anybody waits for it still.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        // It is never closed.
        let turn = self.0.clone().acquire_owned().await;
        let work = move || {
            let _turn = turn;
            work()
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(done) => done,
            // Ours to report, as if it had been done here.
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test]
    async fn however_much_is_asked_for_so_much_is_done_at_a_time() {
        let (aside, now, most) = (Aside::of(2), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let work = || {
            let (aside, now, most) = (aside.clone(), now.clone(), most.clone());
            tokio::spawn(async move {
                aside
                    .run(move || {
                        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        std::thread::yield_now();
                        now.fetch_sub(1, Ordering::SeqCst);
                    })
                    .await;
            })
        };
        for done in (0..200).map(|_| work()).collect::<Vec<_>>() {
            done.await.unwrap();
        }
        assert!((1..=2).contains(&most.load(Ordering::SeqCst)), "{most:?}");
    }
}
