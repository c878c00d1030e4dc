#!/bin/sh
# Builds the packages into target/packages/:
#   packaging/build.sh deb    for the Debian or Ubuntu that this runs on, and later ones
#   packaging/build.sh rpm    for RHEL 8, 9 and Fedora: nothing in it asks for more than glibc 2.28
#   packaging/build.sh        both
#   packaging/build.sh tools  nothing yet; fetches what the .deb is made with, for the tests
#   packaging/build.sh zig    nothing of a package: what cargo's further arguments name, built as for the .rpm
# Its tools are pinned, and put into target/host-programs once. Wants Rust, libpam0g-dev, dpkg-dev, and for the .rpm python3
# with pip; with checkmodule and SELinux's policy-devel files the SELinux module is compiled anew, and is in the .rpm.
set -eu
cd "$(dirname "$0")/.."

cargo_deb=3.8.0
cargo_generate_rpm=0.21.1
cargo_zigbuild=0.24.0
zig=0.15.1
glibc=2.28

programs=$PWD/target/host-programs
packages=$PWD/target/packages
PATH=$programs/bin:$PATH
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version *= *"\(.*\)"/\1/p' Cargo.toml)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH

# tool NAME VERSION: from its crate, once.
tool() {
    [ "$("$programs/bin/$1" --version 2>/dev/null | sed 's/.* //')" = "$2" ] || {
        echo "building $1 $2"
        cargo install --quiet --locked --root "$programs" "$1@$2"
    }
}

# stripped FROM TO: the program without what only a debugger reads.
stripped() {
    strip --strip-unneeded --remove-section=.comment -o "$2" "$1"
}

# stage FROM: what both packages are made of, out of the programs in this directory.
stage() {
    stage=target/packages/stage
    rm -rf "$stage"
    mkdir -p "$stage/man" "$stage/completions" "$stage/sbin" "$stage/units" "$stage/examples"
    stripped "$1/jit" "$stage/jit"
    stripped "$1/libpam_jit.so" "$stage/libpam_jit.so"
    stripped "$1/jitd" "$stage/sbin/jitd"
    [ ! -e packaging/jit-notify.service ] || stripped "$1/jit-notify" "$stage/sbin/jit-notify"
    # Units, and what is to be copied and edited, of whatever parts there are.
    for file in packaging/*.service packaging/*.socket packaging/*.path packaging/*.timer packaging/metrics/*.service packaging/metrics/*.timer; do
        [ ! -e "$file" ] || install -m 644 "$file" "$stage/units/"
    done
    for file in packaging/policy.example.toml packaging/metrics/*.yml packaging/metrics/*.json; do
        [ ! -e "$file" ] || install -m 644 "$file" "$stage/examples/"
    done
    for file in packaging/notify/*.toml; do
        [ ! -e "$file" ] || install -m 644 "$file" "$stage/examples/notify-${file##*/}"
    done
    "$stage/jit" man "$stage/man"
    [ ! -e "$stage/sbin/jit-notify" ] || "$stage/sbin/jit-notify" man "$stage/man"
    cp packaging/man/*.8 "$stage/man"
    gzip -9n "$stage"/man/*
    for shell in bash zsh fish; do "$stage/jit" completions $shell >"$stage/completions/$shell"; done
    gzip -9nc CHANGELOG.md >"$stage/changelog.gz"
    day=$(date -R -u -d "@$SOURCE_DATE_EPOCH")
    printf 'pam-jit (%s-1) unstable; urgency=medium\n\n  * See changelog.gz for what changed.\n\n -- %s  %s\n' \
        "$version" "pam-jit maintainers <maintainers@pam-jit.invalid>" "$day" | gzip -9n >"$stage/changelog.Debian.gz"
}

build_deb() {
    tool cargo-deb $cargo_deb
    # The whole workspace, as everything else builds it: what is there already is not built again with other features.
    # Without the date too, which build scripts ask for.
    env -u SOURCE_DATE_EPOCH cargo build --release --workspace --locked
    stage target/release
    module=usr/lib/$(gcc -print-multiarch)/security/pam_jit.so
    [ "$module" = usr/lib/x86_64-linux-gnu/security/pam_jit.so ] || {
        echo "the .deb is described for x86_64; this is another machine: $module" >&2
        exit 1
    }
    cargo deb --no-build --no-strip --quiet -p pam_jit --output "$packages/pam-jit_${version}-1_amd64.deb"
}

rpm_tools() {
    tool cargo-generate-rpm $cargo_generate_rpm
    if [ ! -e "$programs/zig/ziglang-$zig.dist-info" ] || [ ! -e "$programs/zig/cargo_zigbuild-$cargo_zigbuild.dist-info" ]; then
        echo "fetching zig $zig and cargo-zigbuild $cargo_zigbuild"
        rm -rf "$programs/zig"
        python3 -m pip install --quiet --no-warn-script-location --target "$programs/zig" ziglang==$zig cargo-zigbuild==$cargo_zigbuild
    fi
}

# zigbuild ARGUMENTS: a release build, for glibc 2.28, of what cargo's arguments name.
zigbuild() {
    rpm_tools
    # Of this machine's libraries libpam alone: its symbols have had the same versions since Linux-PAM 1.1.
    mkdir -p target/packages/libpam
    ln -sf "$(gcc -print-file-name=libpam.so)" target/packages/libpam/libpam.so
    PYTHONPATH=$programs/zig CARGO_ZIGBUILD_ZIG_PATH=$programs/zig/ziglang/zig RUSTFLAGS="-L native=$PWD/target/packages/libpam" \
        "$programs/zig/bin/cargo-zigbuild" zigbuild --release --locked "$@" --target x86_64-unknown-linux-gnu.$glibc
}

build_rpm() {
    programs_of_rpm="-p pam_jit -p jitd -p jit"
    [ ! -e packaging/jit-notify.service ] || programs_of_rpm="$programs_of_rpm -p jit_notify"
    zigbuild $programs_of_rpm
    stage target/x86_64-unknown-linux-gnu/release
    packaging/selinux/build.sh "$stage"
    # RHEL 8's rpm reads gzip for sure.
    cargo generate-rpm --package pam_jit --payload-compress gzip --output "$packages/pam-jit-${version}-1.x86_64.rpm"
}

mkdir -p "$packages"
case "${1:-both}" in
deb) build_deb ;;
rpm) build_rpm ;;
both)
    # One after the other, not behind &&, where -e would not count.
    build_deb
    build_rpm
    ;;
tools)
    tool cargo-deb $cargo_deb
    [ "${JIT_TEST_FULL:-}" != 1 ] || rpm_tools
    exit
    ;;
zig)
    shift
    zigbuild "$@"
    exit
    ;;
*) sed -n '2,7p' "$0" >&2 && exit 2 ;;
esac
ls -l "$packages"/*.deb "$packages"/*.rpm 2>/dev/null || true
