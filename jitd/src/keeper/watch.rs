//! Tells when the last process of a cgroup has gone, without looking again and again.

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};
use std::io;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::mpsc::UnboundedSender;

/// A watch on many files.
pub struct Watch(Arc<Inotify>);

impl Watch {
    /// A watch on nothing yet, and a thread that tells what has changed; it ends when nobody listens any more.
    ///
    /// # Errors
    /// The kernel gives out no more of them.
    pub fn start(tell: UnboundedSender<WatchDescriptor>) -> io::Result<Self> {
        let inotify = Arc::new(Inotify::init(InitFlags::IN_CLOEXEC)?);
        let watched = inotify.clone();
        std::thread::Builder::new().name("cgroups".to_owned()).spawn(move || tell_changes(&watched, &tell))?;
        Ok(Self(inotify))
    }

    /// Watches one more; none: the kernel lets us watch no more. A file that is removed is not watched any more.
    pub fn add(&self, path: &Path) -> Option<WatchDescriptor> {
        self.0.add_watch(path, AddWatchFlags::IN_MODIFY).ok()
    }
}

fn tell_changes(inotify: &Inotify, tell: &UnboundedSender<WatchDescriptor>) {
    loop {
        match inotify.read_events() {
            Ok(events) => {
                for event in events {
                    if tell.send(event.wd).is_err() {
                        return;
                    }
                }
            }
            Err(Errno::EINTR) => {}
            Err(_) => return,
        }
    }
}
