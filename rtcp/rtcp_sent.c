/* When each packet left, for as long as feedback about it may come: a ring by number. */
#include "rtcp/rtcp_int.h"

uint32_t weir_rtcp_sent_note(struct weir_rtcp_sent *s, weir_time now, uint32_t ssrc, uint16_t seq,
                             size_t bytes)
{
    uint32_t number = s->next++;
    s->packet[number % WEIR_RTCP_SENT_MAX] = (struct weir_rtcp_sent_packet){
        .number = number, .ssrc = ssrc, .seq = seq, .bytes = (uint16_t)bytes, .at = now };
    return number;
}

const struct weir_rtcp_sent_packet *weir_rtcp_sent_find(const struct weir_rtcp_sent *s, uint32_t number)
{
    const struct weir_rtcp_sent_packet *packet = &s->packet[number % WEIR_RTCP_SENT_MAX];
    return packet->number == number && packet->bytes != 0 ? packet : NULL;
}

bool weir_rtcp_sent_stamp(struct weir_rtcp_sent *s, uint32_t number, weir_time at)
{
    if (weir_rtcp_sent_find(s, number) == NULL) {
        return false;
    }
    struct weir_rtcp_sent_packet *packet = &s->packet[number % WEIR_RTCP_SENT_MAX];
    packet->at = at;
    packet->is_stamped = true;
    return true;
}
