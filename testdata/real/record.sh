#!/usr/bin/env bash
# Records the cases `real-*` with real programs: two network namespaces a case, joined by a veth pair, a capture on
# the victim's end. Needs root and the tools that README.md lists; nothing leaves the namespaces.
#
#   testdata/real/record.sh             # all of them, several at a time
#   testdata/real/record.sh NAME...     # only these, e.g. `real-curl-form`
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=cases.sh
source "$here/cases.sh"

# Cases recorded at once: most of them only wait.
readonly AT_ONCE=8
# Seconds after which a case that hangs is given up.
readonly PATIENCE=180
# Seconds that the programs of the server's side get to begin to listen.
readonly START=20

inside() { # NAMESPACE FUNCTION: runs a function of cases.sh there, under the host name of that side
    local space=$1 name
    [[ $space == *-v ]] && name=EXAMPLE-PC || name=server
    ip netns exec "$space" unshare --uts bash -c \
        'hostname "$1"; source "$2/cases.sh"; cd "$WORK"; "$3"' - "$name" "$here" "$2"
}

listening() { # NAMESPACE PORTS: until something listens on each
    local space=$1 port tries
    for port in $2; do
        for ((tries = START * 10; tries > 0; tries--)); do
            ip netns exec "$space" ss -Hlntu "sport = :$port" | grep -q . && break
            sleep 0.1
        done
        ((tries > 0)) || { echo "$space: nothing listens on $port" >&2; return 1; }
    done
}

remove() { # NUMBER: ends what runs in the namespaces of a case, and them
    local space
    for space in "xf$1-v" "xf$1-s"; do
        ip netns pids "$space" 2>/dev/null | xargs -r kill -9 2>/dev/null || true
        ip netns del "$space" 2>/dev/null || true
        rm -rf "/etc/netns/$space"
    done
}

record() { # NAME NUMBER
    local name=$1 n=$2 key=${1//-/_} v="xf$2-v" s="xf$2-s" dump
    WORK=$(mktemp -d)
    export WORK
    trap 'remove '"$n"'; rm -rf "$WORK"' EXIT
    remove "$n"
    ip netns add "$v" && ip netns add "$s"
    ip link add "xf$n" netns "$v" address 02:00:00:00:00:10 type veth peer name "xf$n" address 02:00:00:00:00:01 netns "$s"
    # Without this a capture shows segments of 64 kB, as on any host that offloads; some cases want them so.
    [[ " $OFFLOADED " == *" $name "* ]] ||
        { ip -n "$v" link set "xf$n" gso_max_segs 1; ip -n "$s" link set "xf$n" gso_max_segs 1; }
    ip -n "$v" addr add 192.0.2.10/24 dev "xf$n"
    ip -n "$s" addr add 192.0.2.1/24 dev "xf$n"
    ip -n "$v" addr add 2001:db8:1::10/64 dev "xf$n" nodad
    ip -n "$s" addr add 2001:db8:1::1/64 dev "xf$n" nodad
    for space in "$v" "$s"; do
        ip -n "$space" link set lo up
        ip -n "$space" link set "xf$n" up
    done
    ip -n "$v" route add default via 192.0.2.1
    ip -n "$v" -6 route add default via 2001:db8:1::1
    # The server's side is every address that a case may name.
    ip -n "$s" route add local 203.0.113.0/24 dev lo
    ip -n "$s" route add local 198.51.100.0/24 dev lo
    ip -n "$s" -6 route add local 2001:db8:80::/48 dev lo
    mkdir -p "/etc/netns/$v"
    echo "nameserver 192.0.2.1" >"/etc/netns/$v/resolv.conf"

    inside "$s" names >"$WORK/names.log" 2>&1 &
    inside "$s" "serve_$key" >"$WORK/serve.log" 2>&1 &
    listening "$s" "53 ${PORTS[$name]:-}" || { tail "$WORK"/*.log >&2; return 1; }
    ip netns exec "$v" tcpdump -Z root -U ${DUMP[$name]:--i xf$n -s 0} -w "$WORK/raw" 2>"$WORK/dump.log" &
    dump=$!
    sleep 1.5
    if ! inside "$v" "act_$key" >"$WORK/act.log" 2>&1; then
        echo "FAIL  $name" >&2
        tail -n 20 "$WORK"/*.log >&2
        return 1
    fi
    sleep 1.5
    kill -INT "$dump"
    wait "$dump" || true
    mkdir -p "$here/../$name"
    keep "$name" "$WORK/raw" "$here/../$name"
    echo "ok    $name"
}

if [[ ${1:-} == --one ]]; then
    record "$2" "$3"
    exit
fi
[[ $(id -u) == 0 ]] || { echo "needs root, for network namespaces" >&2; exit 2; }
[[ $# -gt 0 ]] || set -- "${NAMES[@]}"
n=0
for name in "$@"; do
    echo "$name $n"
    n=$((n + 1))
done | xargs -P "$AT_ONCE" -n 2 timeout -k 10 "$PATIENCE" "$here/record.sh" --one
