/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The seal behind compiled code: what is written is read back, and what was changed in any place is not sound. */
#include "engine/wasm/artefact.h"

#include "base/cleanup.h"

#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define CODE_LEN 37
#define FILE_LEN (CODE_LEN + ARTEFACT_SEAL)
#define AT_ENGINE 96 /* from the beginning of the seal */
#define AT_NAME 160

static struct artefact_seal some_seal(void)
{
	struct artefact_seal seal = { .module_bytes = UINT64_C(0xFEDCBA9876543210),
		.created = INT64_C(-1234567890123),
		.engine = "Wasmtime 1.2.3",
		.name = "guest \xc3\xa4.wasm" };

	for (size_t i = 0; i < ARTEFACT_KEY; i++) {
		seal.key[i] = (uint8_t)(3 * i + 1);
		seal.module[i] = (uint8_t)(255 - i);
	}
	return seal;
}

/* `code_len` bytes and the seal behind them. Owned by the caller; exactly as long as the file, so that the address sanitizer
 * sees a read beside it. */
static uint8_t *make_file(const struct artefact_seal *seal, size_t code_len)
{
	uint8_t *file = malloc(code_len + ARTEFACT_SEAL);

	assert_non_null(file);
	for (size_t i = 0; i < code_len; i++)
		file[i] = (uint8_t)(7 * i);
	artefact_seal_make(seal, span_of(file, code_len), file + code_len);
	return file;
}

/* A copy with `len` bytes. */
static uint8_t *exact_copy(const uint8_t *bytes, size_t len)
{
	uint8_t *copy = malloc(len + (len == 0));

	assert_non_null(copy);
	memcpy(copy, bytes, len);
	return copy;
}

static bool readable(const uint8_t *file, size_t len)
{
	struct artefact_seal seal;

	return artefact_seal_read(span_of(file, len), &seal);
}

static bool sound(const uint8_t *file, size_t len)
{
	return artefact_sound(span_of(file, len));
}

static void assert_seals_equal(const struct artefact_seal *left, const struct artefact_seal *right)
{
	assert_memory_equal(left->key, right->key, ARTEFACT_KEY);
	assert_memory_equal(left->module, right->module, ARTEFACT_KEY);
	assert_true(left->module_bytes == right->module_bytes);
	assert_true(left->created == right->created);
	assert_string_equal(left->engine, right->engine);
	assert_string_equal(left->name, right->name);
}

static void test_a_seal_is_read_as_it_was_written(void **state)
{
	const struct artefact_seal written = some_seal();
	HOLD(free_drop) uint8_t *file = make_file(&written, CODE_LEN);
	struct artefact_seal found;

	(void)state;
	memset(&found, 0xFF, sizeof found);
	assert_true(artefact_seal_read(span_of(file, FILE_LEN), &found));
	assert_seals_equal(&found, &written);
	assert_true(sound(file, FILE_LEN));
}

static void test_a_seal_behind_no_code_is_a_seal(void **state)
{
	const struct artefact_seal written = some_seal();
	HOLD(free_drop) uint8_t *file = make_file(&written, 0);
	struct artefact_seal found;

	(void)state;
	assert_true(artefact_seal_read(span_of(file, ARTEFACT_SEAL), &found));
	assert_seals_equal(&found, &written);
	assert_true(sound(file, ARTEFACT_SEAL));
}

static void test_every_flipped_bit_is_noticed(void **state)
{
	const struct artefact_seal written = some_seal();
	HOLD(free_drop) uint8_t *file = make_file(&written, CODE_LEN);

	(void)state;
	for (size_t at = 0; at < FILE_LEN; at++) {
		for (int bit = 0; bit < 8; bit++) {
			file[at] ^= (uint8_t)(1 << bit);
			assert_false(sound(file, FILE_LEN));
			file[at] ^= (uint8_t)(1 << bit);
		}
	}
	assert_true(sound(file, FILE_LEN));
}

static void test_magic_and_length_are_read_before_the_digest(void **state)
{
	const struct artefact_seal written = some_seal();
	HOLD(free_drop) uint8_t *file = make_file(&written, CODE_LEN);

	(void)state;
	for (size_t at = 0; at < FILE_LEN; at++) {
		bool framing = at >= CODE_LEN && at < CODE_LEN + 16;

		file[at] ^= 0x10;
		assert_int_equal(readable(file, FILE_LEN), !framing);
		file[at] ^= 0x10;
	}
}

static void test_what_is_cut_off_is_neither_readable_nor_sound(void **state)
{
	const struct artefact_seal written = some_seal();
	HOLD(free_drop) uint8_t *file = make_file(&written, CODE_LEN);

	(void)state;
	for (size_t len = 0; len < FILE_LEN; len++) {
		HOLD(free_drop) uint8_t *head = exact_copy(file, len);
		HOLD(free_drop) uint8_t *tail = exact_copy(file + FILE_LEN - len, len);

		assert_false(readable(head, len) || sound(head, len));
		assert_false(readable(tail, len) || sound(tail, len));
	}
}

static void test_what_was_put_in_front_or_behind_is_noticed(void **state)
{
	const struct artefact_seal written = some_seal();
	HOLD(free_drop) uint8_t *file = make_file(&written, CODE_LEN);

	(void)state;
	for (size_t more = 1; more <= 2 * (size_t)ARTEFACT_SEAL; more++) {
		HOLD(free_drop) uint8_t *longer = calloc(1, FILE_LEN + more);

		assert_non_null(longer);
		memcpy(longer, file, FILE_LEN);
		assert_false(readable(longer, FILE_LEN + more) || sound(longer, FILE_LEN + more));
		memset(longer, 0, more);
		memcpy(longer + more, file, FILE_LEN);
		assert_false(readable(longer, FILE_LEN + more) || sound(longer, FILE_LEN + more));
	}
}

static void test_a_seal_behind_a_sealed_file_covers_both(void **state)
{
	const struct artefact_seal written = some_seal();
	HOLD(free_drop) uint8_t *inner = make_file(&written, CODE_LEN);
	uint8_t file[FILE_LEN + ARTEFACT_SEAL];

	(void)state;
	memcpy(file, inner, FILE_LEN);
	artefact_seal_make(&written, span_of(file, FILE_LEN), file + FILE_LEN);
	assert_true(readable(file, sizeof file) && sound(file, sizeof file));
	file[0] ^= 1;
	assert_false(sound(file, sizeof file));
}

static void test_texts_that_are_not_terminated_are_cut(void **state)
{
	struct artefact_seal written = some_seal(), found;
	HOLD(free_drop) uint8_t *file = NULL;

	(void)state;
	memset(written.engine, 'e', sizeof written.engine);
	memset(written.name, 'n', sizeof written.name);
	file = make_file(&written, CODE_LEN);
	assert_int_equal(file[CODE_LEN + AT_ENGINE + sizeof written.engine - 1], 'e');
	assert_int_equal(file[CODE_LEN + AT_NAME + sizeof written.name - 1], 'n');
	assert_true(artefact_seal_read(span_of(file, FILE_LEN), &found));
	assert_int_equal(strlen(found.engine), sizeof found.engine - 1);
	assert_int_equal(strlen(found.name), sizeof found.name - 1);
}

static void test_nothing_behind_the_end_of_a_text_is_written(void **state)
{
	struct artefact_seal left = some_seal(), right = left;
	HOLD(free_drop) uint8_t *one = NULL, *other = NULL;

	(void)state;
	memset(right.name + strlen(right.name) + 1, 'x', 20);
	memset(right.engine + strlen(right.engine) + 1, 'x', 20);
	one = make_file(&left, CODE_LEN);
	other = make_file(&right, CODE_LEN);
	assert_memory_equal(one, other, FILE_LEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_seal_is_read_as_it_was_written),
		cmocka_unit_test(test_a_seal_behind_no_code_is_a_seal),
		cmocka_unit_test(test_every_flipped_bit_is_noticed),
		cmocka_unit_test(test_magic_and_length_are_read_before_the_digest),
		cmocka_unit_test(test_what_is_cut_off_is_neither_readable_nor_sound),
		cmocka_unit_test(test_what_was_put_in_front_or_behind_is_noticed),
		cmocka_unit_test(test_a_seal_behind_a_sealed_file_covers_both),
		cmocka_unit_test(test_texts_that_are_not_terminated_are_cut),
		cmocka_unit_test(test_nothing_behind_the_end_of_a_text_is_written),
	};

	return cmocka_run_group_tests_name("artefacts", tests, NULL, NULL);
}
