//! How the daemon is, in the OpenMetrics text format:
//! <https://prometheus.io/docs/specs/om/open_metrics_spec/>.
//!
//! What Prometheus's older text format lacks (info, unit, created) is left out: node_exporter reads that one from
//! files, and takes these lines too.

use jit_proto::view::{CountView, LatencyView, MetricsView};
use std::fmt::{Display, Write as _};

/// What a family is.
#[derive(Debug, Clone, Copy)]
enum Is {
    Counter,
    Gauge,
    Histogram,
}

impl Is {
    fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// Lines that are being written.
struct Text {
    lines: String,
}

/// A family of which samples are being written.
struct Family<'a> {
    lines: &'a mut String,
    name: &'static str,
    is: Is,
}

impl Text {
    fn family(&mut self, name: &'static str, is: Is, help: &str) -> Family<'_> {
        let _ = writeln!(self.lines, "# TYPE {name} {}\n# HELP {name} {help}", is.word());
        Family { lines: &mut self.lines, name, is }
    }

    fn gauge(&mut self, name: &'static str, help: &str, value: impl Display) {
        self.family(name, Is::Gauge, help).sample(&[], value);
    }
}

impl Family<'_> {
    /// One sample; a counter's name ends in `_total`.
    fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) -> &mut Self {
        let ending = match self.is {
            Is::Counter => "_total",
            Is::Gauge | Is::Histogram => "",
        };
        self.line(ending, labels, value)
    }

    fn line(&mut self, ending: &str, labels: &[(&str, &str)], value: impl Display) -> &mut Self {
        let labels: Vec<_> = labels.iter().map(|(key, value)| format!("{key}=\"{}\"", escaped(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.lines, "{}{ending}{labels} {value}", self.name);
        self
    }

    /// A sample for each of these events, those that never happened too, so that a first one is seen to come.
    fn events(&mut self, key: &str, all: &[CountView], named: &[(&str, &str)]) {
        for (word, event) in named {
            self.sample(&[(key, word)], count_of(all, event));
        }
    }

    fn histogram(&mut self, latency: &LatencyView) {
        let mut below = 0_u64;
        let bounds = latency.bounds_us.iter().map(|bound| seconds(*bound)).chain(["+Inf".to_owned()]);
        for (bound, count) in bounds.zip(&latency.counts) {
            below = below.saturating_add(*count);
            self.line("_bucket", &[("le", &bound)], below);
        }
        self.line("_count", &[], below).line("_sum", &[], seconds(latency.sum_us));
    }
}

/// A label's value as the format wants it.
fn escaped(value: &str) -> String {
    jit_core::text::printable(value, 200).replace('\\', "\\\\").replace('"', "\\\"")
}

/// Microseconds as seconds, exactly.
fn seconds(micros: u64) -> String {
    let (whole, part) = (micros / 1_000_000, micros % 1_000_000);
    let digits = format!("{part:06}");
    let digits = digits.trim_end_matches('0');
    format!("{whole}.{}", if digits.is_empty() { "0" } else { digits })
}

fn count_of(all: &[CountView], name: &str) -> u64 {
    all.iter().find(|one| one.name == name).map_or(0, |one| one.count)
}

/// Says that no daemon answers.
pub fn away() -> String {
    let mut text = Text { lines: String::new() };
    up(&mut text, false);
    text.lines + "# EOF\n"
}

fn up(text: &mut Text, is_up: bool) {
    text.gauge("jit_up", "Whether jitd answers.", u8::from(is_up));
}

/// All of it.
pub fn written(view: &MetricsView) -> String {
    let mut text = Text { lines: String::new() };
    up(&mut text, true);
    text.family("jit_build", Is::Gauge, "The version of jitd.").sample(&[("version", &view.version)], 1);
    text.gauge("jit_start_time_seconds", "When jitd began; what is counted is counted since then.", moment(view.since.0));
    people(&mut text, view);
    checks(&mut text, view);
    policy(&mut text, view);
    record(&mut text, view);
    text.lines + "# EOF\n"
}

/// Milliseconds since 1970 as seconds.
fn moment(millis: i64) -> String {
    seconds(u64::try_from(millis).unwrap_or(0).saturating_mul(1000))
}

/// Requests, grants, sessions, reviews.
fn people(text: &mut Text, view: &MetricsView) {
    text.gauge("jit_requests_pending", "Requests that wait for an answer.", view.pending);
    let requests = ["submitted", "granted", "denied", "cancelled", "lapsed", "escalated"].map(|word| (word, format!("request.{word}")));
    text.family("jit_requests", Is::Counter, "What became of requests.").events("event", &view.events, &borrowed(&requests));
    let mut grants = text.family("jit_grants", Is::Gauge, "Grants that let somebody in, by state and kind.");
    for held in &view.grants {
        grants.sample(&[("state", &held.state), ("kind", &held.kind)], held.count);
    }
    let mut issued = text.family("jit_grants_issued", Is::Counter, "Grants that were given, by kind.");
    for kind in &view.issued {
        issued.sample(&[("kind", &kind.name)], kind.count);
    }
    let ended = ["expired", "used-up", "dropped", "revoked"].map(|word| (word, format!("grant.{word}")));
    text.family("jit_grants_ended", Is::Counter, "How grants ended.").events("how", &view.events, &borrowed(&ended));
    let mut sessions = text.family("jit_sessions", Is::Gauge, "Sessions that run, by service.");
    for service in ["sudo", "sshd"] {
        sessions.sample(&[("service", service)], count_of(&view.sessions, service));
    }
    for other in view.sessions.iter().filter(|one| !["sudo", "sshd"].contains(&one.name.as_str())) {
        sessions.sample(&[("service", &other.name)], other.count);
    }
    let opened = count_of(&view.events, "session.opened");
    text.family("jit_sessions_opened", Is::Counter, "Sessions that a grant let in.").sample(&[], opened);
    let mut reviews = text.family("jit_reviews", Is::Gauge, "Emergencies that nobody has reviewed yet.");
    reviews.sample(&[("state", "due")], view.reviews_due).sample(&[("state", "overdue")], view.reviews_overdue);
    text.gauge("jit_optouts_stale", "Legacy rules that end within a month, or have ended.", view.optouts_stale);
    let limited = count_of(&view.events, "optout.limit-reached");
    text.family("jit_optouts_refused", Is::Counter, "Emergencies that were refused because the limit was reached.").sample(&[], limited);
    let broken = count_of(&view.events, "access.breakglass");
    let entries = "Lines about entries by the break-glass file while jitd was away: one of account, and one of session.";
    text.family("jit_breakglass_entries", Is::Counter, entries).sample(&[], broken);
    let unread = u8::from(view.breakglass_unread.is_some());
    text.gauge("jit_breakglass_unread", "Whether jitd cannot read what is written down of such entries.", unread);
}

fn borrowed<'a, const N: usize>(pairs: &'a [(&'a str, String); N]) -> Vec<(&'a str, &'a str)> {
    pairs.iter().map(|(word, event)| (*word, event.as_str())).collect()
}

/// The gate itself.
fn checks(text: &mut Text, view: &MetricsView) {
    let mut checks = text.family("jit_checks", Is::Counter, "Checks by phase and answer.");
    for check in &view.checks {
        checks.sample(&[("phase", &check.phase), ("answer", &check.answer)], check.count);
    }
    text.family("jit_check_duration_seconds", Is::Histogram, "How long jitd took to answer a check.").histogram(&view.latency);
}

fn policy(text: &mut Text, view: &MetricsView) {
    text.gauge("jit_policy_in_force", "Whether there is a policy; without one nobody is let in.", u8::from(view.policy_in_force));
    text.gauge("jit_policy_valid", "Whether the policy that was read last is valid.", u8::from(view.policy_valid));
    text.gauge("jit_policy_loaded_time_seconds", "Since when the policy in force is.", moment(view.policy_since.0));
}

/// The record, and syslog.
fn record(text: &mut Text, view: &MetricsView) {
    text.gauge("jit_record_head", "The number of the newest event of the record.", view.head);
    let mut events = text.family("jit_events", Is::Counter, "Events that were stored, by name.");
    for event in &view.events {
        events.sample(&[("event", &event.name)], event.count);
    }
    text.gauge("jit_store_failing", "Whether the record cannot be written.", u8::from(view.store_failing));
    text.gauge("jit_store_waiting_events", "Events that happened and are not stored yet.", view.store_waiting);
    text.family("jit_store_refused", Is::Counter, "Acts that were refused because they could not be stored.")
        .sample(&[], view.store_refused);
    text.gauge("jit_syslog_lost", "Whether syslog takes no lines.", u8::from(view.syslog_lost));
    text.gauge("jit_syslog_waiting_lines", "Lines that wait for syslog.", view.syslog_waiting);
    text.family("jit_syslog_undelivered", Is::Counter, "Lines that syslog never got; the record has them.")
        .sample(&[], view.syslog_undelivered);
}

#[cfg(test)]
mod tests;
