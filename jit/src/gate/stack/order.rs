//! Whether the lines of ours in a service are run as they must be: first and last of their kind, with nothing before or between them
//! that ends the stack, and with controls that hear their no.

use super::{Found, Kind, NotUnderstood, Ours, Step, steps};
use crate::gate::{control, family};

/// Modules that let nobody in, keep nobody out and set nothing that we read: they may stand before our lines, as they do
/// in the stock files of several systems, if their control lets ours be run.
const HARMLESS: [&str; 4] = ["pam_keyinit.so", "pam_loginuid.so", "pam_selinux.so", "pam_namespace.so"];

/// What is not as it must be with our lines in a service: each once, account first of its kind, session first and last.
///
/// # Errors
/// A file is not understood, or is missing.
pub fn disorder(service: &str, read: &dyn Fn(&str) -> Option<Vec<u8>>) -> Result<Vec<String>, NotUnderstood> {
    let steps = steps(service, read)?;
    let of = |kind| steps.iter().filter(move |step| step.kind == kind);
    let mut wrong = Vec::new();
    let mut found = Found::default();
    steps.iter().filter_map(|step| step.ours).for_each(|ours| found.count(ours));
    for (count, line) in [(found.account, "account"), (found.session, "session"), (found.enter, "session ... enter")] {
        match count {
            1 => {}
            0 => wrong.push(format!("the line \"{line}\" is missing")),
            more => wrong.push(format!("the line \"{line}\" is there {more} times")),
        }
    }
    for (kind, ours, name) in [(Kind::Account, Ours::Account, "account"), (Kind::Session, Ours::Session, "session")] {
        let mut before = of(kind).take_while(|step| step.ours != Some(ours)).filter(|step| step.ours.is_none());
        if steps.iter().any(|step| step.ours == Some(ours)) {
            wrong.extend(before.find_map(|step| in_the_way(service, step, name)));
        }
    }
    if let Some(last) = of(Kind::Session).next_back().filter(|last| found.enter == 1 && last.ours != Some(Ours::Enter)) {
        wrong.push(format!("{} stands behind our last session line", last.call));
    }
    wrong.extend(ends_before_the_last(&of(Kind::Session).collect::<Vec<_>>()));
    wrong.extend(wrong_controls(&steps));
    Ok(wrong)
}

/// What is wrong with a line before ours of this name.
fn in_the_way(service: &str, step: &Step, name: &str) -> Option<String> {
    let Step { kind, control, call, .. } = step;
    let module = call.split_whitespace().next().and_then(|path| path.rsplit('/').next());
    let is_harmless = module.is_some_and(|module| HARMLESS.contains(&module));
    if !is_harmless {
        return Some(format!("{call} stands before our {name} line"));
    }
    if !control::runs_on(control) {
        return Some(format!("{control} {call} stands before our {name} line, which is then not always run"));
    }
    // sudo runs the command after PAM_SESSION_ERR (PAM-FACTS 18), which is what these modules fail with.
    let is_sudo = family("sudo").contains(&service) && *kind == Kind::Session;
    let is_unheard = is_sudo && control::answers_with_a_failed_session(control);
    is_unheard.then(|| format!("{control} {call} stands before our {name} line: where it fails, sudo goes on whatever ours says"))
}

/// What to do about a line of a service that ends its session phase before a last line is run, wherever ours stand: ours put in
/// anew would stand before and behind it. None where there is no such line.
///
/// # Errors
/// A file is not understood, or is missing.
pub fn ends_the_session(service: &str, read: &dyn Fn(&str) -> Option<Vec<u8>>) -> Result<Option<String>, NotUnderstood> {
    let steps = steps(service, read)?;
    let session: Vec<_> = steps.iter().filter(|step| step.kind == Kind::Session).collect();
    let last = session.last().copied().filter(|last| last.level == 0 && last.ours.is_none() && control::ends(&last.control));
    Ok(ending(&session).or(last).map(|Step { file, control, call, .. }| {
        format!("write another control for \"{control} {call}\" in {file}, with which what is behind it is run: optional, or required")
    }))
}

/// The line of others that ends these, which is not the last one. What ends a substack ends no line outside of it.
fn ending<'a>(session: &[&'a Step]) -> Option<&'a Step> {
    let ends_all = |(place, step): &(usize, &&Step)| {
        let mut behind = session.iter().skip(place.saturating_add(1)).peekable();
        let ends = step.ours.is_none() && control::ends(&step.control);
        ends && behind.peek().is_some() && behind.all(|behind| behind.level >= step.level)
    };
    session.iter().enumerate().find(ends_all).map(|(_, step)| *step)
}

/// A line between ours by which the last one is not run, so that nothing is put where it can be ended.
fn ends_before_the_last(session: &[&Step]) -> Option<String> {
    let at = |ours| session.iter().position(|step| step.ours == Some(ours));
    let between = session.get(at(Ours::Session)?..=at(Ours::Enter)?)?;
    let Step { control, call, .. } = ending(between)?;
    Some(format!("{control} {call} stands before our last session line, which is then not always run"))
}

/// What our lines in a service do with the module's answers and should not.
///
/// # Errors
/// A file is not understood, or is missing.
pub fn controls(service: &str, read: &dyn Fn(&str) -> Option<Vec<u8>>) -> Result<Vec<String>, NotUnderstood> {
    Ok(wrong_controls(&steps(service, read)?))
}

/// What the lines of ours in a service, of whatever kind, say so that nobody comes in by it without the module.
///
/// # Errors
/// A file is not understood, or is missing.
pub fn need_the_module(service: &str, read: &dyn Fn(&str) -> Option<Vec<u8>>) -> Result<Vec<String>, NotUnderstood> {
    let ours = steps(service, read)?.into_iter().filter(|step| step.ours.is_some());
    let mut controls: Vec<_> = ours.map(|step| step.control).filter(|control| control::needs_the_module(control)).collect();
    controls.sort();
    controls.dedup();
    Ok(controls)
}

fn wrong_controls(steps: &[Step]) -> Vec<String> {
    let ours = steps.iter().filter(|step| step.ours.is_some_and(|ours| ours != Ours::Idle));
    control::wrong(&ours.map(|step| step.control.as_str()).collect::<Vec<_>>())
}
