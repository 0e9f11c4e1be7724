/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Profiles and sources of uplinks. */
#include "life/registry.h"

#include "base/cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static bool profile_is(const char *text, enum uplink_profile expected)
{
	enum uplink_profile found = (enum uplink_profile) - 1;

	return uplink_profile_find(span_text(text), &found, NULL) == CAPSULE_OK && found == expected;
}

/* rt:274 */
static void profiles_are_words_in_any_case(void **state)
{
	enum uplink_profile out = UPLINK_NOTIFY;
	struct capsule_error err;
	const char *const others[] = { "bogus", "", " ", "chat.", "notifynotifynotify", "\xff", "ch\xc3\xa4t" };

	(void)state;
	assert_true(profile_is("Chat", UPLINK_CHAT));
	assert_true(profile_is("NOTIFY", UPLINK_NOTIFY));
	assert_true(profile_is(" interactive\t", UPLINK_INTERACTIVE));
	assert_true(profile_is("bridge", UPLINK_BRIDGE));
	assert_true(profile_is("Human", UPLINK_CHAT));
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		assert_int_equal(uplink_profile_find(span_text(others[i]), &out, &err), CAPSULE_EINVAL);
		assert_non_null(strstr(err.text, "unknown uplink profile"));
	}
	assert_int_equal(uplink_profile_find(span_of("chat\0", 5), &out, &err), CAPSULE_EINVAL);
	assert_int_equal(out, UPLINK_NOTIFY);
}

/* rt:275 */
static void sources_name_ids_that_begin_and_end_with_a_letter_or_digit(void **state)
{
	const char *const bad[] = { "", "MyPlugin", "-bad", "bad-", "path/../traversal", "-", "a b", "\xc3\xa4" };

	(void)state;
	assert_true(uplink_source_valid(span_text("my-plugin-1")));
	assert_true(uplink_source_valid(span_text("7")));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(uplink_source_valid(span_text(bad[i])));
	assert_false(uplink_source_valid(span_of("a\0b", 3)));
}

/* rt:275 */
static void sources_show_64_bytes_of_an_id_at_most(void **state)
{
	HOLD(buffer_fini) struct buffer out = { 0 };
	char id[129] = { 0 };

	(void)state;
	assert_true(uplink_source_append(span_text("foo"), &out));
	assert_string_equal(buffer_text(&out), "wasm(foo)");
	buffer_clear(&out);
	memset(id, 'a', 128);
	assert_true(uplink_source_append(span_text(id), &out));
	assert_int_equal(out.len, 70);
	buffer_clear(&out);
	memcpy(id + 63, "\xc3\xa4", 2); /* a character across the cut is left out */
	assert_true(uplink_source_append(span_text(id), &out));
	assert_int_equal(out.len, 69);
	assert_int_equal(out.data[67], 'a');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(profiles_are_words_in_any_case),
		cmocka_unit_test(sources_name_ids_that_begin_and_end_with_a_letter_or_digit),
		cmocka_unit_test(sources_show_64_bytes_of_an_id_at_most),
	};

	return cmocka_run_group_tests_name("uplink", tests, NULL, NULL);
}
