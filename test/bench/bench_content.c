/* What messages say, so that a receiver can tell whether it got what was sent.
 *
 * Message k is its number, eight bytes, and then a piece of one table of noise that begins elsewhere for
 * each k modulo 64. A sender writes the number into its own copy of the table for the moment of sending, so
 * that nothing is copied; a receiver compares with the table, one memcmp.
 */
#include <string.h>

#include "test/bench/bench.h"

#define PLACES 64
#define PLACE_BYTES 40

static uint8_t noise[CONTENT_MAX + PLACES * PLACE_BYTES];

static size_t place(uint64_t k)
{
    return (size_t)(k % PLACES) * PLACE_BYTES;
}

void content_init(void)
{
    uint32_t x = 2463534242;
    for (size_t i = 0; i < sizeof noise; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        noise[i] = (uint8_t)(x >> 11);
    }
}

/* Sixteen bytes to 16 KiB, each power of two as often as the others: the peers' drivers do the same. */
unsigned content_size(uint64_t k, unsigned size)
{
    if (size != 0) {
        return size;
    }
    uint32_t x = (uint32_t)k * 2654435761u;
    return 16 + (x >> 16) % (1u << (7 + (x >> 8) % 8));
}

struct weir_span content_begin(struct content *c, size_t n)
{
    if (c->table == NULL) {
        c->table = malloc(sizeof noise);
        if (c->table == NULL) {
            die("no memory");
        }
        memcpy(c->table, noise, sizeof noise);
    }
    memcpy(c->table + place(c->next), &c->next, sizeof c->next);
    return weir_span_of(c->table + place(c->next), n);
}

void content_end(struct content *c, bool is_sent)
{
    memcpy(c->table + place(c->next), noise + place(c->next), sizeof c->next);
    c->next += is_sent ? 1 : 0;
}

void content_check(struct content *c, struct weir_span m, unsigned size, bool is_ordered)
{
    uint64_t k;
    if (m.n < sizeof k) {
        die("a message came damaged");
    }
    memcpy(&k, m.p, sizeof k);
    if (m.n != content_size(k, size) || (is_ordered && k != c->next)
        || memcmp(m.p + sizeof k, noise + place(k) + sizeof k, m.n - sizeof k) != 0) {
        die("a message came damaged or out of order");
    }
    c->next = k + 1;
}
