//! The page that people look at most: what they hold, wait for, may ask for, and have to approve.

use super::table::{rows, widest};
use super::times::{Clock, about};
use super::words::{any_of, approvers, emergency_command, is_as_oneself, quoted, request_command, safe, uses, what};
use jit_core::text::printable;
use jit_proto::view::{GrantView, MayView, RequestView, StatusView};

/// A part of the page.
#[derive(Debug, PartialEq, Eq)]
pub struct Section {
    /// What it is about.
    pub heading: &'static str,
    /// Its lines.
    pub body: String,
}

/// One line of it: what there is to say, and what to type.
struct Item {
    said: Vec<String>,
    command: String,
}

/// Where the commands of a section stand.
#[derive(Clone, Copy)]
enum Commands {
    First,
    Last,
}

/// How much of a reason is shown, in bytes; `jit show` shows all of it.
const REASON: usize = 60;

/// The page, without what is empty. `to_approve` are the requests behind the status' ids, as far as they are known.
pub fn sections(clock: Clock, status: &StatusView, to_approve: &[RequestView], width: Option<u16>) -> Vec<Section> {
    let held: Vec<_> = status.grants.iter().map(|grant| held(clock, grant)).collect();
    let waits = status.requests.iter().map(|request| waits(clock, request)).collect();
    let may = status.may_request.iter().map(may).collect();
    let asked = status.to_approve.iter().map(|id| asked(id, to_approve.iter().find(|request| request.id == *id))).collect();
    let emergencies = status.may_emergency.iter().map(emergency).collect();
    let reviews = status.to_review.iter().map(|id| review(id)).collect();
    [
        ("What you hold", held, Commands::Last),
        ("What waits", waits, Commands::Last),
        ("What you may ask for", may, Commands::First),
        ("What you may take in an emergency", emergencies, Commands::First),
        ("What waits for you", asked, Commands::Last),
        ("What waits for your review", reviews, Commands::Last),
    ]
    .into_iter()
    .filter(|(_, items, _)| !items.is_empty())
    .map(|(heading, items, commands)| Section { heading, body: body(&items, commands, width) })
    .collect()
}

/// A line an item, in columns, where that fits; else the commands on lines of their own, so that they can be copied.
fn body(items: &[Item], commands: Commands, width: Option<u16>) -> String {
    let row = |item: &Item| match commands {
        Commands::First => [vec![item.command.clone()], item.said.clone()].concat(),
        Commands::Last => [item.said.clone(), vec![item.command.clone()]].concat(),
    };
    let columns = rows(None, items.iter().map(row).collect(), &[], None);
    if width.is_none_or(|width| widest(&columns) <= usize::from(width)) {
        return columns;
    }
    let lines = items.iter().map(|item| match (commands, item.said.join("  ")) {
        (Commands::First, said) => format!("  {}\n    {said}", item.command),
        (Commands::Last, said) => format!("  {said}\n    {}", item.command),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// What is said where there is nothing at all.
pub const NOTHING: &str = "You hold nothing and wait for nothing, and no rule of the policy lets you ask for anything.";

fn held(clock: Clock, grant: &GrantView) -> Item {
    let (id, until) = (safe(&grant.id), clock.short(grant.until));
    let time = match grant.starts {
        None => format!("begins with its first use, before {until}"),
        Some(starts) if grant.state == "waiting" => format!("from {} until {until}", clock.short(starts)),
        Some(_) => format!("until {until} ({} left)", about(grant.left_s)),
    };
    let uses = match grant.uses.max.map(|most| most.saturating_sub(grant.uses.taken)) {
        None => String::new(),
        Some(1) => ", one use left".to_owned(),
        Some(left) => format!(", {left} uses left"),
    };
    let said = format!("{}, {time}{uses}", what(&grant.service, &grant.run_as));
    Item { command: format!("jit drop {id}"), said: vec![id, said] }
}

fn waits(clock: Clock, request: &RequestView) -> Item {
    let id = safe(&request.id);
    let what = what(&request.service, &request.run_as);
    let whom = approvers(&request.approvers, &request.stages);
    let said = format!("{what} for {}{}, waits for {whom} until {}", about(request.for_s), uses(request.uses), clock.short(request.lapses));
    Item { command: format!("jit wait {id}, or jit cancel {id}"), said: vec![id, said] }
}

fn may(may: &MayView) -> Item {
    let run_as = if is_as_oneself(&may.service) { String::new() } else { format!("as {}, ", safe(&may.run_as)) };
    let most = if may.default_s == may.max_s { String::new() } else { format!(", at most {}", about(may.max_s)) };
    let who = if may.approvers.is_empty() { "nobody has to approve".to_owned() } else { format!("approves: {}", any_of(&may.approvers)) };
    let command = request_command(&may.service, &may.run_as, may.reason_required);
    Item { command, said: vec![format!("{run_as}{}{most}; {who}", about(may.default_s))] }
}

fn emergency(may: &MayView) -> Item {
    let run_as = if is_as_oneself(&may.service) { String::new() } else { format!("as {}, ", safe(&may.run_as)) };
    let most = if may.default_s == may.max_s { String::new() } else { format!(", at most {}", about(may.max_s)) };
    let command = emergency_command(&may.service, &may.run_as);
    Item { command, said: vec![format!("{run_as}{}{most}; reviewed afterwards", about(may.default_s))] }
}

fn review(id: &str) -> Item {
    let id = safe(id);
    Item {
        command: format!("jit review {id} --verdict fine"),
        said: vec![id.clone(), format!("an emergency; fine, or else misuse? See it: jit show {id}")],
    }
}

fn asked(id: &str, request: Option<&RequestView>) -> Item {
    let id = safe(id);
    let said = request.map_or_else(String::new, |request| {
        let what = what(&request.service, &request.run_as);
        let reason = if request.reason.is_empty() { String::new() } else { format!(", {}", quoted(&printable(&request.reason, REASON))) };
        format!("{}: {what} for {}{}{reason}", safe(&request.user), about(request.for_s), uses(request.uses))
    });
    Item { command: format!("jit approve {id}"), said: vec![id, said] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::sample;

    fn page(status: &StatusView, to_approve: &[RequestView]) -> String {
        let sections = sections(Clock::standing(sample::NOW), status, to_approve, None);
        sections.iter().map(|section| format!("{}\n{}\n", section.heading, section.body)).collect()
    }

    #[test]
    fn the_page_says_what_to_type_in_every_section() {
        let asked = RequestView { id: "R-00000001".to_owned(), user: "bob".to_owned(), ..sample::pending() };
        assert_eq!(
            page(&sample::status(), &[asked]),
            "What you hold\n  \
               G-0123ABCD  sudo as root, until 15:00 (26m left)  jit drop G-0123ABCD\n\
             What waits\n  \
               R-7F3KQ2ZD  sudo as root for 30m, waits for carol or dave (group leads) until 15:04  jit wait R-7F3KQ2ZD, or jit cancel R-7F3KQ2ZD\n\
             What you may ask for\n  \
               jit request sudo --reason \"...\"  as root, 30m, at most 4h; approves: carol or dave\n\
             What waits for you\n  \
               R-00000001  bob: sudo as root for 30m, \"INC-42 disk full\"  jit approve R-00000001\n"
        );
    }

    #[test]
    fn on_a_narrow_terminal_commands_stand_on_lines_of_their_own() {
        let sections = sections(Clock::standing(sample::NOW), &sample::status(), &[], Some(60));
        let bodies: Vec<_> = sections.iter().map(|section| section.body.as_str()).collect();
        assert_eq!(bodies[0], "  G-0123ABCD  sudo as root, until 15:00 (26m left)\n    jit drop G-0123ABCD");
        assert_eq!(bodies[2], "  jit request sudo --reason \"...\"\n    as root, 30m, at most 4h; approves: carol or dave");
    }

    #[test]
    fn empty_sections_are_left_out() {
        let mut status = sample::status();
        status.grants.clear();
        status.requests.clear();
        status.to_approve.clear();
        assert!(page(&status, &[]).starts_with("What you may ask for\n"));
        status.may_request.clear();
        assert_eq!(page(&status, &[]), "");
    }
}
