#!/bin/sh
# Run test programs of a build directory under valgrind's memcheck. Left out are those that are slow
# there, those that talk to other processes, and the pump: valgrind lacks its system calls.
set -eu
cd "$(dirname "$0")/.."
build=$1
status=0
for program in base_test kernels_test sliced_test stun_vector_test stun_codec_test ice_agent_test ice_gather_test \
    ice_mdns_test dtls_unit_test dtls_matrix_test dtls_browser_test sctp_packet_test sctp_limit_test \
    sctp_vector_test rtp_header_test srtp_vector_test rtcp_wire_test rtcp_stats_test rtcp_report_test \
    rtcp_feedback_test sdp_browser_test sdp_verdict_test peer_section_test; do
    echo "valgrind $program"
    valgrind --quiet --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite \
        "$build/test/$program" >/dev/null || status=1
done
exit $status
