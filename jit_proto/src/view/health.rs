//! How the daemon is.

use crate::time::Moment;
use serde::{Deserialize, Serialize};

/// How many of something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountView {
    /// Of what.
    pub name: String,
    /// How many.
    pub count: u64,
}

/// How many checks were answered so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckCountView {
    /// `account` or `session`.
    pub phase: String,
    /// `allowed`, `denied`, `observed` or `busy`.
    pub answer: String,
    /// How many.
    pub count: u64,
}

/// How long the answers to checks took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatencyView {
    /// The upper bounds of the buckets, in microseconds.
    pub bounds_us: Vec<u64>,
    /// How many are in each bucket alone, and last those that took longer.
    pub counts: Vec<u64>,
    /// All of them together, in microseconds.
    pub sum_us: u64,
}

/// How many grants that let somebody in are in this state and of this kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldView {
    /// `waiting` or `active`.
    pub state: String,
    /// `approved`, `self-service`, `login`, `emergency`, `repetitive` or `legacy`.
    pub kind: String,
    /// How many.
    pub count: u64,
}

/// How the daemon is. What is counted is counted since it began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricsView {
    /// Its version.
    pub version: String,
    /// Since when it runs.
    pub since: Moment,
    /// The number of the newest event of the record.
    pub head: u64,
    /// The events that were stored, by name.
    pub events: Vec<CountView>,
    /// The grants that were issued, by kind.
    pub issued: Vec<CountView>,
    /// The grants that let somebody in.
    pub grants: Vec<HeldView>,
    /// Requests that wait.
    pub pending: u64,
    /// Open sessions, by service.
    pub sessions: Vec<CountView>,
    /// The checks, by phase and answer.
    pub checks: Vec<CheckCountView>,
    /// How long they took.
    pub latency: LatencyView,
    /// Reviews that are still to come, in time.
    pub reviews_due: u64,
    /// Reviews that should have come.
    pub reviews_overdue: u64,
    /// Legacy rules that end within a month, or have ended.
    pub optouts_stale: u64,
    /// Whether there is a policy.
    pub policy_in_force: bool,
    /// Whether the policy that was read last is valid.
    pub policy_valid: bool,
    /// Since when the policy in force is.
    pub policy_since: Moment,
    /// Whether the record cannot be written.
    pub store_failing: bool,
    /// Events that are so, and not stored yet.
    pub store_waiting: u64,
    /// Acts that were refused because they could not be stored.
    pub store_refused: u64,
    /// Whether syslog takes no lines.
    pub syslog_lost: bool,
    /// Lines that wait for syslog.
    pub syslog_waiting: u64,
    /// Lines that syslog never got.
    pub syslog_undelivered: u64,
    /// Why the log of those who came in by the break-glass file cannot be read, if it cannot.
    pub breakglass_unread: Option<String>,
    /// Why there is no record at all, if there is none: it is damaged, or gone, or still being read.
    pub no_record: Option<String>,
}

/// Which jitd answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonView {
    /// Its version.
    pub version: String,
    /// The protocol that it speaks.
    pub protocol: u8,
    /// Since when it runs.
    pub since: Moment,
}
