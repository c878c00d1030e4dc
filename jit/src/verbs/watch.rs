//! `jit watch`: a live screen.

use super::{Context, Ended};
use crate::failing::Failing;
use crate::out::Form;
use crate::watch;

/// Shows it, until it is left.
pub fn watch(context: &Context) -> Ended {
    if context.out.form() == Form::Json {
        let help = "for programs: jit list --json, jit audit log --follow --json";
        return Err(Failing::usage("a screen is for people", help));
    }
    if !context.out.can_draw() {
        let help = "without one: jit list, jit audit log --follow";
        return Err(Failing::usage("there is no terminal that could show a screen", help));
    }
    // What is wrong from the start is said as every verb says it.
    context.talk.status()?;
    watch::run(&context.talk, context.out.colour())
}
