//! What one decides about others: `jit approve`, `jit deny`, `jit grant`, `jit revoke`.

use super::{Context, Ended, whole_id};
use crate::cli::{GrantArgs, RevokeArgs};
use crate::failing::{Exit, Failing};
use crate::out::Form;
use crate::show::lines::{self, Reader};
use crate::show::{full, json, table, words};
use jit_core::id::{GrantId, RequestId};
use jit_core::span::Span;
use jit_proto::user::{Act, Target, Which, Wish};
use jit_proto::view::{RequestView, Shown};

/// Approves a request; without an id, the only one, after showing it.
pub fn approve(context: &Context, id: Option<&str>, time: Option<Span>, note: Option<String>) -> Ended {
    let id = match id {
        Some(id) => whole_id::<RequestId>(id)?,
        None => {
            let id = only_one(context)?;
            if !says_yes(context, &id, time)? {
                return not_approved(context, &id);
            }
            id
        }
    };
    let request = context.talk.request(Act::Approve { id, for_s: time.map(Span::as_secs), note })?;
    say_approved(context, &request)
}

/// The only request that waits for the user.
fn only_one(context: &Context) -> Result<String, Failing> {
    if !context.out.can_ask() {
        return Err(Failing::usage("the request to approve is not named", "name it: jit approve R-...; see what waits: jit status"));
    }
    match context.talk.status()?.to_approve.as_slice() {
        [] => Err(Failing::not_found("nothing waits for your approval", "see what there is: jit list --pending")),
        [id] => Ok(id.clone()),
        several => Err(name_one(context, several)),
    }
}

/// Shows a request in full and asks. Anything but a yes is a no.
fn says_yes(context: &Context, id: &str, time: Option<Span>) -> Result<bool, Failing> {
    let (Shown::Request(request), _) = context.talk.show(id)? else {
        return Err(Failing::not_found(format!("{} is not a request", words::safe(id)), "see what waits: jit list --pending"));
    };
    match context.out.say(&full::request(context.out.clock(), &request)) {
        // Nobody has seen it.
        Err(Failing::ReaderGone) => return Ok(false),
        said @ (Ok(()) | Err(Failing::Failed(_) | Failing::Unwritten(_))) => said?,
    }
    let shorter = time.map(|time| format!(" for {time}")).unwrap_or_default();
    let answer = context.out.ask(&format!("Approve{shorter}? [y/N] "))?.unwrap_or_default();
    Ok(["y", "yes"].contains(&answer.to_lowercase().as_str()))
}

fn not_approved(context: &Context, id: &str) -> Ended {
    let id = words::safe(id);
    context.out.aside(&format!("Not approved; it goes on waiting. To deny it: jit deny {id} --note \"...\""));
    Ok(Exit::Refused)
}

fn name_one(context: &Context, ids: &[String]) -> Failing {
    if let Ok(listing) = context.talk.list(Which::Pending) {
        let asked: Vec<_> = listing.requests.into_iter().filter(|request| ids.contains(&request.id)).collect();
        context.out.aside(&table::requests(context.out.clock(), &asked, context.out.width()));
    }
    Failing::usage(format!("{} requests wait for you; name the one that you mean", ids.len()), "for example: jit approve R-...")
}

fn say_approved(context: &Context, request: &RequestView) -> Ended {
    let clock = context.out.clock();
    match context.out.form() {
        Form::Json => context.out.json(request)?,
        Form::Human if request.state == "granted" => {
            let grant = request.grant_id.as_deref().and_then(|id| context.talk.grant(id));
            context.out.say(&lines::granted(clock, Reader::Other, request, grant.as_ref()))?;
        }
        Form::Human => context.out.say(&lines::approved_in_part(clock, request))?,
    }
    Ok(Exit::Done)
}

/// Denies a request.
pub fn deny(context: &Context, id: &str, note: String) -> Ended {
    let id = whole_id::<RequestId>(id)?;
    let request = context.talk.request(Act::Deny { id, note: Some(note) })?;
    match context.out.form() {
        Form::Json => context.out.json(&request)?,
        Form::Human => context.out.say(&lines::denied_by_you(&request))?,
    }
    Ok(Exit::Done)
}

/// Asks in somebody's name, with one's own approval.
pub fn grant(context: &Context, args: GrantArgs) -> Ended {
    let GrantArgs { user, service, run_as, time, reason } = args;
    let wish = Wish { service, run_as, for_s: time.map(Span::as_secs), uses: None, start: None, reason: Some(reason) };
    let request = context.talk.request(Act::GrantTo { user, wish })?;
    say_approved(context, &request)
}

/// Takes grants away.
pub fn revoke(context: &Context, args: RevokeArgs) -> Ended {
    let target = match (args.id, args.user) {
        (Some(id), None) => Target::Grant(whole_id::<GrantId>(&id)?),
        (None, Some(user)) => Target::User(user),
        (None, None) | (Some(_), Some(_)) => {
            return Err(Failing::usage("what to revoke is not named", "write jit revoke G-..., or jit revoke --user NAME"));
        }
    };
    let grants = context.talk.grants(Act::Revoke { target, note: args.note, now: args.now })?;
    match context.out.form() {
        Form::Json => context.out.json(&json::Grants { grants: &grants })?,
        Form::Human => grants.iter().try_for_each(|grant| context.out.say(&lines::revoked(grant)))?,
    }
    Ok(Exit::Done)
}
