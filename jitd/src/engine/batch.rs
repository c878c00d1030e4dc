//! A batch: commands that are handled together, stored together, and answered together.

use crate::writer::{Committed, Kept, Unstored};
use jit_core::engine::{Command, News, Recording, Reply, recording};
use jit_core::event::Event;
use jit_core::id::GrantId;
use jit_core::name::Uid;
use jit_core::policy::Policy;
use jit_core::refusal::Refusal;
use jit_core::state::State;
use jit_core::time::{Deadline, Now, WallTime};
use jit_store::Fresh;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::oneshot;

/// An answer that somebody waits for.
pub type Answer = oneshot::Sender<Result<Done, Refusal>>;

/// What was done, and how it was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Done {
    /// What was done.
    pub reply: Reply,
    /// Whether it is on disk.
    pub kept: Kept,
}

/// Something that waits to be done.
pub enum Waiting {
    /// Somebody's command.
    Asked(Command, Answer),
    /// The engine's own: time passed, a process is gone.
    Own(Command),
    /// A policy that was read, with the event that says so.
    Policy(Event, Option<Arc<Policy>>, oneshot::Sender<Result<(), Refusal>>),
}

impl Waiting {
    /// What becomes of it while the record cannot be written.
    pub fn recording(&self, state: &State, policy: Option<&Policy>, now: Now) -> Recording {
        match self {
            Self::Asked(command, _) | Self::Own(command) => recording(state, policy, command, now),
            Self::Policy(..) => Recording::STRICT,
        }
    }
}

impl Waiting {
    /// Whether nobody is at the door any more: what they would have come in by is not to be used up.
    pub fn is_given_up(&self) -> bool {
        match self {
            Self::Asked(Command::Open(_), answer) => answer.is_closed(),
            Self::Asked(..) | Self::Own(_) | Self::Policy(..) => false,
        }
    }

    /// Says no to whoever asked.
    pub fn refuse(self, why: &Unstored) {
        let refusal = why.refusal();
        match self {
            Self::Asked(_, answer) => drop(answer.send(Err(refusal))),
            Self::Policy(_, _, answer) => drop(answer.send(Err(refusal))),
            Self::Own(_) => {}
        }
    }
}

/// What is said once a batch is stored.
pub enum Then {
    /// To whoever gave the command.
    Answer(Answer, Result<Reply, Refusal>),
    /// The policy comes into force.
    Policy(Option<Arc<Policy>>, oneshot::Sender<Result<(), Refusal>>),
}

/// What is handled together.
#[derive(Default)]
pub struct Batch {
    /// For the store.
    pub fresh: Vec<Fresh>,
    /// For the state.
    pub events: Vec<(WallTime, Event)>,
    /// For those who asked.
    pub then: Vec<Then>,
    /// For those whom it is news for.
    pub news: BTreeSet<News>,
    /// The ends of grants that it moves, as they were.
    pub moved: Vec<(GrantId, Deadline)>,
}

/// A batch on its way to the disk.
pub struct Flight {
    /// Whether it is stored.
    pub stored: oneshot::Receiver<Committed>,
    /// What it makes true, if it is.
    pub events: Vec<(WallTime, Event)>,
    /// What is said then.
    pub then: Vec<Then>,
    /// What is told then.
    pub news: BTreeSet<News>,
    /// The ends of grants that it moves, as they were: who is in by one stays no longer for what is on no record.
    pub moved: Vec<(GrantId, Deadline)>,
    /// The accounts whose grants it changes: none of them comes in by what may still be taken back.
    pub in_doubt: BTreeSet<Uid>,
    /// What becomes of it if it cannot be stored.
    pub recording: Recording,
    /// When it took off.
    pub since: Now,
    /// What syslog must hear of if the disk does not answer.
    pub unsaid: Vec<Fresh>,
    /// What was done meanwhile, as the disk did not answer: it stays even if this batch does not.
    pub meanwhile: Vec<(WallTime, Event)>,
}

/// What was done though the disk did not answer.
#[derive(Debug)]
pub struct Hanging {
    /// Whether the last of it is stored: then all of it is.
    pub stored: oneshot::Receiver<Committed>,
    /// How many events it comes to.
    pub late: u64,
    /// Since when the disk does not answer.
    pub since: Now,
    /// Whether that was said.
    pub said: bool,
}

impl Flight {
    /// Waits until the batch is stored, or cannot be.
    pub async fn land(flight: &mut Option<Self>) -> Committed {
        match flight {
            Some(flight) => (&mut flight.stored).await.unwrap_or_else(|_| Err("the writer has stopped".to_owned().into())),
            None => std::future::pending().await,
        }
    }
}
