//! `jit request`: ask for access.

use super::{Context, Ended, wait};
use crate::cli::RequestArgs;
use crate::failing::{Exit, Failing};
use crate::out::Form;
use crate::show::{lines, words};
use jit_core::name::Service;
use jit_core::span::Span;
use jit_proto::user::{Act, Wish};
use jit_proto::view::RequestView;

/// Asks, and waits for the answer if that is wanted.
pub fn request(context: &Context, args: RequestArgs) -> Ended {
    let reason = reason(context, args.reason, &args.service, args.run_as.as_deref().unwrap_or("root"))?;
    let for_s = args.time.map(Span::as_secs);
    let wish = Wish {
        service: args.service,
        run_as: args.run_as,
        for_s,
        uses: args.uses,
        start: args.start.map(|start| start.moment(context.out.clock())),
        reason,
    };
    let filed = context.talk.request(Act::Request(wish))?;
    match (filed.state.as_str(), args.wait) {
        ("pending", Some(limit)) => {
            let decided = wait::decision(context, Some(&filed.id), limit)?;
            wait::say(context, &decided)
        }
        ("pending", None) => say_filed(context, &filed),
        _ => wait::say(context, &filed),
    }
}

/// The reason: the one that was given, or else what is typed where somebody is there to be asked. None: there is none,
/// and the policy says whether that will do.
pub fn reason(context: &Context, given: Option<String>, service: &str, run_as: &str) -> Result<Option<String>, Failing> {
    if given.is_some() || !context.out.can_ask() {
        return Ok(given);
    }
    let what = words::what(Service::as_typed(service).as_str(), run_as);
    let prompt = format!("Reason for {what}, shown to the approver and kept; never a password: ");
    match context.out.ask(&prompt)? {
        Some(reason) => Ok(Some(reason).filter(|reason| !reason.is_empty())),
        None => Err(Failing::usage("nothing was asked for", "give a reason: --reason \"...\"")),
    }
}

fn say_filed(context: &Context, filed: &RequestView) -> Ended {
    match context.out.form() {
        Form::Json => context.out.json(filed)?,
        Form::Human => context.out.say(&lines::filed(context.out.clock(), filed))?,
    }
    Ok(Exit::Done)
}
