//! Holds the processes of sessions: knows where they are, warns who sits there, and ends them with their grant.
//!
//! The engine decides, and says what is to be done ([`Effect`]); this does it, and says what became of it.

mod aside;
mod cgroup;
mod end;
mod stranger;
mod tree;
mod watch;
mod words;

use crate::engine::Handle;
use crate::terminal::Terminal;
use aside::Aside;
use cgroup::{Cgroup, Cgroups};
use jit_core::engine::{Command, Effect, Grace, left_to_end};
use jit_core::grant::Grant;
use jit_core::id::{GrantId, SessionId};
use jit_core::session::{Bound, Process, SessionFacts, Tally};
use jit_core::state::State;
use jit_host::process::is_there;
use jit_proto::pam;
use nix::sys::inotify::WatchDescriptor;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use stranger::Stranger;
use tokio::sync::{Notify, mpsc};
use tokio::task::{JoinError, JoinSet};
use watch::Watch;

/// How often those cgroups are looked at that the kernel does not let us watch.
const SWEEP: Duration = Duration::from_secs(5);

/// How long a last line gets to reach who reads it. sshd and sudo carry it from the terminal's other side, and are asked to end
/// with all the rest: they would go with the line in their hands.
const LAST_LINE: Duration = Duration::from_millis(300);
/// How long an end waits until it is said.
const SAY: Duration = Duration::from_secs(1);

/// Of so many sessions processes are gone through at a time, and to so many something is said.
const AT_ONCE: usize = 2;
const SAID_AT_ONCE: usize = 1;

/// Something for the keeper to do.
enum Order {
    /// A session's process is in its cgroup; or on its way into it, if one is named.
    Entered(SessionId, GrantId, Cgroup, Option<Process>),
    /// What is in this cgroup of a session must end, whatever is known of it.
    End(SessionId, Cgroup),
    /// A change asks for this.
    Effect(Effect),
}

/// The way to the keeper.
#[derive(Clone)]
pub struct Keeper {
    orders: mpsc::UnboundedSender<Order>,
    cgroups: Option<Arc<Cgroups>>,
    held: Held,
}

/// The sessions that are in a cgroup, by their grants: open or not, something of them is running.
#[derive(Clone, Default)]
struct Held(Arc<Mutex<BTreeMap<GrantId, BTreeSet<SessionId>>>>);

impl Held {
    fn now(&self) -> MutexGuard<'_, BTreeMap<GrantId, BTreeSet<SessionId>>> {
        // Nothing panics while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, grant: GrantId, session: SessionId) {
        self.now().entry(grant).or_default().insert(session);
    }

    fn take(&self, grant: GrantId, session: SessionId) {
        let mut held = self.now();
        if let Some(others) = held.get_mut(&grant) {
            others.remove(&session);
            if others.is_empty() {
                held.remove(&grant);
            }
        }
    }

    fn of(&self, grant: GrantId) -> BTreeSet<SessionId> {
        self.now().get(&grant).cloned().unwrap_or_default()
    }
}

/// The keeper's own end of it.
pub struct Orders(mpsc::UnboundedReceiver<Order>);

impl Keeper {
    /// A keeper for the jitd of this state directory, and what it takes its orders from.
    #[must_use]
    pub fn new(state: &Path) -> (Self, Orders) {
        let (orders, queue) = mpsc::unbounded_channel();
        (Self { orders, cgroups: Cgroups::find(state).map(Arc::new), held: Held::default() }, Orders(queue))
    }

    /// One that has nothing to hold, for tests of what asks it.
    #[cfg(test)]
    pub(crate) fn idle() -> Self {
        Self { orders: mpsc::unbounded_channel().0, cgroups: None, held: Held::default() }
    }

    /// How surely sessions can be ended on this host.
    #[must_use]
    pub fn bound(&self) -> Bound {
        if self.cgroups.is_some() { Bound::Cgroup } else { Bound::Tree }
    }

    /// The same in a line for whoever starts jitd.
    #[must_use]
    pub fn about(&self) -> String {
        match &self.cgroups {
            Some(cgroups) => {
                format!("sessions are ended by cgroup, in folders {} below {}", cgroups.for_module().folder, cgroups.mount().display())
            }
            None => {
                "no cgroup v2 can be written here: sessions are ended by who started whom, and what detached itself survives".to_owned()
            }
        }
    }

    /// Where cgroups are written to.
    #[must_use]
    pub fn mount(&self) -> Option<&Path> {
        self.cgroups.as_deref().map(Cgroups::mount)
    }

    /// To whom the module is to hand over the cgroup of a session.
    #[must_use]
    pub fn for_module(&self) -> Option<pam::Keeper> {
        self.cgroups.as_deref().map(Cgroups::for_module)
    }

    /// Whether the kernel has this process in the cgroup of this session; then it is held there.
    #[must_use]
    pub fn enter(&self, session: SessionId, grant: GrantId, pid: u32) -> bool {
        let Some(cgroup) = self.cgroups.as_ref().and_then(|cgroups| cgroups.of_process(pid, session)) else { return false };
        self.order(Order::Entered(session, grant, cgroup, None));
        true
    }

    /// The sessions in whose cgroups a process is. None: it cannot be known.
    #[must_use]
    pub fn sessions_around(&self, pid: u32) -> Option<Vec<SessionId>> {
        match &self.cgroups {
            Some(cgroups) => cgroups.sessions_above(pid),
            None => Some(Vec::new()),
        }
    }

    /// The grants of which something is running in a cgroup, though the session may have closed.
    #[must_use]
    pub fn running(&self) -> Vec<GrantId> {
        self.held.now().keys().copied().collect()
    }

    /// Does what a change asks for.
    pub fn act(&self, effect: Effect) {
        self.order(Order::Effect(effect));
    }

    /// Takes over what there is, in the state that the record makes: a jitd before this one made sure of it. Says what is not as
    /// it should be.
    pub fn take_over(&self, state: &State, record: &Path) -> Vec<String> {
        let mut wrong = Vec::new();
        let found = self.cgroups.as_ref().map(|cgroups| cgroups.all()).unwrap_or_default();
        let ids: Vec<_> = found.iter().map(|(id, _)| *id).collect();
        for (id, cgroup) in found {
            match state.grant_of(id) {
                Some(grant) => {
                    let process = state.session(id).and_then(|session| session.facts().process);
                    // The module makes it first and moves the process then: it may be about to.
                    let coming = process.filter(|_| cgroup.is_empty());
                    self.order(Order::Entered(id, grant, cgroup, coming));
                }
                None if cgroup.is_empty() => cgroup.remove(),
                None => wrong.extend(self.take_over_stranger(id, cgroup, state, record)),
            }
        }
        left_to_end(state, &ids).into_iter().for_each(|effect| self.act(effect));
        wrong
    }

    /// A session that runs, and is not at hand. Those that closed long ago are forgotten, and what they have left running goes
    /// on with their grant; but one that is in no record is nobody's, and would end by nothing.
    fn take_over_stranger(&self, id: SessionId, cgroup: Cgroup, state: &State, record: &Path) -> Option<String> {
        match Stranger::of(id, record) {
            Stranger::Of(grant) => {
                let ends = match state.grant(grant) {
                    Some(Grant::Live(_)) => false,
                    Some(Grant::Ended(grant)) => grant.ends_its_sessions(),
                    // It is over for long, and did not end this then.
                    None => return None,
                };
                self.order(if ends { Order::End(id, cgroup) } else { Order::Entered(id, grant, cgroup, None) });
                None
            }
            Stranger::Unknown => {
                self.order(Order::End(id, cgroup));
                Some(format!("{id} runs, and its opening is not in the record: it is ended"))
            }
            Stranger::Unclear(why) => Some(format!("{id} runs, and is not at hand ({why}): it is let alone")),
        }
    }

    fn order(&self, order: Order) {
        // It is gone only when jitd is about to be.
        let _ = self.orders.send(order);
    }
}

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
type Ended = Vec<(SessionId, Tally)>;

/// What does the work.
struct Worker {
    engine: Handle,
    cgroups: Option<Arc<Cgroups>>,
    places: BTreeMap<SessionId, Place>,
    held: Held,
    watch: Option<Watch>,
    watched: HashMap<WatchDescriptor, SessionId>,
    works: JoinSet<Ended>,
    ending: BTreeSet<SessionId>,
    /// Where sessions are ended, and where something is said to them: nobody's end waits for all that is to be said.
    hands: Aside,
    voice: Aside,
}

impl Keeper {
    /// Works for ever.
    pub async fn run(self, orders: Orders, engine: Handle) {
        let Orders(mut queue) = orders;
        let (tell, mut changes) = mpsc::unbounded_channel();
        let mut worker = Worker::new(engine, self.cgroups.clone(), self.held.clone(), Watch::start(tell).ok());
        // Whoever holds the way to the engine holds this one too, so it is not kept here: the queue ends with them.
        drop(self);
        let mut sweep = tokio::time::interval(SWEEP);
        loop {
            tokio::select! {
                order = queue.recv() => match order {
                    Some(Order::Entered(session, grant, cgroup, coming)) => worker.entered(session, grant, cgroup, coming),
                    Some(Order::End(session, cgroup)) => worker.end(session, Some(cgroup), None, Grace::Some, None),
                    Some(Order::Effect(effect)) => worker.act(effect),
                    None => return,
                },
                Some(descriptor) = changes.recv() => worker.look(descriptor),
                Some(done) = worker.works.join_next() => worker.say_ended(ended(done)),
                _ = sweep.tick() => worker.look_at_unwatched(),
            }
        }
    }
}

/// What came of a work. One that panicked is ours to report: its session would be ended by nothing any more.
fn ended(done: Result<Ended, JoinError>) -> Ended {
    done.unwrap_or_else(|lost| std::panic::resume_unwind(lost.into_panic()))
}

impl Worker {
    fn new(engine: Handle, cgroups: Option<Arc<Cgroups>>, held: Held, watch: Option<Watch>) -> Self {
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

    fn entered(&mut self, session: SessionId, grant: GrantId, cgroup: Cgroup, coming: Option<Process>) {
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

    fn look(&mut self, descriptor: WatchDescriptor) {
        if let Some(session) = self.watched.get(&descriptor).copied() {
            self.look_at(session);
        }
    }

    /// The kernel gives out a limited number of watches, and none for a process that never came.
    fn look_at_unwatched(&mut self) {
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

    fn act(&mut self, effect: Effect) {
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
    fn end(
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
                let told = tokio::time::timeout(SAY, told).await.unwrap_or_default();
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

    fn say_ended(&mut self, ended: Ended) {
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
