//! The engine task: it owns the state, and everything that reads or changes it goes through it.

pub mod access;
mod batch;
mod flight;
mod policy;
mod record;
mod task;

pub use policy::By;
pub(crate) use policy::policy_event;
pub use task::{Begun, Task};

use crate::writer::Writer;
use access::Knock;
pub use batch::{Done, Hanging};
use jit_core::engine::{Admission, Command, Denial};
use jit_core::event::Event;
use jit_core::id::{DenialId, RequestId};
use jit_core::policy::Policy;
use jit_core::policy::load::Mistake;
use jit_core::refusal::Refusal;
use jit_core::request::Progress;
use jit_core::state::State;
use jit_core::subject::Entry;
use jit_core::time::{Now, WallTime};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// How many jobs may queue, of each kind, before whoever brings one waits. In unit tests few, so that some do.
const QUEUE: usize = if cfg!(test) { 2 } else { 1024 };
/// How long it is looked before a stop for what the state rests on.
const BASE: Duration = Duration::from_secs(2);
/// After so many jobs of the door in a row it is the turn of one of people's.
const IN_A_ROW: u32 = 16;

/// What is true, for whoever asks.
pub struct Snapshot<'a> {
    /// All requests, grants and sessions.
    pub state: &'a State,
    /// The policy in force.
    pub policy: Option<&'a Policy>,
    /// Why there is none, or why a newer one was refused.
    pub trouble: &'a [Mistake],
    /// Why there is no record, where there is none; then there is no policy either.
    pub no_record: Option<&'a str>,
    /// Both clocks.
    pub now: Now,
    /// Since when the policy is in force.
    pub policy_since: WallTime,
    /// Whether the last change could not be stored.
    pub store_fails: Option<&'a str>,
}

/// What a check was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Checked {
    /// May they come in?
    pub admission: Admission,
    /// The id under which a denial can be quoted.
    pub denial: DenialId,
}

/// A policy that was read, or what is wrong with it.
pub type Read = Result<(Policy, Vec<Mistake>), Vec<Mistake>>;

type Query = Box<dyn FnOnce(&Snapshot<'_>) + Send>;

/// What the engine is asked to do.
pub(crate) enum Job {
    /// May they come in?
    Check { entry: Entry, observe: bool, answer: oneshot::Sender<Checked> },
    /// Somebody was turned away before the engine was asked.
    Turned { knock: Knock, denial: Denial, observe: bool, answer: oneshot::Sender<DenialId> },
    /// Do this.
    Command { command: Command, answer: batch::Answer },
    /// Record this, which changes nothing.
    Note(Event),
    /// Look.
    Query(Query),
    /// Put this policy in force, if it is valid.
    Policy { read: Box<Read>, by: By, answer: oneshot::Sender<Result<(), Refusal>> },
    /// Say when this request has come farther than this.
    Watch { id: RequestId, seen: Progress, changed: oneshot::Sender<()> },
    /// Go on with another record, or without one.
    Adopt { begun: Box<Begun>, writer: Writer },
    /// The way to the record, and the time.
    Writer { answer: oneshot::Sender<(Writer, WallTime)> },
    /// Find which events the state rests on, and say when that is stored.
    Base { done: oneshot::Sender<()> },
    /// Record what is not yet, and end.
    Stop { done: oneshot::Sender<()> },
}

/// The way to the engine.
#[derive(Clone)]
pub struct Handle {
    jobs: mpsc::Sender<Job>,
    peoples: mpsc::Sender<Job>,
}

/// The engine's end of it. Whoever is at the door waits for none of those who only look or act: they are as many as somebody
/// likes.
pub(crate) struct Jobs {
    doors: mpsc::Receiver<Job>,
    peoples: mpsc::Receiver<Job>,
    in_a_row: u32,
}

impl Jobs {
    /// The next job. None: nobody can bring one any more. Nothing is lost when it is given up.
    pub(crate) async fn next(&mut self) -> Option<Job> {
        let (doors, peoples) = (&mut self.doors, &mut self.peoples);
        let (job, in_a_row) = if self.in_a_row < IN_A_ROW {
            tokio::select! {
                biased;
                Some(job) = doors.recv() => (job, self.in_a_row.saturating_add(1)),
                Some(job) = peoples.recv() => (job, 0),
                else => return None,
            }
        } else {
            tokio::select! {
                biased;
                Some(job) = peoples.recv() => (job, 0),
                Some(job) = doors.recv() => (job, self.in_a_row),
                else => return None,
            }
        };
        self.in_a_row = in_a_row;
        Some(job)
    }

    /// Takes no more.
    pub(crate) fn close(&mut self) {
        self.doors.close();
        self.peoples.close();
    }
}

impl Handle {
    /// A way to an engine, and the engine's end of it.
    fn new() -> (Self, Jobs) {
        Self::with_room(QUEUE)
    }

    fn with_room(most: usize) -> (Self, Jobs) {
        let ((jobs, doors), (peoples, theirs)) = (mpsc::channel(most), mpsc::channel(most));
        (Self { jobs, peoples }, Jobs { doors, peoples: theirs, in_a_row: 0 })
    }

    /// The same way for what people do: whoever is at the door goes first.
    #[must_use]
    pub(crate) fn for_people(&self) -> Self {
        Self { jobs: self.peoples.clone(), peoples: self.peoples.clone() }
    }

    async fn ask<T>(&self, job: impl FnOnce(oneshot::Sender<T>) -> Job) -> Option<T> {
        let (answer, reply) = oneshot::channel();
        self.jobs.send(job(answer)).await.ok()?;
        reply.await.ok()
    }

    /// May they come in? None: the engine is stopping.
    pub async fn check(&self, entry: Entry, observe: bool) -> Option<Checked> {
        self.ask(|answer| Job::Check { entry, observe, answer }).await
    }

    /// Records that somebody was turned away before the engine was asked; or would have been, where one only observes.
    pub async fn turned_away(&self, knock: Knock, denial: Denial, observe: bool) -> Option<DenialId> {
        self.ask(|answer| Job::Turned { knock, denial, observe, answer }).await
    }

    /// Does something; the answer comes when it is stored.
    ///
    /// # Errors
    /// A refusal, in words for whoever asked.
    pub async fn command(&self, command: Command) -> Result<Done, Refusal> {
        self.ask(|answer| Job::Command { command, answer }).await.unwrap_or(Err(Refusal::Busy))
    }

    /// Does something that is a fact whatever becomes of its record: it is done in its turn, and nobody waits until it is stored.
    pub async fn note(&self, command: Command) {
        let (answer, _) = oneshot::channel();
        // An engine that is stopping finds it out at its next start.
        let _ = self.jobs.send(Job::Command { command, answer }).await;
    }

    /// Records something that changes nothing, as soon as can be.
    pub(crate) async fn record(&self, event: Event) {
        // An engine that is stopping records only what it has done.
        let _ = self.jobs.send(Job::Note(event)).await;
    }

    /// Looks at what is true.
    ///
    /// # Errors
    /// The engine is stopping.
    pub async fn query<T: Send + 'static>(&self, look: impl FnOnce(&Snapshot<'_>) -> T + Send + 'static) -> Result<T, Refusal> {
        let query = |answer: oneshot::Sender<T>| {
            Job::Query(Box::new(move |snapshot: &Snapshot<'_>| {
                // Whoever asked may have gone.
                let _ = answer.send(look(snapshot));
            }))
        };
        self.ask(query).await.ok_or(Refusal::Busy)
    }

    /// Puts a policy in force, if it is valid; the one before stays otherwise.
    ///
    /// # Errors
    /// It could not be recorded.
    pub async fn policy(&self, read: Read, by: By) -> Result<(), Refusal> {
        self.ask(|answer| Job::Policy { read: Box::new(read), by, answer }).await.unwrap_or(Err(Refusal::Busy))
    }

    /// Waits until a request has come farther than it was seen to be: nothing is done meanwhile.
    pub async fn changed(&self, id: RequestId, seen: Progress) {
        self.ask(|changed| Job::Watch { id, seen, changed }).await;
    }

    /// The way to the record, and the time.
    pub(crate) async fn writer(&self) -> Option<(Writer, WallTime)> {
        self.ask(|answer| Job::Writer { answer }).await
    }

    /// Goes on with another record, or without one.
    pub(crate) async fn adopt(&self, begun: Begun, writer: Writer) {
        // An engine that is stopping needs none.
        let _ = self.jobs.send(Job::Adopt { begun: Box::new(begun), writer }).await;
    }

    /// Finds which events the state rests on, and waits until that is stored.
    pub async fn base(&self) {
        self.ask(|done| Job::Base { done }).await;
    }

    /// The same before a stop, for two seconds at most: the next start reads what the state rests on, and what came after.
    pub async fn make_next_start_short(&self) {
        // Without it that takes longer.
        let _ = tokio::time::timeout(BASE, self.base()).await;
    }

    /// Whether it decides nothing any more.
    #[must_use]
    pub fn has_stopped(&self) -> bool {
        self.jobs.is_closed()
    }

    /// Ends the engine, in good order.
    pub async fn stop(&self) {
        self.ask(|done| Job::Stop { done }).await;
    }
}

/// A policy as one value that can be shared.
pub(crate) fn shared(policy: Policy) -> Arc<Policy> {
    Arc::new(policy)
}

#[cfg(test)]
mod breakglass_tests;
#[cfg(test)]
mod disk_tests;
#[cfg(test)]
mod handover_tests;
#[cfg(test)]
mod tests;
