//! Asking jitd.

use crate::arguments::Arguments;
use crate::ask::Desk;
use crate::ask::counter::Counter;
use jit_proto::client::{Away, Connection, Patience, Trouble, Trust};
use jit_proto::pam::{Entry, PamAnswer, PamAsk, Question, UNREAD, Verdict};
use std::path::Path;
use std::time::Duration;

/// How often a question is put when the connection is closed without an answer: a daemon that restarts does that.
const TRIES: usize = 3;

/// Whoever answers.
pub trait Daemon {
    /// Puts a question.
    ///
    /// # Errors
    /// The daemon is proved away, or something on our side failed.
    fn ask(&self, question: Question, observe: bool) -> Result<Verdict, Trouble>;

    /// Where somebody at the door can be asked why they should come in; none: nobody can be asked there.
    fn desk(&self, entry: &Entry) -> Option<Box<dyn Desk + '_>>;
}

/// jitd, behind its socket.
#[derive(Debug)]
pub struct Jitd<'a> {
    socket: &'a Path,
    timeout: Duration,
}

impl<'a> From<&'a Arguments> for Jitd<'a> {
    fn from(arguments: &'a Arguments) -> Self {
        Self { socket: &arguments.socket, timeout: arguments.timeout }
    }
}

impl Daemon for Jitd<'_> {
    fn ask(&self, question: Question, observe: bool) -> Result<Verdict, Trouble> {
        let mut patience = Patience::of(self.timeout);
        let ask = PamAsk { token: token()?, observe, question };
        for _ in 1..TRIES {
            match self.once(&ask, &mut patience) {
                Err(Trouble::Away(Away::Closed)) => patience.rest()?,
                answered => return answered,
            };
        }
        self.once(&ask, &mut patience)
    }

    fn desk(&self, entry: &Entry) -> Option<Box<dyn Desk + '_>> {
        Counter::before(self.socket, self.timeout, entry).map(|counter| Box::new(counter) as Box<dyn Desk>)
    }
}

impl Jitd<'_> {
    fn once(&self, ask: &PamAsk, patience: &mut Patience) -> Result<Verdict, Trouble> {
        let connection = Connection::open(self.socket, Trust::RootOnly, patience)?;
        connection.send(ask, patience)?;
        let answer: PamAnswer = connection.receive(patience)?;
        checked(ask, answer)
    }
}

/// The verdict, if it answers this question.
pub(crate) fn checked(ask: &PamAsk, answer: PamAnswer) -> Result<Verdict, Trouble> {
    let nonsense = |why: &str| Err(Trouble::Away(Away::Nonsense(why.to_owned())));
    let unread_denial = answer.token == UNREAD && matches!(answer.verdict, Verdict::Denied { .. });
    if answer.token != ask.token && !unread_denial {
        return nonsense("it answers another question");
    }
    let fits = match (&ask.question, &answer.verdict) {
        (_, Verdict::Denied { .. }) => true,
        (Question::Check(_), Verdict::Allowed) => true,
        (Question::Open { .. }, Verdict::Allowed) => ask.observe,
        (Question::Open { .. }, Verdict::Opened { .. }) => !ask.observe,
        (Question::Enter { .. } | Question::Close { .. }, Verdict::Noted) => true,
        (Question::Ask(_), Verdict::Asked(_)) => true,
        (Question::Check(_), Verdict::Opened { .. } | Verdict::Noted | Verdict::Asked(_)) => false,
        (Question::Open { .. }, Verdict::Noted | Verdict::Asked(_)) => false,
        (Question::Enter { .. } | Question::Close { .. }, Verdict::Allowed | Verdict::Opened { .. } | Verdict::Asked(_)) => false,
        (Question::Ask(_), Verdict::Allowed | Verdict::Opened { .. } | Verdict::Noted) => false,
    };
    if fits { Ok(answer.verdict) } else { nonsense("it does not fit the question") }
}

/// A token that no other question has.
pub(crate) fn token() -> Result<u64, Trouble> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| Trouble::Ours(format!("no random bytes: {error}")))?;
    Ok(u64::from_ne_bytes(bytes).max(UNREAD.saturating_add(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jit_proto::pam::Held;

    fn ask(question: Question) -> PamAsk {
        PamAsk { token: 7, observe: false, question }
    }

    fn enter() -> PamAsk {
        ask(Question::Enter { session: "S-1".to_owned(), held: Held::Tree })
    }

    #[test]
    fn an_answer_to_another_question_or_of_another_kind_is_nonsense() {
        let says = |token, verdict| checked(&enter(), PamAnswer { token, verdict });
        assert_eq!(says(7, Verdict::Noted), Ok(Verdict::Noted));
        assert!(matches!(says(8, Verdict::Noted), Err(Trouble::Away(Away::Nonsense(_)))));
        assert!(matches!(says(7, Verdict::Allowed), Err(Trouble::Away(Away::Nonsense(_)))));
        assert!(matches!(says(UNREAD, Verdict::Noted), Err(Trouble::Away(Away::Nonsense(_)))));
        let denied = Verdict::Denied { message: String::new() };
        assert_eq!(says(UNREAD, denied.clone()), Ok(denied), "a busy daemon denies before it reads");
    }
}
