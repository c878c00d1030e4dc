//! Asking inside the prompt: somebody who was denied, and who is there to be asked, says why they should come in, and
//! waits for the answer. What it ends with is only that the check is made again, in full.
//!
//! Nothing that was typed is sent before it was shown back: sudo can put its own password prompt in the place of our
//! question (PAM-FACTS 14c), and a password may be the answer. So in sudo and su each question is a message, which no host
//! replaces, and then a short prompt; sshd shows nothing but prompts, and never replaces them.

pub mod called;
pub mod counter;
pub mod seat;
mod words;

use crate::host::{Host, Priority};
use crate::report::printable;
use jit_proto::ask::{May, MayRequest, MayTake, Step, Told, Waits};
use jit_proto::client::Trouble;
use std::time::Duration;

/// How often another reason may be given where one was refused.
const TRIES: usize = 3;
/// How often it is said that one still waits.
const REMIND: Duration = Duration::from_secs(30);

/// How a host shows what is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// At once: sudo, su.
    Live,
    /// With the next prompt alone, and a client that left is noticed by it: sshd.
    Prompted,
}

/// What came while one waited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// The request stands so now.
    News(Told),
    /// jitd went away. It is looked for while one waits on.
    Lost,
    /// Ctrl-C, or the like.
    Stopped,
    /// The terminal is gone.
    Gone,
    /// Nothing, for this long.
    Nothing(Duration),
}

/// Where somebody at the door asks: a conversation with jitd, and the place where they are.
pub trait Desk {
    /// How they are told.
    fn manner(&self) -> Manner;

    /// Does a step, and takes its answer.
    ///
    /// # Errors
    /// There is no answer.
    fn put(&mut self, step: Step) -> Result<Told, Trouble>;

    /// They will wait: from here on no Ctrl-C is lost, and the next [`Desk::listen`] ends with it.
    ///
    /// # Errors
    /// Something on our side failed.
    fn hold(&mut self) -> Result<(), Trouble>;

    /// Waits a moment, at most 100 ms, for what becomes of this request.
    ///
    /// # Errors
    /// Something on our side failed.
    fn listen(&mut self, id: &str) -> Result<Heard, Trouble>;

    /// Whether they are still there.
    fn is_there(&self) -> bool;
}

/// What became of asking.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Answer {
    /// It was granted: the check decides.
    Granted,
    /// They do not come in; the line that says why.
    Denied(String),
}

/// Why asking ended without a grant, as `Err` of its steps.
type Ended = Answer;

/// What is filled in before something is filed.
struct Form<'a> {
    /// The question for the reason, behind what was wrong with the one before.
    reason: &'a dyn Fn(&str) -> String,
    /// Whether there must be one.
    required: bool,
    /// All of it, to be confirmed.
    confirm: &'a dyn Fn(Option<&str>) -> String,
    /// What Enter alone means.
    usual: words::Usual,
    /// What is put to jitd.
    step: fn(Option<String>) -> Step,
}

/// Somebody who asks.
struct Asker<'a> {
    host: &'a mut dyn Host,
    desk: &'a mut dyn Desk,
    /// How much longer they wait.
    left: Duration,
    /// What they would be told if they could not ask.
    denial: &'a str,
}

/// Asks whoever is there why they should come in, and waits for the answer at most this long.
pub fn ask(host: &mut dyn Host, desk: &mut dyn Desk, wait: Duration, denial: &str) -> Answer {
    let mut asker = Asker { host, desk, left: wait, denial };
    match asker.run() {
        Ok(()) => Answer::Granted,
        Err(ended) => ended,
    }
}

impl Asker<'_> {
    fn run(&mut self) -> Result<(), Ended> {
        let told = match self.desk.put(Step::Look) {
            Ok(Told::May(may)) => self.file(&may)?,
            Ok(Told::Refused { words, again: _ }) => return Err(self.refused(&words)),
            Ok(told @ (Told::Waits(_) | Told::Granted { .. } | Told::Over { .. })) => told,
            Err(trouble) => return Err(self.cannot(&trouble)),
        };
        match told {
            Told::Granted { words } => self.granted(&words),
            Told::Waits(waits) => self.wait(waits),
            Told::Over { words } | Told::Refused { words, .. } => Err(self.refused(&words)),
            Told::May(_) => Err(self.give_up()),
        }
    }

    /// Asks for everything that is needed, and files it.
    fn file(&mut self, may: &May) -> Result<Told, Ended> {
        match (&may.request, &may.emergency) {
            (Some(request), Some(emergency)) => {
                let choice = self.question(&words::choice(may, request, emergency), words::WHICH)?;
                match choice.as_str() {
                    "" | "1" => self.request(may, request),
                    "2" => self.emergency(may, emergency),
                    _ => Err(self.give_up()),
                }
            }
            (Some(request), None) => self.request(may, request),
            (None, Some(emergency)) => self.emergency(may, emergency),
            (None, None) => Err(self.give_up()),
        }
    }

    fn request(&mut self, may: &May, request: &MayRequest) -> Result<Told, Ended> {
        self.fill_in(&Form {
            reason: &|refused| words::reason(may, request, refused),
            required: request.reason_required,
            confirm: &|reason| words::confirm(may, request, reason),
            usual: words::Usual::Yes,
            step: |reason| Step::Request { reason },
        })
    }

    fn emergency(&mut self, may: &May, emergency: &MayTake) -> Result<Told, Ended> {
        self.fill_in(&Form {
            reason: &|refused| words::emergency_reason(may, emergency, refused),
            required: true,
            confirm: &|reason| words::confirm_emergency(may, emergency, reason),
            usual: words::Usual::No,
            step: |reason| Step::Emergency { reason: reason.unwrap_or_default() },
        })
    }

    /// Asks for the reason, shows everything back, and files it; again where another reason might do.
    fn fill_in(&mut self, form: &Form<'_>) -> Result<Told, Ended> {
        let mut refused = String::new();
        for _ in 0..TRIES {
            let reason = self.reason(&(form.reason)(&refused), form.required)?;
            self.confirm(&(form.confirm)(reason.as_deref()), form.usual)?;
            match self.put((form.step)(reason))? {
                Told::Refused { words, again: true } => refused = words,
                told @ (Told::May(_) | Told::Waits(_) | Told::Granted { .. } | Told::Over { .. } | Told::Refused { .. }) => {
                    return Ok(told);
                }
            }
        }
        Err(self.refused(&refused))
    }

    /// Does a step that changes something, if they are still there to want it.
    fn put(&mut self, step: Step) -> Result<Told, Ended> {
        if !self.desk.is_there() {
            return Err(Answer::Denied(crate::report::GONE.to_owned()));
        }
        self.desk.put(step).map_err(|trouble| self.cannot(&trouble))
    }

    fn reason(&mut self, text: &str, required: bool) -> Result<Option<String>, Ended> {
        let typed = self.question(text, words::REASON)?;
        match (typed.is_empty(), required) {
            (true, true) => Err(self.give_up()),
            (true, false) => Ok(None),
            (false, _) if printable(&typed, usize::MAX).len() > words::LONGEST_REASON => Err(self.refused(words::TOO_LONG)),
            (false, _) => Ok(Some(typed)),
        }
    }

    fn confirm(&mut self, text: &str, usual: words::Usual) -> Result<(), Ended> {
        let answer = self.question(text, usual.prompt())?;
        if usual.is_yes(&answer) { Ok(()) } else { Err(self.give_up()) }
    }

    /// A question; no answer gives up.
    fn question(&mut self, text: &str, short: &str) -> Result<String, Ended> {
        let answer = match self.desk.manner() {
            Manner::Live => {
                self.host.tell(text);
                self.host.prompt(short)
            }
            Manner::Prompted => self.host.prompt(&format!("{text}\n{short}")),
        };
        answer.map(|answer| answer.trim().to_owned()).ok_or_else(|| self.give_up())
    }

    /// Waits until the request is decided.
    fn wait(&mut self, waits: Waits) -> Result<(), Ended> {
        match self.desk.manner() {
            Manner::Live => self.wait_live(waits),
            Manner::Prompted => self.wait_prompted(waits),
        }
    }

    fn wait_live(&mut self, mut waits: Waits) -> Result<(), Ended> {
        self.desk.hold().map_err(|trouble| self.cannot(&trouble))?;
        self.host.tell(&words::waits(&waits));
        let (mut lost, mut silent) = (false, Duration::ZERO);
        loop {
            match self.desk.listen(&waits.id).map_err(|trouble| self.cannot(&trouble))? {
                Heard::News(Told::Granted { words }) => return self.granted(&words),
                Heard::News(Told::Waits(now)) => {
                    if lost || now.approvers != waits.approvers {
                        self.host.tell(&words::still_waits(&now, self.left));
                    }
                    (lost, waits) = (false, now);
                }
                Heard::News(Told::Over { words }) => return Err(self.refused(&words)),
                Heard::News(Told::Refused { words, .. }) => return Err(Answer::Denied(words::left_because(&waits.id, &words))),
                Heard::News(Told::May(_)) | Heard::Stopped => return Err(Answer::Denied(words::left(&waits.id))),
                Heard::Gone => return Err(Answer::Denied(crate::report::GONE.to_owned())),
                Heard::Lost => {
                    self.host.tell(words::LOST);
                    lost = true;
                }
                Heard::Nothing(spent) => {
                    self.left = self.left.saturating_sub(spent);
                    silent = silent.saturating_add(spent);
                    if self.left.is_zero() {
                        return Err(Answer::Denied(words::unanswered(&waits.id)));
                    }
                    if silent >= REMIND {
                        silent = Duration::ZERO;
                        self.host.tell(&words::still_waits(&waits, self.left));
                    }
                }
            }
        }
    }

    /// Each look is one that they ask for; sshd's own grace time ends the wait.
    fn wait_prompted(&mut self, mut waits: Waits) -> Result<(), Ended> {
        loop {
            let answer = self.host.prompt(&words::waits_prompt(&waits));
            let goes_on = answer.is_some_and(|answer| !answer.trim().eq_ignore_ascii_case("c"));
            if !goes_on {
                return Err(Answer::Denied(words::left(&waits.id)));
            }
            match self.desk.put(Step::Wait { id: waits.id.clone() }) {
                Ok(Told::Granted { words }) => return self.granted(&words),
                Ok(Told::Waits(now)) => waits = now,
                Ok(Told::Over { words }) => return Err(self.refused(&words)),
                Ok(Told::Refused { words, .. }) => return Err(Answer::Denied(words::left_because(&waits.id, &words))),
                Ok(Told::May(_)) => return Err(Answer::Denied(words::left(&waits.id))),
                Err(Trouble::Away(away)) => self.host.log(Priority::Notice, &format!("jitd is away while {} waits: {away}", waits.id)),
                Err(trouble @ Trouble::Ours(_)) => return Err(self.cannot(&trouble)),
            }
        }
    }

    fn granted(&mut self, words: &str) -> Result<(), Ended> {
        if !words.is_empty() {
            self.host.tell(&words::granted(words));
        }
        Ok(())
    }

    /// They do not want to ask: then they are told what they would have been told anyway.
    fn give_up(&self) -> Ended {
        Answer::Denied(self.denial.to_owned())
    }

    /// jitd said no; without a word it has nothing to say.
    fn refused(&mut self, words: &str) -> Ended {
        if words.is_empty() {
            return Answer::Denied(self.denial.to_owned());
        }
        Answer::Denied(words::refused(words).unwrap_or_else(|| {
            self.host.tell(&words::not_asked(words));
            self.denial.to_owned()
        }))
    }

    /// Asking failed, whoever's fault it is. It was denied, and stays so.
    fn cannot(&mut self, trouble: &Trouble) -> Ended {
        self.host.log(Priority::Warning, &format!("nobody can be asked: {trouble}"));
        self.give_up()
    }
}

#[cfg(test)]
mod tests;
