#!/bin/sh
# weir-dtls by itself, with both versions, with sessions that are resumed, also when either end's address
# changes, and with OpenSSL's programs at the other end: the same keying material on both sides, data both
# ways, an orderly end.
#
#   test/apps/dtls.sh BUILD-DIRECTORY
set -u
cd "$(dirname "$0")/../.."
build=$1 bin=$1/bin
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
port=42700

field() { # NAME FILE: of the JSON line
    sed -n "1s/.*\"$1\":\"\\([^\"]*\\)\".*/\\1/p" "$2"
}

# pair WHAT WANTED-VERSION WANTED-SUITE OPTIONS-OF-BOTH [OPTIONS-OF-CLIENT [OPTIONS-OF-SERVER]]
pair() {
    port=$((port + 1))
    (sleep 1; echo "from the server") | timeout 10 "$bin/weir-dtls" server 127.0.0.1 $port $4 ${6:-} >"$work/server" 2>&1 &
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
# Three connections of the same two, the second and third with the session of the one before; then the server
# has another key for its tickets, then the client another certificate. Each time there is a connection.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=other -days 2 \
    -keyout "$work/other.key" -out "$work/other.pem" 2>/dev/null
# resumes WHAT CLIENTS-TICKET SERVERS-TICKET [CLIENTS-CERTIFICATE]
resumes() {
    pair "$1" "DTLS 1.3" TLS_AES_128_GCM_SHA256 "" "--cert $work/${4:-other}.pem --key $work/${4:-other}.key \
        --resume $work/session" "--cert $work/cert.pem --key $work/key.pem --resume $work/tickets"
    if [ "$(field ticket "$work/client") $(field ticket "$work/server")" != "$2 $3" ]; then
        echo "$1: $(field ticket "$work/client") $(field ticket "$work/server")"
        failed=1
    fi
}
resumes "the first time" none none
resumes "again" taken taken
resumes "and again" taken taken
rm "$work/tickets"
resumes "with another key of tickets" refused unknown
cp "$work/cert.pem" "$work/third.pem" && cp "$work/key.pem" "$work/third.key"
resumes "with another certificate" others none third
if [ "$(stat -c %a "$work/session" "$work/tickets" | tr '\n' ' ')" != "600 600 " ]; then
    echo "others may read a session or a key of tickets"
    failed=1
fi

# An address translator between the two changes a port in the middle: USR1 the one that the server sees, USR2
# the one that the client sees. Connection ids keep the connection, and the path check says where the peer is.
# moves WHAT SIGNAL MOVED(client|server|nobody) OPTIONS-OF-BOTH [OPTIONS-OF-CLIENT [OPTIONS-OF-SERVER]]
moves() {
    port=$((port + 2))
    (moved "$1" "$2" "$3" "$4" "${5:-}" "${6:-}") >"$work/moves.$port" 2>&1 &
    moving="$moving $!"
}
moved() {
    here=$work/$port
    mkdir "$here"
    "$build/test/udp_relay" $port $((port + 1)) &
    relay=$!
    # Who moved speaks first after the change, the client with the first signal, the server with the second.
    (sleep 1.2; echo "server before"; sleep 1.6; [ $2 = USR1 ] && sleep 1; echo "server after"; sleep 3) |
        timeout 12 "$bin/weir-dtls" server 127.0.0.1 $((port + 1)) $4 $6 >"$here/server" 2>"$here/server.err" &
    server=$!
    sleep 0.3
    (sleep 0.9; echo "client before"; sleep 1; kill -$2 $relay; sleep 0.3; [ $2 = USR2 ] && sleep 1.3
        echo "client after"; sleep 2) |
        timeout 12 "$bin/weir-dtls" client 127.0.0.1 $port $4 $5 >"$here/client" 2>"$here/client.err"
    wait $server
    kill $relay
    wait $relay 2>/dev/null
    case $3 in
    client) wanted="1 0 1" ;;
    server) wanted="0 1 1" ;;
    nobody) wanted="0 0 0" ;;
    esac
    heard=0
    grep -q "client after" "$here/server" && grep -q "server after" "$here/client" && heard=1
    seen="$(grep -c "the peer moved to" "$here/server.err") $(grep -c "the peer moved to" "$here/client.err")"
    if ! grep -q "client before" "$here/server" || ! grep -q "server before" "$here/client" ||
        [ "$seen $heard" != "$wanted" ]; then
        echo "$1: seen to move, and heard: $seen $heard"; cat "$here"/*
        return 1
    fi
}

moving=
for v in 1.2 1.3; do
    moves "$v: the client moves" USR1 client "--version $v --cid 8"
    moves "$v: the server moves" USR2 server "--version $v --cid c0ffee"
    moves "$v: the client moves, the server alone has an id" USR1 client "--version $v" "--cid 0" "--cid 20"
    moves "$v: the server moves, the client alone has an id" USR2 server "--version $v" "--cid 20" "--cid 0"
    moves "$v: enhanced check" USR1 client "--version $v --cid 4 --rrc enhanced"
    moves "$v: without ids" USR1 nobody "--version $v"
    moves "$v: ids, and nothing that checks" USR1 nobody "--version $v --cid 8 --rrc none"
done
for one in $moving; do
    wait $one || failed=1
done
cat "$work"/moves.*

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
    "server 203.0.113.9 4000" "client 127.0.0.1 1 --cid 21" "client 127.0.0.1 1 --cid abc" \
    "client 127.0.0.1 1 --resume $work/session" "client 127.0.0.1 1 --cid 8 --rrc fast" "client 127.0.0.1 1 --fingerprint 12"; do
    words=$(timeout 5 "$bin/weir-dtls" $bad 2>&1 </dev/null)
    if [ $? -ne 2 ] || [ -z "$words" ]; then
        echo "weir-dtls $bad: $words"
        failed=1
    fi
done
[ $failed -eq 0 ] && echo "all pairs agreed"
exit $failed
