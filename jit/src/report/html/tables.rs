//! The tables of the page.

use super::{kind_class, kind_words, length, minute, name, text, what};
use crate::report::facts::{Emergency, Facts, Past, Verdict};
use crate::show::times::{Clock, day_in_utc};
use crate::show::words;
use std::fmt::Display;

/// The longest table.
const ROWS: usize = 50;
/// The longest table of people, who are what the review is about.
const PEOPLE: usize = 500;

/// A cell: its class, and what is in it, which is markup already.
type Cell = (&'static str, String);

/// A column: its class and heading.
type Column = (&'static str, &'static str);

fn table(columns: &[Column], rows: &[Vec<Cell>]) -> String {
    let class = |class: &str| if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    let head: String =
        columns.iter().map(|(kind, name)| format!("<th{}>{name}</th>", class(if *kind == "n" { "n" } else { "" }))).collect();
    let row = |cells: &Vec<Cell>| {
        let cells: String = cells.iter().map(|(kind, cell)| format!("<td{}>{cell}</td>", class(kind))).collect();
        format!("<tr>{cells}</tr>\n")
    };
    let body: String = rows.iter().map(row).collect();
    format!("<table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table>\n")
}

/// A number; none is there to be overlooked.
fn number(count: impl Display) -> Cell {
    let count = count.to_string();
    ("n", if count == "0" { "<span class=\"zero\">0</span>".to_owned() } else { count })
}

fn reason(words: &str) -> Cell {
    ("why", if words.is_empty() { String::new() } else { format!("“{}”", text(words)) })
}

fn cut(shown: usize, all: usize) -> String {
    if all > shown {
        format!("<p class=\"hint\">{} more are in the table (--csv).</p>\n", all.saturating_sub(shown))
    } else {
        String::new()
    }
}

/// What opt-outs there were, by kind, with their reviews.
pub fn optouts(facts: &Facts, clock: Clock) -> String {
    let mut all: Vec<&Emergency> = facts.unreviewed.values().chain(&facts.reviewed).collect();
    all.sort_by_key(|it| std::cmp::Reverse(it.at));
    let open = facts.unreviewed.values().filter(|it| !it.is_overdue(facts.period.end)).count();
    let mut section = "<section><h2>Opt-outs</h2>\n<p class=\"hint\">Access that nobody approved beforehand.</p>\n".to_owned();
    section.push_str("<h3>Emergencies</h3>\n");
    if all.is_empty() {
        section.push_str("<p>None was taken.</p>\n");
    } else {
        if open > 0 {
            section
                .push_str(&format!("<p class=\"hint\">{} still to come, in time.</p>\n", super::several(open, "review is", "reviews are")));
        }
        let columns = [("t", "taken"), ("w", "who"), ("w", "what"), ("", "why"), ("", "review"), ("id", "grant")];
        let rows: Vec<_> = all.iter().take(ROWS).map(|it| emergency(it, facts.period.end, clock)).collect();
        section.push_str(&table(&columns, &rows));
        section.push_str(&cut(rows.len(), all.len()));
    }
    section.push_str(&by_rule(facts));
    section + "</section>\n"
}

fn emergency(it: &Emergency, now: i64, clock: Clock) -> Vec<Cell> {
    let note = |note: &Option<String>| {
        note.as_deref()
            .filter(|note| !note.is_empty())
            .map(|note| format!(" <span class=\"why\">“{}”</span>", text(note)))
            .unwrap_or_default()
    };
    let review = match &it.verdict {
        Verdict::Given { by, verdict, note: words, .. } if verdict == "fine" => {
            format!("<span class=\"tag ok\">fine</span> {}{}", text(by), note(words))
        }
        Verdict::Given { by, verdict, note: words, .. } => {
            format!("<span class=\"tag bad\">{}</span> {}{}", text(verdict), text(by), note(words))
        }
        Verdict::Open => {
            let (class, word) = if it.is_overdue(now) { ("bad", "overdue") } else { ("warn", "due") };
            format!("<span class=\"tag {class}\">{word}</span> {}", it.due.map(|due| minute(clock, due)).unwrap_or_default())
        }
    };
    vec![
        ("t", it.at.map_or_else(|| "earlier".to_owned(), |at| minute(clock, at))),
        ("who", name(&it.user)),
        ("w", what(&it.service, &it.run_as)),
        reason(&it.reason),
        ("", review),
        ("id", text(&it.id)),
    ]
}

/// Repetitive and legacy rules.
fn by_rule(facts: &Facts) -> String {
    let mut keys: std::collections::BTreeSet<(String, String)> = facts.rules.keys().cloned().collect();
    let standing = facts.optouts.iter().filter(|optout| optout.kind != "emergency");
    keys.extend(standing.map(|optout| (optout.kind.clone(), optout.rule.clone())));
    let row = |(kind, rule): &(String, String)| {
        let used = facts.rules.get(&(kind.clone(), rule.clone())).cloned().unwrap_or_default();
        let view = facts.optouts.iter().find(|optout| optout.kind == *kind && optout.rule == *rule);
        let owner = view.and_then(|view| view.owner.as_deref()).map(|owner| text(&words::principal(owner))).unwrap_or_default();
        let ends = match view {
            None => "no longer in the policy".to_owned(),
            Some(view) => {
                let tag = if view.stale { " <span class=\"tag warn\">stale</span>" } else { "" };
                view.until.map(|until| format!("{}{tag}", day_in_utc(until))).unwrap_or_default()
            }
        };
        vec![
            ("who", name(rule)),
            ("w", kind_words(kind).to_owned()),
            ("", owner),
            ("w", ends),
            number(used.count),
            number(used.sessions),
            ("n", length(used.held_ms)),
        ]
    };
    let rows: Vec<_> = keys.iter().take(ROWS).map(row).collect();
    if rows.is_empty() {
        return "<h3>Repeated access and standing exemptions</h3>\n<p>There are none.</p>\n".to_owned();
    }
    let columns = [("", "rule"), ("", "kind"), ("", "answers for it"), ("", "ends"), ("n", "grants"), ("n", "sessions"), ("n", "held")];
    format!("<h3>Repeated access and standing exemptions</h3>\n{}{}", table(&columns, &rows), cut(rows.len(), keys.len()))
}

/// The longest and the most used grants.
pub fn grants(facts: &Facts, clock: Clock) -> String {
    let columns = [
        ("", "who"),
        ("", "what"),
        ("", "kind"),
        ("", "from"),
        ("n", "held"),
        ("n", "sessions"),
        ("", "approved by"),
        ("", "why"),
        ("", "grant"),
    ];
    let row = |past: &Past| {
        let grant = &past.grant;
        let by = if grant.by.is_empty() { "<span class=\"zero\">nobody</span>".to_owned() } else { text(&grant.by.join(", ")) };
        let state = match past.end.how.as_str() {
            "active" => " <span class=\"tag ok\">open</span>",
            "revoked" => " <span class=\"tag warn\">revoked</span>",
            _ => "",
        };
        let kind = format!(
            "<svg width=\"9\" height=\"9\" aria-hidden=\"true\"><rect class=\"k{}\" width=\"9\" height=\"9\"/></svg> {}{state}",
            kind_class(&grant.kind),
            kind_words(&grant.kind)
        );
        vec![
            ("who", name(&grant.user)),
            ("w", what(&grant.service, &grant.run_as)),
            ("w", kind),
            ("t", minute(clock, grant.from.unwrap_or(grant.issued))),
            ("n", length(past.held_ms)),
            number(grant.sessions),
            ("", by),
            reason(&grant.reason),
            ("id", text(&grant.id)),
        ]
    };
    let part = |title: &str, rows: Vec<Vec<Cell>>| {
        if rows.is_empty() {
            format!("<h3>{title}</h3>\n<p>There was none.</p>\n")
        } else {
            format!("<h3>{title}</h3>\n{}", table(&columns, &rows))
        }
    };
    let longest = part("Held longest", facts.longest.iter().map(row).collect());
    let used = part("Used most", facts.most_used.iter().map(row).collect());
    format!("<section><h2>Grants</h2>\n{longest}{used}</section>\n")
}

/// What was denied: requests, and people at the door.
pub fn denials(facts: &Facts, clock: Clock) -> String {
    let requests: Vec<_> = facts.denied.iter().rev().take(ROWS).collect();
    let mut section = "<section><h2>Denials</h2>\n<h3>Requests that were denied</h3>\n".to_owned();
    if requests.is_empty() {
        section.push_str("<p>None was.</p>\n");
    } else {
        let columns =
            [("", "when"), ("", "who"), ("", "what"), ("", "why they asked"), ("", "denied by"), ("", "with the words"), ("", "request")];
        let rows: Vec<_> = requests
            .iter()
            .map(|it| {
                vec![
                    ("t", minute(clock, it.at)),
                    ("who", name(&it.user)),
                    ("w", what(&it.service, &it.run_as)),
                    reason(&it.reason),
                    ("", text(&it.by)),
                    reason(it.note.as_deref().unwrap_or_default()),
                    ("id", text(&it.id)),
                ]
            })
            .collect();
        section.push_str(&table(&columns, &rows));
        section.push_str(&cut(rows.len(), usize::try_from(facts.sums.denied).unwrap_or(usize::MAX)));
    }
    section.push_str("<h3>Turned away at the door</h3>\n");
    let mut refused: Vec<_> = facts.refused.iter().collect();
    refused.sort_by_key(|(_, it)| std::cmp::Reverse(it.count));
    if refused.is_empty() {
        section.push_str("<p>Nobody was.</p>\n");
    } else {
        let columns = [("", "who"), ("", "service"), ("", "why"), ("n", "times"), ("", "last")];
        let rows: Vec<_> = refused
            .iter()
            .take(ROWS)
            .map(|((user, service, why), it)| {
                vec![
                    ("who", name(user)),
                    ("w", text(&words::service(service))),
                    ("", name(why)),
                    number(it.count),
                    ("t", minute(clock, it.last)),
                ]
            })
            .collect();
        section.push_str(&table(&columns, &rows));
        section.push_str(&cut(rows.len(), refused.len()));
    }
    section + "</section>\n"
}

/// Everybody, and what they did and decided.
pub fn people(facts: &Facts) -> String {
    let mut people: Vec<_> = facts.people.iter().collect();
    people.sort_by_key(|(_, person)| std::cmp::Reverse(person.held_ms));
    let all = people.len();
    people.truncate(PEOPLE);
    people.sort_by_key(|(name, _)| *name);
    let rows: Vec<_> = people
        .iter()
        .map(|(who, it)| {
            vec![
                ("who", name(who)),
                number(it.grants),
                ("n", length(it.held_ms)),
                number(it.sessions),
                number(it.emergencies),
                number(it.denied),
                number(it.refused),
            ]
        })
        .collect();
    let columns = [
        ("", "who"),
        ("n", "grants"),
        ("n", "held"),
        ("n", "sessions"),
        ("n", "emergencies"),
        ("n", "requests denied"),
        ("n", "turned away"),
    ];
    let holders = if rows.is_empty() { "<p>Nobody did anything.</p>\n".to_owned() } else { table(&columns, &rows) + &cut(rows.len(), all) };
    let columns = [("", "who"), ("n", "approved"), ("n", "denied"), ("n", "revoked"), ("n", "reviewed")];
    let rows: Vec<_> = facts
        .deciders
        .iter()
        .take(PEOPLE)
        .map(|(who, it)| vec![("who", name(who)), number(it.approved), number(it.denied), number(it.revoked), number(it.reviewed)])
        .collect();
    let deciders = if rows.is_empty() { "<p>Nobody decided anything.</p>\n".to_owned() } else { table(&columns, &rows) };
    format!("<section><h2>People</h2>\n<h3>What they held</h3>\n{holders}<h3>What they decided</h3>\n{deciders}</section>\n")
}
