//! What is said to somebody who asks. Texts of others are shown safely, and no line is longer than PAM takes.

use crate::report::printable;
use jit_proto::ask::{May, MayRequest, MayTake, Waits};
use std::time::Duration;

/// The longest reason that is taken here, in bytes as it is shown: all of it is shown back.
pub const LONGEST_REASON: usize = 200;
/// The longest text of jitd's in a line, in bytes.
const IN_A_LINE: usize = 300;

/// The longest text of jitd's in the one line that says why somebody does not come in, in bytes: that has less than 200.
const LAST_WORDS: usize = 190;
/// The same where the request is named, and what can be done with it.
const WHY_LEFT: usize = 120;

/// The prompts, each behind a text that says what is asked.
pub const REASON: &str = "Reason: ";
/// For a choice.
pub const WHICH: &str = "1 or 2: ";
/// A reason is too long.
pub const TOO_LONG: &str = "that is too long a reason for a prompt";
/// jitd went away.
pub const LOST: &str = "jitd went away; waiting for it to come back.";

/// What no answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usual {
    /// Yes: it only asks somebody else.
    Yes,
    /// No: it takes effect at once.
    No,
}

impl Usual {
    /// The prompt for a yes or no.
    pub fn prompt(self) -> &'static str {
        match self {
            Self::Yes => "Y/n: ",
            Self::No => "y/N: ",
        }
    }

    /// Whether an answer is a yes; a password that was typed here is none.
    pub fn is_yes(self, answer: &str) -> bool {
        match answer.to_ascii_lowercase().as_str() {
            "" => self == Self::Yes,
            "y" | "yes" => true,
            _ => false,
        }
    }
}

fn safe(text: &str) -> String {
    printable(text, IN_A_LINE)
}

/// A request or an emergency.
pub fn choice(may: &May, request: &MayRequest, emergency: &MayTake) -> String {
    let what = safe(&may.what);
    let first = match request.approvers.as_str() {
        "" => "ask for it; nobody has to approve".to_owned(),
        approvers => format!("ask {}, and wait for the answer", safe(approvers)),
    };
    let (rule, reviewers) = (safe(&emergency.rule), safe(&emergency.reviewers));
    format!("No grant for {what}. You can:\n1: {first} (usual)\n2: take the emergency {rule} at once; {reviewers} must review it")
}

fn again(refused: &str) -> String {
    if refused.is_empty() { String::new() } else { format!("{}.\n", safe(refused)) }
}

/// Why they ask.
pub fn reason(may: &May, request: &MayRequest, refused: &str) -> String {
    let rule = if request.reason_rule.is_empty() { String::new() } else { format!(" It must be {}.", safe(&request.reason_rule)) };
    let empty = if request.reason_required { "Empty: give up." } else { "It may be empty." };
    format!("{}Reason for {}, shown to the approver and kept; never a password.{rule} {empty}", again(refused), safe(&may.what))
}

/// Why it is an emergency.
pub fn emergency_reason(may: &May, emergency: &MayTake, refused: &str) -> String {
    let (what, reviewers) = (safe(&may.what), safe(&emergency.reviewers));
    format!("{}Reason for {what}, an emergency, shown to {reviewers} and kept; never a password. Empty: give up.", again(refused))
}

fn quoted(reason: Option<&str>) -> String {
    reason.map_or_else(|| "without a reason".to_owned(), |reason| format!("\"{}\"", printable(reason, LONGEST_REASON)))
}

/// The whole request.
pub fn confirm(may: &May, request: &MayRequest, reason: Option<&str>) -> String {
    let (what, time, reason) = (safe(&may.what), safe(&request.time), quoted(reason));
    match request.approvers.as_str() {
        "" => format!("Take {what}, {time}, {reason}? [Y/n]"),
        approvers => format!("Ask {} for {what}, {time}, {reason}? [Y/n]", safe(approvers)),
    }
}

/// The whole emergency.
pub fn confirm_emergency(may: &May, emergency: &MayTake, reason: Option<&str>) -> String {
    let (what, time, rule, reason) = (safe(&may.what), safe(&emergency.time), safe(&emergency.rule), quoted(reason));
    let told = if emergency.alert.is_empty() { String::new() } else { format!(" {} will be told.", safe(&emergency.alert)) };
    format!("Take the emergency {rule} for {what}, {time}, {reason}?{told} [y/N]")
}

/// It was filed, or was before.
pub fn waits(waits: &Waits) -> String {
    let Waits { id, approvers, left_s } = waits;
    let left = time(Duration::from_secs(*left_s));
    format!("{} waits for {}; it lapses in {left}. Ctrl-C leaves it; the same command goes on with it.", safe(id), safe(approvers))
}

/// It goes on.
pub fn still_waits(waits: &Waits, left: Duration) -> String {
    format!("{} waits for {}; here for {} more.", safe(&waits.id), safe(&waits.approvers), time(left))
}

/// The same where each look is a prompt.
pub fn waits_prompt(waits: &Waits) -> String {
    format!("{} waits for {}. Enter: look again, c: leave it ", safe(&waits.id), safe(&waits.approvers))
}

/// It was granted.
pub fn granted(words: &str) -> String {
    safe(words)
}

/// They left.
pub fn left(id: &str) -> String {
    format!("jit: you left. {} stays pending; try again later to go on with it.", safe(id))
}

/// Nobody answered within the time.
pub fn unanswered(id: &str) -> String {
    format!("jit: no answer yet. {} stays pending; try again later to go on with it.", safe(id))
}

/// Waiting could not go on.
pub fn left_because(id: &str, why: &str) -> String {
    format!(
        "jit: {}. {} is left as it is; try again later to go on with it.",
        printable(why.trim_start_matches("jit: ").trim_end_matches('.'), WHY_LEFT),
        safe(id)
    )
}

/// It was not filed, or not granted. None: it could not even be asked for, so that the denial has the last word; what is to be
/// said stands before it, in a line of its own, as both would be too long a line.
pub fn refused(words: &str) -> Option<String> {
    if words.starts_with("jit: ") { None } else { Some(format!("jit: {}", printable(words, LAST_WORDS))) }
}

/// Why it could not even be asked for.
pub fn not_asked(words: &str) -> String {
    printable(words, LAST_WORDS)
}

/// A time as people say it.
fn time(time: Duration) -> String {
    let secs = time.as_secs();
    match secs {
        0..120 => format!("{secs}s"),
        120..7200 => format!("{}m", secs / 60),
        _ => format!("{}h", secs / 3600),
    }
}
