/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The allocator behind Extism's kernel memory: blocks in a linear memory that host and guest exchange bytes through. It
 * behaves block for block like the reference kernel (zero sizes, offsets, reuse, what counts as a block), but keeps its book
 * on the host side, where a guest can't write and where looking a block up takes constant time.
 *
 * Layout of the memory: 64 bytes of header that no guest reaches (struct kernel_header), one byte, then blocks, each behind
 * KERNEL_BLOCK_GAP bytes. Knows nothing of Wasmtime: it gets a base, a size, and a function that grows. */
#ifndef WASM_KERNEL_MEMORY_H
#define WASM_KERNEL_MEMORY_H

#include "base/error.h"
#include "base/span.h"

#define KERNEL_HEADER 64
#define KERNEL_FIRST 65     /* where the first block's gap starts; its data is at 77 */
#define KERNEL_BLOCK_GAP 12 /* bytes in front of each block */
#define KERNEL_SPLIT 128    /* a freed block with that much to spare is split when it is reused */

/* The first bytes of the memory, read and written by the kernel module's own code and by the host. A guest's 8-byte accesses
 * may begin at 57, so the last 8 of these bytes hold nothing. */
struct kernel_header {
	uint64_t input_offset, input_length;
	uint64_t output_offset, output_length;
	uint64_t error; /* handle or 0 */
	uint64_t log_level;
	uint64_t spare[2];
};

struct kernel_block;

struct kernel_memory {
	uint8_t *base; /* of the linear memory; never moves */
	size_t size;   /* bytes of the linear memory now, a multiple of 64 KiB */
	/* Grow by `pages`; false when refused. Updates `size` itself on success. */
	bool (*grow)(struct kernel_memory *memory, uint32_t pages);
	void *user;                  /* of grow */
	uint64_t managed;            /* bytes the allocator hands out from: less than the memory, see kernel_bytes() */
	uint64_t position;           /* end of the last block, counted from KERNEL_FIRST */
	struct kernel_block *blocks; /* the book: record 0 ends chains and trees, then one a block, live or freed */
	uint32_t *slots;             /* hash of the data offset -> record, chained */
	uint32_t block_count, block_capacity;
	uint32_t block_limit; /* LIMIT_KERNEL_BLOCKS; with half as many, freed neighbours are merged */
	uint32_t left_over;   /* records that merging left over */
	uint32_t compacted;   /* records that the last kernel_compact() left */
	uint32_t free_root;   /* freed blocks by address */
	uint64_t multiplier;  /* of the hash, and */
	uint64_t luck;        /* of the tree: random, unknown to guests, 0 until the first block */
};

/** Begin with an empty memory at `base` (borrowed) of `size` bytes, at least 64 KiB, all zero. Its pages are private and
 *  anonymous: kernel_reset() may give them back to the system to have them zeroed. */
void kernel_memory_init(struct kernel_memory *memory, uint8_t *base, size_t size,
	bool (*grow)(struct kernel_memory *memory, uint32_t pages), void *user);

/** Free the book; the memory itself is the caller's. Harmless on a zeroed struct. */
void kernel_memory_fini(struct kernel_memory *memory);

/** Forget all blocks, zero what they held, clear input, output and error (not the log level). The memory does not shrink.
 *  Costs by what was used since the last time, not by what could have been. */
void kernel_reset(struct kernel_memory *memory);

/** Give back what freed blocks hold of memory and book, for a guest that waits and may do so for long: freed neighbours
 *  become one, those at the end are forgotten, and whole pages of the others go back to the system. Live blocks stay where
 *  they are. What freed blocks held is gone, so an output must not be among it. Does nothing with a book over 8,192
 *  records, or without memory. */
void kernel_compact(struct kernel_memory *memory);

/** The same for a book over 1,024 records, a quarter as many of them newer than the last time: what it costs was paid for by
 *  allocations, however often it is asked for. */
void kernel_compact_large(struct kernel_memory *memory);

/** Offset behind the last block: what follows is zero. */
uint64_t kernel_end(const struct kernel_memory *memory);

/** Offset of a new block of `len` bytes; 0 for `len` 0. *ok (not NULL) is false when there is no room left: neither in the
 *  memory nor in the book (LIMIT_KERNEL_BLOCKS). Reused blocks are not zeroed. */
uint64_t kernel_alloc(struct kernel_memory *memory, uint64_t len, bool *ok);

/** Free the block that starts at `offset`. Anything else is ignored. Clears input_length when it was the input. */
void kernel_free(struct kernel_memory *memory, uint64_t offset);

/** Length of the live block that starts exactly at `offset`, else 0. Constant time. */
uint64_t kernel_length(const struct kernel_memory *memory, uint64_t offset);

/** Bytes under the allocator's care: 65472 at first, however large the memory is, then as much more as it grew. */
uint64_t kernel_bytes(const struct kernel_memory *memory);

/** The bytes of the live block at `offset`, empty when there is none. Borrowed until the next call that frees or resets. */
struct span kernel_block(const struct kernel_memory *memory, uint64_t offset);

/** A new block with a copy of `bytes`; 0 for none. *ok as in kernel_alloc(). */
uint64_t kernel_put(struct kernel_memory *memory, struct span bytes, bool *ok);

/** The header. */
static inline struct kernel_header *kernel_header(const struct kernel_memory *memory)
{
	return (struct kernel_header *)(void *)memory->base;
}

/** input_set, output_set and error_set with the reference's checks: ranges out of bounds are ignored, output_set(0, 0) keeps
 *  an earlier output. */
void kernel_input_set(struct kernel_memory *memory, uint64_t offset, uint64_t len);
void kernel_output_set(struct kernel_memory *memory, uint64_t offset, uint64_t len);
void kernel_error_set(struct kernel_memory *memory, uint64_t offset);

/** What the guest set as output: the range, cut to the memory. */
struct span kernel_output(const struct kernel_memory *memory);

#endif
