//! `jit policy test`: cases in TOML, fit for a CI job that guards a policy.

use super::policy::{Which, explained, here, not_valid, said};
use super::{Context, Ended, verdict};
use crate::failing::{Exit, Failing};
use crate::out::Form;
use crate::show::times::{NoTime, When};
use crate::show::words;
use jit_core::name::{GroupName, RunAs, Service, Uid, UserName};
use jit_core::policy::Policy;
use jit_core::policy::judge::Question;
use jit_core::subject::{Groups, Subject};
use jit_core::time::WallTime;
use jit_host::accounts::subject_by_name;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;

/// A file of cases.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    /// The zone of the hosts that the policy is for, where a rule names none; none: this machine's.
    zone: Option<String>,
    #[serde(default)]
    case: Vec<Case>,
}

/// One case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    user: String,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default = "sudo")]
    service: String,
    #[serde(rename = "as")]
    run_as: Option<String>,
    from: Option<IpAddr>,
    at: Option<At>,
    expect: Answer,
    rule: Option<String>,
}

/// A time, bare as TOML has it, or as a text.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "toml::Value")]
struct At(When);

impl TryFrom<toml::Value> for At {
    type Error = NoTime;

    fn try_from(value: toml::Value) -> Result<Self, NoTime> {
        match value {
            toml::Value::String(text) => text.parse().map(Self),
            toml::Value::Datetime(time) => time.to_string().parse().map(Self),
            toml::Value::Integer(_) | toml::Value::Float(_) | toml::Value::Boolean(_) | toml::Value::Array(_) | toml::Value::Table(_) => {
                Err(NoTime)
            }
        }
    }
}

fn sudo() -> String {
    "sudo".to_owned()
}

/// What is expected, as `jit policy explain` answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Grant,
    Request,
    Emergency,
    Deny,
    None,
    Ignore,
}

impl Answer {
    fn word(self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::Request => "request",
            Self::Emergency => "emergency",
            Self::Deny => "deny",
            Self::None => "none",
            Self::Ignore => "ignore",
        }
    }
}

/// A case that came out otherwise.
#[derive(Debug, Serialize, PartialEq, Eq)]
struct Difference {
    case: usize,
    what: String,
    expected: String,
    got: String,
}

#[derive(Debug, Serialize)]
struct Tested<'a> {
    cases: usize,
    differences: &'a [Difference],
}

/// Tries each case.
pub fn test(context: &Context, cases: &Path, policy: Option<&Path>) -> Ended {
    let clock = context.out.clock();
    let shown = words::safe(&cases.to_string_lossy());
    let text = std::fs::read_to_string(cases).map_err(|error| Failing::refused(format!("{shown}: {error}"), "name a file of cases"))?;
    let cases: Cases = toml::from_str(&text).map_err(|error| {
        let help = "before the cases there may be zone; a case has user, groups, service, as, from, at, expect (grant, request, emergency, deny, none, ignore) and rule";
        Failing::refused(format!("{shown}: {}", words::safe(&error.to_string())), help)
    })?;
    if cases.case.is_empty() {
        return Err(Failing::refused(format!("{shown}: there is no case in it"), "write at least one [[case]]: nothing was tried"));
    }
    let mut around = here(clock.now());
    if let Some(zone) = &cases.zone {
        let odd = |_| Failing::refused(format!("{shown}: `zone` is no time zone"), "for example zone = \"Europe/Berlin\", or \"UTC\"");
        around.zone = Some(zone.parse().map_err(odd)?);
    }
    let which = Which::needed(policy)?;
    let policy = match which.loaded(around) {
        Ok((policy, _)) => policy,
        Err(mistakes) => return Err(not_valid(&mistakes)),
    };
    let mut differences = Vec::new();
    for (case, number) in cases.case.iter().zip(1..) {
        let at = case.at.map_or_else(|| clock.now(), |At(when)| WallTime::from_millis(when.begins(clock).0));
        differences.extend(case.differs(number, &policy, at));
    }
    let count = cases.case.len();
    let said = match context.out.form() {
        Form::Json => context.out.json(&Tested { cases: count, differences: &differences }),
        Form::Human => {
            let passed = count.saturating_sub(differences.len());
            let mut lines: Vec<_> = differences.iter().map(Difference::line).collect();
            lines.push(format!("{passed} of {count} cases came out as expected"));
            lines.extend(which.left_out().map(|left_out| format!("{left_out}.")));
            context.out.say(&lines.join("\n"))
        }
    };
    verdict(if differences.is_empty() { Exit::Done } else { Exit::Refused }, said)
}

impl Difference {
    fn line(&self) -> String {
        let Self { case, what, expected, got } = self;
        format!("case {case}: {}: expected {}, got {}", words::safe(what), words::safe(expected), words::safe(got))
    }
}

impl Case {
    /// How it came out, if that is not what is expected.
    fn differs(&self, case: usize, policy: &Policy, at: WallTime) -> Option<Difference> {
        let name = UserName::new(self.user.as_str());
        // The groups are the case's own word; the number matters for `uid:` and for root alone.
        let uid = if self.user == "root" { Uid::ROOT } else { subject_by_name(&name).map_or(Uid(u32::MAX - 1), |subject| subject.uid) };
        let groups: BTreeSet<_> = self.groups.iter().map(|group| GroupName::new(group.as_str())).collect();
        let subject = Subject { uid, name: name.clone(), groups: Groups::Known(groups) };
        let service = Service::as_typed(&self.service);
        let run_as = match (&self.run_as, service.is_as_oneself()) {
            (_, true) => RunAs::Oneself,
            (None, false) => RunAs::root(),
            (Some(typed), false) => match RunAs::as_typed(typed) {
                RunAs::User(target) => RunAs::of(&name, target),
                RunAs::Oneself => RunAs::Oneself,
            },
        };
        let question = Question { subject: &subject, service: &service, run_as: Some(&run_as), at };
        let explanation = explained(policy, question, said(self.from));
        let same_rule = self.rule.is_none() || self.rule == explanation.rule;
        if explanation.answer == self.expect.word() && same_rule {
            return None;
        }
        let said = |answer: &str, rule: Option<&str>| rule.map_or_else(|| answer.to_owned(), |rule| format!("{answer} by {rule}"));
        Some(Difference {
            case,
            what: format!("{} {} as {run_as}", self.user, service.as_str()),
            expected: said(self.expect.word(), self.rule.as_deref()),
            got: said(explanation.answer, explanation.rule.as_deref()),
        })
    }
}
