/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Configuration, caller, log, readiness and time, as a guest sees them. */
#include "host/host_fixture.h"

#include "base/limits.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static int set_up(void **state)
{
	*state = fixture_new(false);
	return 0;
}

static int tear_down(void **state)
{
	fixture_free(*state);
	return 0;
}

static void configure(struct fixture *fixture, struct span key, char *value)
{
	assert_int_equal(map_put(&fixture->host.config, key, value, NULL, &fixture->err), CAPSULE_OK);
}

/* abi:26 */
static void config_value_is_given_raw(void **state)
{
	struct fixture *fixture = *state;

	configure(fixture, span_text("k"), (char[]){ "v \"quoted\"" });
	assert_int_equal(CALL(fixture, "astrid_get_config", span_text("k")), CAPSULE_OK);
	assert_result(fixture, "v \"quoted\"");
}

/* abi:35 */
static void missing_config_is_empty(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(CALL(fixture, "astrid_get_config", span_text("missing")), CAPSULE_OK);
	assert_int_equal(fixture->call.result.len, 0);
	assert_int_equal(CALL(fixture, "astrid_get_config", span_text("")), CAPSULE_OK);
	assert_int_equal(fixture->call.result.len, 0);
}

static void config_key_is_repaired(void **state)
{
	struct fixture *fixture = *state;

	configure(fixture, span_text("k\xEF\xBF\xBD"), (char[]){ "found" });
	assert_int_equal(CALL(fixture, "astrid_get_config", span_of("k\xFF", 2)), CAPSULE_OK);
	assert_result(fixture, "found");
}

/* abi:80: outside of calls, where nobody asks */
static void caller_is_an_empty_object(void **state)
{
	struct fixture *fixture = *state;
	struct origin origin;

	assert_int_equal(CALL0(fixture, "astrid_get_caller"), CAPSULE_OK);
	assert_result(fixture, "{}");
	origin_init(&origin);
	fixture->call.origin = &origin;
	assert_int_equal(CALL0(fixture, "astrid_get_caller"), CAPSULE_OK);
	assert_result(fixture, "{}");
}

/* abi:80 rt-W-55 */
static void caller_is_who_asked_for_the_call(void **state)
{
	struct fixture *fixture = *state;
	struct origin origin;

	origin_init(&origin);
	origin.call_id = UINT64_MAX;
	fixture->call.origin = &origin;
	assert_int_equal(CALL0(fixture, "astrid_get_caller"), CAPSULE_OK);
	assert_result(fixture,
		"{\"call_id\":\"18446744073709551615\",\"session_id\":null,\"source\":\"host\",\"user_id\":\"default\"}");
	origin.call_id = 7;
	origin.source.bytes[0] = 0xAB;
	(void)snprintf(origin.principal, sizeof origin.principal, "a\"\n\xFF");
	assert_int_equal(CALL0(fixture, "astrid_get_caller"), CAPSULE_OK);
	assert_result(fixture,
		"{\"call_id\":\"7\",\"session_id\":\"ab000000-0000-0000-0000-000000000000\",\"source\":\"capsule\","
		"\"user_id\":\"a\\\"\\n\xEF\xBF\xBD\"}");
	origin.call_id = 0; /* a run loop in its own time */
	assert_int_equal(CALL0(fixture, "astrid_get_caller"), CAPSULE_OK);
	assert_result(fixture, "{}");
}

/* abi:77 */
static void message_at_the_limit_is_logged_whole(void **state)
{
	struct fixture *fixture = *state;
	char *message = malloc(LIMIT_LOG_MESSAGE + 1);

	assert_non_null(message);
	memset(message, 'm', LIMIT_LOG_MESSAGE + 1);
	assert_int_equal(
		CALL(fixture, "astrid_log", span_text("info"), span_of(message, LIMIT_LOG_MESSAGE)), CAPSULE_OK);
	assert_int_equal(fixture->records[0].len, LIMIT_LOG_MESSAGE);
	assert_int_equal(CALL(fixture, "astrid_log", span_text("info"), span_of(message, LIMIT_LOG_MESSAGE + 1)),
		CAPSULE_ELIMIT);
	assert_error_says(fixture, "exceeds maximum allowed limit");
	assert_int_equal(fixture->record_count, 1);
	free(message);
}

/* abi:78 */
static void level_words_are_understood_in_any_case(void **state)
{
	static const struct {
		const char *word;
		enum capsule_log_level level;
	} cases[] = {
		{ "trace", CAPSULE_LOG_TRACE },
		{ "Debug", CAPSULE_LOG_DEBUG },
		{ "warn", CAPSULE_LOG_WARN },
		{ "WARNING", CAPSULE_LOG_WARN },
		{ "error", CAPSULE_LOG_ERROR },
		{ "ERR", CAPSULE_LOG_ERROR },
		{ "info", CAPSULE_LOG_INFO },
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_int_equal(CALL(fixture, "astrid_log", span_text(cases[i].word), span_text("m")), CAPSULE_OK);
		assert_int_equal(fixture->records[i].level, cases[i].level);
	}
}

/* abi:78 */
static void other_levels_are_info(void **state)
{
	static const char *const words[] = { "bogus", "", "warn ", "warnings", "erro" };
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		assert_int_equal(CALL(fixture, "astrid_log", span_text(words[i]), span_text("m")), CAPSULE_OK);
		assert_int_equal(fixture->records[i].level, CAPSULE_LOG_INFO);
	}
	assert_int_equal(CALL(fixture, "astrid_log", span_of("warn\0x", 6), span_text("m")), CAPSULE_OK);
	assert_int_equal(fixture->records[fixture->record_count - 1].level, CAPSULE_LOG_INFO);
}

/* abi:78 */
static void level_of_65_bytes_fails(void **state)
{
	struct fixture *fixture = *state;
	char level[65];

	memset(level, 'w', sizeof level);
	assert_int_equal(CALL(fixture, "astrid_log", span_of(level, 64), span_text("m")), CAPSULE_OK);
	assert_int_equal(CALL(fixture, "astrid_log", span_of(level, 65), span_text("m")), CAPSULE_ELIMIT);
	assert_error_says(
		fixture, "astrid_log level: memory allocation of 65 bytes exceeds maximum allowed limit of 64 bytes");
}

static void record_carries_the_capsule(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(CALL(fixture, "astrid_log", span_text("warn"), span_text("hello")), CAPSULE_OK);
	assert_int_equal(fixture->record_count, 1);
	assert_string_equal(fixture->records[0].capsule, FIXTURE_CAPSULE);
	assert_string_equal(fixture->records[0].message, "hello");
}

static void records_below_the_level_of_the_log_are_dropped(void **state)
{
	struct fixture *fixture = *state;

	fixture->log.level = CAPSULE_LOG_WARN;
	assert_int_equal(CALL(fixture, "astrid_log", span_text("info"), span_text("m")), CAPSULE_OK);
	assert_int_equal(fixture->record_count, 0);
}

static void ready_reaches_who_waits_for_it(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(CALL0(fixture, "astrid_signal_ready"), CAPSULE_OK);
	assert_int_equal(CALL0(fixture, "astrid_signal_ready"), CAPSULE_OK);
	assert_int_equal(fixture->ready_count, 2);
}

static void ready_without_a_run_loop_does_nothing(void **state)
{
	struct fixture *fixture = *state;

	fixture->host.ready = NULL;
	assert_int_equal(CALL0(fixture, "astrid_signal_ready"), CAPSULE_OK);
	assert_int_equal(fixture->call.result.len, 0);
}

/* abi:79 */
static void time_is_milliseconds_in_decimal(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(CALL0(fixture, "astrid_clock_ms"), CAPSULE_OK);
	assert_result(fixture, "1700000000123");
	clock_manual_advance(&fixture->clock, NS_PER_MS - 1);
	assert_int_equal(CALL0(fixture, "astrid_clock_ms"), CAPSULE_OK);
	assert_result(fixture, "1700000000123");
	clock_manual_advance(&fixture->clock, 1);
	assert_int_equal(CALL0(fixture, "astrid_clock_ms"), CAPSULE_OK);
	assert_result(fixture, "1700000000124");
}

static void time_before_the_epoch_is_zero(void **state)
{
	struct fixture *fixture = *state;

	fixture->clock.realtime = -5 * NS_PER_S;
	assert_int_equal(CALL0(fixture, "astrid_clock_ms"), CAPSULE_OK);
	assert_result(fixture, "0");
	fixture->clock.realtime = 0;
	assert_int_equal(CALL0(fixture, "astrid_clock_ms"), CAPSULE_OK);
	assert_result(fixture, "0");
}

static void time_needs_no_memory_once_it_was_asked(void **state)
{
	struct fixture *fixture = *state;
	const uint8_t *room;

	assert_int_equal(CALL0(fixture, "astrid_clock_ms"), CAPSULE_OK);
	room = fixture->call.out.data;
	host_call_trim(&fixture->call);
	assert_int_equal(CALL0(fixture, "astrid_clock_ms"), CAPSULE_OK);
	assert_ptr_equal(fixture->call.out.data, room);
}

static enum capsule_status ask(struct fixture *fixture, const char *request)
{
	return CALL(fixture, "astrid_check_capsule_capability", span_text(request));
}

#define KNOWN "ab000000-0000-0000-0000-000000000000"
#define FLAG "\"capability\":\"allow_prompt_injection\""

static void what_another_capsule_may_is_told(void **state) /* abi:86 rt:208 */
{
	static const char *const others[] = {
		"{\"source_uuid\":\"ac000000-0000-0000-0000-000000000000\"," FLAG "}",
		"{\"source_uuid\":\"\"," FLAG "}",
		"{\"source_uuid\":\"no uuid\"," FLAG "}",
		"{\"source_uuid\":\"" KNOWN "\",\"capability\":\"everything\"}",
	};
	struct fixture *fixture = *state;

	fixture->capable.bytes[0] = 0xAB;
	assert_int_equal(ask(fixture, "{\"source_uuid\":\"" KNOWN "\"," FLAG ",\"more\":1}"), CAPSULE_OK);
	assert_result(fixture, "{\"allowed\":true}");
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		assert_int_equal(ask(fixture, others[i]), CAPSULE_OK);
		assert_result(fixture, "{\"allowed\":false}");
	}
	fixture->host.services.capable = NULL;
	assert_int_equal(ask(fixture, "{\"source_uuid\":\"" KNOWN "\"," FLAG "}"), CAPSULE_OK);
	assert_result(fixture, "{\"allowed\":false}");
}

static void a_question_about_a_capability_must_be_one(void **state) /* abi:86 */
{
	static const char *const broken[] = { "", "no JSON", "[]", "{}", "null", "{" FLAG "}",
		"{\"source_uuid\":\"" KNOWN "\"}", "{\"source_uuid\":1," FLAG "}" };
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
		assert_int_equal(ask(fixture, broken[i]), CAPSULE_EINVAL);
		assert_error_says(fixture, "check_capsule_capability failed: invalid capability check request: ");
	}
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
		CASE(config_value_is_given_raw),
		CASE(missing_config_is_empty),
		CASE(config_key_is_repaired),
		CASE(caller_is_an_empty_object),
		CASE(caller_is_who_asked_for_the_call),
		CASE(message_at_the_limit_is_logged_whole),
		CASE(level_words_are_understood_in_any_case),
		CASE(other_levels_are_info),
		CASE(level_of_65_bytes_fails),
		CASE(record_carries_the_capsule),
		CASE(records_below_the_level_of_the_log_are_dropped),
		CASE(ready_reaches_who_waits_for_it),
		CASE(ready_without_a_run_loop_does_nothing),
		CASE(time_is_milliseconds_in_decimal),
		CASE(time_before_the_epoch_is_zero),
		CASE(time_needs_no_memory_once_it_was_asked),
		CASE(what_another_capsule_may_is_told),
		CASE(a_question_about_a_capability_must_be_one),
	};
#undef CASE

	return cmocka_run_group_tests(tests, NULL, NULL);
}
