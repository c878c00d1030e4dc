use super::*;
use crate::engine::fixture::{POLICY, subject};
use crate::policy::load::{Around, PolicyFile, load};
use crate::subject::Groups;

fn policy() -> Policy {
    let now = WallTime::parse("2026-11-23T12:00:00Z").unwrap();
    load(&[PolicyFile { file: "policy.toml".to_owned(), text: POLICY.to_owned() }], Around { now, zone: None }).unwrap().0
}

const NOON: &str = "2026-11-23T12:00:00Z";

fn explain(name: &str, service: &str, run_as: RunAs, from: Option<&str>) -> (Answer, Option<RuleName>, Vec<Tested>) {
    let subject = subject(name);
    let service = Service::new(service);
    let question = Question { subject: &subject, service: &service, run_as: Some(&run_as), at: WallTime::parse(NOON).unwrap() };
    let remote = Remote::from_address(from.and_then(|text| text.parse().ok()));
    policy().explain(question, remote)
}

#[test]
fn an_explanation_names_the_deciding_rule_and_why_each_other_one_does_not_match() {
    let (answer, rule, tests) = explain("alice", "sudo", RunAs::root(), None);
    assert_eq!((answer, rule.as_ref().map(RuleName::as_str)), (Answer::Request, Some("ops-root")));
    let because: Vec<_> = tests.iter().map(|test| (test.name.as_str(), test.matched, test.because.as_str())).collect();
    assert_eq!(
        because,
        [
            ("ops-root", true, "matches, and is the first to"),
            ("ops-ssh", false, "on: another service"),
            ("leads-ssh", false, "on: another service"),
            ("leads-su", false, "on: another service"),
            ("db-backup", false, "on: another service"),
        ]
    );
    let (answer, _, tests) = explain("alice", "sudo", RunAs::as_typed("mail"), None);
    assert_eq!((answer, tests[0].because.as_str()), (Answer::None, "as: only root or postgres"));
    assert_eq!(explain("carol", "sshd", RunAs::Oneself, None).0, Answer::Grant);
    assert_eq!(explain("postgres", "sshd", RunAs::Oneself, Some("10.1.2.3")).0, Answer::Grant);
    assert_eq!(explain("postgres", "sshd", RunAs::Oneself, None).0, Answer::None, "from where is not known");
}

#[test]
fn what_is_not_known_of_somebodys_groups_matches_nothing() {
    let policy = policy();
    let mut unknown = subject("alice");
    unknown.groups = Groups::unknown();
    let service = Service::new("sudo");
    let question = Question { subject: &unknown, service: &service, run_as: None, at: WallTime::parse(NOON).unwrap() };
    assert_eq!(policy.rule_for_request(question, Wanted::default()), RequestRuling::None);
    assert_eq!(policy.standing(question, Remote::Unknown), None);
}

#[test]
fn the_first_rule_whose_maximum_covers_the_wish_decides() {
    let text = "version = 1\n\
        [[grant]]\nname = \"short\"\nwho = [\"any\"]\non = [\"sudo\"]\napprove = []\nfor = { max = \"1h\" }\n\
        [[grant]]\nname = \"long\"\nwho = [\"any\"]\non = [\"sudo\"]\napprove = []\nfor = { max = \"8h\" }\n";
    let policy = load(&[PolicyFile { file: "p".to_owned(), text: text.to_owned() }], Around { now: WallTime::from_millis(0), zone: None })
        .unwrap()
        .0;
    let (alice, service) = (subject("alice"), Service::new("sudo-i"));
    let question = Question { subject: &alice, service: &service, run_as: None, at: WallTime::parse(NOON).unwrap() };
    let by = |hours: u64| match policy.rule_for_request(question, Wanted { time: Some(Span::from_secs(hours * 3600)), uses: None }) {
        RequestRuling::By(rule) => rule.name.as_str().to_owned(),
        RequestRuling::TooLong { rule } => format!("at most {}", rule.max),
        RequestRuling::TooManyUses { .. } | RequestRuling::None => "none".to_owned(),
    };
    assert_eq!([by(1), by(2), by(9)], ["short", "long", "at most 8h"]);
}
