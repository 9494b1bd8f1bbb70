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

# For test/arm64.sh: the cross compiler, and what runs its programs.
need_arm64() {
    need gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user
}

need_apps() {
    need libwebsockets-dev libcjson-dev
}

# Where this machine has Debian's main packages from: the address that apt is set up with.
debian_mirror() {
    . /etc/os-release
    apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Identifier: Packages' |
        sed -n "s/^$VERSION_CODENAME //p" | head -n 1
}
