/* A node in a libuv loop: its descriptor, its deadline as a timer that is set before the loop sleeps, and
 * a timer of our own. */
#define _GNU_SOURCE
#include <uv.h>

#include "apps/examples/talk.h"

static struct talk talk;
static uv_poll_t ready;
static uv_timer_t deadline, question;
static uv_prepare_t before_sleep;

static void turn(void)
{
    talk_turn(&talk);
    if (talk.is_over) {
        uv_stop(uv_default_loop());
    }
}

static void on_ready(uv_poll_t *handle, int status, int events)
{
    (void)handle, (void)status, (void)events;
    turn();
}

static void on_deadline(uv_timer_t *handle)
{
    (void)handle;
    turn();
}

static void on_question(uv_timer_t *handle)
{
    (void)handle;
    talk_ask(&talk);
}

/* After all that called the node, whoever that was: how long may the loop sleep? */
static void on_prepare(uv_prepare_t *handle)
{
    int ms = weir_node_timeout(talk.node);
    (void)handle;
    uv_update_time(uv_default_loop()); /* a timer counts from there */
    if (ms < 0) {
        uv_timer_stop(&deadline);
    } else {
        uv_timer_start(&deadline, on_deadline, (uint64_t)ms, 0);
    }
}

int main(void)
{
    uv_loop_t *loop = uv_default_loop();
    if (!talk_begin(&talk)) {
        return 1;
    }
    uv_poll_init(loop, &ready, weir_node_fd(talk.node));
    uv_timer_init(loop, &deadline);
    uv_timer_init(loop, &question);
    uv_prepare_init(loop, &before_sleep);
    uv_poll_start(&ready, UV_READABLE, on_ready);
    uv_prepare_start(&before_sleep, on_prepare);
    uv_timer_start(&question, on_question, 0, 50);
    uv_run(loop, UV_RUN_DEFAULT);
    uv_poll_stop(&ready); /* before the node closes the descriptor */
    return talk_end(&talk, "libuv");
}
