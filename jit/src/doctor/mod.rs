//! What a live host looks like: each check says what it found, and what to do where that is not as it must be.

mod around;
mod breakglass;
mod daemon;
mod health;
pub mod host;
mod lines;
mod polkit;
mod sockets;
mod sshd;
mod sudoers;

pub use daemon::policy_in_force;

use crate::gate::sound;
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

/// All checks, in the order in which they are said.
#[must_use]
pub fn examine(talk: &Talk, now: WallTime) -> Vec<Check> {
    let mut checks = vec![sound::module()];
    checks.extend(lines::checks(now));
    checks.push(sudoers::check());
    checks.extend(sockets::checks());
    checks.extend(daemon::checks(talk, now));
    checks.extend(host::checks());
    checks.extend(around::checks());
    checks
}
