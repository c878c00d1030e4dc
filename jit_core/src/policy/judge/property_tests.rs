//! Policies, subjects and moments that are made up, with facts that cannot be known among them. What decides is compared
//! with a second reading of the same rules, written down here from the design alone.

use super::*;
use crate::actor::Actor;
use crate::engine::fixture::{World, actor, wish};
use crate::engine::{Admission, Command, Reply, Why, Wish};
use crate::id::RequestId;
use crate::name::{GroupName, RuleName, UserName};
use crate::request::Request;
use crate::subject::{Entry, Groups, Phase};
use proptest::prelude::*;
use std::fmt::Write as _;

const WHO: [&str; 7] = ["group:a", "group:b", "group:far", "user:alice", "user:bob", "uid:1001", "any"];
const SERVICES: [&str; 4] = ["sudo", "sshd", "su", "login"];
/// By which of them everybody comes in as themselves.
const AS_ONESELF: [usize; 2] = [1, 3];
const TARGETS: [&str; 3] = ["root", "postgres", "self"];
const NETWORKS: [&str; 2] = ["10.0.0.0/8", "192.0.2.0/24"];
const ADDRESSES: [Option<&str>; 4] = [None, Some("10.1.2.3"), Some("192.0.2.9"), Some("2001:db8::1")];
const HOURS: [&str; 3] = ["08:00-19:00", "mon 22:00-06:00", "20:00-02:30"];
/// Moments, and whether each of the windows is open in Berlin; at the last, an hour runs twice in which one of them closes.
const MOMENTS: [(&str, [Option<bool>; 3]); 5] = [
    ("2026-11-23T12:00:00Z", [Some(true), Some(false), Some(false)]),
    ("2026-11-23T22:00:00Z", [Some(false), Some(true), Some(true)]),
    ("2026-11-24T04:00:00Z", [Some(false), Some(true), Some(false)]),
    ("2026-11-25T04:00:00Z", [Some(false), Some(false), Some(false)]),
    ("2026-10-25T00:30:00Z", [Some(false), Some(false), None]),
];

/// Two must approve.
const TWICE: &str = "approve = [ { by = [\"group:leads\"] }, { by = [\"group:managers\"] } ]";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Made {
    Grant,
    Login,
    Emergency,
    Repetitive,
    Legacy,
    Deny,
}

#[derive(Debug, Clone)]
struct Rule {
    made: Made,
    who: Vec<usize>,
    not: Vec<usize>,
    on: Vec<usize>,
    targets: Option<Vec<usize>>,
    from: Option<usize>,
    hours: Option<usize>,
    /// How many must approve what is asked for.
    approvals: u64,
}

impl Rule {
    fn is_sshd_alone(&self) -> bool {
        self.on == [1]
    }

    fn is_as_oneself_alone(&self) -> bool {
        self.on.iter().all(|service| AS_ONESELF.contains(service))
    }

    fn text(&self, number: usize) -> String {
        let listed = |from: &[&str], which: &[usize]| {
            let quoted: Vec<_> = which.iter().map(|place| format!("\"{}\"", from[*place])).collect();
            quoted.join(", ")
        };
        let (kind, own) = match self.made {
            Made::Grant => {
                ("grant", ["approve = []", "approve = [ { by = [\"group:leads\"] } ]", TWICE][usize::try_from(self.approvals).unwrap()])
            }
            Made::Login => ("grant", "approve = []\nstarts = \"login\""),
            Made::Emergency => ("emergency", "limit = { times = 3, per = \"7d\" }\nreview = { by = [\"group:leads\"], within = \"1d\" }"),
            Made::Repetitive => ("repetitive", "after = { within = \"1h\", times = 1 }"),
            Made::Legacy => ("legacy", "owner = \"group:leads\"\nreason = \"x\"\nuntil = 2027-03-31"),
            Made::Deny => ("deny", ""),
        };
        let (who, not, on) = (listed(&WHO, &self.who), listed(&WHO, &self.not), listed(&SERVICES, &self.on));
        let mut text = format!("[[{kind}]]\nname = \"r{number}\"\nwho = [{who}]\nnot = [{not}]\non = [{on}]\n{own}\n");
        if let (Some(targets), false) = (&self.targets, self.is_as_oneself_alone()) {
            let _ = writeln!(text, "as = [{}]", listed(&TARGETS, targets));
        }
        if let (Some(from), true) = (self.from, self.is_sshd_alone()) {
            let _ = writeln!(text, "from = [\"{}\"]", NETWORKS[from]);
        }
        if let Some(hours) = self.hours {
            let _ = writeln!(text, "hours = [\"{}\"]\nzone = \"Europe/Berlin\"", HOURS[hours]);
        }
        text
    }
}

/// What is asked, and what is known of it.
#[derive(Debug, Clone)]
struct Facts {
    /// In which of the two near groups, and the far one; none: its directory does not answer.
    groups: (bool, bool, Option<bool>),
    service: usize,
    target: usize,
    address: usize,
    moment: usize,
}

impl Facts {
    fn is_one_of(&self, whom: &[usize]) -> Option<bool> {
        // While a directory is silent, a group that the others do not name may be one of its.
        let near = |is_in: bool| is_in.then_some(true).or(self.groups.2.map(|_| false));
        let one = |place: &usize| match WHO[*place] {
            "group:a" => near(self.groups.0),
            "group:b" => near(self.groups.1),
            "group:far" => self.groups.2,
            name => Some(name != "user:bob"),
        };
        let all: Vec<_> = whom.iter().map(one).collect();
        if all.contains(&Some(true)) { Some(true) } else { all.iter().all(Option::is_some).then_some(false) }
    }

    /// Whether a rule matches; what cannot be known makes a deny match, and no other. An address is asked for where one comes in.
    fn matches(&self, rule: &Rule, comes_in: bool) -> bool {
        self.matches_with(rule, comes_in, rule.made == Made::Deny)
    }

    /// The same, where what cannot be known counts so.
    fn matches_with(&self, rule: &Rule, comes_in: bool, unknown: bool) -> bool {
        let deny = rule.made == Made::Deny;
        let at_oneself = AS_ONESELF.contains(&self.service);
        let target = if at_oneself { 2 } else { self.target };
        let as_named = match (&rule.targets, rule.made) {
            _ if at_oneself && (rule.is_as_oneself_alone() || !deny) => true,
            (Some(targets), _) => targets.contains(&target),
            (None, Made::Deny | Made::Repetitive) => true,
            (None, Made::Grant | Made::Login | Made::Emergency | Made::Legacy) => target == 0,
        };
        let asks_from = matches!(rule.made, Made::Login | Made::Legacy | Made::Repetitive | Made::Deny);
        let from = match (rule.from.filter(|_| rule.is_sshd_alone()), comes_in) {
            (None, _) => true,
            (Some(_), _) if !asks_from => true,
            (Some(_), false) => false,
            (Some(network), true) => ADDRESSES[self.address].map_or(unknown, |address| address.starts_with(["10.", "192.0.2."][network])),
        };
        let hours = rule.hours.is_none_or(|window| MOMENTS[self.moment].1[window].unwrap_or(unknown));
        let excepted = self.is_one_of(&rule.not).unwrap_or(!unknown);
        rule.on.contains(&self.service) && self.is_one_of(&rule.who).unwrap_or(unknown) && !excepted && as_named && from && hours
    }

    /// The first that matches; of those that forbid, one that does so for sure comes before the others.
    fn first(&self, rules: &[Rule], made: Made, comes_in: bool) -> Option<RuleName> {
        let place = rules.iter().position(|rule| rule.made == made && self.matches_with(rule, comes_in, false));
        let place = place.or_else(|| rules.iter().position(|rule| rule.made == made && self.matches(rule, comes_in)));
        place.map(|place| RuleName::new(format!("r{place}")))
    }

    /// The rule under which they may ask: the first, unless one before it might match as well, and asks for more approvals.
    fn asks(&self, rules: &[Rule]) -> Option<RuleName> {
        let mut most = 0;
        for (place, rule) in rules.iter().enumerate().filter(|(_, rule)| rule.made == Made::Grant) {
            if self.matches_with(rule, false, false) {
                return (most <= rule.approvals).then(|| RuleName::new(format!("r{place}")));
            }
            if self.matches_with(rule, false, true) {
                most = rule.approvals.max(most);
            }
        }
        None
    }

    /// Whether they are forbidden to come in whatever it is that cannot be known.
    fn is_forbidden_for_sure(&self, rules: &[Rule]) -> bool {
        rules.iter().any(|rule| rule.made == Made::Deny && self.matches_with(rule, true, false))
    }

    /// Whether what the first such rule gives would be good from where they are.
    fn is_good_here(&self, rules: &[Rule], made: Made) -> bool {
        let first = rules.iter().find(|rule| rule.made == made && self.matches(rule, true));
        let from = first.and_then(|rule| rule.from.filter(|_| rule.is_sshd_alone()));
        let lies_in = |address: &str, network: usize| address.starts_with(["10.", "192.0.2."][network]);
        from.is_none_or(|network| ADDRESSES[self.address].is_some_and(|address| lies_in(address, network)))
    }

    fn answer(&self, rules: &[Rule]) -> (Answer, Option<RuleName>) {
        let asked_for = |made| matches!(made, Made::Grant | Made::Emergency);
        let by = |made, answer| {
            let rule = self.first(rules, made, true).filter(|_| !asked_for(made) || self.is_good_here(rules, made));
            rule.map(|rule| (answer, Some(rule)))
        };
        by(Made::Deny, Answer::Deny)
            .or_else(|| by(Made::Login, Answer::Grant))
            .or_else(|| by(Made::Legacy, Answer::Grant))
            .or_else(|| self.asks(rules).filter(|_| self.is_good_here(rules, Made::Grant)).map(|rule| (Answer::Request, Some(rule))))
            .or_else(|| by(Made::Emergency, Answer::Emergency))
            .unwrap_or((Answer::None, None))
    }

    fn alice(&self) -> Actor {
        let (a, b, far) = self.groups;
        let groups = [("a", a), ("b", b), ("far", far == Some(true))].into_iter().filter(|(_, is_in)| *is_in);
        let groups = groups.map(|(name, _)| GroupName::new(name)).collect();
        let mut alice = actor("alice");
        alice.subject.groups = if far.is_some() { Groups::Known(groups) } else { Groups::Partly(groups) };
        alice
    }

    fn run_as(&self) -> RunAs {
        if AS_ONESELF.contains(&self.service) { RunAs::Oneself } else { RunAs::as_typed(TARGETS[self.target]) }
    }

    fn wish(&self) -> Wish {
        Wish { service: Service::new(SERVICES[self.service]), run_as: self.run_as(), ..wish() }
    }

    fn entry(&self) -> Entry {
        let remote = Remote::from_address(ADDRESSES[self.address].map(|text| text.parse().unwrap()));
        let (subject, service) = (self.alice().subject, Service::new(SERVICES[self.service]));
        Entry { subject, service, run_as: Some(self.run_as()), remote, tty: None, phase: Phase::Account }
    }
}

fn rule() -> impl Strategy<Value = Rule> {
    let made = prop_oneof![
        2 => Just(Made::Grant), 2 => Just(Made::Login), 2 => Just(Made::Emergency), 1 => Just(Made::Repetitive), 1 => Just(Made::Legacy),
        2 => Just(Made::Deny)
    ];
    let whom = || proptest::sample::subsequence((0..WHO.len()).collect::<Vec<_>>(), 1..4);
    let not = proptest::option::weighted(0.3, proptest::sample::subsequence((0..WHO.len() - 1).collect::<Vec<_>>(), 1..2));
    let on = proptest::sample::subsequence(vec![0, 1, 2, 3], 1..3);
    let targets = proptest::option::of(proptest::sample::subsequence(vec![0, 1, 2], 1..3));
    let (from, hours) = (proptest::option::of(0..2_usize), proptest::option::weighted(0.4, 0..HOURS.len()));
    (made, whom(), not, on, targets, from, hours, 0..3_u64).prop_map(|(made, who, not, on, targets, from, hours, approvals)| {
        let not = not.unwrap_or_default();
        // A deny of log-ins as somebody is a mistake: they are as oneself.
        let is_at_oneself = on.iter().any(|service| AS_ONESELF.contains(service));
        let is_void = |targets: &Vec<usize>| made == Made::Deny && is_at_oneself && !targets.contains(&2);
        let targets = targets.filter(|targets| !is_void(targets));
        Rule { made, who, not, on, targets, from, hours, approvals }
    })
}

/// The same, and among them more of those that give root by sudo to whoever asks, some of them by a group that may not be known.
fn rules() -> impl Strategy<Value = Vec<Rule>> {
    let root = rule().prop_map(|rule| {
        let who = if rule.who.len() == 1 { vec![2] } else { rule.who };
        Rule { made: Made::Grant, on: vec![0], targets: None, who, ..rule }
    });
    proptest::collection::vec(prop_oneof![rule(), root], 1..7)
}

fn facts() -> impl Strategy<Value = Facts> {
    let groups = (any::<bool>(), any::<bool>(), proptest::option::of(any::<bool>()));
    (groups, 0..SERVICES.len(), 0..3_usize, 0..ADDRESSES.len(), 0..MOMENTS.len())
        .prop_map(|(groups, service, target, address, moment)| Facts { groups, service, target, address, moment })
}

fn world(rules: &[Rule], facts: &Facts) -> World {
    let rules: Vec<_> = rules.iter().enumerate().map(|(number, rule)| rule.text(number)).collect();
    let mut world = World::with(&format!("version = 1\n{}", rules.concat()));
    world.now.wall = WallTime::parse(MOMENTS[facts.moment].0).unwrap();
    world
}

/// How many must approve a request.
fn approvals(world: &World, id: RequestId) -> u32 {
    world.state.request(id).unwrap().stages().iter().map(|progress| progress.stage.count).sum()
}

/// Explaining, coming in, asking and taking an emergency: all of them say what the rules say.
fn agrees(rules: &[Rule], facts: &Facts) {
    let mut world = world(rules, facts);
    let (answer, deciding) = facts.answer(rules);
    let entry = facts.entry();
    let question = Question { subject: &entry.subject, service: &entry.service, run_as: entry.run_as.as_ref(), at: world.now.wall };
    let (explained, by, tested) = world.policy.as_ref().unwrap().explain(question, Some(entry.remote));
    assert_eq!((explained, &by), (answer, &deciding));
    let marked: Vec<_> = tested.iter().filter(|rule| rule.matched).map(|rule| &rule.name).collect();
    assert_eq!(marked, deciding.iter().collect::<Vec<_>>(), "the rule that decides, and no other, is marked");

    match (world.check(&entry), answer) {
        (Admission::Rule(rule), Answer::Grant) => assert_eq!(Some(rule), deciding),
        (Admission::Denied(denial), Answer::Deny) => {
            let Why::Forbidden(rule, unknown) = denial.why else { panic!("{denial:?}") };
            assert_eq!((Some(rule), unknown.is_none()), (deciding, facts.is_forbidden_for_sure(rules)));
        }
        (Admission::Denied(_), Answer::Request | Answer::Emergency | Answer::None) => {}
        (admission, answer) => panic!("{answer:?}, and {admission:?}"),
    }

    let forbidden = facts.first(rules, Made::Deny, false);
    let expected = |rule: Option<RuleName>| rule.filter(|_| forbidden.is_none());
    let asked = world.request_of(&facts.alice(), facts.wish()).ok();
    let asked = asked.and_then(|id| world.state.request(id)).map(Request::ask).map(|ask| ask.rule.clone());
    assert_eq!(asked, expected(facts.asks(rules)), "what is asked for falls under the first rule");
    if answer == Answer::Deny {
        assert!(matches!(world.check(&entry), Admission::Denied(_)), "a deny beats what was given, too");
    }
    let mut world = self::world(rules, facts);
    let taken = match world.command(Command::Emergency(facts.alice(), facts.wish())) {
        Ok(Reply::Grants(ids)) => world.state.grant(ids[0]).map(|grant| grant.terms().common.rule.clone()),
        Ok(other) => panic!("{other:?}"),
        Err(_) => None,
    };
    assert_eq!(taken, expected(facts.first(rules, Made::Emergency, false)), "an emergency falls under the first rule");
    if answer == Answer::Deny {
        assert!(matches!(world.check(&entry), Admission::Denied(_)), "a deny beats what was taken, too");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_explains_decides_and_is_what_the_rules_say(rules in proptest::collection::vec(rule(), 1..7), facts in facts()) {
        agrees(&rules, &facts);
    }
}

proptest! {
    // Each is asked many times over, with each thing that could be known.
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_cannot_be_known_lets_nobody_in_who_would_not_be_let_in_whatever_it_were_nor_with_fewer_approvals(
        rules in rules(),
        facts in prop_oneof![facts(), facts().prop_map(|facts| Facts { service: 0, target: 0, ..facts })],
    ) {
        let lets_in = |facts: &Facts| {
            let mut asked = world(&rules, facts);
            let comes = !matches!(asked.check(&facts.entry()), Admission::Denied(_));
            let asks = asked.request_of(&facts.alice(), facts.wish()).ok();
            let takes = world(&rules, facts).command(Command::Emergency(facts.alice(), facts.wish())).is_ok();
            ([comes, asks.is_some(), takes], asks.map(|id| approvals(&asked, id)))
        };
        let no_freer = |(lets_in, approvals): ([bool; 3], Option<u32>), (known, of_known): ([bool; 3], Option<u32>)| {
            lets_in.into_iter().zip(known).all(|(unknown, known)| !unknown || known) && (approvals.is_none() || approvals >= of_known)
        };
        let far = Facts { groups: (facts.groups.0, facts.groups.1, None), ..facts.clone() };
        let nowhere = Facts { address: 0, ..facts.clone() };
        for is_in in [false, true] {
            let known = Facts { groups: (facts.groups.0, facts.groups.1, Some(is_in)), ..facts.clone() };
            prop_assert!(no_freer(lets_in(&far), lets_in(&known)));
        }
        for address in 1..ADDRESSES.len() {
            let known = Facts { address, ..facts.clone() };
            prop_assert!(no_freer(lets_in(&nowhere), lets_in(&known)));
        }
    }
}

#[test]
fn the_far_group_and_alice_are_whom_the_facts_mean() {
    let facts = Facts { groups: (true, false, None), service: 0, target: 0, address: 0, moment: 0 };
    assert_eq!(facts.alice().subject.name, UserName::new("alice"));
    assert_eq!([&[2][..], &[1], &[0, 2], &[4]].map(|whom| facts.is_one_of(whom)), [None, None, Some(true), Some(false)]);
}
