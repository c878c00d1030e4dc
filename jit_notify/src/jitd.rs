//! Talking to jitd, as an auditor.

use jit_proto::client::{Connection, Patience, Trouble, Trust};
use jit_proto::user::{Act, Greeting, UserAnswer, UserAsk};
use jit_proto::view::{EventView, Failure, UndeliveredView};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// How long jitd may take to greet, and to answer what it can answer at once.
const PROMPT: Duration = Duration::from_secs(30);

/// Why jitd told nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lost {
    /// It is away.
    Away(String),
    /// It refuses.
    Refused(String),
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Away(why) => write!(f, "jitd cannot be reached: {why}"),
            Self::Refused(why) => write!(f, "jitd refuses: {why}"),
        }
    }
}

impl std::error::Error for Lost {}

impl From<Trouble> for Lost {
    fn from(trouble: Trouble) -> Self {
        Self::Away(trouble.to_string())
    }
}

fn refused(failure: &Failure) -> Lost {
    Lost::Refused(failure.help.as_ref().map_or_else(|| failure.message.clone(), |help| format!("{} ({help})", failure.message)))
}

fn unexpected() -> Lost {
    Lost::Away("it answers another question; are jitd and jit-notify of one version?".to_owned())
}

/// The way to jitd.
#[derive(Debug)]
pub struct Jitd {
    /// Its socket.
    pub socket: PathBuf,
}

/// Events as they come.
#[derive(Debug)]
pub struct Following {
    connection: Connection,
}

impl Jitd {
    fn ask(&self, act: Act) -> Result<Connection, Lost> {
        let mut patience = Patience::of(PROMPT);
        let connection = Connection::open(&self.socket, Trust::RootOnly, &mut patience)?;
        let greeting: Greeting = connection.receive(&mut patience)?;
        connection.send(&UserAsk { nonce: greeting.nonce, act }, &mut patience)?;
        Ok(connection)
    }

    /// Events after a number, and then as they come; without one, from the newest on.
    pub fn follow(&self, after: Option<u64>) -> Result<Following, Lost> {
        Ok(Following { connection: self.ask(Act::Follow { after })? })
    }

    /// Puts on record what could not be told.
    pub fn say_failed(&self, undelivered: UndeliveredView) -> Result<(), Lost> {
        let connection = self.ask(Act::NotifyFailed(undelivered))?;
        loop {
            let answer = connection.answer(&mut Patience::of(PROMPT))?;
            if let UserAnswer::Failed(failure) = answer {
                return Err(refused(&failure));
            }
            if answer == UserAnswer::Noted {
                return Ok(());
            }
            if !matches!(answer, UserAnswer::Remark(_)) {
                return Err(unexpected());
            }
        }
    }
}

impl Following {
    /// The next events, however long they take to happen.
    pub fn next(&self) -> Result<Vec<EventView>, Lost> {
        let answer = self.connection.answer(&mut Patience::endless())?;
        if let UserAnswer::Failed(failure) = answer {
            return Err(refused(&failure));
        }
        let UserAnswer::Events { events, more } = answer else { return Err(unexpected()) };
        if more { Ok(events) } else { Err(Lost::Away("it stops".to_owned())) }
    }
}
