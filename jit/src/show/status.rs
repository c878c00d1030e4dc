//! The page that people look at most: what they hold, wait for, may ask for, and have to approve.

use super::table::rows;
use super::times::{Clock, about};
use super::words::{any_of, approvers, quoted, request_command, safe, uses, what};
use jit_proto::view::{GrantView, MayView, RequestView, StatusView};

/// A part of the page.
#[derive(Debug, PartialEq, Eq)]
pub struct Section {
    /// What it is about.
    pub heading: &'static str,
    /// Its lines.
    pub body: String,
}

/// The page, without what is empty. `to_approve` are the requests behind the status' ids, as far as they are known.
pub fn sections(clock: Clock, status: &StatusView, to_approve: &[RequestView], width: Option<u16>) -> Vec<Section> {
    let held = status.grants.iter().map(|grant| held(clock, grant)).collect();
    let waits = status.requests.iter().map(|request| waits(clock, request)).collect();
    let may = status.may_request.iter().map(may).collect();
    let asked = status.to_approve.iter().map(|id| asked(id, to_approve.iter().find(|request| request.id == *id))).collect();
    [
        ("What you hold", held, [0, 2]),
        ("What waits", waits, [0, 2]),
        ("What you may ask for", may, [0, 0]),
        ("What waits for you", asked, [0, 2]),
    ]
    .into_iter()
    .filter(|(_, lines, _): &(_, Vec<Vec<String>>, _)| !lines.is_empty())
    .map(|(heading, lines, whole)| Section { heading, body: rows(None, lines, &whole, width) })
    .collect()
}

/// What is said where there is nothing at all.
pub const NOTHING: &str = "You hold nothing and wait for nothing, and no rule of the policy lets you ask for anything.";

fn held(clock: Clock, grant: &GrantView) -> Vec<String> {
    let until = clock.short(grant.until);
    let time = if grant.starts.is_none() {
        format!("begins with its first use, before {until}")
    } else {
        format!("until {until} ({} left)", about(grant.left_s))
    };
    let left = grant.uses.max.map(|most| most.saturating_sub(grant.uses.taken));
    let uses = left.map_or_else(String::new, |left| format!(", {left} uses left"));
    let what = what(&grant.service, &grant.run_as);
    vec![safe(&grant.id), format!("{what}, {time}{uses}"), format!("Give it back: jit drop {}", safe(&grant.id))]
}

fn waits(clock: Clock, request: &RequestView) -> Vec<String> {
    let what = what(&request.service, &request.run_as);
    let whom = approvers(&request.approvers, &request.stages);
    let id = safe(&request.id);
    let said = format!("{what} for {}{}, waits for {whom} until {}", about(request.for_s), uses(request.uses), clock.short(request.lapses));
    vec![id.clone(), said, format!("jit wait {id}, or jit cancel {id}")]
}

fn may(may: &MayView) -> Vec<String> {
    let run_as = if may.service == "sshd" { String::new() } else { format!("as {}, ", safe(&may.run_as)) };
    let time =
        if may.default_s == may.max_s { about(may.max_s) } else { format!("{}, at most {}", about(may.default_s), about(may.max_s)) };
    let who = if may.approvers.is_empty() { "nobody has to approve".to_owned() } else { format!("approves: {}", any_of(&may.approvers)) };
    vec![request_command(&may.service, &may.run_as, may.reason_required), format!("{run_as}{time}; {who}")]
}

fn asked(id: &str, request: Option<&RequestView>) -> Vec<String> {
    let id = safe(id);
    let said = request.map_or_else(String::new, |request| {
        let what = what(&request.service, &request.run_as);
        let (user, reason) = (safe(&request.user), quoted(&request.reason));
        format!("{user}: {what} for {}{}, {reason}", about(request.for_s), uses(request.uses))
    });
    vec![id.clone(), said, format!("jit approve {id}")]
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
               G-0123ABCD  sudo as root, until 15:00 (26m left)  Give it back: jit drop G-0123ABCD\n\
             What waits\n  \
               R-7F3KQ2ZD  sudo as root for 30m, waits for carol or dave (group leads) until 15:04  jit wait R-7F3KQ2ZD, or jit cancel R-7F3KQ2ZD\n\
             What you may ask for\n  \
               jit request sudo --reason \"...\"  as root, 30m, at most 4h; approves: carol or dave\n\
             What waits for you\n  \
               R-00000001  bob: sudo as root for 30m, \"INC-42 disk full\"  jit approve R-00000001\n"
        );
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
