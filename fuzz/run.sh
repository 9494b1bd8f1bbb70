#!/bin/sh
# Fuzz every harness for SECONDS each (default 60), one after the other, starting from the corpus:
#
#   fuzz/run.sh [SECONDS] [PRESET]    PRESET: fuzz, or fuzz-openssl for the other crypto provider
#
# New inputs go to build-<PRESET>/new/<harness>. A harness that crashes names its file and is over; the others go
# on, and the run fails at its end.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-60}
preset=${2:-fuzz}
build=build-$preset
failed=""
cmake --preset "$preset" >/dev/null
cmake --build --preset "$preset" >/dev/null
for program in "$build"/fuzz/*_fuzz; do
    name=$(basename "$program" _fuzz)
    mkdir -p "$build/new/$name"
    dictionary=""
    [ -f "fuzz/dict/$name.dict" ] && dictionary="-dict=fuzz/dict/$name.dict"
    echo "fuzzing $name for $seconds s"
    "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=0 \
        -verbosity=0 -artifact_prefix="$build/new/$name-" $dictionary \
        "$build/new/$name" "fuzz/corpus/$name" || failed="$failed $name"
done
if [ -n "$failed" ]; then
    echo "with findings:$failed"
    ls "$build"/new/*-crash-* "$build"/new/*-timeout-* "$build"/new/*-oom-* "$build"/new/*-leak-* \
        2>/dev/null || true
    exit 1
fi
echo "all harnesses ran without a finding"
