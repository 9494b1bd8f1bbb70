#!/bin/sh
# Build weir and run every test: units, vectors, simulator, corpora, the tree's own rules, real peers and
# real browsers. Ends with a line "N passed, N failed".
#
#   ./test.sh             everything, under 15 minutes on two cores
#   ./test.sh --long      also clang, valgrind, mbedtls 3.6, OpenSSL 3.5, AArch64 under qemu, and fuzzing for a while
#   ./test.sh --quick     no browsers, no sanitizer build
set -u
cd "$(dirname "$0")"
. scripts/packages.sh

long=no quick=no
for argument in "$@"; do
    case "$argument" in
    --long) long=yes ;;
    --quick) quick=yes ;;
    *) echo "usage: ./test.sh [--quick | --long]" >&2; exit 2 ;;
    esac
done

need_build
need_apps
need_loops
need_openssl
need clang g++ libclang-rt-dev libcmocka-dev openssl gnutls-bin libsrtp2-dev libusrsctp-dev \
    libnss3-dev
if [ "$quick" = no ]; then
    need chromium firefox-esr iproute2 util-linux nftables coturn
    command -v node >/dev/null || need nodejs
    command -v npm >/dev/null || need npm
fi
if [ "$long" = yes ]; then
    need valgrind
    need_arm64
fi

work=build-test-logs
rm -rf "$work"
mkdir -p "$work"
passed=0 failed=0

# step NAME COMMAND...: one thing that must succeed. Status 77: what it needs cannot be had here.
step() {
    name=$1
    shift
    "$@" >"$work/$name.log" 2>&1 </dev/null
    status=$?
    if [ "$status" -eq 0 ]; then
        passed=$((passed + 1))
        echo "ok      $name"
        return 0
    fi
    if [ "$status" -eq 77 ]; then
        echo "skipped $name: $(tail -n 1 "$work/$name.log")"
        return 0
    fi
    failed=$((failed + 1))
    echo "FAILED  $name"
    tail -n 60 "$work/$name.log" | sed 's/^/        /'
    return 1
}

# suite BUILD [OPTIONS OF CTEST...]: run ctest in a build, each test counted.
suite() {
    build=$1
    shift
    ctest --test-dir "$build" "$@" --output-on-failure -j 2 >"$work/ctest-$build.log" 2>&1 </dev/null
    good=$(grep -c ' Passed ' "$work/ctest-$build.log")
    bad=$(grep -cE '\*\*\*(Failed|Timeout|Exception|Not Run)' "$work/ctest-$build.log")
    passed=$((passed + good))
    failed=$((failed + bad))
    echo "        $build: $good passed, $bad failed"
    if [ "$bad" -ne 0 ] || [ "$good" -eq 0 ]; then
        [ "$good" -eq 0 ] && failed=$((failed + 1))
        tail -n 200 "$work/ctest-$build.log" | sed 's/^/        /'
    fi
}

# scenes NAME COMMAND...: what prints a line "ok" or "not ok" for each thing that it tries, each counted.
scenes() {
    name=$1
    shift
    "$@" >"$work/$name.log" 2>&1 </dev/null
    good=$(grep -c '^ok ' "$work/$name.log")
    bad=$(grep -c '^not ok ' "$work/$name.log")
    [ "$good" -eq 0 ] && bad=$((bad + 1))
    passed=$((passed + good))
    failed=$((failed + bad))
    echo "        $name: $good passed, $bad failed"
    [ "$bad" -eq 0 ] || tail -n 80 "$work/$name.log" | sed 's/^/        /'
}

build() {
    cmake --preset "$1" && cmake --build --preset "$1"
}

if step build-release build release; then
    suite build
    step install-and-consume sh test/consumer/run.sh build
    step bad-input sh test/apps/run.sh build
    step weir-dtls sh test/apps/dtls.sh build
    step demo-self timeout 90 build/bin/weir-demo --self
    step demo-self-epoll timeout 90 build/bin/weir-demo --self --pump epoll
    step build-without-apps sh -c 'cmake -S . -B build-bare -G Ninja -DWEIR_APPS=OFF -DWEIR_TESTS=OFF &&
        cmake --build build-bare'
fi
# The other crypto provider: what stands on it most, or everything.
if step build-openssl build openssl; then
    if [ "$long" = yes ]; then
        suite build-openssl
    else
        suite build-openssl -R '^(crypto|kernels|dtls|peer_setup)'
    fi
    seeds=1000
    [ "$long" = yes ] && seeds=10000
    step "set-up-of-$seeds-seeds" timeout 400 build-openssl/test/peer_setup_test --seeds $seeds
    step install-and-consume-openssl sh test/consumer/run.sh build-openssl
fi
if [ "$quick" = no ]; then
    if step build-asan build asan; then
        suite build-asan
    fi
    step web-side timeout 180 node test/apps/web.mjs build
    step address-translators sh test/apps/nat.sh build
    step browsers-install sh -c 'cd test/browser && npm ci --ignore-scripts --no-audit --no-fund'
    if [ -d test/browser/node_modules ]; then
        scenes browsers sh test/browser/run.sh
    fi
    scenes strangers sh test/strange/run.sh build
fi
if [ "$long" = yes ]; then
    if step build-clang build clang; then
        suite build-clang
    fi
    step mbedtls3 sh test/mbedtls3.sh
    step openssl35 sh test/openssl35.sh
    step arm64 sh test/arm64.sh
    step arm32 sh test/arm32.sh
    step valgrind sh test/valgrind.sh build
    step mutants sh test/mutate.sh --every 2
    tail -n 12 "$work/mutants.log" | sed 's/^/        /'
    step threads sh test/tsan.sh
    step fuzz sh fuzz/run.sh 20
    step fuzz-openssl sh fuzz/run.sh 5 fuzz-openssl
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
