//! The lines that go to syslog, and how urgent each of them is.

use crate::syslog::Urgency;
use crate::voice::Voice;
use jit_core::line;
use jit_core::record::Record;
use jit_store::Fresh;

/// A line about what is so and not stored.
pub(super) fn say_unstored(voice: &Voice, fresh: &Fresh) {
    voice.say(urgency_of(fresh.event, &fresh.data), &line::of_unstored(fresh.event, &fresh.data));
}

/// How urgent the line of an event is.
#[must_use]
pub(super) fn urgency(record: &Record) -> Urgency {
    urgency_of(&record.event, &record.data)
}

fn urgency_of(event: &str, data: &str) -> Urgency {
    match event {
        // Access was widened.
        "policy.loaded" if !data.contains("\"became\":[]") => Urgency::Alert,
        "optout.taken" if data.contains("\"kind\":\"emergency\"") => Urgency::Alert,
        "access.breakglass" | "store.failed" | "store.undone" | "policy.rejected" => Urgency::Alert,
        "optout.overdue"
        | "optout.stale"
        | "optout.limit-reached"
        | "access.denied"
        | "clock.stepped"
        | "syslog.lost"
        | "notify.failed"
        | "request.denied"
        | "grant.revoked" => Urgency::Warning,
        "access.allowed" | "access.observed" => Urgency::Info,
        _ => Urgency::Notice,
    }
}
