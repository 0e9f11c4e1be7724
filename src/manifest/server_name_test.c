/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Names of servers, good ones and bad ones, and which rule is told first. */
#include "manifest/server_name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define TEN "aaaaaaaaaa"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static void refuse_span(struct span name, const char *part)
{
	struct capsule_error err = { 0 };

	assert_int_equal(server_name_check(name, &err), CAPSULE_EINVAL);
	if (strstr(err.text, part) == NULL)
		fail_msg("`%s` is not in: %s", part, err.text);
}

static void refuse(const char *name, const char *part)
{
	refuse_span(span_text(name), part);
}

static void good_names_are_taken(void **state) /* mv:27 mv:29 */
{
	static const char *const names[] = { "my-server", "capsule:react-agent", "com.example.server", "a", "server_1",
		"A-Z_0-9", "capsule:my.plugin-v2", HUNDRED TEN TEN "aaaaaaaa" };
	struct capsule_error err = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (server_name_check(span_text(names[i]), &err) != CAPSULE_OK)
			fail_msg("%s", err.text);
}

static void names_have_1_to_128_bytes(void **state) /* mv:28 mv:29 */
{
	(void)state;
	refuse("", "must not be empty");
	refuse(HUNDRED TEN TEN "aaaaaaaaa", "too long");
}

static void names_do_not_begin_with_a_dot(void **state) /* mv:30 */
{
	(void)state;
	refuse(".hidden", "start with '.'");
	refuse("..", "start with '.'");
}

static void other_characters_are_refused(void **state) /* mv:31 */
{
	(void)state;
	refuse("../../etc", "must not start with '.'");
	refuse("foo/bar", "invalid characters");
	refuse("a\\b", "invalid characters");
	refuse("a b", "invalid characters");
	refuse("a;b", "invalid characters");
	refuse("a|b", "invalid characters");
	refuse("a$b", "invalid characters");
	refuse("a`b", "invalid characters");
	refuse("serv\xd0\xb0", "invalid characters");
	refuse_span(span_of("a\0b", 3), "invalid characters");
}

static void forty_bytes_of_a_long_name_are_shown(void **state) /* mv:32 */
{
	(void)state;
	refuse(HUNDRED HUNDRED, "(200 bytes, max 128): " TEN TEN TEN TEN "...");
	refuse(TEN TEN TEN "aaaaaaaaa\xd0\xb0" TEN, ": " TEN TEN TEN "aaaaaaaaa...");
}

static void length_is_told_before_the_dot(void **state) /* mv:33 */
{
	(void)state;
	refuse("." HUNDRED TEN TEN "aaaaaaaa", "too long (129 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_names_are_taken),
		cmocka_unit_test(names_have_1_to_128_bytes),
		cmocka_unit_test(names_do_not_begin_with_a_dot),
		cmocka_unit_test(other_characters_are_refused),
		cmocka_unit_test(forty_bytes_of_a_long_name_are_shown),
		cmocka_unit_test(length_is_told_before_the_dot),
	};

	return cmocka_run_group_tests_name("manifest_server_name", tests, NULL, NULL);
}
