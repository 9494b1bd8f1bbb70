/* The memory that peers share: buffers of one MTU, recycled through a fixed pool, and who has a right
 * to how many of them.
 *
 * A buffer is 2,048 bytes: a 128-byte header whose `meta` belongs to whoever holds the buffer, 64
 * bytes of head-room (TURN channel header 4, DTLS record header 13 and explicit nonce 8, rest spare),
 * 1,500 of payload, and tail-room for an authentication tag (16), SRTCP index (4) and MKI. Buffers are
 * named by index, so structures that hold them stay flat and copyable. core/store.h packs bytes of any
 * length into them.
 *
 * Rights. Who keeps bytes keeps them on an account. A pool may be divided: then every account has a
 * share, which is there for it whatever the others do, and an account whose share is not there is not
 * opened. What is in no share is lent:
 *
 *   held + promised <= share   always granted
 *   beyond it                  a loan, granted while it is at most twice what stays unlent: one
 *                              borrower gets two thirds, n borrowers leave one part in 2n + 1
 *   promised                   kept free for bytes that were invited (an advertised window): taken
 *                              without asking again, so what was invited is never refused
 *
 * Who is refused may wait: accounts that wait are told in the order in which they came, as soon as
 * there is room for what they need, and that room is kept for them until they use it or give it up.
 * Who has so much of its own that all others could not make that room holds nobody up.
 * While somebody is refused, loans are called back: from the account that has kept borrowed bytes
 * behind a hole for the longest time (what lies behind a hole was not acknowledged for good, and may
 * be dropped), and from the largest borrower, if that is another than who was refused. Nobody is
 * called by the pool: news waits on the account, and weir_pool_news says whose.
 *
 * Memory is resident from its first use on. An empty pool is back-pressure: get returns WEIR_NO_BUF,
 * the miss is counted, and nothing aborts.
 */
#ifndef WEIR_CORE_POOL_H
#define WEIR_CORE_POOL_H

#include "core/base.h"

#define WEIR_MTU 1500
#define WEIR_BUF_META_BYTES 112
#define WEIR_BUF_HEADROOM 64
#define WEIR_BUF_TAILROOM 356
#define WEIR_NO_BUF UINT32_MAX
#define WEIR_NO_ACCOUNT UINT32_MAX
#define WEIR_POOL_CLASSES 27 /* of loans, by their number of binary digits: an index has 27 */

struct weir_buf {
    uint32_t next;  /* index of the next buffer in the holder's list, or WEIR_NO_BUF */
    uint32_t start; /* offset in data of the first used byte */
    uint32_t len;   /* bytes used */
    uint32_t owner; /* free for the holder; 0 when handed out */
    WEIR_ALIGNAS(8) uint8_t meta[WEIR_BUF_META_BYTES]; /* the holder's own fields */
    uint8_t data[WEIR_BUF_HEADROOM + WEIR_MTU + WEIR_BUF_TAILROOM];
};

WEIR_STATIC_ASSERT(sizeof(struct weir_buf) == 2048, "a buffer is 2048 bytes");

/* What an account may be told. */
enum weir_account_news {
    WEIR_NEWS_ROOM = 1,  /* it waited, and what it needs is kept for it */
    WEIR_NEWS_HOLES = 2, /* others wait: drop what lies behind holes */
    WEIR_NEWS_LOAN = 4,  /* others wait, and it has the largest loan: promise less, or go if stuck */
};

enum weir_account_list {
    WEIR_LIST_WAITING = 1,
    WEIR_LIST_NEWSY = 2,
    WEIR_LIST_HOLES = 4, /* of borrowers with holes */
    WEIR_HAS_HOLES = 8,  /* no list: it is in the one before when it borrows */
};

/* One holder of bytes; in a cell of the pool itself, 64 bytes. Counts are of buffers. */
struct weir_account {
    uint32_t tag;          /* the owner's: weir_pool_news gives it */
    uint32_t held;
    uint32_t promised;     /* for bytes that were invited */
    uint32_t kept;         /* for what it waited for */
    uint32_t need;         /* what it waits for */
    uint32_t cells;        /* in use, of the buffers held (core/store.h) */
    uint32_t partial;      /* a buffer of its with free cells, the first of a list; or WEIR_NO_BUF */
    uint32_t wait_next, wait_previous; /* lists, by account */
    uint32_t news_next, news_previous;
    uint32_t hole_next, hole_previous;
    uint32_t loan_next, loan_previous;
    uint8_t news;          /* bits of enum weir_account_news */
    uint8_t loan_class;    /* 0: no loan */
    uint8_t lists;         /* that it is in: bits of enum weir_account_list */
};

WEIR_STATIC_ASSERT(sizeof(struct weir_account) == 64, "an account is a cell");

struct weir_pool_list {
    uint32_t head, tail; /* accounts, or WEIR_NO_ACCOUNT */
};

struct weir_pool {
    struct weir_buf *bufs; /* the caller's memory */
    uint32_t count;
    uint32_t free_head;
    uint32_t fresh;      /* buffers from here on were never used */
    uint32_t free_count;
    uint32_t free_least; /* the fewest ever free: how near to empty it came */
    uint64_t misses;     /* gets that were refused */

    uint32_t share;      /* buffers of each account by right */
    uint32_t accounts, accounts_max;
    uint32_t lendable;   /* buffers in no share */
    uint32_t lent;       /* of them; those that belong to no account among them */
    uint32_t account_cells; /* a buffer with free cells for accounts, or WEIR_NO_BUF */
    struct weir_pool_list waiting, newsy, holes;
    uint32_t loans[WEIR_POOL_CLASSES]; /* the first of each class */
};

/* Memory that a pool of `count` buffers needs. */
static inline size_t weir_pool_bytes(uint32_t count)
{
    return (size_t)count * sizeof(struct weir_buf);
}

/* Take over `count` buffers of caller memory, aligned to 64 bytes. Undivided: everything is lent. */
WEIR_API void weir_pool_init(struct weir_pool *p, struct weir_buf *bufs, uint32_t count);

/* Buffers that a pool needs for so many accounts with shares of so many buffers, without any to lend.
 * */
WEIR_API uint64_t weir_pool_shares(uint32_t accounts, uint32_t share);
/* Divide it: `share` buffers for each of `accounts` accounts at most; the rest is lent. Before the
 * first account. False: it has not so many. */
WEIR_MUST_CHECK WEIR_API bool weir_pool_divide(struct weir_pool *p, uint32_t accounts, uint32_t share);

/* A free buffer: start = head-room, len = 0, next = WEIR_NO_BUF, meta zero. It belongs to no account,
 * and is never taken from a share or from what was promised. */
WEIR_MUST_CHECK WEIR_API uint32_t weir_pool_get(struct weir_pool *p);

WEIR_API void weir_pool_put(struct weir_pool *p, uint32_t index);

/* Give back a whole list linked by next. */
WEIR_API void weir_pool_put_list(struct weir_pool *p, uint32_t head);

/* -- Accounts ---------------------------------------------------------------------------------- */

/* Open one; WEIR_NO_ACCOUNT: there is no share left, or no memory for it. */
WEIR_MUST_CHECK WEIR_API uint32_t weir_account_open(struct weir_pool *p, uint32_t tag);
/* It holds nothing any more; what was promised to it is free. */
WEIR_API void weir_account_close(struct weir_pool *p, uint32_t account);
/* Buffers that it may take beyond those that it holds and was promised. */
WEIR_API uint32_t weir_account_room(const struct weir_pool *p, uint32_t account);
/* Does it have more than its share? */
WEIR_API bool weir_account_borrows(const struct weir_pool *p, uint32_t account);
/* Cells in use, and free ones in the buffers that it holds (core/store.h). */
WEIR_API uint32_t weir_account_cells(const struct weir_pool *p, uint32_t account);
WEIR_API uint32_t weir_account_spare(const struct weir_pool *p, uint32_t account);
/* The most buffers that it could ever have. */
WEIR_API uint32_t weir_account_most(const struct weir_pool *p);
/* Keep `buffers` free for it beyond those it holds, instead of what was promised before; gives how
 * many were granted. Never less than were promised if `buffers` is not. */
WEIR_API uint32_t weir_account_promise(struct weir_pool *p, uint32_t account, uint32_t buffers);
/* May it take so many? They are kept for it then, until it has taken them or is done. When it may
 * not, it waits (once, however often it asks), unless `buffers` is more than it could ever get:
 * *is_never. */
WEIR_MUST_CHECK WEIR_API bool weir_account_ask(struct weir_pool *p, uint32_t account, uint32_t buffers,
                                               bool *is_never);
/* Buffers that are kept for it. */
WEIR_API uint32_t weir_account_kept(const struct weir_pool *p, uint32_t account);
/* What was kept for it is promised from now on. */
WEIR_API void weir_account_invite(struct weir_pool *p, uint32_t account);
/* What was kept for it, and was not taken, is free. */
WEIR_API void weir_account_done(struct weir_pool *p, uint32_t account);
/* The same, and it waits no more. */
WEIR_API void weir_account_forgo(struct weir_pool *p, uint32_t account);
/* Its oldest hole opened now, or there is none any more. */
WEIR_API void weir_account_set_holes(struct weir_pool *p, uint32_t account, bool has_holes);
/* Bits of enum weir_account_news, told once. */
WEIR_API uint8_t weir_account_take_news(struct weir_pool *p, uint32_t account);
/* The next account with news that was not named before: its tag. */
WEIR_MUST_CHECK WEIR_API bool weir_pool_news(struct weir_pool *p, uint32_t *tag);

/* One buffer more for it, of what was promised first where `is_invited`; WEIR_NO_BUF: refused, and
 * counted. For core/store.c. */
WEIR_MUST_CHECK WEIR_API uint32_t weir_account_get(struct weir_pool *p, uint32_t account, bool is_invited);
WEIR_API void weir_account_put(struct weir_pool *p, uint32_t account, uint32_t index);

static inline struct weir_buf *weir_pool_at(const struct weir_pool *p, uint32_t index)
{
    return &p->bufs[index];
}

/* Does anybody wait for memory? */
static inline bool weir_pool_is_short(const struct weir_pool *p)
{
    return p->waiting.head != WEIR_NO_ACCOUNT;
}

/* The used bytes of a buffer. */
static inline struct weir_mspan weir_buf_bytes(struct weir_buf *b)
{
    struct weir_mspan s = { b->data + b->start, b->len };
    return s;
}

#endif
