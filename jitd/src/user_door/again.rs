//! What an approver has to know beside a request: that what they allow can be had again without anybody being asked.

use super::looks::policy_of;
use super::{About, Gone, Line, views};
use crate::engine::Snapshot;
use jit_core::actor::Actor;
use jit_core::id::{GrantId, RequestId};
use jit_core::name::{RunAs, Service, UserName};
use jit_core::policy::RepetitiveRule;
use jit_core::policy::judge::Question;
use jit_core::request::{Ask, DecidedRequest, Outcome, Request};
use jit_core::subject::Subject;
use jit_proto::user::UserAnswer;

/// What was asked for that could be had again once it is granted.
struct Asked {
    user: UserName,
    service: Service,
    run_as: RunAs,
    /// The grant that it has become.
    granted: Option<GrantId>,
}

/// Says so to who may approve this request, or has, where a `[[repetitive]]` rule repeats what it is for.
pub async fn remark(about: &About, line: &mut Line, actor: &Actor, id: RequestId) -> Result<(), Gone> {
    let me = actor.subject.clone();
    let Ok(Some(asked)) = about.engine.query(move |snapshot| asked_of(snapshot, &me, id)).await else { return Ok(()) };
    // Whoever cannot be looked up gets nothing again either.
    let Ok(subject) = about.directory.about(asked.user.clone()).await else { return Ok(()) };
    match about.engine.query(move |snapshot| repeated(snapshot, &asked, &subject)).await {
        Ok(Some(words)) => line.send(&UserAnswer::Remark(words)).await,
        Ok(None) | Err(_) => Ok(()),
    }
}

fn asked_of(snapshot: &Snapshot<'_>, me: &Subject, id: RequestId) -> Option<Asked> {
    let policy = policy_of(snapshot);
    let request = snapshot.state.request(id).filter(|_| !policy.repetitive.is_empty())?;
    let approved = || request.stages().iter().flat_map(|stage| &stage.approvals).any(|approval| approval.uid == me.uid);
    let (is_theirs, granted) = match request {
        Request::Pending(pending) => (views::viewer(me, policy).may_approve_now(pending) || approved(), None),
        Request::Decided(DecidedRequest { outcome: Outcome::Granted(grant), .. }) => (approved(), Some(*grant)),
        Request::Decided(DecidedRequest { outcome: Outcome::Denied { .. } | Outcome::Cancelled | Outcome::Lapsed, .. }) => return None,
    };
    let Ask { user, service, run_as, uses, start, extends, .. } = request.ask();
    let is_once = uses.is_some() || start.is_some() || extends.is_some();
    (is_theirs && !is_once).then(|| Asked { user: user.clone(), service: service.clone(), run_as: run_as.clone(), granted })
}

fn repeated(snapshot: &Snapshot<'_>, asked: &Asked, subject: &Subject) -> Option<String> {
    let Asked { user, service, run_as, granted } = asked;
    let question = Question { subject, service, run_as: Some(run_as), at: snapshot.now.wall };
    // Of what was granted something must be left to repeat.
    let is_left = |rule: &&RepetitiveRule| {
        granted.is_none_or(|grant| {
            snapshot.state.bases_of(subject).any(|basis| basis.terms.id == grant && basis.is_left(rule.after, snapshot.now))
        })
    };
    let RepetitiveRule { name, after, default, .. } = policy_of(snapshot).repeated_some_time_by(question).find(is_left)?;
    Some(format!(
        "once approved, {user} may have the same again without asking: {} times within {}, for {default} each, by {name}. jit revoke ends that too",
        after.times, after.within
    ))
}
