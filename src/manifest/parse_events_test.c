/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* [events] and the keys of [[interceptor]] that decide: numbers, words, what is refused, what is only warned of. Each text
 * is read twice, by the quick reader and by the library. */
#include "manifest/parse_testing.h"
#include "manifest/toml_quick.h"

/* What the quick reader leaves to the library, whatever else stands in the file; it replaces the line of HEADER. */
#define ODD_HEADER "[package]\nname = \"test-capsule\"\nversion = '''0.1.0'''\nmetadata = 0x1\n"
#define INTERCEPTOR "[[interceptor]]\nevent = \"a.b\"\naction = \"act\"\n"
#define EVENTS "[events]\n"

static void assert_read_by(const char *text, bool quick)
{
	struct toml_quick tree;
	bool read = toml_quick_read(&tree, span_text(text));

	if (read)
		toml_quick_fini(&tree);
	assert_int_equal(read, quick);
}

/* `body` must be refused by both readers with one error alone at `line` (of the body) and `column`. */
static void assert_both_refuse(
	const char *body, uint32_t line, uint32_t column, uint32_t length, const char *says, const char *fix)
{
	static const char *const headers[] = { HEADER, ODD_HEADER };
	char text[512];

	for (uint32_t i = 0; i < 2; i++) {
		HOLD(parsed_fini) struct parsed parsed = { 0 };

		(void)snprintf(text, sizeof(text), "%s%s", headers[i], body);
		assert_refused(text, 3 + i + line, column, length, says);
		parsed = parse_text(text);
		assert_string_equal(parsed.found.items[0].text, says);
		assert_string_equal(parsed.found.items[0].fix, fix);
	}
}

static struct parsed parse_body(const char *header, const char *body, const char *value)
{
	char text[512];

	(void)snprintf(text, sizeof(text), "%s%s%s\n", header, body, value);
	return parse_good(text);
}

static void interceptors_observe_unless_they_say_otherwise(void **state)
{
	HOLD(parsed_fini) struct parsed parsed = parse_good(HEADER INTERCEPTOR);
	const struct manifest_interceptor *interceptor = &parsed.manifest->interceptors.items[0];

	(void)state;
	assert_int_equal(interceptor->mode, INTERCEPTOR_OBSERVES);
	assert_int_equal(interceptor->on_error, INTERCEPTOR_DENIES);
	assert_int_equal(interceptor->on_full, INTERCEPTOR_DROPS_OLDEST);
	assert_int_equal(interceptor->priority, 0);
	assert_int_equal(interceptor->timeout_ms, 0);
	assert_int_equal(interceptor->priority_place.line, 0);
	assert_int_equal(parsed.manifest->events.inbox_messages, 0);
	assert_int_equal(parsed.manifest->events.inbox_bytes, 0);
}

static void every_key_of_an_interceptor_is_read(void **state)
{
	static const char *const headers[] = { HEADER, ODD_HEADER };

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		HOLD(parsed_fini)
		struct parsed parsed = parse_body(headers[i],
			INTERCEPTOR "mode = \"rewrite\"\npriority = -7\ntimeout_ms = 250\non_error = \"allow\"\n",
			"on_full = \"block\"");
		const struct manifest_interceptor *interceptor = &parsed.manifest->interceptors.items[0];

		assert_int_equal(interceptor->mode, INTERCEPTOR_REWRITES);
		assert_int_equal(interceptor->priority, -7);
		assert_int_equal(interceptor->timeout_ms, 250);
		assert_int_equal(interceptor->on_error, INTERCEPTOR_ALLOWS);
		assert_int_equal(interceptor->on_full, INTERCEPTOR_BLOCKS);
		assert_int_equal(interceptor->mode_place.line, 7 + i);
		assert_int_equal(interceptor->priority_place.line, 8 + i);
		assert_int_equal(interceptor->timeout_ms_place.line, 9 + i);
		assert_int_equal(interceptor->on_error_place.line, 10 + i);
	}
}

static void each_word_means_its_own(void **state)
{
	static const struct {
		const char *line;
		int mode, on_error, on_full;
	} rows[] = {
		{ "mode = \"observe\"", INTERCEPTOR_OBSERVES, INTERCEPTOR_DENIES, INTERCEPTOR_DROPS_OLDEST },
		{ "mode = \"guard\"", INTERCEPTOR_GUARDS, INTERCEPTOR_DENIES, INTERCEPTOR_DROPS_OLDEST },
		{ "mode = \"guard\"\non_error = \"deny\"", INTERCEPTOR_GUARDS, INTERCEPTOR_DENIES,
			INTERCEPTOR_DROPS_OLDEST },
		{ "mode = \"guard\"\non_error = \"allow\"", INTERCEPTOR_GUARDS, INTERCEPTOR_ALLOWS,
			INTERCEPTOR_DROPS_OLDEST },
		{ "on_full = \"drop-oldest\"", INTERCEPTOR_OBSERVES, INTERCEPTOR_DENIES, INTERCEPTOR_DROPS_OLDEST },
		{ "on_full = \"block\"", INTERCEPTOR_OBSERVES, INTERCEPTOR_DENIES, INTERCEPTOR_BLOCKS },
		{ "on_full = \"fail\"", INTERCEPTOR_OBSERVES, INTERCEPTOR_DENIES, INTERCEPTOR_FAILS },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		HOLD(parsed_fini) struct parsed parsed = parse_body(HEADER, INTERCEPTOR, rows[i].line);
		const struct manifest_interceptor *interceptor = &parsed.manifest->interceptors.items[0];

		assert_int_equal(interceptor->mode, rows[i].mode);
		assert_int_equal(interceptor->on_error, rows[i].on_error);
		assert_int_equal(interceptor->on_full, rows[i].on_full);
	}
}

static void other_words_are_unknown_variants(void **state)
{
	(void)state;
	assert_both_refuse(INTERCEPTOR "mode = \"Guard\"\n", 4, 8, 7,
		"unknown variant `Guard` for `mode` in [[interceptor]], expected one of `observe`, `guard`, `rewrite`",
		"did you mean `guard`?");
	assert_both_refuse(INTERCEPTOR "on_error = \"allw\"\n", 4, 12, 6,
		"unknown variant `allw` for `on_error` in [[interceptor]], expected one of `deny`, `allow`",
		"did you mean `allow`?");
	assert_both_refuse(INTERCEPTOR "on_full = \"drop_oldest\"\n", 4, 11, 13,
		"unknown variant `drop_oldest` for `on_full` in [[interceptor]], expected one of `drop-oldest`, `block`, "
		"`fail`",
		"did you mean `drop-oldest`?");
	assert_both_refuse(INTERCEPTOR "mode = 1\n", 4, 8, 1,
		"`mode` in [[interceptor]] must be a string, found an integer",
		"write for example `mode = \"observe\"`");
}

/* The quick reader reads the plain ones, the library all. */
static void integers_are_read_in_every_form(void **state)
{
	static const struct {
		const char *text;
		int64_t value;
		bool quick;
	} rows[] = {
		{ "0", 0, true },
		{ "-0", 0, true },
		{ "+0", 0, false },
		{ "7", 7, true },
		{ "+7", 7, false },
		{ "-7", -7, true },
		{ "1_000", 1000, false },
		{ "-1_0", -10, false },
		{ "0x1F", 31, false },
		{ "0xdead_beef", 0, false }, /* 3735928559: see below */
		{ "0o17", 15, false },
		{ "0b101", 5, false },
		{ "2147483647", 2147483647, true },
		{ "-2147483648", -2147483648LL, true },
		{ "0x7fff_ffff", 2147483647, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[512];

		(void)snprintf(
			text, sizeof(text), HEADER INTERCEPTOR "mode = \"guard\"\npriority = %s # why\n", rows[i].text);
		assert_read_by(text, rows[i].quick);
		if (strcmp(rows[i].text, "0xdead_beef") == 0) {
			assert_refused(text, 8, 12, 11,
				"`priority` in [[interceptor]] is 3735928559, the most that it may be is 2147483647");
		} else {
			HOLD(parsed_fini) struct parsed parsed = parse_good(text);

			assert_int_equal(parsed.manifest->interceptors.items[0].priority, rows[i].value);
		}
	}
}

static void what_is_no_integer_is_refused(void **state)
{
	static const struct {
		const char *value, *found, *fix;
	} rows[] = {
		{ "5.0", "a float", "write `priority = 5`" },
		{ "-5.00", "a float", "write `priority = -5`" },
		{ "5.5", "a float", "write for example `priority = 0`" },
		{ "1e3", "a float", "write for example `priority = 0`" },
		{ "nan", "a float", "write for example `priority = 0`" },
		{ "\"5\"", "a string", "write `priority = 5`" },
		{ "\"-5\"", "a string", "write `priority = -5`" },
		{ "\"\"", "a string", "write for example `priority = 0`" },
		{ "\"-\"", "a string", "write for example `priority = 0`" },
		{ "\"5.\"", "a string", "write for example `priority = 0`" },
		{ "\"99999999999999999999\"", "a string", "write for example `priority = 0`" },
		{ "\"high\"", "a string", "write for example `priority = 0`" },
		{ "true", "a boolean", "write for example `priority = 0`" },
		{ "[5]", "an array", "write for example `priority = 0`" },
		{ "{}", "a table", "write for example `priority = 0`" },
		{ "1979-05-27", "a date or time", "write for example `priority = 0`" },
	};
	char body[256], says[128];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		(void)snprintf(body, sizeof(body), INTERCEPTOR "mode = \"guard\"\npriority = %s\n", rows[i].value);
		(void)snprintf(says, sizeof(says), "`priority` in [[interceptor]] must be an integer, found %s",
			rows[i].found);
		assert_both_refuse(body, 5, 12, (uint32_t)strlen(rows[i].value), says, rows[i].fix);
	}
}

static void integers_out_of_range_are_refused_with_the_range(void **state)
{
	(void)state;
	assert_both_refuse(INTERCEPTOR "mode = \"guard\"\npriority = 2147483648\n", 5, 12, 10,
		"`priority` in [[interceptor]] is 2147483648, the most that it may be is 2147483647",
		"write a number from -2147483648 to 2147483647");
	assert_both_refuse(INTERCEPTOR "mode = \"guard\"\npriority = -2147483649\n", 5, 12, 11,
		"`priority` in [[interceptor]] is -2147483649, the least that it may be is -2147483648",
		"write a number from -2147483648 to 2147483647");
	assert_both_refuse(INTERCEPTOR "timeout_ms = -1\n", 4, 14, 2,
		"`timeout_ms` in [[interceptor]] is -1, the least that it may be is 0",
		"write a number from 0 to 600000");
	assert_both_refuse(INTERCEPTOR "timeout_ms = 600001\n", 4, 14, 6,
		"`timeout_ms` in [[interceptor]] is 600001, the most that it may be is 600000",
		"write a number from 0 to 600000");
	assert_both_refuse(EVENTS "inbox_messages = 0\n", 2, 18, 1,
		"`inbox_messages` in [events] is 0, the least that it may be is 1", "write a number from 1 to 1048576");
	assert_both_refuse(EVENTS "inbox_messages = 1048577\n", 2, 18, 7,
		"`inbox_messages` in [events] is 1048577, the most that it may be is 1048576",
		"write a number from 1 to 1048576");
	assert_both_refuse(EVENTS "inbox_bytes = 65535\n", 2, 15, 5,
		"`inbox_bytes` in [events] is 65535, the least that it may be is 65536",
		"write a number from 65536 to 1073741824");
	assert_both_refuse(EVENTS "inbox_bytes = 0x4000_0001\n", 2, 15, 11,
		"`inbox_bytes` in [events] is 1073741825, the most that it may be is 1073741824",
		"write a number from 65536 to 1073741824");
	assert_both_refuse(EVENTS "inbox_bytes = \"many\"\n", 2, 15, 6,
		"`inbox_bytes` in [events] must be an integer, found a string",
		"write for example `inbox_bytes = 65536`");
}

static void integers_beyond_64_bits_are_refused(void **state)
{
	(void)state;
	assert_refused(HEADER EVENTS "inbox_messages = 9223372036854775808\n", 5, 18, 19, "does not fit into 64 bits");
	assert_refused(
		HEADER EVENTS "inbox_messages = 0xFFFF_FFFF_FFFF_FFFF\n", 5, 18, 21, "does not fit into 64 bits");
}

static void the_ends_of_each_range_are_accepted(void **state)
{
	static const struct {
		const char *messages, *bytes, *timeout;
		int64_t expected[3];
	} rows[] = {
		{ "1", "65536", "0", { 1, 65536, 0 } },
		{ "1_048_576", "0x4000_0000", "600_000", { 1048576, 1073741824, 600000 } },
		{ "1048576", "1073741824", "600000", { 1048576, 1073741824, 600000 } },
	};
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		HOLD(parsed_fini) struct parsed parsed = { 0 };

		(void)snprintf(text, sizeof(text),
			HEADER EVENTS "inbox_messages = %s\ninbox_bytes = %s\n" INTERCEPTOR "timeout_ms = %s\n",
			rows[i].messages, rows[i].bytes, rows[i].timeout);
		parsed = parse_good(text);
		assert_int_equal(parsed.manifest->events.inbox_messages, rows[i].expected[0]);
		assert_int_equal(parsed.manifest->events.inbox_bytes, rows[i].expected[1]);
		assert_int_equal(parsed.manifest->interceptors.items[0].timeout_ms, rows[i].expected[2]);
		assert_int_equal(parsed.manifest->events.inbox_messages_place.line, 5);
		assert_int_equal(parsed.manifest->events.inbox_bytes_place.line, 6);
	}
}

static void keys_that_do_nothing_for_an_observer_are_warned_of(void **state)
{
	HOLD(parsed_fini)
	struct parsed parsed = parse_text(HEADER INTERCEPTOR "priority = 1\non_error = \"allow\"\ntimeout_ms = 5\n");

	(void)state;
	assert_int_equal(parsed.status, CAPSULE_OK);
	assert_int_equal(parsed.found.count, 2);
	assert_string_equal(parsed.found.items[0].text,
		"`priority` of an [[interceptor]] that only observes does nothing: observers get an event at the same time");
	assert_string_equal(parsed.found.items[1].text,
		"`on_error` of an [[interceptor]] that only observes does nothing: nobody waits for its answer");
	assert_int_equal(parsed.found.items[0].line, 7);
	assert_int_equal(parsed.found.items[1].line, 8);
	assert_string_equal(parsed.found.items[0].fix, "remove it, or let the interceptor decide: `mode = \"guard\"`");
}

static void nobody_decides_about_lifecycle_events(void **state)
{
#define LIFECYCLE "[[interceptor]]\nevent = \"astrid.v1.lifecycle.%s\"\naction = \"act\"\nmode = \"%s\"\n"
	static const char *const last[] = { "tool_call_started", "*", "unknown" };
	static const char *const modes[] = { "guard", "rewrite" };
	char body[256], says[256];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		for (size_t k = 0; k < 2; k++) {
			(void)snprintf(body, sizeof(body), LIFECYCLE, last[i], modes[k]);
			(void)snprintf(says, sizeof(says),
				"`mode = \"%s\"` for `astrid.v1.lifecycle.%s`: lifecycle events tell what has happened, "
				"nobody can deny or change them",
				modes[k], last[i]);
			assert_both_refuse(body, 4, 8, (uint32_t)strlen(modes[k]) + 2, says,
				"write `mode = \"observe\"`, or name the topic of a message in `event`");
		}
	}
#undef LIFECYCLE
}

static void patterns_that_match_messages_too_may_decide(void **state)
{
	static const char *const events[] = { "astrid.v1.*.tool_call_started", "*.v1.lifecycle.a",
		"astrid.v1.lifecycle", "astrid.v1.lifecycle.a.b", "astrid.v1.lifecycles.a" };
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		HOLD(parsed_fini) struct parsed parsed = { 0 };

		(void)snprintf(text, sizeof(text),
			HEADER "[[interceptor]]\nevent = \"%s\"\naction = \"a\"\nmode = \"guard\"\n", events[i]);
		parsed = parse_good(text);
		assert_int_equal(parsed.manifest->interceptors.items[0].mode, INTERCEPTOR_GUARDS);
	}
}

static void key_that_the_table_lacks_is_warned_of(void **state)
{
	HOLD(parsed_fini) struct parsed parsed = parse_text(HEADER EVENTS "inbox_message = 5\nmode = \"guard\"\n");

	(void)state;
	assert_int_equal(parsed.status, CAPSULE_OK);
	assert_int_equal(parsed.found.count, 2);
	assert_string_equal(parsed.found.items[0].fix, "did you mean `inbox_messages`?");
	assert_string_equal(parsed.found.items[1].fix, "`mode` is a key of [[interceptor]]; move it there");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(interceptors_observe_unless_they_say_otherwise),
		cmocka_unit_test(every_key_of_an_interceptor_is_read),
		cmocka_unit_test(each_word_means_its_own),
		cmocka_unit_test(other_words_are_unknown_variants),
		cmocka_unit_test(integers_are_read_in_every_form),
		cmocka_unit_test(what_is_no_integer_is_refused),
		cmocka_unit_test(integers_out_of_range_are_refused_with_the_range),
		cmocka_unit_test(integers_beyond_64_bits_are_refused),
		cmocka_unit_test(the_ends_of_each_range_are_accepted),
		cmocka_unit_test(keys_that_do_nothing_for_an_observer_are_warned_of),
		cmocka_unit_test(nobody_decides_about_lifecycle_events),
		cmocka_unit_test(patterns_that_match_messages_too_may_decide),
		cmocka_unit_test(key_that_the_table_lacks_is_warned_of),
	};

	return cmocka_run_group_tests_name("manifest_parse_events", tests, NULL, NULL);
}
