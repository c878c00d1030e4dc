//! Opt-outs: taken, reviewed, and looked at.

use super::acts::{do_it, for_whom, id_of, remark, wish_of};
use super::looks::policy_of;
use super::{About, Gone, Line, views};
use crate::directory::Directory;
use crate::engine::{Done, Handle, Snapshot};
use crate::terminal;
use crate::writer::Kept;
use jit_core::actor::{Actor, Behind};
use jit_core::engine::{Command, Reply, Viewer, Wish, approvers_in_words, is_stale, reviewers_of, taken_within};
use jit_core::grant::{Grant, Kind};
use jit_core::id::GrantId;
use jit_core::name::{RuleName, Uid};
use jit_core::optout::{Emergency, Verdict};
use jit_core::policy::{Fit, Policy, Principal, any_fits};
use jit_core::refusal::Refusal;
use jit_core::span::Span;
use jit_core::state::State;
use jit_core::subject::Subject;
use jit_core::time::WallTime;
use jit_proto::user::{self, UserAnswer};
use jit_proto::view::{OptoutView, TakenView};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// How long it is looked up who of those at terminals is to be told of an emergency: whoever took it waits.
const PATIENCE: Duration = Duration::from_secs(2);
/// How many of those who were told are named.
const MOST_TOLD: usize = 20;

/// Takes an emergency, for somebody on the socket.
pub async fn emergency(about: &About, line: &mut Line, actor: Actor, wish: user::Wish) -> Result<(), Gone> {
    let wish = for_whom(wish_of(wish), &actor.subject.name);
    match take(&about.engine, &about.directory, actor, wish).await {
        Ok((taken, kept)) => {
            remark(line, &kept).await?;
            line.send(&UserAnswer::Taken(Box::new(taken))).await
        }
        Err(refusal) => line.refuse(&refusal).await,
    }
}

/// Takes an emergency, and tells at once who must know.
pub(crate) async fn take(engine: &Handle, directory: &Directory, actor: Actor, wish: Wish) -> Result<(TakenView, Kept), Refusal> {
    let Done { reply, kept } = engine.command(Command::Emergency(actor.clone(), wish)).await?;
    let taken = match reply {
        Reply::Grants(ids) => ids.first().copied(),
        Reply::Refused(refusal) => return Err(refusal),
        Reply::Request(_) | Reply::Session(..) | Reply::Denied(_) | Reply::Done => None,
    };
    let id = taken.ok_or(Refusal::Busy)?;
    let taken = engine.query(move |snapshot| Taken::of(snapshot, &actor, id)).await?.ok_or(Refusal::Busy)?;
    let told = taken.tell(directory).await;
    Ok((TakenView { told, ..taken.view }, kept))
}

/// An emergency that was just taken.
struct Taken {
    view: TakenView,
    alert: Vec<Principal>,
    said: String,
}

impl Taken {
    fn of(snapshot: &Snapshot<'_>, actor: &Actor, id: GrantId) -> Option<Self> {
        let policy = snapshot.policy?;
        let grant = snapshot.state.grant(id)?;
        let terms = grant.terms();
        let rule = policy.emergencies.iter().find(|rule| rule.name == terms.common.rule)?;
        let left = match snapshot.state.behind(actor, policy) {
            Behind::Known(humans) => {
                rule.limit.times.saturating_sub(taken_within(snapshot.state, policy, rule, &humans, snapshot.now.wall))
            }
            Behind::Anybody => 0,
        };
        let said = format!("jit: {} took the emergency {} for {}: {} ({})", terms.user, rule.name, terms.common.service, terms.reason, id);
        let view = TakenView {
            grant: views::grant_in(grant, snapshot.state, snapshot.now),
            told: Vec::new(),
            reviewers: approvers_in_words(&rule.review.by),
            left,
            times: rule.limit.times,
            per_s: rule.limit.per.as_secs(),
        };
        Some(Self { view, alert: rule.alert.clone(), said })
    }

    /// The people of `alert` who sit at a terminal that takes lines, but for whoever took it; answers whom it reached. Whoever
    /// took it waits for this: so it is found from the terminals, not from groups that may have any number of members.
    async fn tell(&self, directory: &Directory) -> Vec<String> {
        let (began, mut people) = (Instant::now(), BTreeMap::new());
        for uid in tokio::task::spawn_blocking(terminal::owners).await.unwrap_or_default() {
            if began.elapsed() >= PATIENCE {
                break;
            }
            match directory.of_people(uid).await {
                Ok(subject) if self.is_alerted(&subject) => drop(people.insert(uid, subject.name)),
                Ok(_) | Err(_) => {}
            }
        }
        let (uids, said): (BTreeSet<Uid>, _) = (people.keys().copied().collect(), self.said.clone());
        let reached = tokio::task::spawn_blocking(move || terminal::tell(&uids, &said, |_| false)).await.unwrap_or_default();
        let mut names: Vec<_> = reached.iter().filter_map(|uid| people.get(uid)).map(ToString::to_string).collect();
        names.sort();
        let others = names.len().saturating_sub(MOST_TOLD);
        if others > 0 {
            names.truncate(MOST_TOLD);
            names.push(format!("{others} others"));
        }
        names
    }

    fn is_alerted(&self, subject: &Subject) -> bool {
        // Everybody is nobody in particular: the log tells them.
        let named: Vec<_> = self.alert.iter().filter(|principal| **principal != Principal::Any).cloned().collect();
        subject.name.as_str() != self.view.grant.user && any_fits(&named, subject) == Fit::Yes
    }
}

/// Gives a verdict on an emergency.
pub async fn review(
    about: &About,
    line: &mut Line,
    actor: Actor,
    id: &str,
    verdict: user::Verdict,
    note: Option<String>,
) -> Result<(), Gone> {
    let verdict = match verdict {
        user::Verdict::Fine => Verdict::Fine,
        user::Verdict::Misuse => Verdict::Misuse,
    };
    let command = id_of(id).map(|id| Command::Review { actor: actor.clone(), id, verdict, note });
    do_it(about, line, &actor, command).await
}

/// Every opt-out, for auditors and root.
pub async fn list(about: &About, line: &mut Line, actor: Actor) -> Result<(), Gone> {
    let found = about.engine.query(move |snapshot| {
        let policy = policy_of(snapshot);
        let viewer = Viewer { subject: &actor.subject, policy };
        let optouts = viewer.sees_all().then(|| views_of(snapshot.state, policy, snapshot.now.wall));
        (optouts, snapshot.policy.is_some())
    });
    match found.await {
        // Nobody is to read of a policy that is not in force that it has none.
        Ok((Some(optouts), false)) if optouts.is_empty() => line.refuse(&Refusal::NoPolicy).await,
        Ok((Some(optouts), _)) => line.send(&UserAnswer::Optouts(optouts)).await,
        Ok((None, _)) => line.refuse(&Refusal::AuditorsOnly { what: "see all opt-outs" }).await,
        Err(refusal) => line.refuse(&refusal).await,
    }
}

fn views_of(state: &State, policy: &Policy, now: WallTime) -> Vec<OptoutView> {
    let mut used: BTreeMap<(&RuleName, &str), (u32, Option<WallTime>)> = BTreeMap::new();
    for terms in state.grants().map(Grant::terms) {
        let (uses, last) = used.entry((&terms.common.rule, terms.common.kind.word())).or_default();
        (*uses, *last) = (uses.saturating_add(1), (*last).max(Some(terms.issued.wall)));
    }
    let view = |rule: &RuleName, kind: Kind| {
        let (uses, last) = used.get(&(rule, kind.word())).copied().unwrap_or_default();
        OptoutView {
            rule: rule.to_string(),
            kind: kind.word().to_owned(),
            owner: None,
            until: None,
            days_left: None,
            uses,
            last_used: last.map(views::moment),
            stale: false,
            reviews_due: 0,
            overdue: 0,
        }
    };
    let mut unreviewed: BTreeMap<&RuleName, Vec<&Emergency>> = BTreeMap::new();
    for taken in state.emergencies().filter(|taken| taken.review.next().is_some()) {
        unreviewed.entry(&taken.rule).or_default().push(taken);
    }
    let reviewed = |rule: &RuleName, by: &[Principal], open: &[&Emergency]| {
        let overdue = open.iter().filter(|taken| taken.due <= now).count();
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let owner = Some(approvers_in_words(by));
        OptoutView { owner, reviews_due: count(open.len()), overdue: count(overdue), ..view(rule, Kind::Emergency) }
    };
    let emergencies = policy.emergencies.iter().map(|rule| {
        let open = unreviewed.get(&rule.name).map(Vec::as_slice).unwrap_or_default();
        reviewed(&rule.name, &rule.review.by, open)
    });
    // Of a rule that was renamed or taken out, what waits for review is still to be reviewed.
    let is_gone = |rule: &RuleName| policy.emergencies.iter().all(|known| known.name != *rule);
    let gone = unreviewed.iter().filter(|(rule, _)| is_gone(rule)).map(|(rule, open)| {
        let by: Vec<_> = open.first().map(|taken| reviewers_of(taken, policy)).unwrap_or_default();
        reviewed(rule, &by, open)
    });
    let repetitive = policy.repetitive.iter().map(|rule| view(&rule.name, Kind::Repetitive));
    let legacy = policy.legacy.iter().map(|rule| OptoutView {
        owner: Some(rule.owner.to_string()),
        until: Some(views::moment(rule.until())),
        days_left: Some(state.days_left(rule, now)),
        stale: is_stale(state, rule, now),
        ..view(&rule.name, Kind::Legacy)
    });
    emergencies.chain(gone).chain(repetitive).chain(legacy).collect()
}

/// Asks that a grant be made longer.
pub async fn extend(
    about: &About,
    line: &mut Line,
    actor: Actor,
    id: Option<&str>,
    for_s: u64,
    reason: Option<String>,
) -> Result<(), Gone> {
    let id = id.map(id_of).transpose();
    let command = id.map(|id| Command::Extend { actor: actor.clone(), id, by: Span::from_secs(for_s), reason });
    do_it(about, line, &actor, command).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use jit_core::event::OptoutTaken;
    use jit_core::policy::load::{Around, PolicyFile, load};

    #[test]
    fn what_waits_for_review_is_in_a_row_also_when_its_rule_is_gone() {
        let taken = r#"{"id":"G-00000001","user":"bob","uid":1002,"service":"sudo","as":"root","rule":"oncall","kind":"emergency",
            "until":"2026-11-23T13:00:00Z","reason":"x","grant":null,"request":null,"alert":[],"review_by":["user:carol"],
            "review_due":"2026-11-24T12:00:00Z","humans":["uid:1002","user:bob"],"review_due_boot_ms":86400000}"#;
        let taken: OptoutTaken = serde_json::from_str(taken).unwrap();
        let at = |text: &str| WallTime::parse(text).unwrap();
        let mut state = State::default();
        state.apply(at("2026-11-23T12:00:00Z"), &taken.into());
        let rows = |rule: &str, now: &str| {
            let text = format!(
                "version = 1\n[[emergency]]\nname = \"{rule}\"\nwho = [\"user:bob\"]\non = [\"sudo\"]\nlimit = {{ times = 2, per = \"7d\" }}\n\
                 review = {{ by = [\"user:dave\"], within = \"1d\" }}\n"
            );
            let file = PolicyFile { file: "policy.toml".to_owned(), text };
            let (policy, _) = load(&[file], Around { now: at(now), zone: None }).unwrap();
            let rows = views_of(&state, &policy, at(now)).into_iter();
            rows.map(|row| (row.rule, row.owner.unwrap_or_default(), row.reviews_due, row.overdue)).collect::<Vec<_>>()
        };
        let row = |rule: &str, owner: &str, due, overdue| (rule.to_owned(), owner.to_owned(), due, overdue);
        let (early, late) = ("2026-11-23T12:30:00Z", "2026-11-25T12:00:00Z");
        assert_eq!(rows("oncall", early), [row("oncall", "dave", 1, 0)]);
        assert_eq!(rows("on-duty", late), [row("on-duty", "dave", 0, 0), row("oncall", "carol or dave", 1, 1)]);
    }
}
