//! jitd, for somebody who asks: one connection, which is their place with jitd, made anew when jitd restarts.

use super::called::Called;
use super::seat::{Seat, Woken};
use super::{Desk, Heard, Manner};
use crate::daemon::{checked, token};
use jit_proto::ask::{Ask, Step, Told};
use jit_proto::client::{Away, Connection, Patience, Trouble, Trust};
use jit_proto::pam::{Entry, PamAnswer, PamAsk, Question, Verdict};
use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

/// How long a jitd that went away may take to be connected to, once it is looked for.
const KNOCK: Duration = Duration::from_millis(50);
/// How often a question is put when the connection is closed without an answer: a jitd that restarts does that.
const TRIES: usize = 3;

/// Where somebody asks.
#[derive(Debug)]
pub struct Counter<'a> {
    socket: &'a Path,
    timeout: Duration,
    entry: Entry,
    target: Option<String>,
    /// The terminal; none: sshd's client, which answers prompts.
    seat: Option<Seat>,
    /// The connection, and what was put on it last.
    line: Option<(Connection, PamAsk)>,
    /// Whether what was put last is a wait whose news are to come.
    listens: bool,
    /// Whether jitd was there when it was last looked for.
    there: bool,
}

impl<'a> Counter<'a> {
    /// Where this one can be asked; none: nobody is there who could be, or a program calls.
    #[must_use]
    pub fn before(socket: &'a Path, timeout: Duration, entry: &Entry) -> Option<Self> {
        let (seat, target) = match entry.service.as_str() {
            "sshd" => (None, None),
            "sudo" | "sudo-i" => {
                let called = Called::now();
                let seat = if called.by_program { None } else { Seat::take() };
                // sudo -g alone is as oneself; jitd knows the name.
                let target = called.user.or(if called.group { oneself(entry) } else { None });
                (Some(seat?), target)
            }
            // su's questions go to its standard input, whatever that is (misc_conv(3)).
            "su" | "su-l" if std::io::stdin().is_terminal() => (Some(Seat::take()?), None),
            _ => return None,
        };
        Some(Self { socket, timeout, entry: entry.clone(), target, seat, line: None, listens: false, there: true })
    }

    fn question(&self, step: Step) -> Result<PamAsk, Trouble> {
        let ask = Ask { entry: self.entry.clone(), target: self.target.clone(), step };
        Ok(PamAsk { token: token()?, observe: false, question: Question::Ask(ask) })
    }

    /// Puts a question on the line there is, or on a new one.
    fn send(&mut self, ask: PamAsk, patience: &mut Patience) -> Result<(), Trouble> {
        let connection = match self.line.take() {
            Some((connection, _)) => connection,
            None => Connection::open(self.socket, Trust::RootOnly, patience)?,
        };
        connection.send(&ask, patience)?;
        self.line = Some((connection, ask));
        Ok(())
    }

    /// The next answer to what was put last; news of before are passed over.
    fn receive(&mut self, patience: &mut Patience) -> Result<Told, Trouble> {
        let closed = Trouble::Away(Away::Closed);
        let (connection, ask) = self.line.as_ref().ok_or(closed)?;
        let verdict = loop {
            let answer: PamAnswer = connection.receive(patience)?;
            let late = answer.token != ask.token && matches!(answer.verdict, Verdict::Asked(_));
            if !late {
                break checked(ask, answer)?;
            }
        };
        match verdict {
            Verdict::Asked(told) => Ok(told),
            Verdict::Denied { message } => Ok(Told::Refused { words: message, again: false }),
            Verdict::Allowed | Verdict::Opened { .. } | Verdict::Noted => {
                Err(Trouble::Away(Away::Nonsense("it does not fit the question".to_owned())))
            }
        }
    }

    fn once(&mut self, step: Step, patience: &mut Patience) -> Result<Told, Trouble> {
        let answered = self.question(step).and_then(|ask| self.send(ask, patience)).and_then(|()| self.receive(patience));
        if answered.is_err() {
            self.line = None;
        }
        answered
    }

    /// Begins to listen, on a new connection if need be. jitd's answer is waited for like any other news.
    fn begin(&mut self, id: &str) -> Result<(), Trouble> {
        let ask = self.question(Step::Wait { id: id.to_owned() })?;
        self.send(ask, &mut Patience::of(KNOCK))?;
        self.listens = true;
        Ok(())
    }

    /// Waits a moment at the terminal.
    fn pause(&mut self) -> Result<Woken, Trouble> {
        let connection = self.line.as_ref().map(|(connection, _)| connection.as_fd());
        self.seat.as_mut().map_or(Ok(Woken::Gone), |seat| seat.wait(connection))
    }

    /// jitd is not there: that is said once, and then waited for, moment by moment.
    fn away(&mut self, trouble: Trouble) -> Result<Heard, Trouble> {
        (self.line, self.listens) = (None, false);
        match trouble {
            Trouble::Ours(_) => Err(trouble),
            Trouble::Away(_) if std::mem::replace(&mut self.there, false) => Ok(Heard::Lost),
            Trouble::Away(_) => self.pause().map(heard),
        }
    }
}

fn heard(woken: Woken) -> Heard {
    match woken {
        Woken::Stopped => Heard::Stopped,
        Woken::Gone => Heard::Gone,
        Woken::Time(spent) => Heard::Nothing(spent),
        // It is read at the next look.
        Woken::Readable => Heard::Nothing(Duration::ZERO),
    }
}

/// The name of whoever calls sudo, as it stands for oneself.
fn oneself(entry: &Entry) -> Option<String> {
    match entry.who {
        jit_proto::pam::Who::Uid(uid) => Some(format!("#{uid}")),
        jit_proto::pam::Who::Name(_) => None,
    }
}

impl Desk for Counter<'_> {
    fn manner(&self) -> Manner {
        if self.seat.is_some() { Manner::Live } else { Manner::Prompted }
    }

    fn put(&mut self, step: Step) -> Result<Told, Trouble> {
        let mut patience = Patience::of(self.timeout);
        self.listens = false;
        for _ in 1..TRIES {
            match self.once(step.clone(), &mut patience) {
                // A connection that was open for long may have been closed for long.
                Err(Trouble::Away(Away::Closed)) => patience.rest()?,
                answered => return answered,
            };
        }
        self.once(step, &mut patience)
    }

    fn hold(&mut self) -> Result<(), Trouble> {
        self.seat.as_mut().map_or(Ok(()), Seat::hold)
    }

    fn listen(&mut self, id: &str) -> Result<Heard, Trouble> {
        if !self.listens
            && let Err(trouble) = self.begin(id)
        {
            return self.away(trouble);
        }
        match self.pause()? {
            Woken::Readable => match self.receive(&mut Patience::of(self.timeout)) {
                Ok(told) => {
                    self.there = true;
                    Ok(Heard::News(told))
                }
                Err(trouble) => self.away(trouble),
            },
            woken @ (Woken::Stopped | Woken::Gone | Woken::Time(_)) => Ok(heard(woken)),
        }
    }

    fn is_there(&self) -> bool {
        // sshd's client has just answered a prompt, or sshd would have ended this process.
        self.seat.as_ref().is_none_or(Seat::is_there)
    }
}
