#!/bin/sh
# Fuzz every harness for SECONDS each (default 60), one after the other, starting from the corpus. New
# inputs go to build-fuzz/new/<harness>; a crash stops the run with its file named.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-60}
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
        "build-fuzz/new/$name" "fuzz/corpus/$name"
done
echo "all harnesses ran without a finding"
