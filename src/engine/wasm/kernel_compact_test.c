/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a guest that waits gives back: live blocks keep their place and their bytes, whatever was done to the others. */
#include "engine/wasm/kernel_memory.h"

#include "base/limits.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define PAGE ((uint64_t)LIMIT_WASM_PAGE)
#define RESERVED (16 * PAGE)
#define BLOCKS 4000

struct held {
	uint64_t offset, len;
	uint8_t byte;
};

static bool grow(struct kernel_memory *memory, uint32_t pages)
{
	if (pages * PAGE > RESERVED - memory->size)
		return false;
	memory->size += pages * PAGE;
	return true;
}

static int set_up(void **state)
{
	struct kernel_memory *memory = calloc(1, sizeof *memory);
	void *base = mmap(NULL, RESERVED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_non_null(memory);
	assert_ptr_not_equal(base, MAP_FAILED);
	kernel_memory_init(memory, base, PAGE, grow, NULL);
	*state = memory;
	return 0;
}

static int tear_down(void **state)
{
	struct kernel_memory *memory = *state;

	munmap(memory->base, RESERVED);
	kernel_memory_fini(memory);
	free(memory);
	return 0;
}

static struct held take(struct kernel_memory *memory, uint64_t len, uint8_t byte)
{
	bool ok = false;
	struct held held = { .offset = kernel_alloc(memory, len, &ok), .len = len, .byte = byte };

	assert_true(ok);
	memset(memory->base + held.offset, byte, len);
	return held;
}

static void assert_holds(const struct kernel_memory *memory, const struct held *held)
{
	struct span block = kernel_block(memory, held->offset);

	assert_int_equal(block.len, held->len);
	for (size_t i = 0; i < block.len; i++)
		assert_int_equal(block.data[i], held->byte);
}

static void assert_zero_behind(const struct kernel_memory *memory)
{
	for (uint64_t i = kernel_end(memory); i < memory->size; i++)
		assert_int_equal(memory->base[i], 0);
}

static size_t resident_pages(const struct kernel_memory *memory)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), count = 0;
	unsigned char pages[RESERVED / 4096];

	assert_int_equal(mincore(memory->base, memory->size, pages), 0);
	for (size_t i = 0; i < memory->size / page; i++)
		count += pages[i] & 1u;
	return count;
}

static void what_was_freed_at_the_end_is_forgotten(void **state)
{
	struct kernel_memory *memory = *state;
	struct held first = take(memory, 100, 1), blocks[600], again;

	for (int i = 0; i < 600; i++)
		blocks[i] = take(memory, 80, 2);
	for (int i = 0; i < 600; i++)
		kernel_free(memory, blocks[i].offset);
	kernel_compact(memory);
	assert_int_equal(kernel_end(memory), first.offset + first.len);
	assert_int_equal(memory->block_count, 1);
	assert_true(memory->block_capacity <= 16);
	assert_true(resident_pages(memory) <= 1);
	assert_holds(memory, &first);
	assert_zero_behind(memory);
	assert_int_equal(kernel_length(memory, blocks[0].offset), 0);
	again = take(memory, 80, 3);
	assert_int_equal(again.offset, blocks[0].offset);
	kernel_free(memory, again.offset);
	kernel_free(memory, first.offset);
	kernel_compact(memory);
	assert_int_equal(kernel_end(memory), KERNEL_FIRST);
	assert_int_equal(memory->block_count, 0);
	assert_int_equal(take(memory, 1, 4).offset, 77);
}

static void pages_between_live_blocks_go_back(void **state)
{
	struct kernel_memory *memory = *state;
	struct held blocks[300], last, within;

	for (int i = 0; i < 300; i++)
		blocks[i] = take(memory, 150, (uint8_t)i);
	last = take(memory, 150, 7);
	for (int i = 0; i < 300; i++)
		kernel_free(memory, blocks[i].offset);
	assert_true(resident_pages(memory) >= 11);
	kernel_compact(memory);
	assert_int_equal(memory->block_count, 2);
	assert_true(resident_pages(memory) <= 2);
	assert_holds(memory, &last);
	/* and are used again, once the end is used up */
	(void)take(memory, memory->managed - KERNEL_HEADER - memory->position - KERNEL_BLOCK_GAP - 1, 8);
	within = take(memory, 1000, 9);
	assert_true(within.offset < last.offset);
	assert_holds(memory, &within);
	assert_holds(memory, &last);
}

static void what_is_live_stays_whatever_happens(void **state) /* with numbers that only look random */
{
	static struct held held[BLOCKS];
	struct kernel_memory *memory = *state;
	uint64_t random = 12345;
	size_t count = 0;

	for (int i = 0; i < 40000; i++) {
		size_t at;

		random = random * 6364136223846793005u + 1442695040888963407u;
		at = count == 0 ? 0 : (size_t)(random >> 33) % count;
		if (random >> 61 < 4 && count < 400) {
			held[count++] = take(memory, 1 + (random >> 40) % 700, (uint8_t)random);
		} else if (count > 0) {
			assert_holds(memory, &held[at]);
			kernel_free(memory, held[at].offset);
			assert_int_equal(kernel_length(memory, held[at].offset), 0);
			held[at] = held[--count];
		}
		if (i % 500 != 0)
			continue;
		kernel_compact(memory);
		assert_zero_behind(memory);
		assert_true(memory->block_count <= 2 * count + 1);
		for (size_t k = 0; k < count; k++)
			assert_holds(memory, &held[k]);
	}
}

static void records_that_merging_left_over_are_no_blocks(void **state)
{
	static struct held held[BLOCKS];
	struct kernel_memory *memory = *state;

	memory->block_limit = BLOCKS; /* freed neighbours are merged from half of that on */
	for (int i = 0; i < BLOCKS; i++)
		held[i] = take(memory, 8, (uint8_t)i);
	for (int i = 0; i < BLOCKS; i++)
		if (i % 7 != 0)
			kernel_free(memory, held[i].offset);
	assert_int_not_equal(memory->left_over, 0);
	kernel_compact(memory);
	assert_int_equal(memory->left_over, 0);
	for (int i = 0; i < BLOCKS; i++)
		if (i % 7 == 0)
			assert_holds(memory, &held[i]);
	for (int i = 0; i < BLOCKS; i += 7)
		kernel_free(memory, held[i].offset);
	kernel_compact(memory);
	assert_int_equal(kernel_end(memory), KERNEL_FIRST);
}

static void nothing_freed_is_nothing_to_do(void **state)
{
	struct kernel_memory *memory = *state;
	struct held one;

	kernel_compact(memory);
	one = take(memory, 100, 1);
	kernel_compact(memory);
	assert_holds(memory, &one);
	assert_int_equal(kernel_end(memory), one.offset + one.len);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* `count` blocks of 8 bytes; the last of them. */
static uint64_t take_many(struct kernel_memory *memory, unsigned count)
{
	uint64_t last = 0;

	while (count-- > 0)
		last = take(memory, 8, 1).offset;
	return last;
}

/* A loop with many live blocks that waits again and again must not have its book sorted each time. */
static void a_large_book_is_looked_at_when_it_has_grown(void **state)
{
	struct kernel_memory *memory = *state;

	kernel_free(memory, take_many(memory, 1024));
	kernel_compact_large(memory);
	assert_int_equal(memory->block_count, 1024);
	kernel_free(memory, take_many(memory, 10));
	kernel_compact_large(memory);
	assert_int_equal(memory->block_count, 1033);
	kernel_free(memory, take_many(memory, 256));
	kernel_compact_large(memory);
	assert_int_equal(memory->block_count, 1033 + 256);
	kernel_free(memory, take_many(memory, 1));
	kernel_compact_large(memory);
	assert_int_equal(memory->block_count, 1033 + 255);
	kernel_reset(memory);
	kernel_free(memory, take_many(memory, 1025));
	kernel_compact_large(memory);
	assert_int_equal(memory->block_count, 1024);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_freed_at_the_end_is_forgotten),
		TEST(pages_between_live_blocks_go_back),
		TEST(what_is_live_stays_whatever_happens),
		TEST(records_that_merging_left_over_are_no_blocks),
		TEST(nothing_freed_is_nothing_to_do),
		TEST(a_large_book_is_looked_at_when_it_has_grown),
	};

	return cmocka_run_group_tests_name("compacting kernel memory", tests, NULL, NULL);
}
