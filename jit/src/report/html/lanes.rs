//! Who held what when: a lane for each person and service.

use super::{kind_words, length, minute, what};
use crate::report::facts::Facts;
use crate::report::timeline::{KINDS, Row, Run, SLOTS};
use crate::show::times::Clock;
use jit_proto::time::Moment;
use std::fmt::Write as _;

/// The most lanes that the page shows.
const LANES: usize = 80;
/// The most marks on the axis.
const MARKS: i64 = 13;
/// The height of a lane.
const HEIGHT: u32 = 24;
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// The section.
pub fn section(facts: &Facts, clock: Clock) -> String {
    let (rows, others) = facts.timeline.rows(LANES);
    let mut page =
        "<section><h2>Who held what when</h2>\n<p class=\"hint\">Each lane is one person’s access; a bar is a time in which it was open. \
                    <span class=\"screen\">Hover over a bar for its days.</span></p>\n"
            .to_owned();
    if rows.is_empty() {
        return page + "<p>Nobody held anything in this time.</p></section>\n";
    }
    page.push_str(&legend());
    let marks = marks(facts.period.start, facts.period.end);
    page.push_str("<div class=\"lanes\">\n<div></div><div></div>");
    page.push_str(&axis(facts, clock, &marks));
    page.push_str("<div class=\"sum what\">held</div>\n");
    let mut before = "";
    for ((user, service, run_as), row) in rows {
        let is_first = user != before;
        before = user;
        let first = if is_first { " first" } else { "" };
        let name = if is_first { super::name(user) } else { String::new() };
        let _ = writeln!(
            page,
            "<div class=\"who{first}\">{name}</div><div class=\"what{first}\">{}</div><div class=\"lane{first}\">{}</div><div class=\"sum{first}\">{}</div>",
            what(service, run_as),
            lane(facts, clock, row, &marks),
            length(row.held_ms)
        );
    }
    page.push_str("</div>\n");
    if others > 0 || facts.timeline.left_out > 0 {
        let _ = writeln!(page, "<p class=\"hint\">The {LANES} that were open longest. The table (--csv) has all of them.</p>");
    }
    page + "</section>\n"
}

/// The shape of a kind: emergencies are tall, standing exemptions flat, so that colour is not needed.
fn shape(kind: usize) -> (u32, u32) {
    match KINDS.get(kind) {
        Some(&"emergency") => (2, 20),
        Some(&"legacy") => (16, 4),
        Some(&"repetitive") => (9, 6),
        Some(&"login") => (8, 8),
        Some(_) | None => (6, 12),
    }
}

fn legend() -> String {
    let mut legend = "<div class=\"legend\">".to_owned();
    for (place, kind) in KINDS.iter().enumerate() {
        let (y, height) = shape(place);
        let _ = write!(
            legend,
            "<span><svg viewBox=\"0 0 22 {HEIGHT}\" aria-hidden=\"true\"><rect class=\"k{place}\" x=\"1\" y=\"{y}\" width=\"20\" height=\"{height}\"/></svg>{}</span>",
            kind_words(kind)
        );
    }
    legend + "</div>\n"
}

/// Where marks stand on the axis, and whether days will do as their names.
struct Marks {
    at: Vec<i64>,
    days: bool,
}

fn marks(start: i64, end: i64) -> Marks {
    let length = end.saturating_sub(start).max(1);
    let steps = [HOUR, 2 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 28 * DAY, 91 * DAY, 364 * DAY];
    let fits = |step: &&i64| length.checked_div(**step).unwrap_or(0) <= MARKS;
    let step = steps.iter().find(fits).copied().unwrap_or(364 * DAY);
    let first = start.div_euclid(step).saturating_add(1).saturating_mul(step);
    let mut at = Vec::new();
    let mut next = first;
    while next < end && at.len() < 32 {
        at.push(next);
        next = next.saturating_add(step);
    }
    Marks { at, days: step >= DAY }
}

/// How far along a moment is, in hundredths of the width in per cent.
fn along(facts: &Facts, at: i64, width: i64) -> i64 {
    let length = facts.period.end.saturating_sub(facts.period.start).max(1);
    at.saturating_sub(facts.period.start).saturating_mul(width).checked_div(length).unwrap_or(0)
}

fn axis(facts: &Facts, clock: Clock, marks: &Marks) -> String {
    let mut axis = "<div class=\"axis\">".to_owned();
    for at in &marks.at {
        let permille = along(facts, *at, 1000);
        let name = if marks.days { clock.day(Moment(*at)) } else { clock.short(Moment(*at)) };
        // At the edges there is no room for half a name.
        let hidden = if (30..=970).contains(&permille) { "" } else { " hidden" };
        let _ = write!(axis, "<span style=\"left:{}.{}%\"{hidden}>{name}</span>", permille.div_euclid(10), permille.rem_euclid(10));
    }
    axis + "</div>"
}

fn lane(facts: &Facts, clock: Clock, row: &Row, marks: &Marks) -> String {
    let mut lane = format!(
        "<svg viewBox=\"0 0 {SLOTS} {HEIGHT}\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><path class=\"base\" d=\"M0 12H{SLOTS}\"/>"
    );
    let slots = i64::try_from(SLOTS).unwrap_or(0);
    for at in &marks.at {
        let _ = write!(lane, "<path class=\"grid\" d=\"M{} 0V{HEIGHT}\"/>", along(facts, *at, slots));
    }
    for Run { slots, kind } in row.runs() {
        let (y, height) = shape(kind);
        // What is too short to be seen is shown all the same.
        let width = slots.len().max(3);
        let (from, to) = (facts.timeline.begins(slots.start), facts.timeline.begins(slots.end));
        let _ = write!(
            lane,
            "<rect class=\"k{kind}\" x=\"{}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"><title>{}, between {} and {}</title></rect>",
            slots.start.min(SLOTS.saturating_sub(width)),
            KINDS.get(kind).map_or("other", |kind| kind_words(kind)),
            minute(clock, from),
            minute(clock, to)
        );
    }
    lane + "</svg>"
}
