# Sourced by the top-level scripts: install what is missing from Debian packages, saying what.

# need PACKAGE... : install those that are not there.
need() {
    missing=""
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
            missing="$missing $package"
    done
    [ -z "$missing" ] && return 0
    as_root=""
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || {
            echo "weir needs these Debian packages:$missing" >&2
            echo "Install them as root, or install sudo, and run this again." >&2
            exit 1
        }
        as_root="sudo"
    fi
    echo "installing Debian packages:$missing"
    log=$(mktemp)
    if ! { $as_root apt-get update &&
        DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y --no-install-recommends $missing; } \
        >"$log" 2>&1 </dev/null; then
        tail -n 20 "$log" >&2
        echo "installing$missing failed; the lines above say why" >&2
        exit 1
    fi
    rm -f "$log"
}

need_build() {
    need cmake ninja-build gcc libc6-dev pkg-config libmbedtls-dev liburing-dev
}

# For -DWEIR_CRYPTO=openssl.
need_openssl() {
    need libssl-dev
}

# For test/arm64.sh and test/arm32.sh: the cross compilers, and what runs their programs.
need_arm64() {
    need gcc-aarch64-linux-gnu libc6-dev-arm64-cross clang lld qemu-user
}

need_apps() {
    need libwebsockets-dev libcjson-dev
}

# For the examples in foreign event loops.
need_loops() {
    need libuv1-dev libglib2.0-dev
}

# unpack DIRECTORY SUITE ARCHITECTURE PACKAGE...: Debian packages of any suite and architecture into
# DIRECTORY/tree, from the address that apt is set up with; nothing is installed. Ends the script with
# status 77 where they cannot be fetched.
unpack() (
    here=$1 suite=$2 architecture=$3
    shift 3
    mkdir -p "$here/lists/partial" "$here/cache/archives/partial" "$here/tree"
    : >"$here/status"
    . /etc/os-release
    mirror=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Identifier: Packages' |
        sed -n "s/^$VERSION_CODENAME //p" | head -n 1)
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" \
        >"$here/sources.list"
    options="-o Dir::Etc::sourcelist=$here/sources.list -o Dir::Etc::sourceparts=/dev/null
        -o Dir::State::lists=$here/lists -o Dir::State::status=$here/status -o Dir::Cache=$here/cache
        -o APT::Architecture=$architecture -o APT::Architectures=$architecture -o APT::Sandbox::User="
    if ! apt-get $options update || ! (cd "$here/cache" && apt-get $options download "$@"); then
        echo "packages of $suite for $architecture cannot be fetched here"
        exit 77
    fi
    for package in "$here"/cache/*.deb; do
        dpkg -x "$package" "$here/tree"
    done
)
