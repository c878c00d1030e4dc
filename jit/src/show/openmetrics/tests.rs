use super::*;
use jit_proto::time::Moment;
use jit_proto::view::{CheckCountView, HeldView};
use std::collections::{BTreeMap, BTreeSet};

fn one(name: &str, count: u64) -> CountView {
    CountView { name: name.to_owned(), count }
}

fn sample() -> MetricsView {
    MetricsView {
        version: "0.1.0\"\\\n".to_owned(),
        since: Moment(1_795_442_645_120),
        head: 4711,
        events: vec![one("grant.revoked", 2), one("request.submitted", 7)],
        issued: vec![one("emergency", 0), one("approved", 5)],
        grants: vec![HeldView { state: "active".to_owned(), kind: "approved".to_owned(), count: 3 }],
        pending: 1,
        sessions: vec![one("sudo", 2), one("cockpit", 1)],
        checks: vec![CheckCountView { phase: "account".to_owned(), answer: "allowed".to_owned(), count: 40 }],
        latency: LatencyView { bounds_us: vec![50, 1000, 800_000], counts: vec![10, 20, 8, 2], sum_us: 1_234_567 },
        reviews_due: 1,
        reviews_overdue: 0,
        optouts_stale: 0,
        policy_in_force: true,
        policy_valid: false,
        policy_since: Moment(1_795_442_000_000),
        store_failing: false,
        store_waiting: 0,
        store_refused: 0,
        syslog_lost: true,
        syslog_waiting: 12,
        syslog_undelivered: 3,
        breakglass_unread: Some("/var/log/jit-breakglass: Permission denied".to_owned()),
        no_record: None,
    }
}

/// Reads what is written by the rules of the specification; answers the value of each sample.
fn read(text: &str) -> BTreeMap<String, f64> {
    let body = text.strip_suffix("# EOF\n").expect("it ends with EOF");
    let (mut families, mut samples, mut current, mut helped) = (BTreeSet::new(), BTreeMap::new(), None, false);
    for line in body.lines() {
        assert!(!line.is_empty() && line.trim() == line, "{line:?}");
        if let Some(described) = line.strip_prefix("# TYPE ") {
            let (name, kind) = described.split_once(' ').unwrap();
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(families.insert(name.to_owned()), "a family is described once, and its samples stand together: {name}");
            assert!(name.starts_with("jit_") && !name.ends_with("_total"), "{name}");
            (current, helped) = (Some((name.to_owned(), kind.to_owned())), false);
            continue;
        }
        let (name, kind) = current.clone().expect("a sample follows its family");
        if let Some(help) = line.strip_prefix("# HELP ") {
            assert!(!helped && help.starts_with(&format!("{name} ")), "{line}");
            helped = true;
            continue;
        }
        let (key, value) = line.rsplit_once(' ').unwrap();
        let (sampled, labels) = key.split_once('{').map_or((key, None), |(sampled, labels)| (sampled, Some(labels)));
        let endings: &[&str] = match kind.as_str() {
            "counter" => &["_total"],
            "histogram" => &["_bucket", "_count", "_sum"],
            _ => &[""],
        };
        assert!(endings.iter().any(|ending| sampled == format!("{name}{ending}")), "{line}");
        if let Some(labels) = labels {
            let labels = labels.strip_suffix('}').unwrap();
            let plain = labels.replace("\\\\", "").replace("\\\"", "");
            assert_eq!(plain.matches('"').count() % 2, 0, "{line}");
            assert!(plain.split(',').all(|label| label.split_once("=\"").is_some_and(|(_, value)| value.ends_with('"'))), "{line}");
        }
        let value: f64 = value.parse().unwrap();
        assert!(value >= 0.0 && samples.insert(key.to_owned(), value).is_none(), "a sample is said once: {line}");
    }
    samples
}

/// jitd counts what it finds at its start before anybody looks at it: `increase()` alone never saw an entry of an outage.
#[test]
fn each_alert_looks_at_what_is_written_and_sees_what_a_start_has_counted_already() {
    let written = read(&written(&sample()));
    let written: BTreeSet<_> = written.keys().filter_map(|key| key.split('{').next()).collect();
    let rules = include_str!("../../../../packaging/metrics/jit.rules.yml").split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    let alerts: Vec<_> = rules.split("- alert: ").skip(1).collect();
    let mut increases = 0;
    for alert in &alerts {
        let (name, rest) = alert.split_once(" expr: ").unwrap();
        let expr = rest.split(" labels: ").next().unwrap();
        let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        for family in expr.split(|letter| !is_word(letter)).filter(|word| word.starts_with("jit_")) {
            assert!(written.contains(family), "{name}: {family}");
        }
        for rise in expr.split("increase(").skip(1) {
            let (series, rest) = rise.split_once('[').unwrap();
            let seconds = match rest.split(']').next().unwrap() {
                "15m" => 900,
                "1h" => 3600,
                other => panic!("{name}: {other}"),
            };
            let and = if series.contains("{kind=") { "and ignoring(kind)" } else { "and" };
            let at_a_start = format!("or ({series} > 0 {and} time() - jit_start_time_seconds < {seconds})");
            assert!(expr.contains(&at_a_start), "{name}: {at_a_start}");
            increases += 1;
        }
    }
    assert_eq!((alerts.len(), increases), (12, 3));
}

#[test]
fn what_is_written_is_read_back_by_the_rules_of_openmetrics() {
    let text = written(&sample());
    let samples = read(&text);
    for (key, value) in [
        ("jit_up", 1.0),
        ("jit_start_time_seconds", 1_795_442_645.12),
        ("jit_requests_total{event=\"submitted\"}", 7.0),
        ("jit_requests_total{event=\"denied\"}", 0.0),
        ("jit_grants{state=\"active\",kind=\"approved\"}", 3.0),
        ("jit_grants_issued_total{kind=\"emergency\"}", 0.0),
        ("jit_grants_ended_total{how=\"revoked\"}", 2.0),
        ("jit_sessions{service=\"sshd\"}", 0.0),
        ("jit_sessions{service=\"cockpit\"}", 1.0),
        ("jit_checks_total{phase=\"account\",answer=\"allowed\"}", 40.0),
        ("jit_policy_valid", 0.0),
        ("jit_syslog_undelivered_total", 3.0),
        ("jit_breakglass_unread", 1.0),
    ] {
        assert_eq!(samples.get(key), Some(&value), "{key}\n{text}");
    }
}

#[test]
fn a_histogram_counts_upwards_and_its_last_bucket_is_its_count() {
    let samples = read(&written(&sample()));
    let bucket = |le: &str| samples[&format!("jit_check_duration_seconds_bucket{{le=\"{le}\"}}")];
    assert_eq!([bucket("0.00005"), bucket("0.001"), bucket("0.8"), bucket("+Inf")], [10.0, 30.0, 38.0, 40.0]);
    assert_eq!(samples["jit_check_duration_seconds_count"], 40.0);
    assert_eq!(samples["jit_check_duration_seconds_sum"], 1.234_567);
}

#[test]
fn a_daemon_that_is_away_is_said_to_be_down() {
    assert_eq!(read(&away()), BTreeMap::from([("jit_up".to_owned(), 0.0)]));
}

#[test]
fn a_label_cannot_begin_a_line_or_end_itself() {
    let text = written(&sample());
    assert!(text.contains("jit_build{version=\"0.1.0\\\"\\\\\\\\n\"} 1\n"), "{text}");
}
