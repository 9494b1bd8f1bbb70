/* Format parameters: what configures a codec, by its own rules, and what of the rest is repeated.
 *
 *   1. the a=fmtp lines of a payload type are one list of "name=value", names in any case; of a name that
 *      comes twice the first counts;
 *   2. a few names configure the codec: a stream made for one value cannot be decoded as the other; they
 *      make one number, which is compared, kept and written again;
 *   3. names that nobody knows here change nothing, and are not repeated.
 */
#include "sdp/sdp_int.h"

/* -- The list ---------------------------------------------------------------------------------- */

void weir_sdp_add_fmtp(struct weir_sdp_codec *c, struct weir_span parameters)
{
    if (c->fmtp.n == 0) {
        c->fmtp = parameters;
    } else { /* the same text, further on: lines of others in between are skipped by who reads */
        c->fmtp.n = (size_t)(parameters.p - c->fmtp.p) + parameters.n;
    }
}

struct parameters {
    struct weir_rd text, line;
    uint8_t payload_type;
};

static struct parameters parameters_of(const struct weir_sdp_codec *c)
{
    struct parameters all = { weir_rd_of(c->fmtp), { NULL, 0 }, c->payload_type };
    struct weir_span first;
    if (weir_sdp_line(&all.text, &first)) {
        all.line = weir_rd_of(first);
    }
    return all;
}

/* The next line of the same payload type. */
static bool next_line(struct parameters *all)
{
    struct weir_span line, word;
    uint64_t payload_type;
    while (weir_sdp_line(&all->text, &line)) {
        struct weir_rd r = weir_rd_of(line);
        if (weir_sdp_prefix(&r, "a=fmtp:") && weir_sdp_item(&r, &word)
            && weir_sdp_number(word, 127, &payload_type) && payload_type == all->payload_type) {
            all->line = r;
            return true;
        }
    }
    return false;
}

static struct weir_span without_blanks(struct weir_span s)
{
    struct weir_rd r = weir_rd_of(s);
    weir_sdp_skip_blanks(&r);
    s = weir_rd_rest(&r);
    while (s.n != 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t')) {
        s.n--;
    }
    return s;
}

static bool next_parameter(struct parameters *all, struct weir_span *key, struct weir_span *value)
{
    struct weir_span pair;
    for (;;) { /* each round takes a character at least */
        while (all->line.n != 0 && all->line.p[0] == ';' && weir_rd_skip(&all->line, 1)) {
        }
        if (all->line.n == 0) {
            if (!next_line(all)) {
                return false;
            }
            continue;
        }
        if (!weir_sdp_word(&all->line, ';', &pair)) {
            return false;
        }
        struct weir_rd r = weir_rd_of(pair);
        if (weir_sdp_word(&r, '=', key)) {
            *key = without_blanks(*key);
            *value = without_blanks(weir_rd_rest(&r));
            return true;
        }
    }
}

static bool find_parameter(const struct weir_sdp_codec *c, const char *name, struct weir_span *value)
{
    struct parameters all = parameters_of(c);
    struct weir_span key;
    while (next_parameter(&all, &key, value)) {
        if (weir_sdp_same_name(key, weir_sdp_text(name))) {
            return true;
        }
    }
    return false;
}

/* A number of at most `max`; what was not said is `unsaid`. */
static bool number_of(const struct weir_sdp_codec *c, const char *name, uint32_t max, uint32_t unsaid,
                      uint32_t *out)
{
    struct weir_span value;
    uint64_t v = unsaid;
    if (find_parameter(c, name, &value) && !weir_sdp_number(value, max, &v)) {
        return false;
    }
    *out = (uint32_t)v;
    return true;
}

/* -- What configures a codec ------------------------------------------------------------------- */

/* As the number keeps it. H.264: profile-level-id, and above it the rest; VP9 and AV1: the profile. */
#define H264_MODE 0x01000000u
#define H264_ASYMMETRY 0x02000000u
#define H264_HAS_ID 0x04000000u
#define H264_ID_DEFAULT 0x42000au /* [RFC 6184 8.1] Baseline, level 1 */
#define HAS_PROFILE 0x100u

static bool h264_config(const struct weir_sdp_codec *c, uint32_t *config)
{
    struct weir_span id;
    uint32_t mode, asymmetry;
    *config = 0;
    if (!number_of(c, "packetization-mode", 1, 0, &mode) /* 2 interleaves, which nobody does */
        || !number_of(c, "level-asymmetry-allowed", 1, 0, &asymmetry)) {
        return false;
    }
    if (find_parameter(c, "profile-level-id", &id)) {
        *config |= H264_HAS_ID;
        uint32_t v = 0;
        for (size_t i = 0; i < id.n && id.n == 6; i++) {
            int digit = weir_sdp_hex_digit(id.p[i]);
            if (digit < 0) {
                return false;
            }
            v = v << 4 | (uint32_t)digit;
        }
        *config |= v;
        if (id.n != 6 || v == 0) {
            return false;
        }
    }
    *config |= (mode != 0 ? H264_MODE : 0) | (asymmetry != 0 ? H264_ASYMMETRY : 0);
    return true;
}

static bool profile_config(const struct weir_sdp_codec *c, const char *name, uint32_t max,
                           uint32_t *config)
{
    struct weir_span value;
    if (!number_of(c, name, max, 0, config)) {
        return false;
    }
    *config |= find_parameter(c, name, &value) ? HAS_PROFILE : 0;
    return true;
}

enum codec_rule { RULE_NONE, RULE_H264, RULE_VP9, RULE_AV1 };

static enum codec_rule rule_of(struct weir_span name)
{
    return weir_sdp_same_name(name, WEIR_LIT("H264"))  ? RULE_H264
           : weir_sdp_same_name(name, WEIR_LIT("VP9")) ? RULE_VP9
           : weir_sdp_same_name(name, WEIR_LIT("AV1")) ? RULE_AV1
                                                       : RULE_NONE;
}

bool weir_sdp_codec_config(const struct weir_sdp_codec *c, uint32_t *config)
{
    *config = c->config;
    if (c->fmtp.n == 0) {
        return true;
    }
    switch (rule_of(c->name)) {
    case RULE_H264:
        return h264_config(c, config);
    case RULE_VP9:
        return profile_config(c, "profile-id", 3, config);
    case RULE_AV1:
        return profile_config(c, "profile", 2, config);
    case RULE_NONE:
        break;
    }
    return true;
}

/* [RFC 6184 8.1] The same profile may be said in several ways: by its number, and by what it keeps to. */
static unsigned h264_profile(uint32_t config)
{
    static const struct {
        uint8_t idc, mask, flags, profile;
    } known[] = {
        { 0x42, 0x4f, 0x40, 1 }, { 0x4d, 0x8f, 0x80, 1 }, { 0x58, 0xcf, 0xc0, 1 }, /* so constrained */
        { 0x42, 0x4f, 0x00, 2 }, { 0x58, 0xcf, 0x80, 2 },                          /* baseline */
        { 0x4d, 0xaf, 0x00, 3 },                                                   /* main */
        { 0x64, 0xff, 0x00, 4 }, { 0x64, 0xff, 0x0c, 5 },                          /* high, constrained */
        { 0xf4, 0xff, 0x00, 6 },                                                   /* high 4:4:4 */
    };
    uint32_t id = (config & H264_HAS_ID) != 0 ? config & 0xffffff : H264_ID_DEFAULT;
    uint8_t idc = (uint8_t)(id >> 16), flags = (uint8_t)(id >> 8);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (known[i].idc == idc && (flags & known[i].mask) == known[i].flags) {
            return known[i].profile;
        }
    }
    return 0x10000u | id >> 8; /* one that has no name here is the same as itself */
}

bool weir_sdp_same_config(struct weir_span name, uint32_t a, uint32_t b)
{
    switch (rule_of(name)) {
    case RULE_H264: /* [RFC 6184 8.2.2] the level may differ */
        return ((a ^ b) & H264_MODE) == 0 && h264_profile(a) == h264_profile(b);
    case RULE_VP9:
    case RULE_AV1:
        return ((a ^ b) & 0xff) == 0;
    case RULE_NONE:
        break;
    }
    return true;
}

/* -- Writing ----------------------------------------------------------------------------------- */

/* What is repeated of each codec: what configures it, and what its receivers like. Its place in the table,
 * or REPEATED for a name that is not there. */
enum { REPEATED = 16 };

static unsigned repeated_at(struct weir_span codec, struct weir_span key)
{
    static const struct {
        const char *codec, *key;
    } known[REPEATED] = {
        { "opus", "minptime" }, { "opus", "useinbandfec" }, { "opus", "stereo" },
        { "opus", "sprop-stereo" }, { "opus", "maxplaybackrate" },                        /* RFC 7587 */
        { "H264", "level-asymmetry-allowed" }, { "H264", "packetization-mode" },
        { "H264", "profile-level-id" },                                                   /* RFC 6184 */
        { "VP8", "max-fs" }, { "VP8", "max-fr" },                                         /* RFC 7741 */
        { "VP9", "profile-id" }, { "VP9", "max-fs" }, { "VP9", "max-fr" },                /* RFC 9628 */
        { "AV1", "profile" }, { "AV1", "level-idx" }, { "AV1", "tier" },
    };
    unsigned at = 0;
    while (at < REPEATED && !(weir_sdp_same_name(codec, weir_sdp_text(known[at].codec))
                              && weir_sdp_same_name(key, weir_sdp_text(known[at].key)))) {
        at++;
    }
    return at;
}

static bool is_plain(struct weir_span s)
{
    bool is_good = s.n != 0;
    for (size_t i = 0; i < s.n; i++) {
        is_good &= s.p[i] > 32 && s.p[i] < 127;
    }
    return is_good;
}

static void begin_parameter(struct weir_wr *w, uint8_t payload_type, bool *is_begun)
{
    if (*is_begun) {
        weir_wr_u8(w, ';');
        return;
    }
    weir_wr_str(w, "a=fmtp:");
    weir_wr_dec(w, payload_type);
    weir_wr_u8(w, ' ');
    *is_begun = true;
}

static void number_parameter(struct weir_wr *w, const struct weir_sdp_codec *c, const char *text,
                             uint32_t value, bool *is_begun)
{
    begin_parameter(w, c->payload_type, is_begun);
    weir_wr_str(w, text);
    weir_wr_dec(w, value);
}

static void write_config(struct weir_wr *w, const struct weir_sdp_codec *c, bool *is_begun)
{
    enum codec_rule rule = rule_of(c->name);
    if (rule == RULE_H264) {
        number_parameter(w, c, "level-asymmetry-allowed=", (c->config & H264_ASYMMETRY) != 0, is_begun);
        number_parameter(w, c, "packetization-mode=", (c->config & H264_MODE) != 0, is_begun);
        if ((c->config & H264_HAS_ID) != 0) {
            uint8_t id[3] = { (uint8_t)(c->config >> 16), (uint8_t)(c->config >> 8), (uint8_t)c->config };
            begin_parameter(w, c->payload_type, is_begun);
            weir_wr_str(w, "profile-level-id=");
            weir_wr_hex(w, weir_span_of(id, sizeof id));
        }
    } else if ((c->config & HAS_PROFILE) != 0 && rule != RULE_NONE) {
        number_parameter(w, c, rule == RULE_VP9 ? "profile-id=" : "profile=", c->config & 0xff, is_begun);
    }
}

void weir_sdp_write_fmtp(struct weir_wr *w, const struct weir_sdp_codec *c)
{
    struct parameters all = parameters_of(c);
    struct weir_span key, value;
    bool is_begun = false;
    uint32_t written = 0;
    while (next_parameter(&all, &key, &value)) {
        uint32_t bit = 1u << repeated_at(c->name, key);
        if (bit == 1u << REPEATED || (written & bit) != 0 || !is_plain(value)) {
            continue;
        }
        written |= bit;
        begin_parameter(w, c->payload_type, &is_begun);
        weir_wr_bytes(w, key);
        weir_wr_u8(w, '=');
        weir_wr_bytes(w, value);
    }
    if (c->fmtp.n == 0 && c->config != 0) {
        write_config(w, c, &is_begun);
    }
    if (is_begun) {
        weir_wr_str(w, "\r\n");
    }
}
