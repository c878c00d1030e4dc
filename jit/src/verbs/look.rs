//! What only looks: `jit status`, `jit list`, `jit show`, `jit version`.

use super::{Context, Ended};
use crate::cli::ListArgs;
use crate::failing::{Exit, Failing};
use crate::out::Form;
use crate::show::{full, json, status, table, words};
use crate::talk::Listing;
use jit_proto::user::{Act, UserAnswer, Which};
use jit_proto::view::DaemonView;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Shows what one holds, waits for, may ask for, must approve.
pub fn status(context: &Context) -> Ended {
    let (out, status) = (&context.out, context.talk.status()?);
    match out.form() {
        Form::Json => {
            status.notices.iter().for_each(|notice| out.aside(&format!("jit: {}", words::safe(notice))));
            out.json(&json::status(&status))?;
        }
        Form::Human => {
            for notice in &status.notices {
                out.warn(&format!("Attention: {}", words::safe(notice)))?;
            }
            // The ids alone are enough to act on; what is behind them is a courtesy.
            let pending = if status.to_approve.is_empty() { None } else { context.talk.list(Which::Pending).ok() };
            let to_approve = pending.map(|listing| listing.requests).unwrap_or_default();
            let sections = status::sections(out.clock(), &status, &to_approve, out.width());
            if sections.is_empty() {
                out.say(status::NOTHING)?;
            }
            for section in &sections {
                out.heading(section.heading)?;
                out.say(&section.body)?;
            }
        }
    }
    Ok(Exit::Done)
}

/// Lists requests, grants and sessions.
pub fn list(context: &Context, args: &ListArgs) -> Ended {
    let which: &[Which] = match (args.pending, args.active, args.all) {
        (true, _, _) => &[Which::Pending],
        (_, true, _) => &[Which::Active],
        (_, _, true) => &[Which::All],
        (false, false, false) => &[Which::Pending, Which::Active],
    };
    let mut listing = Listing::default();
    for which in which {
        let part = context.talk.list(*which)?;
        listing.requests.extend(part.requests);
        listing.grants.extend(part.grants);
        listing.sessions.extend(part.sessions);
    }
    match context.out.form() {
        Form::Json => context.out.json(&json::Listed::of(&listing))?,
        Form::Human => say_listing(context, &listing)?,
    }
    Ok(Exit::Done)
}

fn say_listing(context: &Context, listing: &Listing) -> Result<(), Failing> {
    let (out, clock, width) = (&context.out, context.out.clock(), context.out.width());
    let parts = [
        ("Requests", listing.requests.is_empty(), table::requests(clock, &listing.requests, width)),
        ("Grants", listing.grants.is_empty(), table::grants(clock, &listing.grants, width)),
        ("Sessions", listing.sessions.is_empty(), table::sessions(clock, &listing.sessions, width)),
    ];
    if parts.iter().all(|(_, empty, _)| *empty) {
        return out.say("There is nothing that you may see. What is over too: jit list --all");
    }
    for (heading, _, body) in parts.iter().filter(|(_, empty, _)| !empty) {
        out.heading(heading)?;
        out.say(body)?;
    }
    Ok(())
}

/// Shows one thing and what happened to it.
pub fn show(context: &Context, id: &str) -> Ended {
    let (shown, events) = context.talk.show(id)?;
    let (out, clock) = (&context.out, context.out.clock());
    match out.form() {
        Form::Json => out.json(&json::shown(&shown, &events))?,
        Form::Human => {
            out.say(&full::shown(clock, &shown))?;
            if !events.is_empty() {
                out.heading("What happened")?;
            }
            for event in &events {
                out.say(&format!("  {}", full::event(event, |moment| clock.second(moment))))?;
            }
        }
    }
    Ok(Exit::Done)
}

/// Shows the versions; a daemon that is away is no failure here.
pub fn version(context: &Context) -> Ended {
    let out = &context.out;
    match (out.form(), daemon(context)) {
        (Form::Json, daemon) => {
            let daemon = daemon.ok();
            let jitd = daemon.as_ref().map(|daemon| daemon.version.as_str());
            out.json(&json::Versions { jit: VERSION, jitd, protocol: daemon.as_ref().map(|daemon| daemon.protocol) })?;
        }
        (Form::Human, Ok(daemon)) => {
            let (version, since) = (words::safe(&daemon.version), out.clock().short(daemon.since));
            out.say(&format!("jit {VERSION}\njitd {version}, protocol {}, running since {since}", daemon.protocol))?;
        }
        (Form::Human, Err(Failing::Failed(failure))) => {
            out.say(&format!("jit {VERSION}"))?;
            out.say(&format!("jitd: not known: {}", words::safe(&failure.message)))?;
        }
        (Form::Human, Err(failing)) => return Err(failing),
    }
    Ok(Exit::Done)
}

fn daemon(context: &Context) -> Result<DaemonView, Failing> {
    let conversation = context.talk.ask(Act::Version)?;
    let UserAnswer::Daemon(daemon) = conversation.next()? else { return Err(conversation.unexpected()) };
    Ok(daemon)
}
