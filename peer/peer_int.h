/* Shared by the files of one connection; included nowhere else. */
#ifndef WEIR_PEER_INT_H
#define WEIR_PEER_INT_H

#include "peer/peer.h"

/* A datagram of ours is at most this long: 1,280 of IPv6's least MTU less 48 of headers. */
#define PEER_DATAGRAM_MAX 1232
#define PEER_SCTP_MTU 1184 /* fits a datagram with 48 of DTLS around it: 1.2 and an id of ten bytes */
#define PEER_PATH_SELECTED 0 /* as DTLS knows paths: ICE's choice, whatever it is ... */
#define PEER_PATH_OTHER 1    /* ... and heard_by */
#define PEER_SCTP_PORT 5000
#define PEER_MESSAGE_MAX 262144
#define PEER_DTLS_RTO (500 * WEIR_MS)      /* until a path tells its round-trip time */
#define PEER_RTT_GUESS (50 * WEIR_MS)      /* of a path that could not measure it */
#define PEER_DTLS_GIVE_UP (60 * WEIR_SEC)  /* it may begin long before there is a path */
#define PEER_DATA_WAIT (30 * WEIR_SEC)     /* from DTLS to SCTP, at most */
#define PEER_TAG_WAIT (30 * WEIR_SEC)      /* for the new transport of who stopped its first section */
#define PEER_DATA_BURST (10 * PEER_SCTP_MTU) /* [RFC 9002 7.7 SHOULD] of the first window, after silence */
#define PEER_QUEUE_WAIT (2 * WEIR_SEC) /* a key frame at a tenth of the rate that it needs */
#define PEER_ROOM_WAIT (10 * WEIR_MS)  /* media was refused: look again so soon */
#define PEER_RESEND_GAP (10 * WEIR_MS) /* one packet is sent again at most so often */

/* Of sections that an offer wrote over. */
#define PEER_UNDO_BYTES (WEIR_PEER_MEDIA_MAX * (sizeof(struct weir_media) + 8))

#define PEER_MEDIA_CELLS WEIR_CELLS_OF(sizeof(struct weir_media))
#define PEER_NAME_CELLS WEIR_CELLS_OF(sizeof(struct weir_peer_name))
#define PEER_DEBTS_CELLS WEIR_CELLS_OF(sizeof(struct weir_peer_debts))

/* A section that there is, or whose cells are there. */
static inline struct weir_media *media_at(const struct weir_peer *p, unsigned i)
{
    return (struct weir_media *)weir_cell_at(p->pool, p->media[i]);
}

/* DTLS is there, and may speak and hear. */
static inline bool weir_peer_has_dtls(const struct weir_peer *p)
{
    return p->is_dtls_ready && !p->is_dtls_held;
}

/* Of a connection that has audio and video. */
static inline struct weir_peer_rtp *rtp_of(const struct weir_peer *p)
{
    return weir_peer_rtp(p);
}

/* -- peer.c ------------------------------------------------------------------------------------ */

/* Make the association, once more after it was given back. */
void weir_peer_init_sctp(struct weir_peer *p, weir_time now);
/* It goes, and with it the message that is being read. */
void weir_peer_leave_reading(struct weir_peer *p);

/* -- peer_progress.c --------------------------------------------------------------------------- */

/* Take what the machines below have to say, and let one drive the next. */
void weir_peer_progress(struct weir_peer *p, weir_time now);
void weir_peer_update_state(struct weir_peer *p, weir_time now);
/* It had failed, and an offer begins again. */
void weir_peer_revive(struct weir_peer *p, weir_time now);
void weir_peer_set_state(struct weir_peer *p, weir_time now, enum weir_peer_state next);
void weir_peer_take_dtls_events(struct weir_peer *p, weir_time now);
/* Data is over, tell it if nobody did; and: SCTP is up in time, or over. */
void weir_peer_end_data(struct weir_peer *p, weir_time now, enum weir_sctp_reason reason);
void weir_peer_check_data(struct weir_peer *p, weir_time now);

/* -- peer_offer.c ------------------------------------------------------------------------------ */

enum weir_status weir_peer_offer(struct weir_peer *p, struct weir_peer_scratch *s, weir_time now,
                                 struct weir_wr *text);
enum weir_status weir_peer_write_offer(struct weir_peer *p, struct weir_peer_scratch *s, weir_time now,
                                       struct weir_wr *text, bool is_preview);
/* An offer comes to wait; it does no more; and it is taken back. */
void weir_peer_begin_pending(struct weir_peer *p);
void weir_peer_be_stable(struct weir_peer *p);
void weir_peer_roll_back(struct weir_peer *p, weir_time now);
bool weir_peer_dtls_failed(const struct weir_peer *p);
/* The signalling state changed. */
void weir_peer_tell_signalling(struct weir_peer *p);
/* Give back the buffers of what an offer would be taken back to. */
void weir_peer_end_pending(struct weir_peer *p);

/* -- peer_door.c ------------------------------------------------------------------------------- */

/* May media leave at once, before nothing that waits? */
bool weir_peer_door_is_open(const struct weir_peer *p, weir_time now);
/* So many bytes left. */
void weir_peer_door_passed(struct weir_peer *p, weir_time now, const struct weir_path *to, size_t bytes);

/* -- peer_rtp.c -------------------------------------------------------------------------------- */

/* Packets of media that wait for their turn; the next of one queue, 0 = none; and all are dropped. */
uint32_t weir_peer_rtp_waiting(const struct weir_peer *p);
size_t weir_peer_send_waiting(struct weir_peer *p, weir_time now, enum weir_peer_queue_kind kind,
                              struct weir_mspan out);
void weir_peer_rtp_forget(struct weir_peer *p);
/* The next packet that the peer missed; 0 = none. */
bool weir_peer_has_again(const struct weir_peer *p);
size_t weir_peer_send_again(struct weir_peer *p, weir_time now, struct weir_mspan out);

/* -- peer_news.c ------------------------------------------------------------------------------- */

/* This is to be told. Channels, messages and names are asked for when their turn comes. */
void weir_peer_push(struct weir_peer *p, const struct weir_event *e);
void weir_peer_push_candidate(struct weir_peer *p, uint32_t index);
void weir_peer_push_candidates_end(struct weir_peer *p);
/* The next event but messages; false: there is none. */
bool weir_peer_take_news(struct weir_peer *p, weir_time now, struct weir_event *e);

/* -- peer_close.c ------------------------------------------------------------------------------ */

/* It is closed, or on its way there: nothing new is taken, and no description. */
bool weir_peer_is_closing(const struct weir_peer *p);
/* Messages that the application was not given yet, or has deferred. */
bool weir_peer_has_unread(const struct weir_peer *p);
/* One step of a graceful end, if one was asked for. */
void weir_peer_drain(struct weir_peer *p, weir_time now);
/* Everything else has left, and there is a path: close_notify, once. */
size_t weir_peer_send_goodbye(struct weir_peer *p, weir_time now, struct weir_mspan out);
/* Nothing is left to send: if it ends, be closed. All that is to be told before is due by then. */
void weir_peer_finish(struct weir_peer *p, weir_time now);

/* -- peer_sdp.c -------------------------------------------------------------------------------- */

/* How we present ourselves. */
struct weir_sdp_local weir_peer_local_side(const struct weir_peer *p, struct weir_peer_scratch *s);
/* Give back the buffers of the offer that waits, if one does. */
void weir_peer_drop_offer(struct weir_peer *p);

/* -- peer_candidate.c -------------------------------------------------------------------------- */

/* One candidate; what it may cost was allowed before. */
enum weir_status weir_peer_take_candidate(struct weir_peer *p, weir_time now, struct weir_span text,
                                          struct weir_span ufrag);
/* Which section a candidate of ours is of. */
void weir_peer_name_candidate(const struct weir_peer *p, struct weir_event *e);

/* -- peer_section.c ---------------------------------------------------------------------------- */

extern const struct weir_sdp_codec_name weir_peer_codecs[];
/* Cells for so many sections, or as many as there may be. False: the pool has no room; what was got of them
 * goes with the next trim. And those back that neither the sections need, nor those that there would be if
 * the peer's offer were taken back. */
bool weir_peer_reserve_media(struct weir_peer *p, unsigned sections);
void weir_peer_trim_media(struct weir_peer *p);
/* A new section, or a stopped one anew; its cells are there. */
struct weir_media *weir_peer_new_media(struct weir_peer *p, unsigned at, enum weir_sdp_kind kind);
void weir_peer_name_media(struct weir_peer *p, struct weir_media *m);
/* Now all are, and what was to stop has stopped: which ones, by place. And back. */
void weir_peer_describe_sections(struct weir_peer *p, uint64_t *described, uint64_t *stopped);
void weir_peer_undescribe_sections(struct weir_peer *p, uint64_t described, uint64_t stopped);
/* What our sections want is what the offer says. */
void weir_peer_note_offered(struct weir_peer *p);
/* The peer named a section: ours are never named like one that ever was. */
void weir_peer_note_mid(struct weir_peer *p, const struct weir_media *m);
/* Our sections for an offer or an answer. */
void weir_peer_our_sections(const struct weir_peer *p, struct weir_peer_scratch *s);
/* `agreed` is the answer's section, `theirs` the peer's own; `direction` as we see it. */
void weir_peer_take_section(struct weir_peer *p, weir_time now, struct weir_media *m,
                            const struct weir_sdp_media *agreed, const struct weir_sdp_media *theirs,
                            enum weir_sdp_direction direction);

/* -- peer_place.c ------------------------------------------------------------------------------ */

/* Sections whose cells are to be there: now, and to take the peer's offer back; and to place one. */
unsigned weir_peer_media_needed(const struct weir_peer *p);
unsigned weir_peer_media_for(const struct weir_peer *p, const struct weir_sdp *offer);
/* Does the offer fit what is there? Our own that waits for its answer, if one does, is taken for taken
 * back. A section keeps its mid while it lives [RFC 8829 5.2.2]. */
bool weir_peer_fits(const struct weir_peer *p, const struct weir_sdp *offer);
/* Take room in the pool for what the offer will write over; then, when ours was taken back, keep it there,
 * and make the sections those of the offer. False: the pool has no room. */
bool weir_peer_reserve_undo(struct weir_peer *p, const struct weir_sdp *offer, uint32_t *head);
void weir_peer_place_sections(struct weir_peer *p, const struct weir_sdp *offer);
/* The offer is taken back: they are what they were. */
void weir_peer_put_sections_back(struct weir_peer *p);

/* -- peer_renew.c ------------------------------------------------------------------------------ */

/* Does the peer's transport, as described, ask for another association than the one there is? `role`: what
 * the description makes of us, or NONE when it leaves that open. */
bool weir_peer_is_another(const struct weir_peer *p, const struct weir_sdp_media *t,
                          enum weir_sdp_setup role);
/* DTLS, SRTP and SCTP begin again; what they were is wiped. `is_offered`: an offer of ours said how SCTP
 * begins, and so it does. */
void weir_peer_begin_again(struct weir_peer *p, weir_time now, bool is_offered);
/* SCTP anew, without its channels. */
void weir_peer_restart_sctp(struct weir_peer *p, weir_time now, bool is_offered);
void weir_peer_note_tls_id(struct weir_peer *p, const struct weir_sdp_media *t);
/* The section whose transport is used is being stopped: see there. */
void weir_peer_tag_stops(struct weir_peer *p, weir_time now, bool is_client);
/* The answer to an offer that moved the bundle's transport is there, and with it what we are in the DTLS of
 * the new one, if the peer makes a new one. */
void weir_peer_tag_answered(struct weir_peer *p, weir_time now, bool is_client);
void weir_peer_tag_selected(struct weir_peer *p, weir_time now, const struct weir_path *path);
/* DTLS is up; SCTP goes on over it if it is older, or begins again if it ended meanwhile. */
void weir_peer_carry_data(struct weir_peer *p, weir_time now);
/* The association closed: true when that was only its transport, and another began. */
bool weir_peer_tag_closed(struct weir_peer *p, weir_time now);

/* -- peer_embed.c ------------------------------------------------------------------------------ */

void weir_peer_embed_begin(struct weir_peer *p);
/* The names of the option for our next description. */
uint8_t weir_peer_embed_names(const struct weir_peer *p);
/* Both descriptions are known: which names stand in both. */
void weir_peer_embed_settle(struct weir_peer *p, uint8_t names);
/* Give ICE what DTLS has to send, as long as checks may carry it. */
void weir_peer_embed_collect(struct weir_peer *p, weir_time now);
/* The handshake is done. */
void weir_peer_embed_finish(struct weir_peer *p, weir_time now);
/* A record came, by itself or on a check, and DTLS judged it so; `mark` is that of its datagram. */
void weir_peer_embed_took(struct weir_peer *p, uint32_t mark, bool is_taken, bool is_data);

/* -- peer_snap.c ------------------------------------------------------------------------------- */

void weir_peer_snap_begin(struct weir_peer *p);
/* What our offer, or our answer to this section, says; empty: nothing. */
struct weir_span weir_peer_snap_offer(const struct weir_peer *p);
/* What the offer of a new association says whose SCTP begins with this seed. */
size_t weir_peer_snap_of_seed(const struct weir_peer *p, const uint8_t seed[WEIR_SEED_BYTES],
                              char text[WEIR_PEER_INIT_TEXT]);
struct weir_span weir_peer_snap_answer(const struct weir_peer *p, const struct weir_sdp_media *offered);
/* The data section was agreed on: `agreed` is the answer's, `theirs` the peer's own. */
void weir_peer_snap_settle(struct weir_peer *p, const struct weir_sdp_media *agreed,
                           const struct weir_sdp_media *theirs);

/* -- peer_session.c ---------------------------------------------------------------------------- */

/* A ticket came. */
void weir_peer_keep_session(struct weir_peer *p);

/* -- peer_lite.c ------------------------------------------------------------------------------- */

/* Give back what it remembers of paths. */
void weir_peer_lite_end(struct weir_peer *p);
/* A datagram came, with something under keys that was new or without; one leaves; and how much of `room`
 * may be used on this path. */
void weir_peer_lite_heard(struct weir_peer *p, weir_time now, const struct weir_packet *k,
                          bool is_under_keys);
void weir_peer_lite_sent(struct weir_peer *p, const struct weir_path *to, size_t bytes);
size_t weir_peer_lite_room(const struct weir_peer *p, const struct weir_path *to, size_t room);

/* -- peer_names.c ------------------------------------------------------------------------------ */

/* Keep a candidate whose address is a name until the name is resolved. False: the pool has no room. */
bool weir_peer_keep_name(struct weir_peer *p, struct weir_span name, const struct weir_ice_candidate *c);
/* All wait in vain: the peer has new credentials. */
void weir_peer_forget_names(struct weir_peer *p);
/* Ask for a name that is new; false: there is none. */
bool weir_peer_next_name(struct weir_peer *p, struct weir_event *e);

/* -- peer_media.c ------------------------------------------------------------------------------ */

/* This SSRC is a section's from now on, and no other's. */
void weir_peer_learn_ssrc(struct weir_peer *p, struct weir_media *m, uint32_t ssrc);
/* The section that a packet is of; false: of none. */
bool weir_peer_media_of_rtp(struct weir_peer *p, const struct weir_rtp_header *h, uint8_t *media);
const struct weir_media_codec *weir_peer_codec(const struct weir_media *m, uint8_t payload_type);
void weir_peer_take_rtcp_events(struct weir_peer *p, weir_time now);
/* -- peer_transport.c -------------------------------------------------------------------------- */

/* Make DTLS ready in a role; again, if the role turned out otherwise before anything happened. `session`:
 * that a client resumes, or NULL. */
void weir_peer_ready_dtls(struct weir_peer *p, weir_time now, bool is_client,
                          const struct weir_dtls_session *session);
/* The role is settled, and whose certificate is expected: begin as soon as there is a path. */
void weir_peer_settle_role(struct weir_peer *p, weir_time now, bool is_client,
                           const struct weir_dtls_fingerprint *list, size_t count);
struct weir_dtls_fingerprint weir_peer_fingerprint(const struct weir_sdp_fingerprint *f);
void weir_peer_hear_check(struct weir_peer *p);
void weir_peer_start_dtls(struct weir_peer *p, weir_time now);
void weir_peer_dtls_connected(struct weir_peer *p, weir_time now);
/* Begin the association, once there is a data section and DTLS is up. */
void weir_peer_start_data(struct weir_peer *p, weir_time now);

#endif
