#!/bin/sh
# Run the quick test programs of a build directory under valgrind's memcheck.
set -eu
cd "$(dirname "$0")/.."
build=$1
status=0
for program in base_test pool_test kernels_test srtp_transform_test rtp_header_test rtcp_machine_test \
    sdp_browser_test stun_vector_test ice_agent_test dtls_handshake_test sctp_sim_test; do
    [ -x "$build/test/$program" ] || continue
    echo "valgrind $program"
    valgrind --quiet --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite \
        "$build/test/$program" >/dev/null || status=1
done
exit $status
