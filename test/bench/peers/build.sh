#!/bin/sh
# Build what compare.sh runs: build.sh OUTPUT
#
#   OUTPUT/weir, OUTPUT/weir-openssl   weir-bench of either provider, with the best builds of its rivals
#   OUTPUT/rivals                      the same with OpenSSL 3.5 below, for the rivals' lines alone
#   OUTPUT/pion                        pion's driver
#   OUTPUT/stock, OUTPUT/wire          see stock.c and wire.c
#   node/node_modules                  libdatachannel and libwebrtc
set -eu
cd "$(dirname "$0")/../../.."
. scripts/packages.sh
need_build
need_openssl
need libcmocka-dev libsrtp2-dev libusrsctp-dev golang-go golang-github-pion-webrtc.v3-dev \
    iproute2 util-linux ethtool openssl
command -v node >/dev/null && command -v npm >/dev/null || need nodejs npm
mkdir -p "$1"
out=$(cd "$1" && pwd)
libraries=$out/libraries
here=test/bench/peers
sh $here/libraries.sh "$libraries"

# build NAME OPTION...: weir-bench as OUTPUT/NAME, its rivals linked from the best builds that are there.
build() {
    name=$1
    shift
    defines=""
    if [ -e "$libraries/libsrtp2.done" ]; then
        set -- "$@" -DSRTP2="$libraries/libsrtp2.a"
        defines=-DWEIR_BENCH_LIBSRTP_OPENSSL
    fi
    if [ -e "$libraries/libusrsctp.done" ]; then
        set -- "$@" -DUSRSCTP="$libraries/libusrsctp.a"
        defines="$defines -DWEIR_BENCH_USRSCTP_NATIVE"
    fi
    log=$out/$name.log
    { cmake -S . -B "$out/build-$name" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DWEIR_APPS=OFF \
        -DCMAKE_C_FLAGS="$defines" "$@" && cmake --build "$out/build-$name" --target weir-bench; } >"$log" 2>&1 ||
        { tail -n 20 "$log" >&2; exit 1; }
    cp "$out/build-$name/bin/weir-bench" "$out/$name"
}

build weir -DWEIR_CRYPTO=mbedtls
build weir-openssl -DWEIR_CRYPTO=openssl
if [ -e "$libraries/openssl.done" ]; then
    tree=$libraries/openssl/tree
    new=$(dirname "$(find "$tree" -name libcrypto.so.3 | head -n 1)")
    loader=$(find "$tree" -name 'ld-linux*.so.*' | head -n 1)
    build rivals -DWEIR_CRYPTO=openssl -DOPENSSL_CRYPTO_LIBRARY="$new/libcrypto.so.3" \
        -DLIBCRYPTO="$new/libcrypto.so.3" -DLIBSSL="$new/libssl.so.3" \
        -DCMAKE_EXE_LINKER_FLAGS="-Wl,--dynamic-linker=$loader,-rpath,$new:/usr/lib/$(uname -m)-linux-gnu -Wl,--allow-shlib-undefined"
fi
[ "$out/pion" -nt $here/pion/main.go ] || sh $here/pion/build.sh "$out/pion"
for tool in stock wire; do
    gcc -std=gnu11 -O2 -Wall -Wextra -Werror -o "$out/$tool" $here/$tool.c
done
[ -d $here/node/node_modules ] || (cd $here/node && npm ci --ignore-scripts --no-audit --no-fund >/dev/null)
