/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* WASI preview 1: sleeping on a clock that is moved by hand, and what every function answers to a guest without files, also
 * one whose pointers and counts are hostile. */
#include "engine/wasm/engine_fixture.h"

#include "engine/wasm/wasi.h"

#include <stdio.h>

#define EFAULT_SAYS "exit code: 21"
#define EINVAL_SAYS "exit code: 28"

/* `poll` passes four numbers of the input on; its return code is the error. What is subscribed stands in data segments. */
#define POLL_GUEST(module, data)                                                                                       \
	MODULE("(import \"" module "\" \"poll_oneoff\" (func $poll (param i32 i32 i32 i32) (result i32)))",            \
		"(memory (export \"memory\") 1)"                                                                       \
		"(func (export \"poll\") (result i32)"                                                                 \
		"  (call $poll (call $arg (i64.const 0)) (call $arg (i64.const 1))"                                    \
		"    (call $arg (i64.const 2)) (call $arg (i64.const 3))))"                                            \
		"(func (export \"events\") (local i64) (local.set 0 (call $alloc (i64.const 36)))"                     \
		"  (call $output (local.get 0) (i64.const 36)) (call $copy (local.get 0) (i32.const 0)))"              \
		"(func $copy (param i64 i32) (loop $next"                                                              \
		"  (call $store (i64.add (local.get 0) (i64.extend_i32_u (local.get 1)))"                              \
		"    (i32.load8_u (i32.add (i32.const 512) (local.get 1))))"                                           \
		"  (local.set 1 (i32.add (local.get 1) (i32.const 1)))"                                                \
		"  (br_if $next (i32.lt_u (local.get 1) (i32.const 36)))))" data)

#define NEW "wasi_snapshot_preview1"
#define OLD "wasi_unstable"

/* At 0: monotonic clock, in 5 s. At 48: a descriptor that does not exist. At 96: standard input. At 144: clock 7. */
#define SUBSCRIPTIONS                                                                                                  \
	"(data (i32.const 0) \"\\2a\") (data (i32.const 16) \"\\01\")"                                                 \
	"(data (i32.const 24) \"\\00\\f2\\05\\2a\\01\")"                                                               \
	"(data (i32.const 48) \"\\2b\") (data (i32.const 56) \"\\01\") (data (i32.const 64) \"\\09\")"                 \
	"(data (i32.const 96) \"\\2c\") (data (i32.const 104) \"\\01\")"                                               \
	"(data (i32.const 144) \"\\2d\") (data (i32.const 160) \"\\07\")"

static const char sleeper[] = POLL_GUEST(NEW, SUBSCRIPTIONS);

/* A call of `poll` with these four numbers. Events go to 512, their number to 544 for a single one. */
struct poll_call {
	uint64_t args[4];
	struct guest_call call;
};

static void poll_start(struct poll_call *poll, struct guest *guest, uint32_t subscriptions, uint32_t events,
	uint32_t count, uint32_t stored)
{
	const uint64_t args[4] = { subscriptions, events, count, stored };

	memcpy(poll->args, args, sizeof args);
	call_init(&poll->call, guest, "poll", span_of(poll->args, sizeof args));
	call_start(&poll->call);
}

static void poll_fini(struct poll_call *poll)
{
	call_fini(&poll->call);
}

#define POLL(name, ...)                                                                                                \
	HOLD(poll_fini) struct poll_call name;                                                                         \
	poll_start(&name, __VA_ARGS__)

/* One event at 512 and the count behind it: user data, error, type. */
static void assert_event(struct guest *guest, uint64_t userdata, uint16_t error, uint8_t type)
{
	const uint8_t *event;
	CALL(call, guest, "events");

	call_await(&call);
	assert_int_equal(call.call.op.result.len, 36);
	event = call.call.op.result.data;
	assert_int_equal(wasi_load64(event), userdata);
	assert_int_equal(event[8] | event[9] << 8, error);
	assert_int_equal(event[10], type);
	assert_int_equal(wasi_load32(event + 32), 1);
}

static void test_a_guest_sleeps_until_its_clock_is_due(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = guest_new(fixture, sleeper);
	POLL(poll, guest, 0, 512, 1, 544);

	settle(fixture);
	advance_ms(fixture, 4999);
	assert_int_equal(poll.call.done, 0);
	advance_ms(fixture, 1);
	assert_answered(&poll.call, "");
	assert_int_equal(poll.call.call.wall_ns, 5 * NS_PER_S);
	assert_event(guest, 0x2a, 0, 0);
}

static void test_two_guests_sleep_beside_each_other(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *first = guest_new(fixture, sleeper), *second = guest_new(fixture, sleeper);
	POLL(one, first, 0, 512, 1, 544);

	settle(fixture);
	advance_ms(fixture, 2000);
	POLL(two, second, 0, 512, 1, 544);
	settle(fixture);
	advance_ms(fixture, 3000);
	assert_int_equal(one.call.done, 1);
	assert_int_equal(two.call.done, 0);
	advance_ms(fixture, 2000);
	assert_answered(&two.call, "");
	assert_answered(&one.call, "");
}

static void test_cancel_and_unload_end_a_sleep(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = guest_new(fixture, sleeper);
	POLL(cancelled, guest, 0, 512, 1, 544);

	settle(fixture);
	op_cancel(&cancelled.call.call.op);
	assert_failed(&cancelled.call, CAPSULE_ECANCELLED, "cancelled");
	POLL(unloaded, guest, 0, 512, 1, 544);
	settle(fixture);
	guest_unload(guest);
	assert_failed(&unloaded.call, CAPSULE_ECANCELLED, "unloaded");
	advance_ms(fixture, 10000);
}

static void test_the_old_layout_has_its_clock_eight_bytes_later(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop)
	struct guest *guest = guest_new(fixture,
		POLL_GUEST(OLD,
			"(data (i32.const 0) \"\\07\") (data (i32.const 24) \"\\01\")"
			"(data (i32.const 32) \"\\00\\f2\\05\\2a\\01\")"));
	POLL(poll, guest, 0, 512, 1, 544);

	settle(fixture);
	advance_ms(fixture, 4999);
	assert_int_equal(poll.call.done, 0);
	advance_ms(fixture, 1);
	assert_answered(&poll.call, "");
	assert_event(guest, 7, 0, 0);
}

static void test_a_clock_may_be_absolute(void **state)
{
	struct engine_fixture *fixture = *state;
	/* Monotonic 1005 s: the fixture's clock begins at 1000 s. */
	HOLD(guest_drop)
	struct guest *guest = guest_new(fixture,
		POLL_GUEST(NEW,
			"(data (i32.const 16) \"\\01\") (data (i32.const 24) \"\\00\\02\\ab\\fe\\e9\")"
			"(data (i32.const 40) \"\\01\")"));
	POLL(poll, guest, 0, 512, 1, 544);

	settle(fixture);
	advance_ms(fixture, 4999);
	assert_int_equal(poll.call.done, 0);
	advance_ms(fixture, 1);
	assert_answered(&poll.call, "");
	POLL(past, guest, 0, 512, 1, 544);
	assert_answered(&past.call, "");
}

static void test_what_can_not_become_ready_is_answered_at_once(void **state)
{
	HOLD(guest_drop) struct guest *guest = guest_new(*state, sleeper);

	POLL(both, guest, 0, 512, 2, 544);
	assert_answered(&both.call, "");
	assert_event(guest, 0x2b, WASI_BADF, 1);
	POLL(input, guest, 96, 512, 1, 544);
	assert_answered(&input.call, "");
	assert_event(guest, 0x2c, WASI_OK, 1);
	POLL(clock, guest, 144, 512, 1, 544);
	assert_answered(&clock.call, "");
	assert_event(guest, 0x2d, WASI_INVAL, 0);
}

static void test_hostile_polls_are_errors(void **state)
{
	static const struct {
		uint32_t subscriptions, events, count, stored;
		const char *says;
	} hostile[] = {
		{ 0, 512, 0, 544, EINVAL_SAYS },
		{ 0, 512, 65, 544, EINVAL_SAYS },
		{ 0, 512, UINT32_MAX, 544, EINVAL_SAYS },
		{ 65536 - 47, 512, 1, 544, EFAULT_SAYS },
		{ UINT32_MAX, 512, 1, 544, EFAULT_SAYS },
		{ 0, 65536 - 31, 1, 544, EFAULT_SAYS },
		{ 0, UINT32_MAX - 30, 1, 544, EFAULT_SAYS },
		{ 0, 512, 1, 65533, EFAULT_SAYS },
		{ 0, 512, 1, UINT32_MAX, EFAULT_SAYS },
		{ 32768, 65536 - 64 * 32 + 1, 64, 544, EFAULT_SAYS },
	};
	HOLD(guest_drop) struct guest *guest = guest_new(*state, sleeper);

	for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
		POLL(poll, guest, hostile[i].subscriptions, hostile[i].events, hostile[i].count, hostile[i].stored);
		assert_failed(&poll.call, CAPSULE_EGUEST, hostile[i].says);
	}
	/* Events that are written over the subscriptions, and the count over the events, only harm the guest. */
	POLL(over, guest, 48, 40, 2, 44);
	assert_answered(&over.call, "");
	POLL(all, guest, 65536 - 64 * 48, 0, 64, 32768);
	assert_answered(&all.call, "");
}

static void test_without_an_exported_memory_nothing_is_reached(void **state)
{
	HOLD(guest_drop)
	struct guest *guest = guest_new(*state,
		MODULE("(import \"" NEW "\" \"poll_oneoff\" (func $poll (param i32 i32 i32 i32) (result i32)))"
		       "(import \"" NEW "\" \"random_get\" (func $random (param i32 i32) (result i32)))",
			"(memory 1)"
			"(func (export \"poll\") (result i32)"
			"  (call $poll (i32.const 0) (i32.const 512) (i32.const 1) (i32.const 544)))"
			"(func (export \"random\") (result i32) (call $random (i32.const 0) (i32.const 1)))"));

	assert_fails(guest, "poll", CAPSULE_EGUEST, EFAULT_SAYS);
	assert_fails(guest, "random", CAPSULE_EGUEST, EFAULT_SAYS);
}

/* ---- Every function, by its answer ---- */

struct answer_row {
	const char *name, *params; /* i = i32, I = i64 */
	int64_t args[9];
	enum wasi_errno error;
};

#define END 65536 /* of the guest's memory */

/* 100: two vectors, "ab" and "c". 120: one of a length behind the end. */
static const struct answer_row answers[] = {
	{ "args_get", "ii", { 0, 0 }, WASI_OK },
	{ "args_sizes_get", "ii", { 0, 8 }, WASI_OK },
	{ "args_sizes_get", "ii", { END - 3, 8 }, WASI_FAULT },
	{ "args_sizes_get", "ii", { 0, -1 }, WASI_FAULT },
	{ "environ_get", "ii", { 0, 0 }, WASI_OK },
	{ "environ_sizes_get", "ii", { 0, 8 }, WASI_OK },
	{ "environ_sizes_get", "ii", { -4, 8 }, WASI_FAULT },
	{ "clock_res_get", "ii", { 0, 0 }, WASI_OK },
	{ "clock_res_get", "ii", { 2, 0 }, WASI_BADF },
	{ "clock_res_get", "ii", { 1, END - 7 }, WASI_FAULT },
	{ "clock_time_get", "iIi", { 1, 0, END - 8 }, WASI_OK },
	{ "clock_time_get", "iIi", { 3, 0, 0 }, WASI_BADF },
	{ "clock_time_get", "iIi", { -1, 0, 0 }, WASI_BADF },
	{ "clock_time_get", "iIi", { 0, 0, -8 }, WASI_FAULT },
	{ "fd_advise", "iIIi", { 0 }, WASI_BADF },
	{ "fd_allocate", "iII", { 0 }, WASI_BADF },
	{ "fd_close", "i", { 3 }, WASI_BADF },
	{ "fd_datasync", "i", { 1 }, WASI_BADF },
	{ "fd_fdstat_get", "ii", { 1, 0 }, WASI_OK },
	{ "fd_fdstat_get", "ii", { 3, 0 }, WASI_BADF },
	{ "fd_fdstat_get", "ii", { -1, 0 }, WASI_BADF },
	{ "fd_fdstat_get", "ii", { 0, END - 23 }, WASI_FAULT },
	{ "fd_fdstat_set_flags", "ii", { 1 }, WASI_BADF },
	{ "fd_fdstat_set_rights", "iII", { 1 }, WASI_BADF },
	{ "fd_filestat_get", "ii", { 1 }, WASI_BADF },
	{ "fd_filestat_set_size", "iI", { 1 }, WASI_BADF },
	{ "fd_filestat_set_times", "iIIi", { 1 }, WASI_BADF },
	{ "fd_pread", "iiiIi", { 0 }, WASI_BADF },
	{ "fd_prestat_get", "ii", { 3 }, WASI_BADF },
	{ "fd_prestat_dir_name", "iii", { 3 }, WASI_BADF },
	{ "fd_pwrite", "iiiIi", { 1 }, WASI_BADF },
	{ "fd_read", "iiii", { 0, 100, 2, 0 }, WASI_OK },
	{ "fd_read", "iiii", { 1, 100, 2, 0 }, WASI_BADF },
	{ "fd_read", "iiii", { 0, 100, 2, -1 }, WASI_FAULT },
	{ "fd_readdir", "iiiIi", { 3 }, WASI_BADF },
	{ "fd_renumber", "ii", { 0, 1 }, WASI_BADF },
	{ "fd_seek", "iIii", { 1 }, WASI_SPIPE },
	{ "fd_seek", "iIii", { 3 }, WASI_BADF },
	{ "fd_sync", "i", { 1 }, WASI_BADF },
	{ "fd_tell", "ii", { 2 }, WASI_SPIPE },
	{ "fd_write", "iiii", { 1, 100, 2, 0 }, WASI_OK },
	{ "fd_write", "iiii", { 0, 100, 2, 0 }, WASI_BADF },
	{ "fd_write", "iiii", { 3, 100, 2, 0 }, WASI_BADF },
	{ "fd_write", "iiii", { 1, 120, 1, 0 }, WASI_FAULT },
	{ "fd_write", "iiii", { 1, 100, 2, END - 3 }, WASI_FAULT },
	{ "fd_write", "iiii", { 1, END - 7, 1, 0 }, WASI_FAULT },
	{ "fd_write", "iiii", { 1, 100, 1025, 0 }, WASI_INVAL },
	{ "fd_write", "iiii", { 1, 0, -1, 0 }, WASI_INVAL },
	{ "path_create_directory", "iii", { 3 }, WASI_BADF },
	{ "path_filestat_get", "iiiii", { 3 }, WASI_BADF },
	{ "path_filestat_set_times", "iiiiIIi", { 3 }, WASI_BADF },
	{ "path_link", "iiiiiii", { 3 }, WASI_BADF },
	{ "path_open", "iiiiiIIii", { 3 }, WASI_BADF },
	{ "path_readlink", "iiiiii", { 3 }, WASI_BADF },
	{ "path_remove_directory", "iii", { 3 }, WASI_BADF },
	{ "path_rename", "iiiiii", { 3 }, WASI_BADF },
	{ "path_symlink", "iiiii", { 0 }, WASI_BADF },
	{ "path_unlink_file", "iii", { 3 }, WASI_BADF },
	{ "random_get", "ii", { 0, 16 }, WASI_OK },
	{ "random_get", "ii", { END, 0 }, WASI_OK },
	{ "random_get", "ii", { END, 1 }, WASI_FAULT },
	{ "random_get", "ii", { 16, -1 }, WASI_FAULT },
	{ "sched_yield", "", { 0 }, WASI_OK },
	{ "sock_accept", "iii", { 3 }, WASI_BADF },
	{ "sock_recv", "iiiiii", { 3 }, WASI_BADF },
	{ "sock_send", "iiiii", { 3 }, WASI_BADF },
	{ "sock_shutdown", "ii", { 3 }, WASI_BADF },
};

#define ANSWERS (sizeof answers / sizeof answers[0])

/* An export "r<n>" for each row, which gives back what the function answers. */
static void append_answers(struct buffer *wat, const char *module)
{
	buffer_append_text(wat, "(module");
	for (size_t i = 0; i < ANSWERS; i++) {
		buffer_printf(wat, "(import \"%s\" \"%s\" (func $f%zu (param", module, answers[i].name, i);
		for (const char *at = answers[i].params; *at != '\0'; at++)
			buffer_append_text(wat, *at == 'i' ? " i32" : " i64");
		buffer_append_text(wat, ") (result i32)))");
	}
	buffer_append_text(wat,
		"(memory (export \"memory\") 1) (data (i32.const 90) \"abc\")"
		"(data (i32.const 100) \"\\5a\\00\\00\\00\\02\\00\\00\\00\\5c\\00\\00\\00\\01\")"
		"(data (i32.const 120) \"\\ff\\ff\\00\\00\\02\")");
	for (size_t i = 0; i < ANSWERS; i++) {
		buffer_printf(wat, "(func (export \"r%zu\") (result i32) (call $f%zu", i, i);
		for (size_t p = 0; answers[i].params[p] != '\0'; p++)
			buffer_printf(wat, " (i%s.const %lld)", answers[i].params[p] == 'i' ? "32" : "64",
				(long long)answers[i].args[p]);
		buffer_append_text(wat, "))");
	}
	buffer_append_text(wat, ")");
}

static void check_answers(struct engine_fixture *fixture, const char *module)
{
	HOLD(buffer_fini) struct buffer wat = { 0 };
	HOLD(guest_drop) struct guest *guest = NULL;

	append_answers(&wat, module);
	guest = guest_new(fixture, buffer_text(&wat));
	for (size_t i = 0; i < ANSWERS; i++) {
		char name[16], says[32];

		(void)snprintf(name, sizeof name, "r%zu", i);
		(void)snprintf(says, sizeof says, "exit code: %d", answers[i].error);
		CALL(call, guest, name);
		call_await(&call);
		if (call.error.status != CAPSULE_OK && strstr(call.error.text, says) == NULL)
			fail_msg("%s (row %zu): %s", answers[i].name, i, call.error.text);
		if ((call.error.status == CAPSULE_OK) != (answers[i].error == WASI_OK))
			fail_msg("%s (row %zu) answers %s", answers[i].name, i, call.error.text);
	}
}

static void test_every_function_answers_as_without_files(void **state) /* abi:145 */
{
	check_answers(*state, NEW);
}

static void test_the_first_release_of_wasi_answers_the_same(void **state)
{
	check_answers(*state, OLD);
}

/* ---- What they leave behind ---- */

#define WASI_IMPORT(name, type) "(import \"" NEW "\" \"" #name "\" (func $" #name " " type "))"

static const char effects[] = MODULE(
	WASI_IMPORT(args_sizes_get, "(param i32 i32) (result i32)") WASI_IMPORT(environ_sizes_get,
		"(param i32 i32) (result i32)") WASI_IMPORT(random_get, "(param i32 i32) (result i32)")
		WASI_IMPORT(fd_write, "(param i32 i32 i32 i32) (result i32)")
			WASI_IMPORT(fd_read, "(param i32 i32 i32 i32) (result i32)")
				WASI_IMPORT(clock_time_get, "(param i32 i64 i32) (result i32)"),
	"(memory (export \"memory\") 1)"
	"(data (i32.const 100) \"\\78\\00\\00\\00\\04\\00\\00\\00\\7c\\00\\00\\00\\02\")"
	"(data (i32.const 120) \"said\\ff\\0a\")"
	"(func (export \"sizes\") (result i32)"
	"  (i64.store (i32.const 0) (i64.const -1)) (i64.store (i32.const 8) (i64.const -1))"
	"  (drop (call $args_sizes_get (i32.const 0) (i32.const 4)))"
	"  (drop (call $environ_sizes_get (i32.const 8) (i32.const 12)))"
	"  (i64.ne (i64.const 0) (i64.or (i64.load (i32.const 0)) (i64.load (i32.const 8)))))"
	"(func (export \"random\") (result i32)"
	"  (drop (call $random_get (i32.const 0) (i32.const 16)))"
	"  (i64.eqz (i64.or (i64.load (i32.const 0)) (i64.load (i32.const 8)))))"
	"(func (export \"write\") (result i32)"
	"  (drop (call $fd_write (call $arg (i64.const 0)) (i32.const 100) (i32.const 2) (i32.const 0)))"
	"  (i32.ne (i32.load (i32.const 0)) (i32.const 6)))"
	"(func (export \"read\") (result i32) (i32.store (i32.const 0) (i32.const 9))"
	"  (drop (call $fd_read (i32.const 0) (i32.const 100) (i32.const 2) (i32.const 0))) (i32.load (i32.const 0)))"
	"(func (export \"times\") (result i32)"
	"  (drop (call $clock_time_get (i32.const 0) (i64.const 1) (i32.const 0)))"
	"  (drop (call $clock_time_get (i32.const 1) (i64.const 1) (i32.const 8)))"
	"  (i32.or (i64.ne (i64.load (i32.const 0)) (i64.const 1700000000123000000))"
	"    (i64.ne (i64.load (i32.const 8)) (i64.const 1000000000000))))");

static void test_what_the_functions_leave_in_memory(void **state) /* abi:145 */
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = guest_new(fixture, effects);

	assert_answers(guest, "sizes", "");
	assert_answers(guest, "random", "");
	assert_answers(guest, "read", "");
	assert_answers(guest, "times", "");
	assert_int_equal(fixture->logged.len, 0);
}

static void test_what_a_guest_writes_goes_to_the_log(void **state)
{
	struct engine_fixture *fixture = *state;
	HOLD(guest_drop) struct guest *guest = guest_new(fixture, effects);

	for (uint64_t fd = 1; fd <= 2; fd++) {
		HOLD(call_fini) struct guest_call call;

		call_init(&call, guest, "write", span_of(&fd, sizeof fd));
		call_start(&call);
		assert_answered(&call, "");
	}
	assert_string_equal(buffer_text(&fixture->logged), "said\xef\xbf\xbd\nsaid\xef\xbf\xbd\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, engine_fixture_new, engine_fixture_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_guest_sleeps_until_its_clock_is_due),
		TEST(test_two_guests_sleep_beside_each_other),
		TEST(test_cancel_and_unload_end_a_sleep),
		TEST(test_the_old_layout_has_its_clock_eight_bytes_later),
		TEST(test_a_clock_may_be_absolute),
		TEST(test_what_can_not_become_ready_is_answered_at_once),
		TEST(test_hostile_polls_are_errors),
		TEST(test_without_an_exported_memory_nothing_is_reached),
		TEST(test_every_function_answers_as_without_files),
		TEST(test_the_first_release_of_wasi_answers_the_same),
		TEST(test_what_the_functions_leave_in_memory),
		TEST(test_what_a_guest_writes_goes_to_the_log),
	};

	return cmocka_run_group_tests_name("WASI", tests, NULL, NULL);
}
