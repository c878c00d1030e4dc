//! What people are shown: the objects of the JSON output, key by key.
//!
//! The same structs go over the wire, where their names do not matter and times are numbers.

use crate::time::Moment;
use serde::{Deserialize, Serialize};

/// One approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalView {
    /// Who.
    pub by: String,
    /// Who, as a number.
    pub uid: u32,
    /// When.
    pub at: Moment,
    /// With which words.
    pub note: Option<String>,
}

/// A stage of an approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageView {
    /// Who may: `group:leads`.
    pub by: Vec<String>,
    /// How many must.
    pub count: u32,
    /// Who has.
    pub approved: Vec<ApprovalView>,
}

/// Who ended or decided something, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionView {
    /// Who; null: time.
    pub by: Option<String>,
    /// When.
    pub at: Moment,
    /// With which words.
    pub note: Option<String>,
}

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

/// A request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestView {
    /// `R-...`
    pub id: String,
    /// `pending`, `granted`, `denied`, `cancelled` or `lapsed`.
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
    /// Why.
    pub reason: String,
    /// Under which rule.
    pub rule: String,
    /// For how long, in seconds.
    pub for_s: u64,
    /// For how many sessions; null: any number.
    pub uses: Option<u32>,
    /// From when on; null: at once.
    pub start: Option<Moment>,
    /// From which address it was asked for; null: not known.
    pub from: Option<String>,
    /// When it was made.
    pub submitted: Moment,
    /// When it lapses, or would have.
    pub lapses: Moment,
    /// Its stages, with the approvals so far.
    pub stages: Vec<StageView>,
    /// Who may approve now: names where they are known, else `group:leads`.
    pub approvers: Vec<String>,
    /// How it was decided; null: it is pending.
    pub decided: Option<DecisionView>,
    /// The grant that it became.
    pub grant_id: Option<String>,
    /// The grant that it would extend.
    pub extends: Option<String>,
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

/// A denial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DenialView {
    /// `D-...`
    pub id: String,
    /// When it was first said.
    pub at: Moment,
    /// To whom.
    pub user: String,
    /// To whom, as a number; null: there is no such account.
    pub uid: Option<u32>,
    /// At which service.
    pub service: String,
    /// As whom, where it was known.
    #[serde(rename = "as")]
    pub run_as: Option<String>,
    /// From which address.
    pub from: Option<String>,
    /// `account` or `session`.
    pub phase: String,
    /// Why.
    pub why: String,
    /// The rule under which one could ask.
    pub rule: Option<String>,
    /// What to do.
    pub ask: Option<String>,
}

/// Where the record begins, when older events were archived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointView {
    /// The last event of the archived part.
    pub upto: u64,
    /// Its hash.
    pub hash: String,
    /// How many events of that part were kept.
    pub kept: u64,
    /// The SHA-256 of their hashes, one after the other.
    pub kept_digest: String,
}

/// An event of the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventView {
    /// Its number.
    pub seq: u64,
    /// When, with milliseconds.
    pub at: String,
    /// Its name.
    pub event: String,
    /// Its data: a JSON object, byte by byte as it is stored and hashed.
    pub data: String,
    /// The hash of the one before, in hex.
    pub prev: String,
    /// Its own hash, in hex.
    pub hash: String,
}

/// Events that jit-notify could not deliver, and will not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndeliveredView {
    /// The target's name in `notify.toml`.
    pub target: String,
    /// The number of the first of them.
    pub first: u64,
    /// The number of the last.
    pub last: u64,
    /// How many.
    pub count: u64,
    /// What the target answered, last.
    pub why: String,
}

/// Something that one may ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MayView {
    /// Under which rule.
    pub rule: String,
    /// Which service.
    pub service: String,
    /// As whom.
    #[serde(rename = "as")]
    pub run_as: String,
    /// For how long if one does not say, in seconds.
    pub default_s: u64,
    /// For how long at most, in seconds.
    pub max_s: u64,
    /// Whether one must say why.
    pub reason_required: bool,
    /// Who approves; empty: nobody has to.
    pub approvers: Vec<String>,
}

/// What somebody holds, waits for, may ask for and must approve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusView {
    /// Who.
    pub user: String,
    /// Who, as a number.
    pub uid: u32,
    /// Their live grants.
    pub grants: Vec<GrantView>,
    /// Their requests that wait.
    pub requests: Vec<RequestView>,
    /// What they may ask for.
    pub may_request: Vec<MayView>,
    /// What they may take in an emergency.
    pub may_emergency: Vec<MayView>,
    /// Requests that wait for them.
    pub to_approve: Vec<String>,
    /// Reviews that wait for them.
    pub to_review: Vec<String>,
    /// What is wrong with the daemon, in words: no valid policy, a store that fails.
    pub notices: Vec<String>,
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

/// An opt-out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptoutView {
    /// The rule.
    pub rule: String,
    /// `emergency`, `repetitive` or `legacy`.
    pub kind: String,
    /// Who answers for it: a legacy rule's owner, an emergency's reviewers.
    pub owner: Option<String>,
    /// When it ends, where it does.
    pub until: Option<Moment>,
    /// In how many days.
    pub days_left: Option<i64>,
    /// How often it was used, as far as that is at hand.
    pub uses: u32,
    /// When last.
    pub last_used: Option<Moment>,
    /// It ends within a month, or has ended.
    pub stale: bool,
    /// How many of its reviews are still to come.
    pub reviews_due: u32,
    /// How many of those are overdue.
    pub overdue: u32,
}

/// One thing that `jit show` shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shown {
    /// A request.
    Request(RequestView),
    /// A grant.
    Grant(GrantView),
    /// A session.
    Session(SessionView),
    /// A denial.
    Denial(DenialView),
}

/// A rule put to the test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleView {
    /// Its name.
    pub name: String,
    /// `grant`, `legacy`.
    pub kind: String,
    /// Its file.
    pub file: String,
    /// Its line.
    pub line: u32,
    /// Whether it is the one that decides.
    pub matched: bool,
    /// Why, or why not.
    pub because: String,
}

/// Something wrong with a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MistakeView {
    /// In which file.
    pub file: String,
    /// In which line, from 1.
    pub line: u32,
    /// In which column, from 1.
    pub column: u32,
    /// What.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// Part of a policy file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileView {
    /// Which file.
    pub file: String,
    /// The next part of its text.
    pub text: String,
}

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

/// Which kind of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureCode {
    /// The rules, or the daemon's state, forbid it.
    Refused,
    /// It was asked for in a way that cannot be understood.
    Usage,
    /// The daemon does not answer.
    Unreachable,
    /// The wait is over.
    Timeout,
    /// No such thing, or not the asker's to see.
    NotFound,
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Which kind.
    pub code: FailureCode,
    /// What.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// The rule that refused.
    pub rule: Option<String>,
}
