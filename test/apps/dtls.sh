#!/bin/sh
# weir-dtls by itself, with both versions, and with OpenSSL's programs at the other end: the same keying
# material on both sides, data both ways, an orderly end.
#
#   test/apps/dtls.sh BUILD-DIRECTORY
set -u
cd "$(dirname "$0")/../.."
bin=$1/bin
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
port=42700

field() { # NAME FILE: of the JSON line
    sed -n "1s/.*\"$1\":\"\\([^\"]*\\)\".*/\\1/p" "$2"
}

# pair WHAT WANTED-VERSION WANTED-SUITE OPTIONS-OF-BOTH [OPTIONS-OF-CLIENT]
pair() {
    port=$((port + 1))
    (sleep 1; echo "from the server") | timeout 10 "$bin/weir-dtls" server 127.0.0.1 $port $4 >"$work/server" 2>&1 &
    server=$!
    sleep 0.3
    (sleep 0.5; echo "from the client"; sleep 1) | timeout 10 "$bin/weir-dtls" client 127.0.0.1 $port $4 ${5:-} \
        >"$work/client" 2>&1
    status=$?
    wait $server
    if [ $status -ne 0 ] || [ "$(field version "$work/client")" != "$2" ] ||
        [ "$(field suite "$work/client")" != "$3" ] ||
        [ -z "$(field keying_material "$work/client")" ] ||
        [ "$(field keying_material "$work/client")" != "$(field keying_material "$work/server")" ] ||
        [ "$(field peer_sha256 "$work/client")" != "$(field own_sha256 "$work/server")" ] ||
        ! grep -q "from the server" "$work/client" || ! grep -q "from the client" "$work/server"; then
        echo "$1: exit $status"; cat "$work/client" "$work/server"
        failed=1
    fi
}

pair "both versions" "DTLS 1.3" TLS_AES_128_GCM_SHA256 ""
pair "1.2" "DTLS 1.2" TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 "--version 1.2 --srtp"
pair "1.3 with a cookie" "DTLS 1.3" TLS_AES_128_GCM_SHA256 "--version 1.3 --cookie"
pair "another group" "DTLS 1.3" TLS_AES_128_GCM_SHA256 "--groups P-384 --mtu 300"
pair "another suite" "DTLS 1.3" TLS_CHACHA20_POLY1305_SHA256 "" "--suites TLS_CHACHA20_POLY1305_SHA256"
pair "a suite of 1.2" "DTLS 1.2" TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 "" \
    "--suites TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"

openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=test -days 2 -keyout "$work/rsa.key" -out "$work/rsa.pem" \
    2>/dev/null
openssl rsa -in "$work/rsa.key" -outform der -out "$work/rsa.der" 2>/dev/null
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=test -days 2 \
    -keyout "$work/key.pem" -out "$work/cert.pem" 2>/dev/null
pair "an RSA certificate" "DTLS 1.3" TLS_AES_128_GCM_SHA256 "--cert $work/rsa.pem --key $work/rsa.key"
pair "an RSA certificate, 1.2" "DTLS 1.2" TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 \
    "--cert $work/rsa.pem --key $work/rsa.der --version 1.2"
pair "a P-256 certificate from files" "DTLS 1.3" TLS_AES_128_GCM_SHA256 "--cert $work/cert.pem --key $work/key.pem"
if "$bin/weir-dtls" client 127.0.0.1 1 --cert "$work/cert.pem" --key "$work/rsa.key" >/dev/null 2>&1; then
    echo "a key that is not the certificate's was taken"
    failed=1
fi

# A client that expects another certificate gets no connection.
port=$((port + 1))
timeout 5 "$bin/weir-dtls" server 127.0.0.1 $port >"$work/server" 2>&1 </dev/null &
server=$!
sleep 0.3
if timeout 5 "$bin/weir-dtls" client 127.0.0.1 $port --fingerprint "$(printf '%064d' 0)" >"$work/client" 2>&1 </dev/null; then
    echo "a wrong fingerprint was accepted"
    failed=1
fi
wait $server

# OpenSSL, DTLS 1.2, at either end.
exported() { sed -n 's/.*Keying material: \(.*\)/\1/p' "$1" | tr 'A-F' 'a-f'; }
port=$((port + 1))
(sleep 1.5; echo "from openssl"; sleep 1) | timeout 8 openssl s_server -dtls1_2 -port $port -cert "$work/cert.pem" \
    -key "$work/key.pem" -verify 1 -use_srtp SRTP_AEAD_AES_128_GCM -keymatexport EXTRACTOR-dtls_srtp \
    -keymatexportlen 60 >"$work/server" 2>&1 &
server=$!
sleep 0.7
(sleep 0.5; echo "from weir"; sleep 2) | timeout 8 "$bin/weir-dtls" client 127.0.0.1 $port --srtp --keylog "$work/keys" \
    >"$work/client" 2>&1
wait $server
if ! grep -q "from weir" "$work/server" || ! grep -q "from openssl" "$work/client" ||
    [ "$(exported "$work/server")" != "$(field keying_material "$work/client")" ] ||
    ! grep -q "^CLIENT_RANDOM " "$work/keys"; then
    echo "openssl as server:"; cat "$work/client" "$work/server"
    failed=1
fi
port=$((port + 1))
(sleep 1; echo "from weir"; sleep 1) | timeout 8 "$bin/weir-dtls" server 127.0.0.1 $port --srtp --cookie >"$work/server" 2>&1 &
server=$!
sleep 0.3
(sleep 0.5; echo "from openssl"; sleep 1.5) | timeout 8 openssl s_client -dtls1_2 -connect 127.0.0.1:$port \
    -cert "$work/cert.pem" -key "$work/key.pem" -use_srtp SRTP_AEAD_AES_128_GCM \
    -keymatexport EXTRACTOR-dtls_srtp -keymatexportlen 60 >"$work/client" 2>&1
wait $server
if ! grep -q "from weir" "$work/client" || ! grep -q "from openssl" "$work/server" ||
    [ "$(exported "$work/client")" != "$(field keying_material "$work/server")" ]; then
    echo "openssl as client:"; cat "$work/client" "$work/server"
    failed=1
fi

# Bad input gets a sentence.
for bad in "client 127.0.0.1 1 --version 1.1" "client 127.0.0.1 1 --groups secp521r1" \
    "client 127.0.0.1 1 --mtu 20" "client no.such.host.invalid 1" "client 127.0.0.1 1 --suites TLS_NULL" \
    "server 203.0.113.9 4000" "client 127.0.0.1 1 --fingerprint 12"; do
    words=$(timeout 5 "$bin/weir-dtls" $bad 2>&1 </dev/null)
    if [ $? -ne 2 ] || [ -z "$words" ]; then
        echo "weir-dtls $bad: $words"
        failed=1
    fi
done
[ $failed -eq 0 ] && echo "all pairs agreed"
exit $failed
