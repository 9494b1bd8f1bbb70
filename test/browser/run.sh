#!/bin/sh
# Run the browser tests in a network namespace of their own: Firefox never checks 127.0.0.1, so peers meet
# on a private address that exists only there. Prints one "ok" or "not ok" line per test.
#
#   test/browser/run.sh [WORD...]           only tests whose name contains every word
#   test/browser/run.sh --table [WORD...]   round trips of a set-up, as a table
set -eu
cd "$(dirname "$0")"
if [ "${WEIR_IN_NAMESPACE:-}" != yes ]; then
    export WEIR_IN_NAMESPACE=yes
    if [ "$(id -u)" -eq 0 ]; then
        exec unshare --net --mount --pid --fork --mount-proc --kill-child sh run.sh "$@"
    fi
    exec unshare --net --mount --pid --fork --mount-proc --kill-child --map-root-user sh run.sh "$@"
fi
ip link set lo up
ip link add weir0 type veth peer name weir1
ip address add 10.77.0.1/24 dev weir0
ip -6 address add fd77::1/64 dev weir0 nodad
ip link set weir0 up
ip link set weir1 up
ip route add default dev weir0
if [ "${1:-}" = --table ]; then
    shift
    exec node table.mjs "$@"
fi
exec node rig.mjs "$@"
