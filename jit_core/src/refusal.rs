//! Why something was not done, in words for whoever asked, and what they can do.

use crate::id::{GrantId, RequestId};
use crate::name::{RuleName, RunAs, Service, UserName};
use crate::policy::judge::{Forbidden, Unknown};
use crate::record::Trace;
use crate::span::Span;
use crate::text;
use std::fmt;

/// Which kind of refusal it is, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The rules, or the daemon's state, forbid it.
    Refused,
    /// It was asked for in a way that cannot be understood.
    Usage,
    /// No such thing, or not the asker's to see.
    NotFound,
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "Display says what each one means")]
pub enum Refusal {
    NoPolicy,
    NoRule {
        user: UserName,
        service: Service,
        run_as: RunAs,
    },
    GroupsUnknown {
        user: UserName,
    },
    HourTwice,
    TooLong {
        longest: Span,
        rule: RuleName,
    },
    ReasonMissing {
        rule: RuleName,
    },
    ReasonShort {
        rule: RuleName,
        min: u32,
    },
    ReasonLong {
        most: u32,
    },
    ReasonPattern {
        rule: RuleName,
        pattern: String,
    },
    TooManyUses {
        most: u32,
        rule: RuleName,
    },
    OddStart {
        farthest: Span,
    },
    OutsideHours {
        rule: RuleName,
        hours: String,
    },
    Forbidden {
        rule: RuleName,
        unknown: Option<Unknown>,
    },
    NoEmergency {
        user: UserName,
        service: Service,
    },
    Unreviewed {
        id: GrantId,
        by: String,
    },
    LimitReached {
        rule: RuleName,
        times: u32,
        per: Span,
    },
    Reviewed {
        id: GrantId,
        verdict: &'static str,
        by: UserName,
    },
    NotReviewer {
        id: GrantId,
        by: String,
    },
    OwnReview {
        id: GrantId,
    },
    NotExtensible {
        id: GrantId,
        rule: RuleName,
    },
    ExtendedEnough {
        id: GrantId,
        times: u32,
    },
    NotStarted {
        id: GrantId,
    },
    WindowEnds {
        id: GrantId,
        rule: RuleName,
        hours: String,
    },
    NoteLong {
        most: u32,
    },
    NoteMissing,
    OddUses,
    AlreadyPending {
        id: RequestId,
    },
    AlreadyHeld {
        id: GrantId,
    },
    /// Somebody asks in another's name for what that one has asked for.
    TheyAsked {
        user: UserName,
        id: RequestId,
    },
    /// Or holds.
    TheyHold {
        user: UserName,
        id: GrantId,
    },
    TooManyPending {
        most: usize,
    },
    NoSuch {
        what: String,
    },
    NoneOfYours {
        what: &'static str,
    },
    NameOne {
        what: &'static str,
        ids: Vec<String>,
    },
    Decided {
        id: RequestId,
        word: &'static str,
        by: Vec<String>,
    },
    Over {
        id: GrantId,
        word: &'static str,
    },
    Own {
        id: Option<RequestId>,
    },
    /// What they grant to that account would be theirs.
    MayActAs {
        user: UserName,
    },
    /// Whoever approved it before is whoever asked, as the policy knows by now.
    ApprovedByAsker {
        id: RequestId,
        by: UserName,
    },
    Unreadable,
    NotApprover {
        id: Option<RequestId>,
        approvers: Vec<String>,
    },
    ApprovedAlready {
        id: RequestId,
    },
    NotLonger {
        id: RequestId,
        longest: Span,
    },
    SelfService {
        user: UserName,
        service: Service,
    },
    OthersGrant {
        id: GrantId,
    },
    OwnGrant {
        id: GrantId,
    },
    MayNotRevoke {
        id: GrantId,
    },
    NothingToRevoke {
        user: UserName,
    },
    RootOnly {
        what: &'static str,
    },
    AuditorsOnly {
        what: &'static str,
    },
    /// Somebody else says that notices failed.
    NotifierOnly,
    UnknownUser {
        name: UserName,
    },
    TooOften {
        most: u32,
    },
    /// What they began in a day fills as much of the record as one person may.
    TooMuch {
        again: Span,
    },
    NotRecorded {
        why: String,
        trace: Trace,
    },
    /// There is nothing to archive.
    NothingToArchive,
    Busy,
}

impl From<Forbidden<'_>> for Refusal {
    fn from(Forbidden { rule, unknown }: Forbidden<'_>) -> Self {
        Self::Forbidden { rule: rule.name.clone(), unknown }
    }
}

impl Refusal {
    /// Its kind.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::NoSuch { .. } | Self::NoneOfYours { .. } => Code::NotFound,
            Self::NameOne { .. } | Self::OddUses | Self::OddStart { .. } | Self::NoteMissing => Code::Usage,
            Self::NoPolicy
            | Self::NoRule { .. }
            | Self::GroupsUnknown { .. }
            | Self::HourTwice
            | Self::TooLong { .. }
            | Self::ReasonMissing { .. }
            | Self::ReasonShort { .. }
            | Self::ReasonLong { .. }
            | Self::ReasonPattern { .. }
            | Self::TooManyUses { .. }
            | Self::OutsideHours { .. }
            | Self::Forbidden { .. }
            | Self::NoEmergency { .. }
            | Self::Unreviewed { .. }
            | Self::LimitReached { .. }
            | Self::Reviewed { .. }
            | Self::NotReviewer { .. }
            | Self::OwnReview { .. }
            | Self::NotExtensible { .. }
            | Self::ExtendedEnough { .. }
            | Self::NotStarted { .. }
            | Self::WindowEnds { .. }
            | Self::NoteLong { .. }
            | Self::AlreadyPending { .. }
            | Self::AlreadyHeld { .. }
            | Self::TheyAsked { .. }
            | Self::TheyHold { .. }
            | Self::TooManyPending { .. }
            | Self::Decided { .. }
            | Self::Over { .. }
            | Self::Own { .. }
            | Self::MayActAs { .. }
            | Self::ApprovedByAsker { .. }
            | Self::Unreadable
            | Self::NotApprover { .. }
            | Self::ApprovedAlready { .. }
            | Self::NotLonger { .. }
            | Self::SelfService { .. }
            | Self::OthersGrant { .. }
            | Self::OwnGrant { .. }
            | Self::MayNotRevoke { .. }
            | Self::NothingToRevoke { .. }
            | Self::RootOnly { .. }
            | Self::AuditorsOnly { .. }
            | Self::NotifierOnly
            | Self::UnknownUser { .. }
            | Self::TooOften { .. }
            | Self::TooMuch { .. }
            | Self::NotRecorded { .. }
            | Self::NothingToArchive
            | Self::Busy => Code::Refused,
        }
    }

    /// The rule that refused, if one did.
    #[must_use]
    pub fn rule(&self) -> Option<&RuleName> {
        if let Self::TooLong { rule, .. }
        | Self::TooManyUses { rule, .. }
        | Self::ReasonMissing { rule }
        | Self::ReasonShort { rule, .. }
        | Self::ReasonPattern { rule, .. }
        | Self::OutsideHours { rule, .. }
        | Self::Forbidden { rule, .. }
        | Self::LimitReached { rule, .. }
        | Self::WindowEnds { rule, .. }
        | Self::NotExtensible { rule, .. } = self
        {
            Some(rule)
        } else {
            None
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        Some(match self {
            Self::NoPolicy => "an administrator must mend it: jitd --check says what is wrong".to_owned(),
            Self::NoRule { user, service, .. } => format!("see who may: jit policy explain {user} {}", service.as_str()),
            Self::GroupsUnknown { .. } | Self::Forbidden { unknown: Some(Unknown::Groups), .. } => {
                "try again; if it stays so, look at the host's name service".to_owned()
            }
            Self::HourTwice | Self::Forbidden { unknown: Some(Unknown::Time), .. } => "try again when it is over".to_owned(),
            Self::TooLong { longest, .. } => format!("ask for at most --for {longest}"),
            Self::ReasonMissing { .. } => "say why: --reason \"INC-42 disk full\"".to_owned(),
            Self::ReasonShort { min, .. } => format!("say more: at least {min} characters"),
            Self::ReasonLong { most } | Self::NoteLong { most } => format!("use at most {most} characters"),
            Self::ReasonPattern { pattern, .. } => format!("put into it what matches {}", text::printable(pattern, 100)),
            Self::TooManyUses { most, .. } => format!("ask for at most --uses {most}"),
            Self::OddStart { farthest } => format!("write --start with a time from now on, at most {farthest} ahead"),
            Self::OutsideHours { hours, .. } => format!("ask for a time within {hours}"),
            Self::Forbidden { unknown: None | Some(Unknown::Address), .. } => "ask an administrator why".to_owned(),
            Self::NoEmergency { .. } => "see what you may ask for: jit status".to_owned(),
            Self::Unreviewed { id, by } => format!("{by} must review it first, as fine or misuse: jit review {id} --verdict fine"),
            Self::LimitReached { .. } => "request it instead: jit request".to_owned(),
            Self::Reviewed { id, .. } => format!("see it: jit show {id}"),
            Self::NotReviewer { by, .. } => format!("reviews: {by}"),
            Self::OwnReview { .. } => "someone else must review it".to_owned(),
            Self::NotExtensible { .. } | Self::ExtendedEnough { .. } => "when it ends, request it anew: jit request".to_owned(),
            Self::NotStarted { .. } => "its time begins with its first use".to_owned(),
            Self::WindowEnds { hours, .. } => format!("ask again within {hours}"),
            Self::NoteMissing => "say why: --note \"...\"".to_owned(),
            Self::OddUses => "write --uses with a number from 1".to_owned(),
            Self::AlreadyPending { id } => format!("wait for it: jit wait {id}; or take it back: jit cancel {id}"),
            Self::AlreadyHeld { id } => format!("see it: jit show {id}; give it back: jit drop {id}"),
            Self::TheyAsked { id, .. } => format!("say yes to that: jit approve {id}"),
            Self::TheyHold { id, .. } => format!("see it: jit show {id}"),
            Self::TooManyPending { .. } => "wait for an answer, or take one back: jit cancel R-...".to_owned(),
            Self::NoSuch { .. } => "see what there is: jit status, jit list --all".to_owned(),
            Self::NoneOfYours { .. } => "see what you hold and wait for: jit status".to_owned(),
            Self::NameOne { ids, .. } => format!("there are {}", ids.join(", ")),
            Self::Decided { id, .. } => format!("see it: jit show {id}"),
            Self::Over { id, .. } => format!("see it: jit show {id}"),
            Self::Own { .. } | Self::MayActAs { .. } => "someone else must decide".to_owned(),
            Self::ApprovedByAsker { id, .. } => format!("have it asked again: jit deny {id} --note \"...\""),
            Self::Unreadable => "run jit directly, from a log-in of your own".to_owned(),
            Self::NotApprover { approvers, .. } if approvers.is_empty() => "nobody has to approve it".to_owned(),
            Self::NotApprover { approvers, .. } => format!("approves: {}", text::any_of(approvers)),
            Self::ApprovedAlready { .. } => "another person must approve as well".to_owned(),
            Self::NotLonger { longest, .. } => format!("--for only shortens: at most {longest}"),
            Self::SelfService { service, .. } => format!("they can request it themselves: jit request {}", service.as_str()),
            Self::OthersGrant { id } => format!("to take it away: jit revoke {id}"),
            Self::OwnGrant { id } => format!("to give it back: jit drop {id}"),
            Self::MayNotRevoke { .. } => "whoever could approve it may, and root".to_owned(),
            Self::NothingToRevoke { .. } => "see what is active: jit list --active".to_owned(),
            Self::RootOnly { .. } => "become root first".to_owned(),
            Self::AuditorsOnly { .. } => "the policy's `auditors` and root may".to_owned(),
            Self::NotifierOnly => "name it in the policy: auditors = [\"user:jit-notify\"]".to_owned(),
            Self::UnknownUser { .. } => "check the spelling".to_owned(),
            Self::TooOften { .. } => "wait a minute".to_owned(),
            Self::TooMuch { .. } => "fewer requests, for longer, need less".to_owned(),
            Self::NothingToArchive => "name a later moment: --before 2026-01-31".to_owned(),
            Self::NotRecorded { .. } => "an administrator must look at the disk under /var/lib/jit".to_owned(),
            Self::Busy => "try again in a moment".to_owned(),
        })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPolicy => f.write_str("there is no valid policy, so nothing can be granted"),
            Self::NoRule { user, service, run_as: RunAs::Oneself } => write!(f, "no rule lets {user} use {}", service.spoken()),
            Self::NoRule { user, service, run_as } => write!(f, "no rule lets {user} use {} as {run_as}", service.spoken()),
            Self::GroupsUnknown { user } => write!(f, "the groups of {user} cannot be looked up, and a rule depends on them"),
            Self::TooLong { longest, rule } => write!(f, "too long: rule {rule} gives at most {longest}"),
            Self::ReasonMissing { rule } => write!(f, "rule {rule} asks for a reason"),
            Self::ReasonShort { rule, min } => write!(f, "the reason is too short: rule {rule} asks for at least {min} characters"),
            Self::ReasonLong { .. } => f.write_str("the reason is too long"),
            Self::NoteLong { .. } => f.write_str("the note is too long"),
            Self::ReasonPattern { rule, .. } => write!(f, "the reason is not what rule {rule} asks for"),
            Self::TooManyUses { most, rule } => write!(f, "too many uses: rule {rule} gives at most {most}"),
            Self::OddStart { .. } => f.write_str("a grant cannot begin then"),
            Self::OutsideHours { rule, .. } => write!(f, "rule {rule} gives nothing at this hour"),
            Self::HourTwice => f.write_str("a rule gives this at some hours, and this one runs twice, as clocks go back"),
            Self::Forbidden { rule, unknown: None } => write!(f, "rule {rule} forbids it"),
            Self::Forbidden { rule, unknown: Some(Unknown::Groups) } => {
                write!(f, "rule {rule} forbids it to some, and the groups of whoever asks cannot be looked up")
            }
            Self::Forbidden { rule, unknown: Some(Unknown::Address) } => {
                write!(f, "rule {rule} forbids it from some addresses, and that of whoever asks is unknown")
            }
            Self::Forbidden { rule, unknown: Some(Unknown::Time) } => {
                write!(f, "rule {rule} forbids it at some hours, and this one runs twice, as clocks go back")
            }
            Self::NoEmergency { user, service } => write!(f, "no rule lets {user} take an emergency for {}", service.spoken()),
            Self::Unreviewed { id, .. } => write!(f, "your last emergency, {id}, has not been reviewed"),
            Self::LimitReached { rule, times, per } => write!(f, "rule {rule} gives {times} in {per}, and you have taken them"),
            Self::Reviewed { id, verdict, by } => write!(f, "{id} was reviewed already: {verdict}, by {by}"),
            Self::NotReviewer { id, .. } => write!(f, "the policy does not let you review {id}"),
            Self::OwnReview { id } => write!(f, "{id} is your own, or that of a session that you act in; nobody reviews their own"),
            Self::NotExtensible { id, rule } => write!(f, "{id} cannot be made longer: rule {rule} has no `extend`"),
            Self::ExtendedEnough { id, times: 1 } => write!(f, "{id} was made longer once, and cannot be again"),
            Self::ExtendedEnough { id, times } => write!(f, "{id} was made longer {times} times, and cannot be again"),
            Self::NotStarted { id } => write!(f, "{id} has not begun, so there is nothing to make longer"),
            Self::WindowEnds { id, rule, .. } => {
                write!(f, "{id} lasts to the end of its window already: rule {rule} gives nothing after it")
            }
            Self::NoteMissing => f.write_str("a denial needs a note, so that the other one knows why"),
            Self::OddUses => f.write_str("a grant is for at least one use"),
            Self::AlreadyPending { id } => write!(f, "you have asked for this already: {id} is waiting"),
            Self::AlreadyHeld { id } => write!(f, "you hold this already: {id}"),
            Self::TheyAsked { user, id } => write!(f, "{user} has asked for this already: {id} is waiting"),
            Self::TheyHold { user, id } => write!(f, "{user} holds this already: {id}"),
            Self::TooManyPending { most } => write!(f, "{most} of your requests are waiting, and more are not taken"),
            Self::NoSuch { what } => write!(f, "{} is not there, or not yours to see", text::printable(what, 60)),
            Self::NoneOfYours { what } => write!(f, "you have no {what}"),
            Self::NameOne { what, .. } => write!(f, "there are several; name the {what} that you mean"),
            Self::Decided { id, word, by } if by.is_empty() => write!(f, "{id} is {word} already"),
            Self::Decided { id, word, by } => write!(f, "{id} was {word} already, by {}", by.join(" and ")),
            Self::Over { id, word } => write!(f, "{id} is over: {word}"),
            Self::Own { id: Some(id) } => write!(f, "{id} is your own, or that of a session that you act in; nobody approves their own"),
            Self::Own { id: None } => f.write_str("nobody grants anything to themselves, in whatever session they act"),
            Self::MayActAs { user } => write!(f, "you may act as {user}, so that what is granted to them would be yours"),
            Self::ApprovedByAsker { id, by } => {
                write!(f, "{by}, who approved {id} before, is an account of whoever asked; nobody approves their own")
            }
            Self::Unreadable => f.write_str("it cannot be told who is behind your process, so it counts as the asker's own"),
            Self::NotApprover { id: Some(id), .. } => write!(f, "the policy does not let you approve {id}"),
            Self::NotApprover { id: None, .. } => f.write_str("the policy does not let you approve this"),
            Self::ApprovedAlready { id } => write!(f, "you have approved {id} already; one person counts once"),
            Self::NotLonger { id, .. } => write!(f, "{id} cannot be made longer by approving it"),
            Self::SelfService { user, service } => write!(f, "{user} needs nobody's approval for {}", service.spoken()),
            Self::OthersGrant { id } => write!(f, "{id} is not yours"),
            Self::OwnGrant { id } => write!(f, "{id} is your own: one drops one's own grant, and revokes another's"),
            Self::MayNotRevoke { id } => write!(f, "you may not revoke {id}"),
            Self::NothingToRevoke { user } => write!(f, "{user} holds nothing that you may revoke"),
            Self::RootOnly { what } => write!(f, "only root may {what}"),
            Self::AuditorsOnly { what } => write!(f, "only auditors and root may {what}"),
            Self::NotifierOnly => f.write_str("only the user jit-notify, as an auditor, may say that notices failed"),
            Self::UnknownUser { name } => write!(f, "there is no account named {name} here"),
            Self::TooOften { most } => write!(f, "more than {most} acts in a minute"),
            Self::TooMuch { again } => {
                write!(f, "you have asked for as much today as the record holds of one person: ask again in {again}")
            }
            Self::NothingToArchive => write!(f, "there is no event from before that"),
            Self::NotRecorded { why, trace } => {
                write!(f, "it could not be recorded, so it was not done: {}{trace}", text::printable(why, 200))
            }
            Self::Busy => f.write_str("the access daemon is busy"),
        }
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests;
