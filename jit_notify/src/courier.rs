//! One target is told of events, in order, each until it was told or is given up.

use crate::cursor::{Cursor, Place};
use crate::event::Event;
use crate::jitd::{Following, Lost};
use crate::retry::OFFERS;
use crate::service::{Service, say};
use crate::settings::Target;
use crate::way::Failed;
use jit_core::time::WallTime;
use jit_proto::view::EventView;
use std::sync::Arc;
use std::time::Duration;

/// How long to wait before jitd is looked for again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How long to wait when it refuses: somebody has to change its policy.
const ASK_AGAIN: Duration = Duration::from_secs(10);
/// How long to wait when the disk does not take what was done.
const DISK: Duration = Duration::from_secs(5);

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
enum Then {
    GoOn,
    Stop,
}

/// Whoever tells one target.
pub struct Courier {
    service: Arc<Service>,
    target: Target,
    cursor: Cursor,
    /// How often it failed since it last succeeded, and the words of the last time.
    failures: u32,
    last: String,
}

impl Courier {
    /// For this target, from this place on.
    pub fn new(service: Arc<Service>, target: Target, cursor: Cursor) -> Self {
        Self { service, target, cursor, failures: 0, last: String::new() }
    }

    /// Works until the service stops.
    pub fn run(mut self) {
        loop {
            let pause = match self.follow() {
                Ok(Then::Stop) => return,
                // The target was slow, and the connection given up meanwhile.
                Ok(Then::GoOn) => continue,
                Err(lost) => {
                    let pause = if matches!(lost, Lost::Refused(_)) { ASK_AGAIN } else { LOOK_AGAIN };
                    self.service.lost(&lost);
                    pause
                }
            };
            if self.service.pause(pause) == Then::Stop {
                return;
            }
        }
    }

    /// Takes events as they come. The one that was dealt with last comes first, to see that the record is still the same.
    fn follow(&mut self) -> Result<Then, Lost> {
        let after = self.cursor.place().map(|place| place.seq.saturating_sub(1));
        let mut line = Some(self.service.jitd.follow(after)?);
        let mut compared = false;
        while let Some(following) = &line {
            let events = following.next()?;
            self.service.found();
            for view in &events {
                if self.take(view, &mut compared, &mut line) == Then::Stop {
                    return Ok(Then::Stop);
                }
            }
        }
        Ok(Then::GoOn)
    }

    fn take(&mut self, view: &EventView, compared: &mut bool, line: &mut Option<Following>) -> Then {
        let Some(event) = Event::read(view) else {
            say(&format!("event {} makes no sense; nobody is told of it", view.seq));
            self.cursor.pass(Place { seq: view.seq, hash: view.hash.clone() });
            return Then::GoOn;
        };
        if !std::mem::replace(compared, true) && self.is_behind(&event) {
            return match self.cursor.place() {
                Some(place) if *place == Place::of(&event) => Then::GoOn,
                Some(_) | None => self.settle(&event),
            };
        }
        self.say_archived(&event);
        if self.target.filter.wants(&self.target.name, &event) {
            return self.tell(&event, line);
        }
        self.cursor.pass(Place::of(&event));
        Then::GoOn
    }

    /// Whether the first event that came is one of which the target is not told: it was, or the record is another one.
    fn is_behind(&self, event: &Event) -> bool {
        let name = &self.target.name;
        let Some(place) = self.cursor.place() else { return true };
        if event.seq > place.seq {
            return false;
        }
        if *place != Place::of(event) {
            say(&format!("{name}: the record is another one than before; it is told what happens from now on (event {})", event.seq));
        }
        true
    }

    /// Says where events are missing before this one: what was archived is not told, but never passed over in silence. What
    /// the state still rested on was kept, so there may be several such places.
    fn say_archived(&self, event: &Event) {
        let Some(next) = self.cursor.place().map(|place| place.seq.saturating_add(1)).filter(|next| *next < event.seq) else { return };
        let last = event.seq.saturating_sub(1);
        say(&format!("{}: events {next} to {last} were archived before it was told of them", self.target.name));
    }

    /// Tells an event until it was told, or is given up.
    fn tell(&mut self, event: &Event, line: &mut Option<Following>) -> Then {
        let mut refused = 0_u32;
        // While it fails, what is too old is not even tried: else the newest would wait for each of the oldest.
        if self.failures > 0 && self.is_too_old(event) {
            return self.give_up(event);
        }
        let service = self.service.clone();
        loop {
            let Some(busy) = service.begin() else { return Then::Stop };
            let failed = match self.target.way.tell(event, &self.service.host) {
                Ok(()) => {
                    self.recovered();
                    return self.settle(event);
                }
                Err(failed) => failed,
            };
            self.failed(event, &failed);
            let asked = match failed {
                Failed::NotNow(_, asked) => asked,
                Failed::Refused(_) => {
                    refused = refused.saturating_add(1);
                    None
                }
            };
            if refused >= OFFERS || self.is_too_old(event) {
                let given_up = self.give_up(event);
                // It refuses this one; of the next it has not said so.
                self.failures = if refused >= OFFERS { 0 } else { self.failures };
                return given_up;
            }
            drop(busy);
            // jitd need not wait for us, nor keep a connection: the record is the queue.
            *line = None;
            if self.service.pause(self.target.retry.pause(self.failures, asked)) == Then::Stop {
                return Then::Stop;
            }
        }
    }

    fn is_too_old(&self, event: &Event) -> bool {
        event.at.until(now()) >= self.target.retry.give_up
    }

    fn failed(&mut self, event: &Event, failed: &Failed) {
        self.failures = self.failures.saturating_add(1);
        let words = failed.to_string();
        if words != self.last {
            say(&format!("{}: event {} ({}) was not told: {words}; it is tried again", self.target.name, event.seq, event.name));
            self.last = words;
        }
    }

    fn recovered(&mut self) {
        if self.failures > 0 {
            say(&format!("{}: it can be told again, after {} tries in vain", self.target.name, self.failures));
        }
        self.failures = 0;
        self.last.clear();
    }

    /// The target will not be told this event. That is on record before it is forgotten.
    fn give_up(&mut self, event: &Event) -> Then {
        let name = &self.target.name;
        say(&format!("{name}: event {} ({}) is given up: {}", event.seq, event.name, self.last));
        // Not of these: two targets that fail would tell each other so for ever.
        if event.name != "notify.failed" {
            let service = self.service.clone();
            let kept = service.until_written("what could not be told", || service.give_up(&self.target.name, event.seq, &self.last));
            if kept == Then::Stop {
                return Then::Stop;
            }
        }
        self.settle(event)
    }

    /// Writes down that this event is dealt with. Until that is done nothing else is told: it would come twice.
    fn settle(&mut self, event: &Event) -> Then {
        let service = self.service.clone();
        let what = format!("{}: its place", self.target.name);
        service.until_written(&what, || self.cursor.settle(Place::of(event)))
    }
}

impl Service {
    /// Waits, unless the service stops.
    fn pause(&self, time: Duration) -> Then {
        if self.rest(time) { Then::GoOn } else { Then::Stop }
    }

    /// Writes something down, however long the disk takes to be well again; says once that it is not, and once that it is.
    fn until_written(&self, what: &str, mut write: impl FnMut() -> std::io::Result<()>) -> Then {
        let mut why = String::new();
        while let Err(error) = write() {
            if error.to_string() != why {
                why = error.to_string();
                say(&format!("{what} cannot be written down, and until it is nothing more is told: {why}"));
            }
            if self.pause(DISK) == Then::Stop {
                return Then::Stop;
            }
        }
        if !why.is_empty() {
            say(&format!("{what} can be written down again"));
        }
        Then::GoOn
    }
}

fn now() -> WallTime {
    WallTime::from_millis(chrono::Utc::now().timestamp_millis())
}
