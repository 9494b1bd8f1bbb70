/* A node in a GLib main loop: one source with the node's descriptor and deadline, and a timer of our own.
 * GLib's clock is the node's: microseconds of CLOCK_MONOTONIC. */
#include <glib-unix.h>

#include "apps/examples/talk.h"

struct node_source {
    GSource source;
    struct talk *talk;
    GMainLoop *loop;
    gpointer fd;
};

/* Before the loop sleeps, after all that called the node: until when may it? */
static gboolean prepare(GSource *source, gint *timeout)
{
    weir_time at = weir_node_deadline(((struct node_source *)source)->talk->node);
    *timeout = -1;
    g_source_set_ready_time(source, at >= INT64_MAX ? -1 : (gint64)at);
    return at == 0;
}

static gboolean dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
    struct node_source *s = (struct node_source *)source;
    (void)callback, (void)data;
    talk_turn(s->talk);
    if (s->talk->is_over) {
        g_main_loop_quit(s->loop);
    }
    return G_SOURCE_CONTINUE;
}

static gboolean on_question(gpointer talk)
{
    talk_ask((struct talk *)talk);
    return G_SOURCE_CONTINUE;
}

int main(void)
{
    /* Without a check of our own the source is dispatched when its descriptor or its time is ready. */
    static GSourceFuncs functions = { .prepare = prepare, .dispatch = dispatch };
    struct talk talk;
    if (!talk_begin(&talk)) {
        return 1;
    }
    GMainLoop *loop = g_main_loop_new(NULL, FALSE);
    struct node_source *s = (struct node_source *)g_source_new(&functions, sizeof *s);
    s->talk = &talk;
    s->loop = loop;
    s->fd = g_source_add_unix_fd(&s->source, weir_node_fd(talk.node), G_IO_IN);
    g_source_attach(&s->source, NULL);
    g_timeout_add(50, on_question, &talk);
    g_main_loop_run(loop);
    g_source_destroy(&s->source); /* before the node closes the descriptor */
    g_source_unref(&s->source);
    g_main_loop_unref(loop);
    return talk_end(&talk, "GLib");
}
