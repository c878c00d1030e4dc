//! What the engine does for its record: it says now and then where the chain stands, finds what the state rests on, and stores all
//! that is left at a stop.

use super::batch::Flight;
use super::task::Task;
use crate::clock::Clock;
use crate::writer::{Kept, failed, fresh};
use jit_core::engine::{Otherwise, Recording};
use jit_core::event::{self, Event};
use jit_core::span::Span;
use jit_core::time::Now;
use std::time::Duration;
use tokio::sync::oneshot;

/// How often it is recorded where the chain stands.
const HEAD: Span = Span::from_secs(15 * 60);
/// After how many events it is found anew which the state rests on, and not sooner than after this time. A state that rests
/// on many takes long to start with anyway, and long to look through: then after a fourth of those.
const BASE_EVENTS: u64 = 20_000;
const BASE_SHARE: usize = 4;
const BASE_PAUSE: Span = Span::from_secs(30);
/// How long a stop waits for the disk: nobody is let in meanwhile.
const STOP: Duration = Duration::from_secs(5);

impl<C: Clock> Task<C> {
    /// What is done for the record from time to time.
    pub(super) fn keep_record(&mut self, now: Now) {
        if self.headed.boot.until(now.boot) >= HEAD {
            self.headed = now;
            let (writer, wall) = (self.writer.clone(), now.wall);
            tokio::spawn(async move { writer.head_event(wall).await });
        }
        let share = self.state.at_hand().checked_div(BASE_SHARE).and_then(|share| u64::try_from(share).ok()).unwrap_or(0);
        let grown = self.writer.head().borrow().seq.saturating_sub(self.based) >= share.max(BASE_EVENTS);
        if grown && self.base_tried.is_none_or(|tried| tried.boot.until(now.boot) >= BASE_PAUSE) {
            let (done, _) = oneshot::channel();
            self.begin_base(now, done);
        }
    }

    /// Whether the stored events make the state that is held here.
    pub(super) fn is_all_stored(&self) -> bool {
        self.flight.is_none() && self.store_fails.is_none() && !self.writer.fails()
    }

    /// Ends in good order; where the disk does not answer, without it: what was acknowledged is on it.
    pub(super) async fn stop(&mut self) {
        let now = self.clock.now();
        let counted = self.access.all();
        self.note(now, counted);
        let stopped = Event::from(event::DaemonStopped { version: env!("CARGO_PKG_VERSION").to_owned() });
        self.note(now, [stopped]);
        let mut answers = tokio::time::timeout(STOP, self.store_the_rest(now)).await.is_ok();
        if answers {
            answers = tokio::time::timeout(STOP, self.writer.close(now.wall)).await.is_ok();
        }
        if !answers {
            let why = "the disk does not answer, so jitd ends without it";
            eprintln!("jitd: {why}");
            self.writer.say_unstored(&fresh(now.wall, &failed(why)).into_iter().collect::<Vec<_>>());
            self.writer.say_unstored(self.flight.as_ref().map_or(&[], |flight| &flight.unsaid));
            self.writer.say_unstored(&self.notes);
        }
    }

    /// Records what is not yet recorded, and where the chain ends with that.
    async fn store_the_rest(&mut self, now: Now) {
        if self.flight.is_some() {
            let stored = Flight::land(&mut self.flight).await;
            self.landed(stored);
        }
        // With it goes all that waits for a full disk: nobody would know of it any more, and of a session that is open nobody
        // could end it. There is nobody left to tell if this fails; the writer says so itself.
        let last = Recording { otherwise: Otherwise::Done, reserve: true };
        let kept = self.writer.commit(self.notes.clone(), last).await;
        self.notes.clear();
        if let Ok(Ok(Kept::Stored | Kept::ByReserve)) = kept {
            self.hanging = None;
            self.store_fails = None;
        }
        self.writer.head_event(now.wall).await;
    }

    /// Only of what is stored: a state that is ahead of the record rests on events that are not there, and may have forgotten
    /// what the record still has at hand. Then whoever waits is told at once.
    pub(super) fn begin_base(&mut self, now: Now, done: oneshot::Sender<()>) {
        if !self.is_all_stored() {
            return;
        }
        self.based = self.writer.head().borrow().seq;
        self.base_tried = Some(now);
        if let Err(error) = self.writer.base(self.state.picker(), now.wall, done) {
            eprintln!("jitd: no thread is left to find what makes starts shorter: {error}");
        }
    }
}
