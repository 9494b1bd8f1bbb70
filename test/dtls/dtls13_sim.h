/* What the tests of DTLS 1.3 have beside dtls_sim.h: a client that offers less, and records as the peer of
 * an end would seal them. Everything is static. */
#ifndef WEIR_TEST_DTLS13_SIM_H
#define WEIR_TEST_DTLS13_SIM_H

#define SIM_VERSION WEIR_DTLS_1_3
#include "test/dtls/dtls_sim.h"

/* -- A client whose hello is made to offer less ------------------------------------------------- */

/* What a test leaves of the client's offer; 0: all. A group of 1 is one that nobody has. */
struct offer {
    uint16_t suite;
    uint16_t groups[2]; /* the list; and the share is there if the first of them is ours */
    uint16_t shares[2];
};

/* Write the hello of the flight anew. The client's own keys for the shares are real ones. Of a second
 * hello only the lists change; the server, which waits for it, lends the transcript up to it. */
static inline void narrow(struct sim *s, unsigned who, const void *with)
{
    const struct offer *o = with;
    struct weir_dtls *d = &s->end[who].d;
    size_t n, entry;
    uint8_t body[1024];
    struct dtls_hello h;
    const uint8_t *old = who == CLIENT ? edit_find(d, MESSAGE_CLIENT_HELLO, &n, &entry) : NULL;
    bool is_second = d->version != 0;
    if (old == NULL || (is_second && s->end[SERVER].d.step != STEP_SERVER13_WAIT_SECOND_CLIENT_HELLO)) {
        return;
    }
    assert_int_equal(weir_dtls_hello_parse_client(weir_span_of(old, n), &h), WEIR_DTLS_OK);
    struct weir_wr w = weir_wr_of((struct weir_mspan){ body, sizeof body });
    weir_wr_u16(&w, h.version);
    weir_wr_bytes(&w, h.random);
    weir_wr_u16(&w, 0); /* session, cookie */
    if (o->suite != 0) {
        weir_wr_u16(&w, 2);
        weir_wr_u16(&w, o->suite);
    } else {
        weir_wr_u16(&w, (uint16_t)h.suites.n);
        weir_wr_bytes(&w, h.suites);
    }
    weir_wr_u16(&w, 0x0100);
    struct weir_mark list = weir_wr_open(&w, 2);
    for (unsigned i = 0; i < h.extensions; i++) {
        uint16_t type = h.extension[i].type;
        weir_wr_u16(&w, type);
        struct weir_mark ext = weir_wr_open(&w, 2);
        if (type == EXTENSION_SUPPORTED_GROUPS && o->groups[0] != 0) {
            struct weir_mark inner = weir_wr_open(&w, 2);
            for (unsigned k = 0; k < 2 && o->groups[k] != 0; k++) {
                weir_wr_u16(&w, o->groups[k]);
            }
            weir_wr_close(&w, inner);
        } else if (type == EXTENSION_KEY_SHARE && o->groups[0] != 0 && !is_second) {
            struct weir_mark inner = weir_wr_open(&w, 2);
            for (unsigned k = 0; k < 2 && o->shares[k] != 0; k++) {
                size_t bytes = weir_group_public_bytes((enum weir_group)o->shares[k]);
                weir_wr_u16(&w, o->shares[k]);
                weir_wr_u16(&w, (uint16_t)(bytes != 0 ? bytes : 7));
                if (bytes != 0) {
                    weir_wr_bytes(&w, weir_span_of(exchange_of(d)->public_key, bytes));
                } else {
                    weir_wr_zero(&w, 7);
                }
            }
            weir_wr_close(&w, inner);
        } else {
            weir_wr_bytes(&w, h.extension[i].body);
        }
        weir_wr_close(&w, ext);
    }
    weir_wr_close(&w, list);
    assert_true(edit_replace(d, MESSAGE_CLIENT_HELLO, weir_span_of(body, weir_wr_done(&w))));
    if (is_second) {
        struct weir_dtls_exchange *x = exchange_of(d);
        memcpy(x->transcript, exchange_of(&s->end[SERVER].d)->transcript, sizeof x->transcript);
        weir_dtls_transcript_note(d, weir_span_of(hs_of(d)->flight.bytes + 4, 12 + weir_wr_done(&w)));
    }
}

/* -- The peer's records ------------------------------------------------------------------------ */

/* A record that `to` opens with the keys it has now, with a number that was not there yet. */
static inline size_t peers_record(const struct weir_dtls *to, uint8_t type, struct weir_span body,
                                  uint8_t *out)
{
    static struct weir_dtls from;
    static uint64_t above;
    from = *to;
    from.tx = to->rx;
    from.tx_epoch = to->rx_epoch;
    from.tx.seq = to->rx.window.top + 1 + ++above % 8;
    return sealed_record(&from, type, body, out);
}

/* With a message in it that is whole. */
static inline size_t peers_message(const struct weir_dtls *to, uint8_t type, uint16_t seq,
                                   struct weir_span body, uint8_t *out)
{
    static uint8_t message[4096];
    return peers_record(to, CONTENT_HANDSHAKE,
                        weir_span_of(message, message_bytes(message, type, seq, body)), out);
}

#endif
