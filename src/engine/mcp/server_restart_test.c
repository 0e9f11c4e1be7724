/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Servers that end by themselves: when they are started again, and when no more. */
#include "engine/mcp/server_fixture.h"

#include <signal.h>

static void kill_it(struct world *world)
{
	int pid = mcp_server_pid(world->server);

	assert_true(pid > 1);
	assert_int_equal(kill(pid, SIGKILL), 0);
}

/* Its state after it has ended and the process is gone. */
static void until_gone(struct world *world, enum mcp_server_state state)
{
	world_until(world, state);
	while (world->server->stdio != NULL)
		(void)loop_turn(world->loop, WORLD_PATIENCE_MS);
	world_until(world, state);
}

/* It waits for `ms`, a tenth more at most, and then becomes `state`. */
static void comes_back_after(struct world *world, int64_t ms, enum mcp_server_state state)
{
	until_gone(world, MCP_SERVER_WAITING);
	world_advance(world, ms - 1);
	assert_int_equal(mcp_server_state(world->server, NULL), MCP_SERVER_WAITING);
	world_advance(world, ms / 10 + 1);
	assert_int_not_equal(mcp_server_state(world->server, NULL), MCP_SERVER_WAITING);
	world_until(world, state);
}

/* mv:116 */
static void a_death_while_idle_is_told_and_mended(void **state)
{
	struct world *world = *state;

	world_child(world, "serve", "");
	world_start_ready(world);
	kill_it(world);
	until_gone(world, MCP_SERVER_WAITING);
	world_assert_why(world, "MCP server '" WORLD_NAME "' is no longer running: ");
	world_assert_why(world, "it was ended by signal 9 (KILL)");
	assert_int_equal(world->ended, 1);
	assert_int_equal(world_logged(world, "is no longer running"), 1);
	assert_int_equal(world_logged(world, "It is started again in 2"), 1);
	comes_back_after(world, 2000, MCP_SERVER_READY);
	assert_int_equal(mcp_server_restarts(world->server), 1);
	world_call(world);
}

/* rt:291 */
static void delays_double_are_capped_and_forgotten_after_a_minute_of_health(void **state)
{
	struct world *world = *state;

	world->limits.restart.most_ms = 6000;
	world_child(world, "serve", "");
	world_start_ready(world);
	for (int i = 0; i < 4; i++) {
		static const int64_t delays[] = { 2000, 4000, 6000, 6000 };

		kill_it(world);
		comes_back_after(world, delays[i], MCP_SERVER_READY);
	}
	clock_manual_advance(&world->clock, 60 * NS_PER_S);
	kill_it(world);
	comes_back_after(world, 2000, MCP_SERVER_READY);
}

/* mv:238 */
static void one_that_ends_at_once_after_every_start_is_given_up_after_five(void **state)
{
	struct world *world = *state;

	world_child(world, "once", "");
	world_start_ready(world);
	kill_it(world);
	for (int64_t delay = 2000; delay <= 32000; delay *= 2) {
		until_gone(world, MCP_SERVER_WAITING);
		world_advance(world, delay + delay / 10);
		while (mcp_server_state(world->server, NULL) != MCP_SERVER_WAITING &&
			mcp_server_state(world->server, NULL) != MCP_SERVER_FAILED)
			(void)loop_turn(world->loop, WORLD_PATIENCE_MS);
	}
	assert_int_equal(mcp_server_state(world->server, NULL), MCP_SERVER_FAILED);
	assert_int_equal(mcp_server_restarts(world->server), 5);
	world_assert_why(world, "given up after 5 attempts: ");
	world_assert_why(world, "it exited with status 6");
	world_advance(world, 3600 * 1000);
	assert_int_equal(mcp_server_state(world->server, NULL), MCP_SERVER_FAILED);
}

/* mv:131 */
static void a_policy_of_three_attempts_makes_three(void **state)
{
	struct world *world = *state;

	world->limits.restart.attempts = 3;
	world_child(world, "once", "");
	world_start_ready(world);
	kill_it(world);
	while (mcp_server_state(world->server, NULL) != MCP_SERVER_FAILED)
		world_advance(world, 10);
	assert_int_equal(mcp_server_restarts(world->server), 3);
}

static void what_is_replaced_is_not_started_again(void **state)
{
	struct world *world = *state;
	char digest[DIGEST_TEXT], line[128];
	FILE *file = fopen(world->child, "rb");

	assert_non_null(file);
	assert_int_equal(digest_file(digest, DIGEST_BLAKE3, fileno(file), NULL), CAPSULE_OK);
	(void)fclose(file);
	(void)snprintf(line, sizeof line, "hash = \"%s\"", digest);
	world_child(world, "serve", line);
	world_start_ready(world);
	place_write(world->place, "capsule/new", "#!/bin/sh\n", 0755);
	place_move(world->place, "capsule/new", "capsule/server");
	kill_it(world);
	until_gone(world, MCP_SERVER_WAITING);
	while (mcp_server_state(world->server, NULL) != MCP_SERVER_FAILED)
		world_advance(world, 10);
	assert_int_equal(mcp_server_restarts(world->server), 1);
	world_assert_why(world, "MCP server '" WORLD_NAME "' is not started again: Unsupported entry point: ");
	world_assert_why(world, "hash mismatch");
	assert_int_equal(world_logged(world, "is not started again: "), 1);
}

static void what_is_gone_is_looked_for_again(void **state)
{
	struct world *world = *state;

	world_child(world, "serve", "");
	world_start_ready(world);
	place_move(world->place, "capsule/server", "capsule/elsewhere");
	kill_it(world);
	comes_back_after(world, 2000, MCP_SERVER_WAITING);
	place_move(world->place, "capsule/elsewhere", "capsule/server");
	comes_back_after(world, 4000, MCP_SERVER_READY);
	assert_int_equal(mcp_server_restarts(world->server), 2);
}

/* What becomes of a server with `verb` under `policy`, when a call is begun if `called`. */
static void assert_policy(
	struct world *world, const char *verb, const char *policy, bool called, enum mcp_server_state expected)
{
	char line[64];

	(void)snprintf(line, sizeof line, "restart = \"%s\"", policy);
	world_child(world, verb, line);
	world_start_ready(world);
	if (called)
		world_begin_call(world);
	world_until(world, expected);
	world_advance(world, 250); /* for one that is lost and lives */
	until_gone(world, expected);
	world_assert_why(world, "is no longer running");
	world_advance(world, 2200);
	if (expected == MCP_SERVER_FAILED)
		assert_int_equal(mcp_server_state(world->server, NULL), MCP_SERVER_FAILED);
	else
		assert_int_not_equal(mcp_server_state(world->server, NULL), MCP_SERVER_WAITING);
}

static void never_means_never(void **state)
{
	assert_policy(*state, "die", "never", true, MCP_SERVER_FAILED);
	assert_policy(*state, "quit", "never", false, MCP_SERVER_FAILED);
}

static void always_means_also_after_a_clean_exit(void **state)
{
	assert_policy(*state, "die", "always", true, MCP_SERVER_WAITING);
	assert_policy(*state, "quit", "always", false, MCP_SERVER_WAITING);
}

static void a_clean_exit_is_a_failure_only_when_it_leaves_calls(void **state)
{
	assert_policy(*state, "die", "on-failure", true, MCP_SERVER_WAITING);
	assert_policy(*state, "quit", "on-failure", false, MCP_SERVER_FAILED);
	assert_policy(*state, "leave", "on-failure", true, MCP_SERVER_WAITING);
	assert_policy(*state, "close", "on-failure", false, MCP_SERVER_WAITING);
}

static void a_stop_while_it_waits_is_the_end_of_it(void **state)
{
	struct world *world = *state;

	world_child(world, "serve", "");
	world_start_ready(world);
	kill_it(world);
	until_gone(world, MCP_SERVER_WAITING);
	world_stop_and_wait(world);
	world_advance(world, 3600 * 1000);
	assert_int_equal(mcp_server_state(world->server, NULL), MCP_SERVER_STOPPED);
	world_start_ready(world);
	kill_it(world); /* the attempts of before count */
	comes_back_after(world, 4000, MCP_SERVER_READY);
}

static void a_stop_while_it_is_being_lost_is_the_end_of_it(void **state)
{
	struct world *world = *state;

	world_child(world, "close", "");
	world_start_ready(world);
	world_until(world, MCP_SERVER_WAITING); /* known at once, though the process lives */
	assert_non_null(world->server->stdio);
	world_stop_and_wait(world);
	assert_int_equal(mcp_server_pid(world->server), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_death_while_idle_is_told_and_mended),
		WORLD_TEST(delays_double_are_capped_and_forgotten_after_a_minute_of_health),
		WORLD_TEST(one_that_ends_at_once_after_every_start_is_given_up_after_five),
		WORLD_TEST(a_policy_of_three_attempts_makes_three),
		WORLD_TEST(what_is_replaced_is_not_started_again),
		WORLD_TEST(what_is_gone_is_looked_for_again),
		WORLD_TEST(never_means_never),
		WORLD_TEST(always_means_also_after_a_clean_exit),
		WORLD_TEST(a_clean_exit_is_a_failure_only_when_it_leaves_calls),
		WORLD_TEST(a_stop_while_it_waits_is_the_end_of_it),
		WORLD_TEST(a_stop_while_it_is_being_lost_is_the_end_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
