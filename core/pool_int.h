/* Shared by pool.c and store.c; included nowhere else. */
#ifndef WEIR_CORE_POOL_INT_H
#define WEIR_CORE_POOL_INT_H

#include "core/store.h"

/* Cells for accounts, of buffers that belong to none; WEIR_NO_CELL: there is no memory. */
uint32_t weir_cell_of_pool_get(struct weir_pool *p);
void weir_cell_of_pool_put(struct weir_pool *p, uint32_t cell);

#endif
