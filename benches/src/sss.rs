//! pam_sss, with an sssd of the benchmark's own: its files provider, so that it asks no other machine.
//!
//! Installing it would change the machine's PAM files, so `benches/sss.sh` only takes its packages apart. sssd sees
//! them as if they were installed; pam_sss finds it through `/var/lib/sss`, where both see the same.

use crate::mounts;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What sssd is told: whoever has an account on this machine may come in.
const SETTINGS: &str =
    "[sssd]\nservices = nss, pam\ndomains = bench\n[domain/bench]\nid_provider = files\naccess_provider = permit\nauth_provider = none\n";

/// Runs it. `$S` is where its packages are, `$T` where it may write.
const RUN: &str = r#"
set -e
mkdir $T/etc $T/etc-work
mount -t overlay overlay -o lowerdir=$S/usr:/usr /usr
mount -t overlay overlay -o lowerdir=$S/etc:/etc,upperdir=$T/etc,workdir=$T/etc-work /etc
mkdir -p /etc/sssd
cp $T/sssd.conf /etc/sssd/sssd.conf
chmod 0600 /etc/sssd/sssd.conf
mount -t tmpfs tmpfs /var/log
mount -t tmpfs tmpfs /run
mkdir /var/log/sssd
exec /usr/sbin/sssd --interactive --logger=stderr
"#;

/// sssd; it ends with this.
pub struct Sssd {
    child: Child,
    /// The PAM module that asks it.
    pub module: PathBuf,
}

impl Sssd {
    /// Starts it, where `benches/sss.sh` has put it, and waits until it answers. Mounts must be the process's own.
    pub fn start(place: &Path) -> Option<Self> {
        let here = std::env::current_exe().unwrap();
        let packages = here.parent().unwrap().join("../host-programs/sss").canonicalize().ok()?;
        let module = std::fs::read_dir(packages.join("usr/lib")).ok()?.flatten();
        let module = module.map(|entry| entry.path().join("security/pam_sss.so")).find(|module| module.exists())?;
        let own = place.join("sss");
        std::fs::create_dir(&own).unwrap();
        std::fs::write(own.join("sssd.conf"), SETTINGS).unwrap();
        mounts::write_elsewhere(place, "/var/lib");
        for directory in ["db", "mc", "pipes/private", "pubconf/krb5.include.d", "gpo_cache", "deskprofile", "keytabs", "secrets"] {
            std::fs::create_dir_all(Path::new("/var/lib/sss").join(directory)).unwrap();
        }
        std::fs::set_permissions("/var/lib/sss/pipes/private", std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        let mut command = Command::new("unshare");
        command.args(["-m", "-p", "--fork", "--kill-child", "--mount-proc", "--propagation", "private", "sh", "-c", RUN]);
        let said = std::fs::File::create(own.join("said")).unwrap();
        let child = command.env("S", &packages).env("T", &own).stdin(Stdio::null()).stdout(Stdio::null()).stderr(said).spawn().unwrap();
        let mut sssd = Self { child, module };
        let began = Instant::now();
        while !Path::new("/var/lib/sss/pipes/private/pam").exists() {
            let said = || std::fs::read_to_string(own.join("said")).unwrap();
            assert!(sssd.child.try_wait().unwrap().is_none(), "sssd ended: {}", said());
            assert!(began.elapsed() < Duration::from_secs(30), "sssd does not listen: {}", said());
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(sssd)
    }
}

impl Drop for Sssd {
    fn drop(&mut self) {
        // All of it is in a process namespace of its own, and ends with that.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
