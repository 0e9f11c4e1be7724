/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Where the allocations of a library go that was made by tools/make-starved: to the usual functions, but for one of them. */
#ifndef TESTS_STARVED_H
#define TESTS_STARVED_H

#include <stdbool.h>

/** The allocation number `nth` from now on fails, counted from 1. */
void starved_begin(int nth);

/** Whether it is still to come. */
bool starved_waits(void);

/** None fails any more. Returns whether there was one. */
bool starved_end(void);

#endif
