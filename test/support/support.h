/* What every test needs: cmocka with its includes, files, hexadecimal text, a seed from outside. */
#ifndef WEIR_TEST_SUPPORT_H
#define WEIR_TEST_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base.h"
#include "core/crypto.h"

/* A whole file below the source tree, in memory that the caller frees; fails the test if it is not
 * there. The size is exact, so that a sanitizer sees a read of one byte over. */
struct weir_mspan test_read_file(const char *path_in_tree);

/* Bytes of a hexadecimal text, white space ignored; the count of bytes is returned. */
size_t test_unhex(const char *text, uint8_t *out, size_t cap);

/* WEIR_SEED from the environment, or `otherwise`. */
uint64_t test_seed(uint64_t otherwise);

/* Fails with both texts in hexadecimal when the bytes differ. */
void test_assert_bytes(struct weir_span got, struct weir_span want);

#endif
