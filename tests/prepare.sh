# What the demonstration needs on a Debian machine with Rust, and with with_tests=yes what all tests need: sourced, not run.
# Installed services do not touch the host: the tests run their own, in a private world.

if [ "$(id -u)" != 0 ]; then
    echo "run this as root: it makes private namespaces with real sudo and sshd in them" >&2
    exit 1
fi
missing=
need() { # need PROGRAM-OR-FILE PACKAGE
    command -v "$1" >/dev/null 2>&1 || [ -e "$1" ] || missing="$missing $2"
}
need cc build-essential
need sudo sudo
need /usr/sbin/sshd openssh-server
need ssh openssh-client
need ip iproute2
need pgrep procps
need nsenter util-linux
need script bsdutils
need hostname hostname
need /usr/include/security/pam_modules.h libpam0g-dev
if [ "${with_tests:-}" = yes ]; then
    need c++ build-essential
    need systemd-analyze systemd
    need valgrind valgrind
    need cron cron
    need sqlite3 sqlite3
    need tmux tmux
    need openssl openssl
    need mmdebstrap mmdebstrap
    need dpkg-shlibdeps dpkg-dev
    need lintian lintian
    need checkmodule checkpolicy
    need semodule_package semodule-utils
    if [ "${JIT_TEST_FULL:-}" = 1 ]; then
        need rpm rpm
        need rpm2cpio rpm2cpio
        need cpio cpio
        need rpmlint rpmlint
        need pip3 python3-pip
    fi
fi
ls /usr/lib/*/faketime/libfaketime.so.1 >/dev/null 2>&1 || missing="$missing libfaketime"
if [ -n "$missing" ]; then
    echo "installing:$missing"
    # No service may start on this machine because of us.
    policy=/usr/sbin/policy-rc.d
    [ -e $policy ] || { printf '#!/bin/sh\nexit 101\n' >$policy; chmod 755 $policy; ours=yes; }
    installed=0 # Whoever sources this has set -e: what fails must not end it before that file is gone again.
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing; } >/dev/null || installed=$?
    [ "${ours:-}" = yes ] && rm -f $policy
    [ $installed = 0 ] || { echo "apt-get could not install:$missing" >&2; exit 1; }
fi

# sudo-rs, which some distributions have in sudo's place: built from its crate, once.
sudo_rs=0.2.15
if [ "${with_tests:-}" = yes ] && [ "$(target/host-programs/bin/sudo --version 2>/dev/null)" != "sudo-rs $sudo_rs" ]; then
    echo "building sudo-rs $sudo_rs, for the tests"
    said=$(cargo install --quiet --locked --root target/host-programs sudo-rs@$sudo_rs 2>&1) || {
        printf '%s\nsudo-rs cannot be built\n' "$said" >&2
        exit 1
    }
fi

# What the packages are made with, in the versions that packaging/build.sh names: built once.
if [ "${with_tests:-}" = yes ]; then
    packaging/build.sh tools || {
        echo "the tools of the packages cannot be built" >&2
        exit 1
    }
fi

# A Debian with systemd, for the tests that boot one: made once.
host_root=target/host-root
if [ "${with_tests:-}" = yes ] && [ ! -e $host_root/made ]; then
    echo "making a Debian to boot, for the tests"
    rm -rf $host_root
    mkdir -p target
    packages=systemd,systemd-sysv,dbus,sudo,openssh-server,openssh-client,libpam-systemd,procps,iproute2,passwd,util-linux
    mmdebstrap --quiet --variant=minbase --include=$packages "$(. /etc/os-release && echo "$VERSION_CODENAME")" $host_root && touch $host_root/made || {
        echo "it cannot be made" >&2
        exit 1
    }
fi
