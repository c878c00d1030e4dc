#!/usr/bin/env bash
# How much of jit_core and jit_proto their own tests reach, in regions: what LLVM counts, finer than lines (each arm, each `?`).
#
#   tests/coverage.sh [--least PERCENT] [--missed]
#
# A line for each file, worst first, and the sum; --missed names each region that no test reaches; with --least it fails where the
# sum of a crate is less. Test code does not count. What rustc writes down is read by the LLVM of Debian, of which a somewhat older one
# will do (19 reads what 22 writes).
set -euo pipefail
cd "$(dirname "$0")/.."
least=0 missed=no llvm=19 crates=(jit_core jit_proto)
while [ $# -gt 0 ]; do
    case $1 in
        --least) least=${2:?"--least needs a percentage"}; shift ;;
        --missed) missed=yes ;;
        *) sed -n '4p' "$0" >&2; exit 2 ;;
    esac
    shift
done
packages=()
command -v llvm-cov-$llvm >/dev/null || packages+=(llvm-$llvm)
command -v jq >/dev/null || packages+=(jq)
if [ ${#packages[@]} -gt 0 ]; then
    echo "installing: ${packages[*]}"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}"; } >/dev/null
fi

# With --target, build scripts and macros are not counted, and write nothing.
out=target/coverage triple=$(rustc -vV | sed -n 's/^host: //p')
test=(cargo test --locked --target "$triple" --target-dir $out --lib --tests)
for crate in "${crates[@]}"; do test+=(-p "$crate"); done
export RUSTFLAGS=-Cinstrument-coverage CARGO_PROFILE_TEST_DEBUG=0
mkdir -p $out
rm -rf $out/profiles
"${test[@]}" --no-run 2>&1 | tee $out/build.log | grep -E '^(warning|error)' && exit 1
mapfile -t objects < <(sed -n 's/^ *Executable .* (\(.*\))$/-object=\1/p' $out/build.log)
LLVM_PROFILE_FILE="$PWD/$out/profiles/%p-%m.profraw" "${test[@]}" --quiet >$out/test.log 2>&1 || { cat $out/test.log; exit 1; }
llvm-profdata-$llvm merge -sparse $out/profiles/*.profraw -o $out/profile
llvm-cov-$llvm export -instr-profile=$out/profile "${objects[@]}" --ignore-filename-regex='(/registry/|/rustc/)' >$out/coverage.json

# From which line on a file is test code: its test module's, or all of it where it is one.
sources=()
for crate in "${crates[@]}"; do mapfile -t -O ${#sources[@]} sources < <(find "$crate/src" -name '*.rs'); done
awk 'before == "#[cfg(test)]" && / ?mod [a-z_]+ \{$/ { print FILENAME "\t" FNR }
    before == "#[cfg(test)]" && match($0, /mod [a-z_]+;$/) {
        dir = FILENAME; if (dir ~ /\/(mod|lib)\.rs$/) sub(/\/[a-z]+\.rs$/, "", dir); else sub(/\.rs$/, "", dir)
        print dir "/" substr($0, RSTART + 4, RLENGTH - 5) ".rs\t" 0
    }
    { before = $0 }' "${sources[@]}" >$out/tests.tsv

# A region is reached if it is in any of the forms in which a generic function was compiled. Kind 0 is code.
jq -r '.data[0].functions[] | .filenames as $files | .regions[] | select(.[7] == 0) | [$files[.[5]], .[0], .[1], .[2], .[3], .[4]] | @tsv' \
    $out/coverage.json | sed "s|^$PWD/||" | awk -F '\t' -v OFS='\t' -v least="$least" -v missed=$missed -v crates="${crates[*]}" '
    NR == FNR { tests[$1] = $2; next }
    $1 !~ /^jit_[a-z]+\/src\// || ($1 in tests && $2 >= tests[$1]) { next }
    { region = $1 OFS $2 OFS $3 OFS $4 OFS $5; if (!(region in count)) count[region] = 0; count[region] += $6 }
    END {
        for (region in count) {
            split(region, at, OFS); crate = at[1]; sub(/\/.*/, "", crate)
            of[at[1]]++; of[crate]++
            if (count[region] > 0) { reached[at[1]]++; reached[crate]++ }
            else if (missed == "yes") print at[1] ":" at[2] ":" at[3] " to " at[4] ":" at[5] | "sort -t: -k1,1 -k2,2n >&2"
        }
        close("sort -t: -k1,1 -k2,2n >&2")
        for (name in of) if (name ~ /\//) printf "%6.2f %% of %5d regions, %3d missed  %s\n", 100 * reached[name] / of[name], of[name], of[name] - reached[name], name | "sort -n"
        close("sort -n")
        n = split(crates, names, " ")
        for (i = 1; i <= n; i++) {
            name = names[i]
            if (of[name] == 0) { print name ": nothing was counted"; failed = 1; continue }
            part = 100 * reached[name] / of[name]
            printf "%6.2f %% of %5d regions, %3d missed  %s in all\n", part, of[name], of[name] - reached[name], name
            if (part < least) { print name " must have " least " %"; failed = 1 }
        }
        exit failed
    }' $out/tests.tsv -
