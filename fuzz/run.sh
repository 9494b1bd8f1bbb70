#!/bin/sh
# Fuzz every harness for SECONDS each (default 60), one after the other, starting from the corpus. New
# inputs go to build-fuzz/new/<harness>. A harness that crashes names its file and is over; the others go
# on, and the run fails at its end.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-60}
failed=""
cmake --preset fuzz >/dev/null
cmake --build --preset fuzz >/dev/null
for program in build-fuzz/fuzz/*_fuzz; do
    name=$(basename "$program" _fuzz)
    mkdir -p "build-fuzz/new/$name"
    dictionary=""
    [ -f "fuzz/dict/$name.dict" ] && dictionary="-dict=fuzz/dict/$name.dict"
    echo "fuzzing $name for $seconds s"
    "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=0 \
        -verbosity=0 -artifact_prefix="build-fuzz/new/$name-" $dictionary \
        "build-fuzz/new/$name" "fuzz/corpus/$name" || failed="$failed $name"
done
if [ -n "$failed" ]; then
    echo "with findings:$failed"
    ls build-fuzz/new/*-crash-* build-fuzz/new/*-timeout-* build-fuzz/new/*-oom-* build-fuzz/new/*-leak-* \
        2>/dev/null || true
    exit 1
fi
echo "all harnesses ran without a finding"
