//! Reading the policy again: all of it or none of it.

use crate::clock::{Clock, SystemClock};
use crate::directory::Directory;
use crate::engine::{Handle, Read};
use crate::user_door::mistake_view;
use crate::vital::Vital;
use jit_core::policy::load::Around;
use jit_core::policy::load::{self, Mistake};
use jit_core::refusal::Refusal;
use jit_proto::user::UserAnswer;
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;

/// How many mistakes are told at a time; whoever mends them sees the next ones.
const MOST_TOLD: usize = 50;

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

/// Reads the policy again and puts it in force if it is valid; the one before stays otherwise.
///
/// # Errors
/// It could not be recorded: then the one before stays too.
pub async fn reload(engine: &Handle, directory: &Directory, policy: &Path, by: String) -> Result<Reloaded, Refusal> {
    let path = policy.to_owned();
    let read = tokio::task::spawn_blocking(move || read(&path)).await.map_err(|_| Refusal::Busy)?;
    directory.forget();
    let reloaded = match &read {
        Ok((_, warnings)) => Reloaded { errors: Vec::new(), warnings: warnings.clone() },
        Err(errors) => Reloaded { errors: errors.clone(), warnings: Vec::new() },
    };
    engine.policy(read, by).await?;
    Ok(reloaded)
}

/// Reloads that nobody waits for, one after the other: the disk may take its time for each.
pub struct Reloads(mpsc::Sender<&'static str>);

impl Reloads {
    /// Begins to do what will be asked for.
    pub fn begin(vital: &Vital, engine: Handle, directory: Directory, policy: PathBuf) -> Self {
        // One that was asked for and has not begun reads what is there then: nobody needs two of those.
        let (ask, mut asked) = mpsc::channel(1);
        let work = async move {
            while let Some(by) = asked.recv().await {
                match reload(&engine, &directory, &policy, str::to_owned(by)).await {
                    Ok(reloaded) => reloaded.say(),
                    Err(refusal) => eprintln!("jitd: the policy was not reloaded: {refusal}"),
                }
            }
        };
        drop(vital.spawn("who reloads the policy", work));
        Self(ask)
    }

    /// Reads the policy again, soon.
    pub fn ask(&self, by: &'static str) {
        // Full: one is about to.
        let _ = self.0.try_send(by);
    }
}
