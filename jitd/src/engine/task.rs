//! The loop: take a job, notice the time, store what changed, answer.
//!
//! One batch is on its way to the disk at a time. Checks are answered meanwhile from what is true, but not
//! those of an account whose grants the batch changes: they wait until it is stored, or taken back.

use super::access::{AccessLog, Knock, Told};
use super::batch::{Flight, Hanging, Waiting};
use super::flight::{HANGS, PATIENCE, refuse};
use super::policy::policy_event;
use super::{By, Checked, Handle, Job, Jobs, Read, Snapshot, shared};
use crate::clock::{Clock, KernelEntropy};
use crate::keeper::Keeper;
use crate::notices::Notices;
use crate::settings::RecordChecks;
use crate::writer::{Kept, Writer, fresh};
use jit_core::engine::{self, Admission, Command, Denial, Otherwise, Recording, Why, has_ruleless, has_stale};
use jit_core::event::Event;
use jit_core::id::RequestId;
use jit_core::policy::Policy;
use jit_core::policy::load::Mistake;
use jit_core::refusal::Refusal;
use jit_core::request::{Progress, Request};
use jit_core::span::Span;
use jit_core::state::State;
use jit_core::subject::Entry;
use jit_core::time::{Now, STEP_MS, WallTime};
use jit_store::Fresh;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// The longest pause: a suspended machine, or a clock that was set, is noticed within it.
const PAUSE: Duration = Duration::from_secs(1);
/// How long checks are gathered before they are recorded.
pub(super) const GATHER: Span = Span::from_millis(40);
/// How often it is looked whether the processes of sessions are still there.
const SWEEP: Span = Span::from_secs(10);
/// How soon it is tried again, on a store that fails, to notice that time has passed.
const BACK_OFF: Span = Span::from_secs(1);
/// The most commands in a batch.
pub(super) const MOST_IN_BATCH: usize = 256;

/// A check that waits for a batch.
pub(super) struct Held {
    pub(super) entry: Entry,
    pub(super) observe: bool,
    pub(super) answer: oneshot::Sender<Checked>,
}

/// What the engine begins with.
#[derive(Debug)]
pub struct Begun {
    /// The fold of all stored events.
    pub state: State,
    /// The policy in force, if it is valid.
    pub policy: Option<Policy>,
    /// What is wrong with it otherwise.
    pub trouble: Vec<Mistake>,
    /// When checks are recorded.
    pub record: RecordChecks,
    /// The last event of the base from which the state was read; 0 without one.
    pub based: u64,
    /// Why there is no record, where there is none: then nobody is let in.
    pub no_record: Option<String>,
    /// The first events, where the disk has not answered about them.
    pub hanging: Option<Hanging>,
}

impl Begun {
    /// Why the record cannot be written, if it cannot.
    fn store_fails(&self) -> Option<String> {
        self.no_record.clone().or_else(|| self.hanging.is_some().then(|| HANGS.to_owned()))
    }
}

/// The engine.
pub struct Task<C> {
    pub(super) clock: C,
    pub(super) writer: Writer,
    pub(super) keeper: Keeper,
    pub(super) notices: Notices,
    jobs: Jobs,
    pub(super) state: State,
    pub(super) policy: Option<Arc<Policy>>,
    pub(super) policy_since: WallTime,
    trouble: Vec<Mistake>,
    record: RecordChecks,
    pub(super) waiting: VecDeque<Waiting>,
    pub(super) flight: Option<Flight>,
    pub(super) held: Vec<Held>,
    /// The last of what was done though the disk did not answer: whether it does now.
    pub(super) hanging: Option<Hanging>,
    pub(super) access: AccessLog,
    pub(super) notes: Vec<Fresh>,
    /// When the first of the notes was made.
    pub(super) noted: Now,
    /// Who waits for a request, and how far it had come when they looked.
    pub(super) watchers: BTreeMap<RequestId, Vec<(Progress, oneshot::Sender<()>)>>,
    drift: i64,
    last: Now,
    swept: Now,
    counted: Now,
    /// When it was last noticed that time has passed.
    ticked: Option<Now>,
    pub(super) store_fails: Option<String>,
    pub(super) no_record: Option<String>,
    pub(super) headed: Now,
    /// The last event of the base, and when it was last looked for.
    pub(super) based: u64,
    pub(super) base_tried: Option<Now>,
    /// Who waits for one that is made once the batch on its way has landed.
    pub(super) base_wanted: Vec<oneshot::Sender<()>>,
}

impl<C: Clock> Task<C> {
    /// An engine that goes on from there, and the way to it. It works once it is run.
    #[must_use]
    pub fn new(clock: C, writer: Writer, keeper: Keeper, begun: Begun) -> (Handle, Self) {
        let (handle, jobs) = Handle::new();
        let now = clock.now();
        let (drift, store_fails) = (drift_of(&begun.state, now), begun.store_fails());
        let task = Self {
            clock,
            writer,
            keeper,
            notices: Notices::new().0,
            jobs,
            state: begun.state,
            policy: begun.policy.map(shared),
            policy_since: now.wall,
            trouble: begun.trouble,
            record: begun.record,
            waiting: VecDeque::new(),
            flight: None,
            held: Vec::new(),
            hanging: begun.hanging,
            access: AccessLog::new(begun.record),
            notes: Vec::new(),
            noted: now,
            watchers: BTreeMap::new(),
            drift,
            last: now,
            swept: now,
            counted: now,
            ticked: None,
            store_fails,
            no_record: begun.no_record,
            headed: now,
            based: begun.based,
            // A jitd that keeps dying needs short starts most.
            base_tried: None,
            base_wanted: Vec::new(),
        };
        (handle, task)
    }

    /// The same, and it says there what is news.
    #[must_use]
    pub(crate) fn telling(self, notices: Notices) -> Self {
        Self { notices, ..self }
    }

    /// Works until it is stopped.
    pub async fn run(mut self) {
        self.hold_sessions();
        loop {
            self.turn();
            let pause = self.pause();
            tokio::select! {
                job = self.jobs.next() => match job {
                    None => break,
                    Some(Job::Stop { done }) => {
                        self.jobs.close();
                        self.stop().await;
                        // Whoever stops us may not wait for it.
                        let _ = done.send(());
                        break;
                    }
                    Some(job) => self.take(job),
                },
                stored = Flight::land(&mut self.flight) => self.landed(stored),
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// What is due now, whatever else happens.
    fn turn(&mut self) {
        let now = self.clock.now();
        self.notice_step(now);
        // Whatever else fails to be stored meanwhile: that is as often as somebody likes.
        let retry = self.store_fails.is_none() || self.ticked.is_none_or(|at| at.boot.until(now.boot) >= BACK_OFF);
        let ended = self.state.next_deadline_in(now) == Some(Span::from_millis(0));
        let due = ended || has_stale(&self.state, self.policy.as_deref(), now);
        let hanging = self.is_hanging();
        if due && (retry || hanging) && (self.flight.is_none() || self.is_late(now)) {
            self.ticked = Some(now);
            self.waiting.push_back(Waiting::Own(Command::Tick(self.keeper.running())));
        }
        if self.swept.boot.until(now.boot) >= SWEEP {
            self.swept = now;
            self.close_dead_sessions();
            let running = self.keeper.running();
            if has_ruleless(&self.state, self.policy.as_deref(), &running, now.wall) {
                self.waiting.push_back(Waiting::Own(Command::Tick(running)));
            }
        }
        if self.counted.boot.until(now.boot) >= Span::from_secs(1) {
            self.counted = now;
            let counted = self.access.finished(now);
            self.note(now, counted);
            self.writer.catch_up(now.wall);
            self.say_hanging(now);
            if self.no_record.is_none() && !self.writer.fails() && !hanging {
                self.store_fails = None;
            }
            self.keep_record(now);
        }
        self.last = now;
        if self.flight.is_none() {
            for done in std::mem::take(&mut self.base_wanted) {
                self.begin_base(now, done);
            }
        }
        self.take_off(now);
    }

    fn pause(&self) -> Duration {
        let next = self.state.next_deadline_in(self.last).map_or(PAUSE, |span| Duration::from_millis(span.as_millis()));
        let next = if self.store_fails.is_some() { PAUSE } else { next };
        let waits = !self.waiting.is_empty() || self.flight.as_ref().is_some_and(|flight| flight.recording.otherwise == Otherwise::Done);
        let most = match (self.notes.is_empty(), waits) {
            (false, _) => Duration::from_millis(GATHER.as_millis()),
            (true, true) => Duration::from_millis(PATIENCE.as_millis()),
            (true, false) => PAUSE,
        };
        // Never zero: a deadline that has passed is handled in the turn, or waits for a batch to land.
        next.clamp(Duration::from_millis(1), most)
    }

    /// The wall clock was set if it went another way than the boot clock.
    fn notice_step(&mut self, now: Now) {
        let drift = now.drift_ms();
        let by_ms = drift.saturating_sub(self.drift);
        if by_ms.abs() >= STEP_MS {
            self.waiting.push_front(Waiting::Own(Command::Stepped(by_ms)));
            self.drift = drift;
        }
    }

    /// Takes over the sessions that run, as the record has them; without one nobody's can be told.
    fn hold_sessions(&mut self) {
        if self.no_record.is_none() {
            let wrong = self.keeper.take_over(&self.state, self.writer.store());
            wrong.iter().for_each(|failed| eprintln!("jitd: {}", failed.why));
            self.note(self.clock.now(), wrong.into_iter().map(Event::from));
            self.close_dead_sessions();
        }
    }

    /// Not of one whose opening may still be refused: with it the last use of a grant would be over that nobody had.
    fn close_dead_sessions(&mut self) {
        self.settled(|task| {
            let gone =
                task.state.open_sessions().filter(|session| session.process.is_some_and(|process| !jit_host::process::is_there(process)));
            task.waiting.extend(gone.map(|session| Waiting::Own(Command::Close(session.id))));
        });
    }

    pub(super) fn take(&mut self, job: Job) {
        match job {
            Job::Check { entry, observe, answer } => self.check(entry, observe, answer),
            Job::Turned { knock, denial, observe, answer } => {
                let now = self.clock.now();
                let told = if observe { Told::Observed(Err(denial)) } else { Told::Denied(denial) };
                let (id, event) = self.access.note(knock, told, now, &mut KernelEntropy);
                self.answer(now, event, id, answer);
            }
            Job::Command { command, answer } => self.waiting.push_back(Waiting::Asked(command, answer)),
            Job::Note(event) => self.note(self.clock.now(), [event]),
            Job::Query(look) => self.settled(|task| look(&task.snapshot())),
            Job::Policy { read, by, answer } => self.read_policy(*read, by, answer),
            Job::Watch { id, seen, changed } => match self.settled(|task| task.state.request(id).map(Request::progress)) {
                Some(progress) if progress == seen => {
                    let watchers = self.watchers.entry(id).or_default();
                    // Who has hung up is not kept until something changes: that may be never.
                    watchers.retain(|(_, watcher)| !watcher.is_closed());
                    watchers.push((seen, changed));
                }
                Some(_) | None => drop(changed.send(())),
            },
            Job::Writer { answer } => drop(answer.send((self.writer.clone(), self.clock.now().wall))),
            Job::Base { done } => self.base_wanted.push(done),
            Job::Adopt { begun, writer } => self.adopt(*begun, writer),
            // Handled where the loop can end.
            Job::Stop { done } => drop(done),
        }
    }

    /// Goes on with another record, or without one; what waits is answered by it.
    fn adopt(&mut self, begun: Begun, writer: Writer) {
        for then in self.flight.take().into_iter().flat_map(|flight| flight.then) {
            refuse(then, &"the record was changed for another one".to_owned().into());
        }
        let now = self.clock.now();
        self.writer = writer;
        self.store_fails = begun.store_fails();
        self.state = begun.state;
        self.policy = begun.policy.map(shared);
        self.policy_since = now.wall;
        self.trouble = begun.trouble;
        self.no_record = begun.no_record;
        self.based = begun.based;
        self.drift = drift_of(&self.state, now);
        self.hanging = begun.hanging;
        self.hold_sessions();
        self.check_held();
    }

    fn snapshot(&self) -> Snapshot<'_> {
        Snapshot {
            state: &self.state,
            policy: self.policy.as_deref(),
            trouble: &self.trouble,
            no_record: self.no_record.as_deref(),
            now: self.clock.now(),
            policy_since: self.policy_since,
            store_fails: self.store_fails.as_deref(),
        }
    }

    pub(super) fn check(&mut self, entry: Entry, observe: bool, answer: oneshot::Sender<Checked>) {
        if self.is_in_doubt(entry.subject.uid) {
            // Whose connection was told that the daemon is busy need not wait.
            self.held.retain(|held| !held.answer.is_closed());
            self.held.push(Held { entry, observe, answer });
            return;
        }
        let now = self.clock.now();
        let admission = match self.no_record {
            None => engine::check(&self.state, self.policy.as_deref(), &entry, now),
            Some(_) => Admission::Denied(Denial::plain(Why::NotRecorded)),
        };
        let told = match (observe, &admission) {
            (true, Admission::Denied(denial)) => Told::Observed(Err(denial.clone())),
            (true, Admission::Grant(_) | Admission::Rule(_)) => Told::Observed(Ok(())),
            (false, Admission::Denied(denial)) => Told::Denied(denial.clone()),
            (false, Admission::Grant(_) | Admission::Rule(_)) => Told::Allowed(admission.clone()),
        };
        let (denial, event) = self.access.note(Knock::from(&entry), told, now, &mut KernelEntropy);
        self.answer(now, event, Checked { admission, denial }, answer);
    }

    /// Answers a check: where that is asked for, once it is on disk. One that cannot be stored gets no answer of ours, and
    /// its connection says that the daemon is busy.
    fn answer<T: Send + 'static>(&mut self, now: Now, event: Option<Event>, reply: T, answer: oneshot::Sender<T>) {
        match self.record {
            RecordChecks::Grouped => {
                self.note(now, event);
                // Whoever knocked may have gone.
                let _ = answer.send(reply);
            }
            RecordChecks::BeforeAnswer => {
                let batch = event.and_then(|event| fresh(now.wall, &event).ok());
                let stored = self.writer.commit(batch.into_iter().collect(), Recording::STRICT);
                tokio::spawn(async move {
                    if let Ok(Ok(Kept::Stored | Kept::ByReserve)) = stored.await {
                        let _ = answer.send(reply);
                    }
                });
            }
        }
    }

    /// Keeps events that nobody waits for, until they are stored together.
    pub(super) fn note(&mut self, now: Now, events: impl IntoIterator<Item = Event>) {
        if self.notes.is_empty() {
            self.noted = now;
        }
        self.notes.extend(events.into_iter().filter_map(|event| fresh(now.wall, &event).ok()));
        if self.notes.len() >= MOST_IN_BATCH {
            self.send_notes();
        }
    }

    /// Sends them to the disk; where that does not answer, syslog hears of them now.
    pub(super) fn send_notes(&mut self) {
        let notes = std::mem::take(&mut self.notes);
        if notes.is_empty() {
            return;
        }
        if self.hanging.is_some() {
            self.writer.say_unstored(&notes);
        }
        self.writer.note(notes);
    }

    fn read_policy(&mut self, read: Read, by: By, answer: oneshot::Sender<Result<(), Refusal>>) {
        let (event, policy) = policy_event(&read, &by, self.policy.as_deref(), &self.state);
        self.trouble = match read {
            Ok((_, _)) => Vec::new(),
            Err(mistakes) => mistakes,
        };
        self.waiting.push_back(Waiting::Policy(event, policy.map(shared), answer));
    }

    /// Whether somebody waits for a request: they hear what becomes of it.
    pub(super) fn is_waited_for(&self, id: RequestId) -> bool {
        self.watchers.get(&id).is_some_and(|watchers| watchers.iter().any(|(_, watcher)| !watcher.is_closed()))
    }

    pub(super) fn tell_watchers(&mut self) {
        let state = &self.state;
        self.watchers.retain(|id, watchers| {
            let progress = state.request(*id).map(Request::progress);
            for (_, watcher) in watchers.extract_if(.., |(seen, watcher)| progress != Some(*seen) || watcher.is_closed()) {
                // Whoever waited may have gone.
                let _ = watcher.send(());
            }
            !watchers.is_empty()
        });
    }
}

/// How far apart the clocks were when the deadlines of this state were reckoned: whoever has set one since, even a moment ago,
/// is noticed.
fn drift_of(state: &State, now: Now) -> i64 {
    state.drift_ms().unwrap_or(now.drift_ms())
}
