#!/bin/sh
# Build the crypto for 32-bit ARM with clang, and run what tests it under qemu: a processor without kernels
# of its own, where AES goes in bit slices on lanes of 32 bits. The libraries are unpacked below the
# build directory; nothing is installed.
set -eu
cd "$(dirname "$0")/.."
. scripts/packages.sh
build=build-arm32
here=$PWD/$build/packages
. /etc/os-release
unpack "$here" "$VERSION_CODENAME" armhf libc6-dev libc6 libgcc-12-dev libgcc-s1 linux-libc-dev \
    libmbedtls-dev libmbedcrypto7 libmbedx509-1 libcmocka-dev libcmocka0 liburing-dev liburing2
tree=$here/tree
libraries=$tree/lib/arm-linux-gnueabihf:$tree/usr/lib/arm-linux-gnueabihf
flags="--target=armv7-linux-gnueabihf --sysroot=$tree"
cmake -S . -B "$build" -G Ninja -DWEIR_APPS=OFF -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=armv7l \
    -DCMAKE_C_COMPILER=clang -DCMAKE_C_FLAGS="$flags" -DCMAKE_FIND_ROOT_PATH="$tree" \
    -DCMAKE_LIBRARY_ARCHITECTURE=arm-linux-gnueabihf -DCMAKE_EXE_LINKER_FLAGS=-fuse-ld=lld
tests="kernels_test sliced_test crypto_vector_test sctp_vector_test"
cmake --build "$build" --target $tests
for test in $tests; do
    qemu-arm -L "$tree" -E "LD_LIBRARY_PATH=$libraries" "$build/test/$test"
done
