/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the tests of supervised servers share: a capsule `demo` in a folder of its own, whose server `files` is
 * mcp_child, on a clock moved by hand. Every test ends without a descriptor or a child left. */
#ifndef ENGINE_MCP_SERVER_FIXTURE_H
#define ENGINE_MCP_SERVER_FIXTURE_H

#include "engine/mcp/server_internal.h"
#include "process/place_fixture.h"

#define WORLD_PATIENCE_MS 60000 /* for what comes at once unless the machine is stuck */
#define WORLD_NAME "capsule:demo:files"

struct world_op {
	struct op op;
	bool done;
	struct capsule_error error;
};

struct world {
	struct place_fixture *place; /* place->capsule is the capsule's folder */
	struct clock_manual clock;
	struct loop *loop;
	struct kv_store *store;
	struct kv_scope *scope;
	struct manifest *manifest;
	struct gate *gate;
	struct engine_env env;
	struct mcp_services services;
	struct mcp_engine_limits limits;
	struct log_sink log;
	struct buffer logged;
	char launcher[4096], child[4096], state_dir[128];
	struct mcp_server *server;
	int ready, ended, changes;
	char result[65536]; /* of the last call */
	int fds_before;
};

int world_set_up(void **state);
int world_tear_down(void **state);

/* Make the server of a manifest with these lines in [[mcp_server]], [capabilities] and below. */
void world_server(struct world *world, const char *capabilities, const char *server, const char *more);

/* The same whose program is mcp_child, ./server in the capsule's folder, with the one word `verb`. */
void world_child(struct world *world, const char *verb, const char *more);

void world_start(struct world *world, struct world_op *op);
void world_stop(struct world *world, struct world_op *op);
void world_wait(struct world *world, struct world_op *op);

/* Start it and wait until it is ready, or has failed with a text with `part`. */
void world_start_ready(struct world *world);
void world_start_fails(struct world *world, const char *part);
void world_stop_and_wait(struct world *world);

/* Turn until its state is `wanted`. */
void world_until(struct world *world, enum mcp_server_state wanted);
void world_advance(struct world *world, int64_t ms);

/* Begin to call its tool, or also wait for the result. */
void world_begin_call(struct world *world);
void world_call(struct world *world);

void world_assert_why(struct world *world, const char *part);
size_t world_logged(struct world *world, const char *part);

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

#endif
