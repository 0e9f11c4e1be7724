/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The ticker: it moves the epoch while somebody is inside a guest, also after short stays, and comes to rest when nobody is. */
#include "engine/wasm/ticker.h"

#include "base/clock.h"
#include <stdlib.h>
#include <string.h>
#include <wasmtime.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define WINDOW_NS (10 * NS_PER_MS)
#define PATIENCE_NS (20 * NS_PER_S)

/* A function that looks at the epoch when it is entered. */
static const char wat[] = "(module (func (export \"look\")))";

struct fixture {
	wasm_engine_t *engine;
	wasmtime_module_t *module;
	wasmtime_store_t *store;
	wasmtime_func_t look;
	struct ticker *ticker;
	int moved; /* looks that found the epoch at its deadline */
};

static wasmtime_error_t *note_epoch(
	wasmtime_context_t *context, void *data, uint64_t *delta, wasmtime_update_deadline_kind_t *kind)
{
	struct fixture *fixture = data;

	(void)context;
	fixture->moved++;
	*delta = 1;
	*kind = WASMTIME_UPDATE_DEADLINE_CONTINUE;
	return NULL;
}

static void make_guest(struct fixture *fixture)
{
	wasm_byte_vec_t binary = { 0 };
	wasmtime_context_t *context;
	wasmtime_instance_t instance;
	wasmtime_extern_t item;
	wasm_trap_t *trap = NULL;

	assert_null(wasmtime_wat2wasm(wat, strlen(wat), &binary));
	assert_null(wasmtime_module_new(fixture->engine, (const uint8_t *)binary.data, binary.size, &fixture->module));
	wasm_byte_vec_delete(&binary);
	fixture->store = wasmtime_store_new(fixture->engine, NULL, NULL);
	wasmtime_store_epoch_deadline_callback(fixture->store, note_epoch, fixture, NULL);
	context = wasmtime_store_context(fixture->store);
	wasmtime_context_set_epoch_deadline(context, UINT32_MAX);
	assert_null(wasmtime_instance_new(context, fixture->module, NULL, 0, &instance, &trap));
	assert_true(wasmtime_instance_export_get(context, &instance, "look", 4, &item));
	fixture->look = item.of.func;
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);
	wasm_config_t *config = wasm_config_new();

	assert_non_null(fixture);
	wasmtime_config_epoch_interruption_set(config, true);
	fixture->engine = wasm_engine_new_with_config(config);
	make_guest(fixture);
	assert_int_equal(ticker_new(&fixture->ticker, fixture->engine, NULL), CAPSULE_OK);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	ticker_free(fixture->ticker);
	wasmtime_store_delete(fixture->store);
	wasmtime_module_delete(fixture->module);
	wasm_engine_delete(fixture->engine);
	free(fixture);
	return 0;
}

/* Whether the epoch moves within `window_ns`. */
static bool moves(struct fixture *fixture, int64_t window_ns)
{
	wasmtime_context_t *context = wasmtime_store_context(fixture->store);
	int64_t end = clock_monotonic_ns(&clock_system) + window_ns;
	int before = fixture->moved;

	wasmtime_context_set_epoch_deadline(context, 1);
	do {
		wasm_trap_t *trap = NULL;

		assert_null(wasmtime_func_call(context, &fixture->look, NULL, 0, NULL, 0, &trap));
	} while (fixture->moved == before && clock_monotonic_ns(&clock_system) < end);
	return fixture->moved > before;
}

static void come_to_rest(struct fixture *fixture)
{
	int64_t end = clock_monotonic_ns(&clock_system) + PATIENCE_NS;
	int quiet = 0;

	while (quiet < 5 && clock_monotonic_ns(&clock_system) < end)
		quiet = moves(fixture, WINDOW_NS) ? 0 : quiet + 1;
	assert_int_equal(quiet, 5);
}

static void test_the_epoch_moves_while_somebody_is_inside(void **state)
{
	struct fixture *fixture = *state;

	ticker_enter(fixture->ticker);
	for (int i = 0; i < 5; i++)
		assert_true(moves(fixture, PATIENCE_NS));
	ticker_leave(fixture->ticker);
}

static void test_the_epoch_stands_still_when_nobody_is(void **state)
{
	struct fixture *fixture = *state;

	ticker_enter(fixture->ticker);
	assert_true(moves(fixture, PATIENCE_NS));
	ticker_leave(fixture->ticker);
	come_to_rest(fixture);
}

static void test_it_wakes_for_whoever_goes_in(void **state)
{
	struct fixture *fixture = *state;

	for (int i = 0; i < 2; i++) {
		come_to_rest(fixture);
		ticker_enter(fixture->ticker);
		assert_true(moves(fixture, PATIENCE_NS));
		ticker_leave(fixture->ticker);
	}
}

static void test_a_stay_that_is_over_at_once_wakes_it_too(void **state)
{
	struct fixture *fixture = *state;

	come_to_rest(fixture);
	ticker_enter(fixture->ticker);
	ticker_leave(fixture->ticker);
	assert_true(moves(fixture, PATIENCE_NS));
}

static void test_it_can_be_freed_asleep_awake_and_new(void **state)
{
	struct fixture *fixture = *state;
	struct ticker *ticker = NULL;

	come_to_rest(fixture);
	assert_int_equal(ticker_new(&ticker, fixture->engine, NULL), CAPSULE_OK);
	ticker_free(ticker);
	assert_int_equal(ticker_new(&ticker, fixture->engine, NULL), CAPSULE_OK);
	ticker_enter(ticker);
	ticker_free(ticker);
	ticker_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_the_epoch_moves_while_somebody_is_inside),
		TEST(test_the_epoch_stands_still_when_nobody_is),
		TEST(test_it_wakes_for_whoever_goes_in),
		TEST(test_a_stay_that_is_over_at_once_wakes_it_too),
		TEST(test_it_can_be_freed_asleep_awake_and_new),
	};

	return cmocka_run_group_tests_name("ticker", tests, NULL, NULL);
}
