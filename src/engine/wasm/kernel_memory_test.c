/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Kernel memory: offsets and lengths as guests know them, reuse, growth, hostile numbers, and what a reset leaves. */
#include "engine/wasm/kernel_memory.h"

#include "base/limits.h"
#include <stdlib.h>
#include <sys/mman.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define PAGE ((uint64_t)LIMIT_WASM_PAGE)
#define RESERVED (LIMIT_WASM_KERNEL_PAGES * PAGE)
#define BLOCK_MAX (65472 - 64 - 12 - 1) /* bytes of the largest block that fits a memory that never grew */

struct fixture {
	struct kernel_memory memory;
	size_t ceiling; /* bytes that the memory may grow to */
	uint32_t grown; /* pages asked for last */
};

static bool grow(struct kernel_memory *memory, uint32_t pages)
{
	struct fixture *fixture = memory->user;

	if (pages * PAGE > fixture->ceiling - memory->size)
		return false;
	fixture->grown = pages;
	memory->size += pages * PAGE;
	return true;
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);
	void *base;

	assert_non_null(fixture);
	base = mmap(NULL, RESERVED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_ptr_not_equal(base, MAP_FAILED);
	fixture->ceiling = RESERVED;
	kernel_memory_init(&fixture->memory, base, 16 * PAGE, grow, fixture);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	munmap(fixture->memory.base, RESERVED);
	kernel_memory_fini(&fixture->memory);
	free(fixture);
	return 0;
}

/* An allocation that has to succeed. */
static uint64_t take(struct kernel_memory *memory, uint64_t len)
{
	bool ok = false;
	uint64_t offset = kernel_alloc(memory, len, &ok);

	assert_true(ok);
	return offset;
}

/* An allocation that has to fail and leave everything as it was. */
static void refuse(struct kernel_memory *memory, uint64_t len)
{
	struct kernel_memory before = *memory;
	bool ok = true;

	assert_int_equal(kernel_alloc(memory, len, &ok), 0);
	assert_false(ok);
	assert_int_equal(memory->managed, before.managed);
	assert_int_equal(memory->position, before.position);
	assert_int_equal(memory->block_count, before.block_count);
	assert_int_equal(memory->free_root, before.free_root);
}

/* Leave room for nothing at the end, so that freed blocks are reused. Returns the block that did it. */
static uint64_t fill_up(struct kernel_memory *memory)
{
	return take(memory, memory->managed - 64 - memory->position - 12 - 1);
}

static bool all_zero(const struct kernel_memory *memory, uint64_t from, uint64_t until)
{
	for (uint64_t i = from; i < until; i++)
		if (memory->base[i] != 0)
			return false;
	return true;
}

static void zero_bytes_are_handle_zero_that_is_no_block(void **state) /* abi:64 */
{
	struct kernel_memory *memory = &((struct fixture *)*state)->memory;
	bool ok;

	assert_int_equal(take(memory, 0), 0);
	assert_int_equal(kernel_put(memory, span_of(NULL, 0), &ok), 0);
	assert_true(ok);
	assert_int_equal(kernel_length(memory, 0), 0);
	kernel_free(memory, 0);
	assert_int_equal(take(memory, 1), 77);
}

static void length_is_that_of_the_block_which_starts_there(void **state) /* abi:65 */
{
	struct kernel_memory *memory = &((struct fixture *)*state)->memory;

	assert_int_equal(take(memory, 5), 77);
	assert_int_equal(take(memory, 1), 94);
	assert_int_equal(kernel_length(memory, 77), 5);
	assert_int_equal(kernel_length(memory, 94), 1);
	for (uint64_t offset = 0; offset < 200; offset++)
		if (offset != 77 && offset != 94)
			assert_int_equal(kernel_length(memory, offset), 0);
}

static void numbers_that_are_no_block_are_ignored(void **state)
{
	static const uint64_t wrong[] = { 1, 64, 65, 78, PAGE * 16, RESERVED, UINT32_MAX - 1, UINT32_MAX,
		(uint64_t)UINT32_MAX + 1, ((uint64_t)1 << 32) + 77, UINT64_MAX - 11, UINT64_MAX };
	struct kernel_memory *memory = &((struct fixture *)*state)->memory;

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) { /* before there is a book */
		assert_int_equal(kernel_length(memory, wrong[i]), 0);
		kernel_free(memory, wrong[i]);
	}
	assert_int_equal(take(memory, 5), 77);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		assert_int_equal(kernel_length(memory, wrong[i]), 0);
		assert_int_equal(kernel_block(memory, wrong[i]).len, 0);
		kernel_free(memory, wrong[i]);
	}
	assert_int_equal(kernel_length(memory, 77), 5);
}

static void a_freed_block_has_no_length(void **state) /* abi:67 */
{
	struct kernel_memory *memory = &((struct fixture *)*state)->memory;
	uint64_t a = take(memory, 5), b = take(memory, 6);

	kernel_free(memory, a);
	assert_int_equal(kernel_length(memory, a), 0);
	assert_int_equal(kernel_length(memory, b), 6);
	kernel_free(memory, a); /* twice */
	kernel_free(memory, b);
	assert_int_equal(kernel_length(memory, b), 0);
}

static void bytes_put_are_the_block(void **state)
{
	struct kernel_memory *memory = &((struct fixture *)*state)->memory;
	struct span text = span_text("across the border");
	bool ok;
	uint64_t offset = kernel_put(memory, text, &ok);

	assert_true(ok);
	assert_true(span_equal(kernel_block(memory, offset), text));
	assert_ptr_equal(kernel_block(memory, offset).data, memory->base + offset);
	assert_ptr_equal(kernel_block(memory, offset + 1).data, NULL);
}

static void freed_blocks_wait_until_the_end_is_reached(void **state)
{
	struct kernel_memory *memory = &((struct fixture *)*state)->memory;

	assert_int_equal(take(memory, 100), 77);
	kernel_free(memory, 77);
	assert_int_equal(take(memory, 100), 189);
	fill_up(memory);
	assert_int_equal(take(memory, 101), 65472 + 12); /* too large for the freed one */
	assert_int_equal(kernel_bytes(memory), 65472 + PAGE);
	fill_up(memory);
	assert_int_equal(take(memory, 100), 77);
	assert_int_equal(kernel_bytes(memory), 65472 + PAGE);
}

static void a_freed_block_is_preferred_to_the_very_last_bytes(void **state)
{
	struct kernel_memory *memory = &((struct fixture *)*state)->memory;

	assert_int_equal(take(memory, 200), 77);
	take(memory, BLOCK_MAX + 1 - 2 * 212); /* what is left is exactly what one more of 200 bytes takes */
	kernel_free(memory, 77);
	assert_int_equal(take(memory, 200), 77);
	assert_int_equal(take(memory, 199), 65261 + 12);
	assert_int_equal(kernel_bytes(memory), 65472);
}

static void the_lowest_freed_block_that_fits_is_reused(void **state)
{
	struct kernel_memory *memory = &((struct fixture *)*state)->memory;
	uint64_t blocks[6];
	static const uint64_t lens[] = { 50, 1, 120, 1, 100, 1 };

	for (size_t i = 0; i < 6; i++)
		blocks[i] = take(memory, lens[i]);
	fill_up(memory);
	kernel_free(memory, blocks[4]);
	kernel_free(memory, blocks[0]);
	kernel_free(memory, blocks[2]);
	assert_int_equal(take(memory, 60), blocks[2]);
	assert_int_equal(take(memory, 60), blocks[4]);
	assert_int_equal(take(memory, 50), blocks[0]);
	assert_int_equal(kernel_bytes(memory), 65472);
}

static void a_block_with_127_bytes_to_spare_is_handed_out_whole(void **state)
{
	struct kernel_memory *memory = &((struct fixture *)*state)->memory;

	assert_int_equal(take(memory, 100 + 127), 77);
	fill_up(memory);
	kernel_free(memory, 77);
	assert_int_equal(take(memory, 100), 77);
	assert_int_equal(kernel_length(memory, 77), 100);
	kernel_free(memory, 77);
	assert_int_equal(take(memory, 227), 77); /* its size did not shrink */
}

static void of_a_block_with_128_bytes_to_spare_the_end_is_handed_out(void **state)
{
	struct kernel_memory *memory = &((struct fixture *)*state)->memory;

	assert_int_equal(take(memory, 100 + 128), 77);
	fill_up(memory);
	kernel_free(memory, 77);
	assert_int_equal(take(memory, 100), 77 + 128);
	assert_int_equal(kernel_length(memory, 77), 0);
	assert_int_equal(take(memory, 117), 65472 + 12); /* what remains has 116 bytes */
	fill_up(memory);
	assert_int_equal(take(memory, 116), 77);
}

static void as_many_bytes_as_the_header_has_are_never_handed_out(void **state)
{
	struct fixture *fixture = *state;
	struct kernel_memory *memory = &fixture->memory;

	assert_int_equal(take(memory, BLOCK_MAX), 77);
	assert_int_equal(fixture->grown, 0);
	kernel_reset(memory);
	assert_int_equal(take(memory, BLOCK_MAX + 1), 77);
	assert_int_equal(fixture->grown, 0); /* nothing is missing, so nothing was asked for */
	assert_int_equal(kernel_bytes(memory), 65472);
	take(memory, 1);
	assert_int_equal(fixture->grown, 1);
}

static void the_memory_grows_by_the_pages_that_are_missing(void **state)
{
	static const struct {
		uint64_t len;
		uint32_t pages;
	} cases[] = { { BLOCK_MAX + 2, 1 }, { BLOCK_MAX + 1 + PAGE, 1 }, { BLOCK_MAX + 2 + PAGE, 2 },
		{ BLOCK_MAX + 1 + 100 * PAGE, 100 }, { BLOCK_MAX + 1 + 1008 * PAGE, 1008 } };
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		fixture->memory.managed = 65472;
		fixture->memory.size = 16 * PAGE;
		kernel_reset(&fixture->memory);
		assert_int_equal(take(&fixture->memory, cases[i].len), 77);
		assert_int_equal(fixture->grown, cases[i].pages);
		assert_int_equal(kernel_bytes(&fixture->memory), 65472 + cases[i].pages * PAGE);
	}
}

static void growth_that_is_refused_changes_nothing(void **state)
{
	struct fixture *fixture = *state;

	fixture->ceiling = 17 * PAGE;
	refuse(&fixture->memory, BLOCK_MAX + 2 + PAGE);
	assert_int_equal(take(&fixture->memory, BLOCK_MAX + 1 + PAGE), 77);
	refuse(&fixture->memory, 1);
	kernel_free(&fixture->memory, 77);
	assert_int_equal(kernel_length(&fixture->memory, take(&fixture->memory, 1)), 1);
}

static void hostile_lengths_are_refused(void **state)
{
	static const uint64_t lens[] = { RESERVED, UINT32_MAX - 77, UINT32_MAX - 76, UINT32_MAX, (uint64_t)1 << 32,
		(uint64_t)1 << 48, (uint64_t)1 << 63, UINT64_MAX - 12, UINT64_MAX - 11, UINT64_MAX };
	struct kernel_memory *memory = &((struct fixture *)*state)->memory;

	for (size_t i = 0; i < sizeof lens / sizeof *lens; i++)
		refuse(memory, lens[i]);
	take(memory, 300);
	fill_up(memory);
	kernel_free(memory, 77);
	for (size_t i = 0; i < sizeof lens / sizeof *lens; i++)
		refuse(memory, lens[i]);
	assert_int_equal(kernel_bytes(memory), 65472);
}

static void more_blocks_than_the_limit_are_refused(void **state)
{
	struct kernel_memory *memory = &((struct fixture *)*state)->memory;
	uint64_t last = 0;

	for (uint32_t i = 0; i < LIMIT_KERNEL_BLOCKS; i++)
		last = take(memory, 1);
	assert_int_equal(last, 77 + 13 * (uint64_t)(LIMIT_KERNEL_BLOCKS - 1));
	refuse(memory, 1);
	kernel_free(memory, 77);
	kernel_free(memory, 90); /* merged with the one before it, which leaves a record over */
	assert_int_equal(take(memory, 1), last + 13);
	refuse(memory, 1);
	kernel_reset(memory);
	assert_int_equal(take(memory, 1), 77);
}

static void freed_neighbours_are_merged_when_half_the_book_is_full(void **state)
{
	struct kernel_memory *memory = &((struct fixture *)*state)->memory;
	uint64_t blocks[6];

	memory->block_limit = 14;
	for (size_t i = 0; i < 6; i++)
		blocks[i] = take(memory, 100);
	kernel_free(memory, blocks[0]);
	kernel_free(memory, blocks[1]); /* six of fourteen: not yet */
	fill_up(memory);
	assert_int_equal(take(memory, 100), blocks[0]);
	kernel_free(memory, blocks[3]);
	kernel_free(memory, blocks[2]); /* with both neighbours, 1 and 3 */
	assert_int_equal(kernel_length(memory, blocks[2]), 0);
	assert_int_equal(take(memory, 324), blocks[1]); /* 100 + 12 + 100 + 12 + 100 */
	kernel_free(memory, blocks[1]);
	assert_int_equal(take(memory, 196), blocks[2] + 16); /* a split after the merge: 324 - 196 - 12 remain */
	assert_int_equal(kernel_length(memory, blocks[2]), 0);
	assert_int_equal(take(memory, 116), blocks[1]);
}

static void a_guest_that_never_returns_does_not_use_up_the_book(void **state)
{
	struct kernel_memory *memory = &((struct fixture *)*state)->memory;
	uint64_t large = take(memory, 1 << 20);

	memory->block_limit = 1000;
	fill_up(memory);
	kernel_free(memory, large);
	for (uint32_t i = 0; i < 5000; i++)
		kernel_free(memory, take(memory, 1 + i % 50));
	assert_in_range(memory->block_count, 500, 600);
	assert_int_not_equal(take(memory, 1 << 19), 0);
	assert_in_range(kernel_bytes(memory), 1 << 20, (1 << 20) + 2 * PAGE);
}

static void ranges_set_as_output_are_bounded(void **state) /* abi:69 */
{
	struct kernel_memory *memory = &((struct fixture *)*state)->memory;
	const struct kernel_header *header = kernel_header(memory);
	uint64_t block = take(memory, 50);

	kernel_output_set(memory, block, 10);
	kernel_output_set(memory, 0, 0);
	kernel_output_set(memory, 64, 5);
	kernel_output_set(memory, 65, 0);
	kernel_output_set(memory, 65472 + 65, 0);
	kernel_output_set(memory, 65472 + 65, 1);
	kernel_output_set(memory, 65472 + 64, 2);
	kernel_output_set(memory, block, UINT64_MAX);
	kernel_output_set(memory, block, UINT64_MAX - 5); /* would end inside again */
	kernel_output_set(memory, UINT64_MAX, 80);
	assert_int_equal(header->output_offset, block);
	assert_int_equal(kernel_output(memory).len, 10);
	assert_ptr_equal(kernel_output(memory).data, memory->base + block);
	kernel_output_set(memory, 65472 + 64, 1);
	assert_int_equal(header->output_offset, 65472 + 64);
	kernel_output_set(memory, block, 0);
	assert_int_equal(kernel_output(memory).len, 0);
	assert_int_equal(header->output_offset, block);
}

static void output_is_cut_to_the_memory(void **state)
{
	struct kernel_memory *memory = &((struct fixture *)*state)->memory;
	struct kernel_header *header = kernel_header(memory);

	header->output_offset = memory->size - 3;
	header->output_length = UINT64_MAX;
	assert_int_equal(kernel_output(memory).len, 3);
	header->output_offset = memory->size;
	assert_int_equal(kernel_output(memory).len, 0);
	header->output_offset = UINT64_MAX;
	assert_int_equal(kernel_output(memory).len, 0);
}

static void an_empty_input_has_offset_and_length_zero(void **state) /* abi:70 */
{
	struct kernel_memory *memory = &((struct fixture *)*state)->memory;
	uint64_t block = take(memory, 50);

	kernel_input_set(memory, block, 50);
	kernel_reset(memory);
	kernel_input_set(memory, take(memory, 0), 0);
	assert_int_equal(kernel_header(memory)->input_offset, 0);
	assert_int_equal(kernel_header(memory)->input_length, 0);
}

static void freeing_the_input_leaves_none(void **state)
{
	struct kernel_memory *memory = &((struct fixture *)*state)->memory;
	uint64_t block = take(memory, 50), other = take(memory, 1);

	kernel_input_set(memory, block, 50);
	kernel_free(memory, other);
	assert_int_equal(kernel_header(memory)->input_length, 50);
	kernel_free(memory, block);
	assert_int_equal(kernel_header(memory)->input_length, 0);
	assert_int_equal(kernel_header(memory)->input_offset, block);
}

static void an_error_is_set_cleared_and_bounded(void **state)
{
	struct kernel_memory *memory = &((struct fixture *)*state)->memory;

	kernel_error_set(memory, 77);
	kernel_error_set(memory, 64);
	kernel_error_set(memory, 65472 + 65);
	kernel_error_set(memory, UINT64_MAX);
	assert_int_equal(kernel_header(memory)->error, 77);
	kernel_error_set(memory, 65472 + 64);
	assert_int_equal(kernel_header(memory)->error, 65472 + 64);
	kernel_error_set(memory, 0);
	assert_int_equal(kernel_header(memory)->error, 0);
}

static void a_handle_of_the_last_call_has_no_length(void **state) /* abi:71 */
{
	struct kernel_memory *memory = &((struct fixture *)*state)->memory;
	uint64_t early = take(memory, 5), late = take(memory, 7);

	kernel_reset(memory);
	assert_int_equal(kernel_length(memory, early), 0);
	assert_int_equal(take(memory, 5), early);
	assert_int_equal(kernel_length(memory, late), 0);
	kernel_free(memory, late);
	assert_int_equal(kernel_length(memory, early), 5);
}

static void a_reset_zeroes_what_was_used_and_keeps_the_log_level(void **state)
{
	static const uint64_t lens[] = { 1, 100, 60000, MIB - 12, MIB - 11, 3 * MIB, 3 * MIB + 12345, 17 * MIB + 5 };
	struct kernel_memory *memory = &((struct fixture *)*state)->memory;
	struct kernel_header *header = kernel_header(memory);

	header->log_level = 3;
	for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
		memset(memory->base + take(memory, lens[i]), 0xFF, lens[i]);
		memory->base[77 + lens[i]] = 0xEE; /* beside all blocks */
		kernel_input_set(memory, 77, lens[i]);
		kernel_output_set(memory, 77, lens[i]);
		kernel_error_set(memory, 77);
		kernel_reset(memory);
		assert_true(all_zero(memory, KERNEL_FIRST, 77 + lens[i]));
		assert_int_equal(memory->base[77 + lens[i]], 0xEE);
		memory->base[77 + lens[i]] = 0;
		assert_int_equal(header->input_length | header->output_length | header->error, 0);
		assert_int_equal(header->input_offset | header->output_offset, 0);
		assert_int_equal(header->log_level, 3);
	}
}

static void a_book_that_became_huge_does_not_stay(void **state)
{
	struct kernel_memory *memory = &((struct fixture *)*state)->memory;

	for (uint32_t i = 0; i < 100; i++)
		take(memory, 1);
	kernel_reset(memory);
	assert_int_equal(memory->block_capacity, 128);
	for (uint32_t i = 0; i < 100000; i++)
		take(memory, 1);
	kernel_reset(memory);
	assert_int_equal(memory->block_capacity, 0);
	assert_int_equal(kernel_length(memory, 77), 0);
	assert_int_equal(take(memory, 1), 77);
	assert_int_equal(kernel_length(memory, 77), 1);
}

static void a_zeroed_struct_can_be_finished(void **state)
{
	struct kernel_memory memory = { 0 };

	(void)state;
	kernel_memory_fini(&memory);
	kernel_memory_fini(&memory);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(zero_bytes_are_handle_zero_that_is_no_block),
		TEST(length_is_that_of_the_block_which_starts_there),
		TEST(numbers_that_are_no_block_are_ignored),
		TEST(a_freed_block_has_no_length),
		TEST(bytes_put_are_the_block),
		TEST(freed_blocks_wait_until_the_end_is_reached),
		TEST(a_freed_block_is_preferred_to_the_very_last_bytes),
		TEST(the_lowest_freed_block_that_fits_is_reused),
		TEST(a_block_with_127_bytes_to_spare_is_handed_out_whole),
		TEST(of_a_block_with_128_bytes_to_spare_the_end_is_handed_out),
		TEST(as_many_bytes_as_the_header_has_are_never_handed_out),
		TEST(the_memory_grows_by_the_pages_that_are_missing),
		TEST(growth_that_is_refused_changes_nothing),
		TEST(hostile_lengths_are_refused),
		TEST(more_blocks_than_the_limit_are_refused),
		TEST(freed_neighbours_are_merged_when_half_the_book_is_full),
		TEST(a_guest_that_never_returns_does_not_use_up_the_book),
		TEST(ranges_set_as_output_are_bounded),
		TEST(output_is_cut_to_the_memory),
		TEST(an_empty_input_has_offset_and_length_zero),
		TEST(freeing_the_input_leaves_none),
		TEST(an_error_is_set_cleared_and_bounded),
		TEST(a_handle_of_the_last_call_has_no_length),
		TEST(a_reset_zeroes_what_was_used_and_keeps_the_log_level),
		TEST(a_book_that_became_huge_does_not_stay),
		TEST(a_zeroed_struct_can_be_finished),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
