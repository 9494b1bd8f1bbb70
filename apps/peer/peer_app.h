/* Shared by the files of weir-peer. */
#ifndef WEIR_APPS_PEER_APP_H
#define WEIR_APPS_PEER_APP_H

#include <cjson/cJSON.h>

#include "apps/common/lines.h"
#include "apps/common/setup.h"

#define GREETING_MAX 1000

struct program {
    struct setup setup;
    struct weir_node *node;
    struct weir_peer *peer;
    struct lines *lines;
    bool is_offerer, is_data_only, is_trickling, is_silent;
    bool is_opener, is_negotiated; /* open a channel as answerer too; agreed on outside */
    uint16_t channel_id;           /* its stream, when agreed on */
    uint16_t own_channel;          /* that we opened */
    size_t greeting_bytes;         /* 0: no greeting */
    bool is_greeted;               /* our own channel was: a later description does not do it again */
    bool owes_description;         /* write it when gathering is done */
    bool is_answer;
    weir_time describe_at;
    enum weir_sdp_setup role;
    bool is_over;
};

/* -- report.c: lines out ----------------------------------------------------------------------- */

void report(cJSON *object); /* prints it, and frees it */
void report_pair(const char *key, const char *value);
void report_error(const char *text);
/* Why a message did not leave: "too-long", "full", "state". */
void report_refusal(const struct program *p, uint16_t channel, size_t bytes, enum weir_status status);
void report_stats(const struct program *p);
void report_event(struct program *p, const struct weir_event *e);

/* -- verbs.c: lines in ------------------------------------------------------------------------- */

/* Do what a line asks for. */
void take_line(struct program *p, const char *line);
/* Describe ourselves at once, or when our candidates are known; and: they are. */
void describe(struct program *p, bool is_answer);
void describe_now(struct program *p);
void greet(struct program *p, uint16_t channel);

#endif
