#!/bin/sh
# weir beside its peers, interleaved in one run: medians, spreads and processor time, as tables and a plot in
# test/bench/results/.
#
#   test/bench/compare.sh [ROUNDS]     default 5; a round takes five minutes
#   test/bench/compare.sh --quick      one short round of everything, to see that it runs, into build-bench/quick/
#
# Peers come from Debian and npm, or are built from Debian's sources (peers/build.sh), and are driven by
# programs of ours that do the same as weir-bench. README.md says how each is used.
set -eu
cd "$(dirname "$0")/../.."
rounds=5 seconds=2 warm=500 far_warm=2000 setups=50 results=test/bench/results
out=$PWD/build-bench
if [ "${1:-}" = --quick ]; then
    rounds=1 seconds=1 warm=200 far_warm=1000 setups=10 results=$out/quick
elif [ -n "${1:-}" ]; then
    rounds=$1
fi
sh test/bench/peers/build.sh "$out"
mkdir -p "$results"
lines=$out/compare.jsonl
: >"$lines"
: >"$out/errors.log"
export WEIR_BENCH_WARM=$warm

# run NAME PATH COMMAND...: its JSON lines, each with the round, the path, and the name of the build or peer.
run() {
    name=$1 path=$2
    shift 2
    echo "$round $name $path: $*" >>"$out/errors.log"
    case $path in
    none | loopback | segmented | 50 | 100) ;;
    stock) set -- "$out/stock" "$@" ;;
    esac
    case $path in
    none) ;;
    segmented | 50 | 100) set -- sh test/bench/peers/path.sh "$path" "$out/wire" "$@" ;;
    *) set -- sh test/bench/peers/path.sh loopback "$out/wire" "$@" ;;
    esac
    # A peer whose connection fails gets two more chances; weir gets none.
    tries="1 2 3"
    case $name in weir*) tries=1 ;; esac
    for try in $tries; do
        timeout 60 "$@" >"$out/one.jsonl" 2>>"$out/errors.log" && break
        echo "    $name, $path, ended early: $*" >&2
    done
    sed "s/^{/{\"run\":\"$name\",\"path\":\"$path\",\"round\":$round,/" "$out/one.jsonl" >>"$lines"
}

# weir PATH OPTION...: both builds.
weir() {
    path=$1
    shift
    run weir "$path" "$out/weir" "$@"
    run weir-openssl "$path" "$out/weir-openssl" "$@"
}

pion() { path=$1; shift; run pion "$path" "$out/pion" "$@"; }
libdatachannel() { path=$1; shift; run libdatachannel "$path" node test/bench/peers/node/libdatachannel.mjs "$@"; }
libwebrtc() { path=$1; shift; run libwebrtc "$path" node test/bench/peers/node/libwebrtc.mjs "$@"; }

# bulk PATH SIZE: everybody's ordered data channel.
bulk() {
    weir "$1" throughput --procs 2 --seconds "$seconds" --warm "$WEIR_BENCH_WARM" --message "$2" --mode ordered-reliable
    for peer in libdatachannel libwebrtc pion; do
        "$peer" "$1" throughput "$seconds" "$2" ordered-reliable
    done
}

# Without offloads: the peers never have any.
plain() {
    weir "$1" throughput --procs 2 --seconds "$seconds" --warm "$warm" --message "$2" --mode ordered-reliable --no-offload
}

round=0
while [ "$round" -lt "$rounds" ]; do
    round=$((round + 1))
    echo "round $round of $rounds, $(date +%H:%M:%S)" >&2
    weir none aead
    weir none srtp
    if [ -x "$out/rivals" ]; then
        for part in aead srtp handshake; do
            run rivals none "$out/rivals" "$part"
        done
    fi
    weir none sctp
    weir none pump --raw --seconds 1
    weir none handshake
    weir none junk
    weir none udp
    for size in 64 1150 1300 4096 16384 65536 mixed; do
        bulk loopback "$size"
    done
    weir loopback latency --procs 2
    weir loopback setup --procs 2 --setups "$setups"
    for peer in libdatachannel libwebrtc pion; do
        "$peer" loopback latency
        "$peer" loopback setup
    done
    weir loopback reconnect --procs 2 --setups "$setups"
    for size in 160 1200; do
        weir loopback rtp --procs 2 --seconds "$seconds" --warm "$warm" --size "$size"
        libdatachannel loopback rtp "$seconds" "$size"
        pion loopback rtp "$seconds" "$size"
    done
    for size in 1150 16384; do
        plain no-offload "$size"
        bulk segmented "$size"
    done
    bulk stock 16384
    plain stock 16384
    # A long path wants more ahead than loopback; of pion's two, the better counts.
    export WEIR_BENCH_WARM=$far_warm WEIR_BENCH_AHEAD=1048576
    for delay in 50 100; do
        bulk "$delay" 16384
        WEIR_BENCH_AHEAD=4194304 run pion-4MiB "$delay" "$out/pion" throughput "$seconds" 16384 ordered-reliable
    done
    unset WEIR_BENCH_AHEAD
    export WEIR_BENCH_WARM=$warm
done
node test/bench/report.mjs "$lines" "$results"
