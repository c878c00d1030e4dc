//! What a policy that is not in force yet would mean for the grants that live now.

use super::Context;
use jit_core::name::{RunAs, Service, UserName};
use jit_core::policy::Policy;
use jit_core::policy::judge::{EmergencyRuling, Question, RequestRuling, Wanted};
use jit_core::span::Span;
use jit_core::subject::Subject;
use jit_host::accounts::subject_by_name;
use jit_proto::user::Which;
use jit_proto::view::{GrantView, MistakeView};
use std::path::Path;

/// Live grants, as far as the user sees them, that this policy would not give. Without jitd there is nothing to say.
pub fn no_longer_given(context: &Context, policy: &Policy, file: &Path) -> Vec<MistakeView> {
    let Ok(listing) = context.talk.list(Which::Active) else { return Vec::new() };
    let now = context.out.clock().now();
    let given = |grant: &GrantView| {
        let name = UserName::new(grant.user.as_str());
        subject_by_name(&name).is_ok_and(|subject| gives(policy, &subject, grant, now))
    };
    let lost = listing.grants.iter().filter(|grant| !given(grant));
    lost.map(|grant| MistakeView {
        file: file.display().to_string(),
        line: 1,
        column: 1,
        message: format!("{} lives, and this policy would not give it: {} {} as {}", grant.id, grant.user, grant.service, grant.run_as),
        help: format!("it stays until it ends; to end it now: jit revoke {}", grant.id),
    })
    .collect()
}

fn gives(policy: &Policy, subject: &Subject, grant: &GrantView, now: jit_core::time::WallTime) -> bool {
    let (service, run_as) = (Service::new(grant.service.as_str()), RunAs::as_typed(&grant.run_as));
    let question = Question { subject, service: &service, run_as: Some(&run_as), at: now };
    if policy.denied_by(question, None).is_some() {
        return false;
    }
    let lasted = grant.starts.map(|starts| Span::from_millis(u64::try_from(grant.until.0.saturating_sub(starts.0)).unwrap_or(0)));
    match grant.kind.as_str() {
        "emergency" => matches!(policy.rule_for_emergency(question, lasted), EmergencyRuling::By(_)),
        // From where is looked at when they come in, not here.
        "login" => policy.grants.iter().any(|rule| rule.name.as_str() == grant.rule),
        "legacy" => policy.legacy.iter().any(|rule| rule.name.as_str() == grant.rule),
        "repetitive" => policy.repetitive.iter().any(|rule| rule.name.as_str() == grant.rule),
        _ => matches!(policy.rule_for_request(question, Wanted::default()), RequestRuling::By(_)),
    }
}
