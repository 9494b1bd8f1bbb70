/* What a connection keeps in the pool besides messages: sections, names, paths of a lite agent. It is there as
 * long as it is used, and without room the call that needed it is refused and nothing has changed. */
#include "test/peer/peer_jsep.h"

enum { SECTION = WEIR_CELLS_OF(sizeof(struct weir_media)), NAME = WEIR_CELLS_OF(sizeof(struct weir_peer_name)),
       DEBTS = WEIR_CELLS_OF(sizeof(struct weir_peer_debts)) };

static uint32_t taken[4096], cell[256], buffers_taken, cells_taken;

static uint32_t cells(const struct sim *s, int who)
{
    return weir_account_cells(&s->pool, s->peer[who]->account);
}

static void take_buffers(struct sim *s)
{
    while ((taken[buffers_taken] = weir_pool_get(&s->pool)) != WEIR_NO_BUF) {
        buffers_taken++;
    }
}

static void give_buffers(struct sim *s, uint32_t all_but)
{
    while (buffers_taken > all_but) {
        weir_pool_put(&s->pool, taken[--buffers_taken]);
    }
}

/* Nothing is left, not even in the buffers that this peer has. */
static void empty_pool(struct sim *s, int who)
{
    take_buffers(s);
    while ((cell[cells_taken] = weir_cell_get(&s->pool, s->peer[who]->account, WEIR_STORE_DENSE))
           != WEIR_NO_CELL) {
        cells_taken++;
    }
}

static void fill_pool(struct sim *s, int who)
{
    while (cells_taken != 0) {
        weir_cell_put(&s->pool, s->peer[who]->account, cell[--cells_taken]);
    }
    give_buffers(s, 0);
}

static void a_section_costs_its_cells_while_it_lasts(void **state)
{
    (void)state;
    struct sim *s = sim_open(1, true);
    uint8_t media;
    assert_int_equal(cells(s, 0), 0);
    assert_null(weir_peer_media_at(s->peer[0], 0));
    for (uint32_t i = 1; i <= 20; i++) {
        assert_int_equal(weir_peer_add_media(s->peer[0], WEIR_SDP_AUDIO, WEIR_SDP_SENDRECV, &media), WEIR_OK);
        assert_int_equal(cells(s, 0), i * SECTION);
        assert_int_equal(weir_peer_media_at(s->peer[0], media)->kind, WEIR_SDP_AUDIO);
        assert_null(weir_peer_media_at(s->peer[0], i));
    }
    negotiate(s, 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(s->peer[i]->medias, 21); /* data too */
        assert_int_equal(s->peer[i]->media_cells, 21);
        assert_int_equal(cells(s, i), 21 * SECTION);
    }
    sim_close(s); /* every buffer comes home */
}

static void without_room_a_section_is_not_added(void **state)
{
    (void)state;
    struct sim *s = sim_open(2, true);
    uint8_t media = 77;
    static struct weir_peer was;
    empty_pool(s, 0);
    was = *s->peer[0];
    assert_int_equal(weir_peer_add_media(s->peer[0], WEIR_SDP_VIDEO, WEIR_SDP_SENDRECV, &media), WEIR_ERR_FULL);
    struct weir_wr w = weir_wr_of((struct weir_mspan){ text[0], sizeof text[0] });
    assert_int_equal(weir_peer_preview_offer(s->peer[0], s->now, &w), WEIR_ERR_FULL);
    assert_int_equal(weir_peer_create_offer(s->peer[0], s->now, &w), WEIR_ERR_FULL); /* its data section */
    assert_int_equal(w.len, 0);
    assert_memory_equal(&was, s->peer[0], sizeof was);
    assert_int_equal(media, 77);
    fill_pool(s, 0);
    negotiate(s, 0);
    sim_run(s, s->now + 5 * WEIR_SEC, false);
    assert_int_equal(s->state[0], WEIR_PEER_CONNECTED);
    sim_close(s);
}

/* The data section of an offer that is only looked at may go where an empty place is: that is empty again. */
static void looking_puts_an_empty_place_back(void **state)
{
    (void)state;
    struct sim *s = sim_open(10, true);
    struct weir_peer *p = s->peer[1];
    uint8_t small[100];
    int n = snprintf((char *)text[0], sizeof text[0], "%s",
                     "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE b\r\n"
                     "a=fingerprint:sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:"
                     "10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F\r\n"
                     "m=audio 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:a\r\n"
                     "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:b\r\na=setup:actpass\r\na=ice-ufrag:gen1\r\n"
                     "a=ice-pwd:0123456789012345678901\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\n");
    length[0] = (size_t)n;
    answer(s, 1);
    assert_true(weir_peer_media_at(p, 0)->is_free && !weir_peer_media_at(p, 1)->is_free);
    struct weir_media was = *weir_peer_media_at(p, 0);
    for (unsigned is_short = 0; is_short < 2; is_short++) {
        struct weir_wr w = weir_wr_of((struct weir_mspan){ text[1], sizeof text[1] });
        struct weir_wr tiny = weir_wr_of((struct weir_mspan){ small, sizeof small });
        if (is_short != 0) {
            assert_int_equal(weir_peer_create_offer(p, s->now, &tiny), WEIR_ERR_SIZE);
        } else {
            assert_int_equal(weir_peer_preview_offer(p, s->now, &w), WEIR_OK);
            text[1][w.len] = '\0';
            assert_true(strstr((char *)text[1], "m=application") < strstr((char *)text[1], "m=video"));
        }
        assert_memory_equal(&was, weir_peer_media_at(p, 0), sizeof was);
        assert_int_equal(p->medias, 2);
        assert_int_equal(p->media_cells, 2);
    }
    sim_close(s);
}

/* As many buffers as an offer needs, less one: it is refused; and with them it is taken. */
static void an_offer_is_taken_whole_or_not_at_all(void **state)
{
    (void)state;
    unsigned refused = 0, took = 0;
    for (uint32_t left = 0; took == 0; left++) {
        struct sim *s = sim_open(3, true);
        struct weir_sdp_error error;
        uint8_t media;
        for (unsigned i = 0; i < 12; i++) {
            assert_int_equal(weir_peer_add_media(s->peer[0], WEIR_SDP_AUDIO, WEIR_SDP_SENDRECV, &media), WEIR_OK);
        }
        assert_int_equal(weir_peer_add_media(s->peer[1], WEIR_SDP_VIDEO, WEIR_SDP_SENDRECV, &media), WEIR_OK);
        offer(s, 0);
        uint32_t before = cells(s, 1);
        take_buffers(s);
        give_buffers(s, buffers_taken - left);
        enum weir_status status = weir_peer_set_remote(s->peer[1], s->now, true,
                                                       weir_span_of(text[0], length[0]), &error);
        if (status == WEIR_OK) {
            took++;
            assert_int_equal(s->peer[1]->medias, 14);
        } else {
            refused++;
            assert_int_equal(status, WEIR_ERR_FULL);
            assert_int_equal(s->peer[1]->medias, 1);
            assert_int_equal(s->peer[1]->media_cells, 1);
            assert_int_equal(cells(s, 1), before);
            assert_int_equal(s->peer[1]->signalling, WEIR_STABLE);
        }
        give_buffers(s, 0);
        if (status != WEIR_OK) {
            take_offer(s, 1);
        }
        assert_int_equal(weir_peer_rollback(s->peer[1], s->now), WEIR_OK);
        assert_int_equal(cells(s, 1), before);
        assert_int_equal(s->peer[1]->media_cells, 1);
        take_offer(s, 1);
        write_answer(s, 1);
        take_answer(s, 0);
        assert_int_equal(s->peer[1]->media_cells, s->peer[1]->medias);
        assert_int_equal(cells(s, 1), s->peer[1]->medias * (uint32_t)SECTION);
        sim_close(s);
    }
    assert_true(refused >= 2);
}

/* A section of the peer's in which the application sends outlives the offer that brought it: what it takes to
 * keep it is there from the moment when the application says so, or it may not say so. */
static void a_rollback_needs_no_room(void **state)
{
    (void)state;
    for (int is_full = 0; is_full < 2; is_full++) {
        struct sim *s = connected(4, WEIR_SDP_ACTIVE), *other = sim_open(5, true);
        struct weir_sdp_error error;
        uint8_t media;
        unsigned had = s->peer[1]->medias;
        assert_int_equal(weir_peer_add_media(other->peer[0], WEIR_SDP_AUDIO, WEIR_SDP_SENDRECV, &media), WEIR_OK);
        assert_int_equal(weir_peer_add_media(other->peer[0], WEIR_SDP_AUDIO, WEIR_SDP_SENDRECV, &media), WEIR_OK);
        offer(other, 0); /* another program: everything that there is makes room for its sections */
        assert_int_equal(weir_peer_set_remote(s->peer[1], s->now, true, weir_span_of(text[0], length[0]), &error),
                         WEIR_OK);
        uint32_t before = cells(s, 1);
        if (is_full != 0) {
            empty_pool(s, 1);
            uint32_t full = cells(s, 1);
            unsigned spare = s->peer[1]->media_cells - s->peer[1]->medias, took = 0;
            for (uint8_t i = 0; i < 2; i++) {
                enum weir_status status = weir_peer_set_direction(s->peer[1], i, WEIR_SDP_SENDRECV);
                bool has = status == WEIR_OK;
                took += has ? 1 : 0;
                assert_true(has || status == WEIR_ERR_FULL);
                assert_int_equal(weir_peer_media_at(s->peer[1], i)->wanted,
                                 has ? WEIR_SDP_SENDRECV : WEIR_SDP_RECVONLY);
                assert_int_equal(weir_peer_media_at(s->peer[1], i)->is_theirs, !has);
            }
            assert_int_equal(took, spare < 2 ? spare : 2);
            assert_int_equal(cells(s, 1), full);
        } else {
            for (uint8_t i = 0; i < 2; i++) {
                assert_int_equal(weir_peer_set_direction(s->peer[1], i, WEIR_SDP_SENDRECV), WEIR_OK);
            }
            assert_true(cells(s, 1) >= before);
            empty_pool(s, 1);
        }
        assert_int_equal(weir_peer_rollback(s->peer[1], s->now), WEIR_OK);
        assert_int_equal(s->peer[1]->media_cells, s->peer[1]->medias);
        if (is_full == 0) {
            assert_int_equal(s->peer[1]->medias, had + 2);
            assert_true(weir_peer_media_at(s->peer[1], had)->is_new);
            assert_true(weir_peer_media_at(s->peer[1], had + 1)->is_new);
        }
        fill_pool(s, 1);
        check_data(s);
        sim_close(other);
        sim_close(s);
    }
}

/* What was added while another program's offer waited stays, in its order, whether that offer had more sections
 * than there were or fewer. */
static void what_was_added_meanwhile_stays_in_order(void **state)
{
    (void)state;
    for (unsigned theirs = 0; theirs < 4; theirs++) {
        struct sim *s = connected(8, WEIR_SDP_ACTIVE), *other = sim_open(9, true);
        struct weir_sdp_error error;
        uint32_t ssrc[3];
        uint8_t media;
        assert_int_equal(weir_peer_add_media(s->peer[0], WEIR_SDP_VIDEO, WEIR_SDP_SENDRECV, &media), WEIR_OK);
        negotiate(s, 0);
        unsigned had = s->peer[1]->medias;
        assert_int_equal(had, 3);
        for (unsigned i = 0; i < theirs; i++) {
            assert_int_equal(weir_peer_add_media(other->peer[0], WEIR_SDP_AUDIO, WEIR_SDP_SENDRECV, &media), WEIR_OK);
        }
        offer(other, 0);
        assert_int_equal(weir_peer_set_remote(s->peer[1], s->now, true, weir_span_of(text[0], length[0]), &error),
                         WEIR_OK);
        assert_int_equal(s->peer[1]->medias, theirs + 1);
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(weir_peer_add_media(s->peer[1], WEIR_SDP_VIDEO, WEIR_SDP_SENDRECV, &media), WEIR_OK);
            ssrc[i] = weir_peer_media_at(s->peer[1], media)->ssrc;
        }
        assert_int_equal(weir_peer_rollback(s->peer[1], s->now), WEIR_OK);
        assert_int_equal(s->peer[1]->medias, had + 3);
        assert_int_equal(s->peer[1]->media_cells, had + 3);
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(weir_peer_media_at(s->peer[1], had + i)->ssrc, ssrc[i]);
            assert_true(weir_peer_media_at(s->peer[1], had + i)->is_new);
        }
        check_data(s);
        sim_close(other);
        sim_close(s);
    }
}

static void a_name_costs_its_cells_while_it_waits(void **state)
{
    (void)state;
    struct sim *s = sim_open(6, true);
    char line[160];
    for (unsigned i = 0; i < WEIR_PEER_NAMES_MAX + 2; i++) {
        int n = snprintf(line, sizeof line, "candidate:1 1 udp 2122260223 5177eebd-d4eb-495a-a75e-%012u.local"
                                            " %u typ host", i, 5000 + i);
        assert_int_equal(weir_peer_add_candidate(s->peer[0], s->now, weir_span_of(line, (size_t)n)), WEIR_OK);
        uint32_t names = i < WEIR_PEER_NAMES_MAX ? i + 1 : WEIR_PEER_NAMES_MAX;
        assert_int_equal(cells(s, 0), names * NAME);
    }
    assert_int_equal(s->peer[0]->names_left_out, 2);
    struct weir_event e;
    struct weir_addr ip = weir_addr_v4(10, 0, 0, 9, 0);
    unsigned asked = 0;
    while (weir_peer_event(s->peer[0], s->now, &e)) {
        if (e.type == WEIR_EVENT_NAME) { /* its text is the event's own */
            weir_peer_name_resolved(s->peer[0], s->now, e.data, asked % 2 == 0 ? &ip : NULL);
            asked++;
        }
    }
    assert_int_equal(asked, WEIR_PEER_NAMES_MAX);
    assert_int_equal(cells(s, 0), 0);
    assert_int_equal(s->peer[0]->names, 0);
    empty_pool(s, 0);
    assert_int_equal(weir_peer_add_candidate(s->peer[0], s->now, weir_span_of(line, strlen(line))), WEIR_ERR_FULL);
    assert_int_equal(s->peer[0]->names, 0);
    assert_int_equal(s->peer[0]->names_left_out, 3);
    fill_pool(s, 0);
    assert_int_equal(weir_peer_add_candidate(s->peer[0], s->now, weir_span_of(line, strlen(line))), WEIR_OK);
    weir_peer_forget_names(s->peer[0]);
    assert_int_equal(cells(s, 0), 0);
    assert_int_equal(weir_peer_add_candidate(s->peer[0], s->now, weir_span_of(line, strlen(line))), WEIR_OK);
    sim_close(s); /* one that waits goes with the connection */
}

/* A lite agent that cannot remember what came by a path sends nothing there; when there is room, it does. */
static void a_lite_agent_remembers_paths_or_is_silent(void **state)
{
    (void)state;
    const struct sim_options o = { .seed = 7, .is_lite = { false, true }, .no_sped = { true, true } };
    struct sim *s = sim_open_with(&o);
    sim_introduce(s);
    assert_int_equal(s->peer[1]->debts, WEIR_NO_CELL);
    uint32_t before = cells(s, 1);
    for (unsigned i = 0; i < 100; i++) {
        empty_pool(s, 1); /* the other side's goes, too, when it gives something back */
        sim_run(s, s->now + 5 * WEIR_MS, false);
    }
    assert_non_null(weir_ice_via(&s->peer[1]->ice));
    assert_int_equal(s->peer[1]->debts, WEIR_NO_CELL);
    assert_int_equal(weir_peer_lite_room(s->peer[1], weir_ice_via(&s->peer[1]->ice), 1000), 0);
    assert_int_not_equal(s->state[1], WEIR_PEER_CONNECTED);
    fill_pool(s, 1);
    sim_run(s, s->now + 10 * WEIR_SEC, false);
    assert_int_equal(s->state[1], WEIR_PEER_CONNECTED);
    assert_int_equal(cells(s, 1), before + DEBTS + 4); /* and a channel */
    assert_true(weir_store_check(&s->pool, s->peer[1]->account));
    sim_close(s);
}

/* All of it at once is no more than weir_peer_bytes says. */
static void the_most_is_what_is_said(void **state)
{
    (void)state;
    struct weir_peer_config all = { .crypto = weir_crypto_default(), .rx_bytes_max = 4096, .tx_bytes_max = 4096,
                                    .is_data_only = true }, some = all;
    some.sections_max = 4;
    size_t per = weir_peer_bytes(&all) - weir_peer_bytes(&some);
    assert_int_equal(per, (WEIR_PEER_MEDIA_MAX - 4) / 4 * sizeof(struct weir_buf)); /* four to a buffer */
    some.is_lite = all.is_lite = true;
    assert_int_equal(weir_peer_bytes(&all) - weir_peer_bytes(&some), per);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_section_costs_its_cells_while_it_lasts),
        cmocka_unit_test(without_room_a_section_is_not_added),
        cmocka_unit_test(looking_puts_an_empty_place_back),
        cmocka_unit_test(an_offer_is_taken_whole_or_not_at_all),
        cmocka_unit_test(a_rollback_needs_no_room),
        cmocka_unit_test(what_was_added_meanwhile_stays_in_order),
        cmocka_unit_test(a_name_costs_its_cells_while_it_waits),
        cmocka_unit_test(a_lite_agent_remembers_paths_or_is_silent),
        cmocka_unit_test(the_most_is_what_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
