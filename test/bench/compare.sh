#!/bin/sh
# weir beside its peers, interleaved in one run: medians, spreads and processor time, as a table and as
# plots in test/bench/results/.
#
#   test/bench/compare.sh [ROUNDS]     default 7; a round takes about a minute
#
# Peers that Debian packages (OpenSSL, libsrtp2, usrsctp, pion v3) are installed and driven by programs of
# ours. Figures of others are quoted in the table's second part, with their date.
set -eu
cd "$(dirname "$0")/../.."
. scripts/packages.sh
rounds=${1:-7}
need_build
need_openssl
need libcmocka-dev libsrtp2-dev libusrsctp-dev golang-go golang-github-pion-webrtc.v3-dev
command -v node >/dev/null || need nodejs
for preset in release openssl; do
    cmake --preset "$preset" >/dev/null
    cmake --build --preset "$preset" --target weir-bench >/dev/null
done
pion=$PWD/build/bin/bench-pion
[ "$pion" -nt test/bench/peers/pion/main.go ] || sh test/bench/peers/pion/build.sh "$pion"

results=test/bench/results
mkdir -p "$results"
lines=build/compare.jsonl
: >"$lines"

# run NAME COMMAND...: its JSON lines, each with the name of the build or peer and the round.
run() {
    name=$1
    shift
    timeout 60 "$@" 2>/dev/null | sed "s/^{/{\"run\":\"$name\",\"round\":$round,/" >>"$lines" ||
        echo "    $name: $* ended early" >&2
}

round=0
while [ "$round" -lt "$rounds" ]; do
    round=$((round + 1))
    echo "round $round of $rounds" >&2
    run weir build/bin/weir-bench aead
    run weir build/bin/weir-bench srtp
    run weir build/bin/weir-bench sctp
    run weir build/bin/weir-bench pump --raw --seconds 1
    run weir build/bin/weir-bench throughput --procs 2 --seconds 2 --message 65536 --mode ordered-reliable
    run pion "$pion" throughput 2
    run weir build/bin/weir-bench rtp --procs 2 --seconds 2
    run pion "$pion" rtp 2
    run weir build/bin/weir-bench udp
    run weir build/bin/weir-bench latency --procs 2
    run pion "$pion" latency 2
    run weir build/bin/weir-bench setup --procs 2 --setups 50
    run weir-openssl build-openssl/bin/weir-bench setup --procs 2 --setups 100
    run weir-openssl build-openssl/bin/weir-bench reconnect --procs 2 --setups 100
    run pion "$pion" setup 2
    run weir build/bin/weir-bench handshake
    run weir-openssl build-openssl/bin/weir-bench handshake
    run weir build/bin/weir-bench junk
done
node test/bench/report.mjs "$lines" "$results"
