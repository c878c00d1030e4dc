use super::*;

/// One of each, in the order of their declaration.
fn every() -> Vec<Refusal> {
    let (user, service) = (UserName::new("alice"), Service::new("sudo"));
    let (request, grant) = ("R-7F3KQ2ZD".parse().unwrap(), "G-7F3KQ2ZD".parse().unwrap());
    let rule = RuleName::new("ops-root");
    let hour = Span::from_secs(3600);
    vec![
        Refusal::NoPolicy,
        Refusal::NoRule { user: user.clone(), service: service.clone(), run_as: RunAs::root() },
        Refusal::NoRule { user: user.clone(), service: Service::new("sshd"), run_as: RunAs::Oneself },
        Refusal::GroupsUnknown { user: user.clone() },
        Refusal::HourTwice,
        Refusal::TooLong { longest: hour, rule: rule.clone() },
        Refusal::ReasonMissing { rule: rule.clone() },
        Refusal::ReasonShort { rule: rule.clone(), min: 10 },
        Refusal::ReasonLong { most: 1000 },
        Refusal::ReasonPattern { rule: rule.clone(), pattern: "INC-.+".to_owned() },
        Refusal::TooManyUses { most: 5, rule: rule.clone() },
        Refusal::OddStart { farthest: hour },
        Refusal::OutsideHours { rule: rule.clone(), hours: "08:00-09:00 (UTC)".to_owned() },
        Refusal::Forbidden { rule: rule.clone(), unknown: None },
        Refusal::Forbidden { rule: rule.clone(), unknown: Some(Unknown::Groups) },
        Refusal::Forbidden { rule: rule.clone(), unknown: Some(Unknown::Address) },
        Refusal::Forbidden { rule: rule.clone(), unknown: Some(Unknown::Time) },
        Refusal::NoEmergency { user: user.clone(), service: service.clone() },
        Refusal::Unreviewed { id: grant, by: "group leads".to_owned() },
        Refusal::LimitReached { rule: rule.clone(), times: 3, per: hour },
        Refusal::Reviewed { id: grant, verdict: "fine", by: UserName::new("carol") },
        Refusal::NotReviewer { id: grant, by: "group leads".to_owned() },
        Refusal::OwnReview { id: grant },
        Refusal::NotExtensible { id: grant, rule },
        Refusal::ExtendedEnough { id: grant, times: 1 },
        Refusal::NotStarted { id: grant },
        Refusal::WindowEnds { id: grant, rule: RuleName::new("ops-root"), hours: "08:00-09:00 (UTC)".to_owned() },
        Refusal::NoteLong { most: 1000 },
        Refusal::NoteMissing,
        Refusal::OddUses,
        Refusal::AlreadyPending { id: request },
        Refusal::AlreadyHeld { id: grant },
        Refusal::TheyAsked { user: user.clone(), id: request },
        Refusal::TheyHold { user: user.clone(), id: grant },
        Refusal::TooManyPending { most: 10 },
        Refusal::NoSuch { what: "R-\u{1b}[2J".to_owned() },
        Refusal::NoneOfYours { what: "grant" },
        Refusal::NameOne { what: "grant", ids: vec!["G-1".to_owned(), "G-2".to_owned()] },
        Refusal::Decided { id: request, word: "denied", by: vec!["carol".to_owned()] },
        Refusal::Decided { id: request, word: "lapsed", by: Vec::new() },
        Refusal::Over { id: grant, word: "expired" },
        Refusal::Own { id: Some(request) },
        Refusal::Own { id: None },
        Refusal::MayActAs { user: user.clone() },
        Refusal::ApprovedByAsker { id: request, by: UserName::new("alice-adm") },
        Refusal::Unreadable,
        Refusal::NotApprover { id: Some(request), approvers: vec!["carol".to_owned()] },
        Refusal::NotApprover { id: None, approvers: Vec::new() },
        Refusal::ApprovedAlready { id: request },
        Refusal::NotLonger { id: request, longest: hour },
        Refusal::SelfService { user: user.clone(), service },
        Refusal::OthersGrant { id: grant },
        Refusal::OwnGrant { id: grant },
        Refusal::MayNotRevoke { id: grant },
        Refusal::NothingToRevoke { user: user.clone() },
        Refusal::RootOnly { what: "reload the policy" },
        Refusal::AuditorsOnly { what: "read the record" },
        Refusal::NotifierOnly,
        Refusal::UnknownUser { name: user },
        Refusal::TooOften { most: 30 },
        Refusal::TooMuch { again: Span::from_secs(173) },
        Refusal::NotRecorded { why: "no space".to_owned(), trace: Trace::None },
        Refusal::NotRecorded { why: "disk I/O error".to_owned(), trace: Trace::UnlessPowerFails },
        Refusal::NotRecorded { why: "disk I/O error".to_owned(), trace: Trace::UnlessJitdEnds },
        Refusal::NothingToArchive,
        Refusal::Busy,
    ]
}

#[test]
fn every_refusal_says_what_refused_and_what_to_do_as_it_did_before() {
    let said: String = every().iter().map(|refusal| format!("{refusal} | {}\n", refusal.help().unwrap_or_default())).collect();
    let before = include_str!("said.txt");
    assert_eq!(said, before, "if the new words are better, write them down: they are in the left one");
    assert!(every().iter().all(|refusal| refusal.help().is_some_and(|help| !help.is_empty())));
}

#[test]
fn programs_are_told_what_was_asked_wrongly_and_what_is_not_there_and_else_that_it_was_refused() {
    for refusal in every() {
        let expected = match &refusal {
            Refusal::NoSuch { .. } | Refusal::NoneOfYours { .. } => Code::NotFound,
            Refusal::NameOne { .. } | Refusal::OddUses | Refusal::OddStart { .. } | Refusal::NoteMissing => Code::Usage,
            _ => Code::Refused,
        };
        assert_eq!(refusal.code(), expected, "{refusal:?}");
    }
}

#[test]
fn what_was_made_longer_once_and_what_was_more_often_are_both_said_rightly() {
    let said = |times| Refusal::ExtendedEnough { id: "G-7F3KQ2ZD".parse().unwrap(), times }.to_string();
    assert_eq!(said(1), "G-7F3KQ2ZD was made longer once, and cannot be again");
    assert_eq!(said(2), "G-7F3KQ2ZD was made longer 2 times, and cannot be again");
}

#[test]
fn a_refusal_that_a_rule_gives_names_the_rule() {
    let by_rule = every().iter().filter(|refusal| format!("{refusal:?}").contains("rule:")).count();
    let named: Vec<_> = every().into_iter().filter_map(|refusal| refusal.rule().cloned()).collect();
    assert_eq!((named.len(), by_rule), (13, 13));
    assert!(named.iter().all(|rule| rule.as_str() == "ops-root"));
}
