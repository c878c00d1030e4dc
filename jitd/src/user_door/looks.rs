//! What only looks.

use super::{About, Gone, Line, views};
use crate::engine::Snapshot;
use jit_core::actor::Actor;
use jit_core::event::{AccessDenied, Event};
use jit_core::grant::Grant;
use jit_core::id::{GrantId, IdPrefix, RequestId};
use jit_core::policy::Policy;
use jit_core::record::Record;
use jit_core::record::Trace;
use jit_core::refusal::Refusal;
use jit_core::request::{Progress, Request};
use jit_core::subject::Subject;
use jit_core::time::WallTime;
use jit_proto::user::{EventFilter, UserAnswer, Which};
use jit_proto::view::{
    CheckpointView, DaemonView, DenialView, EventView, FileView, GrantView, MayView, RequestView, SessionView, Shown, StatusView,
};
use jit_proto::{frame, time::Moment};
use jit_store::read::{Checkpoint, checkpoint};
use jit_store::{Filter, events as stored_events, ids_beginning, open_to_read};
use std::fmt::Display;
use std::sync::LazyLock;

/// How much of a frame a part of a list may fill, in bytes, as estimated.
const PART: usize = 40_000;
/// How many events are read at a time: so many that opening the record each time costs little beside them.
const PAGE: u32 = 1000;

/// The policy that viewers are judged by: where there is none, nobody approves and only root sees all.
pub fn policy_of<'a>(snapshot: &Snapshot<'a>) -> &'a Policy {
    static NONE: LazyLock<Policy> = LazyLock::new(Policy::default);
    snapshot.policy.unwrap_or(&NONE)
}

async fn name_approvers(about: &About, request: &mut RequestView) {
    let but = accounts_of(about, &request.user).await;
    request.approvers = views::named(&about.directory, &request.approvers, &but).await;
}

async fn accounts_of(about: &About, user: &str) -> Vec<String> {
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

/// Shows grants as they are now; more than fit are cut.
pub async fn show_grants(about: &About, line: &mut Line, ids: Vec<GrantId>) -> Result<(), Gone> {
    let found = about.engine.query(move |snapshot| {
        let grants = ids.iter().filter_map(|id| snapshot.state.grant(*id));
        grants.map(|grant| views::grant_in(grant, snapshot.state, snapshot.now)).collect::<Vec<_>>()
    });
    match found.await {
        Ok(grants) => {
            let part = parts(grants, grant_size).into_iter().next().unwrap_or_default();
            line.send(&UserAnswer::Grants(part)).await
        }
        Err(refusal) => line.refuse(&refusal).await,
    }
}

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
    while frame::encode(&UserAnswer::Status(Box::new(status.clone()))).is_err() {
        // Nobody can read that many; `jit list` shows them all.
        shorten(&mut status.may_request);
        shorten(&mut status.to_approve);
        shorten(&mut status.grants);
    }
    line.send(&UserAnswer::Status(Box::new(status))).await
}

fn shorten<T>(list: &mut Vec<T>) {
    list.truncate(list.len() / 2);
}

fn status_of(snapshot: &Snapshot<'_>, actor: &Actor) -> StatusView {
    let policy = policy_of(snapshot);
    let me = &actor.subject;
    let viewer = views::viewer(me, policy);
    let may_request: Vec<MayView> =
        policy.requestable_by(me, snapshot.now.wall).flat_map(|(rule, service)| views::may(rule, service.as_str())).collect();
    let waits_for_me = snapshot.state.pending().filter(|pending| viewer.may_approve_now(pending));
    StatusView {
        user: me.name.to_string(),
        uid: me.uid.0,
        grants: snapshot.state.live_of(me).map(|grant| views::live(grant, snapshot.state, snapshot.now)).collect(),
        requests: snapshot.state.pending_of(me).map(|request| views::request(&Request::Pending(request.clone()))).collect(),
        may_request,
        may_emergency: policy
            .takeable_by(me, snapshot.now.wall)
            .flat_map(|(rule, service)| views::may_take(rule, service.as_str()))
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

pub async fn list(about: &About, line: &mut Line, actor: Actor, which: Which) -> Result<(), Gone> {
    let found = about.engine.query(move |snapshot| list_of(snapshot, &actor.subject, which)).await;
    let (mut requests, grants, sessions) = match found {
        Ok(listed) => listed,
        Err(refusal) => return line.refuse(&refusal).await,
    };
    for request in requests.iter_mut().filter(|request| request.state == "pending") {
        name_approvers(about, request).await;
    }
    let listing = |requests, grants, sessions, more| UserAnswer::Listing { requests, grants, sessions, more };
    for part in parts(requests, request_size) {
        line.send(&listing(part, Vec::new(), Vec::new(), true)).await?;
    }
    for part in parts(grants, grant_size) {
        line.send(&listing(Vec::new(), part, Vec::new(), true)).await?;
    }
    for part in parts(sessions, |_| 400) {
        line.send(&listing(Vec::new(), Vec::new(), part, true)).await?;
    }
    line.send(&listing(Vec::new(), Vec::new(), Vec::new(), false)).await
}

fn list_of(snapshot: &Snapshot<'_>, me: &Subject, which: Which) -> (Vec<RequestView>, Vec<GrantView>, Vec<SessionView>) {
    let policy = policy_of(snapshot);
    let viewer = views::viewer(me, policy);
    let state = snapshot.state;
    let pending = |request: &&Request| matches!(request, Request::Pending(_)) && which != Which::Active || which == Which::All;
    let live = |grant: &&Grant| matches!(grant, Grant::Live(_)) && which != Which::Pending || which == Which::All;
    let open = |session: &&jit_core::session::Session| {
        state.has_open_session(session.facts().id) && which != Which::Pending || which == Which::All
    };
    let mut requests: Vec<_> =
        state.requests().filter(pending).filter(|request| viewer.sees_request(request)).map(views::request).collect();
    let grants = state.grants().filter(live).filter(|grant| viewer.sees_grant(grant.terms()));
    let mut grants: Vec<_> = grants.map(|grant| views::grant_in(grant, snapshot.state, snapshot.now)).collect();
    let seen =
        |session: &&jit_core::session::Session| viewer.sees_session(session.facts(), state.grant(session.facts().grant).map(Grant::terms));
    let mut sessions: Vec<_> = state.sessions().filter(open).filter(seen).map(|session| views::session(session, state)).collect();
    requests.sort_by_key(|request| request.submitted);
    grants.sort_by_key(|grant| grant.issued);
    sessions.sort_by_key(|session| session.opened);
    (requests, grants, sessions)
}

/// About how many bytes of a frame these texts fill.
fn size_of<'a>(texts: impl Iterator<Item = &'a str>) -> usize {
    texts.fold(1000, |sum, text| sum.saturating_add(text.len()).saturating_add(16))
}

fn request_size(request: &RequestView) -> usize {
    let approved = request.stages.iter().flat_map(|stage| &stage.approved);
    let notes = approved.flat_map(|approval| [approval.by.as_str(), approval.note.as_deref().unwrap_or_default(), "when and by which uid"]);
    let by = request.stages.iter().flat_map(|stage| &stage.by).map(String::as_str);
    size_of(by.chain(notes).chain(request.approvers.iter().map(String::as_str)).chain([request.reason.as_str()]))
}

fn grant_size(grant: &GrantView) -> usize {
    size_of(grant.sessions.iter().chain(&grant.by).map(String::as_str).chain([grant.reason.as_str()]))
}

/// A list in parts that each fit a frame.
fn parts<T>(items: Vec<T>, size: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    let mut parts = Vec::new();
    let mut part = Vec::new();
    let mut filled = 0_usize;
    for item in items {
        let size = size(&item);
        if filled.saturating_add(size) > PART && !part.is_empty() {
            parts.push(std::mem::take(&mut part));
            filled = 0;
        }
        filled = filled.saturating_add(size);
        part.push(item);
    }
    if !part.is_empty() {
        parts.push(part);
    }
    parts
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
    }
    line.send(&UserAnswer::Shown(Box::new(shown))).await?;
    let filter = Filter { id: Some(id), ..Filter::default() };
    send_events(about, line, filter, false).await
}

/// The whole id that begins as was typed.
async fn resolve(about: &About, prefix: &IdPrefix) -> Result<String, Refusal> {
    let text = prefix.as_str().to_owned();
    let store = about.store.clone();
    let found = tokio::task::spawn_blocking(move || ids_beginning(&open_to_read(&store)?, &text)).await;
    match found.map_err(|_| Refusal::Busy)?.map_err(|error| not_read(&error))?.as_slice() {
        [] => Err(Refusal::NoSuch { what: prefix.as_str().to_owned() }),
        [id] => Ok(id.clone()),
        [..] => Err(Refusal::NameOne { what: "id", ids: vec!["several that begin so; type more of it".to_owned()] }),
    }
}

fn not_read(error: &dyn Display) -> Refusal {
    Refusal::NotRecorded { why: format!("the record cannot be read: {error}"), trace: Trace::None }
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

pub async fn events(about: &About, line: &mut Line, actor: Actor, filter: EventFilter) -> Result<(), Gone> {
    if let Err(refusal) = may_read(about, actor).await {
        return line.refuse(&refusal).await;
    }
    let wall = |moment: Moment| WallTime::from_millis(moment.0);
    let follow = filter.follow;
    let id = match filter.id.as_deref().map(str::parse::<IdPrefix>) {
        None => None,
        Some(Ok(id)) => Some(id.as_str().to_owned()),
        Some(Err(_)) => return line.refuse(&Refusal::NoSuch { what: filter.id.unwrap_or_default() }).await,
    };
    let filter = Filter {
        after: 0,
        upto: None,
        since: filter.since.map(wall),
        until: filter.until.map(wall),
        user: filter.user,
        kind: filter.kind,
        id,
    };
    send_checkpoint(about, line).await?;
    send_events(about, line, filter, follow).await
}

/// Events after a number, and then as they come. Whoever names a number that was never reached (the record is another one,
/// an older backup perhaps) gets the newest event, and can see it by its hash.
pub async fn follow(about: &About, line: &mut Line, actor: Actor, after: Option<u64>) -> Result<(), Gone> {
    if let Err(refusal) = may_read(about, actor).await {
        return line.refuse(&refusal).await;
    }
    let newest = about.head.borrow().saturating_sub(1);
    let filter = Filter { after: after.map_or(newest, |after| after.min(newest)), ..Filter::default() };
    send_events(about, line, filter, true).await
}

async fn may_read(about: &About, actor: Actor) -> Result<(), Refusal> {
    let me = actor.subject;
    let sees_all = about.engine.query(move |snapshot| policy_of(snapshot).sees_all(&me)).await?;
    if sees_all { Ok(()) } else { Err(Refusal::AuditorsOnly { what: "read the record" }) }
}

/// No event counts of which nobody was told that it is stored, though the disk may hold some.
fn acknowledged(about: &About, filter: Filter) -> Filter {
    let newest = *about.head.borrow();
    Filter { upto: Some(filter.upto.map_or(newest, |upto| upto.min(newest))), ..filter }
}

pub async fn read(about: &About, filter: Filter, most: u32) -> Result<Vec<Record>, Refusal> {
    let (store, filter) = (about.store.clone(), acknowledged(about, filter));
    let read = tokio::task::spawn_blocking(move || stored_events(&open_to_read(&store)?, &filter, most)).await;
    read.map_err(|_| Refusal::Busy)?.map_err(|error| not_read(&error))
}

/// The next events, in parts that each fit a frame, and the number of the last. They are made ready beside the task that
/// answers checks, which does not wait for them.
async fn read_page(about: &About, filter: Filter) -> Result<Option<(u64, Vec<Vec<EventView>>)>, Refusal> {
    let (store, filter) = (about.store.clone(), acknowledged(about, filter));
    let read = tokio::task::spawn_blocking(move || {
        let records = stored_events(&open_to_read(&store)?, &filter, PAGE)?;
        Ok::<_, rusqlite::Error>(records.last().map(|last| (last.seq, event_parts(records.iter().map(event_view).collect()))))
    });
    read.await.map_err(|_| Refusal::Busy)?.map_err(|error| not_read(&error))
}

/// Events in parts that each fit a frame.
pub fn event_parts(events: Vec<EventView>) -> Vec<Vec<EventView>> {
    parts(events, |event| event.data.len().saturating_add(400))
}

/// Says where the record begins, if older events were archived.
pub async fn send_checkpoint(about: &About, line: &mut Line) -> Result<(), Gone> {
    let store = about.store.clone();
    let found = tokio::task::spawn_blocking(move || checkpoint(&open_to_read(&store)?)).await;
    // What cannot be read is said when the events are.
    let Ok(Ok(Some(Checkpoint { upto, kept, kept_digest }))) = found else { return Ok(()) };
    let view = CheckpointView { upto: upto.seq, hash: upto.hash.to_string(), kept, kept_digest };
    line.send(&UserAnswer::Checkpoint(view)).await
}

pub async fn send_events(about: &About, line: &mut Line, mut filter: Filter, follow: bool) -> Result<(), Gone> {
    let mut head = about.head.clone();
    loop {
        head.mark_unchanged();
        let page = match read_page(about, filter.clone()).await {
            Ok(page) => page,
            Err(refusal) => return line.refuse(&refusal).await,
        };
        if let Some((last, parts)) = page {
            filter.after = last;
            for events in parts {
                line.send(&UserAnswer::Events { events, more: true }).await?;
            }
        } else if follow {
            tokio::select! {
                // jitd ends: that is no end of what is followed.
                changed = head.changed() => if changed.is_err() { return Ok(()) },
                () = line.hung_up() => return Err(Gone),
            }
        } else {
            break;
        }
    }
    line.send(&UserAnswer::Events { events: Vec::new(), more: false }).await
}

pub fn event_view(record: &Record) -> EventView {
    EventView {
        seq: record.seq,
        at: record.at.with_millis(),
        event: record.event.clone(),
        data: record.data.clone(),
        prev: record.prev.to_string(),
        hash: record.hash.to_string(),
    }
}

pub async fn policy(about: &About, line: &mut Line, actor: Actor) -> Result<(), Gone> {
    if !actor.subject.uid.is_root() {
        return line.refuse(&Refusal::RootOnly { what: "see the policy" }).await;
    }
    let in_force = about.engine.query(|snapshot| snapshot.policy.map(|policy| policy.texts.clone())).await;
    let files = match in_force {
        Ok(Some(files)) => files,
        Ok(None) => return line.refuse(&Refusal::NoPolicy).await,
        Err(refusal) => return line.refuse(&refusal).await,
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

pub async fn version(about: &About, line: &mut Line) -> Result<(), Gone> {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    line.send(&UserAnswer::Daemon(DaemonView { version, protocol: frame::VERSION, since: Moment(about.since) })).await
}
