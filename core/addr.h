/* Transport addresses and paths, as plain bytes: no sockaddr above the pump. */
#ifndef WEIR_CORE_ADDR_H
#define WEIR_CORE_ADDR_H

#include "core/base.h"

enum weir_family {
    WEIR_FAMILY_NONE = 0,
    WEIR_IPV4 = 4,
    WEIR_IPV6 = 6,
};

/* An IP address and port. IPv4 uses the first four bytes of ip and leaves the rest zero, so two
 * equal addresses are equal byte for byte. An IPv4-mapped IPv6 address is never stored: the edge
 * turns it into IPv4. */
struct weir_addr {
    uint8_t family; /* enum weir_family */
    uint8_t zero;   /* always 0 */
    uint16_t port;  /* host order */
    uint32_t scope; /* IPv6 link-local interface index, else 0 */
    uint8_t ip[16];
};

/* Where a datagram came from or goes to, seen from here. */
struct weir_path {
    struct weir_addr local;  /* the address of ours it arrived at, or leaves from */
    struct weir_addr remote;
};

/* Room for "[ffff:...]:65535" and its terminator. */
#define WEIR_ADDR_TEXT_BYTES 64

static inline bool weir_addr_eq(const struct weir_addr *a, const struct weir_addr *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/* The same IP whatever the port. */
WEIR_API bool weir_addr_same_ip(const struct weir_addr *a, const struct weir_addr *b);

static inline bool weir_path_eq(const struct weir_path *a, const struct weir_path *b)
{
    return weir_addr_eq(&a->local, &b->local) && weir_addr_eq(&a->remote, &b->remote);
}

/* Bytes of the IP: 4, 16, or 0 when there is none. */
WEIR_API size_t weir_addr_ip_bytes(const struct weir_addr *a);

WEIR_API struct weir_addr weir_addr_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port);
WEIR_API struct weir_addr weir_addr_v6(const uint8_t ip[16], uint16_t port);

WEIR_API bool weir_addr_is_any(const struct weir_addr *a);       /* 0.0.0.0 or :: */
WEIR_API bool weir_addr_is_loopback(const struct weir_addr *a);  /* 127/8 or ::1 */
WEIR_API bool weir_addr_is_link_local(const struct weir_addr *a); /* 169.254/16 or fe80::/10 */
WEIR_API bool weir_addr_is_multicast(const struct weir_addr *a);
/* Set aside, no host's: broadcast and 240/4; in IPv6 the discard prefix [RFC 6666] and IPv4 written in ways
 * that nobody uses any more, ::a.b.c.d [RFC 4291 2.5.5.1]. */
WEIR_API bool weir_addr_is_reserved(const struct weir_addr *a);
/* The IPv4 address that a translator takes out of an IPv6 one: 64:ff9b::/96 [RFC 6052], 2002::/16 [RFC
 * 3056]. It has the same port. False when it is none. */
WEIR_API bool weir_addr_embedded_v4(const struct weir_addr *a, struct weir_addr *v4);
WEIR_API bool weir_addr_is_private(const struct weir_addr *a);   /* RFC 1918, fc00::/7 */

/* Parse the text of an IPv4 or IPv6 address without a port; port becomes 0. The whole span must be
 * the address. False, and *out untouched, when it is not one. */
WEIR_MUST_CHECK WEIR_API bool weir_addr_parse_ip(struct weir_span text, struct weir_addr *out);

/* Parse "1.2.3.4:5" or "[::1]:5"; the port may be missing and is then 0. */
WEIR_MUST_CHECK WEIR_API bool weir_addr_parse(struct weir_span text, struct weir_addr *out);

/* Write the IP alone, or with its port; appended to the writer, RFC 5952 form. */
WEIR_API void weir_addr_write_ip(struct weir_wr *w, const struct weir_addr *a);
WEIR_API void weir_addr_write(struct weir_wr *w, const struct weir_addr *a);

/* A NUL-terminated text of address and port in the caller's buffer, which is returned. */
WEIR_API const char *weir_addr_text(const struct weir_addr *a, char text[WEIR_ADDR_TEXT_BYTES]);

#endif
