//! The account phase: may they come in? It changes nothing, and runs for every sudo and every log-in.

use crate::arguments::Arguments;
use crate::ask::{self, Answer};
use crate::breakglass::{self, Keyhole};
use crate::daemon::Daemon;
use crate::host::{Caller, Forgotten, Host, Memory, Priority};
use crate::report::{self, printable};
use crate::subject::{self, Phase, Unknown};
use crate::verdict::Outcome;
use jit_proto::client::Trouble;
use jit_proto::pam::{Entry, Question, Verdict};

/// Answers the account phase.
pub fn account(host: &mut dyn Host, daemon: &dyn Daemon, arguments: &Arguments) -> Outcome {
    let asked = ask_account(host, daemon, arguments, &breakglass::SYSTEM);
    conclude(host, arguments, Phase::Account, asked)
}

/// The account phase, but for what observing makes of it.
pub(crate) fn ask_account(host: &mut dyn Host, daemon: &dyn Daemon, arguments: &Arguments, keyhole: &dyn Keyhole) -> Outcome {
    if host.memory().denied_account {
        return Outcome::Denied;
    }
    let entry = match arrive(host, arguments, Phase::Account) {
        Ok(entry) => entry,
        Err(outcome) => return outcome,
    };
    match daemon.ask(Question::Check(entry.clone()), observes(host, arguments)) {
        Ok(Verdict::Allowed) => Outcome::Allowed,
        Ok(Verdict::Denied { message }) => denied(host, daemon, arguments, entry, &message),
        Ok(Verdict::Opened { .. } | Verdict::Noted | Verdict::Asked(_)) => {
            fail(host, arguments, Phase::Account, "an answer that fits no check")
        }
        // The same line, met again: the entry is written down and told of, once.
        Err(Trouble::Away(_)) if host.memory().account_by_breakglass.as_ref() == Some(&entry) => Outcome::Allowed,
        Err(trouble) => {
            let outcome = without_daemon(host, arguments, Phase::Account, &entry, &trouble, keyhole);
            if outcome == Outcome::Allowed {
                // If it cannot be kept, the next line writes it down again.
                let _ = host.remember(Memory { account_by_breakglass: Some(entry), ..host.memory() });
            }
            outcome
        }
    }
}

/// jitd said no. Whoever may ask can be asked why they should come in, if the line says so and there is somebody to be
/// asked; then the whole check decides again. What is denied stays denied whatever fails from here on.
fn denied(host: &mut dyn Host, daemon: &dyn Daemon, arguments: &Arguments, entry: Entry, message: &str) -> Outcome {
    let asks = arguments.ask && !observes(host, arguments);
    let Some(mut desk) = (if asks { daemon.desk(&entry) } else { None }) else {
        return deny(host, arguments, Phase::Account, message);
    };
    if let Answer::Denied(words) = ask::ask(host, &mut *desk, arguments.wait, message) {
        return deny(host, arguments, Phase::Account, &words);
    }
    match daemon.ask(Question::Check(entry), false) {
        // Looked at last: whoever waited must be there to come in.
        Ok(Verdict::Allowed) if desk.is_there() => Outcome::Allowed,
        Ok(Verdict::Allowed) => deny(host, arguments, Phase::Account, report::GONE),
        Ok(Verdict::Denied { message }) => deny(host, arguments, Phase::Account, &message),
        Ok(Verdict::Opened { .. } | Verdict::Noted | Verdict::Asked(_)) => {
            fail(host, arguments, Phase::Account, "an answer that fits no check")
        }
        Err(trouble) => {
            host.log(Priority::Warning, &format!("account: what was asked for cannot be checked: {trouble}"));
            deny(host, arguments, Phase::Account, report::AWAY)
        }
    }
}

/// Whoever is at the door, if it is ours to decide and the question can be put.
pub(crate) fn arrive(host: &mut dyn Host, arguments: &Arguments, phase: Phase) -> Result<Entry, Outcome> {
    let caller = subject::caller(host, phase).map_err(|unknown| unknown_caller(host, arguments, phase, unknown))?;
    if remember_caller(host, caller).is_err() {
        return Err(fail(host, arguments, phase, "libpam cannot keep our data"));
    }
    // Root's own door stays open whatever stands in the PAM file.
    let entry = subject::entry(host, caller, phase).map_err(|unknown| unknown_caller(host, arguments, phase, unknown))?;
    let Some(entry) = entry else { return Err(Outcome::NotOurs) };
    if is_wrong(host, arguments) {
        return Err(deny(host, arguments, phase, report::MISCONFIGURED));
    }
    Ok(entry)
}

/// Whether an argument of the line cannot be followed; then it is logged.
pub(crate) fn is_wrong(host: &mut dyn Host, arguments: &Arguments) -> bool {
    let wrong = arguments.wrong.clone().or_else(|| arguments.observes(host.today()).err());
    if let Some(wrong) = &wrong {
        host.log(Priority::Alert, &format!("{wrong}"));
    }
    wrong.is_some()
}

fn remember_caller(host: &mut dyn Host, caller: Caller) -> Result<(), Forgotten> {
    let memory = host.memory();
    if memory.caller == Some(caller) {
        return Ok(());
    }
    host.remember(Memory { caller: Some(caller), ..memory })
}

/// Whether everybody is let in for now.
pub(crate) fn observes(host: &dyn Host, arguments: &Arguments) -> bool {
    arguments.wrong.is_none() && arguments.observes(host.today()) == Ok(true)
}

/// What the host is told: the outcome, or that one only observed.
pub(crate) fn conclude(host: &mut dyn Host, arguments: &Arguments, phase: Phase, outcome: Outcome) -> Outcome {
    if arguments.debug {
        host.log(Priority::Debug, &format!("{}: {}", phase.word(), outcome.word()));
    }
    match outcome {
        Outcome::NotOurs | Outcome::Observed => outcome,
        Outcome::Allowed | Outcome::Denied | Outcome::Away | Outcome::Failed if observes(host, arguments) => {
            host.log(Priority::Notice, &format!("observing, so this is no obstacle: {}: {}", phase.word(), outcome.word()));
            Outcome::Observed
        }
        Outcome::Allowed | Outcome::Denied | Outcome::Away | Outcome::Failed => outcome,
    }
}

/// A no: the user is told once, and the transaction remembers it.
pub(crate) fn deny(host: &mut dyn Host, arguments: &Arguments, phase: Phase, message: &str) -> Outcome {
    let message = printable(message, report::LONGEST);
    host.log(Priority::Notice, &format!("denied: {message}"));
    tell(host, arguments, &message);
    let mut memory = host.memory();
    match phase {
        Phase::Account => memory.denied_account = true,
        Phase::Session => memory.denied_session = true,
    }
    // If it cannot be kept, the next line asks again, and is denied again.
    let _ = host.remember(memory);
    Outcome::Denied
}

/// Tells the user, unless the line says `quiet`, or everybody is let in anyway.
fn tell(host: &mut dyn Host, arguments: &Arguments, message: &str) {
    if !arguments.quiet && !message.is_empty() && !observes(host, arguments) {
        host.tell(message);
    }
}

/// Something failed on our side.
pub(crate) fn fail(host: &mut dyn Host, arguments: &Arguments, phase: Phase, why: &str) -> Outcome {
    host.log(Priority::Warning, &format!("{}: {}; nobody is let in", phase.word(), printable(why, report::LONGEST)));
    tell(host, arguments, report::FAILED);
    Outcome::Failed
}

fn unknown_caller(host: &mut dyn Host, arguments: &Arguments, phase: Phase, unknown: Unknown) -> Outcome {
    match unknown {
        Unknown::Missing(item) => fail(host, arguments, phase, &format!("{item} is not set")),
        Unknown::Odd(odd) => {
            host.log(Priority::Warning, &format!("{} is not a name that an account or service can have", odd.0));
            deny(host, arguments, phase, report::FAILED)
        }
        Unknown::NoAccountPhase => {
            host.log(
                Priority::Warning,
                "the account phase did not run, so it is not known who calls: is pam_acct_mgmt switched off in sudoers?",
            );
            deny(host, arguments, phase, report::MISCONFIGURED)
        }
    }
}

/// No verdict. Only a daemon that is proved away opens the break-glass file.
pub(crate) fn without_daemon(
    host: &mut dyn Host,
    arguments: &Arguments,
    phase: Phase,
    entry: &Entry,
    trouble: &Trouble,
    keyhole: &dyn Keyhole,
) -> Outcome {
    let away = match trouble {
        Trouble::Ours(why) => return fail(host, arguments, phase, why),
        Trouble::Away(away) => away,
    };
    if !observes(host, arguments) && breakglass::opens(host, keyhole, entry, phase, &away.to_string()) {
        if !arguments.quiet {
            host.tell("jit: the access daemon does not answer. The break-glass file lets you in; this is recorded.");
        }
        return Outcome::Allowed;
    }
    host.log(Priority::Warning, &format!("{}: jitd is away: {away}", phase.word()));
    tell(host, arguments, report::AWAY);
    Outcome::Away
}
