/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Entries that are not what they were: loading changed code is running it, so each of them has to be noticed, whatever was
 * done to it and whenever. */
#include "engine/wasm/cache_fixture.h"

#include "base/cleanup.h"
#include "base/clock.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define FLIPS 300     /* places of an entry that are changed, one after the other */
#define LOADS 400     /* of an entry that is being replaced */
#define SEEN_LEAST 20 /* of those, with each outcome */
#define PATIENCE_NS (60 * NS_PER_S)

#define DAMAGED "was damaged; it is made anew"

static const char *entry_of(const struct cache_fixture *fixture)
{
	return cache_entry_path(fixture, fixture->seal.key);
}

/* What stands there now must not be loaded, and be removed; and what is made in its place must be loaded. */
static void assert_removed(struct cache_fixture *fixture)
{
	assert_false(cache_answers(fixture, DAMAGED));
	assert_false(cache_exists(entry_of(fixture)));
	assert_false(cache_answers(fixture, ""));
}

static void test_an_entry_that_was_cut_off_is_removed(void **state)
{
	struct cache_fixture *fixture = *state;
	HOLD(buffer_fini) struct buffer file = { 0 };
	size_t lengths[] = { 0, 1, ARTEFACT_SEAL - 1, ARTEFACT_SEAL, ARTEFACT_SEAL + 1, 0, 0, 0, 0 };

	cache_fill(fixture);
	file = cache_read(entry_of(fixture));
	lengths[5] = file.len / 2;
	lengths[6] = fixture->code.size;
	lengths[7] = fixture->code.size + 8;
	lengths[8] = file.len - 1;
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		cache_write(fixture, entry_of(fixture), span_of(file.data, lengths[i]), 0400);
		assert_removed(fixture);
	}
}

static void test_an_entry_that_became_longer_is_removed(void **state)
{
	struct cache_fixture *fixture = *state;
	HOLD(buffer_fini) struct buffer file = { 0 };

	cache_fill(fixture);
	file = cache_read(entry_of(fixture));
	assert_true(buffer_append_byte(&file, 0));
	cache_write(fixture, entry_of(fixture), buffer_span(&file), 0400);
	assert_removed(fixture);
}

static void test_an_entry_with_a_flipped_bit_is_removed(void **state)
{
	struct cache_fixture *fixture = *state;
	HOLD(buffer_fini) struct buffer file = { 0 };

	cache_fill(fixture);
	file = cache_read(entry_of(fixture));
	for (size_t i = 0; i < FLIPS; i++) {
		size_t at = i * (file.len - 1) / (FLIPS - 1);

		file.data[at] ^= (uint8_t)(1 << (i % 8));
		cache_write(fixture, entry_of(fixture), buffer_span(&file), 0400);
		assert_removed(fixture);
		file.data[at] ^= (uint8_t)(1 << (i % 8));
	}
	cache_write(fixture, entry_of(fixture), buffer_span(&file), 0400);
	assert_true(cache_answers(fixture, ""));
}

static void test_an_entry_of_another_key_is_removed(void **state)
{
	struct cache_fixture *fixture = *state;

	cache_fill_as(fixture, 1);
	cache_fill_as(fixture, 2);
	cache_key_of(fixture, 1, fixture->seal.key);
	assert_int_equal(link(cache_entry_path(fixture, fixture->seal.key), cache_path(fixture, "kept")), 0);
	cache_key_of(fixture, 2, fixture->seal.key);
	assert_int_equal(rename(cache_path(fixture, "kept"), entry_of(fixture)), 0);
	assert_removed(fixture);
	cache_key_of(fixture, 1, fixture->seal.key);
	assert_true(cache_answers(fixture, ""));
}

static void test_an_entry_of_another_configuration_has_another_key(void **state)
{
	struct cache_fixture *fixture = *state;
	HOLD(buffer_fini) struct buffer other = { 0 };
	struct wasm_profile profile = { .no_signals = true };
	struct capsule_error err;
	uint8_t key[ARTEFACT_KEY];

	cache_fill(fixture);
	profile_fill(&profile);
	profile_describe(&profile, &other);
	cache_key(fixture->seal.module, buffer_span(&other), key);
	assert_memory_not_equal(key, fixture->seal.key, ARTEFACT_KEY);
	assert_null(cache_load(&fixture->cache, key, fixture->engine, &err));
	assert_string_equal(err.text, "");
	assert_true(cache_answers(fixture, ""));
}

/* Sealed as it should be, but no code for this engine. */
static void seal_and_put(struct cache_fixture *fixture, struct span code)
{
	struct capsule_error err;
	int fd = cache_put(&fixture->cache, code, &fixture->seal, &err);

	assert_true(fd >= 0);
	assert_int_equal(close(fd), 0);
	assert_removed(fixture);
}

static void test_code_that_the_engine_refuses_is_removed(void **state)
{
	struct cache_fixture *fixture = *state;
	struct wasm_profile profile = { .no_signals = true };
	wasm_engine_t *engine;
	wasm_byte_vec_t code;

	seal_and_put(fixture, span_text("no code at all"));
	seal_and_put(fixture, span_of(fixture->code.data, fixture->code.size / 2));
	profile_fill(&profile);
	engine = wasm_engine_new_with_config(profile_config(&profile));
	code = cache_compile(engine);
	wasm_engine_delete(engine);
	seal_and_put(fixture, span_of(code.data, code.size));
	wasm_byte_vec_delete(&code);
}

/* ---- What is no file of ours ---- */

static void test_an_entry_that_others_may_write_is_removed(void **state)
{
	static const mode_t modes[] = { 0420, 0402, 0622, 0666, 0660 };
	struct cache_fixture *fixture = *state;

	for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
		cache_fill(fixture);
		assert_int_equal(chmod(entry_of(fixture), modes[i]), 0);
		assert_removed(fixture);
	}
	cache_fill(fixture);
	assert_int_equal(chmod(entry_of(fixture), 0644), 0);
	assert_true(cache_answers(fixture, ""));
}

static void test_an_entry_of_somebody_else_is_removed(void **state)
{
	struct cache_fixture *fixture = *state;

	if (geteuid() != 0)
		return; /* only root can give something away */
	cache_fill(fixture);
	assert_int_equal(chown(entry_of(fixture), 12345, (gid_t)-1), 0);
	assert_removed(fixture);
}

static void test_a_link_is_no_entry(void **state)
{
	struct cache_fixture *fixture = *state;
	const char *good = cache_path(fixture, "good");

	cache_fill(fixture);
	assert_int_equal(rename(entry_of(fixture), good), 0);
	assert_int_equal(symlink(good, entry_of(fixture)), 0);
	assert_false(cache_answers(fixture, ""));
	cache_fill(fixture);
	assert_true(cache_answers(fixture, ""));
	assert_true(cache_exists(good));
}

static void test_a_pipe_is_no_entry_and_does_not_block(void **state)
{
	struct cache_fixture *fixture = *state;

	assert_int_equal(mkdir(fixture->dir, 0700), 0);
	assert_int_equal(mkfifo(entry_of(fixture), 0400), 0);
	assert_removed(fixture);
}

static void test_a_sparse_file_without_end_is_not_read(void **state)
{
	struct cache_fixture *fixture = *state;

	cache_write(fixture, entry_of(fixture), span_text(""), 0400);
	assert_int_equal(truncate(entry_of(fixture), INT64_C(1) << 40), 0);
	assert_removed(fixture);
}

/* ---- Swapped meanwhile ---- */

struct swapper {
	const char *good, *bad, *fresh, *entry;
	atomic_bool stop;
	bool failed;
};

/* Puts a good and a bad file in place of the entry by turns. */
static void *swap(void *user)
{
	struct swapper *swapper = user;

	for (unsigned i = 0; !atomic_load(&swapper->stop); i++)
		if (link(i % 2 == 0 ? swapper->good : swapper->bad, swapper->fresh) != 0 ||
			rename(swapper->fresh, swapper->entry) != 0)
			swapper->failed = true;
	return NULL;
}

static void test_an_entry_that_is_swapped_while_it_is_loaded_is_good_or_not_loaded(void **state)
{
	struct cache_fixture *fixture = *state;
	struct swapper swapper = { .good = cache_path(fixture, "good"),
		.bad = cache_path(fixture, "bad"),
		.fresh = cache_path(fixture, "fresh"),
		.entry = entry_of(fixture) };
	int64_t end = clock_monotonic_ns(&clock_system) + PATIENCE_NS;
	HOLD(buffer_fini) struct buffer file = { 0 };
	int loads = 0, good = 0;
	pthread_t thread;

	cache_fill(fixture);
	file = cache_read(swapper.entry);
	cache_write(fixture, swapper.good, buffer_span(&file), 0400);
	file.data[fixture->code.size / 2] ^= 1;
	cache_write(fixture, swapper.bad, buffer_span(&file), 0400);
	assert_int_equal(pthread_create(&thread, NULL, swap, &swapper), 0);
	while ((loads < LOADS || good < SEEN_LEAST || loads - good < SEEN_LEAST) &&
		clock_monotonic_ns(&clock_system) < end) {
		struct capsule_error err;
		wasmtime_module_t *module = cache_load(&fixture->cache, fixture->seal.key, fixture->engine, &err);

		loads++;
		if (module != NULL && !cache_module_works(fixture, module))
			break;
		good += module != NULL;
	}
	atomic_store(&swapper.stop, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_false(swapper.failed);
	assert_true(loads >= LOADS && good >= SEEN_LEAST && loads - good >= SEEN_LEAST);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, cache_fixture_new, cache_fixture_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_an_entry_that_was_cut_off_is_removed),
		TEST(test_an_entry_that_became_longer_is_removed),
		TEST(test_an_entry_with_a_flipped_bit_is_removed),
		TEST(test_an_entry_of_another_key_is_removed),
		TEST(test_an_entry_of_another_configuration_has_another_key),
		TEST(test_code_that_the_engine_refuses_is_removed),
		TEST(test_an_entry_that_others_may_write_is_removed),
		TEST(test_an_entry_of_somebody_else_is_removed),
		TEST(test_a_link_is_no_entry),
		TEST(test_a_pipe_is_no_entry_and_does_not_block),
		TEST(test_a_sparse_file_without_end_is_not_read),
		TEST(test_an_entry_that_is_swapped_while_it_is_loaded_is_good_or_not_loaded),
	};

	return cmocka_run_group_tests_name("damaged cache", tests, NULL, NULL);
}
