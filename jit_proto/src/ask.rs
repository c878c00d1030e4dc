//! Asking inside the prompt: what the module puts to jitd for somebody at the door who has no grant.
//!
//! These questions are the only ones that share a connection: it is the waiter's place, and while it is open the place
//! is taken. Each names whom it is for in full, so after a restart of jitd the next one goes on where the last one
//! stopped. A daemon of before answers them with a denial that says it does not understand; the module then denies as it
//! would have without them.

use crate::pam::Entry;
use serde::{Deserialize, Serialize};

/// Somebody who has no grant, and what they do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// Who, by which service, from where.
    pub entry: Entry,
    /// As whom, where PAM does not say it yet: sudo's `-u`, a name or `#` and a number. It is a wish, and decides nothing: the
    /// session phase does.
    pub target: Option<String>,
    /// What they do.
    pub step: Step,
}

/// A step of asking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// What may they ask for? Answer: [`Told::May`], [`Told::Waits`] if they have asked already, or [`Told::Granted`].
    Look,
    /// Ask for a grant. Answer: [`Told::Waits`], [`Told::Granted`] where nobody has to approve, or [`Told::Refused`].
    Request {
        /// Why; none: nothing was said.
        reason: Option<String>,
    },
    /// Take an emergency. Answer: [`Told::Granted`] or [`Told::Refused`].
    Emergency {
        /// Why.
        reason: String,
    },
    /// How does their request stand? Answers: [`Told::Waits`] at once and whenever something changes, then
    /// [`Told::Granted`] or [`Told::Over`]. The next question on the connection ends it.
    Wait {
        /// Its id.
        id: String,
    },
}

/// What they are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Told {
    /// This they may ask for.
    May(May),
    /// Their request waits.
    Waits(Waits),
    /// It is granted: they may come in if a check says so.
    Granted {
        /// By whom, or what follows from it, in a line.
        words: String,
    },
    /// It was not granted.
    Over {
        /// How it was decided, in a line.
        words: String,
    },
    /// It was not filed.
    Refused {
        /// Why, in a line.
        words: String,
        /// Another reason might do.
        again: bool,
    },
}

/// What somebody may ask for. One of the two is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct May {
    /// What it is about: `sudo as root`, `ssh`.
    pub what: String,
    /// By a request.
    pub request: Option<MayRequest>,
    /// By an emergency.
    pub emergency: Option<MayTake>,
}

/// What a request would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MayRequest {
    /// Who would be asked: `carol or dave`; empty: nobody has to approve.
    pub approvers: String,
    /// For how long, as people write it: `30m`.
    pub time: String,
    /// Whether a reason must be given.
    pub reason_required: bool,
    /// What the reason must be like, in words; empty: anything.
    pub reason_rule: String,
}

/// What an emergency would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MayTake {
    /// The rule's name.
    pub rule: String,
    /// For how long, as people write it.
    pub time: String,
    /// Who is told at once: `group leads`; empty: the log alone.
    pub alert: String,
    /// Who reviews it: `group security`.
    pub reviewers: String,
}

/// A request that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waits {
    /// Its id.
    pub id: String,
    /// For whom: `carol or dave`.
    pub approvers: String,
    /// Until it lapses, in seconds.
    pub left_s: u64,
}
