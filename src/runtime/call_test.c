/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What goes into a call and what comes out of it. */
#include "runtime/runtime_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAYLOAD_MAX 10485760

/* The arguments that reached the guest of the tool `echo`, as text. */
static const char *arguments_that_arrive(struct fixture *fixture, struct capsule *capsule, const char *arguments)
{
	static const char head[] = "{\"name\":\"echo\",\"arguments\":[";
	static char text[512];
	const char *at = fixture_call(fixture, capsule, "echo", arguments);
	size_t len = 0;

	assert_int_equal(strncmp(at, head, sizeof head - 1), 0);
	at += sizeof head - 1;
	while (*at != ']') {
		char *end;

		text[len++] = (char)strtoul(at, &end, 10);
		at = *end == ',' ? end + 1 : end;
	}
	assert_string_equal(at, "]}");
	text[len] = '\0';
	return text;
}

static void a_guest_gets_the_name_and_the_bytes_of_the_arguments(void **state) /* abi:49 */
{
	struct fixture *fixture = *state;
	struct capsule *capsule = fixture_load(fixture, fixture_capsule(fixture, "calls", ""));

	assert_string_equal(fixture_call(fixture, capsule, "echo", "{\"a\":1}"),
		"{\"name\":\"echo\",\"arguments\":[123,34,97,34,58,49,125]}");
	assert_string_equal(fixture_call(fixture, capsule, "echo", " {\t\"a\"\r\n: 1 } "),
		"{\"name\":\"echo\",\"arguments\":[123,34,97,34,58,49,125]}");
}

static void only_the_blanks_between_values_are_left_out(void **state)
{
	static const struct {
		const char *given, *arrives;
	} rows[] = {
		{ "{ \"a b\" : \" c\\\" d \" }", "{\"a b\":\" c\\\" d \"}" },
		{ "[ \"\\\\\" , \" \" ]", "[\"\\\\\",\" \"]" },
		{ "[ 12345678901234567890123456789, 1.10, 1E2, -0 ]", "[12345678901234567890123456789,1.10,1E2,-0]" },
		{ "[ \"\\u00e9\", \"\xc3\xa9\" ]", "[\"\\u00e9\",\"\xc3\xa9\"]" },
		{ "  null\n", "null" },
	};
	struct fixture *fixture = *state;
	struct capsule *capsule = fixture_load(fixture, fixture_capsule(fixture, "blanks", ""));

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_string_equal(arguments_that_arrive(fixture, capsule, rows[i].given), rows[i].arrives);
		assert_string_equal(arguments_that_arrive(fixture, capsule, rows[i].arrives), rows[i].arrives);
	}
}

static void an_answer_is_given_as_it_is(void **state) /* abi:50 */
{
	struct fixture *fixture = *state;
	struct capsule *capsule = fixture_load(fixture, fixture_capsule(fixture, "verbatim", ""));

	assert_string_equal(fixture_call(fixture, capsule, "quoted", "{}"), "\"x\"");
}

static void an_answer_that_is_no_utf8_is_repaired(void **state) /* abi:51 */
{
	struct fixture *fixture = *state;
	struct capsule *capsule = fixture_load(fixture, fixture_capsule(fixture, "broken", ""));

	assert_string_equal(fixture_call(fixture, capsule, "bytes", "{}"),
		"a\xef\xbf\xbd"
		"b\xef\xbf\xbd");
}

static void no_output_is_an_empty_answer(void **state) /* abi:52 */
{
	struct fixture *fixture = *state;
	struct capsule *capsule = fixture_load(fixture, fixture_capsule(fixture, "silent", ""));

	assert_string_equal(fixture_call(fixture, capsule, "nothing", "{}"), "");
}

static void the_guests_own_error_and_its_trap_are_told_apart(void **state)
{
	struct fixture *fixture = *state;
	struct capsule *capsule = fixture_load(fixture, fixture_capsule(fixture, "fails", ""));

	fixture_expect_traps();
	assert_int_equal(fixture_call_fails(fixture, capsule, "fail"), CAPSULE_EGUEST);
	assert_says(fixture, "boom");
	assert_int_equal(fixture_call_fails(fixture, capsule, "trap"), CAPSULE_ETRAP);
	assert_says(fixture, "unreachable");
	assert_says(fixture, "fall_over");
	assert_string_equal(fixture_call(fixture, capsule, "quoted", "{}"), "\"x\"");
	assert_int_equal(capsule_health(capsule, fixture->err), CAPSULE_READY);
	assert_string_equal(capsule_error_text(fixture->err), "");
}

/* Start a call that is refused at once. */
static enum capsule_status refused(
	struct fixture *fixture, struct capsule *capsule, const char *tool, const char *arguments, size_t len)
{
	struct outcome outcome = { 0 };
	enum capsule_status status = capsule_call(
		capsule, tool, arguments, len, fixture_note, &outcome, &outcome.op, fixture->err);

	assert_null(outcome.op);
	assert_int_equal(capsule_error_status(fixture->err), status);
	assert_int_equal(capsule_call(capsule, tool, arguments, len, NULL, NULL, &outcome.op, NULL), status);
	fixture_settle(fixture);
	assert_int_equal(outcome.done, 0);
	return status;
}

static void an_unknown_tool_is_refused_with_the_nearest_name(void **state)
{
	struct fixture *fixture = *state;
	struct capsule *capsule = fixture_load(fixture, fixture_capsule(fixture, "names", ""));

	assert_int_equal(refused(fixture, capsule, "ecoh", "{}", 2), CAPSULE_ENOTFOUND);
	assert_says(fixture, "capsule 'names' has no tool `ecoh`; did you mean `echo`?");
	assert_int_equal(refused(fixture, capsule, "something-else", "{}", 2), CAPSULE_ENOTFOUND);
	assert_says(fixture, "it has 12");
	assert_int_equal(refused(fixture, capsule, "", "{}", 2), CAPSULE_EINVAL);
	assert_int_equal(refused(fixture, capsule, NULL, "{}", 2), CAPSULE_EINVAL);
	assert_says(fixture, "no tool is named");
}

static void arguments_that_are_no_json_are_refused_with_the_place(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{ "", "arguments: empty" },
		{ "{", "arguments: line 1, column 2" },
		{ "{\n \"a\": nul}", "arguments: line 2, column 7" },
		{ "{\"a\":1,\"a\":2}", "arguments: line 1, column 8: repeated key \"a\"" },
		{ "{} x", "arguments: line 1, column 4" },
		{ "\"\xff\"", "arguments: line 1" },
	};
	struct fixture *fixture = *state;
	struct capsule *capsule = fixture_load(fixture, fixture_capsule(fixture, "json", ""));

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(refused(fixture, capsule, "echo", rows[i].text, strlen(rows[i].text)), CAPSULE_EINVAL);
		assert_says(fixture, rows[i].says);
	}
	assert_int_equal(refused(fixture, capsule, "echo", NULL, 0), CAPSULE_EINVAL);
	assert_int_equal(refused(fixture, capsule, "echo", "1\0", 2), CAPSULE_EINVAL);
}

static void arguments_over_10_mib_are_refused_and_10_mib_are_not(void **state)
{
	struct fixture *fixture = *state;
	struct capsule *capsule = fixture_load(fixture, fixture_capsule(fixture, "size", ""));
	char *text = malloc(PAYLOAD_MAX + 1);
	struct outcome outcome = { 0 };

	assert_non_null(text);
	memset(text, 'a', PAYLOAD_MAX + 1);
	text[0] = text[PAYLOAD_MAX - 1] = text[PAYLOAD_MAX] = '"';
	assert_int_equal(refused(fixture, capsule, "nothing", text, PAYLOAD_MAX + 1), CAPSULE_ELIMIT);
	assert_says(fixture, "10485760");
	assert_int_equal(
		capsule_call(capsule, "nothing", text, PAYLOAD_MAX, fixture_note, &outcome, &outcome.op, fixture->err),
		CAPSULE_OK);
	assert_status(fixture, capsule_op_wait(outcome.op, fixture->err), CAPSULE_OK);
	capsule_op_free(outcome.op);
	capsule = fixture_load_module(fixture);
	assert_int_equal(
		capsule_call_export(capsule, "echo", text, PAYLOAD_MAX + 1, NULL, NULL, &outcome.op, fixture->err),
		CAPSULE_ELIMIT);
	assert_says(fixture, "10485760");
	free(text);
}

static void an_export_gets_and_gives_bytes_as_they_are(void **state)
{
	static const char bytes[] = "\xff\0 {\n\xfe";
	struct fixture *fixture = *state;
	struct capsule *capsule = fixture_load_module(fixture);
	struct capsule_op *op = NULL;
	size_t len = 0;

	assert_int_equal(
		capsule_call_export(capsule, "echo", bytes, sizeof bytes, NULL, NULL, &op, fixture->err), CAPSULE_OK);
	assert_status(fixture, capsule_op_wait(op, fixture->err), CAPSULE_OK);
	assert_memory_equal(capsule_op_result(op, &len), bytes, sizeof bytes);
	assert_int_equal(len, sizeof bytes);
	assert_int_equal(capsule_op_result(op, NULL)[len], 0);
	assert_true(capsule_op_wall_ns(op) > 0 && capsule_op_cpu_ns(op) > 0);
	assert_true(capsule_cpu_ns(capsule) >= capsule_op_cpu_ns(op));
	capsule_op_free(op);
	assert_int_equal(capsule_call_export(capsule, "echo", NULL, 0, NULL, NULL, &op, NULL), CAPSULE_OK);
	assert_int_equal(capsule_op_wait(op, NULL), CAPSULE_OK);
	assert_string_equal(capsule_op_result(op, &len), "");
	assert_int_equal(len, 0);
	capsule_op_free(op);
}

static void an_export_must_be_named_and_be_there(void **state)
{
	struct fixture *fixture = *state;
	struct capsule *capsule = fixture_load_module(fixture);
	struct capsule_op *op = NULL;

	assert_int_equal(capsule_call_export(capsule, NULL, "", 0, NULL, NULL, &op, fixture->err), CAPSULE_EINVAL);
	assert_int_equal(capsule_call_export(capsule, "", "", 0, NULL, NULL, &op, NULL), CAPSULE_EINVAL);
	assert_null(op);
	assert_int_equal(capsule_call_export(capsule, "memory", "", 0, NULL, NULL, &op, fixture->err), CAPSULE_OK);
	assert_int_equal(capsule_op_wait(op, fixture->err), CAPSULE_ENOTFOUND);
	assert_says(fixture, "Function not found: memory");
	capsule_op_free(op);
}

static void a_bare_module_has_its_settings_and_a_state_but_no_tools(void **state)
{
	static const char *const exports[] = { "setting", "Good morning", "keep", "Hello!", "get", "Hello!" };
	struct fixture *fixture = *state;
	struct capsule *capsule = fixture_load_module(fixture);

	assert_string_equal(capsule_id(capsule), "guest.wat");
	assert_string_equal(capsule_tools_json(capsule), "[]");
	assert_int_equal(refused(fixture, capsule, "echo", "{}", 2), CAPSULE_EUNSUPPORTED);
	assert_says(fixture, "bare module");
	for (size_t i = 0; i < 6; i += 2) {
		struct capsule_op *op = NULL;

		assert_int_equal(
			capsule_call_export(capsule, exports[i], "", 0, NULL, NULL, &op, fixture->err), CAPSULE_OK);
		assert_status(fixture, capsule_op_wait(op, fixture->err), CAPSULE_OK);
		assert_string_equal(capsule_op_result(op, NULL), exports[i + 1]);
		capsule_op_free(op);
	}
}

static void calls_run_one_after_the_other_and_a_full_queue_refuses(void **state)
{
	struct fixture *fixture = *state;
	const char *path = fixture_capsule(fixture, "queue", "");
	struct outcome running, waiting[2];
	struct capsule *capsule;

	fixture_restart(fixture, (struct capsule_runtime_options){ .memory_store = true, .queue_calls = 2 });
	capsule = fixture_load(fixture, path);
	fixture_start(fixture, capsule, "rest", &running);
	fixture_start(fixture, capsule, "quoted", &waiting[0]);
	fixture_start(fixture, capsule, "bytes", &waiting[1]);
	assert_int_equal(refused(fixture, capsule, "quoted", "{}", 2), CAPSULE_ELIMIT);
	assert_says(fixture, "2 calls");
	assert_int_equal(waiting[0].done, running.done);
	assert_int_equal(capsule_op_wait(waiting[1].op, fixture->err), CAPSULE_OK);
	assert_int_equal(running.done + waiting[0].done + waiting[1].done, 3);
	assert_string_equal(waiting[0].result, "\"x\"");
	capsule_op_free(running.op);
	capsule_op_free(waiting[0].op);
	capsule_op_free(waiting[1].op);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_guest_gets_the_name_and_the_bytes_of_the_arguments),
		TEST(only_the_blanks_between_values_are_left_out),
		TEST(an_answer_is_given_as_it_is),
		TEST(an_answer_that_is_no_utf8_is_repaired),
		TEST(no_output_is_an_empty_answer),
		TEST(the_guests_own_error_and_its_trap_are_told_apart),
		TEST(an_unknown_tool_is_refused_with_the_nearest_name),
		TEST(arguments_that_are_no_json_are_refused_with_the_place),
		TEST(arguments_over_10_mib_are_refused_and_10_mib_are_not),
		TEST(an_export_gets_and_gives_bytes_as_they_are),
		TEST(an_export_must_be_named_and_be_there),
		TEST(a_bare_module_has_its_settings_and_a_state_but_no_tools),
		TEST(calls_run_one_after_the_other_and_a_full_queue_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
