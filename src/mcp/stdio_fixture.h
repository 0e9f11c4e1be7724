/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the tests of servers behind pipes share: a real server that misbehaves as its verb says, on a clock moved by
 * hand, and what was told of it. Every test ends without a descriptor or a child left. */
#ifndef MCP_STDIO_FIXTURE_H
#define MCP_STDIO_FIXTURE_H

#include "mcp/stdio.h"
#include "process/process_fixture.h"

#define EVENT_KINDS (MCP_EVENT_BAD_LINE + 1)
#define SCENE_PATIENCE_MS 60000 /* for what comes at once unless the machine is stuck */

struct scene {
	struct fixture *fixture;
	char child[FIXTURE_PATH]; /* mcp_child */
	struct mcp_stdio *server;
	struct mcp_client_options client;
	int counts[EVENT_KINDS];
	int lost;
	struct capsule_error ended, lost_why, failed; /* `failed`: of the last request */
	char last[4096];                              /* JSON or text of the last event that had one */
	struct buffer heard;                          /* lines of standard error, each in <> */
	int frees_at;                                 /* an event kind from inside of which the server is freed; -1 */
};

int scene_set_up(void **state);
int scene_tear_down(void **state);

/* Start mcp_child with `verb`; it tells its stages into the fixture's pipe. */
void scene_start(struct scene *scene, const char *verb);

/* Turn until there were `count` events of `kind`. */
void scene_expect(struct scene *scene, enum mcp_event_kind kind, int count);

/* Wait for the letter of a stage, without a turn. */
void scene_stage(const struct scene *scene, char letter);

void scene_turn(struct scene *scene, int wait_ms);
void scene_advance(struct scene *scene, int64_t ms);

/* Call its tool "echo" with `arguments`. Returns the status; *id may be NULL. */
enum capsule_status scene_call(struct scene *scene, struct span arguments, int64_t *id);

/* Its end must have a text with `part`. */
void scene_expect_end(struct scene *scene, const char *part);

#define SCENE_TEST(name) cmocka_unit_test_setup_teardown(name, scene_set_up, scene_tear_down)

#endif
