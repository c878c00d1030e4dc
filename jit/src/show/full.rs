//! One thing in full, key by key.

use super::times::{Clock, about};
use super::words::{all_of, approved, approvers, quoted, safe, what};
use crate::chain;
use jit_core::line;
use jit_core::text::printable;
use jit_proto::time::Moment;
use jit_proto::view::{DenialView, EventView, GrantView, RequestView, SessionView, Shown};

/// The longest line that shows an event, in bytes.
const EVENT: usize = 8000;

/// A list of keys and values, those without a value left out.
struct Sheet {
    lines: Vec<String>,
}

impl Sheet {
    fn new(title: String) -> Self {
        Self { lines: vec![title] }
    }

    fn row(mut self, key: &str, value: impl Into<Option<String>>) -> Self {
        if let Some(value) = value.into().filter(|value| !value.is_empty()) {
            self.lines.push(format!("  {key:<10} {value}"));
        }
        self
    }

    fn written(self) -> String {
        self.lines.join("\n")
    }
}

/// One thing.
pub fn shown(clock: Clock, thing: &Shown) -> String {
    match thing {
        Shown::Request(it) => request(clock, it),
        Shown::Grant(it) => grant(clock, it),
        Shown::Session(it) => session(clock, it),
        Shown::Denial(it) => denial(clock, it),
    }
}

fn person(name: &str, uid: u32) -> String {
    format!("{} (uid {uid})", safe(name))
}

fn with_note(by: &str, at: &str, note: Option<&str>) -> String {
    let note = note.map(|note| format!(": {}", quoted(note))).unwrap_or_default();
    format!("{by} at {at}{note}")
}

/// A request.
pub fn request(clock: Clock, it: &RequestView) -> String {
    let id = safe(&it.id);
    let pending = it.state == "pending";
    let mut sheet = Sheet::new(format!("Request {id}: {}", safe(&it.state)))
        .row("who", person(&it.user, it.uid))
        .row("what", what(&it.service, &it.run_as))
        .row("for", about(it.for_s))
        .row("uses", it.uses.map(|uses| format!("at most {uses}")))
        .row("start", it.start.map(|start| clock.short(start)))
        .row("from", it.from.as_deref().map(safe))
        .row("reason", quoted(&it.reason))
        .row("rule", safe(&it.rule))
        .row("asked", clock.short(it.submitted));
    for (place, stage) in it.stages.iter().enumerate() {
        let key = if it.stages.len() > 1 { format!("stage {}", place.saturating_add(1)) } else { "approval".to_owned() };
        let by = super::words::any_of(&stage.by);
        sheet = sheet.row(&key, format!("{} of {} by {by}", approved(stage), stage.count));
        for approval in &stage.approved {
            sheet = sheet.row("", with_note(&safe(&approval.by), &clock.short(approval.at), approval.note.as_deref()));
        }
    }
    if pending {
        sheet = sheet.row("waits for", approvers(&it.approvers, &it.stages)).row("lapses", clock.short(it.lapses));
    }
    if let Some(decided) = &it.decided {
        let by = decided.by.as_deref().map_or_else(|| "nobody answered".to_owned(), safe);
        sheet = sheet.row("decided", with_note(&by, &clock.short(decided.at), decided.note.as_deref()));
    }
    sheet.row("grant", it.grant_id.as_deref().map(safe)).row("extends", it.extends.as_deref().map(safe)).written()
}

fn grant(clock: Clock, it: &GrantView) -> String {
    let until = clock.short(it.until);
    let live = it.ended.is_none();
    let uses = it.uses.max.map_or_else(|| format!("{}, any number", it.uses.taken), |most| format!("{} of {most}", it.uses.taken));
    let sheet = Sheet::new(format!("Grant {}: {}", safe(&it.id), safe(&it.state)))
        .row("who", person(&it.user, it.uid))
        .row("what", what(&it.service, &it.run_as))
        .row("reason", quoted(&it.reason))
        .row("kind", safe(&it.kind))
        .row("rule", safe(&it.rule))
        .row("request", it.request_id.as_deref().map(safe))
        .row("approved", all_of(&it.by))
        .row("issued", clock.short(it.issued));
    let waits = it.state == "waiting";
    let sheet = sheet.row(if waits { "begins" } else { "began" }, it.starts.map(|starts| clock.short(starts)));
    let sheet = match (live, it.starts) {
        (true, Some(_)) if waits => sheet.row("until", until),
        (true, None) => sheet.row("begins", format!("with its first use, before {until}")),
        (true, Some(_)) => sheet.row("until", format!("{until} ({} left)", about(it.left_s))),
        (false, _) => sheet.row("until", format!("{until}, had it not ended before")),
    };
    let sheet = sheet.row("uses", uses).row("sessions", it.sessions.iter().map(|id| safe(id)).collect::<Vec<_>>().join(", "));
    let sheet = match &it.review {
        Some(review) => sheet.row("review", format!("{}, due {}", safe(&review.state), clock.short(review.due))),
        None => sheet,
    };
    match &it.ended {
        Some(ended) => {
            let by = ended.by.as_deref().map_or_else(|| safe(&it.state), safe);
            sheet.row("ended", with_note(&by, &clock.short(ended.at), ended.note.as_deref())).written()
        }
        None => sheet.written(),
    }
}

fn session(clock: Clock, it: &SessionView) -> String {
    Sheet::new(format!("Session {}: {}", safe(&it.id), safe(&it.state)))
        .row("who", person(&it.user, it.uid))
        .row("what", what(&it.service, &it.run_as))
        .row("grant", safe(&it.grant_id))
        .row("from", it.from.as_deref().map(safe))
        .row("terminal", it.tty.as_deref().map(safe))
        .row("process", it.pid.map(|pid| pid.to_string()))
        .row("opened", clock.short(it.opened))
        .row("ends", it.ends.filter(|_| it.closed.is_none()).map(|ends| clock.short(ends)))
        .row("closed", it.closed.map(|closed| clock.short(closed)))
        .written()
}

fn denial(clock: Clock, it: &DenialView) -> String {
    let who = it.uid.map_or_else(|| format!("{} (no such account)", safe(&it.user)), |uid| person(&it.user, uid));
    let asked = it.run_as.as_deref().map_or_else(|| super::words::service(&it.service), |run_as| what(&it.service, run_as));
    Sheet::new(format!("Denial {}", safe(&it.id)))
        .row("who", who)
        .row("what", asked)
        .row("from", it.from.as_deref().map(safe))
        .row("when", clock.short(it.at))
        .row("phase", safe(&it.phase))
        .row("why", safe(&it.why))
        .row("rule", it.rule.as_deref().map(safe))
        .row("next", it.ask.as_deref().map(safe))
        .written()
}

/// An event as syslog writes it, behind its time.
pub fn event(view: &EventView, time: impl Fn(Moment) -> String) -> String {
    let line = match chain::record(view) {
        Some(record) => format!("{}  {}", time(Moment(record.at.as_millis())), line::of(&record)),
        None => format!("{}  {} {} seq={} (not written as jitd writes events)", view.at, view.event, view.data, view.seq),
    };
    printable(&line, EVENT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::sample;

    #[test]
    fn a_request_is_shown_in_full() {
        let clock = Clock::standing(sample::NOW);
        assert_eq!(
            request(clock, &sample::pending()),
            "Request R-7F3KQ2ZD: pending\n  \
               who        alice (uid 1001)\n  \
               what       sudo as root\n  \
               for        30m\n  \
               reason     \"INC-42 disk full\"\n  \
               rule       ops-root\n  \
               asked      14:04\n  \
               approval   0 of 1 by group leads\n  \
               waits for  carol or dave (group leads)\n  \
               lapses     15:04"
        );
        let granted = request(clock, &sample::granted());
        assert!(granted.contains("\n             carol at 14:30: \"be quick\"\n"), "{granted}");
        assert!(granted.ends_with("\n  grant      G-0123ABCD"), "{granted}");
    }

    #[test]
    fn a_grant_a_session_and_a_denial_are_shown_in_full() {
        let clock = Clock::standing(sample::NOW);
        let grant = shown(clock, &Shown::Grant(sample::grant()));
        assert!(grant.contains("  until      15:00 (26m left)") && grant.contains("  approved   carol"), "{grant}");
        assert!(shown(clock, &Shown::Session(sample::session())).contains("  terminal   pts/3"));
        assert!(shown(clock, &Shown::Denial(sample::denial())).contains("mallory (no such account)"));
    }

    #[test]
    fn a_grant_for_later_has_not_begun() {
        let (starts, until) = (Some(sample::moment("2026-11-24T09:00:00Z")), sample::moment("2026-11-24T09:30:00Z"));
        let later = GrantView { state: "waiting".to_owned(), starts, until, left_s: 68_160, ..sample::grant() };
        let shown = grant(Clock::standing(sample::NOW), &later);
        assert!(shown.contains("\n  begins     Tue 09:00\n  until      Tue 09:30\n") && !shown.contains("began"), "{shown}");
    }

    #[test]
    fn an_event_is_shown_as_syslog_has_it_and_what_is_odd_is_shown_safely() {
        let clock = Clock::standing(sample::NOW);
        let mut view = sample::events(1).remove(0);
        let line = event(&view, |moment| clock.full(moment));
        assert!(line.starts_with("2026-11-23 14:04:05  request.cancelled id=R-7F3KQ2ZD user=alice seq=1 hash="), "{line}");
        view.event = "x\x1b[2J\ny".to_owned();
        assert!(!event(&view, |moment| clock.full(moment)).chars().any(jit_core::text::is_unsafe));
    }
}
