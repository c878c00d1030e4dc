use super::*;
use crate::engine::fixture::{POLICY, subject};
use crate::name::RuleName;
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
    policy().explain(question, Some(remote))
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
        RequestRuling::TooManyUses { .. } | RequestRuling::Unknown(_) | RequestRuling::None => "none".to_owned(),
    };
    assert_eq!([by(1), by(2), by(9)], ["short", "long", "at most 8h"]);
}

fn read(text: &str) -> Policy {
    let now = WallTime::parse(NOON).unwrap();
    load(&[PolicyFile { file: "p".to_owned(), text: format!("version = 1\n{text}") }], Around { now, zone: None }).unwrap().0
}

/// One rule of each kind, each with something that can fail.
const EVERY_KIND: &str = r#"
[[grant]]
name = "short"
who = ["group:ops"]
not = ["user:bob"]
on = ["sudo", "su"]
approve = [ { by = ["group:leads"] } ]
for = { max = "1h" }
uses = { max = 3 }
[[grant]]
name = "at-login"
who = ["group:ops"]
on = ["sshd"]
from = ["10.0.0.0/8"]
approve = []
starts = "login"
[[emergency]]
name = "oncall"
who = ["group:ops", "user:erin"]
on = ["sudo"]
hours = ["mon 08:00-10:00"]
zone = "UTC"
limit = { times = 3, per = "7d" }
review = { by = ["group:leads"], within = "24h" }
[[repetitive]]
name = "again"
who = ["group:ops"]
on = ["sudo"]
after = { within = "8h", times = 4 }
[[legacy]]
name = "ended"
who = ["any"]
on = ["sshd"]
owner = "group:managers"
reason = "the appliance cannot ask"
until = 2026-11-22
[[deny]]
name = "not-as-mail"
who = ["any"]
on = ["sudo"]
as = ["mail"]
"#;

#[test]
fn an_explanation_says_of_each_kind_of_rule_why_it_does_not_decide() {
    let policy = read(EVERY_KIND);
    let explain = |name: &str, service: &str, run_as: Option<RunAs>, remote: &str| {
        let (subject, service) = (subject(name), Service::new(service));
        let question = Question { subject: &subject, service: &service, run_as: run_as.as_ref(), at: WallTime::parse(NOON).unwrap() };
        let (answer, rule, tests) = policy.explain(question, Some(Remote::from_address(remote.parse().ok())));
        let rule = rule.map(|rule| rule.to_string()).unwrap_or_default();
        (answer.word(), rule, tests.into_iter().map(|test| format!("{} {}: {}", test.kind, test.name, test.because)).collect::<Vec<_>>())
    };
    let (answer, rule, tests) = explain("alice", "sudo", Some(RunAs::root()), "");
    assert_eq!((answer, rule.as_str()), ("request", "short"));
    assert_eq!(
        tests,
        [
            "grant short: matches, and is the first to",
            "grant at-login: on: another service",
            "emergency oncall: hours: only mon 08:00-10:00 (UTC)",
            "repetitive again: matches, once the same was approved by another person",
            "legacy ended: on: another service",
            "deny not-as-mail: as: only mail",
        ]
    );
    let (answer, rule, tests) = explain("alice", "sudo", Some(RunAs::as_typed("mail")), "");
    assert_eq!((answer, rule.as_str(), tests[0].as_str()), ("deny", "not-as-mail", "grant short: as: only root"));
    let (answer, _, tests) = explain("alice", "sudo", None, "");
    assert_eq!(
        (answer, tests[5].as_str()),
        ("request", "deny not-as-mail: as: only mail"),
        "as whom is asked again when the session opens"
    );
    let (answer, rule, tests) = explain("alice", "sshd", Some(RunAs::Oneself), "10.1.2.3");
    assert_eq!((answer, rule.as_str()), ("grant", "at-login"));
    assert_eq!(tests[4], "legacy ended: until: the rule has ended");
    let again = read(&format!("{EVERY_KIND}[[grant]]\nname = \"second\"\nwho = [\"any\"]\non = [\"sudo\"]\napprove = []\n"));
    let (alice, sudo, root) = (subject("alice"), Service::new("sudo"), RunAs::root());
    let question = Question { subject: &alice, service: &sudo, run_as: Some(&root), at: WallTime::parse(NOON).unwrap() };
    let second = again.explain(question, Some(Remote::Unknown)).2.into_iter().find(|test| test.name.as_str() == "second").unwrap();
    assert_eq!((second.matched, second.because.as_str()), (false, "matches, after another one"));
    assert_eq!(explain("alice", "sshd", None, "192.0.2.1").2[1], "grant at-login: from: another address");
    assert_eq!(explain("alice", "sshd", None, "a.name").2[1], "grant at-login: from: the address is not known");
    let (answer, _, tests) = explain("bob", "su", Some(RunAs::root()), "");
    assert_eq!((answer, tests[0].as_str()), ("none", "grant short: not: the user is excepted"));
    assert_eq!(explain("erin", "su", Some(RunAs::root()), "").2[0], "grant short: who: the user is not named");
}

#[test]
fn an_explanation_asks_for_the_address_that_was_said_of_requests_too_and_without_one_leaves_open_from_where() {
    let rules = "[[grant]]\nname = \"office\"\nwho = [\"any\"]\non = [\"sshd\"]\nfrom = [\"10.0.0.0/8\"]\napprove = []\n\
        [[grant]]\nname = \"behind\"\nwho = [\"any\"]\non = [\"sshd\"]\napprove = []\n\
        [[emergency]]\nname = \"oncall\"\nwho = [\"user:bob\"]\non = [\"sshd\"]\nfrom = [\"203.0.113.0/24\"]\n\
        limit = { times = 3, per = \"7d\" }\nreview = { by = [\"group:leads\"], within = \"24h\" }\n\
        [[deny]]\nname = \"abroad\"\nwho = [\"any\"]\non = [\"sshd\"]\nfrom = [\"192.0.2.0/24\"]\n";
    let policy = read(rules);
    let explain = |name: &str, from: Option<&str>| {
        let (subject, service, oneself) = (subject(name), Service::new("sshd"), RunAs::Oneself);
        let question = Question { subject: &subject, service: &service, run_as: Some(&oneself), at: WallTime::parse(NOON).unwrap() };
        let remote = from.map(|from| Remote::from_address(from.parse().ok()));
        let (answer, _, tests) = policy.explain(question, remote);
        (answer.word(), tests.into_iter().map(|test| test.because).collect::<Vec<_>>())
    };
    assert_eq!(
        ["10.1.2.3", "203.0.113.9", "192.0.2.9", "a.name"].map(|from| explain("alice", Some(from)).0),
        ["request", "none", "deny", "deny"]
    );
    assert_eq!(explain("alice", Some("203.0.113.9")).1[0], "from: another address");
    assert_eq!(explain("bob", Some("203.0.113.9")).0, "emergency");
    let (answer, because) = explain("alice", None);
    assert_eq!((answer, because[3].as_str()), ("request", "from: only from 192.0.2.0/24, and no address was said"));
}

#[test]
fn an_explanation_says_of_a_deny_what_it_holds_for_as_it_cannot_be_known() {
    let policy = read(&format!("{EVERY_KIND}[[deny]]\nname = \"no\"\nwho = [\"group:far\"]\non = [\"sudo\"]\n"));
    let (mut alice, sudo, root) = (subject("alice"), Service::new("sudo"), RunAs::root());
    alice.groups = Groups::unknown();
    let question = Question { subject: &alice, service: &sudo, run_as: Some(&root), at: WallTime::parse(NOON).unwrap() };
    let (answer, _, tests) = policy.explain(question, Some(Remote::Unknown));
    let last = tests.last().map(|test| (test.matched, test.because.as_str()));
    let because = "who: the user's groups cannot be looked up, which counts against the user";
    assert_eq!((answer, last), (Answer::Deny, Some((true, because))));
}

#[test]
fn what_an_explanation_says_of_a_maximum_a_time_and_a_way_to_start_is_what_the_rule_allows() {
    for (mismatch, said) in [
        (Mismatch::Unknown(Unknown::Groups), "who: the user's groups cannot be looked up"),
        (Mismatch::StartsAtLogin, "starts: at login, without a request"),
        (Mismatch::NeedsRequest, "matches, once it was requested and granted"),
        (Mismatch::Unknown(Unknown::Time), "hours: this local time exists twice"),
        (Mismatch::TooLong(Span::from_secs(5400)), "for: at most 1h30m"),
        (Mismatch::TooManyUses(3), "uses: at most 3"),
    ] {
        assert_eq!(mismatch.to_string(), said);
    }
    let answers = [Answer::Grant, Answer::Request, Answer::Emergency, Answer::Deny, Answer::None];
    assert_eq!(answers.map(Answer::word), ["grant", "request", "emergency", "deny", "none"]);
}

#[test]
fn what_one_may_ask_for_now_is_listed_by_rule_and_service_without_what_is_forbidden() {
    let text = format!("{EVERY_KIND}[[deny]]\nname = \"no-su\"\nwho = [\"user:alice\"]\non = [\"su\"]\n")
        .replace("not = [\"user:bob\"]\n", "as = [\"root\", \"mail\"]\n");
    let policy = read(&text);
    let at = |name: &str, time: &str| {
        let (subject, time) = (subject(name), WallTime::parse(time).unwrap());
        let said = |rule: &RuleName, service: &Service, run_as: &RunAs| format!("{rule} {} as {run_as}", service.as_str());
        let requests = policy.requestable_by(&subject, time).map(|(rule, service, run_as)| said(&rule.name, service, run_as));
        let emergencies = policy.takeable_by(&subject, time).map(|(rule, service, run_as)| said(&rule.name, service, run_as));
        requests.chain(emergencies).collect::<Vec<_>>()
    };
    assert_eq!(at("alice", NOON), ["short sudo as root"], "another rule forbids it as mail");
    assert_eq!(at("bob", NOON), ["short sudo as root", "short su as root", "short su as mail"], "and nothing that starts at login");
    let early = ["short sudo as root", "short su as root", "short su as mail", "oncall sudo as root"];
    assert_eq!(at("bob", "2026-11-23T09:00:00Z"), early);
    assert_eq!(at("erin", "2026-11-23T09:00:00Z"), ["oncall sudo as root"]);
    assert_eq!(at("postgres", NOON), [""; 0]);
    let denied = read(&text.replace("\nas = [\"mail\"]\n", "\n"));
    let bob = subject("bob");
    let time = WallTime::parse("2026-11-23T09:00:00Z").unwrap();
    assert_eq!(denied.requestable_by(&bob, time).map(|(_, service, _)| service.as_str()).collect::<Vec<_>>(), ["su", "su"]);
    assert_eq!(denied.takeable_by(&bob, time).count(), 0);
}

#[test]
fn what_is_given_again_at_some_hour_and_from_some_address_is_found_at_any() {
    let policy = read(
        "[[repetitive]]\nname = \"night\"\nwho = [\"group:ops\"]\non = [\"sudo\"]\nas = [\"db\"]\nhours = [\"mon-sun 22:00-06:00\"]\nzone = \"UTC\"\n\
         after = { within = \"8h\", times = 4 }\n\
         [[repetitive]]\nname = \"ssh\"\nwho = [\"user:bob\"]\non = [\"sshd\"]\nfrom = [\"10.0.0.0/8\"]\nafter = { within = \"8h\", times = 4 }\n",
    );
    let found = |subject: &Subject, service: &str, run_as: &str| {
        let (service, run_as) = (Service::new(service), RunAs::as_typed(run_as));
        let question = Question { subject, service: &service, run_as: Some(&run_as), at: WallTime::parse(NOON).unwrap() };
        policy.repeated_some_time_by(question).map(|rule| rule.name.to_string()).collect::<Vec<_>>()
    };
    let [alice, bob, erin] = ["alice", "bob", "erin"].map(subject);
    assert_eq!(found(&alice, "sudo", "db"), ["night"]);
    assert_eq!(found(&bob, "sshd", "self"), ["ssh"]);
    for (subject, service, run_as) in [(&alice, "sudo", "root"), (&alice, "su", "db"), (&erin, "sudo", "db"), (&alice, "sshd", "self")] {
        assert_eq!(found(subject, service, run_as), [""; 0], "{service} {run_as}");
    }
    let unknown = Subject { groups: Groups::unknown(), ..alice.clone() };
    assert_eq!(found(&unknown, "sudo", "db"), [""; 0], "whose groups cannot be looked up gets nothing again");
}

#[test]
fn whose_wish_no_maximum_covers_is_told_the_most_that_some_rule_allows() {
    let rule = |name: &str, max: &str, uses: &str| {
        format!("[[grant]]\nname = \"{name}\"\nwho = [\"any\"]\non = [\"sudo\"]\napprove = []\nfor = {{ max = \"{max}\" }}\n{uses}\n")
    };
    let uses = |most: u32| format!("uses = {{ max = {most} }}");
    let rules = [rule("a", "1h", &uses(2)), rule("b", "3h", &uses(9)), rule("c", "2h", &uses(5))].concat();
    let policy = read(&rules);
    let (alice, service) = (subject("alice"), Service::new("sudo"));
    let question = Question { subject: &alice, service: &service, run_as: None, at: WallTime::parse(NOON).unwrap() };
    let by = |minutes: u64, uses: u32| match policy
        .rule_for_request(question, Wanted { time: Some(Span::from_secs(minutes * 60)), uses: (uses > 0).then_some(uses) })
    {
        RequestRuling::By(rule) => rule.name.to_string(),
        RequestRuling::TooLong { rule } => format!("{} at most {}", rule.name, rule.max),
        RequestRuling::TooManyUses { rule, most } => format!("{} at most {most} times", rule.name),
        RequestRuling::Unknown(_) | RequestRuling::None => "none".to_owned(),
    };
    assert_eq!([by(60, 2), by(61, 2), by(121, 5), by(180, 9)], ["a", "b", "b", "b"], "a maximum is allowed itself");
    assert_eq!([by(60, 10), by(181, 0), by(181, 10)], ["b at most 9 times", "b at most 3h", "b at most 3h"]);
    let emergency = |name: &str, max: &str| {
        format!(
            "[[emergency]]\nname = \"{name}\"\nwho = [\"any\"]\non = [\"sudo\"]\nfor = {{ default = \"10m\", max = \"{max}\" }}\n\
             limit = {{ times = 1, per = \"1d\" }}\nreview = {{ by = [\"group:x\"], within = \"1h\" }}\n"
        )
    };
    let policy = read(&[emergency("a", "1h"), emergency("b", "3h"), emergency("c", "2h")].concat());
    let by = |minutes: u64| match policy.rule_for_emergency(question, Some(Span::from_secs(minutes * 60))) {
        EmergencyRuling::By(rule) => rule.name.to_string(),
        EmergencyRuling::TooLong { rule } => format!("{} at most {}", rule.name, rule.max),
        EmergencyRuling::None => "none".to_owned(),
    };
    assert_eq!([by(60), by(61), by(180), by(181)], ["a", "b", "b", "b at most 3h"]);
}

#[test]
fn of_rules_that_allow_the_same_most_the_first_is_named() {
    let rule = |name: &str| {
        format!(
            "[[grant]]\nname = \"{name}\"\nwho = [\"any\"]\non = [\"sudo\"]\napprove = []\nfor = {{ max = \"1h\" }}\nuses = {{ max = 2 }}\n"
        )
    };
    let emergency = |name: &str| {
        format!(
            "[[emergency]]\nname = \"{name}\"\nwho = [\"any\"]\non = [\"sudo\"]\nfor = {{ default = \"10m\", max = \"1h\" }}\n\
             limit = {{ times = 1, per = \"1d\" }}\nreview = {{ by = [\"group:x\"], within = \"1h\" }}\n"
        )
    };
    let policy = read(&[rule("a"), rule("b"), emergency("c"), emergency("d")].concat());
    let (alice, service) = (subject("alice"), Service::new("sudo"));
    let question = Question { subject: &alice, service: &service, run_as: None, at: WallTime::parse(NOON).unwrap() };
    let two_hours = Some(Span::from_secs(7200));
    let too_long = policy.rule_for_request(question, Wanted { time: two_hours, uses: None });
    assert_eq!(too_long, RequestRuling::TooLong { rule: &policy.grants[0] });
    let too_many = policy.rule_for_request(question, Wanted { time: None, uses: Some(3) });
    assert_eq!(too_many, RequestRuling::TooManyUses { rule: &policy.grants[0], most: 2 });
    assert_eq!(policy.rule_for_emergency(question, two_hours), EmergencyRuling::TooLong { rule: &policy.emergencies[0] });
}

#[test]
fn as_oneself_is_a_run_as_user_that_a_rule_names_but_where_there_is_no_other() {
    let rule = |line: &str, on: &str| read(&format!("[[grant]]\nname = \"a\"\nwho = [\"any\"]\non = [\"{on}\"]\napprove = []\n{line}\n"));
    let mixed = rule("as = [\"postgres\"]", "sudo\", \"login");
    let fits = |policy: &Policy, on: &str, run_as: RunAs| {
        let (alice, service) = (subject("alice"), Service::new(on));
        let question = Question { subject: &alice, service: &service, run_as: Some(&run_as), at: WallTime::parse(NOON).unwrap() };
        matches!(policy.rule_for_request(question, Wanted::default()), RequestRuling::By(_))
    };
    let root_alone = rule("", "sudo");
    assert!(fits(&root_alone, "sudo", RunAs::root()) && !fits(&root_alone, "sudo", RunAs::Oneself));
    let self_alone = rule("as = [\"self\"]", "sudo");
    assert!(!fits(&self_alone, "sudo", RunAs::root()) && fits(&self_alone, "sudo", RunAs::Oneself));
    for service in ["sshd", "login", "cron", "cockpit"] {
        let rule = rule("", service);
        assert!(fits(&rule, service, RunAs::Oneself) && !fits(&rule, service, RunAs::root()), "{service}");
    }
    assert!(fits(&mixed, "login", RunAs::Oneself) && !fits(&mixed, "sudo", RunAs::Oneself), "`as` is about sudo alone");
    let unknown = rule("", "ksu");
    assert!(fits(&unknown, "ksu", RunAs::root()) && !fits(&unknown, "ksu", RunAs::Oneself));
}

#[test]
fn what_was_approved_is_repeated_by_rules_about_the_same_subject_service_user_and_address_alone() {
    let policy = read(
        "[[repetitive]]\nname = \"a\"\nwho = [\"group:ops\"]\nnot = [\"user:bob\"]\non = [\"sudo\"]\nas = [\"root\"]\nafter = { within = \"8h\", times = 4 }\n\
         [[repetitive]]\nname = \"b\"\nwho = [\"group:ops\"]\non = [\"sshd\"]\nfrom = [\"10.0.0.0/8\"]\nhours = [\"11:00-13:00\"]\nzone = \"UTC\"\n\
         after = { within = \"8h\", times = 4 }\n",
    );
    let by = |name: &str, service: &str, run_as: RunAs, from: &str, at: &str| {
        let (subject, service) = (subject(name), Service::new(service));
        let question = Question { subject: &subject, service: &service, run_as: Some(&run_as), at: WallTime::parse(at).unwrap() };
        let rules = policy.repeated_by(question, Remote::from_address(from.parse().ok())).map(|rule| rule.name.to_string());
        rules.collect::<Vec<_>>().concat()
    };
    assert_eq!(by("alice", "sudo-i", RunAs::root(), "", NOON), "a");
    assert_eq!(by("bob", "sudo", RunAs::root(), "", NOON), "", "excepted");
    assert_eq!(by("carol", "sudo", RunAs::root(), "", NOON), "", "not named");
    assert_eq!(by("alice", "su", RunAs::root(), "", NOON), "", "another service");
    assert_eq!(by("alice", "sudo", RunAs::as_typed("mail"), "", NOON), "", "as another user");
    assert_eq!(by("alice", "sshd", RunAs::Oneself, "10.1.2.3", NOON), "b");
    assert_eq!(by("alice", "sshd", RunAs::Oneself, "192.0.2.1", NOON), "", "from elsewhere");
    assert_eq!(by("alice", "sshd", RunAs::Oneself, "", NOON), "", "from where is not known");
    assert_eq!(by("alice", "sshd", RunAs::Oneself, "10.1.2.3", "2026-11-23T13:00:00Z"), "", "at another hour");
}
