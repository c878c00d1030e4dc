//! What one does with one's own: `jit drop`, `jit cancel`, `jit extend`.

use super::{Context, Ended, whole_id};
use crate::failing::Exit;
use crate::out::Form;
use crate::show::{json, lines};
use jit_core::id::{GrantId, RequestId};
use jit_core::span::Span;
use jit_proto::user::Act;

/// Gives a grant back.
pub fn drop_grant(context: &Context, id: Option<&str>) -> Ended {
    let id = id.map(whole_id::<GrantId>).transpose()?;
    let grants = context.talk.grants(Act::Drop(id))?;
    match context.out.form() {
        Form::Json => context.out.json(&json::Grants { grants: &grants })?,
        Form::Human => grants.iter().try_for_each(|grant| context.out.say(&lines::dropped(grant)))?,
    }
    Ok(Exit::Done)
}

/// Takes a request back.
pub fn cancel(context: &Context, id: Option<&str>) -> Ended {
    let id = id.map(whole_id::<RequestId>).transpose()?;
    let request = context.talk.request(Act::Cancel(id))?;
    match context.out.form() {
        Form::Json => context.out.json(&request)?,
        Form::Human => context.out.say(&lines::cancelled_by_you(&request))?,
    }
    Ok(Exit::Done)
}

/// Asks that a grant be made longer.
pub fn extend(context: &Context, id: Option<&str>, time: Span, reason: String) -> Ended {
    let id = id.map(whole_id::<GrantId>).transpose()?;
    let request = context.talk.request(Act::Extend { id, for_s: time.as_secs(), reason: Some(reason) })?;
    match (context.out.form(), request.state.as_str()) {
        (Form::Json, _) => context.out.json(&request)?,
        (Form::Human, "pending") => context.out.say(&lines::filed(context.out.clock(), &request))?,
        (Form::Human, _) => {
            let grant = request.grant_id.as_deref().and_then(|id| context.talk.grant(id));
            context.out.say(&lines::longer(context.out.clock(), &request, grant.as_ref()))?;
        }
    }
    Ok(Exit::Done)
}
