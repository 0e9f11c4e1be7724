/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The allocator takes new blocks from the end as long as it can, so a guest that never returns has touched every page sooner
 * or later, and has a record for each block it ever had. While it waits, what is freed goes back. */
#include "engine/wasm/kernel_book.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define RECORDS_LARGE 1024
#define RECORDS_MAX 8192 /* more than small blocks in a memory that never grew; sorting them takes a millisecond */

static int by_offset(const void *left, const void *right)
{
	const struct kernel_block *a = left, *b = right;

	return (a->offset > b->offset) - (a->offset < b->offset);
}

static size_t sorted_bytes(const struct kernel_memory *memory)
{
	return ((size_t)memory->block_count + 1) * sizeof(struct kernel_block);
}

/* A copy of the records from 1 on, by address, without those that are left over. `*count` is their number. */
static struct kernel_block *sorted_blocks(struct kernel_memory *memory, uint32_t *count)
{
	struct kernel_block *sorted = kernel_table_new(sorted_bytes(memory));

	*count = 0;
	if (sorted == NULL)
		return NULL;
	for (uint32_t at = memory->left_over; at != 0; at = memory->blocks[at].next)
		memory->blocks[at].size = 0;
	for (uint32_t i = 1; i <= memory->block_count; i++)
		if (memory->blocks[i].size != 0)
			sorted[++*count] = memory->blocks[i];
	qsort(sorted + 1, *count, sizeof *sorted, by_offset);
	return sorted;
}

/* Make one record of freed blocks that are neighbours. Returns how many records there are then. */
static uint32_t join_freed(struct kernel_block *sorted, uint32_t count)
{
	uint32_t kept = 0;

	for (uint32_t i = 1; i <= count; i++) {
		struct kernel_block *last = &sorted[kept];

		if (kept > 0 && last->used == 0 && sorted[i].used == 0)
			last->size += KERNEL_BLOCK_GAP + sorted[i].size;
		else
			sorted[++kept] = sorted[i];
	}
	return kept;
}

static size_t page_bytes(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* Give back the whole pages of a freed block. */
static void release(uint8_t *data, size_t len)
{
	size_t page = page_bytes(), before = -(uintptr_t)data % page;

	if (len >= before + page)
		(void)madvise(data + before, (len - before) / page * page, MADV_DONTNEED);
}

/* The blocks end at `end` now; behind it everything has to be zero, as it is behind the old end. */
static void cut(struct kernel_memory *memory, uint64_t end)
{
	uint8_t *from = memory->base + KERNEL_FIRST + end;
	size_t len = memory->position - end, page = page_bytes(), before = -(uintptr_t)from % page;

	memory->position = end;
	if (len <= before) {
		memset(from, 0, len);
		return;
	}
	memset(from, 0, before);
	len = (len - before + page - 1) / page * page;
	if (madvise(from + before, len, MADV_DONTNEED) != 0)
		memset(from + before, 0, len);
}

void kernel_compact(struct kernel_memory *memory)
{
	size_t bytes = sorted_bytes(memory);
	struct kernel_block *sorted;
	uint64_t end = memory->position;
	uint32_t count;

	if (memory->free_root == 0 || memory->block_count > RECORDS_MAX)
		return;
	sorted = sorted_blocks(memory, &count);
	if (sorted == NULL)
		return;
	count = join_freed(sorted, count);
	if (count > 0 && sorted[count].used == 0)
		end = sorted[count--].offset - KERNEL_BLOCK_GAP - KERNEL_FIRST;
	if (kernel_book_replace(memory, sorted, count)) {
		memory->compacted = count;
		cut(memory, end);
		for (uint32_t at = 1; at <= count; at++)
			if (sorted[at].used == 0)
				release(memory->base + sorted[at].offset, sorted[at].size);
	}
	kernel_table_free(sorted, bytes);
}

void kernel_compact_large(struct kernel_memory *memory)
{
	if (memory->block_count > RECORDS_LARGE && memory->block_count - memory->compacted > RECORDS_LARGE / 4)
		kernel_compact(memory);
}
