//! Tables that fit the terminal, and stay plain where there is none.

use super::times::{Clock, about};
use super::words::{approvers, quoted, safe, what};
use comfy_table::presets::NOTHING;
use comfy_table::{ColumnConstraint, ContentArrangement, Table};
use jit_core::text::printable;
use jit_proto::view::{GrantView, RequestView, SessionView};

/// What stands before every line of a section.
const INDENT: u16 = 2;
const BETWEEN: u16 = 2;
/// The least width that a column is narrowed to.
const LEAST: u16 = 8;
/// How much of a reason a table shows on a terminal, in bytes; `jit show` shows all of it.
const REASON: usize = 60;

/// Rows in columns. Those with these numbers may be narrowed to fit the width; ids and words of state stay
/// whole. Where even that does not fit, nothing is narrowed: lines that the terminal wraps read better than
/// columns of single letters.
pub fn rows(head: Option<&[&str]>, rows: Vec<Vec<String>>, flexible: &[usize], width: Option<u16>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    if let Some(head) = head {
        table.set_header(head);
    }
    table.add_rows(rows);
    for (place, column) in table.column_iter_mut().enumerate() {
        column.set_padding((if place == 0 { INDENT } else { 0 }, BETWEEN));
    }
    if let Some(width) = width.filter(|width| least_width(&table, flexible) <= *width) {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        for (place, column) in table.column_iter_mut().enumerate() {
            if !flexible.contains(&place) {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
    }
    table.trim_fmt()
}

fn least_width(table: &Table, flexible: &[usize]) -> u16 {
    let widths = table.column_max_content_widths();
    let needed = widths.iter().enumerate().map(|(place, width)| if flexible.contains(&place) { LEAST.min(*width) } else { *width });
    needed.fold(INDENT, |sum, width| sum.saturating_add(width).saturating_add(BETWEEN))
}

/// The widest line of a text.
pub fn widest(text: &str) -> usize {
    text.lines().map(|line| line.chars().count()).max().unwrap_or(0)
}

/// A reason as far as there is room for it.
fn reason(reason: &str, width: Option<u16>) -> String {
    quoted(&if width.is_some() { printable(reason, REASON) } else { reason.to_owned() })
}

/// Requests.
pub fn requests(clock: Clock, requests: &[RequestView], width: Option<u16>) -> String {
    let row = |request: &RequestView| {
        let next = match (request.state.as_str(), &request.decided) {
            ("pending", _) => format!("for {} until {}", approvers(&request.approvers, &[]), clock.short(request.lapses)),
            (_, Some(decided)) => {
                let by = decided.by.as_deref().map(|by| format!("by {}, ", safe(by))).unwrap_or_default();
                format!("{by}{}", clock.short(decided.at))
            }
            (_, None) => String::new(),
        };
        vec![
            safe(&request.id),
            safe(&request.state),
            safe(&request.user),
            what(&request.service, &request.run_as),
            about(request.for_s),
            next,
            reason(&request.reason, width),
        ]
    };
    rows(Some(&["ID", "STATE", "USER", "WHAT", "FOR", "DECISION", "REASON"]), requests.iter().map(row).collect(), &[5, 6], width)
}

/// Grants.
pub fn grants(clock: Clock, grants: &[GrantView], width: Option<u16>) -> String {
    let row = |grant: &GrantView| {
        let until = match (&grant.ended, grant.state.as_str()) {
            (Some(ended), _) => {
                format!("ended {}{}", clock.short(ended.at), ended.by.as_deref().map(|by| format!(" by {}", safe(by))).unwrap_or_default())
            }
            (None, "waiting") => match grant.starts {
                Some(starts) => format!("from {} until {}", clock.short(starts), clock.short(grant.until)),
                None => format!("begins before {}", clock.short(grant.until)),
            },
            (None, _) => format!("{} ({} left)", clock.short(grant.until), about(grant.left_s)),
        };
        vec![
            safe(&grant.id),
            safe(&grant.state),
            safe(&grant.user),
            what(&grant.service, &grant.run_as),
            until,
            grant.by.iter().map(|by| safe(by)).collect::<Vec<_>>().join(", "),
            reason(&grant.reason, width),
        ]
    };
    rows(Some(&["ID", "STATE", "USER", "WHAT", "UNTIL", "BY", "REASON"]), grants.iter().map(row).collect(), &[4, 5, 6], width)
}

/// Sessions.
pub fn sessions(clock: Clock, sessions: &[SessionView], width: Option<u16>) -> String {
    let row = |session: &SessionView| {
        let place = [session.tty.as_deref().map(safe), session.from.as_deref().map(|from| format!("from {}", safe(from)))];
        let end = match (session.closed, session.ends) {
            (Some(closed), _) => format!("closed {}", clock.short(closed)),
            (None, Some(ends)) => clock.short(ends),
            (None, None) => String::new(),
        };
        vec![
            safe(&session.id),
            safe(&session.state),
            safe(&session.user),
            what(&session.service, &session.run_as),
            place.into_iter().flatten().collect::<Vec<_>>().join(" "),
            clock.short(session.opened),
            end,
            safe(&session.grant_id),
        ]
    };
    let head = ["ID", "STATE", "USER", "WHAT", "WHERE", "OPENED", "ENDS", "GRANT"];
    rows(Some(&head), sessions.iter().map(row).collect(), &[3, 4, 5, 6], width)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::sample;

    #[test]
    fn tables_are_plain_lines_where_there_is_no_terminal() {
        let clock = Clock::standing(sample::NOW);
        let shown = requests(clock, &[sample::pending(), sample::denied()], None);
        assert_eq!(
            shown,
            "  ID          STATE    USER   WHAT          FOR  DECISION                       REASON\n  \
               R-7F3KQ2ZD  pending  alice  sudo as root  30m  for carol or dave until 15:04  \"INC-42 disk full\"\n  \
               R-7F3KQ2ZD  denied   alice  sudo as root  30m  by carol, 14:30                \"INC-42 disk full\""
        );
        assert!(grants(clock, &[sample::grant()], None).contains("15:00 (26m left)"));
        assert!(sessions(clock, &[sample::session()], None).contains("pts/3"));
    }

    #[test]
    fn a_grant_for_later_has_its_times_and_one_for_its_first_use_the_last_moment_of_that() {
        let until = sample::moment("2026-11-24T09:30:00Z");
        let first_use = GrantView { state: "waiting".to_owned(), starts: None, until, ..sample::grant() };
        let later = GrantView { starts: Some(sample::moment("2026-11-24T09:00:00Z")), ..first_use.clone() };
        let shown = |grant| grants(Clock::standing(sample::NOW), &[grant], None);
        assert!(shown(later.clone()).contains("from Tue 09:00 until Tue 09:30"), "{}", shown(later));
        assert!(shown(first_use.clone()).contains("begins before Tue 09:30"), "{}", shown(first_use));
    }

    #[test]
    fn tables_fit_the_terminal_and_never_break_an_id_or_a_state() {
        let clock = Clock::standing(sample::NOW);
        let long = RequestView { reason: "because ".repeat(40), ..sample::pending() };
        for shown in [
            requests(clock, &[long, sample::denied()], Some(80)),
            grants(clock, &[sample::grant()], Some(80)),
            sessions(clock, &[sample::session()], Some(80)),
        ] {
            assert!(widest(&shown) <= 80, "{shown}");
            assert!(shown.contains("R-7F3KQ2ZD  pending") || shown.contains("G-0123ABCD"), "{shown}");
        }
    }

    #[test]
    fn a_terminal_that_is_too_narrow_gets_whole_lines() {
        let shown = requests(Clock::standing(sample::NOW), &[sample::pending()], Some(30));
        assert_eq!(shown.lines().count(), 2, "{shown}");
    }

    #[test]
    fn no_cell_holds_what_a_terminal_obeys_or_breaks_a_row() {
        let evil = RequestView { reason: "x\n\x1b[2Jy\u{202e}".to_owned(), user: "al\x07ice".to_owned(), ..sample::pending() };
        let shown = requests(Clock::standing(sample::NOW), &[evil], None);
        assert_eq!(shown.lines().count(), 2);
        assert!(!shown.chars().any(|letter| letter != '\n' && jit_core::text::is_unsafe(letter)));
    }
}
