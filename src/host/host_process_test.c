/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What guests ask about programs and what they are told, with real programs, without a sandbox. */
#include "host/host_fixture.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "process/children.h"
#include "process/program.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define SPAWN "astrid_spawn_host"
#define START "astrid_spawn_background_host"
#define LOGS "astrid_read_process_logs_host"
#define KILL "astrid_kill_process_host"

static char launcher[4096];
static struct program shell;

/* host_services.command: "gone" was there at load, "unsandboxed" stands for a machine without sandboxes. */
static enum capsule_status find(void *user, struct span command, const struct program **program,
	struct process_spec *spec, struct capsule_error *err)
{
	static char gone_path[] = "/nowhere/gone";
	static const struct program gone = { .command = gone_path, .path = gone_path };

	(void)user;
	if (span_is(command, "unsandboxed"))
		return error_set(err, CAPSULE_EUNSUPPORTED, "no sandbox can be made: install it");
	if (span_is(command, "unknown"))
		return error_set(err, CAPSULE_ENOTFOUND, "Cannot resolve binary 'unknown'");
	*program = span_is(command, "gone") ? &gone : &shell;
	*spec = (struct process_spec){ .launcher = launcher, .input = -1 };
	return CAPSULE_OK;
}

static void grant(struct fixture *fixture, const char *lines)
{
	const struct gate_roots roots = { .workspace = NULL };

	fixture_grant(fixture, lines);
	assert_int_equal(
		gate_new_manifest(&fixture->gate, fixture->manifest, &roots, GATE_FOR_COMPONENT, NULL), CAPSULE_OK);
	fixture->host.gate = fixture->gate;
}

static int set_up(void **state)
{
	struct fixture *fixture = fixture_new(false);
	const char *folder = getenv("CAPSULE_LIBEXEC_DIR");

	if (folder == NULL)
		fail_msg("CAPSULE_LIBEXEC_DIR is not set: run this test by \"meson test\"");
	(void)snprintf(launcher, sizeof launcher, "%s/capsule-launch", folder);
	assert_int_equal(program_find(&shell, "sh", &(struct program_places){ .path = NULL }, NULL), CAPSULE_OK);
	grant(fixture, "host_process = [\"sh\", \"gone\", \"unknown\", \"unsandboxed\"]");
	assert_int_equal(children_new(&fixture->host.services.children, fixture->loop, NULL), CAPSULE_OK);
	fixture->host.services.command = find;
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	struct children *children = fixture->host.services.children;

	host_call_fini(&fixture->call);
	host_call_init(&fixture->call, &fixture->host, fixture->call.resume, fixture->call.user);
	fixture->host.services.children = NULL;
	children_free(children);
	program_fini(&shell);
	fixture_free(fixture);
	return 0;
}

static void run(struct fixture *fixture, const char *name, const char *request, const char *answer)
{
	if (CALL(fixture, name, span_text(request)) != CAPSULE_OK)
		fail_msg("%s", fixture->err.text);
	assert_result(fixture, answer);
}

static void refused(struct fixture *fixture, const char *name, const char *request, const char *text)
{
	assert_int_not_equal(CALL(fixture, name, span_text(request)), CAPSULE_OK);
	assert_error_says(fixture, text);
}

static void a_program_that_is_not_granted_is_refused(void **state) /* hs:98 hs:99 */
{
	static const char *const denied[] = { "rm", "shx", "/bin/sh", "SH" };
	struct fixture *fixture = *state;
	char request[64], text[160];

	for (size_t i = 0; i < sizeof denied / sizeof denied[0]; i++) {
		(void)snprintf(request, sizeof request, "{\"cmd\":\"%s\"}", denied[i]);
		(void)snprintf(text, sizeof text,
			"Security Check Failed: capsule '" FIXTURE_CAPSULE
			"' denied: host process '%s' not declared in manifest (Capsule.toml:",
			denied[i]);
		refused(fixture, SPAWN, request, text);
		assert_int_equal(fixture->refused_operation, GATE_PROCESS);
		assert_string_equal(fixture->refused_operand, denied[i]);
		refused(fixture, START, request, text);
	}
	assert_int_equal(fixture->refused, 8);
	refused(fixture, SPAWN, "{\"cmd\":\"sh -c x\"}", "Security Check Failed: ");
	refused(fixture, SPAWN, "{\"cmd\":\"\"}", "Security Check Failed: ");
	grant(fixture, "host_process = []");
	refused(fixture, SPAWN, "{\"cmd\":\"sh\"}", "Security Check Failed: ");
	fixture->host.gate = NULL;
	refused(fixture, SPAWN, "{\"cmd\":\"sh\"}", "Security Check Failed: ");
	assert_int_equal(children_running(fixture->host.services.children), 0);
}

static void a_request_is_a_command_and_words(void **state) /* hs:102 */
{
	static const char *const broken[] = { "", "{", "[]", "null", "{}", "{\"args\":[]}", "{\"cmd\":1}",
		"{\"cmd\":null}", "{\"cmd\":\"sh\",\"args\":null}", "{\"cmd\":\"sh\",\"args\":\"x\"}",
		"{\"cmd\":\"sh\",\"args\":[1]}", "{\"cmd\":\"sh\",\"args\":[null]}", "{\"cmd\":\"sh\",\"cmd\":\"sh\"}",
		"{\"cmd\":\"sh\"} x", "{\"cmd\":\"sh\\u0000\"}", "{\"cmd\":\"sh\",\"args\":[\"a\\u0000b\"]}",
		"{\"cmd\":\"\xFF\"}" };
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
		refused(fixture, SPAWN, broken[i], "spawn_host failed: failed to parse process request: ");
		refused(fixture, START, broken[i], "failed to parse process request: ");
	}
	run(fixture, SPAWN, "{\"more\":{},\"cmd\":\"sh\"}", "{\"stdout\":\"\",\"stderr\":\"\",\"exit_code\":0}");
}

static void a_request_has_bounds(void **state)
{
	struct fixture *fixture = *state;
	const size_t len = 10485760 + 1, words = 4097, word = 128 * 1024;
	char *text = calloc(1, len + 1);

	assert_non_null(text);
	memset(text, ' ', len);
	memcpy(text, "{\"cmd\":\"sh\"}", 12);
	assert_int_equal(CALL(fixture, SPAWN, span_of(text, len)), CAPSULE_ELIMIT);
	assert_error_says(
		fixture, "memory allocation of 10485761 bytes exceeds maximum allowed limit of 10485760 bytes");
	assert_int_equal(CALL(fixture, SPAWN, span_of(text, len - 1)), CAPSULE_OK);
	(void)strcpy(text, "{\"cmd\":\"sh\",\"args\":[\"\"");
	for (size_t i = 1; i < words; i++)
		memcpy(text + 22 + 3 * (i - 1), ",\"\"", 4);
	(void)strcat(text, "]}");
	refused(fixture, SPAWN, text, "4097 words, 4096 are the most");
	(void)strcpy(text, "{\"cmd\":\"sh\",\"args\":[\"");
	memset(text + 21, 'x', word);
	memcpy(text + 21 + word, "\"]}", 4);
	refused(fixture, SPAWN, text, "131072 bytes: a word may have 131071");
	free(text);
}

static void a_program_tells_what_it_wrote(void **state) /* hs:101 hs:103 hs:105 hs:106 */
{
	struct fixture *fixture = *state;

	run(fixture, SPAWN, "{\"cmd\":\"sh\",\"args\":[\"-c\",\"echo hi; echo er >&2; exit 3\"]}",
		"{\"stdout\":\"hi\\n\",\"stderr\":\"er\\n\",\"exit_code\":3}");
	run(fixture, SPAWN, "{\"cmd\":\"sh\",\"args\":[\"-c\",\"printf %s \\\"$1\\\"\",\"sh\",\"a\\\"b\\nc\"]}",
		"{\"stdout\":\"a\\\"b\\nc\",\"stderr\":\"\",\"exit_code\":0}");
	run(fixture, SPAWN, "{\"cmd\":\"sh\",\"args\":[\"-c\",\"kill -9 $$\"]}",
		"{\"stdout\":\"\",\"stderr\":\"\",\"exit_code\":137}");
	run(fixture, SPAWN, "{\"cmd\":\"sh\",\"args\":[\"-c\",\"printf 'f\\\\377o'\"]}",
		"{\"stdout\":\"f\xEF\xBF\xBDo\",\"stderr\":\"\",\"exit_code\":0}");
}

static enum host_answer begin(struct fixture *fixture, const char *script)
{
	char request[256];
	struct span args[1];

	(void)snprintf(request, sizeof request, "{\"cmd\":\"sh\",\"args\":[\"-c\",\"%s\"]}", script);
	args[0] = span_text(request);
	return fixture_begin(fixture, SPAWN, 1, args);
}

static void what_an_answer_cannot_hold_is_counted(void **state)
{
	static const char head[] = "{\"stdout\":\"";
	struct fixture *fixture = *state;
	size_t shown = 16 * 1024 * 1024 / 6; /* \u0001 */
	HOLD(free_drop) char *text = NULL;
	char lost[64];

	assert_int_equal(begin(fixture, "head -c 4000000 /dev/zero | tr '\\\\0' '\\\\001'"), HOST_WAITING);
	while (fixture->resumed == 0)
		(void)loop_turn(fixture->loop, -1);
	assert_int_equal(host_call_finish(&fixture->call, &fixture->err), CAPSULE_OK);
	text = text_copy(fixture->call.result);
	assert_non_null(text);
	assert_int_equal(strncmp(text, head, sizeof head - 1), 0);
	assert_int_equal(text[sizeof head - 1 + 6 * shown], '"');
	(void)snprintf(lost, sizeof lost, ",\"stdout_truncated\":%zu}", 4000000 - shown);
	assert_non_null(strstr(text, lost));
}

static void a_program_that_is_not_there_is_an_answer(void **state) /* hs:104 */
{
	struct fixture *fixture = *state;

	run(fixture, SPAWN, "{\"cmd\":\"unknown\"}",
		"{\"stdout\":\"\",\"stderr\":\"Cannot resolve binary 'unknown'\",\"exit_code\":1}");
	assert_int_equal(CALL(fixture, SPAWN, span_text("{\"cmd\":\"gone\"}")), CAPSULE_OK);
	assert_true(span_starts(fixture->call.result, span_text("{\"stdout\":\"\",\"stderr\":\"")));
	assert_int_equal(memcmp(fixture->call.result.data + fixture->call.result.len - 15, ",\"exit_code\":1}", 15), 0);
	refused(fixture, START, "{\"cmd\":\"unknown\"}",
		"spawn_background_host failed: failed to spawn background process: Cannot resolve binary 'unknown'");
}

static void without_sandboxes_the_call_fails(void **state) /* hs:107 */
{
	struct fixture *fixture = *state;

	refused(fixture, SPAWN, "{\"cmd\":\"unsandboxed\"}", "spawn_host failed: failed to spawn command: no sandbox");
	refused(fixture, START, "{\"cmd\":\"unsandboxed\"}", "failed to spawn background process: no sandbox");
	fixture->host.services.command = NULL;
	refused(fixture, SPAWN, "{\"cmd\":\"sh\"}", "there are no programs for '" FIXTURE_CAPSULE "'");
}

static void the_end_of_the_capsule_is_an_answer(void **state) /* hs:109 */
{
	static const char answer[] = "{\"stdout\":\"\",\"stderr\":\"process cancelled\",\"exit_code\":-1}";
	struct fixture *fixture = *state;

	assert_int_equal(begin(fixture, "exec sleep 60"), HOST_WAITING);
	children_end_all(fixture->host.services.children);
	fixture_await(fixture);
	assert_int_equal(host_call_finish(&fixture->call, &fixture->err), CAPSULE_OK);
	assert_result(fixture, answer);
	run(fixture, SPAWN, "{\"cmd\":\"sh\"}", answer);
	refused(fixture, START, "{\"cmd\":\"sh\"}", "process cancelled");
}

static void a_call_that_is_let_go_of_ends_its_program(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(begin(fixture, "exec sleep 60"), HOST_WAITING);
	host_call_cancel(&fixture->call);
	assert_int_equal(children_running(fixture->host.services.children), 0);
	(void)loop_turn(fixture->loop, 0);
	assert_int_equal(fixture->resumed, 0);
	run(fixture, SPAWN, "{\"cmd\":\"sh\"}", "{\"stdout\":\"\",\"stderr\":\"\",\"exit_code\":0}");
}

static void a_call_that_is_cancelled_is_an_answer(void **state) /* of hs:110 the answer */
{
	struct fixture *fixture = *state;
	struct origin origin;

	origin_init(&origin);
	origin.call_id = 5;
	fixture->call.origin = &origin;
	assert_int_equal(begin(fixture, "exec sleep 60"), HOST_WAITING);
	assert_int_equal(children_cancel(fixture->host.services.children, 4), 0);
	assert_int_equal(children_cancel(fixture->host.services.children, 5), 1);
	fixture_await(fixture);
	assert_int_equal(host_call_finish(&fixture->call, &fixture->err), CAPSULE_OK);
	assert_result(fixture, "{\"stdout\":\"\",\"stderr\":\"\",\"exit_code\":-1}");
	fixture->call.origin = NULL;
}

static void wait_for_all(struct fixture *fixture)
{
	while (children_running(fixture->host.services.children) > 0)
		(void)loop_turn(fixture->loop, -1);
}

static void one_in_the_background_is_read_and_killed(void **state) /* hs:116 hs:118 hs:119 hs:121 hs:122 hs:124 */
{
	struct fixture *fixture = *state;

	run(fixture, START, "{\"cmd\":\"sh\",\"args\":[\"-c\",\"echo hello\"]}", "{\"id\":1}");
	wait_for_all(fixture);
	run(fixture, START, "{\"cmd\":\"sh\",\"args\":[\"-c\",\"exec sleep 60\"]}", "{\"id\":2}");
	run(fixture, LOGS, "{\"id\":1}", "{\"stdout\":\"hello\\n\",\"stderr\":\"\",\"running\":false,\"exit_code\":0}");
	run(fixture, LOGS, "{\"id\":1}", "{\"stdout\":\"\",\"stderr\":\"\",\"running\":false,\"exit_code\":0}");
	run(fixture, LOGS, "{\"id\":2}", "{\"stdout\":\"\",\"stderr\":\"\",\"running\":true,\"exit_code\":null}");
	run(fixture, KILL, "{\"id\":2}", "{\"killed\":true,\"exit_code\":null,\"stdout\":\"\",\"stderr\":\"\"}");
	run(fixture, START, "{\"cmd\":\"sh\",\"args\":[\"-c\",\"exit 4\"]}", "{\"id\":3}");
	wait_for_all(fixture);
	run(fixture, KILL, "{\"id\":3}", "{\"killed\":false,\"exit_code\":4,\"stdout\":\"\",\"stderr\":\"\"}");
	refused(fixture, LOGS, "{\"id\":2}", "no background process with id 2");
	refused(fixture, KILL, "{\"id\":3}", "no background process with id 3");
}

static void numbers_that_are_none(void **state) /* hs:123 */
{
	static const char *const broken[] = { "", "{}", "{\"id\":-1}", "{\"id\":1.0}", "{\"id\":\"1\"}",
		"{\"id\":null}", "[1]" };
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
		refused(fixture, LOGS, broken[i], "failed to parse read logs request: ");
		refused(fixture, KILL, broken[i], "failed to parse kill request: ");
	}
	refused(fixture, LOGS, "{\"id\":999}", "no background process with id 999");
	refused(fixture, KILL, "{\"id\":18446744073709551615}", "no background process with id 18446744073709551615");
}

static enum capsule_status no_room(struct host_call *call, size_t len, struct capsule_error *err)
{
	(void)call;
	return error_set(err, CAPSULE_ELIMIT, "no room for %zu bytes", len);
}

static void what_a_guest_has_no_room_for_stays(void **state)
{
	struct fixture *fixture = *state;

	run(fixture, START, "{\"cmd\":\"sh\",\"args\":[\"-c\",\"echo hello\"]}", "{\"id\":1}");
	wait_for_all(fixture);
	fixture->call.reserve = no_room;
	refused(fixture, LOGS, "{\"id\":1}", "no room for 62 bytes");
	fixture->call.reserve = NULL;
	run(fixture, LOGS, "{\"id\":1}", "{\"stdout\":\"hello\\n\",\"stderr\":\"\",\"running\":false,\"exit_code\":0}");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
		CASE(a_program_that_is_not_granted_is_refused),
		CASE(a_request_is_a_command_and_words),
		CASE(a_request_has_bounds),
		CASE(a_program_tells_what_it_wrote),
		CASE(what_an_answer_cannot_hold_is_counted),
		CASE(a_program_that_is_not_there_is_an_answer),
		CASE(without_sandboxes_the_call_fails),
		CASE(the_end_of_the_capsule_is_an_answer),
		CASE(a_call_that_is_let_go_of_ends_its_program),
		CASE(a_call_that_is_cancelled_is_an_answer),
		CASE(one_in_the_background_is_read_and_killed),
		CASE(numbers_that_are_none),
		CASE(what_a_guest_has_no_room_for_stays),
	};
#undef CASE

	return cmocka_run_group_tests(tests, NULL, NULL);
}
