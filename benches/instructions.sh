#!/usr/bin/env bash
# Counts the instructions of the hot path, and fails where one takes 10 % more than benches/instructions.txt says: what was won stays.
#
#   benches/instructions.sh [--record]
#
# Unlike times they are the same on a busy machine. Another compiler or processor may need other ones: --record writes down what
# they are here; say in the commit why they grew.
set -euo pipefail
cd "$(dirname "$0")/.."
known=benches/instructions.txt most=110
record=no
[ "${1:-}" = --record ] && record=yes
command -v valgrind >/dev/null || { echo "valgrind is missing: apt-get install valgrind" >&2; exit 1; }
cargo build --release --workspace --locked --quiet

failed=0 counts=
for name in check frame policy; do
    said=$(valgrind --tool=callgrind --callgrind-out-file=/dev/null --collect-atstart=no --toggle-collect='*instructions::counted*' \
        target/release/jit_benches instructions $name 2>&1)
    count=$(awk -v name=$name '/^[0-9]+$/ { times = $1 } /Collected :/ { all = $4 } END { if (times && all) print int(all / times); else exit 1 }' <<<"$said") ||
        { echo "$said" >&2; exit 1; }
    counts+="$name $count"$'\n'
    [ $record = no ] || continue
    awk -v name=$name -v count="$count" -v most=$most '
        $1 == name { before = $2 }
        END {
            if (!before) { print name ": not recorded yet; run benches/instructions.sh --record"; exit 1 }
            printf "%-7s %7d instructions, recorded %7d: %+.1f %%\n", name, count, before, 100 * (count - before) / before
            exit count * 100 > before * most
        }' $known || failed=1
done
if [ $record = yes ]; then
    printf '%s' "$counts" | tee $known
elif [ $failed = 1 ]; then
    echo "the hot path takes more than $most % of the instructions that are recorded in $known" >&2
    exit 1
fi
