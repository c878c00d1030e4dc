//! What each verb does: ask, then say what happened and what comes next.

mod archive;
mod audit;
mod decide;
mod doctor;
mod export;
mod gate;
mod generate;
mod look;
mod metrics;
mod optout;
mod own;
mod policy;
mod policy_check;
mod policy_test;
mod report;
mod request;
mod run;
pub mod verify;
mod wait;
#[cfg(feature = "watch")]
mod watch;

use crate::cli::{AuditVerb, PolicyVerb, Verb};
use crate::failing::{Exit, Failing};
use crate::out::Out;
use crate::talk::Talk;
use std::fmt::Display;
use std::str::FromStr;

/// What every verb is given.
#[derive(Debug)]
pub struct Context {
    /// The way to people.
    pub out: Out,
    /// The way to jitd.
    pub talk: Talk,
}

/// How a verb ends.
pub type Ended = Result<Exit, Failing>;

/// Does it.
pub fn run(verb: Verb, context: &Context) -> Ended {
    match verb {
        Verb::Status => look::status(context),
        Verb::Request(args) => request::request(context, args),
        Verb::Run(args) => run::run(context, args),
        Verb::Wait { id } => wait::wait(context, id.as_deref()),
        Verb::Drop { id } => own::drop_grant(context, id.as_deref()),
        Verb::Cancel { id } => own::cancel(context, id.as_deref()),
        Verb::List(args) => look::list(context, &args),
        Verb::Show { id } => look::show(context, &id),
        Verb::Approve { id, time, note } => decide::approve(context, id.as_deref(), time, note),
        Verb::Deny { id, note } => decide::deny(context, &id, note),
        Verb::Grant(args) => decide::grant(context, args),
        Verb::Revoke(args) => decide::revoke(context, args),
        Verb::Policy { verb: PolicyVerb::Check { file } } => policy::check(context, file.as_deref()),
        Verb::Policy { verb: PolicyVerb::Explain(args) } => policy::explain(context, args),
        Verb::Policy { verb: PolicyVerb::Test { cases, policy } } => policy_test::test(context, &cases, policy.as_deref()),
        Verb::Policy { verb: PolicyVerb::Show } => policy::show(context),
        Verb::Audit { verb: AuditVerb::Log(args) } => audit::log(context, args),
        Verb::Audit { verb: AuditVerb::Verify { file, head } } => verify::verify(context, file.as_deref(), head),
        Verb::Audit { verb: AuditVerb::Export { format } } => export::export(context, format),
        Verb::Audit { verb: AuditVerb::Prune { before, to } } => archive::prune(context, before, &to),
        Verb::Audit { verb: AuditVerb::Backup { file, state } } => archive::backup(context, &file, state.as_deref()),
        Verb::Emergency(args) => optout::emergency(context, args),
        Verb::Review { id, verdict, note } => optout::review(context, id.as_deref(), verdict, note),
        Verb::Extend { id, time, reason } => own::extend(context, id.as_deref(), time, reason),
        Verb::Optouts => optout::list(context),
        Verb::Report(args) => report::report(context, &args),
        Verb::Metrics { textfile } => metrics::metrics(context, textfile.as_deref()),
        #[cfg(feature = "watch")]
        Verb::Watch => watch::watch(context),
        Verb::Enable(args) => gate::enable(context, &args),
        Verb::Confirm { unproven } => gate::confirm(context, unproven),
        Verb::Disable { service, all: _ } => gate::disable(context, service.as_deref()),
        Verb::RollBack { when_due } => gate::roll_back(context, when_due),
        Verb::Doctor => doctor::doctor(context),
        Verb::Reload => policy::reload(context),
        Verb::Version => look::version(context),
        Verb::Completions { shell } => generate::completions(context, shell),
        Verb::Man { directory } => generate::man(&directory),
    }
}

/// How a verb ends that came to a verdict, once that was said. Whoever reads may have gone (`jit doctor | grep -q 'NOT OK'`): the
/// exit code says it all the same.
fn verdict(exit: Exit, said: Result<(), Failing>) -> Ended {
    match said {
        Ok(()) | Err(Failing::ReaderGone) => Ok(exit),
        Err(failing @ (Failing::Failed(_) | Failing::Unwritten(_))) => Err(failing),
    }
}

/// A whole id as somebody typed it, written as ids are written. One that cannot be an id is not there.
fn whole_id<T: FromStr<Err: Display> + Display>(typed: &str) -> Result<String, Failing> {
    typed.parse::<T>().map(|id| id.to_string()).map_err(|why| {
        let help = "this takes the whole id: jit status and jit list show it";
        Failing::not_found(why.to_string(), help)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jit_core::id::{GrantId, RequestId};

    #[test]
    fn an_id_is_taken_in_any_case_and_only_whole_and_of_its_kind() {
        assert_eq!(whole_id::<RequestId>("r-7f3kq2zd").unwrap(), "R-7F3KQ2ZD");
        for wrong in ["R-7F3", "G-7F3KQ2ZD", "7F3KQ2ZD", "R-\x1b[2J"] {
            let Err(Failing::Failed(failure)) = whole_id::<RequestId>(wrong) else { panic!("{wrong} was taken") };
            assert!(failure.message.contains("R-7F3KQ2ZD"), "{}", failure.message);
        }
        assert!(whole_id::<GrantId>("R-7F3KQ2ZD").is_err());
    }
}
