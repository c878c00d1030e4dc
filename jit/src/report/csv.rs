//! The review as a table: a row for each grant, denial, emergency and oddity.

use super::facts::{Denied, Emergency, Odd, Past, Verdict};
use super::read::{AccessDenied, Plain};
use crate::failing::Failing;
use crate::show::csv::{inert, row};
use jit_proto::time::Moment;
use jit_proto::view::OptoutView;

/// The columns.
const COLUMNS: [&str; 18] = [
    "row", "id", "user", "service", "as", "kind", "rule", "at", "from", "until", "held_s", "state", "by", "reason", "sessions", "count",
    "note", "due",
];

/// Where rows go.
pub trait Sink {
    /// One row.
    ///
    /// # Errors
    /// It cannot be written.
    fn row(&mut self, row: &Row) -> Result<(), Failing>;
}

/// One row. What is not said is an empty cell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    row: &'static str,
    id: String,
    user: String,
    service: String,
    run_as: String,
    kind: String,
    rule: String,
    at: Option<i64>,
    from: Option<i64>,
    until: Option<i64>,
    held_s: Option<i64>,
    state: String,
    by: String,
    reason: String,
    sessions: Option<u32>,
    count: Option<u64>,
    note: String,
    due: Option<i64>,
}

/// The first line.
pub fn heading() -> String {
    row(COLUMNS.into_iter())
}

impl Row {
    /// As a line.
    pub fn line(&self) -> String {
        let moment = |at: Option<i64>| at.map(|at| Moment(at).rfc3339()).unwrap_or_default();
        let cells = [
            self.row.to_owned(),
            inert(&self.id),
            inert(&self.user),
            inert(&self.service),
            inert(&self.run_as),
            inert(&self.kind),
            inert(&self.rule),
            moment(self.at),
            moment(self.from),
            moment(self.until),
            number(self.held_s),
            inert(&self.state),
            inert(&self.by),
            inert(&self.reason),
            number(self.sessions),
            number(self.count),
            inert(&self.note),
            moment(self.due),
        ];
        row(cells.iter().map(String::as_str))
    }
}

fn number<T: ToString>(number: Option<T>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}

/// A grant.
pub fn grant(past: &Past) -> Row {
    let Past { grant, end, held_ms } = past;
    let ender = end.by.as_ref().map(|by| format!("{} by {by}", end.how));
    Row {
        row: "grant",
        id: grant.id.clone(),
        user: grant.user.clone(),
        service: grant.service.clone(),
        run_as: grant.run_as.clone(),
        kind: grant.kind.clone(),
        rule: grant.rule.clone(),
        at: Some(grant.issued),
        from: grant.from,
        until: Some(if matches!(end.how.as_str(), "active" | "waiting") { grant.until } else { end.at }),
        held_s: Some(held_ms.div_euclid(1000)),
        state: ender.unwrap_or_else(|| end.how.clone()),
        by: grant.by.join(" "),
        reason: grant.reason.clone(),
        sessions: Some(grant.sessions),
        note: end.note.clone().unwrap_or_default(),
        ..Row::default()
    }
}

/// A revocation of a grant that was over before: of what could still be repeated, or went on.
pub fn revocation(it: &Plain<'_>, at: i64) -> Row {
    let own = |text: &Option<std::borrow::Cow<'_, str>>| text.as_deref().unwrap_or_default().to_owned();
    Row {
        row: "revocation",
        id: it.id.clone().into_owned(),
        user: it.user.clone().into_owned(),
        service: own(&it.service),
        run_as: own(&it.run_as),
        at: Some(at),
        state: it.by.as_deref().map_or_else(|| "revoked".to_owned(), |by| format!("revoked by {by}")),
        note: own(&it.note),
        ..Row::default()
    }
}

/// A request that was denied.
pub fn denied(denied: &Denied) -> Row {
    Row {
        row: "denied-request",
        id: denied.id.clone(),
        user: denied.user.clone(),
        service: denied.service.clone(),
        run_as: denied.run_as.clone(),
        at: Some(denied.at),
        state: "denied".to_owned(),
        by: denied.by.clone(),
        reason: denied.reason.clone(),
        note: denied.note.clone().unwrap_or_default(),
        ..Row::default()
    }
}

/// Somebody who was turned away at the door, that often.
pub fn refused(it: &AccessDenied<'_>, at: i64) -> Row {
    Row {
        row: "denied-check",
        id: it.id.clone().into_owned(),
        user: it.user.clone().into_owned(),
        service: it.service.clone().into_owned(),
        at: Some(at),
        state: "denied".to_owned(),
        reason: it.why.clone().into_owned(),
        count: Some(u64::from(it.count)),
        ..Row::default()
    }
}

/// An emergency and its review.
pub fn emergency(it: &Emergency, now: i64) -> Row {
    let (state, by, note) = match &it.verdict {
        Verdict::Given { by, verdict, note, .. } => (verdict.clone(), by.clone(), note.clone().unwrap_or_default()),
        Verdict::Open if it.is_overdue(now) => ("overdue".to_owned(), String::new(), String::new()),
        Verdict::Open => ("due".to_owned(), String::new(), String::new()),
    };
    Row {
        row: "emergency-review",
        id: it.id.clone(),
        user: it.user.clone(),
        service: it.service.clone(),
        run_as: it.run_as.clone(),
        kind: "emergency".to_owned(),
        rule: it.rule.clone(),
        at: it.at,
        state,
        by,
        reason: it.reason.clone(),
        note,
        due: it.due,
        ..Row::default()
    }
}

/// A standing exemption that ends soon, or has ended.
pub fn stale(optout: &OptoutView) -> Row {
    Row {
        row: "stale-optout",
        kind: optout.kind.clone(),
        rule: optout.rule.clone(),
        until: optout.until.map(|until| until.0),
        state: "stale".to_owned(),
        by: optout.owner.clone().unwrap_or_default(),
        ..Row::default()
    }
}

/// Something else to look at.
pub fn odd(odd: &Odd) -> Row {
    Row { row: odd.what, user: odd.user.clone(), at: Some(odd.at), note: odd.about.clone(), ..Row::default() }
}
