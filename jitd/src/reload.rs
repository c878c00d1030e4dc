//! Reading the policy again: all of it or none of it.

use crate::clock::{Clock, SystemClock};
use crate::directory::Directory;
use crate::engine::{By, Handle, Read};
use crate::user_door::mistake_view;
use crate::vital::Vital;
use jit_core::policy::load::Around;
use jit_core::policy::load::{self, Mistake};
use jit_core::refusal::Refusal;
use jit_proto::user::UserAnswer;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, mpsc};

/// How many mistakes are told at a time; whoever mends them sees the next ones.
const MOST_TOLD: usize = 50;

/// How soon one that nobody asks for is tried again.
const AGAIN: Duration = Duration::from_secs(1);
/// The longest wait: it comes to that where a disk takes its time.
const AGAIN_AT_MOST: Duration = Duration::from_secs(10);

/// How it went.
pub struct Reloaded {
    errors: Vec<Mistake>,
    warnings: Vec<Mistake>,
}

impl Reloaded {
    /// What is said of it.
    #[must_use]
    pub fn answer(&self) -> UserAnswer {
        let told = |mistakes: &[Mistake]| mistakes.iter().take(MOST_TOLD).map(mistake_view).collect();
        UserAnswer::Reloaded { valid: self.errors.is_empty(), errors: told(&self.errors), warnings: told(&self.warnings) }
    }

    /// Says it on standard error.
    pub fn say(&self) {
        for warning in &self.warnings {
            eprintln!("jitd: warning: {warning}");
        }
        for error in &self.errors {
            eprintln!("jitd: {error}");
        }
        if !self.errors.is_empty() {
            eprintln!("jitd: the policy was not reloaded; the one before stays in force");
        }
    }
}

/// Reads the policy's files.
///
/// # Errors
/// All mistakes in them.
pub fn read(policy: &Path) -> Read {
    let files = jit_host::policy_files::read(policy)?;
    load::load(&files, Around { now: SystemClock.now().wall, zone: jit_host::zone::host_zone() })
}

/// What reads the policy again. One after the other, whoever asks: of two the files that were read last are in force in the end.
#[derive(Clone)]
pub struct Reloader {
    engine: Handle,
    directory: Directory,
    policy: PathBuf,
    turn: Arc<Mutex<()>>,
}

impl Reloader {
    /// One that puts the policy of this file in force.
    #[must_use]
    pub fn new(engine: Handle, directory: Directory, policy: PathBuf) -> Self {
        Self { engine, directory, policy, turn: Arc::default() }
    }

    /// The same, whose reloads wait for those of whoever is at the door.
    #[must_use]
    pub fn for_people(&self) -> Self {
        Self { engine: self.engine.for_people(), ..self.clone() }
    }

    /// Reads the policy again and puts it in force if it is valid; the one before stays otherwise.
    ///
    /// # Errors
    /// It could not be recorded: then the one before stays too.
    pub async fn reload(&self, by: By) -> Result<Reloaded, Refusal> {
        let _turn = self.turn.lock().await;
        let path = self.policy.clone();
        let read = tokio::task::spawn_blocking(move || read(&path)).await.map_err(|_| Refusal::Busy)?;
        self.directory.forget();
        let reloaded = match &read {
            Ok((_, warnings)) => Reloaded { errors: Vec::new(), warnings: warnings.clone() },
            Err(errors) => Reloaded { errors: errors.clone(), warnings: Vec::new() },
        };
        self.engine.policy(read, by).await?;
        Ok(reloaded)
    }

    /// Reads it again until that is on record: nobody is let in without a policy, so nobody would ask for it.
    async fn insist(&self, by: By) {
        let mut wait = AGAIN;
        loop {
            match self.reload(by.clone()).await {
                Ok(reloaded) => return reloaded.say(),
                Err(refusal) if wait == AGAIN => eprintln!("jitd: the policy was not reloaded: {refusal}; it is tried again"),
                Err(_) => {}
            }
            tokio::time::sleep(wait).await;
            wait = wait.saturating_mul(2).min(AGAIN_AT_MOST);
        }
    }
}

/// Why it is read again, where nobody typed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Because {
    /// SIGHUP came.
    HangUp,
    /// The wall clock was set, and there is no valid policy.
    Clock,
}

impl Because {
    /// The word in the record, where somebody's name stands otherwise.
    fn word(self) -> &'static str {
        match self {
            Self::HangUp => "SIGHUP",
            Self::Clock => "clock",
        }
    }
}

/// Reloads that nobody waits for: the disk may take its time for each.
pub struct Reloads {
    hang_up: mpsc::Sender<()>,
    clock: mpsc::Sender<()>,
}

impl Reloads {
    /// Begins to do what will be asked for.
    pub fn begin(vital: &Vital, reloader: Reloader) -> Self {
        // One that was asked for and has not begun reads what is there then: nobody needs two of those. But for the clock's another one
        // does not stand, as that gives up where this one insists.
        let ((hang_up, mut hung_up), (clock, mut was_set)) = (mpsc::channel(1), mpsc::channel(1));
        let work = async move {
            loop {
                let because = tokio::select! {
                    Some(()) = hung_up.recv() => Because::HangUp,
                    Some(()) = was_set.recv() => Because::Clock,
                    else => return,
                };
                match because {
                    Because::HangUp => match reloader.reload(By::Word(because.word())).await {
                        Ok(reloaded) => reloaded.say(),
                        Err(refusal) => eprintln!("jitd: the policy was not reloaded: {refusal}"),
                    },
                    Because::Clock => reloader.insist(By::Word(because.word())).await,
                }
            }
        };
        drop(vital.spawn("who reloads the policy", work));
        Self { hang_up, clock }
    }

    /// Reads the policy again, soon.
    pub fn ask(&self, because: Because) {
        let ask = match because {
            Because::HangUp => &self.hang_up,
            Because::Clock => &self.clock,
        };
        // Full: one is about to.
        let _ = ask.try_send(());
    }
}
