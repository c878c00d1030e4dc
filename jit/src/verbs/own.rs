//! What one does with one's own: `jit drop`, `jit cancel`.

use super::{Context, Ended, whole_id};
use crate::failing::Exit;
use crate::out::Form;
use crate::show::{json, lines};
use jit_core::id::{GrantId, RequestId};
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
