//! Grants, their reviews and their sessions.

use crate::time::Moment;
use serde::{Deserialize, Serialize};

/// When and by whom a grant ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndView {
    /// When.
    pub at: Moment,
    /// Who; null: time, or its last use.
    pub by: Option<String>,
    /// With which words.
    pub note: Option<String>,
}

/// How often a grant may be used, and was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsesView {
    /// At most; null: any number.
    pub max: Option<u32>,
    /// So far.
    pub taken: u32,
}

/// The review of an emergency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewView {
    /// `due`, `overdue`, `fine` or `misuse`.
    pub state: String,
    /// Until when.
    pub due: Moment,
    /// By whom.
    pub by: Option<String>,
    /// With which words.
    pub note: Option<String>,
}

/// A grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantView {
    /// `G-...`
    pub id: String,
    /// `waiting`, `active`, `expired`, `used-up`, `dropped` or `revoked`.
    pub state: String,
    /// Whose.
    pub user: String,
    /// Whose, as a number.
    pub uid: u32,
    /// For which service.
    pub service: String,
    /// As whom.
    #[serde(rename = "as")]
    pub run_as: String,
    /// Under which rule.
    pub rule: String,
    /// `approved`, `self-service`, `login`, `emergency`, `repetitive` or `legacy`.
    pub kind: String,
    /// The request that it answers.
    pub request_id: Option<String>,
    /// Who approved it.
    pub by: Vec<String>,
    /// Why.
    pub reason: String,
    /// When it was given.
    pub issued: Moment,
    /// When its time began; null: not yet.
    pub starts: Option<Moment>,
    /// When it ends, or would have; while it waits: when it must have begun.
    pub until: Moment,
    /// How many seconds are left; 0 once it is over.
    pub left_s: u64,
    /// How often it may be used, and was.
    pub uses: UsesView,
    /// The sessions that it let in.
    pub sessions: Vec<String>,
    /// Its review, where it needs one.
    pub review: Option<ReviewView>,
    /// How it ended; null: it is live.
    pub ended: Option<EndView>,
}

/// An emergency that was taken, and what comes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenView {
    /// Its grant.
    pub grant: GrantView,
    /// Whom a line on their terminal has told.
    pub told: Vec<String>,
    /// Who must review it, in words.
    pub reviewers: String,
    /// How many are left.
    pub left: u32,
    /// Of how many.
    pub times: u32,
    /// In how long a time, in seconds.
    pub per_s: u64,
}

/// A session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionView {
    /// `S-...`
    pub id: String,
    /// `open`, `closed` or `ended`.
    pub state: String,
    /// The grant that let it in.
    pub grant_id: String,
    /// Whose.
    pub user: String,
    /// Whose, as a number.
    pub uid: u32,
    /// By which service.
    pub service: String,
    /// As whom.
    #[serde(rename = "as")]
    pub run_as: String,
    /// From which address.
    pub from: Option<String>,
    /// On which terminal.
    pub tty: Option<String>,
    /// The process that PAM ran in.
    pub pid: Option<u32>,
    /// When it was opened.
    pub opened: Moment,
    /// When its grant ends.
    pub ends: Option<Moment>,
    /// When it closed.
    pub closed: Option<Moment>,
}
