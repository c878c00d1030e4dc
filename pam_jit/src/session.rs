//! The session phase: they come in. The first line decides again, in full; the last one registers the process.

use crate::account::{arrive, conclude, deny, fail, is_wrong, observes, without_daemon};
use crate::arguments::Arguments;
use crate::breakglass::{self, Keyhole};
use crate::cgroup::Cgroups;
use crate::daemon::Daemon;
use crate::host::{Caller, Host, Item, Memory, Opened, Priority, Variable};
use crate::report::{self, MISCONFIGURED};
use crate::subject::{self, Phase};
use crate::verdict::Outcome;
use jit_proto::client::{Away, Trouble};
use jit_proto::pam::{Held, Hold, Question, Verdict};

/// Answers the session phase, for the first and for the last line.
pub fn open(host: &mut dyn Host, daemon: &dyn Daemon, cgroups: &dyn Cgroups, arguments: &Arguments) -> Outcome {
    let outcome = if arguments.enter {
        enter(host, daemon, cgroups, arguments)
    } else {
        ask_open(host, daemon, cgroups, arguments, &breakglass::SYSTEM)
    };
    conclude(host, arguments, Phase::Session, outcome)
}

/// The first line.
pub(crate) fn ask_open(
    host: &mut dyn Host,
    daemon: &dyn Daemon,
    cgroups: &dyn Cgroups,
    arguments: &Arguments,
    keyhole: &dyn Keyhole,
) -> Outcome {
    if host.memory().denied_session {
        return Outcome::Denied;
    }
    let entry = match arrive(host, arguments, Phase::Session) {
        Ok(entry) => entry,
        Err(Outcome::NotOurs) => return unguarded(host, Outcome::NotOurs),
        Err(outcome @ (Outcome::Allowed | Outcome::Denied | Outcome::Away | Outcome::Failed | Outcome::Observed)) => return outcome,
    };
    let run_as = entry.run_as.clone().unwrap_or_default();
    match host.memory().opened {
        Some(Opened::ByDaemon { run_as: before, .. } | Opened::ByBreakglass { run_as: before }) if before == run_as => {
            return Outcome::Allowed;
        }
        Some(Opened::ByDaemon { .. } | Opened::ByBreakglass { .. } | Opened::WithoutDaemon | Opened::Unguarded) | None => {}
    }
    let observe = observes(host, arguments);
    let auth = if entry.service == "sshd" { host.variable(Variable::SshAuthInfo) } else { None };
    // A line for each method; a key is in it as a whole, and a certificate may be one of some thousand letters.
    let auth = auth.map(|auth| auth.chars().take(8192).collect());
    let cgroups = cgroups.available();
    match daemon.ask(Question::Open { entry: entry.clone(), auth, cgroups }, observe) {
        Ok(Verdict::Opened { session, hold }) => {
            let opened = Opened::ByDaemon { session: session.clone(), run_as, hold };
            keep_session(host, daemon, arguments, opened, &session)
        }
        Ok(Verdict::Denied { message }) => deny(host, arguments, Phase::Session, &message),
        Ok(Verdict::Allowed) if observe => unguarded(host, Outcome::Allowed),
        Ok(Verdict::Allowed | Verdict::Noted | Verdict::Asked(_)) => {
            fail(host, arguments, Phase::Session, "an answer that opens no session")
        }
        Err(trouble) => {
            let outcome = without_daemon(host, arguments, Phase::Session, &entry, &trouble, keyhole);
            match outcome {
                Outcome::Allowed => remember(host, Opened::ByBreakglass { run_as }, Outcome::Allowed),
                Outcome::Away => remember(host, Opened::WithoutDaemon, Outcome::Away),
                Outcome::Denied | Outcome::Failed | Outcome::NotOurs | Outcome::Observed => outcome,
            }
        }
    }
}

/// A session that cannot be remembered could not be closed: then it is closed at once, and nobody comes in.
fn keep_session(host: &mut dyn Host, daemon: &dyn Daemon, arguments: &Arguments, opened: Opened, session: &str) -> Outcome {
    if host.remember(Memory { opened: Some(opened), ..host.memory() }).is_ok() {
        return Outcome::Allowed;
    }
    give_back(daemon, session);
    fail(host, arguments, Phase::Session, "libpam cannot keep our data")
}

/// Nobody came in after all, whether jitd hears of it or not; it finds out by itself when the process is gone.
fn give_back(daemon: &dyn Daemon, session: &str) {
    let _ = daemon.ask(Question::Close { session: session.to_owned() }, false);
}

/// An outcome that the last line must know of.
fn remember(host: &mut dyn Host, opened: Opened, outcome: Outcome) -> Outcome {
    match host.remember(Memory { opened: Some(opened), ..host.memory() }) {
        Ok(()) => outcome,
        Err(crate::host::Forgotten) => Outcome::Failed,
    }
}

/// Nobody's session: the last line has nothing to do for it.
fn unguarded(host: &mut dyn Host, outcome: Outcome) -> Outcome {
    // Without this note the last line would deny; it would be wrong, and safe.
    let _ = host.remember(Memory { opened: Some(Opened::Unguarded), ..host.memory() });
    outcome
}

/// The last line: the process of a session that is open goes where it can be ended.
pub(crate) fn enter(host: &mut dyn Host, daemon: &dyn Daemon, cgroups: &dyn Cgroups, arguments: &Arguments) -> Outcome {
    if observes(host, arguments) {
        return Outcome::Observed;
    }
    let Memory { caller, denied_session, opened, denied_account: _, account_by_breakglass: _ } = host.memory();
    // A line that strayed into a shared stack closes nobody's last door, whatever stands in it.
    let strayed = opened.is_none() && !denied_session && subject::caller(host, Phase::Session) == Ok(Caller::NotOurs);
    if strayed || caller == Some(Caller::NotOurs) {
        return Outcome::NotOurs;
    }
    // Logged also where the first line denied: it is to be found before somebody is kept out by it alone.
    let wrong = is_wrong(host, arguments);
    if denied_session {
        return Outcome::Denied;
    }
    if wrong {
        if let Some(Opened::ByDaemon { session, .. }) = opened {
            give_back(daemon, &session);
        }
        return deny(host, arguments, Phase::Session, MISCONFIGURED);
    }
    match opened {
        Some(Opened::Unguarded) => Outcome::NotOurs,
        Some(Opened::ByBreakglass { .. }) => Outcome::Allowed,
        Some(Opened::WithoutDaemon) => Outcome::Away,
        Some(Opened::ByDaemon { session, hold, .. }) => match hold_process(host, cgroups, &session, hold) {
            Some(held) => enter_session(host, daemon, arguments, session, held),
            None => {
                give_back(daemon, &session);
                deny(host, arguments, Phase::Session, report::UNBOUND)
            }
        },
        None => {
            let service = host.item(Item::Service).ok().flatten().unwrap_or_default();
            host.log(Priority::Warning, &format!("no session was opened: is our first session line missing in pam.d/{service}?"));
            deny(host, arguments, Phase::Session, MISCONFIGURED)
        }
    }
}

/// Puts the process where it can be ended. None: it must be in a cgroup, and cannot.
fn hold_process(host: &mut dyn Host, cgroups: &dyn Cgroups, session: &str, hold: Hold) -> Option<Held> {
    let (keeper, must) = match hold {
        Hold::Tree => return Some(Held::Tree),
        Hold::Cgroup(keeper) => (keeper, false),
        Hold::CgroupOnly(keeper) => (keeper, true),
    };
    match cgroups.enter(session, &keeper) {
        Ok(()) => Some(Held::Cgroup),
        Err(why) if must => {
            host.log(Priority::Warning, &format!("the rule wants a session in a cgroup, and there is none: {why}"));
            None
        }
        Err(why) => {
            host.log(Priority::Warning, &format!("the session has no cgroup, so what detaches from it can outlive it: {why}"));
            Some(Held::TreeFor(why.to_string()))
        }
    }
}

fn enter_session(host: &mut dyn Host, daemon: &dyn Daemon, arguments: &Arguments, session: String, held: Held) -> Outcome {
    match daemon.ask(Question::Enter { session, held }, false) {
        Ok(Verdict::Noted) => Outcome::Allowed,
        Ok(Verdict::Denied { message }) => deny(host, arguments, Phase::Session, &message),
        Ok(Verdict::Allowed | Verdict::Opened { .. } | Verdict::Asked(_)) => {
            fail(host, arguments, Phase::Session, "an answer that enters no session")
        }
        // It let this session in a moment ago, and begins anew: then it finds the cgroup by its name.
        Err(trouble @ Trouble::Away(Away::NoSocket | Away::Refused | Away::Closed)) => {
            host.log(Priority::Warning, &format!("the session could not be entered: {trouble}"));
            Outcome::Allowed
        }
        // One that goes on would know this session by its process alone: what that leaves running would be ended by nobody.
        Err(trouble @ (Trouble::Away(Away::Impostor(_) | Away::Silence | Away::Nonsense(_)) | Trouble::Ours(_))) => {
            fail(host, arguments, Phase::Session, &format!("the session could not be entered: {trouble}"))
        }
    }
}

/// The session is over.
pub fn close(host: &mut dyn Host, daemon: &dyn Daemon, arguments: &Arguments) {
    let memory = host.memory();
    if let Some(Opened::ByDaemon { session, .. }) = memory.opened.clone() {
        if let Err(trouble) = daemon.ask(Question::Close { session }, false) {
            host.log(Priority::Notice, &format!("jitd was not told that a session closed: {trouble}"));
        } else if arguments.debug {
            host.log(Priority::Debug, "session closed");
        }
    }
    // A handle that opens another session begins anew.
    let _ = host.remember(Memory { opened: None, ..memory });
}
