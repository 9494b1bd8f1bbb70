#!/bin/sh
# Two weir peers behind two address translators, and a STUN server (coturn) between them: each learns its
# public address, and they meet through both translators. All in network namespaces of its own.
#
#   test/apps/nat.sh BUILD-DIRECTORY
set -eu
cd "$(dirname "$0")"
if [ "${WEIR_IN_NAMESPACE:-}" != yes ]; then
    WEIR_BIN=$(cd "../../$1/bin" && pwd)
    export WEIR_BIN WEIR_IN_NAMESPACE=yes
    [ "$(id -u)" -eq 0 ] && exec unshare --net --mount --pid --fork --mount-proc --kill-child sh nat.sh
    exec unshare --net --mount --pid --fork --mount-proc --kill-child --map-root-user sh nat.sh
fi
mount -t tmpfs none /run
mkdir -p /run/netns

# The public network is this namespace: 203.0.113.0/24 on a bridge.
ip link set lo up
ip link add public type bridge
ip address add 203.0.113.1/24 dev public
ip link set public up

# site N: a translator with the public address 203.0.113.1N, and one host behind it at 10.N.0.2.
site() {
    ip netns add "nat$1"
    ip netns add "host$1"
    ip link add "wan$1" type veth peer name wan netns "nat$1"
    ip link set "wan$1" master public up
    ip -n "nat$1" link add lan type veth peer name eth0 netns "host$1"
    ip -n "nat$1" address add "203.0.113.1$1/24" dev wan
    ip -n "nat$1" address add "10.$1.0.1/24" dev lan
    ip -n "nat$1" link set wan up
    ip -n "nat$1" link set lan up
    ip -n "host$1" address add "10.$1.0.2/24" dev eth0
    ip -n "host$1" link set eth0 up
    ip -n "host$1" link set lo up
    ip -n "host$1" route add default via "10.$1.0.1"
    ip netns exec "nat$1" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
    ip netns exec "nat$1" nft add table ip nat
    ip netns exec "nat$1" nft add chain ip nat post '{ type nat hook postrouting priority 100; }'
    ip netns exec "nat$1" nft add rule ip nat post oifname wan masquerade
    # Unasked packets from outside go nowhere, and are not answered.
    ip netns exec "nat$1" nft add chain ip nat forward '{ type filter hook forward priority 0; }'
    ip netns exec "nat$1" nft add rule ip nat forward iifname wan ct state new drop
    ip netns exec "nat$1" nft add chain ip nat input '{ type filter hook input priority 0; }'
    ip netns exec "nat$1" nft add rule ip nat input iifname wan ct state new drop
}
site 1
site 2
turnserver --stun-only --listening-ip 203.0.113.1 --listening-port 3478 --no-tls --no-dtls --no-cli \
    --log-file /run/turn.log --pidfile /run/turn.pid >/dev/null 2>&1 &
sleep 1
timeout 40 node nat.mjs
