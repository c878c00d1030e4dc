//! The daemon from its first moment to its last, in order.

use crate::breakglass;
use crate::clock::{Clock, KernelEntropy, SystemClock};
use crate::directory::Directory;
use crate::engine::{Begun, Handle, Task};
use crate::privileges::{Identity, set_umask};
use crate::settings::Settings;
use crate::sockets::{self, Sockets};
use crate::store::{self, Fresh, Store};
use crate::syslog::Syslog;
use crate::writer::{Writer, fresh};
use crate::{engine, pam_door, reload, user_door};
use jit_core::engine::{Command, Context, handle};
use jit_core::event::Event;
use jit_core::state::State;
use jit_core::time::Now;
use sd_notify::NotifyState;
use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};

/// Runs the daemon until it is told to stop.
///
/// # Errors
/// Why it cannot run, in words for an administrator.
pub fn run(settings: &Settings) -> Result<(), String> {
    set_umask();
    let identity = Identity::to_take(&settings.user)?;
    let in_words = |error: sockets::SocketTrouble| error.to_string();
    sockets::make_directory(&settings.run, 0o755).map_err(in_words)?;
    sockets::make_directory(&settings.state, 0o700).map_err(in_words)?;
    let _run_is_ours = sockets::hold(&settings.run)?;
    let sockets = sockets::open(&settings.run).map_err(in_words)?;
    let written_meanwhile = breakglass::read(breakglass::LOG.as_ref());
    if let Some(identity) = identity {
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(&settings.state, private).map_err(|error| format!("{}: {error}", settings.state.display()))?;
        identity.give(&settings.state)?;
        identity.become_it()?;
    }
    let _state_is_ours = sockets::hold(&settings.state)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(crate::directory::MOST_THREADS).build();
    let runtime = runtime.map_err(|error| format!("the runtime cannot be started: {error}"))?;
    runtime.block_on(serve(settings, sockets, &written_meanwhile))
}

async fn serve(settings: &Settings, sockets: Sockets, written_meanwhile: &[String]) -> Result<(), String> {
    let clock = SystemClock;
    let began = clock.now();
    let (state, policy, writer, thread) = begin(settings, clock, written_meanwhile)?;
    let (policy, trouble) = match policy {
        Ok((policy, _)) => (Some(policy), Vec::new()),
        Err(mistakes) => (None, mistakes),
    };
    let (engine, jobs) = Handle::new();
    let begun = Begun { state, policy, trouble, record: settings.record };
    let task = tokio::spawn(Task::new(clock, writer.clone(), jobs, begun).run());
    let directory = Directory::default();
    let listener = |listener| UnixListener::from_std(listener).map_err(|error| format!("a socket cannot be used: {error}"));
    let (pam, user) = (listener(sockets.pam)?, listener(sockets.user)?);
    tokio::spawn(pam_door::serve(pam, engine.clone(), directory.clone()));
    let about = user_door::About {
        engine: engine.clone(),
        directory: directory.clone(),
        store: store::file_in(&settings.state),
        head: writer.head(),
        policy: settings.policy.clone(),
        since: began.wall.as_millis(),
    };
    tokio::spawn(user_door::serve(user, about));
    let _ = sd_notify::notify(&[NotifyState::Ready]);
    until_stopped(settings, &engine, &directory).await?;
    let _ = sd_notify::notify(&[NotifyState::Stopping]);
    engine.stop().await;
    let _ = task.await;
    drop(writer);
    drop(thread);
    Ok(())
}

/// Reads the record, and writes into it that the daemon begins, by which policy, and what happened while it was away.
fn begin(
    settings: &Settings,
    clock: impl Clock,
    written_meanwhile: &[String],
) -> Result<(State, engine::Read, Writer, std::thread::JoinHandle<()>), String> {
    let mut state = State::default();
    let mut store = Store::open(&store::file_in(&settings.state), |record| {
        let event = Event::read(&record.event, &record.data).map_err(|unreadable| unreadable.to_string())?;
        state.apply(record.at, &event);
        Ok(())
    })
    .map_err(|trouble| trouble.to_string())?;
    let policy = reload::read(&settings.policy);
    let now = clock.now();
    let mut first = first_events(&state, &policy, now, clock.boot())?;
    first.extend(breakglass::events(&state, written_meanwhile));
    let mut batch: Vec<Fresh> = Vec::new();
    for event in &first {
        state.apply(now.wall, event);
        batch.push(fresh(now.wall, event)?);
    }
    let mut syslog = Syslog::new(settings.syslog.clone());
    say_mistakes(&policy);
    match store.append(&batch) {
        Ok(records) => {
            for record in &records {
                // What syslog does not take now waits; the writer goes on.
                let _ = syslog.send(crate::writer::urgency(record), &jit_core::line::of(record));
            }
        }
        Err(error) => return Err(format!("the record cannot be written: {error}; look at the disk under {}", settings.state.display())),
    }
    let (writer, thread) = Writer::start(store, syslog).map_err(|error| format!("the writer cannot be started: {error}"))?;
    Ok((state, policy, writer, thread))
}

fn first_events(state: &State, policy: &engine::Read, now: Now, boot: jit_core::time::BootId) -> Result<Vec<Event>, String> {
    let valid = if policy.is_ok() { "valid" } else { "not valid" };
    let start = Command::Start { version: env!("CARGO_PKG_VERSION").to_owned(), boot, policy: valid.to_owned() };
    let mut context = Context { now, policy: None, entropy: &mut KernelEntropy };
    let (_, mut events) = handle(state, start, &mut context).map_err(|refusal| refusal.to_string())?;
    events.push(engine::policy_event(policy, "start".to_owned(), None, state).0);
    Ok(events)
}

fn say_mistakes(policy: &engine::Read) {
    match policy {
        Ok((_, warnings)) => warnings.iter().for_each(|warning| eprintln!("jitd: warning: {warning}")),
        Err(mistakes) => {
            mistakes.iter().for_each(|mistake| eprintln!("jitd: {mistake}"));
            eprintln!("jitd: there is no valid policy: nobody is let in until it is mended and reloaded (jit reload)");
        }
    }
}

/// Reloads at SIGHUP; returns at SIGTERM or SIGINT.
async fn until_stopped(settings: &Settings, engine: &Handle, directory: &Directory) -> Result<(), String> {
    let listen = |kind| signal(kind).map_err(|error| format!("signals cannot be received: {error}"));
    let mut hang_up = listen(SignalKind::hangup())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    loop {
        tokio::select! {
            _ = hang_up.recv() => {
                match reload::reload(engine, directory, &settings.policy, "SIGHUP".to_owned()).await {
                    Ok(reloaded) => reloaded.say(),
                    Err(refusal) => eprintln!("jitd: the policy was not reloaded: {refusal}"),
                }
            }
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
        }
    }
}
