/* The RTCP machine as a stream of operations: packets in and out, compounds, time, requests. */
#include <stdlib.h>

#include "rtcp/rtcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void drain(struct weir_rtcp *r, weir_time now)
{
    struct weir_rtcp_event e;
    uint8_t out[1500];
    size_t sent, room = r->locals % 2 == 0 ? WEIR_RTCP_ROOM_LEAST : sizeof out;
    while (weir_rtcp_event(r, &e)) {
    }
    for (int i = 0; (sent = weir_rtcp_send(r, now, (struct weir_mspan){ out, room })) != 0; i++) {
        if (i == 40 || weir_rtcp_check(weir_span_of(out, sent)) != WEIR_RTCP_OK) {
            abort(); /* it must come to an end, and what it writes it must accept itself */
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct weir_rtcp r;
    struct weir_rtcp_config config = { .cname = "fuzz" };
    struct weir_rd rd = { data, n };
    weir_time now = 1000000;
    uint8_t op, arg;
    weir_rtcp_init(&r, &config, now);
    (void)!weir_rtcp_add_local(&r, 1, 90000);
    while (weir_rd_u8(&rd, &op) && weir_rd_u8(&rd, &arg)) {
        struct weir_rtp_header h = { .ssrc = arg & 31, .payload = { data, 100 } };
        struct weir_rd body = { data, 0 };
        switch (op % 9) {
        case 0:
            if (weir_rd_sub(&rd, arg < rd.n ? arg : rd.n, &body)) {
                (void)weir_rtcp_recv(&r, now, weir_rd_rest(&body));
            }
            break;
        case 1:
        case 2: {
            uint16_t seq = 0;
            if (!weir_rd_u16(&rd, &seq)) {
                break;
            }
            h.seq = seq;
            h.timestamp = (uint32_t)seq * 1000;
            h.payload.n = 0;
            weir_rtcp_note_rx(&r, now, now, &h, 90000, op % 9 == 1);
            break;
        }
        case 3:
            h.payload.n = 0;
            weir_rtcp_note_tx(&r, now, &h);
            break;
        case 4:
            now += (weir_time)arg * 10000;
            break;
        case 5:
            (void)weir_rtcp_request_keyframe(&r, now, arg & 31, (arg & 32) != 0);
            break;
        case 6:
            if ((arg & 32) == 0) {
                weir_rtcp_remove_local(&r, arg & 31);
            } else {
                weir_rtcp_remove_remote(&r, arg & 31);
            }
            break;
        case 7:
            (void)!weir_rtcp_add_local(&r, arg & 31, 90000);
            break;
        default:
            now = weir_time_min(weir_rtcp_deadline(&r), now + WEIR_SEC) > now
                      ? weir_time_min(weir_rtcp_deadline(&r), now + WEIR_SEC) : now;
            break;
        }
        weir_rtcp_tick(&r, now);
        drain(&r, now);
        for (uint32_t i = 0; i < r.remotes; i++) {
            if (r.remote[i].missing_count > WEIR_RTCP_MISSING_MAX) {
                abort();
            }
        }
    }
    return 0;
}
