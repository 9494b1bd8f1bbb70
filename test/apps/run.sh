#!/bin/sh
# The programs and bad input: each mistake is answered by a sentence that says what to do, and Ctrl-C ends
# them properly within a second. Then every verb of weir-peer, where Node.js is installed.
set -u
cd "$(dirname "$0")/../.."
bin=$1/bin
failed=0

# says WHAT PATTERN COMMAND...: the command fails and its words match.
says() {
    what=$1 pattern=$2
    shift 2
    words=$(timeout 5 "$@" 2>&1 </dev/null)
    status=$?
    if [ "$status" -eq 0 ] || ! printf '%s' "$words" | grep -q "$pattern"; then
        echo "$what: exit $status, said: $words"
        failed=1
    fi
}

says "a port too large" "0 (any) to 65535" "$bin/weir-peer" --port 70000
says "a port of letters" "0 (any) to 65535" "$bin/weir-peer" --port http
says "an address that is none" "IP address of this host" "$bin/weir-peer" --bind nonsense
says "an address of another host" "no such address" "$bin/weir-peer" --bind 203.0.113.1
says "a pump that is none" "auto, uring or epoll" "$bin/weir-peer" --pump poll
says "an option that is none" "nrecognized" "$bin/weir-peer" --frobnicate
says "a version that is none" "choose 1.2 or 1.3" "$bin/weir-peer" --dtls 1.1
says "a greeting that is no number" "give a number up to 1000" "$bin/weir-peer" --greet long
says "a stream that is none" "give a number up to 65534" "$bin/weir-peer" --negotiated 65535
says "a certificate without its key" "give both" "$bin/weir-dtls" client 127.0.0.1 1 --cert test/data/identity/p256.pem
grep -qa ML-KEM-768 "$bin/weir-peer" ||
    says "a hybrid without ML-KEM" "OpenSSL 3.5 has" "$bin/weir-peer" --hybrid
says "a key log that cannot be written" "key log" "$bin/weir-peer" --keylog /nonexistent/keys
says "a web address of another host" "choose another with --listen" \
    "$bin/weir-demo" --listen 203.0.113.1:8099 --bind 127.0.0.1

# A busy UDP port, and a busy web port.
"$bin/weir-demo" --listen 127.0.0.1:8098 --bind 127.0.0.1:41998 >/dev/null 2>&1 </dev/null &
demo=$!
sleep 1
says "a busy UDP port" "choose another port" "$bin/weir-peer" --bind 127.0.0.1:41998
says "a busy web port" "choose another with --listen" \
    "$bin/weir-demo" --listen 127.0.0.1:8098 --bind 127.0.0.1
begin=$(date +%s%N)
kill -INT "$demo"
wait "$demo"
status=$?
took=$((($(date +%s%N) - begin) / 1000000))
if [ "$status" -ne 0 ] || [ "$took" -gt 1000 ]; then
    echo "Ctrl-C: exit $status after $took ms"
    failed=1
fi

# Lines that still come while it ends wake nobody that is gone: a hundred goodbyes with thousands of lines behind.
ended=$(for i in $(seq 100); do
    { echo '{"bye":true}'; yes '' | head -n 20000; } 2>/dev/null |
        { "$bin/weir-peer" --data-only --bind 127.0.0.1 >/dev/null 2>&1; echo "exit $?"; }
done | sort | uniq -c)
case "$ended" in
*"100 exit 0") ;;
*)
    echo "lines behind a goodbye: $ended"
    failed=1
    ;;
esac

# A malformed offer names line and rule, and the peer stays.
answer=$(printf '%s\n' '{"type":"offer","sdp":"v=0\r\no=- 1 1 IN IP4 0\r\nm=audio 99999 X 0\r\n"}' \
    'not json' '{"type":"answer","sdp":"v=0\r\n"}' '{"bye":true}' | "$bin/weir-peer" --bind 127.0.0.1)
for want in "line 3: a port must be a number up to 65535" "not a line of JSON" "does not fit the present"; do
    if ! printf '%s' "$answer" | grep -q "$want"; then
        echo "a bad line: wanted '$want', got: $answer"
        failed=1
    fi
done

if command -v node >/dev/null; then
    timeout 60 node test/apps/verbs.mjs "$1" || failed=1
fi
exit "$failed"
