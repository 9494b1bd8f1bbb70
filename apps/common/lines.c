/* A reading thread and a list of lines behind a mutex. The thread may wait in a read for ever, so it is
 * never joined: closing takes its way to the reader away, and what is left ends with the process. */
#define _GNU_SOURCE
#include "apps/common/lines.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct line {
    struct line *next;
    char *text;
};

struct lines {
    pthread_mutex_t mutex;
    pthread_t thread;
    FILE *file;
    struct line *first, **last;
    bool is_at_end, is_closed;
    void (*wake)(void *argument);
    void *argument;
};

/* With the mutex held, so that whom it wakes still exists. */
static void wake_reader(struct lines *l)
{
    if (!l->is_closed) {
        l->wake(l->argument);
    }
}

static void push(struct lines *l, char *text)
{
    struct line *line = calloc(1, sizeof *line);
    if (line == NULL) {
        free(text);
        return;
    }
    line->text = text;
    pthread_mutex_lock(&l->mutex);
    *l->last = line;
    l->last = &line->next;
    wake_reader(l);
    pthread_mutex_unlock(&l->mutex);
}

static void *read_lines(void *argument)
{
    struct lines *l = argument;
    char *text = NULL;
    size_t room = 0;
    ssize_t n;
    while ((n = getline(&text, &room, l->file)) >= 0) {
        while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r')) {
            text[--n] = '\0';
        }
        push(l, text);
        text = NULL;
        room = 0;
    }
    free(text);
    pthread_mutex_lock(&l->mutex);
    l->is_at_end = true;
    wake_reader(l);
    pthread_mutex_unlock(&l->mutex);
    return NULL;
}

struct lines *lines_open(int fd, void (*wake)(void *argument), void *argument)
{
    struct lines *l = calloc(1, sizeof *l);
    if (l == NULL) {
        return NULL;
    }
    l->last = &l->first;
    l->wake = wake;
    l->argument = argument;
    l->file = fdopen(fd, "r");
    pthread_mutex_init(&l->mutex, NULL);
    /* Signals are for the main thread, which knows what they may still touch. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool is_open = l->file != NULL && pthread_create(&l->thread, NULL, read_lines, l) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!is_open) {
        free(l);
        return NULL;
    }
    pthread_detach(l->thread);
    return l;
}

void lines_close(struct lines *l)
{
    pthread_mutex_lock(&l->mutex);
    l->is_closed = true;
    pthread_mutex_unlock(&l->mutex);
}

char *lines_take(struct lines *l)
{
    char *text = NULL;
    pthread_mutex_lock(&l->mutex);
    struct line *line = l->first;
    if (line != NULL) {
        text = line->text;
        l->first = line->next;
        if (l->first == NULL) {
            l->last = &l->first;
        }
        free(line);
    }
    pthread_mutex_unlock(&l->mutex);
    return text;
}

bool lines_at_end(struct lines *l)
{
    pthread_mutex_lock(&l->mutex);
    bool is_at_end = l->is_at_end && l->first == NULL;
    pthread_mutex_unlock(&l->mutex);
    return is_at_end;
}
