//! What each row says. All text of others in it is safe to show.

use super::model::Picture;
use crate::show::times::{Clock, about};
use crate::show::words::{quoted, safe, what};
use jit_core::text::printable;
use jit_core::time::WallTime;
use jit_proto::time::Moment;
use jit_proto::view::{EventView, GrantView, RequestView, SessionView};
use serde_json::{Map, Value};

/// From when on time is short, in seconds.
const SHORT_S: u64 = 300;

/// How much a row asks to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// It is there.
    Plain,
    /// It waits for whoever looks.
    Yours,
    /// Its time is short, or it is an emergency.
    Urgent,
}

/// A row: cells with the width that each is given, and then what takes the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The cells.
    pub cells: Vec<(String, usize)>,
    /// The rest of the line.
    pub rest: String,
    /// How much it asks to be seen.
    pub weight: Weight,
}

impl Row {
    /// The row as a line of any length.
    pub fn plain(&self) -> String {
        let cells: String = self.cells.iter().map(|(cell, width)| format!("{cell:<width$} ")).collect();
        cells + &self.rest
    }
}

/// What bars are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glyphs {
    /// What is left.
    pub full: char,
    /// What is gone.
    pub empty: char,
    /// A line.
    pub line: char,
    /// The line of the part that keys act on.
    pub heavy: char,
    /// What stands where a text was cut.
    pub cut: char,
}

impl Glyphs {
    /// Where UTF-8 is shown.
    pub const UTF8: Self = Self { full: '█', empty: '░', line: '─', heavy: '━', cut: '…' };
    /// Where it is not.
    pub const ASCII: Self = Self { full: '#', empty: '.', line: '-', heavy: '=', cut: '~' };
}

/// A time that runs down: `12:31`, `1h04m`, `2d3h`.
pub fn countdown(secs: u64) -> String {
    match secs {
        0..3600 => format!("{}:{:02}", secs / 60, secs % 60),
        3600..86_400 => format!("{}h{:02}m", secs / 3600, secs % 3600 / 60),
        _ => format!("{}d{:02}h", secs / 86_400, secs % 86_400 / 3600),
    }
}

/// How many seconds are left until then.
pub fn left(clock: Clock, until: Moment) -> u64 {
    clock.now().until(WallTime::from_millis(until.0)).as_secs()
}

/// A bar of what is left.
pub fn bar(glyphs: Glyphs, left_s: u64, all_s: u64, width: usize) -> String {
    let cells = u64::try_from(width).unwrap_or(0);
    let left = left_s.min(all_s);
    // What is left is seen to the last.
    let full = left.saturating_mul(cells).div_ceil(all_s.max(1)).min(cells);
    let (full, empty) = (usize::try_from(full).unwrap_or(0), usize::try_from(cells.saturating_sub(full)).unwrap_or(0));
    let part = |glyph: char, count: usize| glyph.to_string().repeat(count);
    format!("[{}{}]", part(glyphs.full, full), part(glyphs.empty, empty))
}

/// A request that waits.
pub fn request(clock: Clock, picture: &Picture, it: &RequestView) -> Row {
    let left_s = left(clock, it.lapses);
    let yours = picture.to_approve.contains(&it.id);
    let whose = match (yours, it.user == picture.user) {
        (true, _) => "for you",
        (false, true) => "yours",
        (false, false) => "",
    };
    let weight = match (yours, left_s < SHORT_S) {
        (true, true) => Weight::Urgent,
        (true, false) => Weight::Yours,
        (false, _) => Weight::Plain,
    };
    let cells = vec![
        (safe(&it.id), 10),
        (whose.to_owned(), 7),
        (safe(&it.user), 9),
        (what(&it.service, &it.run_as), 13),
        (about(it.for_s), 5),
        (format!("lapses {}", countdown(left_s)), 12),
    ];
    Row { cells, rest: quoted(&it.reason), weight }
}

/// An emergency that waits for a review.
pub fn review(clock: Clock, it: &GrantView) -> Row {
    let due = it.review.as_ref().map(|review| left(clock, review.due)).unwrap_or_default();
    let (when, weight) = if due == 0 { ("OVERDUE".to_owned(), Weight::Urgent) } else { (format!("due {}", countdown(due)), Weight::Yours) };
    let cells = vec![
        (safe(&it.id), 10),
        ("REVIEW".to_owned(), 7),
        (safe(&it.user), 9),
        (what(&it.service, &it.run_as), 13),
        (String::new(), 5),
        (when, 12),
    ];
    Row { cells, rest: quoted(&it.reason), weight }
}

/// A grant.
pub fn grant(clock: Clock, glyphs: Glyphs, it: &GrantView, width: u16) -> Row {
    let bar_width = if width >= 100 { 24 } else { 12 };
    let left_s = left(clock, it.until);
    let begun = it.starts.filter(|starts| starts.0 <= clock.now().as_millis());
    let (shown, when) = match (begun, it.starts) {
        (Some(starts), _) => {
            let all_s = WallTime::from_millis(starts.0).until(WallTime::from_millis(it.until.0)).as_secs();
            (bar(glyphs, left_s, all_s, bar_width), format!("{} left", countdown(left_s)))
        }
        (None, Some(starts)) => ("not begun".to_owned(), format!("at {}", clock.short(starts))),
        (None, None) => ("not used yet".to_owned(), format!("{} to", countdown(left_s))),
    };
    let is_emergency = it.kind == "emergency";
    let by = match it.by.as_slice() {
        [] if is_emergency => "EMERGENCY".to_owned(),
        [] => safe(&it.kind),
        by => format!("by {}", by.iter().map(|name| safe(name)).collect::<Vec<_>>().join(", ")),
    };
    let uses = it.uses.max.map(|most| format!(", {} of {most} uses", it.uses.taken)).unwrap_or_default();
    let is_short = begun.is_some() && left_s < SHORT_S;
    let cells = vec![
        (safe(&it.id), 10),
        (safe(&it.user), 9),
        (what(&it.service, &it.run_as), 13),
        (shown, bar_width.saturating_add(2)),
        (when, 11),
    ];
    let weight = if is_emergency || is_short { Weight::Urgent } else { Weight::Plain };
    Row { cells, rest: format!("{by}{uses} {}", quoted(&it.reason)), weight }
}

/// A session.
pub fn session(clock: Clock, it: &SessionView) -> Row {
    let since = WallTime::from_millis(it.opened.0).until(clock.now()).as_secs();
    let ends = it.ends.map(|ends| format!("ends {}", clock.short(ends))).unwrap_or_default();
    let place = [it.tty.as_deref().map(safe), it.from.as_deref().map(|from| format!("from {}", safe(from)))];
    let place: Vec<_> = place.into_iter().flatten().collect();
    let cells = vec![
        (safe(&it.id), 10),
        (safe(&it.user), 9),
        (what(&it.service, &it.run_as), 13),
        (format!("open {}", about(since)), 14),
        (ends, 11),
    ];
    Row { cells, rest: place.join(" "), weight: Weight::Plain }
}

/// An event: who, what, which, by whom, and their words.
pub fn event(clock: Clock, it: &EventView) -> Row {
    let second = |at: WallTime| {
        let (second, short) = (clock.second(Moment(at.as_millis())), clock.short(Moment(at.as_millis())));
        // On another day its name says more than the second.
        if second.len() > 8 { short } else { second }
    };
    let at = WallTime::parse(&it.at).map_or_else(|| safe(&it.at), second);
    let data: Map<String, Value> = serde_json::from_str(&it.data).unwrap_or_default();
    let text = |key: &str| data.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let mut said: Vec<String> = Vec::new();
    said.extend(text("user").map(safe));
    said.extend(
        text("service").map(|service| text("as").map_or_else(|| crate::show::words::service(service), |run_as| what(service, run_as))),
    );
    said.extend(text("id").map(safe));
    let by = match data.get("by") {
        Some(Value::String(by)) => Some(safe(by)),
        Some(Value::Array(all)) => Some(all.iter().filter_map(Value::as_str).map(safe).collect::<Vec<_>>().join(", ")),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => None,
    };
    said.extend(by.filter(|by| !by.is_empty()).map(|by| format!("by {by}")));
    said.extend(["verdict", "why"].iter().filter_map(|key| text(key)).map(safe));
    said.extend(["reason", "note"].iter().filter_map(|key| text(key)).map(quoted));
    said.extend(text("rule").map(safe));
    let weight = match it.event.as_str() {
        "optout.taken" if text("kind") == Some("emergency") => Weight::Urgent,
        "optout.overdue" | "access.breakglass" | "store.failed" | "store.undone" | "syslog.lost" => Weight::Urgent,
        _ => Weight::Plain,
    };
    Row { cells: vec![(at, 9), (printable(&it.event, 24), 18)], rest: said.join("  "), weight }
}
