//! The PAM question: may this subject come in now?
//!
//! There are four ways in, and no other: a live grant that admits the entry, a rule whose grant starts at
//! login, a legacy rule, and the same again as another person approved before. A deny comes before all of them.

use super::Arrival;
use super::see::approvers_in_words;
use super::session::binds;
use crate::grant::{Common, Kind, LiveGrant};
use crate::id::{DenialId, GrantId};
use crate::name::{RuleName, RunAs, Service, UserName};
use crate::optout::Basis;
use crate::policy::judge::{EmergencyRuling, Question, RequestRuling, Standing, Wanted};
use crate::policy::{GrantRule, LegacyRule, Policy, RepetitiveRule, SessionRule};
use crate::state::State;
use crate::subject::Entry;
use crate::time::Now;
use std::fmt;

/// Whether somebody comes in, and by what.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Admission {
    /// By this grant.
    Grant(GrantId),
    /// By this rule, which gives a grant when the session opens.
    Rule(RuleName),
    /// Not at all.
    Denied(Denial),
}

/// Why somebody does not come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// The daemon has no valid policy.
    NoPolicy,
    /// A rule forbids it.
    Forbidden(RuleName),
    /// No rule is about the service; our line in its PAM file says that it is ours.
    NoRuleForService,
    /// No rule lets this user use the service, as that user, from there.
    NoRule,
    /// A rule could, but there is no grant.
    NoGrant,
    /// The user's groups could not be looked up.
    GroupsUnknown,
    /// There is no such account.
    NoAccount,
    /// The name service did not say whose account it is.
    AccountUnknown,
    /// The daemon has more to do than it can.
    Busy,
    /// The change that the entry needs could not be recorded.
    NotRecorded,
    /// The rule wants sessions in a cgroup, and this one cannot have any.
    Unbindable,
    /// What would let them in was approved by somebody in whose session they are.
    OwnApproval,
    /// The daemon cannot see processes, so it could not hold the session's.
    Unseen,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Forbidden(_) => "forbidden",
            Self::NoPolicy => "no valid policy",
            Self::NoRuleForService => "no rule names the service",
            Self::NoRule => "no rule matches",
            Self::NoGrant => "no grant",
            Self::GroupsUnknown => "groups unknown",
            Self::NoAccount => "no account",
            Self::AccountUnknown => "account unknown",
            Self::Busy => "busy",
            Self::NotRecorded => "not recorded",
            Self::Unbindable => "no cgroup",
            Self::OwnApproval => "own approval",
            Self::Unseen => "process unseen",
        })
    }
}

/// A no, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// Why.
    pub why: Why,
    /// The rule under which the subject may ask, if there is one.
    pub rule: Option<RuleName>,
    /// Who approves what is asked under it, in words.
    pub approvers: Option<String>,
    /// Nothing can be asked for, but an emergency can be taken.
    pub emergency: bool,
}

impl Denial {
    /// A no without a rule to ask under.
    #[must_use]
    pub fn plain(why: Why) -> Self {
        Self { why, rule: None, approvers: None, emergency: false }
    }

    /// What to do, if there is something: a command only where it can be typed.
    #[must_use]
    pub fn ask(&self, service: &Service, run_as: Option<&RunAs>) -> Option<String> {
        if self.emergency && !service.is_sshd() {
            return Some(format!("In an emergency: jit emergency {} --reason \"...\"", service.family().as_str()));
        }
        let approvers = self.approvers.as_ref()?;
        if service.is_sshd() {
            return Some(if approvers.is_empty() {
                format!("Request it from a log-in on this host: jit request {}", service.as_str())
            } else {
                format!("Ask an approver ({approvers}) to grant it")
            });
        }
        let named = match service.family().as_str() {
            "sudo" => " sudo".to_owned(),
            other => format!(" {other}"),
        };
        let target = match run_as {
            Some(run_as) if *run_as != RunAs::root() => format!(" --as {run_as}"),
            Some(_) | None => String::new(),
        };
        let approves = if approvers.is_empty() { String::new() } else { format!(". Approves: {approvers}") };
        Some(format!("Ask: jit request{named}{target} --reason \"...\"{approves}"))
    }

    /// The one line that the user reads, under 200 bytes.
    #[must_use]
    pub fn line(&self, entry: &Entry, id: DenialId) -> String {
        const MOST: usize = 199;
        let service = crate::text::printable(entry.service.spoken(), 32);
        let user = crate::text::printable(entry.subject.name.as_str(), 32);
        let target = match &entry.run_as {
            Some(RunAs::User(name)) if name.as_str() != "root" => format!(" as {}", crate::text::printable(name.as_str(), 32)),
            Some(RunAs::User(_) | RunAs::Oneself) | None => String::new(),
        };
        let said = match &self.why {
            Why::NoPolicy => "there is no valid policy, so nobody is let in. Tell your administrator".to_owned(),
            Why::Forbidden(rule) => format!("rule {rule} forbids {service} to {user}"),
            Why::NoRuleForService => format!("no rule names the service {service}, so nobody may use it. Tell your administrator"),
            Why::NoRule => format!("no rule lets {user} use {service}{target}"),
            Why::NoGrant => format!("no grant for {service}{target}"),
            Why::GroupsUnknown => format!("the groups of {user} cannot be looked up. Try again, or tell your administrator"),
            Why::NoAccount => "no such account".to_owned(),
            Why::AccountUnknown => "the account cannot be looked up. Try again, or tell your administrator".to_owned(),
            Why::Busy => "the access daemon is busy. Try again in a moment".to_owned(),
            Why::Unbindable => "the rule wants a session in a cgroup, and none can be made here. Tell your administrator".to_owned(),
            Why::OwnApproval => {
                format!("the grant for {service}{target} was approved by whoever's session this is. Somebody else must approve it")
            }
            Why::Unseen => {
                "the access daemon cannot see who is at the door: is /proc mounted with hidepid? Tell your administrator".to_owned()
            }
            Why::NotRecorded => "it cannot be recorded, so nobody is let in. Tell your administrator".to_owned(),
        };
        let tail = format!(". {id}");
        let mut line = format!("jit: {said}");
        for part in self.ask(&entry.service, entry.run_as.as_ref()).iter().flat_map(|ask| ask.split_inclusive(". ")) {
            let part = part.strip_suffix(". ").unwrap_or(part);
            let with_part = line.len().saturating_add(part.len()).saturating_add(tail.len()).saturating_add(2);
            if with_part <= MOST {
                line.push_str(". ");
                line.push_str(part);
            }
        }
        line + &tail
    }
}

/// What lets somebody in: the grant or rule itself.
pub(super) enum Way<'a> {
    /// A live grant.
    Grant(&'a LiveGrant),
    /// A rule whose grant starts at login.
    Login(&'a GrantRule),
    /// A legacy rule.
    Legacy(&'a LegacyRule),
    /// The same again as was approved before.
    Repetitive(&'a RepetitiveRule, &'a Basis),
}

/// The way in, or why there is none; and, once it is known how one arrives, for a session that can be bound so and is in no
/// session of an approver's.
pub(super) fn way_in<'a>(
    state: &'a State,
    policy: Option<&'a Policy>,
    entry: &'a Entry,
    arrival: Option<&Arrival>,
    now: Now,
) -> Result<Way<'a>, Denial> {
    let Some(policy) = policy else { return Err(Denial::plain(Why::NoPolicy)) };
    let question = Question { subject: &entry.subject, service: &entry.service, run_as: entry.run_as.as_ref(), at: now.wall };
    if let Some(rule) = policy.denied_by(question, Some(entry.remote)) {
        return Err(Denial { rule: Some(rule.name.clone()), ..Denial::plain(Why::Forbidden(rule.name.clone())) });
    }
    let ways = || {
        let standing = match policy.standing(question, entry.remote) {
            Some(Standing::Login(rule)) => Some(Way::Login(rule)),
            Some(Standing::Legacy(rule)) => Some(Way::Legacy(rule)),
            None => None,
        };
        let repeated = repetition(state, policy, entry, now).map(|(rule, basis)| Way::Repetitive(rule, basis));
        best_grant(state, entry, arrival, policy, now).map(Way::Grant).into_iter().chain(standing).chain(repeated)
    };
    let can_be_bound = |way: &Way<'_>| arrival.is_none_or(|arrival| session_rule(way).is_none_or(|rule| binds(rule, arrival.bound)));
    let is_own = |way: &Way<'_>| arrival.is_some_and(|arrival| state.is_inside_of(&arrival.inside, approvers(state, way), policy));
    match ways().find(|way| !is_own(way) && can_be_bound(way)) {
        Some(way) => Ok(way),
        None if ways().any(|way| is_own(&way)) => Err(Denial::plain(Why::OwnApproval)),
        None if ways().next().is_some() => Err(Denial::plain(Why::Unbindable)),
        None => Err(denial(policy, question, entry)),
    }
}

/// What the rule by which one comes in says of sessions.
pub(super) fn session_rule<'a>(way: &Way<'a>) -> Option<&'a SessionRule> {
    match way {
        Way::Grant(grant) => Some(&grant.terms.common.session),
        Way::Login(rule) => Some(&rule.session),
        Way::Repetitive(rule, _) => Some(&rule.session),
        Way::Legacy(_) => None,
    }
}

/// Upon whose word one comes in.
fn approvers<'a>(state: &'a State, way: &Way<'a>) -> &'a [UserName] {
    match way {
        Way::Grant(grant) => approvers_of(state, grant),
        Way::Repetitive(_, basis) => &basis.terms.common.by,
        Way::Login(_) | Way::Legacy(_) => &[],
    }
}

/// Who approved a grant, or what it repeats.
fn approvers_of<'a>(state: &'a State, grant: &'a LiveGrant) -> &'a [UserName] {
    let repeats = grant.terms.common.kind == Kind::Repetitive;
    let basis = repeats.then(|| state.basis(grant.terms.key())).flatten();
    basis.map_or(&grant.terms.common.by, |basis| &basis.terms.common.by)
}

/// An approval that a rule lets be repeated by this entry.
fn repetition<'a>(state: &'a State, policy: &'a Policy, entry: &'a Entry, now: Now) -> Option<(&'a RepetitiveRule, &'a Basis)> {
    state.bases_of(&entry.subject).find_map(|basis| {
        let Common { service, run_as, .. } = &*basis.terms.common;
        let same = service.covers(&entry.service) && entry.run_as.as_ref().is_none_or(|target| target == run_as);
        let question = Question { subject: &entry.subject, service: &entry.service, run_as: Some(run_as), at: now.wall };
        let mut rules = policy.repeated_by(question, entry.remote).filter(|rule| basis.is_good(rule.after, entry.remote, now));
        rules.next().filter(|_| same).map(|rule| (rule, basis))
    })
}

/// Of the grants that admit the entry, one by whose approver's own session it does not come, then one whose session can be bound
/// as it wants it, then one whose uses are not counted, and then the one that lasts longest. A legacy grant only records; its rule
/// lets in, so that it stops when the rule does.
fn best_grant<'a>(state: &'a State, entry: &'a Entry, arrival: Option<&Arrival>, policy: &Policy, now: Now) -> Option<&'a LiveGrant> {
    let admitting = state.live_of(&entry.subject).filter(|grant| grant.terms.common.kind != Kind::Legacy && grant.admits(entry, now));
    admitting.max_by_key(|grant| {
        let is_anothers = arrival.is_none_or(|arrival| !state.is_inside_of(&arrival.inside, approvers_of(state, grant), policy));
        let binds = arrival.is_none_or(|arrival| binds(&grant.terms.common.session, arrival.bound));
        (is_anothers, binds, grant.terms.common.max_uses.is_none(), grant.validity.ends().left(now))
    })
}

fn denial(policy: &Policy, question: Question<'_>, entry: &Entry) -> Denial {
    match policy.rule_for_request(question, Wanted::default()) {
        RequestRuling::By(rule) | RequestRuling::TooLong { rule } | RequestRuling::TooManyUses { rule, .. } => {
            let approvers = rule.stages.first().map(|stage| approvers_in_words(&stage.by)).unwrap_or_default();
            Denial { why: Why::NoGrant, rule: Some(rule.name.clone()), approvers: Some(approvers), emergency: false }
        }
        RequestRuling::None if matches!(policy.rule_for_emergency(question, None), EmergencyRuling::By(_)) => {
            Denial { emergency: true, ..Denial::plain(Why::NoGrant) }
        }
        RequestRuling::None if !policy.names_service(&entry.service) => Denial::plain(Why::NoRuleForService),
        RequestRuling::None if !entry.subject.groups.are_known() => Denial::plain(Why::GroupsUnknown),
        RequestRuling::None => Denial::plain(Why::NoRule),
    }
}

/// May this subject come in now?
pub(super) fn check(state: &State, policy: Option<&Policy>, entry: &Entry, now: Now) -> Admission {
    match way_in(state, policy, entry, None, now) {
        Ok(Way::Grant(grant)) => Admission::Grant(grant.terms.id),
        Ok(Way::Login(rule)) => Admission::Rule(rule.name.clone()),
        Ok(Way::Legacy(rule)) => Admission::Rule(rule.name.clone()),
        Ok(Way::Repetitive(rule, ..)) => Admission::Rule(rule.name.clone()),
        Err(denial) => Admission::Denied(denial),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{POLICY, World, actor, entry, wish};
    use super::*;
    use crate::engine::Wish;
    use crate::subject::Groups;

    fn denied(world: &World, entry: &Entry) -> Denial {
        match world.check(entry) {
            Admission::Denied(denial) => denial,
            other => panic!("{other:?}"),
        }
    }

    fn line(denial: &Denial, entry: &Entry) -> String {
        denial.line(entry, "D-7F3KQ2ZD".parse().unwrap())
    }

    #[test]
    fn each_no_is_one_word_in_the_record_and_one_line_for_the_user() {
        let line = |why| line(&Denial::plain(why), &entry("alice", "sudo", None));
        for (why, word, said) in [
            (Why::NoPolicy, "no valid policy", "there is no valid policy, so nobody is let in. Tell your administrator"),
            (Why::Forbidden(RuleName::new("not-now")), "forbidden", "rule not-now forbids sudo to alice"),
            (
                Why::NoRuleForService,
                "no rule names the service",
                "no rule names the service sudo, so nobody may use it. Tell your administrator",
            ),
            (Why::NoRule, "no rule matches", "no rule lets alice use sudo"),
            (Why::NoGrant, "no grant", "no grant for sudo"),
            (Why::GroupsUnknown, "groups unknown", "the groups of alice cannot be looked up. Try again, or tell your administrator"),
            (Why::NoAccount, "no account", "no such account"),
            (Why::AccountUnknown, "account unknown", "the account cannot be looked up. Try again, or tell your administrator"),
            (Why::Busy, "busy", "the access daemon is busy. Try again in a moment"),
            (Why::NotRecorded, "not recorded", "it cannot be recorded, so nobody is let in. Tell your administrator"),
            (
                Why::Unseen,
                "process unseen",
                "the access daemon cannot see who is at the door: is /proc mounted with hidepid? Tell your administrator",
            ),
            (
                Why::OwnApproval,
                "own approval",
                "the grant for sudo was approved by whoever's session this is. Somebody else must approve it",
            ),
            (Why::Unbindable, "no cgroup", "the rule wants a session in a cgroup, and none can be made here. Tell your administrator"),
        ] {
            assert_eq!((why.to_string().as_str(), line(why)), (word, format!("jit: {said}. D-7F3KQ2ZD")));
        }
    }

    #[test]
    fn what_to_do_is_said_only_where_it_can_be_done() {
        let free = POLICY.replace("approve = [ { by = [\"group:leads\"] }, { by = [\"group:managers\"] } ]", "approve = []");
        let emergency = "[[emergency]]\nname = \"oncall\"\nwho = [\"user:erin\"]\non = [\"sudo\", \"sshd\"]\n\
            limit = { times = 3, per = \"7d\" }\nreview = { by = [\"group:leads\"], within = \"24h\" }\n";
        let world = World::with(&format!("{free}{emergency}"));
        for (who, service, run_as, said) in [
            ("alice", "sudo", Some("root"), "no grant for sudo. Ask: jit request sudo --reason \"...\". Approves: group leads"),
            (
                "alice",
                "sudo-i",
                Some("postgres"),
                "no grant for sudo as postgres. Ask: jit request sudo --as postgres --reason \"...\". Approves: group leads",
            ),
            ("carol", "su", Some("postgres"), "no grant for su as postgres. Ask: jit request su --as postgres --reason \"...\""),
            ("bob", "sshd", Some("bob"), "no grant for ssh. Request it from a log-in on this host: jit request sshd"),
            ("erin", "sudo", None, "no grant for sudo. In an emergency: jit emergency sudo --reason \"...\""),
            ("erin", "sshd", Some("erin"), "no grant for ssh"),
        ] {
            assert_eq!(world.denial(who, service, run_as), format!("jit: {said}. D-7F3KQ2ZD"));
        }
    }

    #[test]
    fn a_denial_names_the_rule_that_forbids_or_under_which_one_may_ask() {
        let deny = "[[deny]]\nname = \"not-bob\"\nwho = [\"user:bob\"]\non = [\"sudo\"]\n";
        let world = World::with(&format!("{POLICY}{deny}"));
        let rule = |who: &str| denied(&world, &entry(who, "sudo", None)).rule;
        assert_eq!(rule("bob"), Some(RuleName::new("not-bob")));
        assert_eq!(rule("alice"), Some(RuleName::new("ops-root")));
        assert_eq!(rule("erin"), None);
    }

    #[test]
    fn whose_groups_are_not_known_is_told_that_and_not_that_no_rule_fits() {
        let world = World::new();
        let mut unknown = entry("erin", "sudo", None);
        assert_eq!(denied(&world, &unknown).why, Why::NoRule);
        unknown.subject.groups = Groups::unknown();
        assert_eq!(denied(&world, &unknown).why, Why::GroupsUnknown);
        unknown.service = Service::new("cron");
        assert_eq!(denied(&world, &unknown).why, Why::NoRuleForService, "which no group would change");
    }

    #[test]
    fn of_several_grants_an_uncounted_one_is_used_and_of_those_the_one_that_lasts_longest() {
        let mut world = World::new();
        let give = |world: &mut World, wish: Wish| {
            let id = world.request_of(&actor("alice"), wish).unwrap();
            world.approve("carol", id).unwrap();
            world.grant_of(id)
        };
        let hours = |hours: u64| Some(crate::span::Span::from_secs(hours * 3600));
        let used = |world: &World| match world.check(&entry("alice", "sudo", None)) {
            Admission::Grant(id) => id,
            other => panic!("{other:?}"),
        };
        let counted = give(&mut world, Wish { wanted: hours(4), uses: Some(3), ..wish() });
        assert_eq!(used(&world), counted);
        let as_postgres = |wanted| Wish { run_as: RunAs::as_typed("postgres"), wanted, ..wish() };
        let plain = give(&mut world, as_postgres(hours(1)));
        assert_eq!(used(&world), plain, "it lasts less long, and nothing is taken of it");
        let (_, bound) = world.open(entry("alice", "sudo", Some("root")), 7).unwrap();
        assert_eq!(bound, counted, "it is for another user");
    }

    #[test]
    fn a_line_that_would_be_too_long_says_less_and_never_half() {
        let mut denial = Denial::plain(Why::NoGrant);
        let at = entry("alice", "sudo", None);
        let longest = (1..200).rev().find_map(|length| {
            denial.approvers = Some("x".repeat(length));
            let said = line(&denial, &at);
            said.contains("Approves").then_some(said.len())
        });
        assert_eq!(longest, Some(199));
        denial.approvers = Some("x".repeat(300));
        assert_eq!(line(&denial, &at), "jit: no grant for sudo. Ask: jit request sudo --reason \"...\". D-7F3KQ2ZD");
    }
}
