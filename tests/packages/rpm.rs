//! The .rpm, in a root of its own: no distribution that installs it can be reached from here.

use super::{here, package, units};
use jit_tests::is_full_run;

/// A root with a shell and systemd's programs in it, as a layer above the Debian that hosts are booted from.
struct Root {
    _folder: tempfile::TempDir,
    at: String,
}

impl Root {
    fn make() -> Self {
        let folder = tempfile::Builder::new().prefix("jit-rpm-").tempdir_in("/var/tmp").unwrap();
        let at = folder.path().display().to_string();
        here(&format!(
            "cd {at} && mkdir layer work root && mount -t overlay overlay -o lowerdir={base},upperdir=layer,workdir=work root && \
             mount -t proc proc root/proc && cp {rpm} root/root/pam-jit.rpm && ls -l root/etc/pam.d > pam && sha256sum root/etc/pam.d/* >> pam",
            base = super::project().join("target/host-root").canonicalize().unwrap().display(),
            rpm = package(".rpm").display()
        ));
        Self { _folder: folder, at }
    }

    /// Runs rpm of this machine on the root.
    fn rpm(&self, arguments: &str) -> String {
        // What a Debian provides is in no database of rpm's.
        here(&format!("rpm --root {}/root --dbpath /var/lib/rpm --nodeps {arguments} 2>&1", self.at))
    }

    fn pam_files_are_as_before(&self) {
        here(&format!("cd {}; {{ ls -l root/etc/pam.d; sha256sum root/etc/pam.d/*; }} | diff pam -", self.at));
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        for mounted in ["root/proc", "root"] {
            let _ = std::process::Command::new("umount").arg(format!("{}/{mounted}", self.at)).status();
        }
    }
}

#[test]
fn its_scriptlets_install_upgrade_and_remove_and_no_file_of_pam_changes() {
    if !is_full_run() {
        return;
    }
    let root = Root::make();
    let inside = |line: &str| here(&format!("chroot {}/root sh -c '{line}'", root.at));
    root.rpm(&format!("-i {}", package(".rpm").display()));
    root.pam_files_are_as_before();
    // What the scriptlets did: the user, the directory of the sockets, the units.
    assert!(inside("getent passwd jitd").contains("/nonexistent"));
    assert_eq!(inside("stat -c \"%U %a\" /run/jit").trim(), "root 755");
    inside("systemctl is-enabled jitd.service jitd.socket jitd-user.socket jit-rollback.path");
    // rpm puts the module where RHEL looks, which is not where Debian does.
    inside("ls /usr/lib64/security/pam_jit.so && jit version && jitd --check");
    // A line of ours is taken out before the files go; an upgrade takes out none.
    inside("echo \"account required pam_jit.so\" >> /etc/pam.d/su");
    root.rpm(&format!("-U --force {}", package(".rpm").display()));
    inside("grep -q pam_jit.so /etc/pam.d/su");
    inside("mkdir -p -m 0700 /var/lib/jit && echo x > /var/lib/jit/events.db");
    let said = root.rpm("-e pam-jit");
    assert!(said.contains("Our lines are out of su") && said.contains("The record stays in /var/lib/jit"), "{said}");
    here(&format!(
        "sha256sum --quiet -c {0}/pam 2>/dev/null; cmp {0}/root/etc/pam.d/su {1}/etc/pam.d/su",
        root.at,
        super::project().join("target/host-root").display()
    ));
    inside("test ! -e /usr/bin/jit && test ! -e /usr/lib64/security/pam_jit.so && test -e /var/lib/jit/events.db");
}

#[test]
fn it_is_not_removed_as_long_as_a_file_of_pam_names_the_module() {
    if !is_full_run() {
        return;
    }
    let root = Root::make();
    root.rpm(&format!("-i {}", package(".rpm").display()));
    here(&format!("cd {}/root; echo 'account required pam_jit.so' >> etc/pam.d/su; rm usr/bin/jit", root.at));
    let said = here(&format!("rpm --root {}/root --dbpath /var/lib/rpm --nodeps -e pam-jit 2>&1 || echo refused", root.at));
    assert!(said.contains("pam-jit stays installed") && said.contains("refused"), "{said}");
    here(&format!("ls {}/root/usr/lib64/security/pam_jit.so", root.at));
}

#[test]
fn what_it_holds_is_root_s_with_the_modes_that_it_must_have() {
    if !is_full_run() {
        return;
    }
    let listed = here(&format!(
        "rpm -qp --qf '[%{{FILEMODES:perms}} %{{FILEUSERNAME}} %{{FILEGROUPNAME}} %{{FILEFLAGS:fflags}} %{{FILENAMES}}\\n]' {}",
        package(".rpm").display()
    ));
    for expected in [
        "-rw-r--r-- root root  /usr/lib64/security/pam_jit.so",
        "-rwxr-xr-x root root  /usr/sbin/jitd",
        "-rwxr-xr-x root root  /usr/bin/jit",
        "-rw-r--r-- root root d /usr/share/man/man1/jit-enable.1.gz",
        "-rw-r--r-- root root d /usr/share/man/man8/pam_jit.8.gz",
        "-rw-r--r-- root root  /usr/share/bash-completion/completions/jit",
        "-rw-r--r-- root root  /usr/share/zsh/site-functions/_jit",
        "-rw-r--r-- root root  /usr/share/fish/vendor_completions.d/jit.fish",
        "-rw-r--r-- root root  /usr/lib/sysusers.d/jit.conf",
        "-rw-r--r-- root root  /usr/lib/tmpfiles.d/jit.conf",
        "-rw-r--r-- root root cn /etc/jit/policy.toml",
        "-rw-r--r-- root root  /usr/share/selinux/packages/jit.pp",
        "-rw-r--r-- root root d /usr/share/doc/pam-jit/examples/policy.example.toml",
    ] {
        assert!(listed.lines().any(|line| line == expected), "{expected} is not in\n{listed}");
    }
    for unit in units() {
        assert!(listed.contains(&format!("-rw-r--r-- root root  /usr/lib/systemd/system/{unit}\n")), "{unit} is not in\n{listed}");
    }
    for line in listed.lines() {
        assert!(line.contains(" root root ") && !line.contains("pam.d"), "{line}");
    }
}

#[test]
fn its_programs_load_where_glibc_is_2_28() {
    if !is_full_run() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().display();
    here(&format!("cd {at} && rpm2cpio {} | cpio -id --quiet", package(".rpm").display()));
    for file in ["usr/lib64/security/pam_jit.so", "usr/sbin/jitd", "usr/bin/jit"] {
        let symbols = here(&format!("objdump -T {at}/{file}"));
        let versions: Vec<_> = symbols
            .split(|letter: char| !(letter.is_ascii_alphanumeric() || "_.".contains(letter)))
            .filter_map(|word| word.strip_prefix("GLIBC_2."))
            .collect();
        assert!(!versions.is_empty(), "{file}");
        for version in versions {
            let minor: u32 = version.split('.').next().unwrap().parse().unwrap();
            assert!(minor <= 28, "{file} wants GLIBC_2.{version}");
        }
        // The libraries, too, are those of RHEL 8.
        let wanted = here(&format!("objdump -p {at}/{file} | sed -n 's/^ *NEEDED *//p'"));
        for library in wanted.lines() {
            let known = [
                "libc.so.6",
                "libm.so.6",
                "libpthread.so.0",
                "libdl.so.2",
                "librt.so.1",
                "libgcc_s.so.1",
                "libpam.so.0",
                "ld-linux-x86-64.so.2",
                "libutil.so.1",
            ];
            assert!(known.contains(&library), "{file} wants {library}");
        }
        let sections = here(&format!("readelf -SW {at}/{file}"));
        assert!(!sections.contains(".symtab") && !sections.contains(".debug_"), "{file} is not stripped");
    }
}

#[test]
fn its_programs_do_the_work_on_a_real_host() {
    if !is_full_run() {
        return;
    }
    // No host that installs it can be reached: its programs take the place of the .deb's.
    let host = super::installed();
    let unpack = format!(
        "cd {}/root && rpm2cpio {} | cpio -id --quiet './usr/*bin/*' './usr/lib64/*'",
        host.path("").display(),
        package(".rpm").display()
    );
    here(&unpack);
    host.root().run("cd /root/usr; cp sbin/jitd /usr/sbin/jitd.new; mv /usr/sbin/jitd.new /usr/sbin/jitd; cp bin/jit /usr/bin/jit.new; mv /usr/bin/jit.new /usr/bin/jit").succeeds();
    host.root().run("cp /root/usr/lib64/security/pam_jit.so /usr/lib/x86_64-linux-gnu/security/; systemctl restart jitd").succeeds();
    host.root().run("jit enable sudo && jit confirm --unproven && jit doctor").says("pam_jit.so loads");
    super::works_again(&host);
}

#[test]
fn rpmlint_finds_nothing_with_our_configuration() {
    if !is_full_run() {
        return;
    }
    let said = here(&format!("rpmlint -c packaging/rpm/rpmlint.toml {}", package(".rpm").display()));
    assert!(said.contains("0 errors, 0 warnings"), "{said}");
}

#[test]
fn the_selinux_module_compiles() {
    let folder = tempfile::tempdir().unwrap();
    here(&format!("packaging/selinux/build.sh {}", folder.path().display()));
    let made = std::fs::metadata(folder.path().join("selinux/jit.pp")).unwrap();
    assert!(made.len() > 1000);
}
