/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Inside the kernel memory's allocator: the records of its book. */
#ifndef WASM_KERNEL_BOOK_H
#define WASM_KERNEL_BOOK_H

#include "engine/wasm/kernel_memory.h"

#define BOOK_FIRST 16  /* records of a new book */
#define BOOK_KEPT 1024 /* records; a book that had to become larger is not kept over a reset */

struct kernel_block {
	uint32_t offset;      /* of the data */
	uint32_t size;        /* bytes up to the next block's gap */
	uint32_t used;        /* bytes asked for; 0 when the block is freed */
	uint32_t next;        /* record in the same slot, or next of the left-over ones */
	uint32_t left, right; /* of a freed block, like what follows */
	uint32_t largest;     /* size in this subtree */
	uint32_t priority;    /* no child has a higher one */
};

/** Put another book in place of the one there is: `count` records from records[1] on (borrowed), of each of which offset,
 *  size and used count. False when there is no memory for it: then nothing has changed. */
bool kernel_book_replace(struct kernel_memory *memory, const struct kernel_block *records, uint32_t count);

/** A zeroed table, NULL when out of memory; and free it (taken, NULL is fine), with the same size. */
void *kernel_table_new(size_t bytes);
void kernel_table_free(void *table, size_t bytes);

#endif
