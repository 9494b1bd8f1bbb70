#!/bin/sh
# Build weir and start its demo: a web page that talks to a weir peer, or with --self two weir peers that
# talk to each other in the terminal. All options go to the program; --help lists them.
set -eu
cd "$(dirname "$0")"
. scripts/packages.sh
need_build
need_apps
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { cmake --preset release -DWEIR_TESTS=OFF && cmake --build --preset release; } >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    echo "the build failed; the lines above say why" >&2
    exit 1
fi
rm -f "$log"
trap - EXIT
exec build/bin/weir-demo "$@"
