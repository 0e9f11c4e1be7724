/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Answers of those who decide: what allows, what denies, what is of no use. */
#include "dispatch/verdict.h"

#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

struct read {
	struct verdict verdict;
	struct payload payload;
	struct capsule_error err;
	enum capsule_status status;
};

static struct read read_answer(const char *answer, bool may_rewrite)
{
	struct read read = { 0 };

	memset(&read.verdict, 0xff, sizeof read.verdict);
	read.status = verdict_read(&read.verdict, &read.payload, span_text(answer), may_rewrite, &read.err);
	return read;
}

static void assert_allows(const char *answer)
{
	for (int may = 0; may < 2; may++) {
		struct read read = read_answer(answer, may != 0);

		if (read.status != CAPSULE_OK)
			fail_msg("%s: %s", answer, read.err.text);
		assert_false(read.verdict.deny);
		assert_false(read.verdict.rewritten);
		payload_fini(&read.payload);
	}
}

static void assert_denies(const char *answer, const char *reason)
{
	struct read read = read_answer(answer, true);

	if (read.status != CAPSULE_OK)
		fail_msg("%s: %s", answer, read.err.text);
	assert_true(read.verdict.deny);
	assert_false(read.verdict.rewritten);
	assert_string_equal(read.verdict.reason, reason);
	payload_fini(&read.payload);
}

static void assert_makes(const char *answer, const char *inner)
{
	struct read read = read_answer(answer, true);

	if (read.status != CAPSULE_OK)
		fail_msg("%s: %s", answer, read.err.text);
	assert_false(read.verdict.deny);
	assert_true(read.verdict.rewritten);
	assert_true(span_is(read.payload.inner, inner));
	payload_fini(&read.payload);
}

static void assert_useless(const char *answer, bool may_rewrite, const char *why)
{
	struct read read = read_answer(answer, may_rewrite);

	assert_int_equal(read.status, CAPSULE_EINVAL);
	assert_false(read.verdict.rewritten);
	if (strstr(read.err.text, why) == NULL)
		fail_msg("%s: no `%s` in `%s`", answer, why, read.err.text);
	payload_fini(&read.payload);
}

static void what_allows(void **state)
{
	(void)state;
	assert_allows("");
	assert_allows("null");
	assert_allows(" {} ");
	assert_allows("{\"verdict\":\"allow\"}");
	assert_allows("{\"verdict\":\"allow\",\"reason\":\"fine\",\"more\":[1]}");
	assert_allows("{\"verdict\":\"allow\",\"reason\":null}");
}

static void what_denies(void **state)
{
	(void)state;
	assert_denies("{\"verdict\":\"deny\"}", "");
	assert_denies("{\"reason\":\"too loud\",\"verdict\":\"deny\"}", "too loud");
	assert_denies("{\"verdict\":\"deny\",\"reason\":null,\"payload\":{\"x\":1}}", "");
	assert_denies("{\"verdict\":\"deny\",\"reason\":\"a\\nb\\u0000c\\u007f\\t\"}", "a?b?c??");
}

static void what_rewrites(void **state)
{
	(void)state;
	assert_makes("{\"payload\":{\"k\":1}}", "{\"k\":1}");
	assert_makes("{\"verdict\":\"allow\",\"payload\":\"x\"}", "\"x\"");
	assert_makes("{\"payload\":null}", "null"); /* nothing is what it makes of it */
	assert_makes("{\"payload\":{\"type\":\"custom\",\"data\":[1, 2]}}", "[1,2]");
}

static void what_is_of_no_use(void **state)
{
	(void)state;
	assert_useless("yes", true, "its answer: ");
	assert_useless("{\"verdict\":\"allow\"", true, "its answer: ");
	assert_useless("\"allow\"", true, "must be an object with a `verdict`");
	assert_useless("[]", true, "must be an object with a `verdict`");
	assert_useless("true", true, "must be an object with a `verdict`");
	assert_useless("{\"reason\":\"x\"}", true, "it has no `verdict`");
	assert_useless("{\"allow\":true}", true, "it has no `verdict`");
	assert_useless("{\"verdict\":\"Allow\"}", true, "must be \"allow\" or \"deny\"");
	assert_useless("{\"verdict\":true}", true, "must be \"allow\" or \"deny\"");
	assert_useless("{\"verdict\":null}", true, "must be \"allow\" or \"deny\"");
	assert_useless("{\"verdict\":\"deny\",\"verdict\":\"allow\"}", true, "verdict");
	assert_useless("{\"verdict\":\"deny\",\"reason\":7}", true, "its `reason` must be a text");
	assert_useless("{\"payload\":1}", false, "only one with mode = \"rewrite\" may");
	assert_useless("{\"verdict\":\"allow\",\"payload\":{}}", false, "only one with mode = \"rewrite\" may");
	assert_useless("\xff", true, "its answer: ");
}

/* Who can't rewrite and writes that it does not, allows. */
static void no_payload_written_as_null(void **state)
{
	struct read read = read_answer("{\"verdict\":\"allow\",\"reason\":null,\"payload\":null}", false);

	(void)state;
	assert_int_equal(read.status, CAPSULE_OK);
	assert_false(read.verdict.deny || read.verdict.rewritten);
	payload_fini(&read.payload);
}

static void large_ones(void **state)
{
	struct buffer answer = { 0 };
	struct read read;

	(void)state;
	(void)buffer_printf(&answer, "{\"payload\":\"%0*d\"}", (int)LIMIT_PUBLISH, 0);
	read = read_answer(buffer_text(&answer), true);
	assert_int_equal(read.status, CAPSULE_ELIMIT);
	assert_false(read.verdict.rewritten);
	payload_fini(&read.payload);
	buffer_clear(&answer);
	(void)buffer_printf(&answer, "{\"x\":\"%0*d\"}", (int)LIMIT_PAYLOAD, 0);
	read = read_answer(buffer_text(&answer), true);
	assert_int_equal(read.status, CAPSULE_ELIMIT);
	payload_fini(&read.payload);
	buffer_fini(&answer);
}

static void a_long_reason_is_cut_at_a_character(void **state)
{
	struct buffer answer = { 0 };
	struct read read;

	(void)state;
	(void)buffer_append_text(&answer, "{\"verdict\":\"deny\",\"reason\":\"");
	for (int i = 0; i < 128; i++)
		(void)buffer_append_text(&answer, "\xc3\xa4");
	(void)buffer_append_text(&answer, "\"}");
	read = read_answer(buffer_text(&answer), true);
	assert_int_equal(read.status, CAPSULE_OK);
	assert_int_equal(strlen(read.verdict.reason), VERDICT_REASON_MAX - 2);
	payload_fini(&read.payload);
	buffer_fini(&answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_allows),
		cmocka_unit_test(what_denies),
		cmocka_unit_test(what_rewrites),
		cmocka_unit_test(what_is_of_no_use),
		cmocka_unit_test(no_payload_written_as_null),
		cmocka_unit_test(large_ones),
		cmocka_unit_test(a_long_reason_is_cut_at_a_character),
	};

	return cmocka_run_group_tests_name("dispatch_verdict", tests, NULL, NULL);
}
