//! What somebody who asks is told: lines for a conversation of PAM's, which takes 512 bytes.

use super::{LOG_INS, PROMPTS};
use jit_core::name::Service;
use jit_core::policy::{EmergencyRule, GrantRule};
use jit_core::refusal::{Code, Refusal};
use jit_core::request::{DecidedRequest, Outcome};
use jit_core::text::{any_of_first, printable};
use jit_proto::ask::{MayRequest, MayTake, Told};
use jit_proto::view::TakenView;

/// The longest text of others in a line, in bytes.
const IN_A_LINE: usize = 150;
/// The longest note of an approver in it, which the prompt shows behind who denied: all of it is in `jit show`.
const NOTE: usize = 110;
/// The most names in a line.
const NAMES: usize = 6;

/// Who has to say yes: `carol or dave`, `2 of carol, dave or erin`.
pub fn people(missing: u32, named: Vec<String>) -> String {
    let names = named.into_iter().map(|name| match name.split_once(':') {
        Some(("user", name)) => name.to_owned(),
        Some((kind @ ("group" | "uid"), name)) => format!("{kind} {name}"),
        Some(_) | None if name == "any" => "anybody else".to_owned(),
        Some(_) | None => name,
    });
    let names = printable(&any_of_first(NAMES, names.collect()), IN_A_LINE);
    if missing > 1 { format!("{missing} of {names}") } else { names }
}

/// A request under this rule; who approves it is named by whoever can look it up.
pub fn request(rule: &GrantRule) -> MayRequest {
    let least = Some(rule.reason.min).filter(|min| *min > 1).map(|min| format!("at least {min} letters"));
    let pattern = rule.reason.pattern.as_ref().map(|pattern| format!("with {} in it", printable(pattern.as_str(), IN_A_LINE)));
    MayRequest {
        approvers: String::new(),
        time: rule.default.to_string(),
        reason_required: rule.reason.required,
        reason_rule: least.into_iter().chain(pattern).collect::<Vec<_>>().join(", "),
    }
}

/// An emergency under this rule.
pub fn emergency(rule: &EmergencyRule) -> MayTake {
    let who = |principals: &[jit_core::policy::Principal]| people(1, principals.iter().map(ToString::to_string).collect());
    let (alert, reviewers) = (who(&rule.alert), who(&rule.review.by));
    MayTake { rule: printable(&rule.name.to_string(), 40), time: rule.default.to_string(), alert, reviewers }
}

/// No place is free.
pub fn no_place(service: &Service) -> String {
    let (slots, whose) = if service.is_sshd() { (LOG_INS, "log-ins") } else { (PROMPTS, "prompts") };
    format!("jit: no more {whose} can wait now ({} of one user, {} in all).", slots.each, slots.common)
}

/// It was not filed. Where another reason might do, it is said what it must be like.
pub fn refused(refusal: &Refusal) -> Told {
    let again = matches!(
        refusal,
        Refusal::ReasonMissing { .. } | Refusal::ReasonShort { .. } | Refusal::ReasonLong { .. } | Refusal::ReasonPattern { .. }
    );
    let lost = refusal.code() == Code::NotFound;
    let words = if lost { "that request is not there any more".to_owned() } else { printable(&refusal.to_string(), 300) };
    Told::Refused { words, again }
}

/// An emergency was taken.
pub fn taken(taken: &TakenView) -> Told {
    let told = match taken.told.as_slice() {
        [] => "The log has it.".to_owned(),
        names => format!("Told: {}.", printable(&names.join(", "), IN_A_LINE)),
    };
    let (reviewers, left, times) = (printable(&taken.reviewers, IN_A_LINE), taken.left, taken.times);
    Told::Granted { words: format!("{told} {reviewers} must review it, or your next one is refused. Left: {left} of {times}.") }
}

/// How a request was decided.
pub fn decided(request: &DecidedRequest) -> Told {
    let id = request.ask.id;
    let quoted = |note: Option<&String>| note.map(|note| format!(": \"{}\"", printable(note, NOTE))).unwrap_or_default();
    let words = match &request.outcome {
        Outcome::Granted(_) => {
            let last = request.stages.iter().flat_map(|stage| &stage.approvals).last();
            let words =
                last.map(|approval| format!("Approved by {}{}", printable(approval.by.as_str(), 32), quoted(approval.note.as_ref())));
            return Told::Granted { words: words.unwrap_or_default() };
        }
        Outcome::Denied { by, note } => format!("Denied by {}{}. {id} is over.", printable(by.as_str(), 32), quoted(note.as_ref())),
        Outcome::Cancelled => format!("{id} was taken back."),
        Outcome::Lapsed => format!("Nobody answered: {id} has lapsed."),
    };
    Told::Over { words }
}
