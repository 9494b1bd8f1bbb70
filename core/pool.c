/* The pool: 1. buffers, 2. rights, 3. lists of accounts, 4. who waits, 5. accounts.
 *
 * Buffers that were in use form a free list threaded through them. Those that never were are counted,
 * not touched: memory is resident from its first use on.
 *
 * An account stands in a cell of a buffer of the pool's own; its number is that of its buffer times 32
 * plus its cell's, so it is found without a table.
 */
#include "core/pool_int.h"

#define LOAN_TO_REST 2 /* a loan is at most so many times what then stays unlent */

/* -- 1. Buffers -------------------------------------------------------------------------------- */

static void list_init(struct weir_pool_list *l)
{
    l->head = l->tail = WEIR_NO_ACCOUNT;
}

void weir_pool_init(struct weir_pool *p, struct weir_buf *bufs, uint32_t count)
{
    memset(p, 0, sizeof *p);
    p->bufs = bufs;
    p->count = count;
    p->free_count = count;
    p->free_least = count;
    p->free_head = WEIR_NO_BUF;
    p->accounts_max = UINT32_MAX;
    p->lendable = count;
    p->account_cells = WEIR_NO_BUF;
    list_init(&p->waiting);
    list_init(&p->newsy);
    list_init(&p->holes);
    for (unsigned i = 0; i < WEIR_POOL_CLASSES; i++) {
        p->loans[i] = WEIR_NO_ACCOUNT;
    }
}

static uint32_t buffer_take(struct weir_pool *p)
{
    uint32_t index = p->free_head == WEIR_NO_BUF ? p->fresh : p->free_head;
    struct weir_buf *b = &p->bufs[index];
    if (index == p->fresh) {
        p->fresh++;
    } else {
        p->free_head = b->next;
    }
    p->free_count--;
    p->free_least = p->free_count < p->free_least ? p->free_count : p->free_least;
    return index;
}

static void buffer_give(struct weir_pool *p, uint32_t index)
{
    p->bufs[index].next = p->free_head;
    p->free_head = index;
    p->free_count++;
}

/* -- 2. Rights --------------------------------------------------------------------------------- */

static struct weir_account *at(const struct weir_pool *p, uint32_t account)
{
    return (struct weir_account *)weir_cell_at(p, account);
}

static uint32_t beyond(const struct weir_pool *p, uint64_t buffers)
{
    return buffers > p->share ? (uint32_t)(buffers - p->share) : 0;
}

static uint64_t claim_of(const struct weir_account *a)
{
    return (uint64_t)a->held + a->promised + a->kept;
}

/* May its claim grow by so many? */
static bool may_grow(const struct weir_pool *p, const struct weir_account *a, uint64_t more)
{
    uint64_t loan = beyond(p, claim_of(a) + more), lent = p->lent - beyond(p, claim_of(a)) + loan;
    return loan == 0 || (lent <= p->lendable && loan <= LOAN_TO_REST * (p->lendable - lent));
}

/* The most by which it may grow: with what all others borrow taken off, 2/3 of the rest, and the
 * share. */
static uint32_t growth(const struct weir_pool *p, const struct weir_account *a)
{
    uint64_t others = p->lent - beyond(p, claim_of(a));
    uint64_t rest = p->lendable > others ? p->lendable - others : 0;
    uint64_t most = p->share + rest * LOAN_TO_REST / (LOAN_TO_REST + 1);
    return most > claim_of(a) ? (uint32_t)(most - claim_of(a)) : 0;
}

uint64_t weir_pool_shares(uint32_t accounts, uint32_t share)
{
    return (uint64_t)accounts * share + (accounts + WEIR_CELLS_PER_BUF - 1) / WEIR_CELLS_PER_BUF;
}

bool weir_pool_divide(struct weir_pool *p, uint32_t accounts, uint32_t share)
{
    uint64_t shares = (uint64_t)accounts * share;
    if (weir_pool_shares(accounts, share) > p->count || p->accounts != 0) {
        return false;
    }
    p->share = share;
    p->accounts_max = accounts;
    p->lendable = p->count - (uint32_t)shares;
    return true;
}

/* -- 3. Lists ---------------------------------------------------------------------------------- */

/* The links of an account in the list of a kind. */
static uint32_t *next_of(struct weir_account *a, enum weir_account_list kind)
{
    return kind == WEIR_LIST_WAITING ? &a->wait_next
           : kind == WEIR_LIST_NEWSY ? &a->news_next
                                     : &a->hole_next;
}

static uint32_t *previous_of(struct weir_account *a, enum weir_account_list kind)
{
    return kind == WEIR_LIST_WAITING ? &a->wait_previous
           : kind == WEIR_LIST_NEWSY ? &a->news_previous
                                     : &a->hole_previous;
}

static struct weir_pool_list *list_of(struct weir_pool *p, enum weir_account_list kind)
{
    return kind == WEIR_LIST_WAITING ? &p->waiting : kind == WEIR_LIST_NEWSY ? &p->newsy : &p->holes;
}

static void list_append(struct weir_pool *p, enum weir_account_list kind, uint32_t account)
{
    struct weir_pool_list *l = list_of(p, kind);
    struct weir_account *a = at(p, account);
    if ((a->lists & kind) != 0) {
        return;
    }
    a->lists = (uint8_t)(a->lists | kind);
    *next_of(a, kind) = WEIR_NO_ACCOUNT;
    *previous_of(a, kind) = l->tail;
    if (l->tail == WEIR_NO_ACCOUNT) {
        l->head = account;
    } else {
        *next_of(at(p, l->tail), kind) = account;
    }
    l->tail = account;
}

static void list_remove(struct weir_pool *p, enum weir_account_list kind, uint32_t account)
{
    struct weir_pool_list *l = list_of(p, kind);
    struct weir_account *a = at(p, account);
    if ((a->lists & kind) == 0) {
        return;
    }
    uint32_t next = *next_of(a, kind), previous = *previous_of(a, kind);
    a->lists = (uint8_t)(a->lists & ~(unsigned)kind);
    if (previous == WEIR_NO_ACCOUNT) {
        l->head = next;
    } else {
        *next_of(at(p, previous), kind) = next;
    }
    if (next == WEIR_NO_ACCOUNT) {
        l->tail = previous;
    } else {
        *previous_of(at(p, next), kind) = previous;
    }
}

/* Borrowers stand in classes by the size of their loans, so that the largest is found at once, or one
 * that has at least half of what it has. */
static void loan_unlink(struct weir_pool *p, struct weir_account *a)
{
    if (a->loan_class == 0) {
        return;
    }
    if (a->loan_previous == WEIR_NO_ACCOUNT) {
        p->loans[a->loan_class - 1] = a->loan_next;
    } else {
        at(p, a->loan_previous)->loan_next = a->loan_next;
    }
    if (a->loan_next != WEIR_NO_ACCOUNT) {
        at(p, a->loan_next)->loan_previous = a->loan_previous;
    }
    a->loan_class = 0;
}

static void loan_link(struct weir_pool *p, uint32_t account, uint32_t loan)
{
    struct weir_account *a = at(p, account);
    unsigned class = loan == 0 ? 0 : 32 - (unsigned)__builtin_clz(loan);
    class = class > WEIR_POOL_CLASSES ? WEIR_POOL_CLASSES : class;
    if (class == a->loan_class) {
        return;
    }
    loan_unlink(p, a);
    if (class == 0) {
        return;
    }
    a->loan_class = (uint8_t)class;
    a->loan_previous = WEIR_NO_ACCOUNT;
    a->loan_next = p->loans[class - 1];
    if (a->loan_next != WEIR_NO_ACCOUNT) {
        at(p, a->loan_next)->loan_previous = account;
    }
    p->loans[class - 1] = account;
}

/* -- 4. Who waits ------------------------------------------------------------------------------ */

static void tell(struct weir_pool *p, uint32_t account, uint8_t news)
{
    at(p, account)->news |= news;
    list_append(p, WEIR_LIST_NEWSY, account);
}

/* Holes matter while others' buffers lie behind them. */
static void list_holes(struct weir_pool *p, uint32_t account)
{
    struct weir_account *a = at(p, account);
    if (a->loan_class != 0 && (a->lists & WEIR_HAS_HOLES) != 0) {
        list_append(p, WEIR_LIST_HOLES, account);
    } else {
        list_remove(p, WEIR_LIST_HOLES, account);
    }
}

/* Set what an account has a claim to; true when somebody may be served: it borrows less than before, or
 * waits itself and has less. */
static bool claim(struct weir_pool *p, uint32_t account, uint32_t held, uint32_t promised, uint32_t kept)
{
    struct weir_account *a = at(p, account);
    uint64_t all = claim_of(a);
    uint32_t before = beyond(p, all);
    a->held = held;
    a->promised = promised;
    a->kept = kept;
    uint32_t loan = beyond(p, claim_of(a));
    if (loan != before) {
        p->lent += loan - before;
        loan_link(p, account, loan);
        list_holes(p, account);
    }
    return loan < before || ((a->lists & WEIR_LIST_WAITING) != 0 && claim_of(a) < all);
}

/* `account` was refused: whose loan is called back? */
static void call_back(struct weir_pool *p, uint32_t account)
{
    uint32_t oldest = p->holes.head == account ? at(p, account)->hole_next : p->holes.head;
    if (oldest != WEIR_NO_ACCOUNT) {
        tell(p, oldest, WEIR_NEWS_HOLES);
    }
    for (unsigned class = WEIR_POOL_CLASSES; class > at(p, account)->loan_class; class--) {
        if (p->loans[class - 1] != WEIR_NO_ACCOUNT) {
            tell(p, p->loans[class - 1], WEIR_NEWS_LOAN);
            return;
        }
    }
}

/* Those who wait get what they need, in their order, as far as it goes. Who has too much of its own for
 * what all others could give holds nobody up. */
static void serve_waiting(struct weir_pool *p)
{
    for (uint32_t next, account = p->waiting.head; account != WEIR_NO_ACCOUNT; account = next) {
        struct weir_account *a = at(p, account);
        uint32_t more = a->need > a->kept ? a->need - a->kept : 0;
        next = a->wait_next;
        if (may_grow(p, a, more)) {
            list_remove(p, WEIR_LIST_WAITING, account);
            (void)claim(p, account, a->held, a->promised, a->need);
            tell(p, account, WEIR_NEWS_ROOM);
        } else if (claim_of(a) + more <= weir_account_most(p)) {
            call_back(p, account); /* what came back was not enough: on with it */
            return;
        }
    }
}

static void claim_and_serve(struct weir_pool *p, uint32_t account, uint32_t held, uint32_t promised,
                            uint32_t kept)
{
    if (claim(p, account, held, promised, kept)) {
        serve_waiting(p);
    }
}

/* -- Buffers of nobody -- */

uint32_t weir_pool_get(struct weir_pool *p)
{
    if (p->lent >= p->lendable) {
        p->misses++;
        return WEIR_NO_BUF;
    }
    p->lent++;
    uint32_t index = buffer_take(p);
    struct weir_buf *b = &p->bufs[index];
    b->next = WEIR_NO_BUF;
    b->start = WEIR_BUF_HEADROOM;
    b->len = 0;
    b->owner = 0;
    memset(b->meta, 0, sizeof b->meta);
    return index;
}

void weir_pool_put(struct weir_pool *p, uint32_t index)
{
    buffer_give(p, index);
    p->lent--;
    serve_waiting(p);
}

void weir_pool_put_list(struct weir_pool *p, uint32_t head)
{
    while (head != WEIR_NO_BUF) {
        uint32_t next = p->bufs[head].next;
        weir_pool_put(p, head);
        head = next;
    }
}

/* -- 5. Accounts ------------------------------------------------------------------------------- */

uint32_t weir_account_open(struct weir_pool *p, uint32_t tag)
{
    if (p->accounts == p->accounts_max) {
        return WEIR_NO_ACCOUNT;
    }
    uint32_t account = weir_cell_of_pool_get(p);
    if (account == WEIR_NO_CELL) {
        return WEIR_NO_ACCOUNT;
    }
    struct weir_account *a = at(p, account);
    memset(a, 0, sizeof *a);
    a->tag = tag;
    a->partial = WEIR_NO_BUF;
    p->accounts++;
    return account;
}

void weir_account_close(struct weir_pool *p, uint32_t account)
{
    list_remove(p, WEIR_LIST_WAITING, account);
    list_remove(p, WEIR_LIST_NEWSY, account);
    (void)claim(p, account, 0, 0, 0);
    weir_cell_of_pool_put(p, account);
    p->accounts--;
    serve_waiting(p);
}

uint32_t weir_account_room(const struct weir_pool *p, uint32_t account)
{
    return growth(p, at(p, account));
}

bool weir_account_borrows(const struct weir_pool *p, uint32_t account)
{
    return at(p, account)->loan_class != 0;
}

uint32_t weir_account_cells(const struct weir_pool *p, uint32_t account)
{
    return at(p, account)->cells;
}

uint32_t weir_account_spare(const struct weir_pool *p, uint32_t account)
{
    return at(p, account)->held * WEIR_CELLS_PER_BUF - at(p, account)->cells;
}

uint32_t weir_account_most(const struct weir_pool *p)
{
    uint32_t own = (p->accounts + WEIR_CELLS_PER_BUF - 1) / WEIR_CELLS_PER_BUF; /* for accounts */
    uint64_t rest = p->lendable > own ? p->lendable - own : 0;
    return p->share + (uint32_t)(rest * LOAN_TO_REST / (LOAN_TO_REST + 1));
}

uint32_t weir_account_promise(struct weir_pool *p, uint32_t account, uint32_t buffers)
{
    struct weir_account *a = at(p, account);
    if (buffers > a->promised && !may_grow(p, a, buffers - a->promised)) {
        uint32_t most = a->promised + growth(p, a);
        buffers = buffers < most ? buffers : most;
        call_back(p, account);
    }
    claim_and_serve(p, account, a->held, buffers, a->kept);
    return buffers;
}

bool weir_account_ask(struct weir_pool *p, uint32_t account, uint32_t buffers, bool *is_never)
{
    struct weir_account *a = at(p, account);
    *is_never = buffers > weir_account_most(p);
    if (buffers <= a->kept || may_grow(p, a, buffers - a->kept)) {
        list_remove(p, WEIR_LIST_WAITING, account);
        claim_and_serve(p, account, a->held, a->promised, buffers);
        return true;
    }
    if (!*is_never) {
        a->need = buffers;
        list_append(p, WEIR_LIST_WAITING, account);
        call_back(p, account);
    }
    return false;
}

uint32_t weir_account_kept(const struct weir_pool *p, uint32_t account)
{
    return at(p, account)->kept;
}

void weir_account_invite(struct weir_pool *p, uint32_t account)
{
    struct weir_account *a = at(p, account);
    (void)claim(p, account, a->held, a->promised + a->kept, 0);
}

void weir_account_done(struct weir_pool *p, uint32_t account)
{
    struct weir_account *a = at(p, account);
    claim_and_serve(p, account, a->held, a->promised, 0);
}

void weir_account_forgo(struct weir_pool *p, uint32_t account)
{
    struct weir_account *a = at(p, account);
    list_remove(p, WEIR_LIST_WAITING, account);
    a->news = (uint8_t)(a->news & ~(unsigned)WEIR_NEWS_ROOM);
    weir_account_done(p, account);
}

void weir_account_set_holes(struct weir_pool *p, uint32_t account, bool has_holes)
{
    struct weir_account *a = at(p, account);
    a->lists = (uint8_t)(has_holes ? a->lists | WEIR_HAS_HOLES : a->lists & ~(unsigned)WEIR_HAS_HOLES);
    list_remove(p, WEIR_LIST_HOLES, account);
    list_holes(p, account);
}

uint8_t weir_account_take_news(struct weir_pool *p, uint32_t account)
{
    struct weir_account *a = at(p, account);
    uint8_t news = a->news;
    if (news != 0) {
        a->news = 0;
        list_remove(p, WEIR_LIST_NEWSY, account);
    }
    return news;
}

bool weir_pool_news(struct weir_pool *p, uint32_t *tag)
{
    uint32_t account = p->newsy.head;
    if (account == WEIR_NO_ACCOUNT) {
        return false;
    }
    *tag = at(p, account)->tag;
    list_remove(p, WEIR_LIST_NEWSY, account);
    return true;
}

uint32_t weir_account_get(struct weir_pool *p, uint32_t account, bool is_invited)
{
    struct weir_account *a = at(p, account);
    uint32_t promised = is_invited && a->promised != 0 ? 1 : 0;
    uint32_t kept = !is_invited && a->kept != 0 ? 1 : 0;
    if (promised + kept == 0 && !may_grow(p, a, 1)) {
        p->misses++;
        return WEIR_NO_BUF;
    }
    (void)claim(p, account, a->held + 1, a->promised - promised, a->kept - kept);
    return buffer_take(p);
}

void weir_account_put(struct weir_pool *p, uint32_t account, uint32_t index)
{
    struct weir_account *a = at(p, account);
    buffer_give(p, index);
    claim_and_serve(p, account, a->held - 1, a->promised, a->kept);
}
