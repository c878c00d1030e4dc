//! Whoever does the work: finds sessions, tells them, and ends them.

use super::aside::Aside;
use super::cgroup::{Cgroup, Cgroups};
use super::held::Held;
use super::watch::Watch;
use super::{end, tree, words};
use crate::engine::Handle;
use crate::terminal::Terminal;
use jit_core::engine::{Command, Effect, Grace};
use jit_core::id::{GrantId, SessionId};
use jit_core::session::{Process, SessionFacts, Tally};
use jit_host::process::is_there;
use nix::sys::inotify::WatchDescriptor;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::{JoinError, JoinSet};

/// How long a last line gets to reach who reads it. sshd and sudo carry it from the terminal's other side, and are asked to end
/// with all the rest: they would go with the line in their hands.
const LAST_LINE: Duration = Duration::from_millis(300);
/// How long an end waits until it is said.
const SAY: Duration = Duration::from_secs(1);
/// The same of one that is to be at once.
const SAY_NOW: Duration = Duration::from_millis(50);

/// Of so many sessions processes are gone through at a time, and to so many something is said.
const AT_ONCE: usize = 2;
const SAID_AT_ONCE: usize = 1;

/// A session that is in a cgroup.
struct Place {
    grant: GrantId,
    cgroup: Cgroup,
    /// Told when its last process has gone.
    changed: Arc<Notify>,
    watched: Option<WatchDescriptor>,
    /// Its process, if it may be on its way in: until it is there, or gone, an empty cgroup is not a session that is over.
    coming: Option<Process>,
    /// Its process, if it closed by itself: it may be on its way out.
    leaving: Option<Process>,
}

/// What came of ending a session: it, and those inside of it. Nothing where only something was said.
pub type Ended = Vec<(SessionId, Tally)>;

/// What does the work.
pub struct Worker {
    engine: Handle,
    cgroups: Option<Arc<Cgroups>>,
    places: BTreeMap<SessionId, Place>,
    held: Held,
    watch: Option<Watch>,
    watched: HashMap<WatchDescriptor, SessionId>,
    /// What is being done.
    pub works: JoinSet<Ended>,
    ending: BTreeSet<SessionId>,
    /// Where sessions are ended, and where something is said to them: nobody's end waits for all that is to be said.
    hands: Aside,
    voice: Aside,
}

/// What came of a work. One that panicked is ours to report: its session would be ended by nothing any more.
pub fn ended(done: Result<Ended, JoinError>) -> Ended {
    done.unwrap_or_else(|lost| std::panic::resume_unwind(lost.into_panic()))
}

impl Worker {
    pub fn new(engine: Handle, cgroups: Option<Arc<Cgroups>>, held: Held, watch: Option<Watch>) -> Self {
        Self {
            engine,
            cgroups,
            places: BTreeMap::new(),
            held,
            watch,
            watched: HashMap::new(),
            works: JoinSet::new(),
            ending: BTreeSet::new(),
            hands: Aside::of(AT_ONCE),
            voice: Aside::of(SAID_AT_ONCE),
        }
    }

    pub fn entered(&mut self, session: SessionId, grant: GrantId, cgroup: Cgroup, coming: Option<Process>) {
        match self.places.get(&session) {
            // Its line ran twice.
            Some(place) if place.cgroup == cgroup => return self.look_at(session),
            // One that was made in vain, and could not be removed then, must not hide the one that is in use.
            Some(place) if !place.cgroup.is_empty() => {
                return if cgroup.is_empty() {
                    cgroup.remove()
                };
            }
            Some(_) => self.forget(session),
            None => {}
        }
        let watched = self.watch.as_ref().and_then(|watch| watch.add(&cgroup.events()));
        self.watched.extend(watched.map(|descriptor| (descriptor, session)));
        self.held.put(grant, session);
        self.places.insert(session, Place { grant, cgroup, changed: Arc::new(Notify::new()), watched, coming, leaving: None });
        // It may have ended before it was watched.
        self.look_at(session);
    }

    pub fn look(&mut self, descriptor: WatchDescriptor) {
        if let Some(session) = self.watched.get(&descriptor).copied() {
            self.look_at(session);
        }
    }

    /// The kernel gives out a limited number of watches, and none for a process that never came.
    pub fn look_at_unwatched(&mut self) {
        let unwatched = self.places.iter().filter(|(_, place)| place.watched.is_none() || place.coming.is_some());
        let unwatched: Vec<_> = unwatched.map(|(id, _)| *id).collect();
        unwatched.into_iter().for_each(|session| self.look_at(session));
    }

    /// A session of which no process is left is over.
    fn look_at(&mut self, session: SessionId) {
        let Some(place) = self.places.get_mut(&session) else { return };
        if !place.cgroup.is_empty() {
            place.coming = None;
            return;
        }
        if place.coming.is_some_and(is_there) {
            return;
        }
        place.changed.notify_waiters();
        if self.ending.contains(&session) {
            return;
        }
        place.cgroup.remove();
        self.forget(session);
        self.tell(Command::Close(session));
    }

    fn forget(&mut self, session: SessionId) {
        let Some(place) = self.places.remove(&session) else { return };
        if let Some(descriptor) = place.watched {
            self.watched.remove(&descriptor);
        }
        self.held.take(place.grant, session);
    }

    /// Tells the engine. It comes back to us at once if it asks for something.
    fn tell(&self, command: Command) {
        let engine = self.engine.clone();
        tokio::spawn(async move {
            // It is a fact, whatever becomes of the record.
            let _ = engine.command(command).await;
        });
    }

    pub fn act(&mut self, effect: Effect) {
        match effect {
            Effect::Warn { session, left, at_expiry, extendable } => {
                let line = words::warning(&session, left, at_expiry, extendable);
                self.say(session, line);
            }
            Effect::Over(session) => {
                let line = words::over(&session);
                self.say(session, line);
            }
            Effect::Closed { session, process } => {
                if let Some(place) = self.places.get_mut(&session) {
                    place.leaving = process;
                }
            }
            Effect::End { grant, sessions, because, grace } => {
                for session in sessions {
                    let (id, process, line) = (session.id, session.process, words::ended(&session, because));
                    let known = self.place_of(id);
                    self.end(id, known, process, grace, Some((session, line)));
                }
                let left = self.held.of(grant);
                for session in left {
                    let known = self.place_of(session);
                    self.end(session, known, None, grace, None);
                }
            }
        }
    }

    fn place_of(&self, session: SessionId) -> Option<Cgroup> {
        self.places.get(&session).map(|place| place.cgroup.clone())
    }

    /// Says a line where a session is seen.
    fn say(&mut self, session: SessionFacts, line: String) {
        let (known, cgroups, voice) = (self.place_of(session.id), self.cgroups.clone(), self.voice.clone());
        let say = move || {
            let cgroup = known.or_else(|| found(cgroups.as_deref(), session.id, session.process));
            say_where_it_is_seen(&session, cgroup.as_ref(), &line);
        };
        self.works.spawn(async move {
            voice.run(say).await;
            Vec::new()
        });
    }

    /// Ends what is in this cgroup of a session, or what its process has started; but first its last words are said.
    pub fn end(
        &mut self,
        session: SessionId,
        known: Option<Cgroup>,
        process: Option<Process>,
        grace: Grace,
        last_words: Option<(SessionFacts, String)>,
    ) {
        if !self.ending.insert(session) {
            return;
        }
        let place = self.places.get(&session);
        let changed = place.map(|place| place.changed.clone()).unwrap_or_default();
        let leaving = place.and_then(|place| place.leaving);
        let (cgroups, hands, voice) = (self.cgroups.clone(), self.hands.clone(), self.voice.clone());
        self.works.spawn(async move {
            let all = cgroups.clone();
            let cgroup = match known {
                Some(known) => Some(known),
                None => hands.run(move || found(all.as_deref(), session, process)).await,
            };
            if let Some((facts, line)) = last_words {
                let place = cgroup.clone();
                let told = voice.run(move || say_where_it_is_seen(&facts, place.as_ref(), &line));
                let most = match grace {
                    Grace::Some => SAY,
                    Grace::None => SAY_NOW,
                };
                let told = tokio::time::timeout(most, told).await.unwrap_or_default();
                match grace {
                    Grace::Some if told => tokio::time::sleep(LAST_LINE).await,
                    Grace::Some | Grace::None => {}
                }
            }
            // One that closed by itself goes its own way first: its exit code is its caller's.
            end::gone(leaving).await;
            let Some(cgroup) = cgroup else { return vec![(session, end::end_tree(&hands, process, grace).await)] };
            let place = cgroup.clone();
            let inner = hands.run(move || inner(cgroups.as_deref(), &place)).await;
            let tally = end::end_cgroup(&hands, &cgroup, &changed, grace).await;
            std::iter::once((session, tally)).chain(inner).collect()
        });
    }

    pub fn say_ended(&mut self, ended: Ended) {
        for (session, tally) in ended {
            self.ending.remove(&session);
            self.forget(session);
            self.tell(Command::Ended(session, tally));
        }
    }
}

/// The cgroup of a session of which none is known, if its process is in one.
fn found(cgroups: Option<&Cgroups>, session: SessionId, process: Option<Process>) -> Option<Cgroup> {
    cgroups?.of_process(process?.pid, session)
}

/// Says a line where a session is seen; answers whether that is anywhere.
fn say_where_it_is_seen(session: &SessionFacts, cgroup: Option<&Cgroup>, line: &str) -> bool {
    // They are looked for only where its own process has no terminal.
    let members = std::iter::once_with(|| match cgroup {
        Some(cgroup) => cgroup.own_processes(),
        None => session.process.map(tree::Tree::of).map(|tree| tree.alive().collect()).unwrap_or_default(),
    });
    let terminals = Terminal::of_session(session.process, members.flatten()).into_iter();
    terminals.filter(|terminal| terminal.say(session.uid, line)).count() > 0
}

/// The sessions inside of one, which end with it.
fn inner(cgroups: Option<&Cgroups>, session: &Cgroup) -> Ended {
    let inside = cgroups.map(|cgroups| cgroups.inside(session)).unwrap_or_default();
    let ended = inside.into_iter().map(|(id, cgroup)| {
        let processes = u32::try_from(cgroup.processes().len()).unwrap_or(u32::MAX);
        (id, Tally { processes, ..Tally::default() })
    });
    ended.collect()
}

#[cfg(test)]
mod tests;
