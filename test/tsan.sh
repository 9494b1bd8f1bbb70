#!/bin/sh
# Everything that has threads, under ThreadSanitizer: the default provider's first use many times over, the
# pumps, the shards of a node, and the demo with its web side.
set -eu
cd "$(dirname "$0")/.."
cmake --preset tsan
cmake --build --preset tsan
TSAN_OPTIONS="halt_on_error=1 second_deadlock_stack=1"
export TSAN_OPTIONS
times=0
while [ "$times" -lt 150 ]; do
    build-tsan/test/threads_test >/dev/null 2>&1 || { build-tsan/test/threads_test; exit 1; }
    times=$((times + 1))
done
ctest --test-dir build-tsan --output-on-failure -j 2 -R '^(threads|pump|keypool|node_)'
timeout 120 build-tsan/bin/weir-demo --self
timeout 120 build-tsan/bin/weir-demo --self --pump epoll
