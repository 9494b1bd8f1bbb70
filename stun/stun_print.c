/* Messages as text for people: an object of its own, so that a constrained build leaves it out. */
#include "stun/stun_int.h"

static const char *class_name(uint16_t klass)
{
    switch (klass) {
    case WEIR_STUN_REQUEST:
        return "request";
    case WEIR_STUN_INDICATION:
        return "indication";
    case WEIR_STUN_SUCCESS:
        return "success";
    default:
        return "error";
    }
}

static void put_attr(struct weir_wr *w, const struct weir_stun_attr *a)
{
    const struct weir_stun_attr_info *info = weir_stun_attr_info(a->type);
    uint8_t type[2];
    weir_put16(type, a->type);
    weir_wr_str(w, " ");
    if (info != NULL) {
        weir_wr_str(w, info->name);
    } else {
        weir_wr_str(w, "0x");
        weir_wr_hex(w, weir_span_of(type, 2));
    }
    weir_wr_str(w, "/");
    weir_wr_dec(w, a->value.n);
}

void weir_stun_print(const struct weir_stun_msg *m, struct weir_wr *text)
{
    struct weir_stun_iter it = weir_stun_iter(m);
    struct weir_stun_attr a;
    weir_wr_str(text, class_name(m->klass));
    weir_wr_str(text, m->method == WEIR_STUN_BINDING ? " binding " : " method ");
    if (m->method != WEIR_STUN_BINDING) {
        weir_wr_dec(text, m->method);
        weir_wr_str(text, " ");
    }
    weir_wr_hex(text, weir_span_of(m->txid, sizeof m->txid));
    while (weir_stun_next(&it, &a)) { /* a parsed message has at most WEIR_STUN_ATTRS_MAX */
        put_attr(text, &a);
    }
    if (m->error_code != 0) {
        weir_wr_str(text, " code=");
        weir_wr_dec(text, m->error_code);
    }
    if (m->mapped.family != WEIR_FAMILY_NONE) {
        weir_wr_str(text, " mapped=");
        weir_addr_write(text, &m->mapped);
    }
}
