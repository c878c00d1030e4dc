#!/bin/sh
# Compiles the SELinux module into the folder "selinux" of the directory that is named. Its format is one that the tools of
# RHEL 8 still read.
set -eu
to=$1/selinux
here=$(dirname "$0")
command -v checkmodule >/dev/null && command -v semodule_package >/dev/null || {
    echo "checkmodule and semodule_package are missing (Debian: checkpolicy, semodule-utils; Fedora: checkpolicy, policycoreutils-devel)" >&2
    exit 1
}
mkdir -p "$to"
checkmodule -M -m -c 19 -o "$to/jit.mod" "$here/jit.te"
semodule_package -o "$to/jit.pp" -m "$to/jit.mod" -f "$here/jit.fc"
