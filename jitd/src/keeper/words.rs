//! What whoever sits at a session is told.

use jit_core::policy::AtExpiry;
use jit_core::session::SessionFacts;
use jit_core::span::Span;

/// It ends soon.
pub fn warning(session: &SessionFacts, left: Span, at_expiry: AtExpiry, extendable: bool) -> String {
    let what = what(session);
    // The moment is a few milliseconds late by the time it is said.
    let left = Span::from_secs(left.as_millis().div_ceil(1000));
    let told = match at_expiry {
        AtExpiry::End => format!("jit: your {what} ends in {left}, and everything in it. Save your work."),
        AtExpiry::Warn | AtExpiry::Keep => format!("jit: your grant for {what} ends in {left}; this session goes on."),
    };
    // Inside sudo one is somebody else.
    let from = if session.service.is_sshd() { "" } else { ", from a shell of your own" };
    let longer = format!(" Longer{from}: jit extend {} --for 30m --reason \"...\"", session.grant);
    if extendable { told + &longer } else { told }
}

/// Its grant is over, and it goes on.
pub fn over(session: &SessionFacts) -> String {
    format!("jit: your grant for {} is over; this session goes on, another one needs a new grant.", what(session))
}

/// It ends now.
pub fn ended(session: &SessionFacts, because: &str) -> String {
    format!("jit: your {} ends now: its grant {} is {because}.", what(session), session.grant)
}

fn what(session: &SessionFacts) -> String {
    if session.service.is_sshd() { "ssh session".to_owned() } else { format!("{} as {}", session.service.spoken(), session.run_as) }
}
