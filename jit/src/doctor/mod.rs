//! What a live host looks like: each check says what it found, and what to do where that is not as it must be.

mod around;
mod breakglass;
mod daemon;
mod health;
pub mod host;
mod lines;
mod named;
mod polkit;
mod sockets;
mod sshd;
mod sudoers;
mod waiting;

pub use daemon::policy_in_force;
pub use lines::last_door;

use crate::gate::{Places, sound};
use crate::talk::Talk;
use jit_core::time::WallTime;
use serde::Serialize;
use std::borrow::Cow;

/// One check of the host.
#[derive(Debug, Serialize)]
pub struct Check {
    /// What is looked at.
    pub name: Cow<'static, str>,
    /// Whether it is as it must be.
    pub ok: bool,
    /// What was found.
    pub found: String,
    /// What to do; none where nothing is to be done. Where a command does it, this is that command, and what else is to be known
    /// stands behind a #, so that it can be pasted as it is.
    pub remedy: Option<String>,
}

impl Check {
    /// As it must be.
    pub fn fine(name: impl Into<Cow<'static, str>>, found: &str) -> Self {
        Self { name: name.into(), ok: true, found: found.to_owned(), remedy: None }
    }

    /// Not as it must be, and what to do about it.
    pub fn wrong(name: impl Into<Cow<'static, str>>, found: String, remedy: &str) -> Self {
        Self { name: name.into(), ok: false, found, remedy: Some(remedy.to_owned()) }
    }

    /// As it must be, or all that is not.
    fn all(name: impl Into<Cow<'static, str>>, fine: &str, wrong: &[String], remedy: &str) -> Self {
        if wrong.is_empty() { Self::fine(name, fine) } else { Self::wrong(name, wrong.join("; "), remedy) }
    }
}

/// All checks, each done when it is asked for: what was found is said before the next one may have to wait. Those last that only
/// the name service can answer.
pub fn examine(talk: &Talk, now: WallTime) -> impl Iterator<Item = Check> + '_ {
    let parts: [Part<'_>; 9] = [
        Box::new(|| vec![sound::module()]),
        Box::new(move || lines::checks(now)),
        Box::new(|| vec![waiting::check(&Places::default())]),
        Box::new(|| vec![sudoers::check()]),
        Box::new(sockets::checks),
        Box::new(move || daemon::checks(talk, now)),
        Box::new(host::checks),
        Box::new(around::checks),
        Box::new(named::checks),
    ];
    parts.into_iter().flat_map(|part| part())
}

type Part<'a> = Box<dyn FnOnce() -> Vec<Check> + 'a>;
