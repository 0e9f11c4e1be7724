/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* For the tests of MCP servers through the public functions: a small server in Python, and capsules that have it. */
#ifndef RUNTIME_SERVERS_FIXTURE_H
#define RUNTIME_SERVERS_FIXTURE_H

#include "runtime/events_fixture.h"

#define MAY_START "[capabilities]\nhost_process = [\"python3\"]\n"
#define SERVER(id)                                                                                                     \
	"[[mcp_server]]\nid = \"" id "\"\ntype = \"stdio\"\ncommand = \"python3\"\nargs = [\"./server.py\"]\n"

/* What was audited last, and the last of each kind of reason. */
struct audited {
	int count;
	char operations[512]; /* "mcp_call started, ..." */
	char operand[256], detail[1024];
};

/** A capsule `name` of nothing but what `more` says, with server.py in its folder. Returns its path as fixture_path(). */
const char *servers_capsule(struct fixture *fixture, const char *name, const char *more);

/** Write server.py into the folder `name`. Its tools: `echo` (gives back `text`), `fail` (is an error), `die` (ends the
 *  server), `more` (has one tool more from then on). */
void servers_write(struct fixture *fixture, const char *name);

/** A capsule_audit_fn; `user` is a struct audited. */
void servers_audited(void *user, const struct capsule_audit_record *record);

/** Turn until `done` says so of `user`; the alarm ends a test for which it never does. */
void servers_turn_until(struct fixture *fixture, bool (*done)(void *user), void *user);

#endif
