/* Base64 [RFC 4648 4] as descriptions use it: whole groups of four, padded, nothing between them. */
#include "sdp/sdp_int.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void weir_sdp_base64_write(struct weir_wr *w, struct weir_span bytes)
{
    for (size_t i = 0; i < bytes.n; i += 3) {
        size_t left = bytes.n - i;
        uint32_t group = (uint32_t)bytes.p[i] << 16 | (left > 1 ? (uint32_t)bytes.p[i + 1] << 8 : 0)
                         | (left > 2 ? bytes.p[i + 2] : 0);
        weir_wr_u8(w, (uint8_t)digits[group >> 18]);
        weir_wr_u8(w, (uint8_t)digits[group >> 12 & 63]);
        weir_wr_u8(w, left > 1 ? (uint8_t)digits[group >> 6 & 63] : '=');
        weir_wr_u8(w, left > 2 ? (uint8_t)digits[group & 63] : '=');
    }
}

static bool digit_value(uint8_t c, uint32_t *value)
{
    *value = 0;
    while (*value < 64 && digits[*value] != (char)c) {
        ++*value;
    }
    return *value < 64;
}

size_t weir_sdp_base64_read(struct weir_span text, struct weir_mspan out)
{
    struct weir_wr w = weir_wr_of(out);
    if (text.n == 0 || text.n % 4 != 0) {
        return 0;
    }
    size_t pads = text.p[text.n - 1] != '=' ? 0 : text.p[text.n - 2] != '=' ? 1 : 2;
    for (size_t i = 0; i < text.n; i += 4) {
        size_t pad = i + 4 == text.n ? pads : 0;
        uint32_t group = 0, value;
        for (size_t k = 0; k < 4; k++) {
            if (k >= 4 - pad) {
                value = 0;
            } else if (!digit_value(text.p[i + k], &value)) {
                return 0;
            }
            group = group << 6 | value;
        }
        if ((group & (pad == 0 ? 0u : pad == 1 ? 0xffu : 0xffffu)) != 0) {
            return 0; /* [RFC 4648 3.5] bits that stand for nothing */
        }
        weir_wr_u8(&w, (uint8_t)(group >> 16));
        if (pad < 2) {
            weir_wr_u8(&w, (uint8_t)(group >> 8));
        }
        if (pad < 1) {
            weir_wr_u8(&w, (uint8_t)group);
        }
    }
    return weir_wr_done(&w);
}
