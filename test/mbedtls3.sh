#!/bin/sh
# Build and test with mbedtls 3.6. Debian 12 has 2.28 alone, so the packages of Debian 13 are unpacked
# below the build directory; nothing is installed.
set -eu
cd "$(dirname "$0")/.."
. scripts/packages.sh
build=build-mbedtls3
here=$PWD/$build/packages
mkdir -p "$here/lists/partial" "$here/cache/archives/partial" "$here/tree"
: >"$here/status"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(debian_mirror) trixie main" \
    >"$here/sources.list"
options="-o Dir::Etc::sourcelist=$here/sources.list -o Dir::Etc::sourceparts=/dev/null
    -o Dir::State::lists=$here/lists -o Dir::State::status=$here/status -o Dir::Cache=$here/cache
    -o APT::Sandbox::User="
fetch() {
    apt-get $options update &&
        (cd "$here/cache" && apt-get $options download libmbedtls-dev libmbedcrypto16 libmbedx509-7)
}
if ! fetch; then
    echo "the packages of Debian 13 cannot be fetched here"
    exit 77
fi
for package in "$here"/cache/*.deb; do
    dpkg -x "$package" "$here/tree"
done
cmake -S . -B "$build" -G Ninja -DWEIR_APPS=OFF -DCMAKE_PREFIX_PATH="$here/tree/usr"
cmake --build "$build"
LD_LIBRARY_PATH=$(dirname "$(find "$here/tree" -name libmbedcrypto.so)")
export LD_LIBRARY_PATH
ctest --test-dir "$build" --output-on-failure -j 2
