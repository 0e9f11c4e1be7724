/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Servers of the Model Context Protocol behind the protocol client, and the same behind two bare pipes. */
#ifndef BENCH_MCP_RIG_H
#define BENCH_MCP_RIG_H

#include "loop/loop.h"
#include "mcp/stdio.h"
#include "process/sandbox.h"

#include <limits.h>
#include <sys/types.h>

struct mcp_rig {
	struct loop *loop;
	struct mcp_stdio *server; /* who is asked */
	char *launcher;
	char least[PATH_MAX]; /* servers that were compiled: bench/servers/least.c */
	char words[PATH_MAX]; /* ... examples/mcp/words/server.c */
	uint64_t results;
	int ready, lost, ended;
	bool starting;
};

/** Any failure of what follows ends the program. `guests` is the folder with what was compiled for the benches. */
void mcp_rig_open(struct mcp_rig *rig, const char *guests);
void mcp_rig_close(struct mcp_rig *rig);

/** Start a server and wait until its handshake is over. mcp_stdio_free() it. */
struct mcp_stdio *mcp_rig_start(struct mcp_rig *rig, const char *const *argv, const struct sandbox_plan *plan);

/** One request of the server: a call of `tool`, or `ping` when that is NULL. */
void mcp_rig_ask(struct mcp_rig *rig, const char *tool, const char *arguments);

/** Ask `count` times, `at_once` at a time; the nanoseconds that took until all results are there. */
int64_t mcp_rig_run(struct mcp_rig *rig, const char *tool, const char *arguments, uint64_t count, uint64_t at_once);

struct bare {
	pid_t pid;
	int in, out;
};

void bare_start(struct bare *bare, const char *const *argv);
void bare_stop(struct bare *bare);

/** Write `line` as often as `count` says at once, read until as many lines have come. */
void bare_ask(struct bare *bare, const char *line, size_t len, uint64_t count);

/** The handshake, as far as a server needs it. */
void bare_greet(struct bare *bare);

/** As mcp_rig_run(), with a line that is made once. */
int64_t bare_run(struct bare *bare, const char *tool, const char *arguments, uint64_t count, uint64_t at_once);

#endif
