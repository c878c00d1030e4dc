//! What a policy that is not in force yet would mean on this host: for the grants that live now, and for its names.

use super::Context;
use jit_core::name::{RunAs, Service, UserName};
use jit_core::policy::judge::{EmergencyRuling, Question, RequestRuling, Standing, Wanted};
use jit_core::policy::{AnyRule, Place, Policy, Principal};
use jit_core::span::Span;
use jit_core::subject::{Groups, Remote, Subject};
use jit_core::time::WallTime;
use jit_host::accounts::{AccountTrouble, is_group, subject_by_name};
use jit_proto::user::Which;
use jit_proto::view::{GrantView, MistakeView};
use std::collections::BTreeSet;
use std::path::Path;

/// What is doubtful of a policy on the host whose jitd answers: live grants, as far as the user sees them, that it would not
/// give, and names that mean nobody here. Without jitd there is nothing to say: the policy may be meant for another host.
pub fn here(context: &Context, policy: &Policy, file: &Path) -> Vec<MistakeView> {
    let Ok(listing) = context.talk.list(Which::Active) else { return Vec::new() };
    let lost = no_longer_given(&listing.grants, policy, file, context.out.clock().now());
    lost.into_iter().chain(meaning_nobody(policy)).collect()
}

fn no_longer_given(grants: &[GrantView], policy: &Policy, file: &Path, now: WallTime) -> Vec<MistakeView> {
    let given = |grant: &GrantView| {
        let name = UserName::new(grant.user.as_str());
        subject_by_name(&name).is_ok_and(|subject| gives(policy, &subject, grant, now))
    };
    let lost = grants.iter().filter(|grant| !given(grant));
    lost.map(|grant| MistakeView {
        file: file.display().to_string(),
        line: 1,
        column: 1,
        message: format!("{} lives, and this policy would not give it: {} {} as {}", grant.id, grant.user, grant.service, grant.run_as),
        help: format!("it stays until it ends; to end it now: jit revoke {}", grant.id),
    })
    .collect()
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
        "repetitive" => somewhere.any(|remote| policy.repeated_by(question, remote).next().is_some()),
        _ => match policy.rule_for_request(question, Wanted { time: lasts, uses: grant.uses.max }) {
            RequestRuling::By(_) => true,
            RequestRuling::TooLong { rule } => {
                let longer = rule.extend.map_or(0, |extend| extend.max.as_secs().saturating_mul(u64::from(extend.times)));
                lasts.is_none_or(|lasts| lasts.as_secs() <= rule.max.as_secs().saturating_add(longer))
            }
            RequestRuling::TooManyUses { .. } | RequestRuling::None => false,
        },
    }
}

/// An address in each network that a rule names, and one that is not known.
fn addresses(policy: &Policy) -> Vec<Remote> {
    let named = policy.every_rule().flat_map(|rule| &rule.scope.from);
    named.map(|network| Remote::Address(network.addr())).chain([Remote::Unknown]).collect()
}

/// Names of nobody here, and run-as users who are in a group that may approve for them.
fn meaning_nobody(policy: &Policy) -> Vec<MistakeView> {
    let mut named = BTreeSet::new();
    for AnyRule { place, scope, .. } in policy.every_rule() {
        named.extend(scope.who.iter().chain(&scope.not).map(|who| (place, who)));
    }
    let mut own = Vec::new();
    for rule in &policy.grants {
        let escalated = rule.escalate.iter().flat_map(|escalate| &escalate.to);
        let approvers: Vec<_> = rule.stages.iter().flat_map(|stage| &stage.by).chain(escalated).collect();
        own.extend(rule.run_as.iter().filter_map(|target| own_approver(target, &approvers, &rule.place)));
        named.extend(approvers.into_iter().map(|who| (&rule.place, who)));
    }
    for rule in &policy.emergencies {
        let reviewers: Vec<_> = rule.review.by.iter().collect();
        own.extend(rule.run_as.iter().filter_map(|target| own_approver(target, &reviewers, &rule.place)));
        named.extend(reviewers.into_iter().chain(&rule.alert).map(|who| (&rule.place, who)));
    }
    named.extend(policy.legacy.iter().map(|rule| (&rule.place, &rule.owner)));
    let unknown = named.into_iter().filter(|(_, who)| is_nobody(who));
    let unknown = unknown.map(|(place, who)| doubt(place, format!("{who} is nobody on this host"), "check the spelling".to_owned()));
    unknown.chain(own).collect()
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

fn is_nobody(who: &Principal) -> bool {
    match who {
        Principal::User(name) => subject_by_name(name) == Err(AccountTrouble::NoSuch),
        Principal::Group(group) => is_group(group) == Some(false),
        // A number may be that of an account to come.
        Principal::Uid(_) | Principal::Any => false,
    }
}

fn doubt(place: &Place, message: String, help: String) -> MistakeView {
    MistakeView { file: place.file.clone(), line: place.line, column: place.column, message, help }
}
