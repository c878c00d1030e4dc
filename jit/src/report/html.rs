//! The review as one page: no script, nothing from elsewhere, light and dark, and printable.
//!
//! Names, reasons and notes are others' words: each passes [`text`], and only there.

mod lanes;
mod tables;

use super::facts::Facts;
use super::timeline::KINDS;
use crate::show::times::{Clock, about};
use crate::show::words;
use jit_core::text::printable;
use jit_proto::time::Moment;
use std::fmt::Display;

/// The longest text of others that the page shows, in bytes.
const LONGEST: usize = 400;
/// The most lines of what should be looked at.
const LOOKS: usize = 60;

/// Where and how the page was made.
#[derive(Debug)]
pub struct About<'a> {
    /// The host's name.
    pub host: &'a str,
    /// Who made it.
    pub by: &'a str,
    /// The zone and the clock.
    pub clock: Clock,
}

/// The whole page.
pub fn page(facts: &Facts, about: &About<'_>) -> String {
    let host = text(about.host);
    let parts = [
        header(facts, about),
        tiles(facts),
        looks(facts, about.clock),
        lanes::section(facts, about.clock),
        tables::optouts(facts, about.clock),
        tables::grants(facts, about.clock),
        tables::denials(facts, about.clock),
        tables::people(facts),
        footer(facts, about),
    ];
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>Access review: {host}</title>\n<style>\n{}</style>\n</head>\n<body>\n<main>\n{}</main>\n</body>\n</html>\n",
        include_str!("html/style.css"),
        parts.concat()
    )
}

/// Text of others: nothing in it is markup, moves a cursor or turns text round.
fn text(words: &str) -> String {
    printable(words, LONGEST).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

/// The longest piece of a name that is not broken, in letters: no usual name is longer, and a table must not grow by others.
const PIECE: usize = 24;

/// A name, which may be broken where it is too long for a column.
fn name(words: &str) -> String {
    let letters: Vec<char> = printable(words, LONGEST).chars().collect();
    letters.chunks(PIECE).map(|piece| text(&piece.iter().collect::<String>())).collect::<Vec<_>>().join("<wbr>")
}

/// What somebody held: `sudo as root`.
fn what(service: &str, run_as: &str) -> String {
    if service.is_empty() { String::new() } else { text(&words::what(service, run_as)) }
}

/// Milliseconds as people say them.
fn length(millis: i64) -> String {
    about(u64::try_from(millis.div_euclid(1000)).unwrap_or(0))
}

fn minute(clock: Clock, at: i64) -> String {
    clock.minute(Moment(at))
}

/// `1 review is`, `2 reviews are`
fn several(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

fn header(facts: &Facts, about: &About<'_>) -> String {
    let (host, by, clock) = (text(about.host), text(about.by), about.clock);
    let period = &facts.period;
    format!(
        "<header><h1>Access review: {host}</h1>\n<p>{} to {} ({}). Times are {}. Made by {by}.</p></header>\n",
        minute(clock, period.start),
        minute(clock, period.end),
        length(period.end.saturating_sub(period.start)),
        text(&clock.zone_name()),
    )
}

fn tile(value: impl Display, words: &str, alarms: bool) -> String {
    let class = if alarms { "tile alarm" } else { "tile" };
    format!("<div class=\"{class}\"><b>{value}</b><span>{words}</span></div>\n")
}

fn tiles(facts: &Facts) -> String {
    let sums = &facts.sums;
    let overdue = facts.overdue().count();
    let holders = facts.people.values().filter(|person| person.grants > 0 || person.held_ms > 0).count();
    let held: i64 = facts.people.values().fold(0, |sum, person| sum.saturating_add(person.held_ms));
    let all = [
        tile(holders, if holders == 1 { "person held access" } else { "people held access" }, false),
        tile(sums.grants, if sums.grants == 1 { "grant given" } else { "grants given" }, false),
        tile(length(held), "held, all together", false),
        tile(sums.requests, if sums.requests == 1 { "request" } else { "requests" }, false),
        tile(sums.denied, "of them denied", false),
        tile(sums.emergencies, if sums.emergencies == 1 { "emergency taken" } else { "emergencies taken" }, false),
        tile(overdue, if overdue == 1 { "review overdue" } else { "reviews overdue" }, overdue > 0),
        tile(sums.refused, if sums.refused == 1 { "time turned away" } else { "times turned away" }, false),
    ];
    format!("<div class=\"tiles\">\n{}</div>\n", all.concat())
}

/// A line of what should be looked at.
fn look(class: &str, tag: &str, words: &str) -> String {
    format!("<li><span class=\"tag {class}\">{tag}</span><span>{words}</span></li>\n")
}

fn looks(facts: &Facts, clock: Clock) -> String {
    let mut lines = Vec::new();
    for it in facts.overdue() {
        let due = it.due.map(|due| format!(", due {}", minute(clock, due))).unwrap_or_default();
        let what = what(&it.service, &it.run_as);
        let what = if what.is_empty() { text(&it.rule) } else { format!("{} ({what})", text(&it.rule)) };
        lines.push(look(
            "bad",
            "overdue",
            &format!(
                "<b>{}</b> took the emergency {} and nobody has reviewed it{due}: <code>{}</code>",
                text(&it.user),
                what,
                text(&it.id)
            ),
        ));
    }
    for it in facts.reviewed.iter().rev() {
        if let super::facts::Verdict::Given { by, verdict, note, at } = &it.verdict
            && verdict == "misuse"
        {
            let note = note.as_deref().map(|note| format!(": “{}”", text(note))).unwrap_or_default();
            let words = format!(
                "{} found that the emergency of <b>{}</b> was none, {}{note}: <code>{}</code>",
                text(by),
                text(&it.user),
                minute(clock, *at),
                text(&it.id)
            );
            lines.push(look("bad", "misuse", &words));
        }
    }
    for odd in facts.odd.iter().rev() {
        let words = match odd.what {
            "limit" => format!(
                "<b>{}</b> wanted one emergency more than the limit allows, {}: {}",
                text(&odd.user),
                minute(clock, odd.at),
                text(&odd.about)
            ),
            _ => format!("<b>{}</b> came in by the break-glass file: {}", text(&odd.user), text(&odd.about)),
        };
        lines.push(look(if odd.what == "limit" { "warn" } else { "bad" }, odd.what, &words));
    }
    for optout in facts.optouts.iter().filter(|optout| optout.stale) {
        let days = optout.days_left.unwrap_or(0);
        let ends = if days < 0 {
            "has ended and is still in the policy".to_owned()
        } else {
            format!("ends in {}", several(usize::try_from(days).unwrap_or(0), "day", "days"))
        };
        let owner = optout.owner.as_deref().map(|owner| format!("; {} answers for it", text(&words::principal(owner)))).unwrap_or_default();
        lines.push(look("warn", "stale", &format!("the exemption <b>{}</b> {ends}{owner}", text(&optout.rule))));
    }
    let more = lines.len().saturating_sub(LOOKS);
    lines.truncate(LOOKS);
    if more > 0 {
        lines.push(look("warn", "more", &format!("and {more} more of these")));
    }
    if lines.is_empty() {
        lines.push(look(
            "ok",
            "nothing",
            "No review is overdue, nothing was found to be misuse, no exemption is about to end, nobody came in by the break-glass file.",
        ));
    }
    format!("<section><h2>To look at</h2>\n<ul class=\"look\">\n{}</ul></section>\n", lines.concat())
}

fn footer(facts: &Facts, about: &About<'_>) -> String {
    let head = text(&facts.head);
    let proof = if head.is_empty() {
        String::new()
    } else {
        format!(" The last of them is <code>{head}</code>: <code>jit audit verify --head {head}</code> proves that it is in the record.")
    };
    format!(
        "<footer><p>Made {} by jit {} from {} events of the record.{proof} Sessions of a grant are counted from the beginning of the time on. \
         What a person did with it is for sudo's own log and the session's.</p></footer>\n",
        minute(about.clock, facts.period.end),
        env!("CARGO_PKG_VERSION"),
        facts.sums.events,
    )
}

/// A kind as the page calls it.
fn kind_words(kind: &str) -> &'static str {
    match kind {
        "approved" => "approved",
        "self-service" => "self-service",
        "login" => "at log-in",
        "repetitive" => "repeated",
        "legacy" => "standing exemption",
        "emergency" => "emergency",
        _ => "other",
    }
}

/// The class of a kind's colour.
fn kind_class(kind: &str) -> usize {
    KINDS.iter().position(|known| *known == kind).unwrap_or(0)
}
