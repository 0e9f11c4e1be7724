/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* For the tests of the engine: a manifest with one server, which is tool_child, a loop on a clock moved by hand, and
 * floors above that keep what they are told. */
#ifndef ENGINE_MCP_ENGINE_FIXTURE_H
#define ENGINE_MCP_ENGINE_FIXTURE_H

#include "base/buffer.h"
#include "engine/mcp/mcp.h"
#include "store/kv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SERVER_NAME "capsule:demo:s"
#define TOOL(name) "{\"name\":\"" name "\",\"description\":\"A tool.\",\"inputSchema\":{\"type\":\"object\"}}"

/* One call, and what became of it. */
struct shot {
	struct engine_call call;
	int done;
	enum capsule_status status;
	char text[1024]; /* the error's */
	char *result;    /* owned */
};

struct stage {
	struct clock_manual clock;
	struct loop *loop;
	char launcher[512], child[512], home[64];
	struct manifest *manifest;
	struct kv_store *store;
	struct kv_scope *scope;
	struct engine *engine;
	struct engine_env env;
	struct mcp_services services;
	struct mcp_engine_limits limits;
	struct log_sink log;
	struct op load, unload;
	int loaded, unloaded;
	struct capsule_error load_error;
	/* What was told, a line each. */
	struct buffer logged, records, life, sent, received;
	int changes, retools;
	/* The question that waits. */
	struct op *question;
	int questions, withdrawn;
	char hash[65], result_hash[65]; /* of the last record that has them */
	bool pins_fail, ask_fails;
};

int stage_set_up(void **state);
int stage_tear_down(void **state);

/* Make the engine: `more` is added to the server's table, `args` are its words. NULL-ended. */
void stage_make(struct stage *stage, const char *more, const char *const *args);

/* Load it; stage->load_error says how it went. And unload it. */
void stage_load(struct stage *stage);
void stage_unload(struct stage *stage);

/* An op_done_fn that counts in stage->unloaded. */
void stage_unloaded(struct op *op, void *user);

/* Kill its process, and wait until that was noticed for the first time. */
void stage_kill_server(struct stage *stage);

/* Both, with tools of these names on one page; it must work. */
void stage_open(struct stage *stage, const char *more, const char *const *names);

/* Turn the loop until `condition`, or fail. */
#define STAGE_UNTIL(stage, condition)                                                                                  \
	do {                                                                                                           \
		int64_t until_ = stage_patience();                                                                     \
		while (!(condition)) {                                                                                 \
			if (stage_now() > until_)                                                                      \
				fail_msg("never came: %s\nlog:\n%s", #condition, buffer_text(&(stage)->logged));       \
			(void)loop_turn((stage)->loop, 1000);                                                          \
		}                                                                                                      \
	} while (0)

int64_t stage_now(void);
int64_t stage_patience(void);
void stage_advance(struct stage *stage, int64_t ms);

/* Begin a call of a tool, or of an interceptor. Returns what engine_ops.call() did; its text is in `shot`. */
enum capsule_status stage_call(struct stage *stage, struct shot *shot, const char *tool, const char *arguments);
enum capsule_status stage_hook(struct stage *stage, struct shot *shot, const char *action, const char *payload);

/* Begin one, and wait for its end, which is told in its status. */
void stage_run(struct stage *stage, struct shot *shot, const char *tool, const char *arguments);
void stage_run_hook(struct stage *stage, struct shot *shot, const char *action, const char *payload);

/* Free what it holds. */
void shot_fini(struct shot *shot);

/* Answer the question that waits. */
void stage_answer(struct stage *stage, enum mcp_answer answer);

/* How often `text` is in what was kept. */
int stage_count(struct buffer *kept, const char *text);

#endif
