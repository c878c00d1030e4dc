//! Namespaces of one's own, held open by a first process that waits for the end of its input: for us.

use crate::boot::{self, Cgroup};
use crate::wait::wait_until;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// What makes the world, run as its first process. `$T` is a directory that it shares with the test.
const MAKE: &str = r#"
set -e
mount --bind $BUILT $T/built
mount -t proc proc /proc
mount -t overlay overlay -o lowerdir=/etc,upperdir=$T/etc,workdir=$T/work /etc
for place in /home /root /var/lib/jit /var/lib/sudo /var/log /var/spool /tmp /usr/local/bin; do mkdir -p $place; mount -t tmpfs -o mode=0755 tmpfs $place; done
chmod 1777 /tmp
mount -t tmpfs -o mode=0755 tmpfs $T/dev
for node in null zero full random urandom tty; do touch $T/dev/$node; mount --bind /dev/$node $T/dev/$node; done
mkdir $T/dev/pts $T/dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts $T/dev/pts
ln -s pts/ptmx $T/dev/ptmx
ln -s /proc/self/fd $T/dev/fd; ln -s fd/0 $T/dev/stdin; ln -s fd/1 $T/dev/stdout; ln -s fd/2 $T/dev/stderr
touch $T/dev/log; mount --bind $T/log $T/dev/log
mount --rbind $T/dev /dev
mount -t tmpfs -o mode=0755 tmpfs /run
mkdir -p /run/sshd /run/sudo /run/user
ip link set lo up
hostname testhost
for name in jit jitd jit-notify jit-hostile; do touch /usr/local/bin/$name; mount --bind $T/built/$name /usr/local/bin/$name; done
. $T/homes
touch $T/ready
# The first process of a pid namespace inherits orphans: bash reaps them, sleep would keep them as zombies.
exec bash -c 'while read -r line; do :; done'
"#;

/// A private world. Everything in it ends with this.
pub struct World {
    keeper: Child,
    first: u32,
    /// None once it was taken away, for the next world.
    place: Option<TempDir>,
    /// Where a systemd of its own runs.
    booted: Option<Cgroup>,
}

impl World {
    /// The directory that the world will share with the test, before there is a world.
    pub fn place() -> TempDir {
        let place = tempfile::Builder::new().prefix("jit-world-").tempdir_in("/var/tmp").unwrap();
        for directory in ["etc", "work", "dev", "built"] {
            std::fs::create_dir(place.path().join(directory)).unwrap();
        }
        let readable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(place.path(), readable).unwrap();
        place
    }

    /// Makes the world, with the programs of this directory in it, wherever on the machine that is.
    pub fn make(place: TempDir, built: &Path) -> Self {
        let mut command = Command::new("unshare");
        command.args(["-m", "-n", "-u", "-p", "--fork", "--kill-child", "--propagation", "private", "sh", "-c", MAKE]);
        Self::of(command, place, built, None)
    }

    /// The world that this command makes.
    pub fn of(mut command: Command, place: TempDir, built: &Path, booted: Option<Cgroup>) -> Self {
        // Its input ends when this process drops the world, or dies; not when the thread that made the world ends.
        command.env("T", place.path()).env("BUILT", built).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut keeper = command.spawn().unwrap();
        let ready = place.path().join("ready");
        wait_until("the world to stand", || {
            if let Some(status) = keeper.try_wait().unwrap() {
                let mut why = String::new();
                std::io::Read::read_to_string(keeper.stderr.as_mut().unwrap(), &mut why).unwrap();
                panic!("the world cannot be made ({status}): {why}");
            }
            ready.exists().then_some(())
        });
        let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", keeper.id())).unwrap();
        let first = children.split_whitespace().next().unwrap().parse().unwrap();
        Self { keeper, first, place: Some(place), booted }
    }

    /// A command line that runs something in the world: it goes before the program.
    pub fn enter(&self) -> Command {
        // Whoever runs the tests may ignore signals (nohup does), and what runs inside would inherit that.
        let mut command = Command::new("env");
        command.args(["--default-signal", "nsenter", "-t", &self.first.to_string(), "-m", "-n", "-u", "-p"]);
        if self.booted.is_some() {
            command.args(["-i", "-C", "-r"]);
        }
        command.arg("--");
        command
    }

    /// A program or library that was built, where the world has it.
    pub fn built(&self, name: &str) -> PathBuf {
        self.shared().join("built").join(name)
    }

    /// What the world shares with the test.
    pub fn shared(&self) -> &Path {
        self.place.as_ref().expect("the world stands").path()
    }

    /// Its network.
    pub fn network(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/ns/net", self.first))
    }

    /// A path of the world, as this process sees it.
    pub fn path(&self, path: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{path}", self.first))
    }

    /// Ends the world at once, and boots what it wrote to disk.
    pub fn power_cut(&mut self, built: &Path, bare: bool) {
        self.end();
        let place = self.place.take().expect("the world stands");
        std::fs::remove_file(place.path().join("ready")).unwrap();
        // Its cgroup is made again, of the same name.
        drop(self.booted.take());
        *self = boot::boot(place, built, bare);
    }

    /// Ends it, and waits until everything in it has ended.
    pub fn end(&mut self) {
        if matches!(self.keeper.try_wait(), Ok(Some(_))) {
            // The number of its first process may be another one's by now.
            return;
        }
        // The end of its input ends the first process, and the kernel then ends everything else. The keeper stays to
        // reap it: killed, it would leave that to the machine's own init, which can take seconds.
        drop(self.keeper.stdin.take());
        if self.booted.is_some() {
            // systemd reads no input.
            let _ = kill(Pid::from_raw(i32::try_from(self.first).unwrap()), Signal::SIGKILL);
        }
        let _ = self.keeper.wait();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if self.place.is_some() {
            self.end();
        }
    }
}
