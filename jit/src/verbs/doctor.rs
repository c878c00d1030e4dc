//! `jit doctor`.

use super::{Context, Ended, verdict};
use crate::doctor::{self, Check};
use crate::failing::{Exit, Failing};
use crate::out::Form;
use crate::show::words;
use serde::Serialize;

/// What doctor answers.
#[derive(Debug, Serialize)]
struct Examined<'a> {
    checks: &'a [Check],
}

/// Examines the host: one line a check, said as soon as it is done.
pub fn doctor(context: &Context) -> Ended {
    if !nix::unistd::geteuid().is_root() {
        return Err(Failing::refused("only root can examine the host", "sudo jit doctor"));
    }
    let mut said = Ok(());
    // Whoever reads may have gone: the exit code says it all the same.
    let say = |check: &Check| {
        if context.out.form() == Form::Human && said.is_ok() {
            said = context.out.say(&line(check));
        }
    };
    let checks: Vec<_> = doctor::examine(&context.talk, context.out.clock().now()).inspect(say).collect();
    if context.out.form() == Form::Json {
        said = context.out.json(&Examined { checks: &checks });
    }
    verdict(if checks.iter().all(|check| check.ok) { Exit::Done } else { Exit::Refused }, said)
}

fn line(check: &Check) -> String {
    let Check { name, ok, found, remedy } = check;
    let state = if *ok { "ok" } else { "NOT OK" };
    let remedy = remedy.as_ref().map_or_else(String::new, |remedy| format!(". To do: {}", words::safe(remedy)));
    format!("{state:6}  {name}: {}{remedy}", words::safe(found))
}
