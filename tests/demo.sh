#!/bin/sh
# A guided demonstration of the main job on real sudo and sshd, in a private world on this machine.
set -eu
cd "$(dirname "$0")/.."
. tests/prepare.sh
cargo build --quiet --workspace --release --locked
exec target/release/jit-demo
