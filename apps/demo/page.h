/* The demo's files, built into the program. */
#ifndef WEIR_APPS_DEMO_PAGE_H
#define WEIR_APPS_DEMO_PAGE_H

#include <stddef.h>

struct page {
    const char *path;
    const char *type;
    const unsigned char *data;
    size_t bytes;
};

/* Ends with a NULL path. */
extern const struct page pages[];

#endif
