#!/usr/bin/env bash
# Runs the fuzz targets: each over its corpus, and then for some seconds over what is made up from it.
#
#   fuzz/run.sh [--for SECONDS] [--merge] [TARGET...]
#
# It needs a C++ compiler, and neither a nightly Rust nor cargo-fuzz. What is new is kept in target/fuzz/corpus; --merge takes
# what of it reaches something else into fuzz/corpus, as few files as do.
set -euo pipefail
cd "$(dirname "$0")"
seconds=5 merge=no targets=()
while [ $# -gt 0 ]; do
    case $1 in
        --for) seconds=${2:?"--for needs a number of seconds"}; shift ;;
        --merge) merge=yes ;;
        -*) sed -n '4p' "$0" >&2; exit 2 ;;
        *) targets+=("$1") ;;
    esac
    shift
done
if [ ${#targets[@]} -eq 0 ]; then
    for file in fuzz_targets/*.rs; do name=${file##*/}; targets+=("${name%.rs}"); done
fi

# As cargo-fuzz does without a sanitizer; with --target, build scripts and macros do without.
triple=$(rustc -vV | sed -n 's/^host: //p')
sancov="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters"
sancov="$sancov -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"
RUSTFLAGS="$sancov --cfg fuzzing -Ccodegen-units=1" cargo build --release --locked --target "$triple" --target-dir ../target/fuzz --bins

out=$(cd ../target/fuzz && pwd)
# What stops one: a panic, ten seconds over one input, half a gigabyte.
limits=(-timeout=10 -rss_limit_mb=512)

one() {
    local name=$1 program="$out/$triple/release/$1" log="$out/log/$1"
    mkdir -p "$out/corpus/$name" "$out/crashes/$name" "$out/log" "corpus/$name"
    if "$program" "$out/corpus/$name" "corpus/$name" "${limits[@]}" -max_total_time="$seconds" -print_final_stats=1 \
        -artifact_prefix="$out/crashes/$name/" >"$log" 2>&1; then
        awk -v name="$name" '/cov: / { for (i = 1; i < NF; i++) if ($i == "cov:") cov = $(i + 1); else if ($i == "ft:") ft = $(i + 1) }
            /number_of_executed_units/ { runs = $2 } /peak_rss_mb/ { rss = $2 }
            END { printf "%-14s %10d runs, %6d edges, %6d features, %4d MB\n", name, runs, cov, ft, rss }' "$log"
        return 0
    fi
    local input
    input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
    { grep -v '^#\|^INFO' "$log" | tail -n 40; printf '\n%s FAILED. The input: %s\nAgain: %s %s\n' "$name" "$input" "$program" "$input"; } >&2
    return 1
}

smaller() {
    local name=$1 program="$out/$triple/release/$1" fewer
    fewer=$(mktemp -d)
    "$program" -merge=1 "${limits[@]}" "$fewer" "corpus/$name" "$out/corpus/$name" >"$out/log/$name.merge" 2>&1
    # What has a name was written or kept by hand.
    find "corpus/$name" -type f -regextype posix-extended -regex '.*/[0-9a-f]{40}' -delete
    find "$fewer" -type f -size -8k -printf '%s %p\n' | sort -n | awk '{ sum += $1; if (sum < 150000 && NR <= 400) print $2 }' | while read -r file; do
        cmp -s "$file" "corpus/$name/${file##*/}" || cp "$file" "corpus/$name/"
    done
    rm -rf "$fewer"
    printf '%-14s %4d files, %s\n' "$name" "$(find "corpus/$name" -type f | wc -l)" "$(du -sh --apparent-size "corpus/$name" | cut -f1)"
}

# As many at a time as there are processors.
failed=0 running=0
for name in "${targets[@]}"; do
    if [ "$running" -ge "$(nproc)" ]; then wait -n || failed=1; running=$((running - 1)); fi
    one "$name" &
    running=$((running + 1))
done
while [ "$running" -gt 0 ]; do wait -n || failed=1; running=$((running - 1)); done
[ $failed = 0 ] || exit 1
if [ $merge = yes ]; then for name in "${targets[@]}"; do smaller "$name"; done; fi
