//! A world with a systemd of its own as its first process, booted from a Debian that `tests/prepare.sh` made.

use crate::cgroup;
use crate::wait::wait_until;
use crate::world::World;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// What boots it, run as what becomes its first process. `$ROOT` stays as it is: changes go to a layer above it.
const BOOT: &str = r#"
set -e
mkdir -p $T/root $T/layer-work
mount -t overlay overlay -o lowerdir=$ROOT,upperdir=$T/layer,workdir=$T/layer-work $T/root
cd $T/root
mount -t proc proc proc
cat /proc/sys/kernel/random/uuid > $T/boot_id
mount --bind $T/boot_id proc/sys/kernel/random/boot_id
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=0755 tmpfs dev
for node in null zero full random urandom tty; do touch dev/$node; mount --bind /dev/$node dev/$node; done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd; ln -s fd/0 dev/stdin; ln -s fd/1 dev/stdout; ln -s fd/2 dev/stderr
mount -t tmpfs -o mode=0755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mkdir -p ./$T/built run/sshd
mount --bind $BUILT ./$T/built
for name in $PROGRAMS; do touch usr/$name; mount --bind $BUILT/${name#*/} usr/$name; done
cp $T/homes homes
[ -e home/$(sed -n '1s,.*/home/,,p' homes) ] || chroot . sh /homes
ip link set lo up
hostname testhost
touch $T/ready
exec env -i container=test unshare --root=. /lib/systemd/systemd --system
"#;

/// The Debian that hosts are booted from.
///
/// # Panics
/// It was not made.
pub fn base() -> PathBuf {
    let base = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/host-root"));
    assert!(base.join("lib/systemd/systemd").exists(), "a Debian to boot is missing; tests/prepare.sh makes it");
    base.canonicalize().unwrap()
}

/// A cgroup of its own, below the one that this process is in.
pub struct Cgroup(PathBuf);

impl Cgroup {
    fn make(place: &Path) -> Self {
        let cgroup = cgroup::mount().join(place.file_name().unwrap());
        std::fs::create_dir(&cgroup).unwrap();
        Self(cgroup)
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // Its processes have just ended; those that systemd made inside go first.
        assert!(cgroup::remove(&self.0) || std::thread::panicking(), "{} cannot be removed", self.0.display());
    }
}

/// Boots, and waits until systemd has started what it starts. A bare host has none of our programs.
pub fn boot(place: TempDir, built: &Path, bare: bool) -> World {
    let cgroup = Cgroup::make(place.path());
    let mut command = Command::new("sh");
    // Its cgroup namespace begins where it is when it is made.
    let enter = "echo $$ > $CGROUP/cgroup.procs; exec \"$@\"";
    command.args(["-c", enter, "sh", "unshare", "-m", "-n", "-u", "-i", "-C", "-p", "--fork", "--kill-child", "--propagation", "private"]);
    command.args(["sh", "-c", BOOT]).env("CGROUP", &cgroup.0).env("ROOT", base());
    command.env("PROGRAMS", if bare { "" } else { "bin/jit bin/jit-hostile sbin/jitd sbin/jit-notify" });
    let world = World::of(command, place, built, Some(cgroup));
    wait_until("systemd to have booted", || {
        let state = world.enter().args(["systemctl", "is-system-running"]).output().unwrap();
        let state = String::from_utf8_lossy(&state.stdout).trim().to_owned();
        matches!(state.as_str(), "running" | "degraded").then_some(())
    });
    world
}
