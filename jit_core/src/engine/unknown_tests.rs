//! What cannot be known of somebody, or of the moment, where the rules that follow one another differ.

use super::fixture::{World, actor, entry, subject, wish};
use super::{Admission, Askable, Command, Why, Wish, askable};
use crate::actor::Actor;
use crate::name::RunAs;
use crate::policy::judge::{Question, Unknown};
use crate::refusal::Refusal;
use crate::subject::{Entry, Groups, Remote};
use crate::time::WallTime;

const STRICT: &str = "approve = [ { by = [\"group:leads\"] }, { by = [\"group:managers\"] } ]";
const LAX: [&str; 2] = ["approve = []", "approve = [ { by = [\"group:leads\"] } ]"];

fn rule(name: &str, who: &str, more: &str) -> String {
    format!("[[grant]]\nname = \"{name}\"\nwho = [\"{who}\"]\non = [\"sudo\"]\n{more}\n")
}

fn hours(window: &str) -> String {
    format!("hours = [\"{window}\"]\nzone = \"Europe/Berlin\"\n")
}

fn world(rules: &[String]) -> World {
    World::with(&format!("version = 1\n{}", rules.concat()))
}

/// alice, in ops for sure; the directory that has the contractors does not answer.
fn alice() -> Actor {
    let groups = match subject("alice").groups {
        Groups::Known(groups) => Groups::Partly(groups),
        other => other,
    };
    Actor { subject: crate::subject::Subject { groups, ..subject("alice") }, ..actor("alice") }
}

fn asks(rules: &[String], wish: Wish) -> Result<String, Refusal> {
    let mut world = world(rules);
    let id = world.request_of(&alice(), wish)?;
    Ok(world.state.request(id).unwrap().ask().rule.to_string())
}

fn groups_unknown() -> Result<String, Refusal> {
    Err(Refusal::GroupsUnknown { user: subject("alice").name })
}

#[test]
fn a_rule_that_asks_for_more_and_cannot_be_known_is_in_the_way_of_the_next() {
    let staff = |approve: &str| rule("staff", "group:ops", approve);
    let contractors = |more: &str| rule("contractors", "group:contractors", &format!("{STRICT}\n{more}"));
    for approve in LAX {
        assert_eq!(asks(&[contractors(""), staff(approve)], wish()), groups_unknown(), "{approve}");
        let behind_another =
            [rule("third", "group:contractors", LAX[0]), contractors(""), rule("other", "user:bob", STRICT), staff(approve)];
        assert_eq!(asks(&behind_another, wish()), groups_unknown(), "{approve}");
        // It might not decide whoever they are.
        assert_eq!(asks(&[staff(approve), contractors("")], wish()), Ok("staff".to_owned()));
        for more in [
            "as = [\"mail\"]",
            "for = { default = \"5m\", max = \"10m\" }",
            "uses = { max = 1 }",
            &hours("01:00-02:00"),
            "not = [\"user:alice\"]",
        ] {
            let wanted = Wish { wanted: Some(crate::span::Span::from_secs(1200)), uses: Some(2), ..wish() };
            assert_eq!(asks(&[contractors(more), staff(approve)], wanted), Ok("staff".to_owned()), "{more}");
        }
    }
    let two_leads = "approve = [ { by = [\"group:leads\"], count = 2 } ]";
    for approve in [STRICT, two_leads] {
        assert_eq!(asks(&[contractors(""), staff(approve)], wish()), Ok("staff".to_owned()), "a rule as strict goes on working");
    }
}

#[test]
fn whoever_is_not_known_to_be_under_the_stricter_rule_is_told_so_wherever_they_ask() {
    let contractors = rule("contractors", "group:contractors", STRICT);
    let oncall = "[[emergency]]\nname = \"oncall\"\nwho = [\"group:ops\"]\non = [\"sudo\"]\nlimit = { times = 1, per = \"7d\" }\n\
        review = { by = [\"group:leads\"], within = \"1d\" }\n";
    let mut world = world(&[contractors, rule("staff", "group:ops", LAX[0])]);
    let entry = Entry { subject: alice().subject, ..entry("alice", "sudo", Some("root")) };
    let Admission::Denied(denial) = world.check(&entry) else { panic!("nothing was given") };
    assert_eq!((denial.why, denial.remedy), (Why::Unknown(Unknown::Groups), None));
    let root = RunAs::root();
    let may_ask = askable(&world.state, world.policy.as_ref(), &entry, &root, world.now);
    assert_eq!(may_ask, Askable::By { request: None, emergency: None });
    let question = Question { subject: &entry.subject, service: &entry.service, run_as: Some(&root), at: world.now.wall };
    let (_, rule, tested) = world.policy.as_ref().unwrap().explain(question, Some(Remote::Unknown));
    assert_eq!(rule, None);
    assert_eq!(tested[0].because, "who: the user's groups cannot be looked up");
    assert!(tested[1].because.contains("a rule before it asks for more approvals"), "{}", tested[1].because);
    let mut emergency = World::with(&format!("version = 1\n{}{oncall}", self::rule("contractors", "group:contractors", STRICT)));
    assert!(emergency.command(Command::Emergency(alice(), wish())).is_ok(), "whatever is not known, an emergency is one");
    assert!(world.request("alice").is_ok(), "once the directory answers");
}

#[test]
fn who_may_be_under_the_stricter_rule_is_told_so_when_they_want_longer_too() {
    let staff = rule("staff", "group:ops", &format!("{}\nextend = {{ times = 1, max = \"30m\" }}", LAX[0]));
    let mut world = world(&[rule("contractors", "group:contractors", STRICT), staff]);
    world.request("alice").unwrap();
    let longer = |actor| Command::Extend { actor, id: None, by: crate::span::Span::from_secs(600), reason: wish().reason };
    assert_eq!(world.command(longer(alice())).map(drop), Err(Refusal::GroupsUnknown { user: subject("alice").name }));
    assert!(world.command(longer(actor("alice"))).is_ok(), "once the directory answers");
}

#[test]
fn at_night_the_rule_of_the_night_decides_also_while_an_hour_runs_twice() {
    let at_once = |night: &str, at: &str| {
        let rules = [rule("night", "group:ops", &format!("{}\n{}", LAX[1], hours(night))), rule("day", "group:ops", LAX[0])];
        let mut world = world(&rules);
        world.now.wall = WallTime::parse("2026-10-24T12:00:00Z").unwrap();
        let id = world.request_of(&actor("alice"), Wish { start: WallTime::parse(at), ..wish() })?;
        Ok(world.state.request(id).unwrap().ask().rule.to_string())
    };
    for moment in ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"] {
        assert_eq!(at_once("20:00-07:00", moment), Ok("night".to_owned()), "{moment}");
        assert_eq!(at_once("20:00-02:30", moment), Err(Refusal::HourTwice), "{moment}");
        assert_eq!(at_once("20:00-02:00", moment), Ok("day".to_owned()), "{moment}");
    }
}
