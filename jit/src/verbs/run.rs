//! `jit run`: ask for sudo, wait, and then run the command with it.

use super::{Context, Ended, request, wait};
use crate::cli::RunArgs;
use crate::failing::{Exit, Failing};
use crate::out::Form;
use crate::show::lines::{self, Reader};
use jit_core::span::Span;
use jit_core::time::WallTime;
use jit_proto::user::{Act, UserAnswer, Wish};
use jit_proto::view::{GrantView, RequestView, StatusView};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The service that runs it.
const SUDO: &str = "sudo";

/// Runs a command by sudo, in place of this program: its exit code is the command's. What fails before that is ours.
pub fn run(context: &Context, args: RunArgs) -> Ended {
    let failing = obtain(context, &args).and_then(|()| Err(exec(&args)));
    Ok(failing.map_or_else(
        |failing: Failing| {
            context.out.failed(failing);
            Exit::NotRun
        },
        |never: std::convert::Infallible| match never {},
    ))
}

/// Sees to it that sudo lets one in: by a grant that one holds, by a rule that asks nobody, by a request that waits already, or by a new one.
fn obtain(context: &Context, args: &RunArgs) -> Result<(), Failing> {
    let status = context.talk.status()?;
    let run_as = args.run_as(&status);
    if let Some(held) = status.grants.iter().find(|grant| is_good(grant, run_as)) {
        return say_held(context, held);
    }
    if may_enter(context, run_as) {
        return Ok(());
    }
    let now = context.out.clock().now();
    let filed = match status.requests.iter().find(|request| leads_in(request, run_as, now)) {
        Some(request) => request.clone(),
        None => file(context, args, run_as)?,
    };
    let decided = if filed.state == "pending" { wait::decision(context, Some(&filed.id), None)? } else { filed };
    say(context, &decided)
}

/// Whether a rule lets one in without a grant that is held yet: from the log-in on, or because the same was approved before.
fn may_enter(context: &Context, run_as: &str) -> bool {
    let act = Act::MayEnter { service: SUDO.to_owned(), run_as: Some(run_as.to_owned()) };
    // A jitd that does not know the question, or does not answer, is asked for a grant.
    context.talk.ask(act).and_then(|conversation| conversation.next()).is_ok_and(|answer| answer == UserAnswer::MayEnter(true))
}

/// Whether it begins by itself, later; one that waits for its first use has no start.
fn is_scheduled(grant: &GrantView) -> bool {
    grant.state == "waiting" && grant.starts.is_some()
}

fn is_good(grant: &GrantView, run_as: &str) -> bool {
    let begun = grant.state == "active" || (grant.state == "waiting" && !is_scheduled(grant));
    let uses_left = grant.uses.max.is_none_or(|most| grant.uses.taken < most);
    begun && uses_left && grant.service == SUDO && grant.run_as == run_as
}

/// Whether a grant by this request is good for now: one for later is not, and one that makes a grant longer gives no new session.
fn leads_in(request: &RequestView, run_as: &str, now: WallTime) -> bool {
    let begun = request.start.is_none_or(|start| start.0 <= now.as_millis());
    request.state == "pending" && request.extends.is_none() && begun && request.service == SUDO && request.run_as == run_as
}

fn file(context: &Context, args: &RunArgs, run_as: &str) -> Result<RequestView, Failing> {
    let reason = request::reason(context, args.reason.clone(), SUDO, run_as)?;
    let for_s = args.time.map(Span::as_secs);
    context.talk.request(Act::Request(Wish {
        service: SUDO.to_owned(),
        run_as: Some(run_as.to_owned()),
        for_s,
        uses: None,
        start: None,
        reason,
    }))
}

/// The output is the command's: what we have to say goes beside it.
fn say(context: &Context, decided: &RequestView) -> Result<(), Failing> {
    if decided.state != "granted" {
        return Err(Failing::refused(lines::not_granted(context.out.clock(), decided), "nothing was run"));
    }
    let grant = decided.grant_id.as_deref().and_then(|id| context.talk.grant(id));
    let granted = lines::granted(context.out.clock(), Reader::Holder, decided, grant.as_ref());
    if grant.is_some_and(|grant| is_scheduled(&grant)) {
        return Err(Failing::refused(granted, "nothing was run: its time has not come"));
    }
    if context.out.form() == Form::Json {
        context.out.json(decided)?;
    }
    context.out.aside(&granted);
    if let Some(who) = lines::who_approved(decided) {
        context.out.aside(&who);
    }
    Ok(())
}

/// A grant that one held already says nothing, but to a program that wants its request.
fn say_held(context: &Context, held: &GrantView) -> Result<(), Failing> {
    let (Form::Json, Some(id)) = (context.out.form(), held.request_id.as_deref()) else { return Ok(()) };
    match context.talk.show(id)? {
        (jit_proto::view::Shown::Request(request), _) => context.out.json(&request),
        _ => Ok(()),
    }
}

/// Becomes sudo. It returns only if that fails.
fn exec(args: &RunArgs) -> Failing {
    let mut sudo = Command::new(SUDO);
    if let Some(user) = &args.user {
        sudo.args(["-u", user]);
    }
    let error = sudo.arg("--").args(&args.command).exec();
    Failing::refused(format!("sudo cannot be run: {error}"), "is it installed, and in PATH?")
}

impl RunArgs {
    /// As whom, as grants say it.
    fn run_as<'a>(&'a self, status: &StatusView) -> &'a str {
        match self.user.as_deref() {
            None => "root",
            Some(user) if user == status.user => "self",
            Some(user) => user,
        }
    }
}
