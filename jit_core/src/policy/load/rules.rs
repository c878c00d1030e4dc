//! Each kind of rule, as it is read from TOML.

use super::parts::{
    AT_LOGIN, Around, Time, read_any_run_as, read_denied_run_as, read_escalate, read_extend, read_for, read_name, read_reason, read_run_as,
    read_scope, read_scope_of_deny, read_session, read_stages, read_starts, read_until, read_uses, span,
};
use super::who::{PRINCIPALS, account, deciders, principal, principals};
use crate::optout::REPEATABLE;
use crate::policy::reader::Table;
use crate::policy::{After, DenyRule, EmergencyRule, GrantRule, LegacyRule, Limit, Person, RepetitiveRule, Review, Starts};
use crate::span::Span;
use std::collections::BTreeSet;

const DEFAULT_LAPSE: Span = Span::from_secs(3600);

pub fn read_person(table: &mut Table<'_>) -> Option<Person> {
    let place = table.place();
    let value = table.require("accounts", "accounts = [\"alice\", \"alice-adm\"]")?;
    let accounts = table.list("accounts", &value, account, "write account names as they are, without user:");
    let named = value.value.as_array().map_or(0, |array| array.iter().count());
    if accounts.len() == named && accounts.iter().collect::<BTreeSet<_>>().len() < 2 {
        table.wrong(&value.span, "accounts", "fewer than two accounts", "name all accounts of this one human");
    }
    Some(Person { place, accounts })
}

pub fn read_grant(table: &mut Table<'_>, around: Around) -> Option<GrantRule> {
    let place = table.place();
    let name = read_name(table);
    let scope = read_scope(table, around);
    let run_as = read_run_as(table, &scope.on);
    let time = read_for(table);
    let starts = read_starts(table);
    let max_uses = read_uses(table, starts);
    let approve = table.require("approve", "approve = [ { by = [\"group:leads\"], count = 1 } ], or [] for self-service");
    let approve_span = approve.as_ref().map(|value| value.span.clone());
    let stages = approve.map(|value| read_stages(table, &value)).unwrap_or_default();
    let Time { default, max, .. } = match starts {
        Starts::Login => time.default_alone(table, AT_LOGIN),
        Starts::Approval | Starts::FirstUse(_) => time,
    };
    let lapse = table.take("lapse");
    let is_free = approve_span.is_some() && stages.is_empty();
    if let Some(value) = lapse.as_ref().filter(|_| is_free) {
        table.doubt(&value.span, "lapse", "without effect here: nobody has to approve", "leave it out, or name approvers");
    }
    let lapse = lapse.and_then(|value| span(table, "lapse", &value)).unwrap_or(DEFAULT_LAPSE);
    let escalate = read_escalate(table, lapse);
    let reason = read_reason(table, starts);
    let extend = read_extend(table, starts);
    let session = read_session(table);
    if let (Starts::Login, false, Some(span)) = (starts, stages.is_empty(), approve_span) {
        table.wrong(&span, "approve", "not possible with starts = \"login\"", "a grant that starts at login needs approve = []");
    }
    Some(GrantRule { name: name?, place, scope, run_as, default, max, max_uses, stages, lapse, escalate, reason, starts, extend, session })
}

pub fn read_emergency(table: &mut Table<'_>, around: Around) -> Option<EmergencyRule> {
    let place = table.place();
    let name = read_name(table);
    let scope = read_scope(table, around);
    let run_as = read_run_as(table, &scope.on);
    let Time { default, max, .. } = read_for(table);
    let limit = table.require("limit", "limit = { times = 3, per = \"7d\" }");
    let limit = limit.and_then(|value| {
        table.table("limit", "`limit`", &value, |inner| {
            let times = inner.require("times", "times = 3").and_then(|value| inner.number("times", &value, 1, 1000));
            let per = inner.require("per", "per = \"7d\"").and_then(|value| span(inner, "per", &value));
            Some(Limit { times: times?, per: per? })
        })?
    });
    let review = table.require("review", "review = { by = [\"group:security\"], within = \"24h\" }");
    let review = review.and_then(|value| {
        table.table("review", "`review`", &value, |inner| {
            let by = inner.require("by", "by = [\"group:security\"]");
            let by = by.map(|value| deciders(inner, "by", &value, "empty: nobody could review"));
            let within = inner.require("within", "within = \"24h\"").and_then(|value| span(inner, "within", &value));
            Some(Review { by: by?, within: within? })
        })?
    });
    let alert = table.take("alert").map(|value| principals(table, "alert", &value)).unwrap_or_default();
    let session = read_session(table);
    Some(EmergencyRule { name: name?, place, scope, run_as, default, max, limit: limit?, review: review?, alert, session })
}

pub fn read_repetitive(table: &mut Table<'_>, around: Around) -> Option<RepetitiveRule> {
    let place = table.place();
    let name = read_name(table);
    let scope = read_scope(table, around);
    let run_as = read_any_run_as(table, &scope.on);
    let after = table.require("after", "after = { within = \"8h\", times = 4 }");
    let after = after.and_then(|value| {
        table.table("after", "`after`", &value, |inner| {
            let within = inner.require("within", "within = \"8h\"").and_then(|value| {
                let within = span(inner, "within", &value);
                if within.is_some_and(|within| within > REPEATABLE) {
                    inner.wrong(&value.span, "within", "too long", "an approval can be repeated for at most 31d");
                }
                within
            });
            let times = inner.require("times", "times = 4").and_then(|value| inner.number("times", &value, 1, 1000));
            Some(After { within: within?, times: times? })
        })?
    });
    let Time { default, .. } = read_for(table).default_alone(table, "without effect here: each repetition is for the default");
    let session = read_session(table);
    Some(RepetitiveRule { name: name?, place, scope, run_as, after: after?, default, session })
}

pub fn read_legacy(table: &mut Table<'_>, around: Around) -> Option<LegacyRule> {
    let place = table.place();
    let name = read_name(table);
    let scope = read_scope(table, around);
    let run_as = read_run_as(table, &scope.on);
    let owner = table.require("owner", "owner = \"group:storage\"");
    let owner = owner.and_then(|value| table.parsed("owner", &value, principal, PRINCIPALS));
    let reason = table.require("reason", "reason = \"the appliance cannot request\"");
    let reason = reason.and_then(|value| {
        let said = |text: &str| if text.trim().is_empty() { Err("empty".to_owned()) } else { Ok(text.to_owned()) };
        table.parsed("reason", &value, said, "say why this cannot ask")
    });
    let ends = read_until(table, around.now);
    Some(LegacyRule { name: name?, place, scope, run_as, owner: owner?, reason: reason?, ends: ends? })
}

pub fn read_deny(table: &mut Table<'_>, around: Around) -> Option<DenyRule> {
    let place = table.place();
    let name = read_name(table);
    let scope = read_scope_of_deny(table, around);
    let run_as = read_denied_run_as(table, &scope.on);
    Some(DenyRule { name: name?, place, scope, run_as })
}
