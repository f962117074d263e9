#!/usr/bin/env bash
# Counts the instructions of a scan of shipped captures and compares them with what they were: time on a shared machine
# guards nothing, instructions do.
#
#   benches/instructions.sh            5 % more than benches/instructions.txt says is an error (status 1)
#   benches/instructions.sh --update   writes today's counts for this target and toolchain
#
# Needs valgrind (callgrind) and the release build of this repository's profile. Where there is no valgrind, or no count
# for this target, toolchain and processor, it says so and ends with 0. EXFILSCAN names another program.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly MORE=5   # per cent
readonly CASES="benign-ntp benign-cloud-backup formbook lumma-v6 dns-tunnel vidar-2018"
baseline=benches/instructions.txt
program=${EXFILSCAN:-target/release/exfilscan}
if ! command -v valgrind >/dev/null; then
    echo "instructions are not counted: no valgrind here"
    exit 0
fi
[ -x "$program" ] || { echo "no program: cargo build --release first" >&2; exit 2; }

# What the compiler makes depends on it, and what the program chooses at run time on the processor.
vectors=$(grep -qw avx2 /proc/cpuinfo && echo avx2 || echo plain)
key="$(rustc -vV | sed -n 's/^host: //p') rustc-$(rustc -vV | sed -n 's/^release: //p') $vectors"

count() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" scan -q -j 1 -f json "testdata/$1/capture.pcap" \
        2>&1 >/dev/null | awk '/Collected/ { print $NF }'
}

if [ "${1:-}" = --update ]; then
    { grep -v "^$key " "$baseline" 2>/dev/null || true
      for case in $CASES; do echo "$key $case $(count "$case")"; done
    } | sort > "$baseline.new"
    mv "$baseline.new" "$baseline"
    grep "^$key " "$baseline"
    exit 0
fi
if ! grep -q "^$key " "$baseline"; then
    echo "instructions are not compared: no counts for $key in $baseline (--update writes them)"
    exit 0
fi
status=0
for case in $CASES; do
    before=$(awk -v key="$key $case " 'index($0, key) == 1 { print $NF }' "$baseline")
    now=$(count "$case")
    if [ -z "$before" ]; then
        echo "$case: $now, no count before"
        continue
    fi
    awk -v case="$case" -v before="$before" -v now="$now" -v more="$MORE" 'BEGIN {
        change = 100 * (now - before) / before
        much = (change > more)
        printf "%-24s %12d  %+.1f %% of %d%s\n", case, now, change, before, much ? "  TOO MUCH" : ""
        exit much
    }' || status=1
done
[ "$status" = 0 ] || echo "more than $MORE % more instructions: mend it, or --update and say why"
exit "$status"
