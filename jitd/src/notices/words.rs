//! What people are told. What others wrote comes last, so that nothing of ours can be mistaken for it.

use crate::engine::Snapshot;
use crate::user_door::views::what;
use jit_core::grant::{Ending, Grant, LiveGrant, Validity};
use jit_core::request::{Ask, DecidedRequest, Outcome, PendingRequest};
use jit_core::span::Span;
use jit_core::text::{any_of_first, printable};
use jit_core::time::Now;

/// The longest name, and the longest text of others, in bytes.
const NAME: usize = 64;
const TEXT: usize = 160;
/// The most names in a line.
const NAMES: usize = 4;

/// To whoever could approve it.
pub fn waits(pending: &PendingRequest) -> String {
    let ask = &pending.ask;
    let (user, what, long) = (printable(ask.user.as_str(), NAME), what(&ask.service, &ask.run_as), pending.shortened);
    let wish = if ask.extends.is_some() { format!("{long} more of {what}") } else { format!("{what}, {long}") };
    format!("jit: {user} asks for {wish} (jit approve {}){}", ask.id, said(Some(&ask.reason)))
}

/// To whoever asked; none, if they decided it themselves.
pub fn decided(decided: &DecidedRequest, snapshot: &Snapshot<'_>) -> Option<String> {
    let (id, what) = (decided.ask.id, what(&decided.ask.service, &decided.ask.run_as));
    match &decided.outcome {
        Outcome::Granted(grant) => {
            let approvals: Vec<_> = decided.stages.iter().flat_map(|stage| &stage.approvals).collect();
            let note = approvals.last()?.note.as_deref();
            let names = approvals.iter().map(|approval| printable(approval.by.as_str(), NAME)).collect();
            let by = any_of_first(NAMES, names).replace(" or ", " and ");
            let time = snapshot.state.grant(*grant).map(|grant| time(grant, &decided.ask, snapshot.now)).unwrap_or_default();
            Some(format!("jit: {by} approved {id}: {what}{time}{}", said(note)))
        }
        Outcome::Denied { by, note } => Some(format!("jit: {} denied {id}: {what}{}", printable(by.as_str(), NAME), said(note.as_deref()))),
        Outcome::Lapsed => Some(format!("jit: nobody answered {id} in time: {what}. It is over; you may ask again")),
        Outcome::Cancelled => None,
    }
}

/// How long the grant is good for.
fn time(grant: &Grant, ask: &Ask, now: Now) -> String {
    let Grant::Live(LiveGrant { validity, .. }) = grant else { return String::new() };
    match validity {
        Validity::Active { until, .. } if ask.extends.is_some() => {
            format!(", {} left", Span::from_secs(until.left(now).as_millis().div_ceil(1000)))
        }
        Validity::Active { since, until } => format!(" for {}", since.until(until.wall)),
        Validity::Waiting { .. } => ", from its first use on".to_owned(),
        Validity::Scheduled { .. } => ", from its time on".to_owned(),
    }
}

/// To whoever held it; none, if it ended otherwise.
pub fn revoked(grant: &Grant) -> Option<String> {
    match grant {
        Grant::Ended(ended) => match &ended.ending {
            Ending::Revoked { by, note } if *by != ended.terms.user => {
                let what = what(&ended.terms.common.service, &ended.terms.common.run_as);
                let by = printable(by.as_str(), NAME);
                Some(format!("jit: {by} revoked {}: {what}{}", ended.terms.id, said(note.as_deref())))
            }
            Ending::Revoked { .. } | Ending::Expired | Ending::UsedUp | Ending::Dropped => None,
        },
        Grant::Live(_) => None,
    }
}

/// To an approver of whom nothing was said for a while.
pub fn more(count: usize) -> String {
    let requests = if count == 1 { "request waits" } else { "requests wait" };
    format!("jit: {count} more {requests} for you: jit list --pending")
}

fn said(text: Option<&str>) -> String {
    text.filter(|text| !text.is_empty()).map_or_else(String::new, |text| format!(": {}", printable(text, TEXT)))
}
