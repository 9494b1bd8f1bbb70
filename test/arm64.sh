#!/bin/sh
# Build the kernels for AArch64 with Debian's cross compiler, and run what tests them under qemu. The
# libraries that the tests need are unpacked below the build directory; nothing is installed.
set -eu
cd "$(dirname "$0")/.."
. scripts/packages.sh
build=build-arm64
here=$PWD/$build/packages
. /etc/os-release
unpack "$here" "$VERSION_CODENAME" arm64 libmbedtls-dev libmbedcrypto7 libmbedx509-1 libcmocka-dev libcmocka0 \
    liburing-dev liburing2
libraries=$here/tree/usr/lib/aarch64-linux-gnu
run="qemu-aarch64 -cpu max -E WEIR_TEST_LEVEL=armv8 -L /usr/aarch64-linux-gnu -E LD_LIBRARY_PATH=$libraries:/usr/aarch64-linux-gnu/lib"

cmake -S . -B "$build" -G Ninja -DWEIR_APPS=OFF -DCMAKE_SYSTEM_NAME=Linux \
    -DCMAKE_SYSTEM_PROCESSOR=aarch64 -DCMAKE_C_COMPILER=aarch64-linux-gnu-gcc \
    -DCMAKE_FIND_ROOT_PATH="$here/tree" -DCMAKE_EXE_LINKER_FLAGS="-L$libraries"
tests="kernels_test sliced_test crypto_vector_test sctp_vector_test"
cmake --build "$build" --target $tests
for level in generic armv8; do
    for test in $tests; do
        WEIR_CPU=$level $run "$build/test/$test"
    done
done
