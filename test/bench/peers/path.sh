#!/bin/sh
# Run a command on a path of its own: path.sh loopback|segmented|MILLISECONDS WIRE COMMAND...
#
#   loopback      one network namespace; nothing that a process hands to the kernel is ever cut in pieces
#   segmented     two, joined by a pair of interfaces with an MTU of 1,500 that do not segment by
#                 themselves and do not coalesce: the kernel cuts each datagram out, as for a plain
#                 network card, and each comes in alone
#   MILLISECONDS  the same with WIRE (built from wire.c) between them, for so long there and back
#
# The second process of the command goes into the namespace WEIR_BENCH_FAR_NET; the two have the addresses
# WEIR_BENCH_NEAR and WEIR_BENCH_FAR.
set -eu
if [ "${WEIR_IN_PATH:-}" != yes ]; then
    as_root=""
    [ "$(id -u)" -eq 0 ] || as_root=--map-root-user
    WEIR_IN_PATH=yes exec unshare --net --mount --pid --fork --mount-proc --kill-child $as_root sh "$0" "$@"
fi
kind=$1 wire=$2
shift 2
ip link set lo up
if [ "$kind" = loopback ]; then
    # An interface that is no loopback: some gather nothing on loopback, and reach their own address by it.
    ip link add weir0 type veth peer name weir1
    ip address add 10.77.0.1/24 dev weir0
    ip link set weir0 up
    ip link set weir1 up
    exec "$@"
fi
ready=$(mktemp)
trap 'rm -f "$ready"' EXIT

# another: a namespace; its process in $made.
another() {
    : >"$ready"
    unshare --net sh -c "ip link set lo up; echo yes >'$ready'; exec sleep 3600" &
    made=$!
    while [ ! -s "$ready" ]; do sleep 0.01; done
}

another
far=$made
inside="nsenter --net=/proc/$far/ns/net"
if [ "$kind" = segmented ]; then
    ip link add weir0 type veth peer name weir1 netns "$far"
else
    # The wire has a namespace of its own: in one of the others its ends would answer for that one.
    another
    middle="nsenter --net=/proc/$made/ns/net"
    ip link add weir0 type veth peer name wire0 netns "$made"
    $middle ip link add wire1 type veth peer name weir1 netns "$far"
fi
ip address add 10.77.0.1/24 dev weir0
$inside ip address add 10.77.0.2/24 dev weir1
ip link set weir0 txqueuelen 10000 up
$inside ip link set weir1 txqueuelen 10000 up
ethtool -K weir0 tx off gso off tso off tx-udp-segmentation off >/dev/null 2>&1
$inside ethtool -K weir1 tx off gso off tso off tx-udp-segmentation off >/dev/null 2>&1
if [ "$kind" != segmented ]; then
    for end in wire0 wire1; do
        $middle ip link set "$end" txqueuelen 10000 up
        $middle ethtool -K "$end" gro off >/dev/null 2>&1
    done
    $middle "$wire" wire0 wire1 "$kind" &
fi
export WEIR_BENCH_NEAR=10.77.0.1 WEIR_BENCH_FAR=10.77.0.2 WEIR_BENCH_FAR_NET="/proc/$far/ns/net"
status=0
"$@" || status=$?
exit "$status"
