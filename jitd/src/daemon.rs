//! The daemon from its first moment to its last, in order.

use crate::begin::{Beginner, Beginning};
use crate::breakglass::Log;
use crate::clock::{Clock, SystemClock};
use crate::directory::Directory;
use crate::engine::{Handle, Task};
use crate::keeper::{Keeper, Orders};
use crate::limits::Acts;
use crate::meter::Meter;
use crate::notices::Notices;
use crate::privileges::{Identity, set_umask};
use crate::reload::{Because, Reloader, Reloads};
use crate::sandbox::{Places, confine};
use crate::settings::{Settings, own_directory};
use crate::sockets::{self, Sockets};
use crate::vital::{Losses, Vital};
use crate::writer::Newest;
use crate::{pam_door, terminal, user_door, watchdog};
use jit_core::time::{Now, STEP_MS};
use jit_proto::breakglass;
use jit_store::file_in;
use sd_notify::NotifyState;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

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
    let sockets = sockets::open(&settings.run).map_err(in_words)?;
    let own = own_directory(&settings.run);
    // Without it a disk that fails can make more than was promised count: see `operations.md`.
    let mut own_is_ours = sockets::make_directory(&own, 0o700).map_err(in_words);
    if let Some(identity) = identity {
        own_is_ours = own_is_ours.and_then(|()| identity.give(&own).map_err(|error| format!("{}: {error}", own.display())));
        // An administrator may have put it elsewhere, by a link.
        match settings.state.canonicalize().and_then(|state| identity.give(&state)) {
            Ok(()) => {}
            // It is as the jitd before this one left it, and may be written again later.
            Err(error) if sockets::is_read_only(&error) => {}
            Err(error) => return Err(format!("{}: {error}", settings.state.display())),
        }
        if let Err(error) = identity.let_read(breakglass::LOG.as_ref()) {
            eprintln!("jitd: warning: what the module writes down while jitd is away cannot be read: {}: {error}", breakglass::LOG);
        }
        identity.become_it()?;
    }
    if let Some(why) = sockets::mistrusted(&settings.run) {
        eprintln!("jitd: warning: nobody is let in: {why}");
    }
    if let Err(why) = own_is_ours {
        eprintln!("jitd: warning: what a failing disk may hold cannot be written down: {why}");
    }
    let _state_is_ours = sockets::hold(&settings.state)?;
    let (keeper, orders) = Keeper::new(&settings.state, &own, &SystemClock.boot());
    eprintln!("jitd: {}", keeper.about());
    if settings.confine {
        let places = Places { own: [&settings.state, &own], cgroups: keeper.mount(), terminals: terminal::TERMINALS.as_ref() };
        eprintln!("jitd: {}", confine(places).about());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(crate::directory::MOST_THREADS).build();
    let runtime = runtime.map_err(|error| format!("the runtime cannot be started: {error}"))?;
    let served = runtime.block_on(serve(settings, sockets, keeper, orders));
    // Somebody may be reading from a disk that does not answer.
    runtime.shutdown_background();
    served
}

async fn serve(settings: &Settings, sockets: Sockets, keeper: Keeper, orders: Orders) -> Result<(), String> {
    let clock = SystemClock;
    let began = clock.now();
    let told = Arc::new(watch::channel(Newest::default()).0);
    let meter = Arc::new(Meter::default());
    let (vital, mut losses) = Vital::new();
    let (told_too, meter_too, bound) = (told.clone(), meter.clone(), keeper.bound());
    let (unrecorded, vital_too) = (Default::default(), vital.clone());
    let beginner = Beginner { settings: settings.clone(), clock, told: told_too, meter: meter_too, bound, vital: vital_too, unrecorded };
    let Beginning { begun, writer, then } = beginner.begin().await?;
    let (notices, news) = Notices::new();
    let (engine, task) = Task::new(clock, writer, keeper.clone(), begun);
    let task = vital.spawn("the engine", task.telling(notices.clone()).run());
    beginner.go_on_with(then, engine.clone());
    let _breakglass = vital
        .spawn("who brings the log of the break-glass file into the record", Log::of_the_module(meter.clone()).follow(engine.for_people()));
    let _keeper = vital.spawn("the keeper of sessions", keeper.clone().run(orders, engine.clone()));
    let directory = Directory::default();
    let _notices = vital.spawn("who tells people at their terminals", notices.clone().run(news, engine.clone(), directory.clone()));
    let unusable = |error| format!("a socket cannot be used: {error}");
    let Sockets { pam, user, .. } = sockets;
    let pam_too = pam.try_clone().map_err(unusable)?;
    let pam = UnixListener::from_std(pam).map_err(unusable)?;
    let acts = Acts::default();
    let doors = pam_door::Doors {
        engine: engine.clone(),
        directory: directory.clone(),
        keeper: keeper.clone(),
        meter: meter.clone(),
        acts: acts.clone(),
    };
    let pam = vital.spawn("the PAM socket", pam_door::serve(pam, doors, settings.record));
    let reloader = Reloader::new(engine.clone(), directory.clone(), settings.policy.clone());
    let about = user_door::About {
        engine: engine.for_people(),
        directory,
        keeper,
        store: file_in(&settings.state),
        head: told.subscribe(),
        reloader: reloader.for_people(),
        since: began.wall.as_millis(),
        meter,
        acts,
        notices,
        archiving: Arc::default(),
    };
    let user = user_door::beside(user, about, vital.pulse("the user socket")).map_err(unusable)?;
    let _ = sd_notify::notify(&[NotifyState::Ready]);
    if let Some(within) = sd_notify::watchdog_enabled() {
        tokio::spawn(watchdog::say_that_it_lives(engine.clone(), within));
    }
    let reloads = Reloads::begin(&vital, reloader);
    let ended = until_stopped((clock, began), &engine, &reloads, &mut losses).await;
    let _ = sd_notify::notify(&[NotifyState::Stopping]);
    // However long that is looked for, whoever is at the door is answered.
    engine.make_next_start_short().await;
    // Who comes from now on waits in systemd's sockets for the next jitd; but not for a disk that does not answer.
    pam.abort();
    drop(user);
    let stopped = async {
        engine.stop().await;
        let _ = task.await;
    };
    tokio::select! {
        () = stopped => {}
        () = pam_door::serve_while_stopping(UnixListener::from_std(pam_too).map_err(unusable)?) => {}
    }
    ended
}

/// How often it is looked whether the wall clock was set.
const LOOK: Duration = Duration::from_secs(1);

/// Reloads at SIGHUP; returns at SIGTERM or SIGINT. Where there is no valid policy, it is read again when the wall clock was
/// set: a date that is too far ahead for a clock that lost its battery is none for the right one.
///
/// # Errors
/// It cannot go on: half a jitd would let in without a record, or end no session.
async fn until_stopped((clock, began): (impl Clock, Now), engine: &Handle, reloads: &Reloads, losses: &mut Losses) -> Result<(), String> {
    let listen = |kind| signal(kind).map_err(|error| format!("signals cannot be received: {error}"));
    let mut hang_up = listen(SignalKind::hangup())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut look = tokio::time::interval(LOOK);
    let mut drift = began.drift_ms();
    loop {
        tokio::select! {
            _ = hang_up.recv() => reloads.ask(Because::HangUp),
            _ = look.tick() => {
                let now = clock.now().drift_ms();
                let was_set = now.saturating_sub(drift).abs() >= STEP_MS;
                if was_set {
                    drift = now;
                }
                if was_set && engine.query(|snapshot| snapshot.policy.is_none()).await == Ok(true) {
                    reloads.ask(Because::Clock);
                }
            }
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            what = losses.next() => {
                return Err(format!("{what} has failed, by a mistake of jitd's own: it ends, to be started anew. Please report what is said above"));
            }
        }
    }
}
