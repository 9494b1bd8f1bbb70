/* A stream of operations on one agent and on a peer that holds the right credentials. The first byte
 * says how the agent begins; then operations of one byte, an argument byte, and bytes of their own. Most
 * packets are built and proven here, with what the input says about them, so that they reach what lies
 * behind the integrity; others come as they are. After each operation the invariants hold, events and
 * packets are drained, and at the end a copy that saw the same sent the same. Operation 255: the peer was
 * heard at an address. */
#include <stdlib.h>

#include "ice/ice.h"

#define OPS_MAX 400
#define PEER_UFRAG "peer"
#define PEER_PWD "peer-password-of-24-char"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct drive {
    struct weir_ice ice;
    struct weir_ice_room room;
    weir_time now;
    uint8_t txid[8][12];      /* of the last requests that the agent sent */
    struct weir_path asked[8];
    uint32_t requests;
    uint64_t digest;
    uint8_t number;
    bool has_list, has_data;  /* what the peer's proven messages carry */
    uint8_t list[80], data[64];
    size_t list_bytes, data_bytes;
};

enum { TXID_TAG = 0x05000007 };
#define TXID_KEY 0x0123456789abcdefull

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static struct weir_addr address(uint8_t arg)
{
    if (arg == 31) {
        return weir_addr_v4(127, 0, 0, 1, 2000); /* inside: none of ours is */
    }
    return weir_addr_v4(10, 0, 0, (uint8_t)(2 + (arg & 3)), (uint16_t)(2000 + (arg >> 2)));
}

static struct weir_path path_of(uint8_t arg)
{
    struct weir_path p = { weir_addr_v4(10, 0, 0, 1, (uint16_t)(1000 + (arg >> 7))), address(arg & 31) };
    return p;
}

/* -- What leaves ------------------------------------------------------------------------------- */

static void note_sent(struct drive *d, struct weir_span out, const struct weir_path *to)
{
    struct weir_stun_msg m;
    must(weir_stun_parse(out, &m) == WEIR_STUN_OK && m.has_fingerprint);
    must(out.n <= 1232 && m.dtls_in_stun.n <= WEIR_ICE_EMBED_BYTES && m.dtls_in_stun_ack.n <= 16);
    must(!weir_addr_is_multicast(&to->remote));
    for (size_t i = 0; i < out.n; i++) {
        d->digest = (d->digest ^ out.p[i]) * 0x100000001b3;
    }
    if (m.klass == WEIR_STUN_REQUEST) {
        must(!d->ice.config.is_lite);
        must(!weir_addr_is_loopback(&to->remote)); /* answers go where their question came from */
        must(weir_ice_txid_tag(TXID_KEY, m.txid) == TXID_TAG);
        memcpy(d->txid[d->requests % 8], m.txid, 12);
        d->asked[d->requests++ % 8] = *to;
    }
}

static void drain(struct drive *d)
{
    uint8_t out[1500];
    struct weir_ice_event e;
    struct weir_path to;
    bool was_over = weir_ice_state(&d->ice) >= WEIR_ICE_FAILED;
    while (weir_ice_event(&d->ice, &e)) {
        must(e.type <= WEIR_ICE_EVENT_REFUSED && e.refusal < WEIR_ICE_REFUSALS);
    }
    for (unsigned i = 0;; i++) { /* intent is bounded: answers, checks, questions */
        size_t n = weir_ice_send(&d->ice, d->now, (struct weir_mspan){ out, sizeof out }, &to);
        if (n == 0) {
            break;
        }
        must(!was_over && i < 200);
        note_sent(d, weir_span_of(out, n), &to);
    }
    must(weir_ice_check(&d->ice));
    must(d->room.pages.leased == weir_ice_pages(&d->ice));
    must(d->room.setups.leased == weir_ice_is_setting_up(&d->ice));
    must(!weir_ice_selected(&d->ice, &to) || weir_ice_path_ok(&d->ice, &to));
}

/* -- What comes -------------------------------------------------------------------------------- */

static void receive(struct drive *d, const struct weir_path *path, struct weir_span packet)
{
    uint8_t *exact = malloc(packet.n == 0 ? 1 : packet.n);
    weir_copy(exact, packet.p, packet.n);
    enum weir_ice_verdict v = weir_ice_recv(&d->ice, d->now, path, weir_span_of(exact, packet.n));
    size_t at, bytes;
    must(v < WEIR_ICE_VERDICTS);
    if (weir_ice_embedded(&d->ice, &at, &bytes)) {
        must(v == WEIR_ICE_OK && weir_ice_embed_is_on(&d->ice));
        must(at + bytes <= packet.n && exact[at] >= 20 && exact[at] <= 63);
        uint32_t mark = weir_ice_embed_mark(weir_span_of(exact + at, bytes));
        if ((mark & 1) != 0) { /* the owner takes some and drops others */
            weir_ice_embed_took(&d->ice, mark);
        }
    }
    free(exact);
}

static void op_raw(struct drive *d, struct weir_rd *r, uint8_t arg)
{
    struct weir_span bytes;
    struct weir_path path = path_of(arg);
    uint8_t want = 0;
    if (weir_rd_u8(r, &want) && weir_rd_take(r, want < r->n ? want : r->n, &bytes)) {
        receive(d, &path, bytes);
    }
}

static void put_riding(const struct drive *d, struct weir_stun_build *b)
{
    if (d->has_list) {
        weir_stun_put_bytes(b, WEIR_STUN_DTLS_IN_STUN_ACK, weir_span_of(d->list, d->list_bytes));
    }
    if (d->has_data) {
        weir_stun_put_bytes(b, WEIR_STUN_DTLS_IN_STUN, weir_span_of(d->data, d->data_bytes));
    }
}

/* A proven request; `how` picks role, nomination and what is left out. */
static void op_request(struct drive *d, uint8_t arg, uint8_t how)
{
    uint8_t out[600], username[80], txid[12] = { 0x70, ++d->number };
    struct weir_stun_build b;
    struct weir_path path = path_of(arg);
    struct weir_wr name = weir_wr_of((struct weir_mspan){ username, sizeof username });
    const struct weir_stun_seal seal = { weir_crypto_default(), weir_ice_pwd(&d->ice), false, true };
    weir_wr_bytes(&name, weir_ice_ufrag(&d->ice));
    weir_wr_str(&name, ":" PEER_UFRAG);
    weir_stun_begin(&b, (struct weir_mspan){ out, sizeof out }, WEIR_STUN_BINDING, WEIR_STUN_REQUEST,
                    txid);
    weir_stun_put_bytes(&b, WEIR_STUN_USERNAME, weir_span_of(username, name.len));
    if ((how & 1) == 0) {
        weir_stun_put_u64(&b, (how & 2) != 0 ? WEIR_STUN_ICE_CONTROLLING : WEIR_STUN_ICE_CONTROLLED,
                          (uint64_t)(how >> 4) << 60);
    }
    if ((how & 4) != 0) {
        weir_stun_put_flag(&b, WEIR_STUN_USE_CANDIDATE);
    }
    if ((how & 0x18) != 0x18) {
        weir_stun_put_u32(&b, WEIR_STUN_PRIORITY, (uint32_t)arg << 20 | 1);
    }
    put_riding(d, &b);
    receive(d, &path, weir_span_of(out, weir_stun_end(&b, &seal)));
}

/* A proven response to one of the last requests; `how` picks which, success or error, and the path. */
static void op_response(struct drive *d, uint8_t arg, uint8_t how)
{
    static const uint16_t code[] = { 487, 403, 400, 500 };
    uint8_t out[600];
    struct weir_stun_build b;
    const struct weir_stun_seal seal = { weir_crypto_default(), WEIR_LIT(PEER_PWD), false, true };
    struct weir_path path = (how & 0x10) != 0 ? path_of(arg) : d->asked[arg & 7];
    bool is_error = (how & 1) != 0;
    struct weir_addr mapped = (how & 8) != 0 ? address(arg) : path.local;
    weir_stun_begin(&b, (struct weir_mspan){ out, sizeof out }, WEIR_STUN_BINDING,
                    is_error ? WEIR_STUN_ERROR : WEIR_STUN_SUCCESS, d->txid[arg & 7]);
    if (is_error) {
        weir_stun_put_error(&b, code[how >> 1 & 3], "");
    } else if ((how & 0x20) == 0 && mapped.family != WEIR_FAMILY_NONE) {
        weir_stun_put_addr(&b, WEIR_STUN_XOR_MAPPED_ADDRESS, &mapped);
    }
    put_riding(d, &b);
    receive(d, &path, weir_span_of(out, weir_stun_end(&b, &seal)));
}

/* -- What the application does ----------------------------------------------------------------- */

static void op_candidate(struct drive *d, uint8_t arg, uint8_t how)
{
    struct weir_ice_candidate c = { .type = (enum weir_ice_type)(how & 3), .component = 1,
                                    .priority = (uint32_t)how << 16, .addr = address(arg),
                                    .foundation_bytes = 1 };
    c.foundation[0] = (char)(how >> 4);
    (void)!weir_ice_add_remote(&d->ice, d->now, &c);
}

static void op_local(struct drive *d, uint8_t arg)
{
    struct weir_addr a = weir_addr_v4(10, 0, 0, 1, (uint16_t)(1000 + (arg & 15)));
    struct weir_addr server = weir_addr_v4(192, 0, 2, 9, 3478);
    if ((arg & 0x80) != 0) {
        (void)!weir_ice_add_server(&d->ice, d->now, &server);
    } else if ((arg & 0x40) != 0) {
        (void)!weir_ice_gathering_done(&d->ice, d->now);
    } else {
        (void)!weir_ice_add_host(&d->ice, d->now, &a, (uint16_t)(65535 - arg));
    }
}

static void op_session(struct drive *d, uint8_t arg)
{
    switch (arg & 7) {
    case 0:
        (void)!weir_ice_restart(&d->ice, d->now);
        break;
    case 1:
        weir_ice_remote_done(&d->ice, d->now);
        break;
    case 2:
        weir_ice_set_controlling(&d->ice, (arg & 8) != 0);
        break;
    case 3:
        if (arg == 0xfb) {
            weir_ice_close(&d->ice, d->now);
        }
        break;
    case 6:
        if ((arg >> 3 & 3) == 0) {
            (void)!weir_ice_hold(&d->ice);
        } else if ((arg >> 3 & 3) == 1) {
            weir_ice_settle(&d->ice);
        } else {
            weir_ice_roll_back(&d->ice, d->now, (arg & 8) != 0);
        }
        break;
    default:
        (void)!weir_ice_set_remote(&d->ice, d->now, WEIR_LIT(PEER_UFRAG), WEIR_LIT(PEER_PWD),
                                   arg == 0xff);
    }
}

/* What the owner of payloads does; `how` is a size or a mark. */
static void op_owner(struct drive *d, uint8_t arg, uint8_t how)
{
    uint8_t bytes[WEIR_ICE_EMBED_BYTES + 16], out[WEIR_ICE_EMBED_BYTES];
    memset(bytes, arg, sizeof bytes);
    bytes[0] = 22;
    switch (arg & 7) {
    case 0:
        weir_ice_embed_begin(&d->ice);
        break;
    case 1:
        (void)!weir_ice_embed_add(&d->ice, weir_span_of(bytes, (size_t)how * 4));
        break;
    case 2:
        weir_ice_embed_push(&d->ice);
        break;
    case 3:
        weir_ice_embed_clear(&d->ice);
        break;
    case 4:
        weir_ice_embed_finish(&d->ice);
        break;
    case 5:
        (void)weir_ice_embed_bare(&d->ice, (struct weir_mspan){ out, (size_t)how * 4 });
        break;
    case 6:
        weir_ice_embed_took(&d->ice, how);
        break;
    default:
        if (how < 128) {
            weir_ice_embed_over(&d->ice);
        } else {
            weir_ice_embed_stop(&d->ice);
        }
    }
}

/* What rides on the peer's messages from now on: bits of `arg` say whether there is a list and a payload,
 * and whether the list names what waits; the rest comes from the input. */
static void op_riding(struct drive *d, struct weir_rd *r, uint8_t arg)
{
    struct weir_span bytes = { NULL, 0 };
    d->has_list = (arg & 1) != 0;
    d->has_data = (arg & 2) != 0;
    d->data_bytes = d->list_bytes = 0;
    for (uint32_t i = 0; (arg & 4) != 0 && i < d->ice.embed.count; i++) {
        weir_put32(d->list + 4 * i, d->room.setup.payload[i].mark);
        d->list_bytes += 4;
    }
    size_t want = (arg >> 3) < r->n ? (size_t)(arg >> 3) : r->n;
    if (weir_rd_take(r, want, &bytes) && want != 0) {
        memcpy(d->data, bytes.p, want);
        d->data_bytes = want;
    }
    if ((arg & 4) == 0) {
        memcpy(d->list, d->data, d->data_bytes);
        d->list_bytes = d->data_bytes;
    }
}

static void op_time(struct drive *d, uint8_t arg)
{
    weir_time at = weir_ice_deadline(&d->ice);
    if ((arg & 0x80) != 0) { /* to the deadline, at most a minute away */
        d->now = at > d->now && at - d->now < 60 * WEIR_SEC ? at : d->now;
    } else {
        d->now += (weir_duration)(arg & 0x7f) * 10 * WEIR_MS;
    }
    weir_ice_tick(&d->ice, d->now);
}

static void op_follow(struct drive *d, uint8_t arg)
{
    struct weir_path path = { .remote = address(arg) };
    if (d->ice.locals != 0) {
        path.local = weir_ice_local_at(&d->ice, 0)->addr;
    }
    weir_ice_follow(&d->ice, d->now, &path);
}

static uint8_t next_byte(struct weir_rd *r)
{
    uint8_t b = 0;
    return weir_rd_u8(r, &b) ? b : 0;
}

static uint64_t run(struct drive *d, struct weir_span input)
{
    struct weir_rd r = weir_rd_of(input);
    uint8_t begin = next_byte(&r);
    struct weir_ice_config c = { .crypto = weir_crypto_default(), .is_controlling = (begin & 1) != 0,
                                 .is_lite = (begin & 8) != 0, .has_txid_tag = true,
                                 .txid_tag = TXID_TAG, .txid_key = TXID_KEY, .seed = { begin } };
    memset(d, 0, sizeof *d);
    d->now = WEIR_SEC;
    weir_ice_room_init(&d->room);
    if ((begin & 32) != 0) { /* less than it may want */
        d->room.pages.count = 2 + begin / 64;
    }
    if ((begin & 192) == 192) {
        d->room.setups.count = 0;
    }
    c.pages = &d->room.pages;
    c.setups = &d->room.setups;
    weir_ice_init(&d->ice, &c, d->now);
    if ((begin & 16) != 0) {
        weir_ice_allow(&d->ice, begin);
    }
    op_local(d, 0);
    if ((begin & 4) != 0) {
        weir_ice_embed_begin(&d->ice);
    }
    if ((begin & 2) != 0) {
        op_session(d, 7);
        op_candidate(d, 0, 0x80);
    }
    for (unsigned ops = 0; r.n != 0 && ops < OPS_MAX; ops++) {
        uint8_t op = next_byte(&r), arg = next_byte(&r);
        if (op == 255) {
            op_follow(d, arg);
            drain(d);
            continue;
        }
        switch (op % 9) {
        case 0:
            op_time(d, arg);
            break;
        case 1:
            op_request(d, arg, next_byte(&r));
            break;
        case 2:
            op_response(d, arg, next_byte(&r));
            break;
        case 3:
            op_candidate(d, arg, next_byte(&r));
            break;
        case 4:
            op_local(d, arg);
            break;
        case 5:
            op_session(d, arg);
            break;
        case 7:
            op_owner(d, arg, next_byte(&r));
            break;
        case 8:
            op_riding(d, &r, arg);
            break;
        default:
            op_raw(d, &r, arg);
        }
        drain(d);
    }
    weir_ice_deinit(&d->ice);
    must(d->room.pages.leased + d->room.setups.leased == 0);
    return d->digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct drive d;
    if (n > 4096) {
        return 0;
    }
    uint64_t first = run(&d, weir_span_of(data, n));
    must(run(&d, weir_span_of(data, n)) == first);
    return 0;
}
