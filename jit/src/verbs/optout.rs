//! Opt-outs: `jit emergency`, `jit review`, `jit optouts`.

use super::{Context, Ended, verdict, whole_id};
use crate::cli::{EmergencyArgs, VerdictWord};
use crate::failing::{Exit, Failing};
use crate::out::Form;
use crate::show::times::day_in_utc;
use crate::show::{full, json, lines, table, words};
use jit_core::id::GrantId;
use jit_core::span::Span;
use jit_proto::user::{Act, UserAnswer, Verdict, Wish};
use jit_proto::view::{OptoutView, Shown};

/// Takes an emergency.
pub fn emergency(context: &Context, args: EmergencyArgs) -> Ended {
    let EmergencyArgs { service, run_as, time, reason } = args;
    let wish = Wish { service, run_as, for_s: time.map(Span::as_secs), uses: None, start: None, reason: Some(reason) };
    let conversation = context.talk.ask(Act::Emergency(wish))?;
    let UserAnswer::Taken(taken) = conversation.next()? else { return Err(conversation.unexpected()) };
    match context.out.form() {
        Form::Json => context.out.json(&json::Grants { grants: std::slice::from_ref(&taken.grant) })?,
        Form::Human => context.out.say(&lines::taken(context.out.clock(), &taken))?,
    }
    Ok(Exit::Done)
}

/// Gives a verdict; or shows what it is about, or lists what waits for one.
pub fn review(context: &Context, id: Option<&str>, verdict: Option<VerdictWord>, note: Option<String>) -> Ended {
    let (id, verdict) = match (id, verdict) {
        (Some(id), Some(verdict)) => (id, verdict),
        (Some(id), None) => return look(context, &whole_id::<GrantId>(id)?),
        (None, _) => return due(context),
    };
    let verdict = match verdict {
        VerdictWord::Fine => Verdict::Fine,
        VerdictWord::Misuse => Verdict::Misuse,
    };
    let grants = context.talk.grants(Act::Review { id: whole_id::<GrantId>(id)?, verdict, note })?;
    match context.out.form() {
        Form::Json => context.out.json(&json::Grants { grants: &grants })?,
        Form::Human => grants.iter().try_for_each(|grant| context.out.say(&lines::reviewed(grant)))?,
    }
    Ok(Exit::Done)
}

fn due(context: &Context) -> Ended {
    let mut grants = Vec::new();
    for id in context.talk.status()?.to_review {
        if let (Shown::Grant(grant), _) = context.talk.show(&id)? {
            grants.push(grant);
        }
    }
    match context.out.form() {
        Form::Json => context.out.json(&json::Grants { grants: &grants })?,
        Form::Human if grants.is_empty() => context.out.say("No emergency waits for your review.")?,
        Form::Human => {
            let clock = context.out.clock();
            for grant in &grants {
                let due = grant.review.as_ref().map(|review| format!("{} {}", review.state, clock.short(review.due))).unwrap_or_default();
                let (id, user, reason) = (words::safe(&grant.id), words::safe(&grant.user), words::quoted(&grant.reason));
                let what = words::what(&grant.service, &grant.run_as);
                context.out.say(&format!("{id}  {user} took {what} at {}: {reason} ({due})", clock.short(grant.issued)))?;
            }
            let first = grants.first().map(|grant| words::safe(&grant.id)).unwrap_or_default();
            context.out.say(&how_to_review(&first))?;
        }
    }
    Ok(Exit::Done)
}

/// Shows one emergency, and how a verdict is given where that is for whoever looks.
fn look(context: &Context, id: &str) -> Ended {
    let emergency = match context.talk.show(id)?.0 {
        Shown::Grant(grant) if grant.review.is_some() => grant,
        Shown::Request(_) | Shown::Grant(_) | Shown::Session(_) | Shown::Denial(_) => {
            return Err(Failing::not_found(format!("{id} is no emergency"), "jit review lists what waits for your review"));
        }
    };
    match context.out.form() {
        Form::Json => context.out.json(&json::Grants { grants: std::slice::from_ref(&emergency) })?,
        Form::Human => {
            let waits = context.talk.status()?.to_review.contains(&emergency.id);
            context.out.say(&full::shown(context.out.clock(), &Shown::Grant(emergency)))?;
            context.out.say(&if waits { how_to_review(id) } else { "It does not wait for your review.".to_owned() })?;
        }
    }
    Ok(Exit::Done)
}

fn how_to_review(id: &str) -> String {
    format!("To review one: jit review {id} --verdict fine --note \"...\", or --verdict misuse")
}

/// Lists every opt-out; one that is stale, or a review that is overdue, is an exit code of 1.
pub fn list(context: &Context) -> Ended {
    let conversation = context.talk.ask(Act::Optouts)?;
    let UserAnswer::Optouts(optouts) = conversation.next()? else { return Err(conversation.unexpected()) };
    let said = match context.out.form() {
        Form::Json => context.out.json(&json::Optouts::of(&optouts)),
        Form::Human if optouts.is_empty() => context.out.say("The policy has no opt-out."),
        Form::Human => {
            let header = ["RULE", "KIND", "OWNER", "ENDS", "USES", "LAST USED", "REVIEWS DUE"];
            let rows = optouts.iter().map(|optout| row(context, optout)).collect();
            context.out.say(&table::rows(Some(&header), rows, &[], context.out.width()))
        }
    };
    let unsettled = optouts.iter().any(|optout| optout.stale || optout.overdue > 0);
    verdict(if unsettled { Exit::Refused } else { Exit::Done }, said)
}

fn row(context: &Context, optout: &OptoutView) -> Vec<String> {
    let clock = context.out.clock();
    let ends = match optout.days_left {
        Some(days) if days < 0 => "has ended".to_owned(),
        Some(days) => {
            let day = optout.until.map(|until| format!("{}, ", day_in_utc(until))).unwrap_or_default();
            format!("{day}in {days} days{}", if optout.stale { ", soon" } else { "" })
        }
        None => String::new(),
    };
    let reviews = match (optout.reviews_due, optout.overdue) {
        (0, _) => String::new(),
        (due, 0) => due.to_string(),
        (due, overdue) => format!("{due}, {overdue} overdue"),
    };
    let owner = optout.owner.as_deref().map(words::principal).unwrap_or_default();
    let last = optout.last_used.map(|moment| clock.short(moment)).unwrap_or_default();
    vec![words::safe(&optout.rule), optout.kind.clone(), owner, ends, optout.uses.to_string(), last, reviews]
}
