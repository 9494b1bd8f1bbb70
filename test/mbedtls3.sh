#!/bin/sh
# Build and test with mbedtls 3.6. Debian 12 has 2.28 alone, so the packages of Debian 13 are unpacked
# below the build directory; nothing is installed.
set -eu
cd "$(dirname "$0")/.."
. scripts/packages.sh
build=build-mbedtls3
here=$PWD/$build/packages
unpack "$here" trixie "$(dpkg --print-architecture)" libmbedtls-dev libmbedtls21 libmbedcrypto16 \
    libmbedx509-7
cmake -S . -B "$build" -G Ninja -DWEIR_APPS=OFF -DCMAKE_PREFIX_PATH="$here/tree/usr"
cmake --build "$build"
LD_LIBRARY_PATH=$(dirname "$(find "$here/tree" -name libmbedcrypto.so)")
export LD_LIBRARY_PATH
ctest --test-dir "$build" --output-on-failure -j 2
