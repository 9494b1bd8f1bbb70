#!/bin/sh
# Build and test with OpenSSL 3.5, which has ML-KEM. Debian 12 has 3.0 alone, so the packages of Debian 13 are
# unpacked below the build directory, with the C library that they want; nothing is installed.
set -eu
cd "$(dirname "$0")/.."
. scripts/packages.sh
build=build-openssl35
here=$PWD/$build/packages
unpack "$here" trixie "$(dpkg --print-architecture)" libssl3t64 libssl-dev libc6 libzstd1 zlib1g
libraries=$(dirname "$(find "$here/tree/usr/lib" -name libcrypto.so.3)")
loader=$(find "$here/tree/usr" -name 'ld-linux*.so.*' | head -n 1)
mkdir -p "$here/headers"
cp -r "$here/tree/usr/include/openssl" "$here/headers/"
cp -r "$here"/tree/usr/include/*/openssl "$here/headers/"
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DWEIR_CRYPTO=openssl \
    -DOPENSSL_INCLUDE_DIR="$here/headers" -DOPENSSL_CRYPTO_LIBRARY="$libraries/libcrypto.so.3" \
    -DCMAKE_EXE_LINKER_FLAGS="-Wl,--dynamic-linker=$loader,-rpath,$libraries:/usr/lib/$(uname -m)-linux-gnu \
-Wl,--allow-shlib-undefined"
cmake --build "$build"
ctest --test-dir "$build" --output-on-failure -j 2 -R '^(crypto|dtls|peer_sim|peer_sped|node_)'
# In the browsers both ways: the demo answers, and is DTLS client.
if [ -d test/browser/node_modules ]; then
    WEIR_DEMO_OPTIONS=--hybrid WEIR_EXPECT_GROUP=X25519MLKEM768 WEIR_DEMO=$PWD/$build/bin/weir-demo sh test/browser/run.sh page connects
fi
