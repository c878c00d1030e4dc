//! What somebody holds, waits for, may ask for and must do.

use super::looks::{accounts_of, name_approvers, policy_of};
use super::{About, Gone, Line, views};
use crate::engine::Snapshot;
use jit_core::actor::Actor;
use jit_core::request::Request;
use jit_proto::user::UserAnswer;
use jit_proto::view::{MayView, StatusView};

pub async fn status(about: &About, line: &mut Line, actor: Actor) -> Result<(), Gone> {
    let found = about.engine.query(move |snapshot| status_of(snapshot, &actor)).await;
    let mut status = match found {
        Ok(status) => status,
        Err(refusal) => return line.refuse(&refusal).await,
    };
    for request in &mut status.requests {
        name_approvers(about, request).await;
    }
    let me = accounts_of(about, &status.user).await;
    for may in &mut status.may_request {
        may.approvers = views::named(&about.directory, &may.approvers, &me).await;
    }
    line.send(&UserAnswer::Status(Box::new(status))).await
}

fn status_of(snapshot: &Snapshot<'_>, actor: &Actor) -> StatusView {
    let policy = policy_of(snapshot);
    let me = &actor.subject;
    let viewer = views::viewer(me, policy);
    let may_request: Vec<MayView> =
        policy.requestable_by(me, snapshot.now.wall).map(|(rule, service, run_as)| views::may(rule, service, run_as)).collect();
    let waits_for_me = snapshot.state.pending().filter(|pending| viewer.may_approve_now(pending));
    StatusView {
        user: me.name.to_string(),
        uid: me.uid.0,
        grants: snapshot.state.live_of(me).map(|grant| views::live(grant, snapshot.state, snapshot.now)).collect(),
        requests: snapshot.state.pending_of(me).map(|request| views::request(&Request::Pending(request.clone()))).collect(),
        may_request,
        may_emergency: policy
            .takeable_by(me, snapshot.now.wall)
            .map(|(rule, service, run_as)| views::may_take(rule, service, run_as))
            .collect(),
        to_approve: waits_for_me.map(|pending| pending.ask.id.to_string()).collect(),
        to_review: snapshot.state.emergencies().filter(|taken| viewer.may_review_now(taken)).map(|taken| taken.grant.to_string()).collect(),
        notices: notices(snapshot),
    }
}

/// What is wrong with the daemon.
fn notices(snapshot: &Snapshot<'_>) -> Vec<String> {
    let mut notices = Vec::new();
    match (snapshot.policy, snapshot.trouble) {
        // It is not read without one.
        (None, _) if snapshot.no_record.is_some() => {}
        (None, [first, ..]) => notices.push(format!("there is no valid policy, so nobody is let in: {first}")),
        (None, []) => notices.push("there is no valid policy, so nobody is let in".to_owned()),
        (Some(_), [first, ..]) => notices.push(format!("the policy on disk is not valid, and the one before is in force: {first}")),
        (Some(policy), []) if policy.lets_nobody_in() => notices.push("the policy has no rule, so nobody is let in".to_owned()),
        (Some(_), []) => {}
    }
    if let Some(why) = snapshot.store_fails {
        notices.push(format!("the record cannot be written, so nothing is granted: {why}"));
    }
    notices
}
