//! The peer of the session lines: a module of twenty lines of C that makes such a cgroup, moves into it, and waits for the disk.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The other module: below the cgroup of its first argument it makes one and moves into it; with a second argument it also
/// writes 256 bytes to that file, and waits until they are on disk. At the close it moves back and removes the cgroup.
const C: &str = r#"
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <security/pam_modules.h>
static int put(const char *path, const char *text, size_t size, int more) {
    int file = open(path, O_WRONLY | more, 0600);
    int done = file >= 0 && write(file, text, size) == (ssize_t)size && (!more || fdatasync(file) == 0);
    if (file >= 0) close(file);
    return done;
}
static int move(const char *cgroup) {
    char procs[4096];
    snprintf(procs, sizeof procs, "%s/cgroup.procs", cgroup);
    return put(procs, "0", 1, 0);
}
int pam_sm_open_session(pam_handle_t *handle, int flags, int argc, const char **argv) {
    char own[4000], line[256] = "session.opened";
    snprintf(own, sizeof own, "%s/c-%d", argv[0], getpid());
    int written = argc < 2 || put(argv[1], line, sizeof line, O_CREAT | O_APPEND);
    return written && mkdir(own, 0755) == 0 && move(own) ? PAM_SUCCESS : PAM_SESSION_ERR;
}
int pam_sm_close_session(pam_handle_t *handle, int flags, int argc, const char **argv) {
    char own[4000];
    snprintf(own, sizeof own, "%s/c-%d", argv[0], getpid());
    return move(argv[0]) && rmdir(own) == 0 ? PAM_SUCCESS : PAM_SESSION_ERR;
}
"#;

/// Compiles it.
pub fn compiled(place: &Path) -> PathBuf {
    let (source, module) = (place.join("pam_c.c"), place.join("pam_c.so"));
    std::fs::write(&source, C).unwrap();
    assert!(Command::new("cc").args(["-O2", "-shared", "-fPIC", "-o"]).arg(&module).arg(&source).status().unwrap().success());
    module
}
