/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The table of host functions, arguments, grants, and services that are not there. */
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

static const struct host_function *row_at(uint32_t index)
{
	assert_true(index < host_function_count);
	return &host_functions[index];
}

/* Call `row` with empty arguments. */
static enum capsule_status call_empty(struct fixture *fixture, const struct host_function *row)
{
	const struct span nothing[HOST_ARGS_MAX] = { 0 };

	return fixture_call(fixture, row->name, row->arg_count, nothing);
}

/* What guests were compiled against: index, number of arguments, whether there is a result. */
static const struct {
	const char *name;
	uint32_t args;
	bool result;
} abi[] = {
	{ "astrid_fs_exists", 1, true },
	{ "astrid_fs_mkdir", 1, false },
	{ "astrid_fs_readdir", 1, true },
	{ "astrid_fs_stat", 1, true },
	{ "astrid_fs_unlink", 1, false },
	{ "astrid_read_file", 1, true },
	{ "astrid_write_file", 2, false },
	{ "astrid_ipc_publish", 2, false },
	{ "astrid_ipc_subscribe", 1, true },
	{ "astrid_ipc_unsubscribe", 1, false },
	{ "astrid_ipc_poll", 1, true },
	{ "astrid_ipc_recv", 2, true },
	{ "astrid_uplink_register", 3, true },
	{ "astrid_uplink_send", 3, true },
	{ "astrid_kv_get", 1, true },
	{ "astrid_kv_set", 2, false },
	{ "astrid_kv_delete", 1, false },
	{ "astrid_kv_list_keys", 1, true },
	{ "astrid_kv_clear_prefix", 1, true },
	{ "astrid_get_config", 1, true },
	{ "astrid_get_caller", 0, true },
	{ "astrid_http_request", 1, true },
	{ "astrid_trigger_hook", 1, true },
	{ "astrid_log", 2, false },
	{ "astrid_cron_schedule", 3, false },
	{ "astrid_cron_cancel", 1, false },
	{ "astrid_spawn_host", 1, true },
	{ "astrid_net_bind_unix", 1, true },
	{ "astrid_net_accept", 1, true },
	{ "astrid_net_read", 1, true },
	{ "astrid_net_write", 2, false },
	{ "astrid_elicit", 1, true },
	{ "astrid_has_secret", 1, true },
	{ "astrid_signal_ready", 0, false },
	{ "astrid_clock_ms", 0, true },
	{ "astrid_get_interceptor_handles", 0, true },
	{ "astrid_request_approval", 1, true },
	{ "astrid_identity_resolve", 1, true },
	{ "astrid_identity_link", 1, true },
	{ "astrid_identity_unlink", 1, true },
	{ "astrid_identity_create_user", 1, true },
	{ "astrid_identity_list_links", 1, true },
	{ "astrid_check_capsule_capability", 1, true },
	{ "astrid_spawn_background_host", 1, true },
	{ "astrid_read_process_logs_host", 1, true },
	{ "astrid_kill_process_host", 1, true },
	{ "astrid_net_close_stream", 1, false },
	{ "astrid_net_poll_accept", 1, true },
	{ "astrid_http_stream_start", 1, true },
	{ "astrid_http_stream_read", 1, true },
	{ "astrid_http_stream_close", 1, false },
};

static void table_is_in_the_order_of_the_abi(void **state)
{
	(void)state;
	assert_int_equal(host_function_count, sizeof abi / sizeof abi[0]);
	for (uint32_t i = 0; i < host_function_count; i++) {
		assert_string_equal(row_at(i)->name, abi[i].name);
		assert_int_equal(row_at(i)->arg_count, abi[i].args);
		assert_int_equal(row_at(i)->result != HOST_NOTHING, abi[i].result);
	}
}

static void every_row_is_whole(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < host_function_count; i++) {
		const struct host_function *row = row_at(i);

		assert_non_null(row->service);
		assert_non_null(row->doc);
		assert_true(row->arg_count <= HOST_ARGS_MAX);
		for (uint32_t arg = 0; arg < row->arg_count; arg++) {
			assert_non_null(row->args[arg].name);
			assert_int_equal(row->args[arg].limit == 0, row->args[arg].kind == HOST_UNREAD);
		}
		if (row->finish != NULL)
			assert_int_not_equal(row->waits, HOST_NOW);
	}
}

static void every_name_is_found(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < host_function_count; i++)
		assert_ptr_equal(host_function_find(span_text(row_at(i)->name)), row_at(i));
}

static void other_names_are_not_found(void **state)
{
	static const char *const names[] = { "", "astrid_", "astrid_kv_ge", "astrid_kv_gets", "astrid_kv_got",
		"ASTRID_KV_GET" };

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		assert_null(host_function_find(span_text(names[i])));
	assert_null(host_function_find(span_of("astrid_kv_get", sizeof "astrid_kv_get")));
}

/* abi:77 abi:78 abi:87 abi:92 hs:1 hs:2 hs:3 hs:4 hs:213: each limit, and one byte more */
static void arguments_are_refused_one_byte_over_their_limit(void **state)
{
	struct capsule_error err = { 0 };
	char says[128];

	(void)state;
	for (uint32_t i = 0; i < host_function_count; i++) {
		for (uint32_t arg = 0; arg < row_at(i)->arg_count; arg++) {
			uint32_t limit = row_at(i)->args[arg].limit;

			assert_int_equal(host_arg_check(row_at(i), arg, limit, &err), CAPSULE_OK);
			if (row_at(i)->args[arg].kind == HOST_UNREAD || row_at(i)->checks_itself)
				continue;
			assert_int_equal(host_arg_check(row_at(i), arg, (uint64_t)limit + 1, &err), CAPSULE_ELIMIT);
			(void)snprintf(says, sizeof says,
				"memory allocation of %llu bytes exceeds maximum allowed limit of %lu bytes",
				(unsigned long long)limit + 1, (unsigned long)limit);
			assert_non_null(strstr(err.text, says));
			assert_non_null(strstr(err.text, row_at(i)->name));
			assert_non_null(strstr(err.text, row_at(i)->args[arg].name));
		}
	}
}

static uint32_t limit_of(const char *name, uint32_t arg)
{
	const struct host_function *row = host_function_find(span_text(name));

	assert_non_null(row);
	return row->args[arg].limit;
}

static void limits_are_those_of_the_abi(void **state)
{
	(void)state;
	assert_int_equal(limit_of("astrid_log", 0), 64);                        /* abi:78 */
	assert_int_equal(limit_of("astrid_log", 1), 65536);                     /* abi:77 */
	assert_int_equal(limit_of("astrid_check_capsule_capability", 0), 1024); /* abi:87 */
	assert_int_equal(limit_of("astrid_kv_set", 1), 10485760);               /* abi:92 hs:1 */
	assert_int_equal(limit_of("astrid_kv_set", 0), 4096);                   /* hs:213 */
	assert_int_equal(limit_of("astrid_has_secret", 0), 4096);               /* hs:2 */
	assert_int_equal(limit_of("astrid_kill_process_host", 0), 256);         /* hs:3 */
	assert_int_equal(limit_of("astrid_net_read", 0), 1024);                 /* hs:4 */
	assert_int_equal(limit_of("astrid_read_file", 0), 4096);
	assert_int_equal(limit_of("astrid_write_file", 1), 10485760);
}

static void arguments_that_are_not_read_have_no_limit(void **state)
{
	struct capsule_error err = { 0 };

	(void)state;
	assert_int_equal(
		host_arg_check(host_function_find(span_text("astrid_net_accept")), 0, UINT64_MAX, &err), CAPSULE_OK);
}

static void strict_text_that_is_no_utf8_fails_and_says_where(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(CALL(fixture, "astrid_kv_get", span_of("ab\xC3(", 4)), CAPSULE_EINVAL);
	assert_error_says(fixture, "astrid_kv_get key is not valid UTF-8: byte 3 of 4 is 0xc3");
}

static void both_repairable_arguments_are_repaired(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(CALL(fixture, "astrid_log", span_of("err\xFF", 4), span_of("\xFF\xFEok", 4)), CAPSULE_OK);
	assert_string_equal(fixture->records[0].message, "\xEF\xBF\xBD\xEF\xBF\xBDok");
	assert_int_equal(fixture->records[0].level, CAPSULE_LOG_INFO); /* "err" and a replacement is not "err" */
}

static void repair_of_the_longest_argument_is_whole(void **state)
{
	struct fixture *fixture = *state;
	char *message = malloc(LIMIT_LOG_MESSAGE);

	assert_non_null(message);
	memset(message, 0xFF, LIMIT_LOG_MESSAGE);
	assert_int_equal(
		CALL(fixture, "astrid_log", span_text("warn"), span_of(message, LIMIT_LOG_MESSAGE)), CAPSULE_OK);
	assert_int_equal(fixture->records[0].len, 3 * (size_t)LIMIT_LOG_MESSAGE);
	free(message);
}

static void function_without_its_capability_is_refused_with_the_line_to_add(void **state)
{
	struct fixture *fixture = *state;

	fixture_grant(fixture, "fs_read = [\"workspace://\"]");
	assert_int_equal(CALL(fixture, "astrid_http_request", span_text("{}")), CAPSULE_EDENIED);
	assert_error_says(fixture,
		"security denied: astrid_http_request needs the capability `net`, not declared in manifest of "
		"capsule 'testing'");
	assert_error_says(fixture, "add under [capabilities] of Capsule.toml:  net = [\"<host>\"]");
}

static void an_empty_list_grants_nothing(void **state)
{
	struct fixture *fixture = *state;

	fixture_grant(fixture, "net = []");
	assert_int_equal(CALL(fixture, "astrid_http_request", span_text("{}")), CAPSULE_EDENIED);
}

static void events_without_declarations_are_refused_in_the_words_that_guests_know(void **state)
{
	struct fixture *fixture = *state;

	fixture_grant(fixture, "");
	assert_int_equal(CALL(fixture, "astrid_ipc_publish", span_text("a.b"), span_text("1")), CAPSULE_EDENIED);
	assert_error_says(fixture, "no ipc_publish declarations");
	assert_int_equal(CALL(fixture, "astrid_ipc_subscribe", span_text("a.b")), CAPSULE_EDENIED);
	assert_error_says(fixture, "no ipc_subscribe declarations");
}

static void a_module_without_manifest_is_granted_nothing(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(CALL(fixture, "astrid_read_file", span_text("x")), CAPSULE_EDENIED);
	assert_error_says(fixture, "security denied");
	assert_error_says(fixture, "needs the capability `fs_read`, not declared in manifest");
	assert_error_says(fixture, "under [capabilities]:  fs_read = [\"workspace://<folder>\"]");
}

static void every_refusal_names_function_key_and_an_example(void **state)
{
	struct capsule_error err = { 0 };
	char line[128];

	(void)state;
	for (uint32_t i = 0; i < host_function_count; i++) {
		const struct host_function *row = row_at(i);

		if (row->capability == NULL) {
			assert_int_equal(host_granted(row, "x", NULL, &err), CAPSULE_OK);
			continue;
		}
		assert_int_equal(host_granted(row, "x", NULL, &err), CAPSULE_EDENIED);
		assert_non_null(strstr(err.text, row->name));
		(void)snprintf(line, sizeof line, "under [capabilities]:  %s = [\"", row->capability);
		assert_non_null(strstr(err.text, line));
		assert_null(strstr(err.text, "[\"*\"]")); /* never advise to open everything */
	}
}

static void a_granted_capability_is_enough(void **state)
{
	struct fixture *fixture = *state;
	char line[64];

	for (uint32_t i = 0; i < host_function_count; i++) {
		const struct host_function *row = row_at(i);

		if (row->capability == NULL)
			continue;
		(void)snprintf(line, sizeof line, "%s = [\"example\"]", row->capability);
		fixture_grant(fixture, line);
		assert_int_equal(host_granted(row, FIXTURE_CAPSULE, fixture->manifest, &fixture->err), CAPSULE_OK);
	}
}

static void a_service_that_is_not_there_says_so_by_name(void **state)
{
	struct fixture *fixture = *state;

	fixture_grant(fixture, "identity = [\"resolve\"]");
	assert_int_equal(CALL(fixture, "astrid_identity_resolve", span_text("{}")), CAPSULE_EUNSUPPORTED);
	assert_error_says(fixture, "astrid_identity_resolve: the identity service is not part of this release");
	assert_int_equal(CALL(fixture, "astrid_request_approval", span_text("{}")), CAPSULE_EUNSUPPORTED);
	assert_error_says(fixture, "the approval service is not part of this release");
}

static void every_row_answers_or_fails_with_a_reason(void **state)
{
	struct fixture *fixture = *state;

	for (uint32_t i = 0; i < host_function_count; i++) {
		const struct host_function *row = row_at(i);
		enum capsule_status status = call_empty(fixture, row);

		if (status == CAPSULE_EDENIED)
			assert_non_null(row->capability);
		else if (row->begin == NULL)
			assert_int_equal(status, CAPSULE_EUNSUPPORTED);
		if (status != CAPSULE_OK)
			assert_string_not_equal(fixture->err.text, "");
	}
}

/* hs:13 */
static void a_call_after_one_that_failed_works(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(CALL(fixture, "astrid_kv_get", span_text("")), CAPSULE_EINVAL);
	assert_int_equal(CALL0(fixture, "astrid_get_caller"), CAPSULE_OK);
	assert_result(fixture, "{}");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_is_in_the_order_of_the_abi),
		cmocka_unit_test(every_row_is_whole),
		cmocka_unit_test(every_name_is_found),
		cmocka_unit_test(other_names_are_not_found),
		cmocka_unit_test(arguments_are_refused_one_byte_over_their_limit),
		cmocka_unit_test(limits_are_those_of_the_abi),
		cmocka_unit_test(arguments_that_are_not_read_have_no_limit),
		CASE(strict_text_that_is_no_utf8_fails_and_says_where),
		CASE(both_repairable_arguments_are_repaired),
		CASE(repair_of_the_longest_argument_is_whole),
		CASE(function_without_its_capability_is_refused_with_the_line_to_add),
		CASE(an_empty_list_grants_nothing),
		CASE(events_without_declarations_are_refused_in_the_words_that_guests_know),
		CASE(a_module_without_manifest_is_granted_nothing),
		cmocka_unit_test(every_refusal_names_function_key_and_an_example),
		CASE(a_granted_capability_is_enough),
		CASE(a_service_that_is_not_there_says_so_by_name),
		CASE(every_row_answers_or_fails_with_a_reason),
		CASE(a_call_after_one_that_failed_works),
	};
#undef CASE

	return cmocka_run_group_tests(tests, NULL, NULL);
}
