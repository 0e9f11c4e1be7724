/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The slab's slots: where they lie, that they are used again, empty, and what happens when address space is short. What
 * Wasmtime does with them is seen by the tests of hostile guests. */
#include "engine/wasm/slab.h"

#include "base/limits.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define PAGE ((size_t)LIMIT_WASM_PAGE)
#define AREA (LIMIT_WASM_GUEST_PAGES * PAGE)
#define MANY 70 /* more than one chunk has */

static int set_up(void **state)
{
	struct wasm_profile profile = { 0 };
	struct slab *slab = NULL;

	profile_fill(&profile);
	assert_int_equal(slab_new(&slab, &profile, NULL), CAPSULE_OK);
	*state = slab;
	return 0;
}

static int tear_down(void **state)
{
	slab_free(*state);
	return 0;
}

static struct slab_slot *take(struct slab *slab)
{
	struct slab_slot *slot = NULL;

	assert_int_equal(slab_take(slab, &slot, NULL), CAPSULE_OK);
	assert_ptr_equal(slot->slab, slab);
	assert_false(slot->stack_live || slot->guest.live || slot->kernel.live);
	return slot;
}

static void test_slots_lie_apart_with_guards_between(void **state)
{
	struct slab_slot *slots[MANY];

	for (size_t i = 0; i < MANY; i++) {
		slots[i] = take(*state);
		assert_ptr_equal(slots[i]->guest.base, slots[i]->stack + LIMIT_FIBER_STACK);
		assert_true(slots[i]->kernel.base >= slots[i]->guest.base + AREA + PAGE);
		for (size_t n = 0; n < i; n++) {
			const struct slab_slot *low = slots[n]->stack < slots[i]->stack ? slots[n] : slots[i];
			const struct slab_slot *high = low == slots[n] ? slots[i] : slots[n];

			assert_true(high->stack >= low->kernel.base + AREA + PAGE);
		}
	}
	for (size_t i = 0; i < MANY; i++)
		slab_return(slots[i]);
}

static void test_the_slot_returned_last_is_taken_first(void **state)
{
	struct slab_slot *first = take(*state), *second = take(*state);

	slab_return(first);
	slab_return(second);
	assert_ptr_equal(take(*state), second);
	assert_ptr_equal(take(*state), first);
	slab_return(first);
	slab_return(second);
}

/* As Wasmtime's requests would leave it: everything accessible up to some size. */
static void open_area(struct slab_area *area, size_t size)
{
	assert_int_equal(mprotect(area->base, size, PROT_READ | PROT_WRITE), 0);
	area->writable = size;
	area->base[0] = 1;
	area->base[size - 1] = 2;
}

static void test_a_slot_used_again_reads_as_zero(void **state)
{
	struct slab_slot *slot = take(*state);

	assert_int_equal(mprotect(slot->stack, LIMIT_FIBER_STACK, PROT_READ | PROT_WRITE), 0);
	slot->stack_writable = true;
	slot->stack[0] = slot->stack[LIMIT_FIBER_STACK - 1] = 3;
	open_area(&slot->guest, 3 * PAGE);
	open_area(&slot->kernel, 2 * PAGE);
	slab_return(slot);
	assert_ptr_equal(take(*state), slot);
	assert_int_equal(slot->stack[0] | slot->stack[LIMIT_FIBER_STACK - 1], 0);
	assert_int_equal(slot->guest.base[0] | slot->guest.base[3 * PAGE - 1], 0);
	assert_int_equal(slot->kernel.base[0] | slot->kernel.base[2 * PAGE - 1], 0);
	slab_return(slot);
}

static void test_trimming_keeps_what_it_is_told_to(void **state)
{
	struct slab_slot *slot = take(*state);
	uint8_t *top;

	assert_int_equal(mprotect(slot->stack, LIMIT_FIBER_STACK, PROT_READ | PROT_WRITE), 0);
	slot->stack_writable = slot->stack_live = true;
	top = slot->stack + LIMIT_FIBER_STACK;
	memset(slot->stack, 3, LIMIT_FIBER_STACK);
	open_area(&slot->kernel, 4 * PAGE);
	slot->kernel.live = true;
	slot->kernel.size = 4 * PAGE;
	slab_trim(slot, 16 * KIB, PAGE);
	assert_int_equal(top[-1] & top[-16 * (long)KIB], 3);
	assert_int_equal(top[-16 * (long)KIB - 1] | slot->stack[0], 0);
	assert_int_equal(slot->kernel.base[0], 1);
	assert_int_equal(slot->kernel.base[4 * PAGE - 1], 0);
	slot->stack_live = slot->kernel.live = false;
	slab_return(slot);
}

/* Not under the sanitizers: their shadow memory is address space too. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
static void test_without_address_space_nothing_is_taken(void **state)
{
	struct capsule_error err = { 0 };
	struct slab_slot *slot = NULL;
	struct rlimit before, none;

	free(malloc(100000)); /* what the book needs is there */
	assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
	none = before;
	none.rlim_cur = 1;
	assert_int_equal(setrlimit(RLIMIT_AS, &none), 0);
	enum capsule_status status = slab_take(*state, &slot, &err);
	assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
	assert_int_equal(status, CAPSULE_ELIMIT);
	assert_non_null(strstr(err.text, "raise RLIMIT_AS"));
	slab_return(take(*state));
}
#endif

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_slots_lie_apart_with_guards_between),
		TEST(test_the_slot_returned_last_is_taken_first),
		TEST(test_a_slot_used_again_reads_as_zero),
		TEST(test_trimming_keeps_what_it_is_told_to),
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
		TEST(test_without_address_space_nothing_is_taken),
#endif
	};

	return cmocka_run_group_tests_name("slab", tests, NULL, NULL);
}
