//! How the daemon is, for whoever watches over it.

use super::looks::policy_of;
use super::{About, Gone, Line};
use crate::engine::Snapshot;
use crate::meter::Meter;
use jit_core::actor::Actor;
use jit_core::engine::is_stale;
use jit_core::grant::Kind;
use jit_core::refusal::Refusal;
use jit_core::state::State;
use jit_proto::time::Moment;
use jit_proto::user::UserAnswer;
use jit_proto::view::{CountView, HeldView, MetricsView};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

/// All kinds of grants: each is said, also where there is none, so that a first one is seen to come.
const KINDS: [Kind; 6] = [Kind::Approved, Kind::SelfService, Kind::Login, Kind::Emergency, Kind::Repetitive, Kind::Legacy];

/// Says how the daemon is, to auditors and root.
pub async fn metrics(about: &About, line: &mut Line, actor: Actor) -> Result<(), Gone> {
    let (meter, since, head) = (about.meter.clone(), Moment(about.since), about.head.borrow().seq);
    let found = about.engine.query(move |snapshot| {
        let sees_all = policy_of(snapshot).sees_all(&actor.subject);
        sees_all.then(|| view(snapshot, &meter, since, head))
    });
    match found.await {
        Ok(Some(view)) => line.send(&UserAnswer::Metrics(Box::new(view))).await,
        Ok(None) => line.refuse(&Refusal::AuditorsOnly { what: "see how the daemon is" }).await,
        Err(refusal) => line.refuse(&refusal).await,
    }
}

fn view(snapshot: &Snapshot<'_>, meter: &Meter, since: Moment, head: u64) -> MetricsView {
    let (state, now, health) = (snapshot.state, snapshot.now.wall, &meter.health);
    let open: Vec<_> = state.emergencies().filter(|taken| taken.review.next().is_some()).collect();
    let overdue = open.iter().filter(|taken| taken.due <= now).count();
    let stale = snapshot.policy.map_or(0, |policy| policy.legacy.iter().filter(|rule| is_stale(state, rule, now)).count());
    let (events, issued) = meter.counts();
    let issued_of = |kind: Kind| {
        let count = issued.iter().find(|one| one.name == kind.word()).map_or(0, |one| one.count);
        CountView { name: kind.word().to_owned(), count }
    };
    MetricsView {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        since,
        head,
        events,
        issued: KINDS.map(issued_of).to_vec(),
        grants: held(state),
        pending: count(state.pending().count()),
        sessions: sessions(state),
        checks: meter.checks(),
        latency: meter.latency(),
        reviews_due: count(open.len().saturating_sub(overdue)),
        reviews_overdue: count(overdue),
        optouts_stale: count(stale),
        policy_in_force: snapshot.policy.is_some(),
        policy_valid: snapshot.policy.is_some() && snapshot.trouble.is_empty(),
        policy_since: Moment(snapshot.policy_since.as_millis()),
        store_failing: snapshot.store_fails.is_some() || health.failing.load(Ordering::Relaxed),
        store_waiting: health.waiting.load(Ordering::Relaxed),
        store_refused: health.refused.load(Ordering::Relaxed),
        syslog_lost: health.syslog_lost.load(Ordering::Relaxed),
        syslog_waiting: health.syslog_waiting.load(Ordering::Relaxed),
        syslog_undelivered: health.syslog_undelivered.load(Ordering::Relaxed),
        breakglass_unread: meter.breakglass_unread(),
        no_record: snapshot.no_record.map(str::to_owned),
    }
}

/// The grants that let somebody in, by state and kind.
fn held(state: &State) -> Vec<HeldView> {
    let mut grants: BTreeMap<(&str, &str), u64> =
        KINDS.iter().flat_map(|kind| ["active", "waiting"].map(|word| ((word, kind.word()), 0))).collect();
    for live in state.live() {
        let count = grants.entry((live.word(), live.terms.common.kind.word())).or_default();
        *count = count.saturating_add(1);
    }
    let view = |((state, kind), count): ((&str, &str), u64)| HeldView { state: state.to_owned(), kind: kind.to_owned(), count };
    grants.into_iter().map(view).collect()
}

/// Open sessions, by service.
fn sessions(state: &State) -> Vec<CountView> {
    let mut sessions: BTreeMap<String, u64> = BTreeMap::new();
    for session in state.open_sessions() {
        let count = sessions.entry(session.service.to_string()).or_default();
        *count = count.saturating_add(1);
    }
    sessions.into_iter().map(|(name, count)| CountView { name, count }).collect()
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
