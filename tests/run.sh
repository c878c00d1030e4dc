#!/bin/sh
# All tests: unit tests, then real sudo and sshd in private worlds, with a debug build and with a release build.
set -eu
cd "$(dirname "$0")/.."
with_tests=yes
. tests/prepare.sh
# They mostly wait for something to happen: two at a time for each core.
RUST_TEST_THREADS=${RUST_TEST_THREADS:-$((2 * $(nproc)))}
export RUST_TEST_THREADS
log=$(mktemp)
trap 'rm -f "$log"' EXIT
failed=0
# run NAME COMMAND...: shows the command's output, and keeps it to count.
run() {
    echo "== $1"
    shift
    { "$@" 2>&1 || echo "command failed: $*"; } | tee -a "$log"
}
run "debug build" cargo build --workspace --locked
run "all tests, debug" cargo test --workspace --locked --no-fail-fast
run "release build" cargo build --workspace --release --locked
run "the package" packaging/build.sh deb
[ "${JIT_TEST_FULL:-}" != 1 ] || run "the package for RHEL and Fedora" packaging/build.sh rpm
# The same tests, on the programs and the module that are shipped.
JIT_TEST_BIN_DIR=$PWD/target/release JIT_TEST_MODULE=$PWD/target/release/libpam_jit.so
export JIT_TEST_BIN_DIR JIT_TEST_MODULE
run "the host programs again, release" cargo test -p jit_tests -p pam_jit --test e2e --test in_process --test packages --locked --no-fail-fast
passed=$(awk '/^test result:/ { n += $4 } END { print n + 0 }' "$log")
failed=$(awk '/^test result:/ { n += $6 } END { print n + 0 }' "$log")
broken=$(grep -c '^command failed:' "$log" || true)
[ "$failed" = 0 ] && [ "$broken" != 0 ] && failed=$broken
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
