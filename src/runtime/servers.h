/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The MCP servers of one capsule as the runtime has them: an engine each, what they are lent, what they tell. All
 * functions: loop thread. */
#ifndef RUNTIME_SERVERS_H
#define RUNTIME_SERVERS_H

#include "engine/mcp/mcp.h"
#include <capsule/runtime.h>

struct capsule;
struct capsule_runtime;

struct servers {
	struct capsule *capsule;
	struct mcp_services lent;
	struct mcp_engine_limits limits;
	struct kv_scope *pins;   /* NULL until it is asked for */
	struct engine **engines; /* borrowed from the composite, in the manifest's order */
	size_t count;
	struct buffer roots; /* JSON; empty: none are declared */
	struct buffer json;  /* last answer of capsule_mcp_servers_json() */
};

/** Make an engine for each server of `capsule` that can be started, behind those that its composite has; others are
 *  warned about. `env` is copied. Errors: CAPSULE_ENOMEM, CAPSULE_ENOTFOUND (the launcher). */
MUST_CHECK enum capsule_status servers_add(
	struct capsule *capsule, const struct engine_env *env, struct capsule_error *err);

/** Free what they were lent (taken; NULL is fine): the engines are gone. */
void servers_free(struct servers *servers);

/** The engine of `server`: its id, its whole name, or NULL for the only one. Errors: CAPSULE_ENOTFOUND (the nearest is
 *  offered), CAPSULE_EINVAL (NULL, and there are several), CAPSULE_ESTATE (not loaded). */
MUST_CHECK enum capsule_status servers_find(
	const struct capsule *capsule, const char *server, struct engine **engine, struct capsule_error *err);

/** "capsule:<id>:<server>" of the server that has `tool`, NULL when none has. Borrowed. */
const char *servers_of_tool(const struct capsule *capsule, const char *tool);

/* ---- servers_notes.c: what is written down and told ---- */

/** mcp_services.record and .tell; `user` is the servers. */
void servers_record(void *user, const struct mcp_call_note *note);
void servers_tell(void *user, const struct mcp_life_note *note);

/* ---- questions.c: people ---- */

/** mcp_services.ask; `user` is the servers. */
enum capsule_status questions_ask(
	void *user, const struct mcp_call_note *note, struct op *op, struct capsule_error *err);

/** Forget every question and every answer. Nobody waits any more. */
void questions_free(struct capsule_runtime *runtime);

/* ---- servers_options.c ---- */

/** Take what concerns programs out of the options of a runtime; give it back. Errors: CAPSULE_EINVAL (the option is
 *  named), CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status servers_configure(
	struct capsule_runtime *runtime, const struct capsule_runtime_options *options, struct capsule_error *err);
void servers_forget(struct capsule_runtime *runtime);

/** Why programs of the capsule `id` run without a sandbox; NULL: they do not. A static text. */
const char *servers_unsandboxed(const struct capsule_runtime *runtime, const char *id);

#endif
