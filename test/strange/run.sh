#!/bin/sh
# Connect weir-peer with other stacks (see README.md), in a network namespace of its own. Prints one "ok" or
# "not ok" line per scene.
#
#   test/strange/run.sh BUILD [WORD...]    only scenes whose name contains every word
set -eu
cd "$(dirname "$0")/../.."
if [ "${WEIR_IN_NAMESPACE:-}" != yes ]; then
    . scripts/packages.sh
    need python3-aiortc golang-go golang-github-pion-webrtc.v3-dev iproute2 util-linux
    [ -d test/strange/node_modules ] ||
        (cd test/strange && npm ci --ignore-scripts --no-audit --no-fund >/dev/null)
    pion=$1/test/guest-pion
    [ "$pion" -nt test/strange/guest_pion.go ] ||
        sh test/bench/peers/pion/build.sh "$PWD/$pion" "$PWD/test/strange/guest_pion.go"
    export WEIR_IN_NAMESPACE=yes
    as_root=""
    [ "$(id -u)" -eq 0 ] || as_root=--map-root-user
    exec unshare --net --mount --pid --fork --mount-proc --kill-child $as_root sh test/strange/run.sh "$@"
fi
ip link set lo up
ip link add weir0 type veth peer name weir1
ip address add 10.77.0.1/24 dev weir0
ip link set weir0 up
ip link set weir1 up
ip route add default dev weir0
exec node test/strange/run.mjs "$@"
