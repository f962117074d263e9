#!/usr/bin/env bash
# Times exfilscan against whatever else reads captures on this machine, on one file, in one go.
#
#   benches/compare.sh CAPTURE [ROUNDS]        (default: 5 rounds)
#
# Each round runs every program once, one after the other: what the machine does meanwhile hits all of them. Ratios are
# taken within a round; printed is their median with the range. The page cache is warm. Environment:
#   EXFILSCAN   the program (default: target/release/exfilscan)
#   ONLY        run only programs whose label matches this pattern of bash, and the reference
#   SLOW=1      run programs that take minutes for a gigabyte also on files above 256 MB
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
file=$(realpath "${1:?usage: benches/compare.sh CAPTURE [ROUNDS]}")
rounds=${2:-5}
program=${EXFILSCAN:-$here/target/release/exfilscan}
[ -x "$program" ] || { echo "no program: cargo build --release first, or set EXFILSCAN" >&2; exit 2; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Label, the program it needs, command. `slow` before the label: minutes for a gigabyte.
labels=() commands=()
offer() {
    local speed=$1 label=$2 needs=$3 command=$4
    if [ -n "${ONLY:-}" ] && [ "$label" != "$reference" ]; then
        # shellcheck disable=SC2053 # a pattern is meant
        [[ $label == $ONLY ]] || return 0
    fi
    if ! command -v "$needs" >/dev/null; then
        echo "left out: $label (not installed)"
    elif [ "$speed" = slow ] && [ "$bytes" -gt $((256 << 20)) ] && [ "${SLOW:-0}" != 1 ]; then
        echo "left out: $label (slow; SLOW=1 runs it)"
    else
        labels+=("$label") commands+=("$command")
    fi
}

bytes=$(wc -c < "$file")
if command -v tcpdump >/dev/null; then reference="tcpdump copy"; else reference="exfilscan -j 1"; fi
echo "$(uname -sm), $(getconf _NPROCESSORS_ONLN) processors, $(date -u +%F)"
sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>/dev/null | head -1
"$program" --version
echo "$file: $bytes bytes, $rounds rounds"

q=$(printf %q "$file") x=$(printf %q "$program") s=$(printf %q "$scratch")
offer fast "tcpdump copy"           tcpdump    "tcpdump -r $q -w /dev/null"
offer fast "exfilscan -j 2"         "$program" "$x scan -q -j 2 -f json $q"
offer fast "exfilscan -j 1"         "$program" "$x scan -q -j 1 -f json $q"
offer fast "exfilscan -j 1 no hash" "$program" "$x scan -q -j 1 --no-hash -f json $q"
offer fast "capinfos"               capinfos   "capinfos -c $q"
offer fast "openssl sha256"         openssl    "openssl dgst -sha256 $q"
offer fast "nfpcapd flows"          nfpcapd    "nfpcapd -r $q -w $s"
offer fast "ndpiReader"             ndpiReader "ndpiReader -q -i $q"
offer slow "suricata no rules"      suricata   "suricata -r $q -l $s -S /dev/null"
offer slow "zeek"                   zeek       "cd $s && zeek -C -r $q"
offer slow "tshark conversations"   tshark     "tshark -r $q -q -z conv,tcp"
offer slow "tcpdump text"           tcpdump    "tcpdump -n -r $q"
echo

cat "$file" > /dev/null
peak=()
if [ -x /usr/bin/time ] && /usr/bin/time -f %M true >/dev/null 2>&1; then peak=(/usr/bin/time -o "$scratch/peak" -f %M); fi
# Wall, user, system seconds and peak kB of one run; kB is 0 where there is no GNU time.
run_one() {
    local TIMEFORMAT='%3R %3U %3S'
    echo 0 > "$scratch/peak"
    local status=0
    { time ${peak[@]+"${peak[@]}"} bash -c "$1" > /dev/null 2> "$scratch/errors"; } 2> "$scratch/time" || status=$?
    # 3 is ours for a capture that is not whole, which was read all the same.
    [ "$status" = 0 ] || { [ "$status" = 3 ] && [[ $1 == *" scan "* ]]; } || return 1
    echo "$(tail -1 "$scratch/time") $(tail -1 "$scratch/peak")"
}

: > "$scratch/runs"
for round in $(seq "$rounds"); do
    for at in "${!labels[@]}"; do
        if figures=$(run_one "${commands[$at]}"); then
            echo "$round;${labels[$at]};${figures// /;}" >> "$scratch/runs"
        else
            echo "failed: ${labels[$at]}: $(tail -1 "$scratch/errors")"
            unset "labels[$at]" "commands[$at]"
        fi
    done
done

printf '%-24s %8s %9s %8s %8s  %s\n' program 'wall s' 'user+sys' 'peak MB' 'MB/s' "wall / $reference: median (range)"
for at in "${!labels[@]}"; do
    awk -F';' -v label="${labels[$at]}" -v reference="$reference" -v bytes="$bytes" '
        function median(values, n,    i, j, swap) {
            for (i = 2; i <= n; i++)
                for (j = i; j > 1 && values[j - 1] > values[j]; j--) {
                    swap = values[j]; values[j] = values[j - 1]; values[j - 1] = swap
                }
            return n % 2 ? values[(n + 1) / 2] : (values[n / 2] + values[n / 2 + 1]) / 2
        }
        $2 == reference { base[$1] = $3 }
        $2 == label { n++; wall[n] = $3; round[n] = $1; work[n] = $4 + $5; if ($6 > peak) peak = $6 }
        END {
            # Sorting moves wall: ratios first.
            for (i = 1; i <= n; i++) if (base[round[i]] > 0) ratio[++m] = wall[i] / base[round[i]]
            w = median(wall, n)
            rate = (w > 0) ? bytes / w / 1e6 : 0
            printf "%-24s %8.3f %9.3f %8.0f %8.0f", label, w, median(work, n), peak / 1024, rate
            if (m > 0) { r = median(ratio, m); printf "  %.2f (%.2f-%.2f)", r, ratio[1], ratio[m] }
            print ""
        }' "$scratch/runs"
done
echo
for at in "${!labels[@]}"; do
    printf '%-24s %s\n' "${labels[$at]}" "${commands[$at]//$s/DIR}"
done
