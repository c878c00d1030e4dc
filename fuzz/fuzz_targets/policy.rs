//! Policy files: no text brings the loader down, each mistake has a place that exists, and a policy that loads answers questions.
#![no_main]

use jit_core::name::{GroupName, RunAs, Service, Uid, UserName};
use jit_core::policy::change::Change;
use jit_core::policy::judge::{Answer, Question, RequestRuling, Wanted};
use jit_core::policy::load::{Around, Mistake, PolicyFile, load};
use jit_core::policy::{Place, Policy};
use jit_core::span::Span;
use jit_core::subject::{Groups, Remote, Subject};
use jit_core::time::WallTime;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let now = WallTime::parse("2026-11-23T12:00:00Z").unwrap();
    let file = PolicyFile { file: "policy.toml".to_owned(), text: text.to_owned() };
    let around = Around { now, zone: Some(chrono_tz::Europe::Berlin) };
    match load(&[file], around) {
        Ok((policy, warnings)) => {
            warnings.iter().for_each(|warning| stands_in(text, warning));
            for at in
                ["2026-11-23T12:00:00Z", "2026-10-25T00:30:00Z", "2027-03-28T01:00:00Z", "9999-12-31T23:59:59Z", "1970-01-01T00:00:00Z"]
            {
                is_judged(&policy, WallTime::parse(at).unwrap());
            }
            let _ = Change::between(None, &policy);
            let _ = Change::between(Some(&policy), &policy);
        }
        Err(mistakes) => {
            assert!(!mistakes.is_empty());
            mistakes.iter().for_each(|mistake| stands_in(text, mistake));
        }
    }
});

/// The line is one of the file, and what is said of it is one line that can be shown.
fn stands_in(text: &str, mistake: &Mistake) {
    let Place { line, column, .. } = &mistake.place;
    assert!(*line >= 1 && *column >= 1, "{mistake:?}");
    let lines = text.split('\n').count();
    assert!(usize::try_from(*line).unwrap() <= lines.max(1), "{mistake:?} of {lines} lines");
    let said = mistake.to_string();
    assert!(!said.contains('\n'), "{said:?}");
}

fn is_judged(policy: &Policy, at: WallTime) {
    let known = Groups::Known(["ops", "leads"].into_iter().map(GroupName::new).collect());
    for (name, uid, groups) in [("alice", 1001, known), ("root", 0, Groups::unknown())] {
        let subject = Subject { uid: Uid(uid), name: UserName::new(name), groups };
        for service in policy.every_rule().flat_map(|rule| &rule.scope.on).chain([&Service::new("sudo"), &Service::new("sshd")]) {
            for (run_as, remote) in [(RunAs::root(), Remote::Unknown), (RunAs::Oneself, Remote::from_address("10.1.2.3".parse().ok()))] {
                let question = Question { subject: &subject, service, run_as: Some(&run_as), at };
                let (answer, rule, tested) = policy.explain(question, Some(remote));
                let denied = policy.denied_by(question, Some(remote)).is_some();
                assert_eq!(denied, answer == Answer::Deny, "{rule:?}");
                let stands = policy.standing(question, remote).is_some();
                assert!(denied || stands == (answer == Answer::Grant), "{answer:?} by {rule:?}");
                assert!(tested.iter().filter(|tested| tested.matched).count() <= 1);
                let long = Wanted { time: Some(Span::from_secs(7 * 86_400)), uses: Some(1) };
                for wanted in [Wanted::default(), long] {
                    if let RequestRuling::By(rule) = policy.rule_for_request(question, wanted) {
                        assert!(wanted.time.is_none_or(|time| time <= rule.max));
                        let _ = rule.reason.pattern.as_ref().map(|pattern| pattern.is_in("INC-42 the disk is full"));
                    }
                }
                let _ = policy.rule_for_emergency(question, None);
            }
        }
        let _ = policy.requestable_by(&subject, at).count() + policy.takeable_by(&subject, at).count();
    }
}
