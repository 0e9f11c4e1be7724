/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The store on disk and other processes: one that holds it, and one that is killed while it writes. For those this program
 * starts itself again, as `hold DATABASE 0` and `write DATABASE GENERATION`. */
#include "store/kv_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

static int set_up(void **state)
{
	fixture_new(state);
	fixture_open(*state, true);
	return 0;
}

/* Start this program again; `*out` reads what it prints. */
static pid_t start_self(int *out, const char *what, const char *path, uint32_t generation)
{
	char number[16];
	char *const arguments[] = { "kv_process_test", (char *)what, (char *)path, number, NULL };
	posix_spawn_file_actions_t actions;
	int ends[2];
	pid_t pid;

	(void)snprintf(number, sizeof number, "%u", generation);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
	assert_int_equal(posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO), 0);
	assert_int_equal(posix_spawn(&pid, "/proc/self/exe", &actions, NULL, arguments, environ), 0);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(ends[1]);
	*out = ends[0];
	return pid;
}

static void kill_and_reap(pid_t pid)
{
	int status;

	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status)); /* it did not end by a failure of its own */
}

static bool read_number(int fd, uint32_t *number)
{
	return read(fd, number, sizeof *number) == (ssize_t)sizeof *number;
}

static void report(uint32_t number)
{
	if (write(STDOUT_FILENO, &number, sizeof number) != (ssize_t)sizeof number)
		_exit(1);
}

static void a_second_process_is_refused_at_open_until_the_first_is_gone(void **state)
{
	struct fixture *fixture = *state;
	struct capsule_error error = { .status = CAPSULE_OK };
	struct kv_store *store = NULL;
	uint32_t ready;
	int out;
	pid_t pid;

	set(fixture, "k", "before");
	fixture_close(fixture);
	pid = start_self(&out, "hold", fixture->path, 0);
	assert_true(read_number(out, &ready));
	assert_int_equal(kv_open_sqlite(&store, fixture->loop, fixture->path, &error), CAPSULE_ELOCKED);
	assert_non_null(strstr(error.text, fixture->path));
	assert_non_null(strstr(error.text, "in use by another process"));
	kill_and_reap(pid);
	(void)close(out);
	fixture_open(fixture, true);
	expect(fixture, "k", "before");
}

/* The writer's work. Generation g goes to key g % SLOTS, and the value can be told to be whole. */

#define SLOTS 23

static void slot_key(char *key, uint32_t generation)
{
	(void)snprintf(key, 16, "slot-%u", generation % SLOTS);
}

static size_t generation_size(uint32_t generation)
{
	return 4 + (generation % 9 == 8 ? LIMIT_INLINE_WORK + generation * 977 % 200000 : generation * 131 % 6000);
}

static struct span generation_value(uint8_t *bytes, uint32_t generation)
{
	size_t size = generation_size(generation);

	memcpy(bytes, &generation, sizeof generation);
	for (size_t i = sizeof generation; i < size; i++)
		bytes[i] = (uint8_t)(generation + i * 7);
	return span_of(bytes, size);
}

static int write_until_killed(const char *path, uint32_t generation)
{
	static uint8_t bytes[4 + LIMIT_INLINE_WORK + 200000];
	struct fixture fixture = { .loop = NULL };
	char key[16];

	if (loop_new(&fixture.loop, &clock_system, NULL) != CAPSULE_OK)
		return 1;
	if (kv_open_sqlite(&fixture.store, fixture.loop, path, NULL) != CAPSULE_OK ||
		kv_scope_new(&fixture.scope, fixture.store, "alice", "notes", NULL) != CAPSULE_OK)
		return 1;
	for (;; generation++) {
		slot_key(key, generation);
		if (set_in(&fixture, fixture.scope, span_text(key), generation_value(bytes, generation)) != CAPSULE_OK)
			return 1;
		report(generation);
	}
}

static int hold(const char *path)
{
	struct fixture fixture = { .loop = NULL };

	if (loop_new(&fixture.loop, &clock_system, NULL) != CAPSULE_OK ||
		kv_open_sqlite(&fixture.store, fixture.loop, path, NULL) != CAPSULE_OK)
		return 1;
	report(0);
	for (;;)
		(void)pause();
}

/* The slot holds the whole value of its last acknowledged generation, or of the one that was under way at the end. */
static void expect_slot(const struct fixture *fixture, uint32_t slot, uint32_t acknowledged)
{
	static uint8_t bytes[4 + LIMIT_INLINE_WORK + 200000];
	char key[16];
	uint32_t last = acknowledged - (acknowledged + SLOTS - slot) % SLOTS, stored;
	CALL(call, fixture, KV_GET, NOTHING, NOTHING);

	slot_key(key, slot);
	call.request.key = span_text(key);
	assert_int_equal(call_run(&call, fixture, fixture->scope), CAPSULE_OK);
	assert_true(call.request.found);
	assert_true(call.request.op.result.len >= sizeof stored);
	memcpy(&stored, call.request.op.result.data, sizeof stored);
	assert_true(stored == last || (stored == acknowledged + 1 && stored % SLOTS == slot));
	assert_true(span_equal(buffer_span(&call.request.op.result), generation_value(bytes, stored)));
}

static void a_killed_writer_loses_nothing_it_acknowledged(void **state)
{
	struct fixture *fixture = *state;
	uint32_t acknowledged = 0;
	uint32_t seed = (uint32_t)getpid();

	print_message("seed %u\n", seed);
	for (int round = 0; round < 25; round++) {
		uint32_t goal = acknowledged + SLOTS + draw(&seed, 120);
		int out;
		pid_t pid;

		fixture_close(fixture);
		pid = start_self(&out, "write", fixture->path, acknowledged + 1);
		while (acknowledged < goal)
			assert_true(read_number(out, &acknowledged));
		kill_and_reap(pid);
		while (read_number(out, &acknowledged)) /* what it had still said before it died */
			continue;
		(void)close(out);
		fixture_open(fixture, true);
		for (uint32_t slot = 0; slot < SLOTS; slot++)
			expect_slot(fixture, slot, acknowledged);
	}
}

static int run_all(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_second_process_is_refused_at_open_until_the_first_is_gone, set_up, fixture_free),
		cmocka_unit_test_setup_teardown(a_killed_writer_loses_nothing_it_acknowledged, set_up, fixture_free),
	};

	return cmocka_run_group_tests_name("processes", tests, NULL, NULL);
}

int main(int count, char **arguments)
{
	if (count > 3 && strcmp(arguments[1], "hold") == 0)
		return hold(arguments[2]);
	if (count > 3 && strcmp(arguments[1], "write") == 0)
		return write_until_killed(arguments[2], (uint32_t)strtoul(arguments[3], NULL, 10));
	return run_all();
}
