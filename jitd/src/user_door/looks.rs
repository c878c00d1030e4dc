//! What only looks.

use super::acts::{for_whom, wish_of};
use super::events::{not_read, read, send_events};
use super::parts::PART;
use super::{About, Gone, Line, again, views};
use crate::engine::Snapshot;
use jit_core::actor::Actor;
use jit_core::engine::{Admission, check};
use jit_core::event::{AccessDenied, Event};
use jit_core::grant::{EndedGrant, Ending, Grant};
use jit_core::id::{GrantId, IdPrefix, RequestId};
use jit_core::policy::Policy;
use jit_core::record::Record;
use jit_core::refusal::Refusal;
use jit_core::request::{Progress, Request};
use jit_core::subject::{Entry, Phase, Remote, Subject};
use jit_proto::user::{self, UserAnswer};
use jit_proto::view::{DaemonView, DenialView, FileView, RequestView, Shown};
use jit_proto::{frame, time::Moment};
use jit_store::{Filter, ids_beginning, open_to_read};
use std::sync::LazyLock;

/// The policy that viewers are judged by: where there is none, nobody approves and only root sees all.
pub fn policy_of<'a>(snapshot: &Snapshot<'a>) -> &'a Policy {
    static NONE: LazyLock<Policy> = LazyLock::new(Policy::default);
    snapshot.policy.unwrap_or(&NONE)
}

pub async fn name_approvers(about: &About, request: &mut RequestView) {
    let but = accounts_of(about, &request.user).await;
    request.approvers = views::named(&about.directory, &request.approvers, &but).await;
}

pub async fn accounts_of(about: &About, user: &str) -> Vec<String> {
    let name = user.to_owned();
    let accounts = about.engine.query(move |snapshot| views::accounts_of(snapshot.policy, &name)).await;
    accounts.unwrap_or_else(|_| vec![user.to_owned()])
}

/// Shows a request as it is now.
pub async fn show_request(about: &About, line: &mut Line, id: RequestId, how: fn(Box<RequestView>) -> UserAnswer) -> Result<(), Gone> {
    let found = about.engine.query(move |snapshot| snapshot.state.request(id).map(views::request)).await;
    match found {
        Ok(Some(mut request)) => {
            name_approvers(about, &mut request).await;
            line.send(&how(Box::new(request))).await
        }
        Ok(None) => line.refuse(&Refusal::NoSuch { what: id.to_string() }).await,
        Err(refusal) => line.refuse(&refusal).await,
    }
}

/// Shows grants as they are now, to whoever has just changed them.
pub async fn show_grants(about: &About, line: &mut Line, actor: &Actor, ids: Vec<GrantId>) -> Result<(), Gone> {
    let by = actor.subject.name.clone();
    let found = about.engine.query(move |snapshot| {
        let shown = |id: &GrantId| match snapshot.state.grant(*id) {
            Some(grant) => Some(views::grant_in(grant, snapshot.state, snapshot.now)),
            // It is over for long and forgotten; that it could still be repeated is what has been taken away.
            None => {
                let basis = snapshot.state.bases().find(|basis| basis.terms.id == *id)?;
                let (terms, by, at) = (basis.terms.clone(), by.clone(), snapshot.now.wall);
                let ending = Ending::Revoked { by, note: None };
                let over = EndedGrant { until: terms.issued.wall, terms, since: None, taken: basis.taken, ending, at };
                Some(views::grant_in(&Grant::Ended(Box::new(over)), snapshot.state, snapshot.now))
            }
        };
        ids.iter().filter_map(shown).collect::<Vec<_>>()
    });
    match found.await {
        Ok(grants) => line.send(&UserAnswer::Grants(grants)).await,
        Err(refusal) => line.refuse(&refusal).await,
    }
}

pub async fn wait(about: &About, line: &mut Line, actor: Actor, id: Option<&str>) -> Result<(), Gone> {
    let wanted = match id.map(str::parse::<RequestId>) {
        None => None,
        Some(Ok(id)) => Some(id),
        Some(Err(_)) => return line.refuse(&Refusal::NoSuch { what: id.unwrap_or_default().to_owned() }).await,
    };
    let found = about.engine.query(move |snapshot| {
        let mine = |request: &&Request| request.ask().uid == actor.subject.uid && request.ask().user == actor.subject.name;
        match wanted {
            Some(id) => snapshot.state.request(id).filter(mine).map(|request| request.ask().id),
            None => snapshot.state.requests().filter(mine).max_by_key(|request| request.ask().submitted).map(|request| request.ask().id),
        }
    });
    let id = match (found.await, id) {
        (Ok(Some(id)), _) => id,
        (Ok(None), Some(id)) => return line.refuse(&Refusal::NoSuch { what: id.to_owned() }).await,
        (Ok(None), None) => return line.refuse(&Refusal::NoneOfYours { what: "request" }).await,
        (Err(refusal), _) => return line.refuse(&refusal).await,
    };
    while let Ok(Some(seen)) = about.engine.query(move |snapshot| pending(snapshot.state.request(id))).await {
        show_request(about, line, id, UserAnswer::Waiting).await?;
        tokio::select! {
            () = about.engine.changed(id, seen) => {}
            () = line.hung_up() => return Err(Gone),
        }
    }
    show_request(about, line, id, UserAnswer::Request).await
}

/// How far a request has come, while it is pending.
fn pending(request: Option<&Request>) -> Option<Progress> {
    request.filter(|request| matches!(request, Request::Pending(_))).map(Request::progress)
}

pub async fn show(about: &About, line: &mut Line, actor: Actor, typed: &str) -> Result<(), Gone> {
    let Ok(prefix) = typed.parse::<IdPrefix>() else { return line.refuse(&Refusal::NoSuch { what: typed.to_owned() }).await };
    let me = actor.subject.clone();
    let found = match resolve(about, &prefix).await {
        Ok(id) => about.engine.query(move |snapshot| (find(snapshot, &me, &id), id)).await,
        Err(refusal) => return line.refuse(&refusal).await,
    };
    let (shown, id) = match found {
        Ok((Some(shown), id)) => (Some(shown), id),
        Ok((None, id)) => (denial(about, &actor, &id).await, id),
        Err(refusal) => return line.refuse(&refusal).await,
    };
    let Some(mut shown) = shown else { return line.refuse(&Refusal::NoSuch { what: id }).await };
    if let Shown::Request(request) = &mut shown {
        name_approvers(about, request).await;
        if let Ok(id) = id.parse() {
            again::remark(about, line, &actor, id).await?;
        }
    }
    line.send(&UserAnswer::Shown(Box::new(shown))).await?;
    let filter = Filter { id: Some(id), ..Filter::default() };
    send_events(about, line, filter, false).await
}

/// The whole id that begins as was typed.
pub async fn resolve(about: &About, prefix: &IdPrefix) -> Result<String, Refusal> {
    let text = prefix.as_str().to_owned();
    let store = about.store.clone();
    let found = tokio::task::spawn_blocking(move || ids_beginning(&open_to_read(&store)?, &text)).await;
    match found.map_err(|_| Refusal::Busy)?.map_err(|error| not_read(&error))?.as_slice() {
        [] => Err(Refusal::NoSuch { what: prefix.as_str().to_owned() }),
        [id] => Ok(id.clone()),
        [..] => Err(Refusal::NameOne { what: "id", ids: vec!["several that begin so; type more of it".to_owned()] }),
    }
}

/// A request, grant or session that the viewer may see.
pub fn find(snapshot: &Snapshot<'_>, me: &Subject, id: &str) -> Option<Shown> {
    let policy = policy_of(snapshot);
    let viewer = views::viewer(me, policy);
    let state = snapshot.state;
    if let Ok(id) = id.parse() {
        return state.request(id).filter(|request| viewer.sees_request(request)).map(views::request).map(Shown::Request);
    }
    if let Ok(id) = id.parse() {
        let grant = state.grant(id).filter(|grant| viewer.sees_grant(grant.terms()));
        return grant.map(|grant| Shown::Grant(views::grant_in(grant, snapshot.state, snapshot.now)));
    }
    let session = state.session(id.parse().ok()?)?;
    let terms = state.grant(session.facts().grant).map(Grant::terms);
    viewer.sees_session(session.facts(), terms).then(|| Shown::Session(views::session(session, state)))
}

/// A denial, from the record: its subject sees it, auditors and root, and whoever could approve under its rule.
async fn denial(about: &About, actor: &Actor, id: &str) -> Option<Shown> {
    let filter = Filter { id: Some(id.to_owned()), kind: Some("access.denied".to_owned()), ..Filter::default() };
    let record = read(about, filter, 1).await.ok()?.into_iter().next()?;
    let Ok(Event::AccessDenied(denied)) = Event::read(&record.event, &record.data) else { return None };
    let me = actor.subject.clone();
    let (uid, user, rule) = (denied.uid, denied.user.clone(), denied.rule.clone());
    let sees = about.engine.query(move |snapshot| {
        let policy = policy_of(snapshot);
        let viewer = views::viewer(&me, policy);
        let approves = rule.is_some_and(|rule| viewer.approves_by(&rule));
        (uid == Some(me.uid) && user == me.name) || approves || viewer.sees_all()
    });
    if sees.await == Ok(true) { Some(Shown::Denial(denial_view(&record, denied))) } else { None }
}

fn denial_view(record: &Record, denied: AccessDenied) -> DenialView {
    DenialView {
        id: denied.id.to_string(),
        at: views::moment(record.at),
        user: denied.user.to_string(),
        uid: denied.uid.map(|uid| uid.0),
        service: denied.service.to_string(),
        run_as: denied.run_as.map(|run_as| run_as.to_string()),
        from: denied.from.map(|from| from.to_string()),
        phase: denied.phase,
        why: denied.why,
        rule: denied.rule.map(|rule| rule.to_string()),
        ask: denied.ask,
    }
}

pub async fn policy(about: &About, line: &mut Line, actor: Actor) -> Result<(), Gone> {
    if !actor.subject.uid.is_root() {
        return line.refuse(&Refusal::RootOnly { what: "see the policy" }).await;
    }
    let in_force = about.engine.query(|snapshot| match (snapshot.policy, snapshot.no_record) {
        (Some(policy), _) => Ok(policy.texts.clone()),
        // It is not read without one.
        (None, Some(why)) => Err(not_read(&why)),
        (None, None) => Err(Refusal::NoPolicy),
    });
    let files = match in_force.await {
        Ok(Ok(files)) => files,
        Ok(Err(refusal)) | Err(refusal) => return line.refuse(&refusal).await,
    };
    for file in files.iter() {
        let letters: Vec<char> = file.text.chars().collect();
        for part in letters.chunks(PART / 4) {
            let part = FileView { file: file.file.clone(), text: part.iter().collect() };
            line.send(&UserAnswer::PolicyFile { part, more: true }).await?;
        }
    }
    line.send(&UserAnswer::PolicyFile { part: FileView { file: String::new(), text: String::new() }, more: false }).await
}

/// Whether somebody would be let in now. Nothing is recorded of it: nobody has come.
pub async fn may_enter(about: &About, line: &mut Line, actor: Actor, service: String, run_as: Option<String>) -> Result<(), Gone> {
    let wish = user::Wish { service, run_as, for_s: None, uses: None, start: None, reason: None };
    let wish = for_whom(wish_of(wish), &actor.subject.name);
    let entry = Entry {
        subject: actor.subject,
        service: wish.service,
        run_as: Some(wish.run_as),
        remote: Remote::Unknown,
        tty: None,
        phase: Phase::Session,
    };
    let look = move |snapshot: &Snapshot<'_>| check(snapshot.state, snapshot.policy, &entry, snapshot.now);
    match about.engine.query(look).await {
        Ok(admission) => line.send(&UserAnswer::MayEnter(!matches!(admission, Admission::Denied(_)))).await,
        Err(refusal) => line.refuse(&refusal).await,
    }
}

pub async fn version(about: &About, line: &mut Line) -> Result<(), Gone> {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    line.send(&UserAnswer::Daemon(DaemonView { version, protocol: frame::VERSION, since: Moment(about.since) })).await
}
