/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A guest on the engine alone, with two host functions of our own that have no work to do, so that what remains is the way
 * from the guest to the host and back; and a host function without a guest, so that what remains is its work. */
#ifndef BENCH_PASSAGE_H
#define BENCH_PASSAGE_H

#include <stdint.h>

struct passage;

/** Load the guest `passage` from the folder `guests`. Free it with passage_close(). */
struct passage *passage_open(const char *guests);
void passage_close(struct passage *passage);

/** Have the guest's export `name` call its host function `count` times, in one call. */
void passage_call(struct passage *passage, const char *name, uint64_t count);

/** Do `count` times what astrid_clock_ms does once its arguments have been read, with a block for the answer. */
void passage_clock_work(struct passage *passage, uint64_t count);

#endif
