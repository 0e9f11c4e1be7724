/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A set of capsules: order, failures, cycles, readiness, states told as they change, cancel, shutdown. */
#include "runtime/runtime_fixture.h"

#include "runtime/discover.h"
#include <capsule/boot.h>
#include <capsule/content.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define REQUIRES(what) "[dependencies]\nrequires = [\"topic:" what "\"]\n"
#define PROVIDES(what) "[dependencies]\nprovides = [\"topic:" what "\"]\n"
#define BOTH(what, other) "[dependencies]\nprovides = [\"topic:" what "\"]\nrequires = [\"topic:" other "\"]\n"

/* A loop that says it is ready after 5 ms, and one that never does. */
#define LOOP(body)                                                                                                     \
	"(module (import \"extism:host/user\" \"astrid_signal_ready\" (func $ready))"                                  \
	"(import \"wasi_snapshot_preview1\" \"poll_oneoff\" (func $poll (param i32 i32 i32 i32) (result i32)))"        \
	"(memory (export \"memory\") 1) (data (i32.const 16) \"\\01\\00\\00\\00\")"                                    \
	"(func $rest (param i64) (i64.store (i32.const 24) (local.get 0))"                                             \
	"  (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128))))"                            \
	"(func (export \"run\") " body "(loop $again (call $rest (i64.const 600000000000)) (br $again))))"

struct told {
	char text[4096]; /* "id state, " each */
	struct capsule_runtime *runtime;
	int refused;
};

static void note_state(void *user, const struct capsule_state_change *change)
{
	struct told *told = user;
	size_t len = strlen(told->text);
	struct capsule_op *op = NULL;

	(void)snprintf(
		told->text + len, sizeof told->text - len, "%s%s %s", len == 0 ? "" : ", ", change->id, change->state);
	assert_true((change->reason != NULL) == (strcmp(change->state, "failed") == 0));
	/* Nobody may call into the runtime from here. */
	told->refused += capsule_shutdown(told->runtime, NULL, NULL, &op, NULL) == CAPSULE_ESTATE;
}

static void watch(struct fixture *fixture, struct told *told)
{
	*told = (struct told){ .runtime = fixture->runtime };
	capsule_watch_states(fixture->runtime, note_state, told);
}

/* The capsules in the folder `set`. */
static void discover(const struct fixture *fixture, struct capsule_discovery *out)
{
	const struct discovery_root root = { fixture_path(fixture, "set"), DISCOVERY_NAMED };

	memset(out, 0, sizeof *out);
	assert_int_equal(discovery_find(&out->found, &root, 1, NULL, NULL, NULL), CAPSULE_OK);
}

static void make_set(const struct fixture *fixture)
{
	assert_int_equal(mkdir(fixture_path(fixture, "set"), 0755), 0);
}

static void make(const struct fixture *fixture, const char *id, const char *more, const char *module)
{
	char name[64], file[128], text[1024];

	(void)snprintf(name, sizeof name, "set/%s", id);
	assert_int_equal(mkdir(fixture_path(fixture, name), 0755), 0);
	(void)snprintf(file, sizeof file, "%s/Capsule.toml", name);
	(void)snprintf(text, sizeof text, "[package]\nname = \"%s\"\nversion = \"1.2.3\"\n%s%s", id,
		module != NULL ? "[[component]]\nfile = \"guest.wat\"\n" : "", more);
	fixture_write(fixture, file, text);
	(void)snprintf(file, sizeof file, "%s/guest.wat", name);
	if (module != NULL)
		fixture_write(fixture, file, module);
}

/* Load the set; what it tells is a copy of the operation's result. */
static const char *boot(struct fixture *fixture)
{
	static char states[4096];
	struct capsule_discovery discovery;
	struct capsule_op *op = NULL;

	discover(fixture, &discovery);
	assert_status(fixture, capsule_boot(fixture->runtime, &discovery, NULL, NULL, &op, fixture->err), CAPSULE_OK);
	assert_status(fixture, capsule_op_wait(op, fixture->err), CAPSULE_OK);
	(void)snprintf(states, sizeof states, "%s", capsule_op_result(op, NULL));
	assert_string_equal(states, capsule_states_json(fixture->runtime));
	capsule_op_free(op);
	discovery_fini(&discovery.found);
	return states;
}

static void shut_down(struct fixture *fixture)
{
	struct capsule_op *op = NULL;

	assert_status(fixture, capsule_shutdown(fixture->runtime, NULL, NULL, &op, fixture->err), CAPSULE_OK);
	assert_status(fixture, capsule_op_wait(op, fixture->err), CAPSULE_OK);
	capsule_op_free(op);
	assert_string_equal(capsule_states_json(fixture->runtime), "[]");
}

static void assert_contains(const char *text, const char *part)
{
	if (text == NULL || strstr(text, part) == NULL)
		fail_msg("`%s` does not contain `%s`", text != NULL ? text : "", part);
}

static void providers_come_first_and_go_last(void **state)
{
	struct fixture *fixture = *state;
	struct told told;

	make_set(fixture);
	make(fixture, "a", REQUIRES("b"), NULL);
	make(fixture, "b", BOTH("b", "c"), NULL);
	make(fixture, "c", BOTH("c", "d"), NULL);
	make(fixture, "d", PROVIDES("d"), fixture_guest);
	watch(fixture, &told);
	assert_contains(boot(fixture),
		"\"state\":\"ready\",\"reason\":null,\"engines\":[\"wasm\",\"static\"],\"tools\":0},{\"id\":\"c\"");
	assert_string_equal(
		told.text, "d loading, d ready, c loading, c ready, b loading, b ready, a loading, a ready");
	assert_int_equal(told.refused, 8);
	assert_string_equal(capsule_id(capsule_find(fixture->runtime, "c")), "c");
	assert_null(capsule_find(fixture->runtime, "e"));
	watch(fixture, &told);
	shut_down(fixture);
	assert_string_equal(told.text,
		"a unloading, a unloaded, b unloading, b unloaded, c unloading, c unloaded, d unloading, d unloaded");
	assert_null(capsule_find(fixture->runtime, "c"));
	capsule_watch_states(fixture->runtime, NULL, NULL);
}

static void one_that_fails_stays_known_and_the_rest_goes_on(void **state)
{
	struct fixture *fixture = *state;
	struct capsule_op *op = NULL;
	struct capsule *failed;
	const char *states;

	make_set(fixture);
	make(fixture, "a", PROVIDES("a"), NULL);
	make(fixture, "b", BOTH("b", "a"), "(module");
	make(fixture, "c", REQUIRES("b"), NULL);
	states = boot(fixture);
	assert_contains(states, "{\"id\":\"b\",\"version\":\"1.2.3\",\"dir\":\"/");
	assert_contains(states, "\"state\":\"failed\",\"reason\":\"");
	failed = capsule_find(fixture->runtime, "b");
	assert_non_null(failed);
	assert_int_equal(capsule_health(failed, fixture->err), CAPSULE_FAILED);
	assert_int_equal(capsule_call_export(failed, "x", "", 0, NULL, NULL, &op, fixture->err), CAPSULE_ESTATE);
	assert_says(fixture, "capsule 'b' has failed");
	assert_int_equal(capsule_health(capsule_find(fixture->runtime, "c"), NULL), CAPSULE_READY);
	shut_down(fixture);
}

static void a_second_boot_loads_what_failed_and_keeps_the_rest(void **state)
{
	struct fixture *fixture = *state;
	struct told told;

	make_set(fixture);
	make(fixture, "a", "", fixture_guest);
	make(fixture, "b", "", "(module");
	(void)boot(fixture);
	fixture_write(fixture, "set/b/guest.wat", fixture_guest);
	watch(fixture, &told);
	(void)boot(fixture);
	assert_string_equal(told.text, "b unloading, b unloaded, b loading, b ready");
	watch(fixture, &told);
	(void)boot(fixture);
	assert_string_equal(told.text, "");
	capsule_watch_states(fixture->runtime, NULL, NULL);
}

static void a_manifest_that_changed_meanwhile_is_not_loaded(void **state)
{
	struct fixture *fixture = *state;
	struct capsule_discovery discovery;
	struct capsule_op *op = NULL;

	make_set(fixture);
	make(fixture, "a", "", NULL);
	discover(fixture, &discovery);
	fixture_write(fixture, "set/a/Capsule.toml", "[package]\nname = \"a\"\nversion = \"6.6.6\"\n");
	assert_int_equal(capsule_boot(fixture->runtime, &discovery, NULL, NULL, &op, fixture->err), CAPSULE_OK);
	assert_int_equal(capsule_op_wait(op, fixture->err), CAPSULE_OK);
	assert_contains(capsule_op_result(op, NULL), "changed since it was found");
	capsule_op_free(op);
	discovery_fini(&discovery.found);
	shut_down(fixture);
}

static void a_module_is_the_one_that_was_approved(void **state)
{
	struct fixture *fixture = *state;
	struct capsule_discovery discovery;
	struct capsule_op *op = NULL;

	make_set(fixture);
	make(fixture, "a", "", fixture_guest);
	discover(fixture, &discovery);
	memset(discovery.found.items[0].module_blake3, '0', 64);
	assert_int_equal(capsule_boot(fixture->runtime, &discovery, NULL, NULL, &op, fixture->err), CAPSULE_OK);
	assert_int_equal(capsule_op_wait(op, fixture->err), CAPSULE_OK);
	assert_contains(capsule_op_result(op, NULL), "expected BLAKE3 000000");
	capsule_op_free(op);
	discovery_fini(&discovery.found);
	shut_down(fixture);
}

static void files_are_those_that_were_approved(void **state)
{
	struct fixture *fixture = *state;
	struct capsule_discovery discovery;
	struct capsule_op *op = NULL;

	make_set(fixture);
	make(fixture, "a", "[[context_file]]\nname = \"c\"\nfile = \"guest.wat\"\n", fixture_guest);
	discover(fixture, &discovery);
	discovery.found.items[0].approved = strdup("another hash");
	assert_int_equal(capsule_boot(fixture->runtime, &discovery, NULL, NULL, &op, fixture->err), CAPSULE_OK);
	assert_int_equal(capsule_op_wait(op, fixture->err), CAPSULE_OK);
	assert_contains(capsule_op_result(op, NULL), "is not the one that was approved");
	capsule_op_free(op);
	discovery_fini(&discovery.found);
	shut_down(fixture);
}

static void what_failed_before_it_was_registered_is_known_once(void **state)
{
	struct fixture *fixture = *state;
	struct capsule_discovery discovery;
	struct capsule_op *op = NULL;

	make_set(fixture);
	make(fixture, "a", "", NULL);
	discover(fixture, &discovery);
	fixture_write(fixture, "set/a/Capsule.toml", "[package]\nname = \"a\"\nversion = \"6.6.6\"\n");
	assert_int_equal(capsule_boot(fixture->runtime, &discovery, NULL, NULL, &op, fixture->err), CAPSULE_OK);
	assert_int_equal(capsule_op_wait(op, fixture->err), CAPSULE_OK);
	capsule_op_free(op);
	discovery_fini(&discovery.found);
	assert_non_null(capsule_find(fixture->runtime, "a"));
	assert_int_equal(capsule_health(capsule_find(fixture->runtime, "a"), fixture->err), CAPSULE_FAILED);
	assert_null(strstr(boot(fixture), "failed"));
	assert_int_equal(capsule_health(capsule_find(fixture->runtime, "a"), NULL), CAPSULE_READY);
	shut_down(fixture);
}

static void a_shutdown_ends_when_a_load_came_to_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct capsule_op *load = NULL, *down = NULL;

	assert_int_equal(capsule_load(fixture->runtime, "/nonexistent", NULL, NULL, &load, fixture->err), CAPSULE_OK);
	assert_int_equal(capsule_shutdown(fixture->runtime, NULL, NULL, &down, fixture->err), CAPSULE_OK);
	fixture_settle(fixture);
	assert_true(capsule_op_done(load));
	assert_true(capsule_op_done(down));
	capsule_op_free(load);
	capsule_op_free(down);
}

/* Boot the set as if it came with a workspace and had been approved with these rights; NULL: nothing is held against it. */
static void boot_of_workspace(struct fixture *fixture, const char *rights)
{
	struct capsule_discovery discovery;
	struct capsule_op *op = NULL;

	discover(fixture, &discovery);
	discovery.found.items[0].origin = DISCOVERY_WORKSPACE;
	discovery.found.items[0].rights = rights == NULL ? NULL : strdup(rights);
	assert_int_equal(capsule_boot(fixture->runtime, &discovery, NULL, NULL, &op, fixture->err), CAPSULE_OK);
	assert_int_equal(capsule_op_wait(op, fixture->err), CAPSULE_OK);
	capsule_op_free(op);
	discovery_fini(&discovery.found);
}

static void rights_are_those_that_were_approved(void **state)
{
	struct fixture *fixture = *state;

	make_set(fixture);
	make(fixture, "a", "[capabilities]\nnet = [\"example.com\"]\n", fixture_guest);
	boot_of_workspace(fixture, "\nnet example.org");
	assert_contains(capsule_states_json(fixture->runtime), "it may do something else than was approved");
	boot_of_workspace(fixture, "\nnet example.com");
	assert_contains(capsule_states_json(fixture->runtime), "\"state\":\"ready\"");
	shut_down(fixture);
}

static void state_of_a_workspace_is_its_own(void **state)
{
	struct fixture *fixture = *state;
	struct capsule *capsule;

	make_set(fixture);
	make(fixture, "a",
		"[[tool]]\nname = \"keep\"\ndescription = \"\"\n[[tool]]\nname = \"get\"\ndescription = \"\"\n",
		fixture_guest);
	capsule = fixture_load(fixture, fixture_path(fixture, "set/a"));
	assert_string_equal(fixture_call(fixture, capsule, "keep", "{}"), "Hello!");
	fixture_unload(fixture, capsule);
	boot_of_workspace(fixture, NULL);
	capsule = capsule_find(fixture->runtime, "a");
	assert_string_equal(fixture_call(fixture, capsule, "get", "{}"), "");
	assert_string_equal(fixture_call(fixture, capsule, "keep", "{}"), "Hello!");
	shut_down(fixture);
	boot_of_workspace(fixture, NULL); /* and it is kept */
	assert_string_equal(fixture_call(fixture, capsule_find(fixture->runtime, "a"), "get", "{}"), "Hello!");
	shut_down(fixture);
}

static void what_is_served_was_read_at_load(void **state)
{
	struct fixture *fixture = *state;
	struct capsule *capsule;

	make_set(fixture);
	make(fixture, "a", "[[context_file]]\nname = \"c\"\nfile = \"c.md\"\n", NULL);
	fixture_write(fixture, "set/a/c.md", "before");
	capsule = fixture_load(fixture, fixture_path(fixture, "set/a"));
	fixture_write(fixture, "set/a/c.md", "after");
	assert_contains(capsule_content_served(capsule, CAPSULE_CONTEXT, true), "\"text\":\"before\"");
	assert_string_equal(capsule_content_served(capsule, CAPSULE_SKILL, true), "[]");
	fixture_unload(fixture, capsule);
}

/* capsule_log_fn: the last warning. */
static void note_warning(void *user, enum capsule_log_level level, const char *capsule, const char *message, size_t len)
{
	if (level == CAPSULE_LOG_WARN)
		(void)snprintf(user, 256, "%s: %.*s", capsule == NULL ? "" : capsule, (int)len, message);
}

static void servers_that_are_not_started_are_told(void **state) /* mv:16 */
{
	struct fixture *fixture = *state;
	char warning[256] = "";

	fixture_restart(fixture,
		(struct capsule_runtime_options){ .memory_store = true, .log = note_warning, .log_user = warning });
	make_set(fixture);
	make(fixture, "a",
		"[[mcp_server]]\nid = \"y\"\ntype = \"wasm-ipc\"\ncommand = \"true\"\n"
		"[capabilities]\nhost_process = [\"true\"]\n",
		NULL);
	(void)boot(fixture);
	assert_string_equal(warning,
		"a: the MCP server `y` is not started: its type is `wasm-ipc`; the types are: stdio. Write type = \"stdio\"");
	shut_down(fixture);
}

static void members_of_a_cycle_are_loaded_without_waiting_for_each_other(void **state)
{
	struct fixture *fixture = *state;

	fixture_restart(fixture, (struct capsule_runtime_options){ .memory_store = true, .ready_ms = 86400000 });
	make_set(fixture);
	make(fixture, "a", BOTH("a", "b"), LOOP(""));
	make(fixture, "b", BOTH("b", "a"), LOOP(""));
	assert_contains(boot(fixture), "\"id\":\"b\"");
	assert_int_equal(capsule_health(capsule_find(fixture->runtime, "a"), NULL), CAPSULE_READY);
	assert_int_equal(capsule_health(capsule_find(fixture->runtime, "b"), NULL), CAPSULE_READY);
	shut_down(fixture);
}

static void a_run_loop_is_ready_before_those_who_require_it_are_loaded(void **state)
{
	struct fixture *fixture = *state;
	struct capsule_discovery discovery;
	struct capsule_op *op = NULL;
	struct told told;

	fixture_restart(fixture, (struct capsule_runtime_options){ .memory_store = true, .ready_ms = 86400000 });
	make_set(fixture);
	make(fixture, "a", REQUIRES("loop"), NULL);
	make(fixture, "b", REQUIRES("loop"), NULL);
	make(fixture, "loop", PROVIDES("loop"), LOOP("(call $rest (i64.const 5000000)) (call $ready)"));
	watch(fixture, &told);
	discover(fixture, &discovery);
	assert_int_equal(capsule_boot(fixture->runtime, &discovery, NULL, NULL, &op, fixture->err), CAPSULE_OK);
	while (strcmp(told.text, "loop loading, loop ready") != 0)
		assert_true(capsule_runtime_turn(fixture->runtime, -1));
	/* It rests, and nobody goes on; the day that is waited for at most is not over. */
	fixture_settle(fixture);
	assert_string_equal(capsule_op_stage(op), "a, which waits for loop");
	assert_int_equal(capsule_op_wait(op, fixture->err), CAPSULE_OK);
	assert_string_equal(told.text, "loop loading, loop ready, a loading, a ready, b loading, b ready");
	capsule_op_free(op);
	discovery_fini(&discovery.found);
	capsule_watch_states(fixture->runtime, NULL, NULL);
}

static void one_that_never_gets_ready_holds_nobody_up_for_long(void **state)
{
	struct fixture *fixture = *state;

	fixture_restart(fixture, (struct capsule_runtime_options){ .memory_store = true, .ready_ms = 10 });
	make_set(fixture);
	make(fixture, "a", REQUIRES("loop"), NULL);
	make(fixture, "loop", PROVIDES("loop"), LOOP(""));
	(void)boot(fixture);
	assert_int_equal(capsule_health(capsule_find(fixture->runtime, "a"), NULL), CAPSULE_READY);
}

static void a_boot_can_be_given_up_at_any_turn(void **state)
{
	struct fixture *fixture = *state;

	make_set(fixture);
	make(fixture, "a", REQUIRES("loop"), fixture_guest);
	make(fixture, "loop", PROVIDES("loop"), LOOP("(call $rest (i64.const 1000000)) (call $ready)"));
	make(fixture, "z", "", fixture_guest);
	for (int turns = 0; turns < 12; turns++) {
		struct capsule_discovery discovery;
		struct outcome outcome = { 0 };

		discover(fixture, &discovery);
		assert_status(fixture,
			capsule_boot(fixture->runtime, &discovery, fixture_note, &outcome, &outcome.op, fixture->err),
			CAPSULE_OK);
		for (int i = 0; i < turns && outcome.done == 0; i++)
			(void)capsule_runtime_turn(fixture->runtime, 0);
		if (turns % 2 == 0)
			capsule_op_cancel(outcome.op);
		capsule_op_free(outcome.op);
		discovery_fini(&discovery.found);
		fixture_settle(fixture);
		if (outcome.done != 0)
			shut_down(fixture);
		/* The loop is given a moment to end by itself; with the last turn nothing is left to do. */
		while (strcmp(capsule_states_json(fixture->runtime), "[]") != 0)
			assert_true(capsule_runtime_turn(fixture->runtime, -1) ||
				strcmp(capsule_states_json(fixture->runtime), "[]") == 0);
		fixture_settle(fixture);
	}
}

static void a_shutdown_ends_a_boot_and_loads(void **state)
{
	struct fixture *fixture = *state;
	struct capsule_discovery discovery;
	struct outcome booting = { 0 }, loading = { 0 };
	struct capsule_op *op = NULL, *late = NULL;

	make_set(fixture);
	make(fixture, "a", REQUIRES("loop"), NULL);
	make(fixture, "loop", PROVIDES("loop"), LOOP(""));
	(void)fixture_load_module(fixture);
	discover(fixture, &discovery);
	assert_int_equal(
		capsule_boot(fixture->runtime, &discovery, fixture_note, &booting, &booting.op, NULL), CAPSULE_OK);
	assert_int_equal(capsule_boot(fixture->runtime, &discovery, NULL, NULL, &late, fixture->err), CAPSULE_ESTATE);
	assert_says(fixture, "a boot is under way");
	for (int i = 0; i < 6; i++)
		(void)capsule_runtime_turn(fixture->runtime, 0);
	assert_int_equal(capsule_load(fixture->runtime, fixture_capsule(fixture, "other", ""), fixture_note, &loading,
				 &loading.op, NULL),
		CAPSULE_OK);
	assert_int_equal(capsule_shutdown(fixture->runtime, NULL, NULL, &op, fixture->err), CAPSULE_OK);
	assert_int_equal(capsule_shutdown(fixture->runtime, NULL, NULL, &late, fixture->err), CAPSULE_ESTATE);
	assert_int_equal(
		capsule_load(fixture->runtime, fixture_path(fixture, "other"), NULL, NULL, &late, fixture->err),
		CAPSULE_ESTATE);
	assert_says(fixture, "is being shut down");
	assert_int_equal(capsule_boot(fixture->runtime, &discovery, NULL, NULL, &late, NULL), CAPSULE_ESTATE);
	assert_int_equal(capsule_op_wait(op, fixture->err), CAPSULE_OK);
	assert_int_equal(booting.status, CAPSULE_ECANCELLED);
	assert_int_equal(loading.status, CAPSULE_ECANCELLED);
	assert_string_equal(capsule_states_json(fixture->runtime), "[]");
	capsule_op_free(op);
	capsule_op_free(booting.op);
	capsule_op_free(loading.op);
	discovery_fini(&discovery.found);
}

static void a_runtime_may_be_freed_in_the_middle_of_everything(void **state)
{
	struct fixture *fixture = *state;
	struct capsule_discovery discovery;
	struct capsule_op *booting = NULL, *ending = NULL;

	make_set(fixture);
	make(fixture, "a", REQUIRES("loop"), NULL);
	make(fixture, "loop", PROVIDES("loop"), LOOP(""));
	discover(fixture, &discovery);
	for (int turns = 0; turns < 8; turns++) {
		assert_int_equal(capsule_boot(fixture->runtime, &discovery, NULL, NULL, &booting, NULL), CAPSULE_OK);
		for (int i = 0; i < turns; i++)
			(void)capsule_runtime_turn(fixture->runtime, 0);
		if (turns % 2 == 0)
			assert_int_equal(capsule_shutdown(fixture->runtime, NULL, NULL, &ending, NULL), CAPSULE_OK);
		fixture_restart(fixture, (struct capsule_runtime_options){ .memory_store = true });
	}
	discovery_fini(&discovery.found);
}

static void nothing_to_boot_and_nothing_to_shut_down_is_fine(void **state)
{
	struct fixture *fixture = *state;
	struct capsule_op *op = NULL;

	make_set(fixture);
	assert_string_equal(boot(fixture), "[]");
	shut_down(fixture);
	assert_int_equal(capsule_boot(fixture->runtime, NULL, NULL, NULL, &op, fixture->err), CAPSULE_EINVAL);
	assert_int_equal(capsule_boot(NULL, NULL, NULL, NULL, &op, fixture->err), CAPSULE_EINVAL);
	assert_int_equal(capsule_shutdown(fixture->runtime, NULL, NULL, NULL, fixture->err), CAPSULE_EINVAL);
}

static void a_run_loop_that_ends_later_is_told(void **state)
{
	struct fixture *fixture = *state;
	struct told told;

	make_set(fixture);
	make(fixture, "over", "", "(module (func (export \"run\")))");
	watch(fixture, &told);
	(void)boot(fixture);
	fixture_settle(fixture);
	assert_string_equal(told.text, "over loading, over ready, over failed");
	assert_contains(capsule_states_json(fixture->runtime), "\"reason\":\"WASM run loop exited unexpectedly");
	capsule_watch_states(fixture->runtime, NULL, NULL);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(providers_come_first_and_go_last),
		TEST(one_that_fails_stays_known_and_the_rest_goes_on),
		TEST(a_second_boot_loads_what_failed_and_keeps_the_rest),
		TEST(a_manifest_that_changed_meanwhile_is_not_loaded),
		TEST(a_module_is_the_one_that_was_approved),
		TEST(files_are_those_that_were_approved),
		TEST(what_failed_before_it_was_registered_is_known_once),
		TEST(a_shutdown_ends_when_a_load_came_to_nothing),
		TEST(rights_are_those_that_were_approved),
		TEST(state_of_a_workspace_is_its_own),
		TEST(what_is_served_was_read_at_load),
		TEST(servers_that_are_not_started_are_told),
		TEST(members_of_a_cycle_are_loaded_without_waiting_for_each_other),
		TEST(a_run_loop_is_ready_before_those_who_require_it_are_loaded),
		TEST(one_that_never_gets_ready_holds_nobody_up_for_long),
		TEST(a_boot_can_be_given_up_at_any_turn),
		TEST(a_shutdown_ends_a_boot_and_loads),
		TEST(a_runtime_may_be_freed_in_the_middle_of_everything),
		TEST(nothing_to_boot_and_nothing_to_shut_down_is_fine),
		TEST(a_run_loop_that_ends_later_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
