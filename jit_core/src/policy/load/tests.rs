use super::*;
use crate::name::RunAs;
use crate::policy::{ReasonRule, Starts};
use crate::span::Span;
use crate::time::WallTime;

fn now() -> WallTime {
    WallTime::parse("2026-11-23T12:00:00Z").unwrap()
}

fn read(text: &str) -> Loaded {
    load(&[PolicyFile { file: "policy.toml".to_owned(), text: text.to_owned() }], Around { now: now(), zone: None })
}

fn mistakes(text: &str) -> Vec<String> {
    read(text).unwrap_err().iter().map(ToString::to_string).collect()
}

/// A valid rule with one line of it replaced or added.
fn rule_with(line: &str) -> String {
    let key = line.split([' ', '=']).next().unwrap();
    let rule = ["name = \"ops\"", "who = [\"group:ops\"]", "on = [\"sudo\"]", "approve = [ { by = [\"group:leads\"] } ]"];
    let kept: Vec<_> = rule.iter().filter(|other| !other.starts_with(&format!("{key} "))).copied().collect();
    format!("version = 1\n[[grant]]\n{}\n{line}\n", kept.join("\n"))
}

#[test]
fn the_defaults_are_those_of_the_design() {
    let (policy, warnings) = read(&rule_with("lapse = \"1h\"")).unwrap();
    assert!(warnings.is_empty());
    let rule = &policy.grants[0];
    assert_eq!(rule.run_as, [RunAs::root()]);
    assert_eq!((rule.default, rule.max, rule.lapse), (Span::from_secs(1800), Span::from_secs(4 * 3600), Span::from_secs(3600)));
    assert_eq!(rule.reason, ReasonRule { required: true, min: 1, pattern: None });
    assert_eq!(rule.starts, Starts::Approval);
    assert_eq!(rule.stages[0].count, 1);
    assert_eq!((rule.place.line, rule.place.file.as_str()), (2, "policy.toml"));
    assert_eq!(policy.files[0].sha256.len(), 64);
}

#[test]
fn each_kind_of_mistake_is_named_with_line_column_and_what_to_do() {
    for (line, expected) in [
        ("aprove = []", "policy.toml:7:1: [[grant]] has an unknown key `aprove` (did you mean `approve`?)"),
        ("colour = \"red\"", "policy.toml:7:1: [[grant]] has an unknown key `colour` (known here: "),
        (
            "who = [\"ops\"]",
            "policy.toml:6:8: [[grant]]: `who` is \"ops\": nobody that a policy can name; did you mean user:ops or group:ops? (write user:NAME, group:NAME, uid:NUMBER or any)",
        ),
        ("who = [\"%ops\"]", "did you mean group:ops?"),
        ("aproved_by = []", "known here: "),
        ("approvers = []", "(did you mean `approve`?)"),
        ("timezone = \"UTC\"", "(did you mean `zone`?)"),
        ("review = { by = [\"group:x\"], within = \"1h\" }", "unknown key `review` (it goes with [[emergency]])"),
        ("schema_version = 1", "(version = 1 stands on the first line of the file"),
        ("approve = { by = [\"group:leads\"] }", "(write approve = [ { by = [\"group:leads\"], count = 1 } ])"),
        ("as = [\"user:postgres\"]", "not the name of an account (write account names without user:, or \"self\")"),
        ("as = [\"ALL\"]", "not an account: each one is named"),
        ("as = [\"\"]", "not the name of an account"),
        ("as = [\"@db\"]", "not the name of an account"),
        ("zone = \"Europe/Berlin\"", "without effect here: there is no `hours`"),
        ("hours = [\"mon\u{2013}fri 08:00-19:00\"]\nzone = \"UTC\"", "it holds a dash; write the - of the keyboard"),
        ("hours = [\"mon 08:00-19:00\"]\nzone = \"europe/berlin\"", "not a time zone; did you mean Europe/Berlin?"),
        ("approve = []\nstarts = \"login\"\nuses = { max = 3 }", "`uses` is { max = 3 }: without effect here"),
        ("approve = []\nstarts = \"login\"\nextend = { times = 1, max = \"1h\" }", "without effect here"),
        ("approve = [ { by = [\"uid:0\"] } ]", "too few people could approve"),
        ("who = []", "`who` is []: empty: the rule is about nobody"),
        ("who = \"group:ops\"", "policy.toml:6:7: [[grant]]: `who` is \"group:ops\": not a list (put it in brackets: [\"...\"])"),
        ("on = [\"ssh\"]", "the PAM service of ssh is sshd"),
        ("on = []", "the rule is about no service"),
        ("as = []", "as nobody"),
        ("from = [\"10.0.0.0/8\"]", "only sshd has addresses (give sshd a rule of its own)"),
        ("for = { default = \"30\" }", "`default` is \"30\": a unit is missing"),
        ("for = { max = \"1M\" }", "M is not a unit"),
        ("for = { default = \"2h\", max = \"1h\" }", "its default is longer than its max"),
        ("for = \"30m\"", "not a table (write for = { default = \"30m\", max = \"4h\" })"),
        ("approve = [ { by = [], count = 1 } ]", "nobody could approve"),
        ("approve = [ { by = [\"group:leads\"], count = 0 } ]", "write a whole number from 1 to 16"),
        ("approve = [ { by = [\"group:leads\"], cuont = 1 } ]", "unknown key `cuont` (did you mean `count`?)"),
        ("approve = [ \"group:leads\" ]", "not a table (write approve = [ { by = "),
        ("approve = [ { by = [\"user:root\"] } ]", "lets people act as root, who may approve it"),
        ("lapse = \"soon\"", "not a duration"),
        ("reason = { min = -1 }", "write a whole number from 1 to 1000"),
        ("reason = { required = \"yes\" }", "write true or false, without quotes"),
        ("starts = \"logon\"", "write \"approval\", \"first-use\" or \"login\""),
        ("starts = \"login\"", "a grant that starts at login needs approve = []"),
        ("use_within = \"1h\"", "it goes with starts = \"first-use\""),
        ("name = \"two words\"", "use letters, digits, - _ and ., at most 64"),
        ("hours = [\"mon-fri 08:00-19:00\"]", "without a zone, and this host's cannot be told"),
        ("hours = [\"mo 08:00-19:00\"]\nzone = \"UTC\"", "days are mon tue wed thu fri sat sun"),
        ("hours = []\nzone = \"UTC\"", "empty: the rule would never match"),
        ("zone = \"Mars/Base\"", "`zone` is \"Mars/Base\": not a time zone"),
        ("reason = { pattern = '(INC' }", "unclosed group"),
        ("uses = { max = 0 }", "write a whole number from 1 to 1000000"),
        ("uses = 3", "not a table"),
        ("escalate = { after = \"2h\", to = [\"group:x\"] }", "without effect: the request lapses before"),
        ("extend = { times = 1 }", "`extend` has no `max`"),
        ("session = { at_expiry = \"kill\" }", "write \"end\", \"warn\" or \"keep\""),
        ("escalate = { after = \"5m\", to = [] }", "`to` is []: empty: to nobody"),
        ("escalate = { after = \"5m\" }", "`escalate` has no `to`"),
        ("escalate = { after = \"1h\", to = [\"group:x\"] }", "without effect: the request lapses before"),
        ("extend = { max = \"1h\" }", "`extend` has no `times`"),
        ("uses = { }", "`uses` has no `max`"),
        ("on = [\"su do\"]", "not the name of a PAM service"),
        ("on = [\"\"]", "not the name of a PAM service"),
        ("on = [\"sshd\"]\nfrom = [\"here\"]", "neither an address nor a network"),
        ("on = [\"sshd\"]\nfrom = []", "empty: nobody could come from there"),
        ("on = [\"sshd\"]\nas = [\"root\"]", "not possible for sshd, where it is always oneself"),
        ("on = [\"sshd\"]\nas = [\"self\"]", "not possible for sshd, where it is always oneself"),
        ("on = [\"login\"]\nas = [\"root\"]", "not possible for login, where it is always oneself (leave it out)"),
        ("on = [\"sshd\", \"cron\"]\nas = [\"root\"]", "not possible for cron, where it is always oneself (leave it out)"),
        ("on = [\"sudo-i\"]", "covered by sudo, and cannot be asked for by itself: write sudo"),
        ("on = [\"su-l\"]", "covered by su, and cannot be asked for by itself: write su"),
        ("approve = []\nstarts = \"login\"\nreason = { min = 3 }", "`reason` is { min = 3 }: without effect here"),
        ("session = { require = \"chains\" }", "write \"any\" or \"cgroup\""),
        ("session = { warn = [\"soon\"] }", "for example [\"5m\", \"1m\"]"),
        ("who = [\"user:a, b\"]", "nobody that a policy can name; did you mean user:a and user:b? (write user:NAME"),
        ("who = [\"user:%wheel\"]", "nobody that a policy can name; did you mean group:wheel? (write user:NAME"),
        ("who = [\"group:@ops\"]", "did you mean group:ops?"),
        ("who = [\"user:*\"]", "did you mean any?"),
        ("who = [\"group:ops,leads\"]", "did you mean group:ops and group:leads?"),
        ("who = [\"user:#1001\"]", "did you mean uid:1001?"),
        ("not = [\"user:adm-*\"]", "nobody that a policy can name (write user:NAME"),
        ("as = [\"alice,bob\"]", "not the name of an account"),
        ("name = \"\"", "use letters, digits, - _ and ., at most 64"),
        ("max = \"1h\"", "unknown key `max` (it goes into for = { ... }, uses = { ... } or extend = { ... })"),
        ("version = 1", "unknown key `version` (version = 1 stands on the first line of the file"),
    ] {
        let found = mistakes(&rule_with(line));
        assert!(found.iter().any(|found| found.contains(expected)), "{line}\n expected {expected}\n found {found:#?}");
    }
}

#[test]
fn more_who_decide_than_can_be_shown_are_a_group() {
    let approved_by = |most: usize| {
        let names: Vec<_> = (0..most).map(|number| format!("\"user:lead-{number}\"")).collect();
        rule_with(&format!("approve = [ {{ by = [{}] }} ]", names.join(", ")))
    };
    assert_eq!(mistakes_or_none(&approved_by(100)), "");
    let refused = mistakes_or_none(&approved_by(101));
    assert!(
        refused.contains("too long: it names 101, and 100 is the most (put them into a group, and name that: \"group:leads\")"),
        "{refused}"
    );
}

#[test]
fn lists_that_multiply_beyond_what_can_be_compared_are_a_group() {
    let rule = |who: usize, run_as: usize| {
        let list = |what: &str, most: usize| (0..most).map(|number| format!("\"{what}{number}\"")).collect::<Vec<_>>().join(", ");
        rule_with(&format!("who = [{}]\nas = [{}]", list("user:u", who), list("s", run_as)))
    };
    assert_eq!(mistakes_or_none(&rule(1_000, 200)), "");
    let refused = mistakes_or_none(&rule(1_001, 200));
    let expected =
        "the rules name 200200 combinations of somebody, a service and a run-as user, `ops` alone 200200, and 200000 is the most";
    assert!(refused.contains(expected), "{refused}");
}

#[test]
fn what_is_missing_is_named_at_the_rule() {
    let found = mistakes("version = 1\n\n[[grant]]\nname = \"x\"\n");
    for key in ["who", "on", "approve"] {
        assert!(
            found.iter().any(|found| found.starts_with(&format!("policy.toml:3:1: [[grant]] has no `{key}` (add it, for example: "))),
            "{found:#?}"
        );
    }
}

#[test]
fn a_version_that_is_missing_old_or_misplaced_gets_a_hint() {
    assert!(mistakes("auditors = []\n")[0].contains("has no `version` (add it, for example: version = 1, on the first line)"));
    for wrong in ["version = \"1\"\n", "version = 2\n", "version = 0.9\n"] {
        assert!(mistakes(wrong)[0].contains("write version = 1, a number without quotes"), "{wrong}");
    }
    let misplaced = mistakes("[[grant]]\nversion = 1\nname = \"x\"\nwho = [\"any\"]\non = [\"sudo\"]\napprove = []\n");
    assert!(misplaced.iter().any(|found| found.contains("first line")), "{misplaced:#?}");
}

#[test]
fn all_mistakes_of_all_files_are_found_at_once() {
    let file = |file: &str, text: &str| PolicyFile { file: file.to_owned(), text: text.to_owned() };
    let found = load(
        &[file("a", "version = 2\nx = 1\n"), file("b", "version = 1\n[[grant]\n"), file("c", &rule_with("y = 1"))],
        Around { now: now(), zone: None },
    )
    .unwrap_err();
    let files: Vec<_> = found.iter().map(|mistake| mistake.place.file.as_str()).collect();
    assert!(files.contains(&"a") && files.contains(&"b") && files.contains(&"c"), "{found:#?}");
}

#[test]
fn a_name_that_comes_twice_names_both_places() {
    let rule = rule_with("lapse = \"1h\"");
    let twice = format!("{rule}{}", rule.replace("version = 1\n", ""));
    assert_eq!(
        mistakes(&twice),
        [
            "policy.toml:8:1: a second rule named `ops`; the first is at policy.toml:2 (names must differ: grants and the record refer to them)"
        ]
    );
}

fn legacy(line: &str) -> String {
    let rest = "owner = \"group:storage\"\nreason = \"cannot ask\"\n";
    format!("version = 1\n[[legacy]]\nname = \"backup\"\nwho = [\"user:backup\"]\non = [\"sshd\"]\n{rest}{line}\n")
}

#[test]
fn a_legacy_rule_needs_an_end_at_most_366_days_ahead() {
    for fine in ["until = 2027-11-24", "until = \"2027-03-31\"", "until = 2026-01-01"] {
        assert!(read(&legacy(fine)).is_ok(), "{fine}");
    }
    for wrong in ["until = 2027-11-25", "until = \"next year\"", "until = 2027-01-01T00:00:00Z", "until = 7", "", "until = 2027-02-30"] {
        assert!(read(&legacy(wrong)).is_err(), "{wrong}");
    }
    let (policy, _) = read(&legacy("until = 2026-12-31")).unwrap();
    assert_eq!(policy.legacy[0].ends.to_string(), "2027-01-01T00:00:00Z", "its last day is whole");
}

#[test]
fn what_is_valid_and_hardly_meant_is_a_warning() {
    let warns = |text: &str| read(text).unwrap().1.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert!(warns(&rule_with("on = [\"sudp\"]"))[0].contains("did you mean `sudo`?"));
    assert!(warns(&legacy("until = 2026-12-01"))[0].contains("ends within a month"));
    assert!(warns(&legacy("until = 2026-11-01"))[0].contains("has ended"));
    let among = rule_with("approve = [ { by = [\"user:alice\"] } ]").replace("[\"group:ops\"]", "[\"user:alice\", \"user:bob\"]");
    assert!(warns(&among)[0].contains("what alice asks for, too few people could approve"));
    assert!(warns(&rule_with("not = [\"group:ops\"]"))[0].contains("[[grant]] `ops` is about nobody"));
    assert!(warns(&rule_with("not = [\"any\"]"))[0].contains("is about nobody"));
    assert_eq!(warns(&rule_with("not = [\"group:interns\"]")), Vec::<String>::new());
    let free = rule_with("approve = []\nescalate = { after = \"5m\", to = [\"user:erin\"] }");
    assert!(warns(&free)[0].contains("`escalate` is without effect"));
}

#[test]
fn a_person_has_two_accounts_at_least() {
    let persons = |persons: &[&str]| {
        let persons: Vec<_> = persons.iter().map(|accounts| format!("[[person]]\naccounts = [{accounts}]\n")).collect();
        mistakes_or_none(&format!("version = 1\n{}", persons.concat()))
    };
    for alone in ["\"alice\"", "\"alice\", \"alice\""] {
        assert!(persons(&[alone]).contains("fewer than two accounts"), "{alone}");
    }
    assert!(persons(&["\"user:alice\", \"user:alice-adm\""]).contains("\"user:alice\": not the name of an account"));
    assert_eq!(persons(&["\"alice\", \"alice-adm\""]), "");
    assert_eq!(persons(&["\"alice\", \"alice admin\""]), "");
    assert!(persons(&["\"alice\", \"alice \""]).contains("\"alice \": not the name of an account"));
    assert_eq!(
        persons(&["\"alice\", \"alice-adm\"", "\"alice-adm\", \"bob\""]),
        "policy.toml:4:1: [[person]] names alice-adm, whom the one at policy.toml:2 names too (put all accounts of one human into one [[person]])"
    );
}

#[test]
fn what_is_not_toml_is_shown_with_what_was_most_likely_meant() {
    let rule = rule_with("lapse = \"1h\"");
    for (text, expected) in [
        (
            rule.replace("version = 1", "version = v1"),
            "policy.toml:1:11: string values must be quoted, expected literal string, at v1 (write version = 1,",
        ),
        (rule.replace("version = 1", "version: 1"), "(write version = 1, a number without quotes, on the first line)"),
        (rule.replace("\"ops\"", "\u{201c}ops\u{201d}"), ", at \u{201c}ops\u{201d} (write the straight quotes of the keyboard"),
        (rule.replace("name =", "name:"), "policy.toml:3:5: "),
        (rule.replace("name =", "name:"), "(write KEY = VALUE: this is TOML)"),
        (rule.replace("\"ops\"", "\"ops"), "policy.toml:3:12: invalid basic string, expected `\"`, at name = \"ops (this is not TOML"),
        (rule.replace("[\"sudo\"]", "[\"sudo\""), "policy.toml:6:1: missing comma between array elements, expected `,`, at approve = "),
        (rule.replace("[\"sudo\"]", "[\"sudo\""), "(before this a comma, a quote or a closing bracket is missing)"),
        (
            rule.replace("[[grant]]", "[[grant] # ours"),
            "(this is not TOML: a rule begins with its kind in double brackets, [[grant]], alone in a line)",
        ),
        (format!("{rule}lapse = \"2h\"\n"), "duplicate key, at lapse = \"2h\" (it stands twice in the same table"),
        (format!("{rule}reason = {{ pattern = \"INC-\\d\" }}\n"), "(write what holds a \\ in single quotes: '...')"),
        (
            rule.replace("[[grant]]", "[grant]"),
            "`grant` is [grant]: not a list of tables (write [[grant]] before each one, in double brackets)",
        ),
    ] {
        let found = mistakes(&text);
        assert!(found.len() == 1 && found[0].contains(expected), "expected {expected}\n found {found:#?}");
    }
}

#[test]
fn a_default_may_be_the_most() {
    let rule = read(&rule_with("for = { default = \"8h\", max = \"8h\" }")).unwrap().0.grants[0].clone();
    assert_eq!((rule.default, rule.max), (Span::from_secs(8 * 3600), Span::from_secs(8 * 3600)));
}

#[test]
fn an_ipv4_network_in_the_clothes_of_ipv6_is_one() {
    let rule = rule_with("on = [\"sshd\"]\nfrom = [\"::ffff:10.0.0.0/104\", \"::ffff:10.1.2.3\", \"2001:db8::/32\", \"::/0\"]");
    let from: Vec<_> = read(&rule).unwrap().0.grants[0].scope.from.iter().map(ToString::to_string).collect();
    assert_eq!(from, ["10.0.0.0/8", "10.1.2.3/32", "2001:db8::/32", "::/0"]);
    assert!(mistakes(&rule.replace("10.0.0.0/104", "10.0.0.1/104"))[0].contains("the network is 10.0.0.0/8"));
}

#[test]
fn no_text_makes_the_reader_panic() {
    for text in [
        "\u{0}",
        "[[grant]]\n[[grant]]",
        "version = 1\ngrant = 1",
        "version = 1\n[grant]\nx=1",
        "a.b.c = {",
        "\"\\uD800\" = 1",
        "version=1\n[[grant]]\nwho=[[[[]]]]",
    ] {
        assert!(read(text).is_err(), "{text}");
    }
}

#[test]
fn every_key_of_every_kind_of_rule_is_read() {
    let text = r#"
version = 1
[[grant]]
name = "ops"
who = ["group:ops"]
on = ["sudo"]
hours = ["mon-fri 08:00-19:00", "sat 10:00-14:00"]
zone = "Europe/Berlin"
uses = { max = 20 }
approve = [ { by = ["group:leads"] } ]
escalate = { after = "15m", to = ["group:managers"] }
reason = { required = true, min = 10, pattern = '(INC|CHG)-\d+' }
extend = { times = 1, max = "1h" }
session = { at_expiry = "warn", warn = ["10m"], require = "cgroup" }
[[emergency]]
name = "oncall"
who = ["group:oncall"]
on = ["sudo", "sshd"]
for = { default = "30m", max = "1h" }
limit = { times = 3, per = "7d" }
review = { by = ["group:security"], within = "24h" }
alert = ["group:leads"]
[[repetitive]]
name = "debugging"
who = ["group:dev"]
on = ["sudo"]
after = { within = "8h", times = 4 }
for = { default = "30m" }
[[deny]]
name = "weekend"
who = ["group:contractors"]
on = ["sshd"]
hours = ["sat-sun 00:00-24:00"]
zone = "UTC"
"#;
    let (policy, warnings) = read(text).unwrap();
    assert_eq!((policy.rules(), warnings.len()), (4, 0));
    let grant = &policy.grants[0];
    assert_eq!(grant.scope.hours.as_ref().unwrap().to_string(), "mon,tue,wed,thu,fri 08:00-19:00, sat 10:00-14:00 (Europe/Berlin)");
    assert_eq!((grant.max_uses, grant.extend.unwrap().times, grant.session.warn.len()), (Some(20), 1, 1));
    assert!(grant.reason.pattern.as_ref().unwrap().is_in("CHG-7 today"));
    assert_eq!(policy.emergencies[0].limit.times, 3);
    assert_eq!(policy.repetitive[0].after.within, Span::from_secs(8 * 3600));
}

#[test]
fn a_review_or_a_stage_that_nobody_else_could_do_is_refused() {
    let emergency =
        "version = 1\n[[emergency]]\nname = \"e\"\nwho = [\"user:alice\"]\non = [\"sudo\"]\nlimit = { times = 1, per = \"1d\" }\n";
    let review = |by: &str| mistakes_or_none(&format!("{emergency}review = {{ by = [{by}], within = \"1h\" }}\n"));
    assert!(review("\"user:alice\"").contains("nobody but its subject could do"));
    assert!(review("\"user:root\"").contains("lets people act as root, who may review it"));
    assert_eq!(review("\"user:alice\", \"group:security\""), "");
    let stage = |stage: &str| mistakes_or_none(&rule_with(&format!("approve = [ {stage} ]")).replace("group:ops", "user:alice"));
    assert!(stage("{ by = [\"user:alice\"] }").contains("too few people could approve"));
    assert!(stage("{ by = [\"user:alice\", \"user:bob\"], count = 2 }").contains("too few people could approve"));
    assert_eq!(stage("{ by = [\"user:bob\"] }"), "");
}

#[test]
fn a_subject_that_is_named_by_number_does_not_review_or_approve_their_own_either() {
    let emergency = |by: &str| {
        mistakes_or_none(&format!(
            "version = 1\n[[emergency]]\nname = \"e\"\nwho = [\"uid:2001\"]\non = [\"sudo\"]\nlimit = {{ times = 1, per = \"1d\" }}\n\
            review = {{ by = [{by}], within = \"1h\" }}\n"
        ))
    };
    assert!(emergency("\"uid:2001\"").contains("nobody but its subject could do"));
    assert_eq!(emergency("\"uid:2001\", \"uid:2002\""), "");
    let rule = |who: &str| rule_with("approve = [ { by = [\"uid:2001\"] } ]").replace("\"group:ops\"", who);
    assert!(mistakes_or_none(&rule("\"uid:2001\"")).contains("too few people could approve"));
    let doubts: Vec<_> = read(&rule("\"uid:2001\", \"user:alice\"")).unwrap().1.iter().map(ToString::to_string).collect();
    assert!(doubts[0].contains("what uid:2001 asks for, too few people could approve"), "{doubts:?}");
    assert_eq!((doubts.len(), mistakes_or_none(&rule("\"uid:2002\"")).as_str()), (1, ""));
}

#[test]
fn each_stage_needs_people_of_its_own() {
    let persons = "[[person]]\naccounts = [\"carol\", \"carol-adm\"]\n";
    let stages = |stages: &str| mistakes_or_none(&format!("{}{persons}", rule_with(&format!("approve = [ {stages} ]"))));
    for refused in [
        "{ by = [\"user:carol\"] }, { by = [\"user:carol\"] }",
        "{ by = [\"user:carol\"] }, { by = [\"user:carol-adm\"] }",
        "{ by = [\"user:carol\", \"user:carol-adm\"], count = 2 }",
        "{ by = [\"user:dave\", \"user:dave\"], count = 2 }",
        "{ by = [\"user:dave\"] }, { by = [\"user:carol\", \"user:dave\"], count = 2 }",
        "{ by = [\"uid:0\", \"user:dave\"], count = 2 }",
    ] {
        assert!(stages(refused).contains("too few people could approve"), "{refused}");
    }
    for fine in [
        "{ by = [\"user:carol\"] }, { by = [\"user:carol\", \"user:dave\"] }",
        "{ by = [\"user:carol\", \"user:dave\"] }, { by = [\"user:carol\"] }",
        "{ by = [\"user:carol\"] }, { by = [\"group:leads\"], count = 3 }",
        "{ by = [\"uid:7\", \"user:dave\"], count = 2 }",
    ] {
        assert_eq!(stages(fine), "", "{fine}");
    }
    let escalated =
        rule_with("approve = [ { by = [\"user:carol\", \"user:dave\"], count = 3 } ]\nescalate = { after = \"5m\", to = [\"user:erin\"] }");
    assert_eq!(mistakes_or_none(&escalated), "");
    assert!(mistakes_or_none(&escalated.replace("erin", "dave")).contains("too few"));
}

fn mistakes_or_none(text: &str) -> String {
    read(text).map(|_| String::new()).unwrap_or_else(|mistakes| mistakes.iter().map(ToString::to_string).collect())
}

#[test]
fn what_is_the_default_may_be_said_as_well() {
    let said = "starts = \"approval\"\nsession = { at_expiry = \"end\", require = \"any\" }\nreason = { required = true, min = 1 }";
    let silent = rule_with("lapse = \"1h\"");
    let (said, silent) = (read(&format!("{silent}{said}\n")).unwrap(), read(&silent).unwrap());
    assert_eq!(said.0.grants, silent.0.grants);
    assert!(said.1.is_empty());
}

#[test]
fn what_is_wrong_in_a_rule_of_another_kind_is_named_too() {
    let rule = |kind: &str, on: &str, rest: &str| {
        format!("version = 1\n[[{kind}]]\nname = \"x\"\nwho = [\"group:ops\"]\non = [\"{on}\"]\n{rest}\n")
    };
    let limit = "limit = { times = 1, per = \"1d\" }\n";
    let review = "review = { by = [\"group:x\"], within = \"1h\" }\n";
    for (text, expected) in [
        (rule("emergency", "sudo", &format!("{limit}review = {{ by = [], within = \"1h\" }}")), "`by` is []: empty: nobody could review"),
        (rule("emergency", "sudo", &format!("{limit}review = {{ within = \"1h\" }}")), "`review` has no `by`"),
        (rule("emergency", "sudo", &format!("{limit}review = {{ by = [\"group:x\"] }}")), "`review` has no `within`"),
        (rule("emergency", "sudo", limit), "[[emergency]] has no `review`"),
        (rule("emergency", "sudo", review), "[[emergency]] has no `limit`"),
        (rule("emergency", "sudo", &format!("{review}limit = {{ times = 0, per = \"1d\" }}")), "write a whole number from 1 to 1000"),
        (rule("emergency", "sudo", &format!("{review}limit = {{ times = 1 }}")), "`limit` has no `per`"),
        (rule("repetitive", "sudo", ""), "[[repetitive]] has no `after`"),
        (rule("repetitive", "sudo", "after = { within = \"8h\" }"), "`after` has no `times`"),
        (rule("repetitive", "sudo", "after = { times = 1 }"), "`after` has no `within`"),
        (rule("repetitive", "sudo", "after = { within = \"32d\", times = 1 }"), "too long (an approval can be repeated for at most 31d)"),
        (rule("repetitive", "sudo", "as = []\nafter = { within = \"8h\", times = 1 }"), "empty: as nobody (leave it out for anybody)"),
        (rule("legacy", "sshd", "owner = \"any\"\nreason = \" \"\nuntil = 2026-12-31"), "say why this cannot ask"),
        (rule("legacy", "sshd", "reason = \"x\"\nuntil = 2026-12-31"), "[[legacy]] has no `owner`"),
        (rule("legacy", "sshd", "owner = \"any\"\nuntil = 2026-12-31"), "[[legacy]] has no `reason`"),
        (rule("legacy", "sshd", "owner = \"any\"\nreason = \"x\""), "[[legacy]] has no `until`"),
        (rule("deny", "sshd", "as = [\"root\"]"), "not possible for sshd, where it is always oneself"),
        (rule("deny", "sshd\", \"sudo", "as = [\"root\"]"), "nobody would be denied there (give sshd a [[deny]] of its own, without `as`)"),
        (
            rule("deny", "sudo\", \"login", "as = [\"root\"]"),
            "nobody would be denied there (give login a [[deny]] of its own, without `as`)",
        ),
        (rule("repetitive", "login", "as = [\"root\"]\nafter = { within = \"8h\", times = 1 }"), "not possible for login"),
        (rule("deny", "sudo", "as = []"), "empty: as nobody (leave it out for anybody)"),
        ("version = 1\n[[person]]\n".to_owned(), "[[person]] has no `accounts`"),
    ] {
        let found = mistakes_or_none(&text);
        assert!(found.contains(expected), "{text}\n expected {expected}\n found {found}");
    }
}

#[test]
fn an_emergency_of_somebody_that_only_they_could_review_is_a_warning() {
    let text = "version = 1\n[[emergency]]\nname = \"e\"\nwho = [\"user:alice\", \"user:bob\"]\non = [\"sudo\"]\n\
        limit = { times = 1, per = \"1d\" }\nreview = { by = [\"user:alice\"], within = \"1h\" }\n";
    let warnings: Vec<_> = read(text).unwrap().1.iter().map(ToString::to_string).collect();
    assert_eq!(warnings, ["policy.toml:2:1: [[emergency]] `e`: what alice takes, nobody else could review (name another reviewer)"]);
}

#[test]
fn the_same_pattern_in_two_rules_is_the_same() {
    let rule = rule_with("reason = { pattern = 'INC-\\d+' }");
    let twice = format!("{rule}{}", rule.replace("version = 1\n", "").replace("\"ops\"", "\"ops-2\""));
    let (policy, _) = read(&twice).unwrap();
    assert_eq!(policy.grants[0].reason, policy.grants[1].reason);
    assert!(policy.grants[1].reason.pattern.as_ref().unwrap().is_in("INC-7"));
}

#[test]
fn a_policy_keeps_the_text_that_it_was_read_from() {
    let text = rule_with("lapse = \"1h\"");
    let (policy, _) = read(&text).unwrap();
    assert_eq!(
        policy.texts.iter().map(|file| (file.file.as_str(), file.text.as_str())).collect::<Vec<_>>(),
        [("policy.toml", text.as_str())]
    );
}
