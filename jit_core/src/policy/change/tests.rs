use super::*;
use crate::name::GroupName;
use crate::policy::judge::{Question, RequestRuling, Wanted};
use crate::policy::load::{Around, PolicyFile, load};
use crate::span::Span;
use crate::subject::{Groups, Remote};
use crate::time::WallTime;
use proptest::prelude::*;
use std::cmp::Reverse;
use std::fmt::Write as _;

const RULE: &str = "[[grant]]\nname = \"ops\"\nwho = [\"group:ops\"]\non = [\"sudo\"]\napprove = [ { by = [\"group:leads\"] } ]\n";

fn policy(text: &str) -> Policy {
    let file = PolicyFile { file: "p".to_owned(), text: format!("version = 1\n{text}") };
    load(&[file], Around { now: WallTime::parse("2026-11-23T12:00:00Z").unwrap(), zone: None }).unwrap().0
}

fn change(old: &str, new: &str) -> Change {
    Change::between(Some(&policy(old)), &policy(new))
}

#[test]
fn a_new_rule_is_what_became_possible_and_a_rule_that_went_what_ceased() {
    let added = change("", RULE);
    assert_eq!(added.ceased, [""; 0]);
    assert!(
        added.became[0].starts_with("group:ops may sudo as root by ops: approved by 1 of group:leads, on approval, for 30m to 4h"),
        "{added:?}"
    );
    let removed = change(RULE, "");
    assert_eq!((removed.became.len(), removed.ceased), (0, added.became));
    assert_eq!(change(RULE, RULE), Change::default());
}

#[test]
fn every_loosened_condition_of_every_kind_of_rule_widens() {
    let emergency = "[[emergency]]\nname = \"e\"\nwho = [\"group:ops\"]\non = [\"sudo\"]\nlimit = { times = 3, per = \"7d\" }\nreview = { by = [\"group:sec\"], within = \"24h\" }\n";
    let repetitive = "[[repetitive]]\nname = \"r\"\nwho = [\"group:ops\"]\non = [\"sudo\"]\nafter = { within = \"8h\", times = 4 }\n";
    let legacy = "[[legacy]]\nname = \"l\"\nwho = [\"user:b\"]\non = [\"sshd\"]\nfrom = [\"10.0.0.1\"]\nowner = \"group:s\"\nreason = \"x\"\nuntil = 2027-03-31\n";
    let deny = "[[deny]]\nname = \"d\"\nwho = [\"group:x\"]\non = [\"sshd\"]\n";
    let patterned = RULE.replace("approve", "reason = { pattern = 'INC' }\napprove");
    let person = "[[person]]\naccounts = [\"a\", \"b\"]\n";
    for (old, from, to) in [
        (RULE, "group:ops\"]", "group:ops\", \"any\"]"),
        (RULE, "[\"sudo\"]", "[\"sudo\", \"su\"]"),
        (RULE, "approve", "as = [\"root\", \"db\"]\napprove"),
        (RULE, "approve", "for = { max = \"8h\" }\napprove"),
        (RULE, "group:leads\"]", "group:leads\", \"group:ops\"]"),
        (RULE, "approve", "extend = { times = 1, max = \"1h\" }\napprove"),
        (RULE, "approve", "escalate = { after = \"5m\", to = [\"any\"] }\napprove"),
        (RULE, "approve", "reason = { required = false }\napprove"),
        (RULE, "approve", "starts = \"first-use\"\napprove"),
        (RULE, "approve", "session = { at_expiry = \"keep\" }\napprove"),
        (emergency, "limit", "session = { at_expiry = \"warn\" }\nlimit"),
        (repetitive, "after", "session = { require = \"cgroup\" }\nafter"),
        (emergency, "times = 3", "times = 4"),
        (emergency, "\"24h\"", "\"48h\""),
        (repetitive, "times = 4", "times = 5"),
        (repetitive, "\"8h\"", "\"9h\""),
        (legacy, "10.0.0.1", "10.0.0.0/8"),
        (legacy, "2027-03-31", "2027-04-30"),
        (deny, deny, ""),
        (deny, "group:x", "group:y"),
        (person, person, ""),
        ("", "", "auditors = [\"group:audit\"]\n"),
        (patterned.as_str(), "'INC'", "'.'"),
    ] {
        assert!(old.contains(from), "{from}");
        let new = old.replace(from, to);
        assert_ne!(change(old, &new).became, [""; 0], "{from} to {to}");
    }
}

#[test]
fn a_policy_of_thousands_of_rules_is_cut_and_counted() {
    let rules: String = (0..100).map(|number| RULE.replace("\"ops\"", &format!("\"ops-{number}\""))).collect();
    let added = change("", &rules);
    assert_eq!(added.became.len(), 41);
    assert_eq!(added.became[40], "and 60 more");
}

#[test]
fn what_is_no_longer_denied_became_possible_and_what_is_denied_now_ceased() {
    let deny = "[[deny]]\nname = \"d\"\nwho = [\"user:bob\"]\non = [\"sudo\", \"sshd\"]\n";
    let others = "[[deny]]\nname = \"e\"\nwho = [\"group:x\"]\non = [\"sudo\"]\n";
    let (more, one) = (format!("{deny}{others}"), deny.replace(", \"sshd\"", ""));
    // Whatever else is denied: tightening widens nothing.
    let tighter = Change { became: Vec::new(), ceased: vec!["group:x may sudo as anybody by e, now denied".to_owned()] };
    assert_eq!(change(deny, &more), tighter);
    let looser = Change { became: vec!["user:bob may sshd as anybody by d, no longer denied".to_owned()], ceased: Vec::new() };
    assert_eq!(change(deny, &one), looser);
    assert_eq!(change(&format!("{others}{deny}"), &more), Change::default(), "their order is no matter");
    assert_eq!(Change::between(None, &policy(deny)), change("", deny), "of a start, what is denied is on record too");
    // A list that is renamed is long on both sides, and hides nothing else that became possible.
    let many: Vec<_> = (0..50).map(|number| format!("\"user:u{number}\"")).collect();
    let many = |name: &str| format!("[[deny]]\nname = \"{name}\"\nwho = [{}]\non = [\"sudo\"]\n", many.join(", "));
    let renamed = change(&many("a"), &format!("{}{RULE}", many("b")));
    assert!(renamed.became[0].starts_with("group:ops may sudo as root by ops") && renamed.became.len() == 42, "{renamed:?}");
}

#[test]
fn who_is_no_longer_one_human_may_approve_for_the_other() {
    let person = |accounts: &str| format!("[[person]]\naccounts = [{accounts}]\n");
    let (two, three) = (person("\"a\", \"b\""), person("\"a\", \"b\", \"c\""));
    let whole = |said: &str| vec![format!("{said} may approve for one another")];
    assert_eq!(change("", &two), Change { became: Vec::new(), ceased: whole("a or b") });
    assert_eq!(change(&two, &three), Change { became: Vec::new(), ceased: whole("a, b or c") });
    assert_eq!(change(&three, &two), Change { became: whole("a, b or c"), ceased: Vec::new() });
    let moved = change(&format!("{two}{}", person("\"c\", \"d\"")), &format!("{}{}", person("\"a\", \"c\""), person("\"b\", \"d\"")));
    assert_eq!((moved.became.len(), moved.ceased.len()), (2, 2), "{moved:?}");
}

#[test]
fn of_thousands_who_are_denied_and_known_twice_whoever_went_is_named() {
    let denied = |gone: &str| {
        let names: Vec<_> = (0..5000).map(|number| format!("\"user:leaver{number:05}\"")).filter(|name| !name.contains(gone)).collect();
        format!("[[deny]]\nname = \"gone\"\nwho = [{}]\non = [\"sudo\", \"su\"]\n", names.join(", "))
    };
    let freed = change(&denied("x"), &denied("leaver04711"));
    let said = ["sudo", "su"].map(|service| format!("user:leaver04711 may {service} as anybody by gone, no longer denied"));
    assert_eq!((freed.became.iter().rev().cloned().collect::<Vec<_>>(), freed.ceased.len()), (said.to_vec(), 0));
    let known = |last: u32| (0..last).map(|number| format!("[[person]]\naccounts = [\"a{number}\", \"b{number}\"]\n")).collect::<String>();
    assert_eq!(change(&known(5000), &known(4999)).became, ["a4999 or b4999 may approve for one another"]);
}

#[test]
fn a_long_list_is_said_in_few_words_and_each_change_of_it_is_one() {
    let networks: String = (0..1000).map(|number| format!("\"10.{}.{}.0/24\", ", number / 256, number % 256)).collect();
    let rule = |networks: &str| RULE.replace("[\"sudo\"]", &format!("[\"sshd\"]\nfrom = [{networks}]"));
    let old = rule(&networks);
    let last = rule(&networks.replace("\"10.3.231.0/24\"", "\"0.0.0.0/0\""));
    assert_eq!(change(&old, &old), Change::default());
    let change = change(&old, &last);
    assert_eq!((change.became.len(), change.ceased.len()), (1, 1));
    assert!(change.became[0].len() < 500, "{}", change.became[0]);
    assert!(
        change.became[0].contains("from 10.0.0.0/24, 10.0.1.0/24, 10.0.2.0/24, 10.0.3.0/24, 10.0.4.0/24 or 995 others ("),
        "{change:?}"
    );
}

#[test]
fn a_loose_rule_that_is_no_longer_behind_a_strict_one_is_what_became_possible() {
    let strict = RULE.replace("\"ops\"", "\"strict\"").replace("leads\"] }", "leads\"], count = 2 }");
    let loose = RULE.replace("\"ops\"", "\"loose\"").replace("group:ops", "any");
    let both = format!("{strict}{loose}");
    let behind = "any may sudo as root by loose, no longer behind strict";
    for (case, new) in [
        ("removed", loose.clone()),
        ("moved", format!("{loose}{strict}")),
        ("for others", both.replace("[\"group:ops\"]", "[\"group:dev\"]")),
        ("for less", both.replacen("approve", "for = { max = \"1h\" }\napprove", 1)),
        ("at other hours", both.replacen("approve", "hours = [\"mon-fri 08:00-09:00\"]\nzone = \"UTC\"\napprove", 1)),
    ] {
        assert!(change(&both, &new).became.iter().any(|said| said == behind), "{case}: {:?}", change(&both, &new).became);
    }
    // One that is about the very same, up to as much.
    let alike = RULE.replace("\"ops\"", "\"alike\"");
    let (after, behind) = (format!("{strict}{alike}"), ["group:ops may sudo as root by alike, no longer behind strict"]);
    for new in [alike.clone(), format!("{alike}{strict}"), after.replacen("[\"sudo\"]", "[\"su\"]", 1)] {
        let became = change(&after, &new).became;
        assert_eq!(became.iter().filter(|said| said.contains("no longer behind")).collect::<Vec<_>>(), behind);
    }
    let tightened = both.replace("count = 2", "count = 3");
    assert!(!change(&both, &tightened).became.iter().any(|said| said.contains("no longer")), "it still decides");
    assert_eq!(change(&loose, &both).ceased, [""; 0]);
    let again = format!("{both}{}{}", strict.replace("strict", "strict-too"), loose.replace("loose", "loose-too"));
    assert_eq!(change(&again, &again), Change::default(), "two that say the same");
    let elsewhere = format!("{}{loose}", strict.replace("approve", "as = [\"db\"]\napprove"));
    assert_eq!(change(&elsewhere, &loose).became, [""; 0], "they never competed: nobody is root by the one, nor db by the other");
    let [ssh, loose_ssh] = [&strict, &loose].map(|rule| rule.replace("[\"sudo\"]", "[\"sshd\"]"));
    assert!(!change(&format!("{ssh}{loose_ssh}"), &loose_ssh).became.is_empty(), "to sshd it is no matter as whom");
}

/// A grant rule of a generated policy, by choices among a few of everything, so that rules meet.
#[derive(Debug, Clone)]
struct Made {
    who: &'static str,
    not: Option<&'static str>,
    on: &'static str,
    as_root: bool,
    approvers: u32,
    max_h: u64,
    uses: Option<u32>,
    at_login: bool,
    zone: bool,
}

fn made() -> impl Strategy<Value = Made> {
    let who = || prop::sample::select(vec!["group:ops", "group:leads", "user:alice", "user:bob", "any"]);
    let whom = (who(), prop::option::weighted(0.3, who()), prop::sample::select(vec!["sudo", "su", "sshd"]), any::<bool>());
    let how = (0..3_u32, 1..4_u64, prop::option::weighted(0.3, 1..3_u32), prop::bool::weighted(0.2), prop::bool::weighted(0.3));
    (whom, how).prop_map(|((who, not, on, as_root), (approvers, max_h, uses, at_login, zone))| Made {
        who,
        not: not.filter(|not| *not != "any"),
        on,
        as_root,
        approvers: if at_login { 0 } else { approvers },
        max_h,
        uses: uses.filter(|_| !at_login),
        at_login,
        zone,
    })
}

/// The same rule always has the same name, so that it is the same rule in both policies.
fn written(rules: &[Made], denied: Option<&str>) -> String {
    let mut text = String::new();
    for (number, rule) in rules.iter().enumerate() {
        let _ = write!(text, "[[grant]]\nname = \"g{number}\"\nwho = [\"{}\"]\non = [\"{}\"]\n", rule.who, rule.on);
        rule.not.iter().for_each(|not| text += &format!("not = [\"{not}\"]\n"));
        let target = if rule.as_root { "root" } else { "postgres" };
        if rule.on != "sshd" {
            let _ = writeln!(text, "as = [\"{target}\"]");
        }
        let _ = writeln!(text, "for = {{ default = \"30m\", max = \"{}h\" }}", rule.max_h);
        rule.uses.iter().for_each(|uses| text += &format!("uses = {{ max = {uses} }}\n"));
        if rule.zone {
            text += "hours = [\"mon-fri 08:00-14:30\"]\nzone = \"UTC\"\n";
        }
        if rule.at_login {
            text += "starts = \"login\"\n";
        }
        match rule.approvers {
            0 => text += "approve = []\n",
            count => text += &format!("approve = [ {{ by = [\"group:sec\"], count = {count} }} ]\n"),
        }
    }
    denied.iter().for_each(|who| text += &format!("[[deny]]\nname = \"d\"\nwho = [\"{who}\"]\non = [\"sudo\"]\n"));
    text
}

/// How freely somebody gets in: the approvals that it takes (none: at once), for how long, how often.
fn freedom(policy: &Policy, question: Question<'_>, wanted: Wanted) -> (bool, Option<(Reverse<u32>, u64, u32)>) {
    if policy.denied_by(question, Some(Remote::Unknown)).is_some() {
        return (false, None);
    }
    let at_login = policy.standing(question, Remote::Unknown).is_some();
    let asked = match policy.rule_for_request(question, wanted) {
        RequestRuling::By(rule) => {
            let approvals = rule.stages.iter().map(|stage| stage.count).sum();
            Some((Reverse(approvals), rule.max.as_millis(), rule.max_uses.unwrap_or(u32::MAX)))
        }
        RequestRuling::TooLong { .. } | RequestRuling::TooManyUses { .. } | RequestRuling::Unknown(_) | RequestRuling::None => None,
    };
    (at_login, asked)
}

/// Whether the second lets in at once where the first did not, or asks for less, or gives more in any one respect.
fn freer(new: (bool, Option<(Reverse<u32>, u64, u32)>), old: (bool, Option<(Reverse<u32>, u64, u32)>)) -> bool {
    let wider = match (new.1, old.1) {
        (Some(new), Some(old)) => new.0 > old.0 || new.1 > old.1 || new.2 > old.2,
        (Some(_), None) => true,
        (None, _) => false,
    };
    (new.0 && !old.0) || wider
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn between_any_two_policies_whoever_can_do_more_is_named(
        rules in prop::collection::vec(made(), 1..5),
        change_of in prop::collection::vec((0..5_usize, 0..4_u8, made()), 1..3),
        denied in (prop::option::of(Just("user:bob")), prop::option::of(Just("user:bob"))),
    ) {
        let mut after = rules.clone();
        for (place, how, other) in change_of {
            let place = place % after.len().max(1);
            match how {
                0 if after.len() > 1 => drop(after.remove(place)),
                1 => after.insert(place, other),
                2 => after.rotate_left(place),
                _ => after[place] = other,
            }
        }
        let (old, new) = (policy(&written(&rules, denied.0)), policy(&written(&after, denied.1)));
        let became = Change::between(Some(&old), &new).became;
        for (name, service, target, hour, hours_wanted) in [
            ("alice", "sudo", "root", 12, 1), ("alice", "sudo", "root", 20, 3), ("alice", "sudo-i", "postgres", 12, 2), ("bob", "sudo", "root", 12, 1),
            ("bob", "sudo", "postgres", 12, 3), ("bob", "sshd", "bob", 12, 1), ("carol", "sudo", "root", 20, 2), ("carol", "sshd", "carol", 12, 3),
        ] {
            let subject = crate::engine::fixture::subject(name);
            let (service, run_as) = (Service::new(service), RunAs::of(&subject.name, crate::name::UserName::new(target)));
            let at = WallTime::parse(&format!("2026-11-23T{hour}:00:00Z")).unwrap();
            let question = Question { subject: &subject, service: &service, run_as: Some(&run_as), at };
            for uses in [None, Some(2)] {
                let wanted = Wanted { time: Some(Span::from_secs(hours_wanted * 3600)), uses };
                if freer(freedom(&new, question, wanted), freedom(&old, question, wanted)) {
                    let named = |said: &String| {
                        let whom = said.split(" may ").next().unwrap().split(" but ").next().unwrap();
                        whom == "any" || whom.strip_prefix("user:") == Some(name)
                            || whom.strip_prefix("group:").is_some_and(|group| matches!(&subject.groups, Groups::Known(groups) if groups.contains(&GroupName::new(group))))
                    };
                    prop_assert!(became.iter().any(named), "{name} {service:?} {target} {hour} h for {hours_wanted} h: {became:#?}");
                }
            }
        }
    }
}
