//! What happened and what comes next, in a line or two.

use super::times::{Clock, about};
use super::words::{all_of, approvers, may, quoted, request_command, safe, uses, what};
use jit_core::time::WallTime;
use jit_proto::time::Moment;
use jit_proto::view::{EndView, GrantView, RequestView, TakenView};

/// Whom a line about a grant is said to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// To whom holds it.
    Holder,
    /// To somebody else.
    Other,
}

/// How long a request waits, and for whom.
fn waiting(clock: Clock, request: &RequestView) -> String {
    let whom = approvers(&request.approvers, &request.stages);
    format!("{} waits for {whom} until {}.", safe(&request.id), clock.spoken(request.lapses))
}

/// A request of one's own was filed.
pub fn filed(clock: Clock, request: &RequestView) -> String {
    format!("{} Leave this; later: jit wait {}", waiting(clock, request), safe(&request.id))
}

/// A request of one's own is being waited for.
pub fn being_waited_for(clock: Clock, request: &RequestView) -> String {
    format!("{} Leave this (Ctrl-C); later: jit wait {}", waiting(clock, request), safe(&request.id))
}

/// What has changed of a request that is waited for; nothing if nothing has.
pub fn moved(clock: Clock, before: &RequestView, now: &RequestView) -> Option<String> {
    let approvals = |request: &RequestView| -> Vec<_> {
        request.stages.iter().flat_map(|stage| &stage.approved).map(|approval| approval.by.clone()).collect()
    };
    let new = approvals(now).split_off(approvals(before).len().min(approvals(now).len()));
    if new.is_empty() && before.approvers == now.approvers {
        return None;
    }
    let approved = if new.is_empty() { String::new() } else { format!("Approved by {}. ", all_of(&new)) };
    Some(format!("{approved}{}", waiting(clock, now)))
}

/// Who can approve, and how long one still waits: what is written over as time passes.
pub fn left(request: &RequestView, secs: u64) -> String {
    format!("{} can approve; {} left", approvers(&request.approvers, &request.stages), jit_core::span::Span::from_secs(secs))
}

/// One's approval is on it, and more are needed.
pub fn approved_in_part(clock: Clock, request: &RequestView) -> String {
    format!("Your approval is on it. {} See it: jit show {}", waiting(clock, request), safe(&request.id))
}

/// A request became a grant; or it made one longer. Where the disk took its time, or one waited long, that may be over.
pub fn granted(clock: Clock, reader: Reader, request: &RequestView, grant: Option<&GrantView>) -> String {
    if let Some(ended) = grant.and_then(|grant| grant.ended.as_ref()) {
        return over(clock, reader, request, ended);
    }
    let (who, next, verb) = match reader {
        Reader::Holder => ("you".to_owned(), "Give it back", "drop"),
        Reader::Other => (safe(&request.user), "Undo", "revoke"),
    };
    let id = request.grant_id.as_deref().map_or_else(|| "G-...".to_owned(), safe);
    let may = may(&request.service, &request.run_as);
    let time = time(clock, request, grant);
    format!("Granted: {who} may {may} {time}{}. {next}: jit {verb} {id}", uses(request.uses))
}

/// What was granted is over already, whoever hears of it.
fn over(clock: Clock, reader: Reader, request: &RequestView, ended: &EndView) -> String {
    let id = request.grant_id.as_deref().map_or_else(|| "G-...".to_owned(), safe);
    // By the same clock, jitd's.
    let too_late = request.decided.as_ref().is_none_or(|decided| ended.at <= decided.at);
    let said = match request.extends {
        Some(_) if too_late => format!("{id} ended before this was on record, and stays ended."),
        Some(_) => format!("{id} was made longer, and ended at {}.", clock.short(ended.at)),
        None => format!("{id} was granted, and ended at {}.", clock.short(ended.at)),
    };
    match reader {
        Reader::Holder => format!("{said} Ask anew: jit request {}", safe(&request.service)),
        Reader::Other => said,
    }
}

/// A grant was made longer: until when, since its window may have cut what was asked for. Where the disk took its time, it may
/// have ended meanwhile, which stays so.
pub fn longer(clock: Clock, request: &RequestView, grant: Option<&GrantView>) -> String {
    if let Some(ended) = grant.and_then(|grant| grant.ended.as_ref()) {
        return over(clock, Reader::Holder, request, ended);
    }
    let id = request.grant_id.as_deref().map_or_else(|| "G-...".to_owned(), safe);
    let until = grant.map(|grant| format!(" It ends at {}.", clock.short(grant.until))).unwrap_or_default();
    format!("{id} is longer now.{until}")
}

/// An emergency was taken.
pub fn taken(clock: Clock, taken: &TakenView) -> String {
    let TakenView { grant, told, reviewers, left, times, per_s } = taken;
    let told: Vec<_> = told.iter().map(|name| safe(name)).collect();
    let told = match told.as_slice() {
        [] => "The log has it.".to_owned(),
        [one] => format!("{one} was told."),
        several => format!("{} were told.", all_of(several)),
    };
    let due = grant.review.as_ref().map(|review| clock.spoken(review.due)).unwrap_or_default();
    let per = jit_core::span::Span::from_secs(*per_s);
    format!(
        "You are in until {}. {told} {} must review by {due}, or your next one is refused. Left: {left} of {times} in {per}. Give it back: jit drop {}",
        clock.spoken(grant.until),
        safe(reviewers),
        safe(&grant.id)
    )
}

/// An emergency was reviewed.
pub fn reviewed(grant: &GrantView) -> String {
    let verdict = grant.review.as_ref().map_or("reviewed", |review| review.state.as_str());
    format!("{}: {}. It is on record, and {} may take the next one.", safe(&grant.id), safe(verdict), safe(&grant.user))
}

/// Until when; or for how long, where the time begins with the first use.
fn time(clock: Clock, request: &RequestView, grant: Option<&GrantView>) -> String {
    match grant {
        Some(GrantView { state, starts: Some(starts), until, .. }) if state == "waiting" => {
            format!("from {} until {}", clock.spoken(*starts), clock.spoken(*until))
        }
        Some(grant) if grant.state == "waiting" => {
            format!("for {}, beginning with the first use, which must be before {}", about(request.for_s), clock.spoken(grant.until))
        }
        Some(grant) => format!("until {}", clock.spoken(grant.until)),
        None => {
            let since = request.decided.as_ref().map_or(request.submitted, |decided| decided.at);
            let until = WallTime::from_millis(since.0).plus(jit_core::span::Span::from_secs(request.for_s));
            format!("until {}", clock.spoken(Moment(until.as_millis())))
        }
    }
}

/// How a request of one's own was decided, if it did not become a grant.
pub fn not_granted(clock: Clock, request: &RequestView) -> String {
    let id = safe(&request.id);
    let asked = what(&request.service, &request.run_as);
    let again = request_command(&request.service, &request.run_as, true);
    let decided = request.decided.as_ref();
    let by = decided.and_then(|decided| decided.by.as_deref()).map(safe);
    let note = decided.and_then(|decided| decided.note.as_deref()).map(|note| format!(": {}", quoted(note))).unwrap_or_default();
    match request.state.as_str() {
        "denied" => {
            format!("Denied by {}{note}. {id} ({asked}) is over. Ask again: {again}", by.unwrap_or_else(|| "an approver".to_owned()))
        }
        "lapsed" => {
            let at = decided.map_or(request.lapses, |decided| decided.at);
            format!("Nobody answered: {id} ({asked}) lapsed at {}. Ask again: {again}", clock.short(at))
        }
        "cancelled" => format!("{id} ({asked}) was taken back{}. Ask again: {again}", by.map(|by| format!(" by {by}")).unwrap_or_default()),
        other => format!("{id} ({asked}) is {}. See it: jit show {id}", safe(other)),
    }
}

/// Who approved, and what they said; nothing where nobody had to.
pub fn who_approved(request: &RequestView) -> Option<String> {
    let approvals: Vec<_> = request.stages.iter().flat_map(|stage| &stage.approved).collect();
    let (noted, silent): (Vec<_>, Vec<_>) = approvals.into_iter().partition(|approval| approval.note.is_some());
    let silent: Vec<_> = silent.into_iter().map(|approval| approval.by.clone()).collect();
    let mut lines: Vec<_> = noted
        .into_iter()
        .map(|approval| format!("Approved by {}: {}", safe(&approval.by), quoted(approval.note.as_deref().unwrap_or_default())))
        .collect();
    if !silent.is_empty() {
        lines.push(format!("Approved by {}.", all_of(&silent)));
    }
    if lines.is_empty() { None } else { Some(lines.join("\n")) }
}

/// A request was denied by whoever reads.
pub fn denied_by_you(request: &RequestView) -> String {
    let (user, id) = (safe(&request.user), safe(&request.id));
    format!("Denied: {user} may not {}. They will read your note. See it: jit show {id}", may(&request.service, &request.run_as))
}

/// A request was taken back by its owner.
pub fn cancelled_by_you(request: &RequestView) -> String {
    let again = request_command(&request.service, &request.run_as, true);
    format!("{} ({}) is taken back. Ask again: {again}", safe(&request.id), what(&request.service, &request.run_as))
}

/// A grant was given back by its holder.
pub fn dropped(grant: &GrantView) -> String {
    let may = may(&grant.service, &grant.run_as);
    let again = request_command(&grant.service, &grant.run_as, true);
    format!("Given back: you may no longer {may} ({}). Ask again: {again}", safe(&grant.id))
}

/// A grant was taken away.
pub fn revoked(grant: &GrantView) -> String {
    let id = safe(&grant.id);
    format!("Revoked: {} may no longer {} ({id}). See it: jit show {id}", safe(&grant.user), may(&grant.service, &grant.run_as))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::sample;

    fn clock() -> Clock {
        Clock::standing(sample::NOW)
    }

    #[test]
    fn a_filed_request_says_whom_it_waits_for_and_how_to_come_back() {
        assert_eq!(
            filed(clock(), &sample::pending()),
            "R-7F3KQ2ZD waits for carol or dave (group leads) until 15:04. Leave this; later: jit wait R-7F3KQ2ZD"
        );
        assert_eq!(
            being_waited_for(clock(), &sample::pending()),
            "R-7F3KQ2ZD waits for carol or dave (group leads) until 15:04. Leave this (Ctrl-C); later: jit wait R-7F3KQ2ZD"
        );
    }

    #[test]
    fn what_moves_while_one_waits_is_said_once() {
        let first = sample::pending();
        assert_eq!(moved(clock(), &first, &first), None);
        let mut second = first.clone();
        second.stages[0].approved = sample::granted().stages[0].approved.clone();
        second.stages[0].count = 2;
        let said = moved(clock(), &first, &second).unwrap();
        assert!(said.starts_with("Approved by carol. R-7F3KQ2ZD waits for "), "{said}");
        let wider = RequestView { approvers: vec!["erin".to_owned()], ..first.clone() };
        assert!(moved(clock(), &first, &wider).unwrap().starts_with("R-7F3KQ2ZD waits for erin"));
        assert_eq!(left(&first, 3599), "carol or dave (group leads) can approve; 59m59s left");
    }

    #[test]
    fn a_grant_says_until_when_and_how_to_end_it_to_both_sides() {
        let (request, grant) = (sample::granted(), sample::grant());
        assert_eq!(
            granted(clock(), Reader::Holder, &request, Some(&grant)),
            "Granted: you may sudo as root until 15:00. Give it back: jit drop G-0123ABCD"
        );
        assert_eq!(
            granted(clock(), Reader::Other, &request, None),
            "Granted: alice may sudo as root until 15:00. Undo: jit revoke G-0123ABCD"
        );
    }

    #[test]
    fn a_grant_that_was_made_longer_says_until_when_and_not_by_how_much_as_its_window_may_have_cut_that() {
        let request = RequestView { for_s: 3600, extends: Some("G-0123ABCD".to_owned()), ..sample::granted() };
        assert_eq!(longer(clock(), &request, Some(&sample::grant())), "G-0123ABCD is longer now. It ends at 15:00.");
        let said = "G-0123ABCD ended before this was on record, and stays ended.";
        assert_eq!(longer(clock(), &request, Some(&ended())), format!("{said} Ask anew: jit request sudo"));
        // Whoever waits for it, and whoever approves it, hears the same.
        assert_eq!(granted(clock(), Reader::Holder, &request, Some(&ended())), format!("{said} Ask anew: jit request sudo"));
        assert_eq!(granted(clock(), Reader::Other, &request, Some(&ended())), said);
    }

    #[test]
    fn an_extension_that_did_its_work_is_told_as_such_once_the_grant_has_ended() {
        let request = RequestView { for_s: 3600, extends: Some("G-0123ABCD".to_owned()), ..sample::granted() };
        let at = |at| GrantView { ended: Some(EndView { at, by: None, note: None }), ..sample::grant() };
        let later = at(sample::grant().until);
        assert_eq!(granted(clock(), Reader::Other, &request, Some(&later)), "G-0123ABCD was made longer, and ended at 15:00.");
        let just_then = at(request.decided.as_ref().unwrap().at);
        assert!(granted(clock(), Reader::Other, &request, Some(&just_then)).starts_with("G-0123ABCD ended before this was on record"));
    }

    fn ended() -> GrantView {
        GrantView { ended: Some(EndView { at: sample::granted().submitted, by: None, note: None }), ..sample::grant() }
    }

    #[test]
    fn a_grant_that_ended_before_one_heard_of_it_is_not_told_as_one_that_holds() {
        let said = granted(clock(), Reader::Holder, &sample::granted(), Some(&ended()));
        assert!(said.starts_with("G-0123ABCD was granted, and ended at ") && said.ends_with(" Ask anew: jit request sudo"), "{said}");
    }

    #[test]
    fn a_grant_that_begins_with_its_first_use_says_so() {
        let request = RequestView { uses: Some(2), ..sample::granted() };
        let grant = GrantView { state: "waiting".to_owned(), starts: None, ..sample::grant() };
        assert_eq!(
            granted(clock(), Reader::Other, &request, Some(&grant)),
            "Granted: alice may sudo as root for 30m, beginning with the first use, which must be before 15:00, for 2 sessions. Undo: jit revoke G-0123ABCD"
        );
    }

    #[test]
    fn what_was_not_granted_says_who_decided_with_which_words_and_what_to_do() {
        assert_eq!(
            not_granted(clock(), &sample::denied()),
            "Denied by carol: \"not during the freeze\". R-7F3KQ2ZD (sudo as root) is over. Ask again: jit request sudo --reason \"...\""
        );
        assert_eq!(
            not_granted(clock(), &sample::lapsed()),
            "Nobody answered: R-7F3KQ2ZD (sudo as root) lapsed at 14:30. Ask again: jit request sudo --reason \"...\""
        );
        assert!(not_granted(clock(), &sample::cancelled()).starts_with("R-7F3KQ2ZD (sudo as root) was taken back by alice."));
    }

    #[test]
    fn each_approver_is_named_with_their_words() {
        assert_eq!(who_approved(&sample::granted()).as_deref(), Some("Approved by carol: \"be quick\""));
        assert_eq!(who_approved(&sample::pending()), None);
        let mut request = sample::granted();
        request.stages[0].approved[0].note = None;
        assert_eq!(who_approved(&request).as_deref(), Some("Approved by carol."));
    }

    #[test]
    fn a_note_cannot_write_a_line_of_its_own() {
        let mut request = sample::denied();
        request.decided.as_mut().unwrap().note = Some("no\n\x1b[1AGranted".to_owned());
        let line = not_granted(clock(), &request);
        assert_eq!(line.lines().count(), 1);
        assert!(line.contains("no\\n\\u{1b}[1AGranted"), "{line}");
    }
}
