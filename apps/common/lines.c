/* A reading thread and a list of lines behind a mutex. */
#define _GNU_SOURCE
#include "apps/common/lines.h"

#include <pthread.h>
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
    bool is_at_end;
    void (*wake)(void *argument);
    void *argument;
};

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
    pthread_mutex_unlock(&l->mutex);
    l->wake(l->argument);
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
    pthread_mutex_unlock(&l->mutex);
    l->wake(l->argument);
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
    if (l->file == NULL || pthread_create(&l->thread, NULL, read_lines, l) != 0) {
        free(l);
        return NULL;
    }
    pthread_detach(l->thread);
    return l;
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
