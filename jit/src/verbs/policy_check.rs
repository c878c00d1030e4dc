//! What a policy that is not in force yet would mean on this host: for the grants that live now, and for its names.

use super::Context;
use crate::soon::{Soon, soon};
use jit_core::name::{GroupName, RunAs, Service, UserName};
use jit_core::policy::judge::{EmergencyRuling, Question, RequestRuling, Standing, Wanted};
use jit_core::policy::{AnyRule, GrantRule, Place, Policy, Principal};
use jit_core::span::Span;
use jit_core::subject::{Groups, Remote, Subject};
use jit_core::time::WallTime;
use jit_host::accounts::{AccountTrouble, group_by_name, group_by_number_of, subject_by_name, subject_by_uid};
use jit_proto::user::Which;
use jit_proto::view::{GrantView, MistakeView};
use std::collections::BTreeSet;
use std::path::Path;

/// Where one doubt after the other is told.
type Tell<'a> = &'a dyn Fn(MistakeView);

/// What is doubtful of a policy on the host whose jitd answers, as far as the name service says so within a moment: live grants, as
/// far as the user sees them, that it would not give, and names that mean nobody here, or somebody who is spelt otherwise. Without
/// jitd there is nothing to say: the policy may be meant for another host.
pub fn here(context: &Context, policy: Policy, file: &Path) -> Vec<MistakeView> {
    let Ok(listing) = context.talk.list(Which::Active) else { return Vec::new() };
    let (now, head, file) = (context.out.clock().now(), head(&policy), file.display().to_string());
    let told = soon(move |tell| {
        no_longer_given(&listing.grants, &policy, &file, now, tell);
        names(&policy, tell);
        own_approvers(&policy, tell);
    });
    in_time(told, &head)
}

/// What was told, and whether there may be more: a policy is looked at in the middle of trouble too.
fn in_time(told: Soon<MistakeView>, head: &Place) -> Vec<MistakeView> {
    let Soon { mut found, is_all } = told;
    if !is_all {
        let late = "not all names could be looked up: the name service does not answer".to_owned();
        found.push(doubt(head, late, "jit doctor says more of it; check again when it answers".to_owned()));
    }
    found
}

/// The head of the first file.
fn head(policy: &Policy) -> Place {
    Place { file: policy.files.first().map(|first| first.file.clone()).unwrap_or_default(), line: 1, column: 1 }
}

fn no_longer_given(grants: &[GrantView], policy: &Policy, file: &str, now: WallTime, tell: Tell<'_>) {
    let given = |grant: &GrantView| {
        let name = UserName::new(grant.user.as_str());
        subject_by_name(&name).is_ok_and(|subject| gives(policy, &subject, grant, now))
    };
    let lost = grants.iter().filter(|grant| !given(grant));
    lost.map(|grant| MistakeView {
        file: file.to_owned(),
        line: 1,
        column: 1,
        message: format!("{} lives, and this policy would not give it: {} {} as {}", grant.id, grant.user, grant.service, grant.run_as),
        help: format!("it stays until it ends; to end it now: jit revoke {}", grant.id),
    })
    .for_each(tell);
}

fn gives(policy: &Policy, subject: &Subject, grant: &GrantView, now: WallTime) -> bool {
    let (service, run_as) = (Service::new(grant.service.as_str()), RunAs::as_typed(&grant.run_as));
    let starts = grant.starts.map(|starts| WallTime::from_millis(starts.0));
    // One that is for later is given for then.
    let at = starts.map_or(now, |starts| starts.max(now));
    let question = Question { subject, service: &service, run_as: Some(&run_as), at };
    if policy.denied_by(question, None).is_some() {
        return false;
    }
    // Ends are whole seconds, beginnings are not.
    let until = WallTime::from_millis(grant.until.0);
    let lasts = starts.map(|starts| Span::from_secs(starts.until(until).as_secs()));
    // From where is looked at when they come in, not here.
    let mut somewhere = addresses(policy).into_iter();
    match grant.kind.as_str() {
        "emergency" => matches!(policy.rule_for_emergency(question, lasts), EmergencyRuling::By(_)),
        "login" => somewhere.any(|remote| matches!(policy.standing(question, remote), Some(Standing::Login(_)))),
        "legacy" => somewhere.any(|remote| policy.standing(question, remote).is_some()),
        // How many approved what it repeats is not said of it.
        "repetitive" => somewhere.any(|remote| {
            policy.repeated_by(question, remote).next().is_some() && policy.gives_again(question, remote, u64::MAX).is_some()
        }),
        _ => match policy.rule_for_request(question, Wanted { time: lasts, uses: grant.uses.max }) {
            // What nobody had to approve it would not give where somebody has to.
            RequestRuling::By(rule) => grant.kind != "self-service" || rule.stages.is_empty(),
            RequestRuling::TooLong { rule } => {
                let longer = rule.extend.map_or(0, |extend| extend.max.as_secs().saturating_mul(u64::from(extend.times)));
                lasts.is_none_or(|lasts| lasts.as_secs() <= rule.max.as_secs().saturating_add(longer))
            }
            RequestRuling::TooManyUses { .. } | RequestRuling::Unknown(_) | RequestRuling::None => false,
        },
    }
}

/// An address in each network that a rule names, and one that is not known.
fn addresses(policy: &Policy) -> Vec<Remote> {
    let named = policy.every_rule().flat_map(|rule| &rule.scope.from);
    named.map(|network| Remote::Address(network.addr())).chain([Remote::Unknown]).collect()
}

/// Names of nobody here, and names that the name service finds by another spelling: it compares them in its own way, a policy letter by
/// letter.
fn names(policy: &Policy, tell: Tell<'_>) {
    let mut principals = BTreeSet::new();
    for AnyRule { place, scope, .. } in policy.every_rule() {
        principals.extend(scope.who.iter().chain(&scope.not).map(|who| (place, who)));
    }
    principals.extend(policy.grants.iter().flat_map(|rule| approvers(rule).map(|who| (&rule.place, who))));
    principals.extend(policy.emergencies.iter().flat_map(|rule| rule.review.by.iter().chain(&rule.alert).map(|who| (&rule.place, who))));
    principals.extend(policy.legacy.iter().map(|rule| (&rule.place, &rule.owner)));
    // Auditors stand at the head of the first file.
    let head = head(policy);
    principals.extend(policy.auditors.iter().map(|who| (&head, who)));
    let mut accounts: BTreeSet<_> =
        policy.persons.iter().flat_map(|person| person.accounts.iter().map(|name| (&person.place, name))).collect();
    for rule in policy.denies.iter() {
        accounts.extend(rule.run_as.iter().flatten().filter_map(|run_as| match run_as {
            RunAs::User(name) => Some((&rule.place, name)),
            RunAs::Oneself => None,
        }));
    }
    let principals = principals.into_iter().filter_map(|(place, who)| Some(principal(who)?.about(place, &who.to_string())));
    let accounts = accounts.into_iter().filter_map(|(place, name)| Some(account(name)?.about(place, &name.to_string())));
    principals.chain(accounts).for_each(tell);
}

/// The same, as far as the name service says so within a moment.
pub fn names_soon(policy: Policy) -> Vec<MistakeView> {
    let head = head(&policy);
    in_time(soon(move |tell| names(&policy, tell)), &head)
}

/// What is wrong with a name on this host.
enum Misspelt {
    /// Nobody is called so.
    Nobody,
    /// Whoever is meant is called so, in the form in which they were named.
    Called(String),
    /// Another name stands before theirs with the same number, in that form.
    Numbered(String),
    /// Who knows them did not answer.
    Unanswered,
}

impl Misspelt {
    fn about(self, place: &Place, written: &str) -> MistakeView {
        let (message, help) = match self {
            Self::Nobody => (format!("{written} is nobody on this host"), "check the spelling".to_owned()),
            Self::Unanswered => (format!("{written} could not be looked up"), "jit doctor says which source does not answer".to_owned()),
            Self::Numbered(first) => (
                format!("{written} has the number of {first}, and counts as that wherever this host goes by the number"),
                format!("give it a number of its own, or write {first} for both"),
            ),
            Self::Called(called) => (format!("{written} means nobody: on this host it is called {called}"), format!("write {called}")),
        };
        doubt(place, message, help)
    }
}

fn principal(who: &Principal) -> Option<Misspelt> {
    match who {
        Principal::User(name) => user(name, |called| Principal::User(called.clone())),
        Principal::Group(name) => {
            misspelt(name, group_by_name(name), || group_by_number_of(name), |called: &GroupName| Principal::Group(called.clone()))
        }
        // A number may be that of an account to come.
        Principal::Uid(_) | Principal::Any => None,
    }
}

fn account(name: &UserName) -> Option<Misspelt> {
    user(name, UserName::clone)
}

fn user<W: ToString>(name: &UserName, written: impl FnOnce(&UserName) -> W) -> Option<Misspelt> {
    let found = subject_by_name(name);
    let uid = found.as_ref().map(|subject| subject.uid).map_err(Clone::clone);
    let by_number = || uid.and_then(subject_by_uid).map(|subject| subject.name);
    misspelt(name, found.map(|subject| subject.name), by_number, written)
}

fn misspelt<N: PartialEq, W: ToString>(
    name: &N,
    found: Result<N, AccountTrouble>,
    by_number: impl FnOnce() -> Result<N, AccountTrouble>,
    written: impl FnOnce(&N) -> W,
) -> Option<Misspelt> {
    match found {
        Ok(called) if called != *name => Some(Misspelt::Called(written(&called).to_string())),
        Ok(_) => by_number().ok().filter(|first| first != name).map(|first| Misspelt::Numbered(written(&first).to_string())),
        Err(AccountTrouble::NoSuch) => Some(Misspelt::Nobody),
        Err(AccountTrouble::Failed(_)) => Some(Misspelt::Unanswered),
    }
}

fn approvers(rule: &GrantRule) -> impl Iterator<Item = &Principal> {
    let escalated = rule.escalate.iter().flat_map(|escalate| &escalate.to);
    rule.stages.iter().flat_map(|stage| &stage.by).chain(escalated)
}

/// Run-as users who are in a group that may approve for them.
fn own_approvers(policy: &Policy, tell: Tell<'_>) {
    for rule in policy.grants.iter() {
        let approvers: Vec<_> = approvers(rule).collect();
        rule.run_as.iter().filter_map(|target| own_approver(target, &approvers, &rule.place)).for_each(tell);
    }
    for rule in policy.emergencies.iter() {
        let reviewers: Vec<_> = rule.review.by.iter().collect();
        rule.run_as.iter().filter_map(|target| own_approver(target, &reviewers, &rule.place)).for_each(tell);
    }
}

fn own_approver(target: &RunAs, approvers: &[&Principal], place: &Place) -> Option<MistakeView> {
    let RunAs::User(name) = target else { return None };
    let target = subject_by_name(name).ok().filter(|subject| !subject.uid.is_root())?;
    let is_in = |approver: &&&Principal| match approver {
        Principal::Group(group) => match &target.groups {
            Groups::Known(groups) | Groups::Partly(groups) => groups.contains(group),
        },
        Principal::Uid(uid) => *uid == target.uid,
        Principal::Any => true,
        // That is a mistake, and was said.
        Principal::User(_) => false,
    };
    let by = approvers.iter().find(is_in)?;
    Some(doubt(place, format!("{name} can be acted as, and approves as one of {by}"), format!("take {name} out of one of the two")))
}

fn doubt(place: &Place, message: String, help: String) -> MistakeView {
    MistakeView { file: place.file.clone(), line: place.line, column: place.column, message, help }
}
