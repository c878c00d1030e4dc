//! Mounts of a process's own: the machine does not see them, and they go with the process.

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use std::path::Path;

/// From now on, mounts are this process's own, and its children's.
pub fn begin() {
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>).unwrap();
}

/// Puts a file over one that the machine has.
pub fn cover(place: &Path, file: &str, text: &str) {
    let own = place.join(file.replace('/', "-"));
    std::fs::write(&own, text).unwrap();
    mount(Some(&own), file, None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
}

/// What is written below this directory of the machine goes elsewhere.
pub fn write_elsewhere(place: &Path, directory: &str) {
    let layer = |name: &str| {
        let layer = place.join(format!("{}-{name}", directory.replace('/', "-")));
        std::fs::create_dir(&layer).unwrap();
        layer
    };
    let options = format!("lowerdir={directory},upperdir={},workdir={}", layer("upper").display(), layer("work").display());
    mount(Some("overlay"), directory, Some("overlay"), MsFlags::empty(), Some(options.as_str())).unwrap();
}
