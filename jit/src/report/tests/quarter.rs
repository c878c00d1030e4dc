//! A quarter of a small company, made up: the page of `docs/pictures` is of it.

use super::*;

const DAY: i64 = 86_400_000;
const HOUR: i64 = 3_600_000;

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from((self.0 >> 33) % most).unwrap()
    }
}

struct Quarter {
    dice: Dice,
    events: Vec<(i64, String, String)>,
    number: u32,
}

impl Quarter {
    fn say(&mut self, at: i64, event: &str, data: String) {
        self.events.push((at, event.to_owned(), data));
    }

    fn id(&mut self, kind: char) -> String {
        self.number += 1;
        let letters = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        let tail: String = (0..8).map(|_| char::from(letters[usize::try_from(self.dice.below(32)).unwrap()])).collect();
        format!("{kind}-{tail}")
    }

    /// A grant with its sessions, from its beginning to its end.
    fn grant(&mut self, at: i64, of: (&str, &str, &str), kind: &str, by: &str, reason: &str, minutes: i64) -> String {
        let (user, service, run_as) = of;
        let id = self.id('G');
        let end = at + minutes * 60_000;
        let until = jit_proto::time::Moment(end).rfc3339();
        let by = if by.is_empty() { String::new() } else { format!("\"{by}\"") };
        let rule = match kind {
            "legacy" => "backup-agent",
            "repetitive" => "debugging",
            "emergency" => "oncall",
            "login" => "leads-ssh",
            _ => "ops-root",
        };
        self.say(at, "grant.issued", format!(r#"{{"id":"{id}","user":"{user}","service":"{service}","as":"{run_as}","until":"{until}","by":[{by}],"reason":"{reason}","rule":"{rule}","kind":"{kind}","waits_for_s":null,"starts":null}}"#));
        for session in 0..=self.dice.below(if kind == "approved" { 14 } else { 4 }) {
            self.say(at + session * 120_000 + 1, "session.opened", format!(r#"{{"id":"S-1","grant":"{id}","user":"{user}"}}"#));
        }
        let end_event = if self.dice.below(9) == 0 { "grant.dropped" } else { "grant.expired" };
        if end < period().end {
            self.say(end, end_event, format!(r#"{{"id":"{id}","user":"{user}","service":"{service}","as":"{run_as}"}}"#));
        }
        id
    }

    fn emergency(&mut self, at: i64, user: &str, reason: &str, review: Option<(&str, &str, &str)>) {
        let id = self.grant(at + 1, (user, "sudo", "root"), "emergency", "", reason, 45);
        let due = jit_proto::time::Moment(at + DAY).rfc3339();
        self.say(at, "optout.taken", format!(r#"{{"id":"{id}","user":"{user}","service":"sudo","as":"root","rule":"oncall","kind":"emergency","reason":"{reason}","review_due":"{due}"}}"#));
        if let Some((by, verdict, note)) = review {
            self.say(
                at + 5 * HOUR,
                "optout.reviewed",
                format!(r#"{{"id":"{id}","user":"{user}","by":"{by}","by_uid":1,"verdict":"{verdict}","note":"{note}"}}"#),
            );
        }
    }
}

/// The events, in order.
fn events() -> Vec<EventView> {
    let mut quarter = Quarter { dice: Dice(42), events: Vec::new(), number: 0 };
    let start = period().start;
    let reasons = [
        "INC-4211 disk full on web1",
        "CHG-1893 upgrade of nginx",
        "INC-4307 mail queue does not move",
        "CHG-1920 rotate keys",
        "INC-4410 slow queries",
        "CHG-1975 new kernel",
    ];
    for day in 0..90 {
        let at = start + day * DAY;
        quarter.grant(at + 2 * HOUR, ("backup", "sshd", "self"), "legacy", "", "the appliance logs in by cron and cannot request", 60);
        let is_weekend = (day + 1) % 7 >= 5;
        for (user, odds, service, run_as) in [
            ("alice", 3, "sudo", "root"),
            ("bob", 4, "sudo", "root"),
            ("bob", 9, "sshd", "self"),
            ("dora", 5, "sudo", "postgres"),
            ("erik", 8, "sudo", "root"),
            ("gina", 14, "sshd", "self"),
            ("heidi", 6, "sudo", "root"),
        ] {
            if is_weekend || quarter.dice.below(odds) != 0 {
                continue;
            }
            let when = at + quarter.dice.below(8) * HOUR + HOUR;
            let (request, reason) = (quarter.id('R'), reasons[usize::try_from(quarter.dice.below(6)).unwrap()]);
            let by = if quarter.dice.below(3) == 0 { "dave" } else { "carol" };
            quarter.say(
                when - 300_000,
                "request.submitted",
                format!(r#"{{"id":"{request}","user":"{user}","service":"{service}","as":"{run_as}","reason":"{reason}"}}"#),
            );
            if quarter.dice.below(11) == 0 {
                let note = ["use the staging host", "not during the freeze", "take the runbook first"]
                    [usize::try_from(quarter.dice.below(3)).unwrap()];
                quarter.say(
                    when - 60_000,
                    "request.denied",
                    format!(r#"{{"id":"{request}","user":"{user}","by":"{by}","note":"{note}"}}"#),
                );
                continue;
            }
            quarter.say(when - 60_000, "request.approved", format!(r#"{{"id":"{request}","user":"{user}","by":"{by}"}}"#));
            let minutes = [30, 60, 60, 240, 480, 2880][usize::try_from(quarter.dice.below(6)).unwrap()];
            quarter.grant(when, (user, service, run_as), "approved", by, reason, minutes);
            if user == "dora" {
                quarter.grant(when + 3 * HOUR, (user, service, run_as), "repetitive", "", reason, 30);
            }
        }
        for (user, odds) in [("carol", 2), ("dave", 4)] {
            if !is_weekend && quarter.dice.below(odds) == 0 {
                quarter.grant(at + 3 * HOUR, (user, "sshd", "self"), "login", "", "", 60);
            }
        }
        if quarter.dice.below(6) == 0 {
            let times = quarter.dice.below(40) + 1;
            quarter.say(
                at,
                "access.denied",
                format!(r#"{{"id":"D-1","user":"mallory","service":"sshd","why":"no account","count":{times}}}"#),
            );
        }
        if quarter.dice.below(5) == 0 {
            quarter.say(at, "access.denied", r#"{"id":"D-1","user":"erik","service":"sudo","why":"no grant","count":2}"#.to_owned());
        }
    }
    quarter.emergency(
        start + 11 * DAY + 23 * HOUR,
        "bob",
        "INC-4219 database does not come up",
        Some(("carol", "fine", "it was down for an hour")),
    );
    quarter.emergency(start + 34 * DAY + 3 * HOUR, "alice", "INC-4300 certificate expired", Some(("dave", "fine", "")));
    quarter.emergency(start + 58 * DAY + 20 * HOUR, "heidi", "need it now", Some(("carol", "misuse", "no ticket, nothing was down")));
    quarter.emergency(start + 83 * DAY + 2 * HOUR, "erik", "INC-4470 no space left on db2", None);
    quarter.emergency(start + 89 * DAY + 20 * HOUR, "bob", "INC-4480 mail does not go out", None);
    quarter.say(start + 60 * DAY, "optout.limit-reached", r#"{"user":"heidi","rule":"oncall"}"#.to_owned());
    quarter.events.sort();
    let numbered = quarter.events.into_iter().zip(1..);
    numbered.map(|((at, name, data), seq)| event(seq, &jit_proto::time::Moment(at).rfc3339_millis(), &name, &data)).collect()
}

fn optout(rule: &str, kind: &str, owner: &str, days: Option<i64>) -> OptoutView {
    let until = days.map(|days| jit_proto::time::Moment(period().end + days * DAY));
    let stale = days.is_some_and(|days| days < 31);
    OptoutView {
        rule: rule.to_owned(),
        kind: kind.to_owned(),
        owner: Some(owner.to_owned()),
        until,
        days_left: days,
        uses: 0,
        last_used: None,
        stale,
        reviews_due: 0,
        overdue: 0,
    }
}

#[test]
fn a_quarter_is_told_on_one_page() {
    let optouts = vec![
        optout("oncall", "emergency", "group security", None),
        optout("backup-agent", "legacy", "group:storage", Some(18)),
        optout("scanner", "legacy", "user:carol", Some(200)),
    ];
    let (facts, table) = fold(&events(), Vec::new(), optouts);
    assert_eq!((facts.sums.emergencies, facts.overdue().count(), facts.sums.misuse), (5, 1, 1));
    assert!(facts.sums.grants > 200 && facts.sums.denied > 3, "{:?}", facts.sums);
    assert!(table.lines().count() > 200);
    let page = shown(&facts);
    assert!(page.len() < 300_000, "{}", page.len());
    for name in ["alice", "backup", "carol", "mallory"] {
        assert!(page.contains(&format!(">{name}<")), "{name}");
    }
    if std::env::var_os("JIT_TEST_FULL").is_some_and(|value| value == "1") {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/pictures");
        std::fs::create_dir_all(directory).unwrap();
        std::fs::write(format!("{directory}/review.html"), &page).unwrap();
        std::fs::write(format!("{directory}/review.csv"), table).unwrap();
    }
}
