//! What an approver has to know beside a request: that what they allow can be had again without anybody being asked.

use super::looks::policy_of;
use super::{About, Gone, Line, views};
use crate::engine::Snapshot;
use jit_core::actor::Actor;
use jit_core::id::RequestId;
use jit_core::name::{RunAs, Service, UserName};
use jit_core::policy::judge::Question;
use jit_core::request::{Outcome, Request};
use jit_core::subject::{Remote, Subject};
use jit_proto::user::UserAnswer;

/// What was asked for that could be had again once it is granted.
struct Asked {
    user: UserName,
    service: Service,
    run_as: RunAs,
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
    let is_theirs = match request {
        Request::Pending(pending) => views::viewer(me, policy).may_approve_now(pending) || approved(),
        Request::Decided(decided) => matches!(decided.outcome, Outcome::Granted(_)) && approved(),
    };
    let ask = request.ask();
    let is_once = ask.uses.is_some() || ask.start.is_some() || ask.extends.is_some();
    (is_theirs && !is_once).then(|| Asked { user: ask.user.clone(), service: ask.service.clone(), run_as: ask.run_as.clone() })
}

fn repeated(snapshot: &Snapshot<'_>, asked: &Asked, subject: &Subject) -> Option<String> {
    let question = Question { subject, service: &asked.service, run_as: Some(&asked.run_as), at: snapshot.now.wall };
    let rule = policy_of(snapshot).repeated_by(question, Remote::Unknown).next()?;
    Some(format!(
        "once approved, {} may have the same again without asking: {} times within {}, for {} each, by {}. jit revoke ends that too",
        asked.user, rule.after.times, rule.after.within, rule.default, rule.name
    ))
}
