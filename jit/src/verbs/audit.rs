//! `jit audit log`.

use super::{Context, Ended};
use crate::cli::LogArgs;
use crate::failing::{Exit, Failing};
use crate::out::Form;
use crate::show::full;
use crate::talk::Pace;
use jit_proto::user::{Act, EventFilter};
use jit_proto::view::EventView;

/// Prints events.
pub fn log(context: &Context, args: LogArgs) -> Ended {
    let clock = context.out.clock();
    let LogArgs { since, until, user, kind, id, follow } = args;
    let since = since.map(|when| when.begins(clock));
    let until = until.map(|when| when.ends(clock));
    let conversation = context.talk.ask(Act::Events(EventFilter { since, until, user, kind, id, follow }))?;
    if follow {
        conversation.events(Pace::AsTheyCome, |events| events.iter().try_for_each(|event| say_event(context, event)))?;
        return Ok(Exit::Done);
    }
    // All of it before a word is printed: a pager that is not read would keep jitd waiting.
    let mut all = Vec::new();
    conversation.events(Pace::Prompt, |events| {
        all.extend(events);
        Ok(())
    })?;
    match context.out.form() {
        Form::Json => context.out.json_events(&all)?,
        Form::Human => all.iter().try_for_each(|event| say_event(context, event))?,
    }
    Ok(Exit::Done)
}

fn say_event(context: &Context, event: &EventView) -> Result<(), Failing> {
    let clock = context.out.clock();
    match context.out.form() {
        Form::Json => context.out.json_event(event),
        Form::Human => context.out.say(&full::event(event, |moment| clock.full(moment))),
    }
}
