/* Lines from a descriptor, read by a thread of their own and taken by the main loop. */
#ifndef WEIR_APPS_LINES_H
#define WEIR_APPS_LINES_H

#include <stdbool.h>

struct lines;

/* Read lines from fd; after each, and at the end, call wake(argument) from the reading thread. */
struct lines *lines_open(int fd, void (*wake)(void *argument), void *argument);
/* The next line, to be freed by the caller, or NULL when none is waiting. */
char *lines_take(struct lines *l);
/* Nothing more will come. */
bool lines_at_end(struct lines *l);
/* From its return on nobody is woken. What was not taken is dropped with the process. */
void lines_close(struct lines *l);

#endif
