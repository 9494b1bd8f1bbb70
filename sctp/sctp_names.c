/* Names of states and verdicts, and the invariants; a small build leaves this file out. */
#include "sctp/sctp_int.h"

const char *weir_sctp_state_name(enum weir_sctp_state state)
{
    static const char *const name[] = {
        [WEIR_SCTP_CLOSED] = "closed",
        [WEIR_SCTP_COOKIE_WAIT] = "cookie-wait",
        [WEIR_SCTP_COOKIE_ECHOED] = "cookie-echoed",
        [WEIR_SCTP_ESTABLISHED] = "established",
        [WEIR_SCTP_SHUTDOWN_PENDING] = "shutdown-pending",
        [WEIR_SCTP_SHUTDOWN_SENT] = "shutdown-sent",
        [WEIR_SCTP_SHUTDOWN_RECEIVED] = "shutdown-received",
        [WEIR_SCTP_SHUTDOWN_ACK_SENT] = "shutdown-ack-sent",
        [WEIR_SCTP_OVER] = "over",
    };
    _Static_assert(sizeof name / sizeof name[0] == WEIR_SCTP_STATES, "one name per state");
    return state < WEIR_SCTP_STATES ? name[state] : "?";
}

const char *weir_sctp_verdict_name(enum weir_sctp_verdict v)
{
    static const char *const name[] = {
        [WEIR_SCTP_OK] = "ok",
        [WEIR_SCTP_SHORT] = "short",
        [WEIR_SCTP_PORTS] = "ports",
        [WEIR_SCTP_CHECKSUM] = "checksum",
        [WEIR_SCTP_CHUNK_LENGTH] = "chunk-length",
        [WEIR_SCTP_INIT_BUNDLED] = "init-bundled",
        [WEIR_SCTP_TAG] = "tag",
        [WEIR_SCTP_OUT_OF_THE_BLUE] = "out-of-the-blue",
        [WEIR_SCTP_CHUNK_UNKNOWN] = "chunk-unknown",
        [WEIR_SCTP_CHUNK_SHORT] = "chunk-short",
        [WEIR_SCTP_UNEXPECTED] = "unexpected",
        [WEIR_SCTP_INIT_VALUE] = "init-value",
        [WEIR_SCTP_PARAM_LENGTH] = "param-length",
        [WEIR_SCTP_COOKIE_MISSING] = "cookie-missing",
        [WEIR_SCTP_COOKIE_FORGED] = "cookie-forged",
        [WEIR_SCTP_COOKIE_STALE] = "cookie-stale",
        [WEIR_SCTP_COOKIE_TAGS] = "cookie-tags",
        [WEIR_SCTP_DATA_EMPTY] = "data-empty",
        [WEIR_SCTP_DATA_DUPLICATE] = "data-duplicate",
        [WEIR_SCTP_DATA_WINDOW] = "data-window",
        [WEIR_SCTP_DATA_STREAM] = "data-stream",
        [WEIR_SCTP_DATA_FRAGMENT] = "data-fragment",
        [WEIR_SCTP_DATA_ORPHAN] = "data-orphan",
        [WEIR_SCTP_DATA_TOO_LARGE] = "data-too-large",
        [WEIR_SCTP_DATA_FULL] = "data-full",
        [WEIR_SCTP_DATA_SSN] = "data-ssn",
        [WEIR_SCTP_SACK_OLD] = "sack-old",
        [WEIR_SCTP_SACK_UNSENT] = "sack-unsent",
        [WEIR_SCTP_SACK_BLOCKS] = "sack-blocks",
        [WEIR_SCTP_FORWARD_REFUSED] = "forward-refused",
        [WEIR_SCTP_FORWARD_OLD] = "forward-old",
        [WEIR_SCTP_HEARTBEAT_INFO] = "heartbeat-info",
        [WEIR_SCTP_HEARTBEAT_FOREIGN] = "heartbeat-foreign",
        [WEIR_SCTP_RECONFIG_REFUSED] = "reconfig-refused",
        [WEIR_SCTP_RECONFIG_SEQUENCE] = "reconfig-sequence",
        [WEIR_SCTP_RECONFIG_DENIED] = "reconfig-denied",
        [WEIR_SCTP_DCEP_MALFORMED] = "dcep-malformed",
        [WEIR_SCTP_DCEP_PARITY] = "dcep-parity",
        [WEIR_SCTP_DCEP_IN_USE] = "dcep-in-use",
        [WEIR_SCTP_DCEP_FULL] = "dcep-full",
        [WEIR_SCTP_DCEP_NO_CHANNEL] = "dcep-no-channel",
        [WEIR_SCTP_DCEP_PPID] = "dcep-ppid",
    };
    _Static_assert(sizeof name / sizeof name[0] == WEIR_SCTP_VERDICTS, "one name per verdict");
    return v < WEIR_SCTP_VERDICTS ? name[v] : "?";
}

/* -- Invariants ------------------------------------------------------------------------------- */

/* Cells of a list of chunks; more than there are when it goes in circles. */
static uint32_t list_cells(const struct weir_sctp *s, uint32_t i)
{
    uint32_t cells = 0;
    for (; i != WEIR_NO_CELL && cells <= s->tx_cells; i = chunk_at(s, i)->next) {
        cells += weir_rope_count(s->pool, i);
    }
    return cells;
}

/* The outstanding list: rising TSNs, and counters that agree with it. */
static bool check_outstanding(const struct weir_sctp *s)
{
    uint32_t flight = 0, data = 0, lost = 0, acked = 0, n = 0;
    uint32_t last = s->cum_acked;
    for (uint32_t i = s->out_head; i != WEIR_NO_CELL; i = chunk_at(s, i)->next) {
        const struct tx_chunk *c = chunk_at(s, i);
        if (!tsn_after(c->tsn, last) || ++n > s->tx_cells) {
            return false;
        }
        last = c->tsn;
        flight += c->state == CHUNK_IN_FLIGHT ? data_wire_bytes(chunk_at(s, i)->bytes) : 0;
        data += c->state == CHUNK_IN_FLIGHT ? chunk_at(s, i)->bytes : 0;
        lost += c->state == CHUNK_LOST ? 1 : 0;
        acked += c->state == CHUNK_GAP_ACKED ? 1 : 0;
    }
    return flight == s->flight_bytes && data == s->flight_data && lost == s->rtx_count &&
           acked == s->gap_acked_count && (s->out_head == WEIR_NO_CELL || s->t3_at != WEIR_NEVER);
}

static bool check_streams(const struct weir_sctp *s)
{
    uint32_t queued = 0, waiting = 0, wanted = 0;
    uint32_t id = 0;
    for (uint32_t i; (i = stream_next(s, &id)) != WEIR_NO_CELL; id++) {
        const struct weir_sctp_stream *st = stream_at(s, i);
        if (st->id != id || st->pins != 0) {
            return false;
        }
        waiting += st->waiting;
        wanted += st->tx_reset == RESET_WANTED ? 1 : 0;
        queued += list_cells(s, st->queue_head);
        if (st->queue_head != WEIR_NO_CELL && !st->is_scheduled && s->tx_mid != i) {
            return false;
        }
    }
    return waiting == s->rx_waiting &&
           (s->state == WEIR_SCTP_OVER || wanted == s->reset_wanted) &&
           queued + list_cells(s, s->out_head) == s->tx_cells;
}

static bool check_segments(const struct weir_sctp *s)
{
    uint32_t cells = 0, bytes = 0, unread = 0;
    uint32_t last = 0;
    bool is_first = true;
    for (uint32_t i = s->segment_head; i != WEIR_NO_CELL; i = segment_at(s, i)->next) {
        const struct segment *g = segment_at(s, i);
        if ((!is_first && !tsn_after(g->first, last)) || tsn_before(g->last, g->first)) {
            return false;
        }
        is_first = false;
        last = g->last;
        cells += weir_rope_count(s->pool, i);
        bytes += g->bytes;
    }
    for (uint32_t i = s->unread_head; i != WEIR_NO_CELL; i = segment_at(s, i)->next) {
        cells += weir_rope_count(s->pool, i);
        unread += segment_at(s, i)->bytes;
    }
    /* Messages being read are held besides. */
    return bytes == s->rx_undelivered && bytes + unread <= s->rx_bytes && cells <= s->rx_cells;
}

static bool check_ranges(const struct weir_sctp *s)
{
    const struct weir_sctp_range *range = ranges_of(s);
    uint32_t last = s->rx_cum;
    for (unsigned i = 0; i < s->range_count; i++) {
        if (!tsn_after(range[i].first, last + 1) ||
            tsn_before(range[i].last, range[i].first)) {
            return false;
        }
        last = range[i].last;
    }
    return true;
}

/* The pool's account says the same as we do. */
static bool check_memory(const struct weir_sctp *s)
{
    return s->account == WEIR_NO_ACCOUNT ||
           (weir_store_check(s->pool, s->account) &&
            weir_account_cells(s->pool, s->account) >=
                s->rx_cells + s->tx_cells + s->streams.count + s->channels.count &&
            s->rx_cells <= s->config.rx_bytes_max / WEIR_CELL_BYTES);
}

bool weir_sctp_check(const struct weir_sctp *s)
{
    return check_outstanding(s) && check_streams(s) && check_segments(s) && check_ranges(s) &&
           check_memory(s);
}
