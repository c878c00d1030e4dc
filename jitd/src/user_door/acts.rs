//! What changes something.

use super::looks::{show_grants, show_request};
use super::{About, Gone, Line, again, views};
use crate::engine::{By, Done};
use crate::writer::Kept;
use jit_core::actor::Actor;
use jit_core::engine::{Command, Grace, Reply, Target, Undelivered, Wish};
use jit_core::name::{RunAs, Service, UserName};
use jit_core::refusal::Refusal;
use jit_core::span::Span;
use jit_core::time::WallTime;
use jit_host::accounts::AccountTrouble;
use jit_proto::user::{self, UserAnswer};
use jit_proto::view::UndeliveredView;
use std::str::FromStr;

/// The longest text of a name, in bytes.
const LONGEST_NAME: usize = 256;

pub fn wish_of(wish: user::Wish) -> Wish {
    let service = Service::as_typed(&wish.service.chars().take(64).collect::<String>());
    let run_as = match wish.run_as {
        Some(run_as) if !service.is_as_oneself() => RunAs::as_typed(&run_as.chars().take(LONGEST_NAME).collect::<String>()),
        Some(_) | None if service.is_as_oneself() => RunAs::Oneself,
        Some(_) | None => RunAs::root(),
    };
    Wish {
        service: service.family(),
        run_as,
        wanted: wish.for_s.map(Span::from_secs),
        uses: wish.uses,
        start: wish.start.map(|start| WallTime::from_millis(start.0)),
        reason: wish.reason,
    }
}

/// A run-as user that is the subject's own name is `self`.
pub fn for_whom(mut wish: Wish, user: &UserName) -> Wish {
    if let RunAs::User(target) = &wish.run_as {
        wish.run_as = RunAs::of(user, target.clone());
    }
    wish
}

pub fn id_of<T: FromStr>(text: &str) -> Result<T, Refusal> {
    text.parse().map_err(|_| Refusal::NoSuch { what: text.to_owned() })
}

pub async fn do_it(about: &About, line: &mut Line, actor: &Actor, command: Result<Command, Refusal>) -> Result<(), Gone> {
    let reply = match command {
        Ok(command) => about.engine.command(command).await,
        Err(refusal) => Err(refusal),
    };
    let reply = match reply {
        Ok(Done { reply, kept }) => {
            remark(line, &kept).await?;
            Ok(reply)
        }
        Err(refusal) => Err(refusal),
    };
    match reply {
        Ok(Reply::Request(id)) => {
            again::remark(about, line, actor, id).await?;
            show_request(about, line, id, UserAnswer::Request).await
        }
        Ok(Reply::Grants(ids)) => show_grants(about, line, actor, ids).await,
        Ok(Reply::Done) => line.send(&UserAnswer::Noted).await,
        Ok(Reply::Session(..) | Reply::Denied(_)) => line.refuse(&Refusal::Busy).await,
        Ok(Reply::Refused(refusal)) | Err(refusal) => {
            let refusal = with_names(about, refusal, actor).await;
            line.refuse(&refusal).await
        }
    }
}

/// Says so where an act is not on disk as others are.
pub async fn remark(line: &mut Line, kept: &Kept) -> Result<(), Gone> {
    let words = match kept {
        Kept::Stored => return Ok(()),
        Kept::ByReserve => "the disk is full: this is recorded in the space that is kept for such acts. Make room".to_owned(),
        Kept::NotYet(why) => format!("this is done, but not on disk yet ({why}): it would not survive a crash of jitd. Look at the disk"),
    };
    line.send(&UserAnswer::Remark(words)).await
}

/// Names people where the policy names groups.
async fn with_names(about: &About, refusal: Refusal, actor: &Actor) -> Refusal {
    let Refusal::NotApprover { id, approvers } = refusal else { return refusal };
    let approvers = views::named(&about.directory, &approvers, &[actor.subject.name.to_string()]).await;
    Refusal::NotApprover { id, approvers }
}

pub async fn request(about: &About, line: &mut Line, actor: Actor, wish: user::Wish) -> Result<(), Gone> {
    let wish = for_whom(wish_of(wish), &actor.subject.name);
    do_it(about, line, &actor.clone(), Ok(Command::Request(actor, wish))).await
}

pub async fn grant_to(about: &About, line: &mut Line, actor: Actor, user: String, wish: user::Wish) -> Result<(), Gone> {
    let name = UserName::new(user.chars().take(LONGEST_NAME).collect::<String>());
    let command = match about.directory.about(name.clone()).await {
        Ok(subject) => {
            let wish = for_whom(wish_of(wish), &subject.name);
            Ok(Command::GrantTo(actor.clone(), subject, wish))
        }
        Err(AccountTrouble::NoSuch) => Err(Refusal::UnknownUser { name }),
        Err(AccountTrouble::Failed(_)) => Err(Refusal::GroupsUnknown { user: name }),
    };
    do_it(about, line, &actor, command).await
}

pub async fn approve(about: &About, line: &mut Line, actor: Actor, id: &str, for_s: Option<u64>, note: Option<String>) -> Result<(), Gone> {
    let shorten = for_s.map(Span::from_secs);
    let command = id_of(id).map(|id| Command::Approve { actor: actor.clone(), id, shorten, note });
    do_it(about, line, &actor, command).await
}

pub async fn deny(about: &About, line: &mut Line, actor: Actor, id: &str, note: Option<String>) -> Result<(), Gone> {
    let command = id_of(id).map(|id| Command::Deny { actor: actor.clone(), id, note });
    do_it(about, line, &actor, command).await
}

pub async fn cancel(about: &About, line: &mut Line, actor: Actor, id: Option<&str>) -> Result<(), Gone> {
    let command = id.map(id_of).transpose().map(|id| Command::Cancel(actor.clone(), id));
    do_it(about, line, &actor, command).await
}

pub async fn drop_grant(about: &About, line: &mut Line, actor: Actor, id: Option<&str>) -> Result<(), Gone> {
    let command = id.map(id_of).transpose().map(|id| Command::Drop(actor.clone(), id));
    do_it(about, line, &actor, command).await
}

pub async fn revoke(
    about: &About,
    line: &mut Line,
    actor: Actor,
    target: user::Target,
    note: Option<String>,
    now: bool,
) -> Result<(), Gone> {
    let target = match target {
        user::Target::Grant(id) => id_of(&id).map(Target::Grant),
        user::Target::User(user) => Ok(Target::User(UserName::new(user.chars().take(LONGEST_NAME).collect::<String>()))),
    };
    let command =
        target.map(|target| Command::Revoke { actor: actor.clone(), target, note, grace: if now { Grace::None } else { Grace::Some } });
    do_it(about, line, &actor, command).await
}

pub async fn notify_failed(about: &About, line: &mut Line, actor: Actor, undelivered: UndeliveredView) -> Result<(), Gone> {
    let UndeliveredView { target, first, last, count, why } = undelivered;
    let command = Command::NotifyFailed(actor.clone(), Undelivered { target, first, last, count, why });
    do_it(about, line, &actor, Ok(command)).await
}

pub async fn reload(about: &About, line: &mut Line, actor: Actor) -> Result<(), Gone> {
    if !actor.subject.uid.is_root() {
        return line.refuse(&Refusal::RootOnly { what: "reload the policy" }).await;
    }
    match about.reloader.reload(By::Actor(Box::new(actor))).await {
        Ok(reloaded) => line.send(&reloaded.answer()).await,
        Err(refusal) => line.refuse(&refusal).await,
    }
}
