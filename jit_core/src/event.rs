//! Events: one fact each, recorded once, in order. State is their fold.
//!
//! The keys of an event's data are those of its syslog line, in that order. Times are whole seconds of
//! UTC; a key in `_boot_ms` is the same moment on the boot clock.

use crate::actor::Humans;
use crate::grant::Kind;
use crate::id::{DenialId, GrantId, RequestId, SessionId};
use crate::name::{RuleName, RunAs, Service, Uid, UserName};
use crate::optout::Verdict;
use crate::policy::hours::Hours;
use crate::policy::{Extend, FileDigest, Principal, SessionRule, Stage};
use crate::request::Escalation;
use crate::session::{Bound, Process};
use crate::span::Span;
use crate::time::{BootId, BootTime, WallTime};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;

/// A stored event that this program cannot read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Its name.
    pub event: String,
    /// What is wrong.
    pub why: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an event named {} cannot be read: {}; perhaps a newer jitd wrote it", crate::text::printable(&self.event, 60), self.why)
    }
}

impl std::error::Error for Unreadable {}

macro_rules! events {
    ($( $(#[$doc:meta])* $name:literal $variant:ident { $( $(#[$meta:meta])* $field:ident : $type:ty ),* $(,)? } )*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
            #[allow(missing_docs, reason = "the keys are those of DESIGN's JSON and are documented there")]
            pub struct $variant { $( $(#[$meta])* pub $field: $type ),* }

            impl From<$variant> for Event {
                fn from(event: $variant) -> Self {
                    Self::$variant(event)
                }
            }
        )*

        /// One fact.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Event { $( $(#[$doc])* $variant($variant) ),* }

        impl Event {
            /// The names of all events.
            pub const NAMES: &[&str] = &[ $( $name ),* ];

            /// Its name: `grant.issued`.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self { $( Self::$variant(_) => $name ),* }
            }

            /// Its data as a JSON object.
            ///
            /// # Errors
            /// None in practice: every field is written as text or a number.
            pub fn data(&self) -> Result<String, serde_json::Error> {
                match self { $( Self::$variant(data) => serde_json::to_string(data) ),* }
            }

            /// Reads what was stored.
            ///
            /// # Errors
            /// An unknown name, or data that do not fit it.
            pub fn read(name: &str, data: &str) -> Result<Self, Unreadable> {
                let unreadable = |why: String| Unreadable { event: name.to_owned(), why };
                match name {
                    $( $name => serde_json::from_str(data).map(Self::$variant).map_err(|why| unreadable(why.to_string())), )*
                    _ => Err(unreadable("it is not known here".to_owned())),
                }
            }
        }
    };
}

events! {
    /// Somebody asked for a grant.
    "request.submitted" RequestSubmitted {
        id: RequestId, user: UserName, uid: Uid, service: Service, #[serde(rename = "as")] run_as: RunAs,
        for_s: Span, uses: Option<u32>, start: Option<WallTime>, rule: RuleName, extends: Option<GrantId>, lapses: WallTime,
        filed_by: Option<UserName>, reason: String,
        stages: Vec<Stage>, from: Vec<IpNet>, hours: Option<Hours>, session: SessionRule, use_within_s: Option<Span>, humans: Humans,
        lapses_boot_ms: BootTime, extend: Option<Extend>, escalate: Option<Escalation>, start_boot_ms: Option<BootTime>,
        /// From which address it was asked for; `from` is what its rule says.
        #[serde(default)] asked_from: Option<IpAddr>,
    }
    /// It has waited, and others may approve it too from now on.
    "request.escalated" RequestEscalated { id: RequestId, user: UserName, to: Vec<Principal> }
    /// Somebody said yes.
    "request.approved" RequestApproved {
        id: RequestId, user: UserName, by: UserName, by_uid: Uid, stage: u32, for_s: Option<Span>, note: Option<String>, humans: Humans,
    }
    /// A request became a grant.
    "request.granted" RequestGranted { id: RequestId, user: UserName, grant: GrantId, by: Vec<UserName> }
    /// Somebody said no.
    "request.denied" RequestDenied {
        id: RequestId, user: UserName, by: UserName, note: Option<String>,
        /// Who was seen behind whoever said so; none where that could not be known, and of an older jitd.
        #[serde(default)] humans: Option<Humans>,
    }
    /// Its owner took it back.
    "request.cancelled" RequestCancelled { id: RequestId, user: UserName }
    /// Nobody answered in time.
    "request.lapsed" RequestLapsed { id: RequestId, user: UserName }
    /// A grant came to be.
    "grant.issued" GrantIssued {
        id: GrantId, user: UserName, uid: Uid, service: Service, #[serde(rename = "as")] run_as: RunAs,
        until: WallTime, by: Vec<UserName>, reason: String, rule: RuleName, kind: Kind, request: Option<RequestId>, uses: Option<u32>,
        from: Vec<IpNet>, hours: Option<Hours>, session: SessionRule, stages: Vec<Stage>,
        /// How long from its first use, where its time begins only then; `until` is then when it must begin.
        waits_for_s: Option<Span>, until_boot_ms: BootTime,
        /// When its time begins, where that is later.
        starts: Option<WallTime>, starts_boot_ms: Option<BootTime>, extend: Option<Extend>, boot_ms: BootTime,
    }
    /// A grant's time began with its first use.
    "grant.started" GrantStarted { id: GrantId, user: UserName, until: WallTime, until_boot_ms: BootTime }
    /// It was made longer.
    "grant.extended" GrantExtended {
        id: GrantId, user: UserName, until: WallTime, by: Vec<UserName>, request: RequestId, until_boot_ms: BootTime,
    }
    /// Its time was over.
    "grant.expired" GrantExpired { id: GrantId, user: UserName, service: Service, #[serde(rename = "as")] run_as: RunAs }
    /// Its last use was over.
    "grant.used-up" GrantUsedUp { id: GrantId, user: UserName, service: Service, #[serde(rename = "as")] run_as: RunAs }
    /// Its holder gave it back.
    "grant.dropped" GrantDropped { id: GrantId, user: UserName, service: Service, #[serde(rename = "as")] run_as: RunAs }
    /// Somebody else took it away.
    "grant.revoked" GrantRevoked {
        id: GrantId, user: UserName, service: Service, #[serde(rename = "as")] run_as: RunAs, by: UserName, note: Option<String>,
        /// Whether its sessions get no time to end by themselves.
        #[serde(default)] now: bool,
        /// Who was seen behind whoever took it away.
        #[serde(default)] humans: Option<Humans>,
    }
    /// Somebody took an opt-out.
    "optout.taken" OptoutTaken {
        id: GrantId, user: UserName, uid: Uid, service: Service, #[serde(rename = "as")] run_as: RunAs, rule: RuleName, kind: Kind,
        until: WallTime, reason: String,
        /// The approval that a repetition rests on.
        grant: Option<GrantId>, request: Option<RequestId>,
        alert: Vec<Principal>, review_by: Vec<Principal>, review_due: Option<WallTime>, humans: Humans, review_due_boot_ms: Option<BootTime>,
    }
    /// Somebody wanted another one, and had as many as there are.
    "optout.limit-reached" OptoutLimitReached { user: UserName, uid: Uid, rule: RuleName, times: u32, per_s: Span }
    /// Somebody else gave their verdict on an emergency.
    "optout.reviewed" OptoutReviewed {
        id: GrantId, user: UserName, by: UserName, by_uid: Uid, verdict: Verdict, note: Option<String>,
        #[serde(default)] humans: Option<Humans>,
    }
    /// An emergency was not reviewed in time; it is said each day.
    "optout.overdue" OptoutOverdue { id: GrantId, user: UserName, rule: RuleName, review_by: Vec<Principal>, due: WallTime, next: WallTime, next_boot_ms: BootTime }
    /// A standing exemption ends soon, or has ended; it is said each day.
    "optout.stale" OptoutStale {
        rule: RuleName, owner: Principal, until: WallTime, days_left: i64,
        /// How many times one after the other it was said that it has ended, this time included.
        #[serde(default)] over: u32,
    }
    /// A check said yes, that many times.
    "access.allowed" AccessAllowed {
        user: UserName, uid: Uid, service: Service, #[serde(rename = "as")] run_as: Option<RunAs>, from: Option<IpAddr>,
        phase: String, grant: Option<GrantId>, rule: Option<RuleName>, count: u32,
    }
    /// A check said no, that many times.
    "access.denied" AccessDenied {
        id: DenialId, user: UserName, uid: Option<Uid>, service: Service, #[serde(rename = "as")] run_as: Option<RunAs>,
        from: Option<IpAddr>, phase: String, why: String, rule: Option<RuleName>, ask: Option<String>, count: u32,
    }
    /// A check would have said so, had the module not been told to observe only.
    "access.observed" AccessObserved {
        user: UserName, uid: Option<Uid>, service: Service, #[serde(rename = "as")] run_as: Option<RunAs>, from: Option<IpAddr>,
        phase: String, answer: String, why: String, count: u32,
    }
    /// Somebody came in by the break-glass file while jitd was away.
    "access.breakglass" AccessBreakglass {
        user: UserName,
        /// An older module says neither the number, nor as whom, nor from where.
        #[serde(default)] uid: Option<Uid>,
        service: Service,
        #[serde(default, rename = "as")] run_as: Option<RunAs>,
        #[serde(default)] from: Option<IpAddr>,
        phase: String, when: String, line: String,
    }
    /// A grant let somebody in.
    "session.opened" SessionOpened {
        id: SessionId, grant: GrantId, user: UserName, uid: Uid, service: Service, #[serde(rename = "as")] run_as: RunAs,
        from: Option<IpAddr>, tty: Option<String>, auth: Option<String>, process: Option<Process>,
        #[serde(default)] bound: Bound,
        /// How many the grant has let in with this one, and whether no other one of them ran: what the grant rests on of its
        /// sessions, so that it needs no more of them than the last. An older jitd's have neither.
        taken: Option<u32>, alone: Option<bool>,
    }
    /// It could not be put into a cgroup, though the host has them.
    "session.unbound" SessionUnbound { id: SessionId, grant: GrantId, user: UserName, service: Service, why: String }
    /// Whoever sits there was told that it ends soon.
    "session.warned" SessionWarned { id: SessionId, grant: GrantId, user: UserName, service: Service, left_s: Span }
    /// A session closed by itself.
    "session.closed" SessionClosed { id: SessionId, grant: GrantId, user: UserName, service: Service }
    /// Its grant was over, and it was ended: so many processes, so many of them by force; so many are there still.
    "session.ended" SessionEnded {
        id: SessionId, grant: GrantId, user: UserName, service: Service, because: String, processes: u32, killed: u32, left: u32, bound: Bound,
    }
    /// A policy came into force.
    "policy.loaded" PolicyLoaded {
        by: String, rules: u32, files: Vec<FileDigest>, became: Vec<String>, ceased: Vec<String>,
        /// Who was seen behind whoever reloaded it; none where a signal or the clock did.
        #[serde(default)] humans: Option<Humans>,
    }
    /// A policy was refused; the one before stays.
    "policy.rejected" PolicyRejected { by: String, mistakes: u32, first: String, #[serde(default)] humans: Option<Humans> }
    /// The wall clock was set.
    "clock.stepped" ClockStepped { by_ms: i64, boot_ms: BootTime }
    /// Syslog did not take lines.
    "syslog.lost" SyslogLost { why: String }
    /// Syslog takes lines again; so many were not delivered.
    "syslog.back" SyslogBack { undelivered: u64 }
    /// Something could not be brought into the record: it could not be written, or read; or a session runs of which it knows nothing.
    "store.failed" StoreFailed { id: Option<SessionId>, why: String }
    /// It can be again: so many acts were refused, so many events came late, so many checks are missing.
    "store.back" StoreBack { refused: u64, late: u64, lost: u64 }
    /// Events that were refused, as the disk failed, were on it all the same, and were taken out at the start: so many, and where
    /// they ended.
    "store.undone" StoreUndone { events: u64, head: u64, head_hash: String }
    /// Where the chain stood: said every 15 minutes and at each stop, so that a log host can prove it.
    "audit.head" AuditHead { head: u64, head_hash: String }
    /// Older events were archived. What of them the state still rests on was kept.
    "audit.pruned" AuditPruned {
        by: UserName, upto: u64, upto_hash: String, before: WallTime, archived: u64, kept: u64, kept_digest: String,
        #[serde(default)] humans: Option<Humans>,
    }
    /// jit-notify gave up on telling somebody: so many events, from the first to the last, did not reach this target.
    "notify.failed" NotifyFailed { target: String, first: u64, last: u64, count: u64, why: String }
    /// jitd began.
    "daemon.started" DaemonStarted {
        version: String, boot_id: BootId, boot_ms: BootTime, policy: String,
        /// How surely this host lets sessions be ended.
        #[serde(default)] bound: Bound,
    }
    /// jitd ended in good order.
    "daemon.stopped" DaemonStopped { version: String }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_reads_back_from_what_was_stored() {
        let event = Event::from(RequestDenied {
            id: "R-7F3KQ2ZD".parse().unwrap(),
            user: UserName::new("alice"),
            by: UserName::new("carol"),
            note: Some("not \"today\"\n".to_owned()),
            humans: None,
        });
        let data = event.data().unwrap();
        assert_eq!(data, r#"{"id":"R-7F3KQ2ZD","user":"alice","by":"carol","note":"not \"today\"\n","humans":null}"#);
        assert_eq!(Event::read(event.name(), &data), Ok(event.clone()));
        let of_an_older_one = data.replace(r#","humans":null"#, "");
        assert_eq!(Event::read(event.name(), &of_an_older_one), Ok(event));
    }

    #[test]
    fn a_request_that_was_recorded_without_where_from_reads_as_one_of_which_that_is_not_known() {
        let before = r#"{"id":"R-7F3KQ2ZD","user":"alice","uid":1001,"service":"sudo","as":"root","for_s":1800,"uses":null,"start":null,
            "rule":"ops","extends":null,"lapses":"2026-11-23T13:00:00Z","filed_by":null,"reason":"INC-42","stages":[],"from":[],"hours":null,
            "session":{"at_expiry":"end","warn":[300,60],"require":"any"},"use_within_s":null,"humans":["uid:1001","user:alice"],
            "lapses_boot_ms":1,"extend":null,"escalate":null,"start_boot_ms":null}"#;
        let Ok(Event::RequestSubmitted(request)) = Event::read("request.submitted", before) else { panic!("unreadable") };
        assert_eq!(request.asked_from, None);
        let known = RequestSubmitted { asked_from: "10.1.2.3".parse().ok(), ..request };
        let data = Event::from(known.clone()).data().unwrap();
        assert!(data.ends_with(r#","asked_from":"10.1.2.3"}"#), "{data}");
        assert_eq!(Event::read("request.submitted", &data), Ok(known.into()));
    }

    #[test]
    fn an_event_from_the_future_is_named() {
        assert!(Event::read("grant.borrowed", "{}").unwrap_err().to_string().contains("grant.borrowed"));
    }

    #[test]
    fn an_event_whose_data_do_not_fit_it_is_named_with_what_is_wrong() {
        let wrong = Event::read("request.lapsed", r#"{"id":"R-7F3KQ2ZD"}"#).unwrap_err().to_string();
        assert!(wrong.starts_with("an event named request.lapsed cannot be read: missing field `user`"), "{wrong}");
        assert!(wrong.ends_with("; perhaps a newer jitd wrote it"), "{wrong}");
        for name in Event::NAMES {
            assert_eq!(Event::read(name, "[7").unwrap_err().event, *name);
        }
    }
}
