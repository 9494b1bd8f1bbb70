#!/bin/sh
# The libraries beside weir's parts in their best build: libraries.sh OUTPUT
#
#   OUTPUT/libsrtp2.a    libsrtp 2 from Debian's source with OpenSSL's crypto; Debian builds it with NSS
#   OUTPUT/libusrsctp.a  usrsctp from Debian's source, for this processor
#   OUTPUT/openssl       libcrypto and libssl of Debian 13: 3.5 is faster than 3.0 where there is AVX-512
#
# What cannot be had is left out, and said; then the installed packages are measured.
set -eu
cd "$(dirname "$0")/../../.."
. scripts/packages.sh
need patch make
mkdir -p "$1"
out=$(cd "$1" && pwd)
flags="-O3 -march=native -fPIC -g0"

# source_of PACKAGE: its source with Debian's patches, in $out/PACKAGE; nothing is installed.
source_of() (
    here=$out/sources
    mkdir -p "$here/lists/partial" "$here/cache/archives/partial" "$out/$1"
    : >"$here/status"
    . /etc/os-release
    mirror=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Identifier: Packages' |
        sed -n "s/^$VERSION_CODENAME //p" | head -n 1)
    echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $VERSION_CODENAME main" \
        >"$here/sources.list"
    options="-o Dir::Etc::sourcelist=$here/sources.list -o Dir::Etc::sourceparts=/dev/null
        -o Dir::State::lists=$here/lists -o Dir::State::status=$here/status -o Dir::Cache=$here/cache
        -o APT::Sandbox::User="
    cd "$here"
    [ -n "$(ls lists/*_Sources* 2>/dev/null)" ] || apt-get $options update
    apt-get $options source --download-only "$1"
    tar -C "$out/$1" --strip-components=1 -xf "$(ls "$here/$1"_*.orig.tar.* | grep -v '\.asc$')"
    tar -C "$out/$1" -xf "$(ls "$here/$1"_*.debian.tar.*)"
    cd "$out/$1"
    [ ! -f debian/patches/series ] || grep -v '^#' debian/patches/series | while read -r patch; do
        [ -z "$patch" ] || patch -p1 <"debian/patches/$patch"
    done
)

build_libsrtp2() (
    set -e
    source_of libsrtp2
    cd "$out/libsrtp2"
    CFLAGS="$flags" ./configure --enable-openssl
    make -j2 libsrtp2.a
    cp libsrtp2.a "$out/"
)

build_libusrsctp() (
    set -e
    source_of libusrsctp
    cmake -S "$out/libusrsctp" -B "$out/libusrsctp/build" -G Ninja -DCMAKE_BUILD_TYPE=None -DCMAKE_C_FLAGS="$flags -DNDEBUG" \
        -Dsctp_build_programs=OFF -Dsctp_debug=OFF -Dsctp_invariants=OFF -Dsctp_werror=OFF -DCMAKE_POLICY_VERSION_MINIMUM=3.5
    cmake --build "$out/libusrsctp/build"
    cp "$out/libusrsctp/build/usrsctplib/libusrsctp.a" "$out/"
)

# With the C library that they want.
build_openssl() (
    set -e
    (unpack "$out/openssl" trixie "$(dpkg --print-architecture)" libssl3t64 libc6 libzstd1 zlib1g)
    [ -n "$(find "$out/openssl/tree" -name libcrypto.so.3)" ]
)

for library in libsrtp2 libusrsctp openssl; do
    [ ! -e "$out/$library.done" ] || continue
    # In a shell of its own: errors end it only where nobody asks how it went.
    set +e
    (set -e; "build_$library") >"$out/$library.log" 2>&1
    status=$?
    set -e
    if [ "$status" -eq 0 ]; then
        : >"$out/$library.done"
    else
        echo "$library: no best build here ($out/$library.log says why); the installed package is measured" >&2
    fi
done
