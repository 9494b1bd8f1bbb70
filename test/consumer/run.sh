#!/bin/sh
# Install a build, then build and run a ten-line program against the installed tree: by CMake package,
# shared and static, and by pkg-config.
set -eu
cd "$(dirname "$0")/../.."
build=$1
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
cmake --install "$build" --prefix "$tree/usr" >/dev/null
cmake -S test/consumer -B "$tree/build" -DCMAKE_PREFIX_PATH="$tree/usr" >/dev/null
cmake --build "$tree/build" >/dev/null
libdir=$(dirname "$(find "$tree/usr" -name libweir.so)")
LD_LIBRARY_PATH="$libdir" "$tree/build/consumer_shared"
"$tree/build/consumer_static"
# The installed weir.pc names the prefix of the configured build; point it at this tree.
export PKG_CONFIG_PATH="$libdir/pkgconfig"
flags=$(pkg-config --define-variable=prefix="$tree/usr" --cflags --libs weir)
cc -std=c11 test/consumer/main.c -o "$tree/by-pkg-config" $flags
LD_LIBRARY_PATH="$libdir" "$tree/by-pkg-config"
# Nothing but weir_ names leaves the shared library.
strange=$(nm -D --defined-only "$libdir/libweir.so" | awk '{print $3}' | grep -v '^weir_' || true)
[ -z "$strange" ] || { echo "foreign names: $strange"; exit 1; }
