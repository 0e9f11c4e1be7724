/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Inside the engine of a server: what its parts share. */
#ifndef ENGINE_MCP_INTERNAL_H
#define ENGINE_MCP_INTERNAL_H

#include "engine/mcp/calls.h"
#include "engine/mcp/catalog.h"
#include "engine/mcp/consent.h"
#include "engine/mcp/mcp.h"
#include "engine/mcp/pace.h"
#include "engine/mcp/pins.h"
#include "engine/mcp/server.h"

enum mcp_phase { MCP_DOWN, MCP_LOADING, MCP_UP, MCP_LOAD_FAILED };

struct mcp_engine {
	struct engine engine;
	struct engine_env env;
	const struct manifest_mcp_server *declared;
	const struct mcp_services *services;
	struct mcp_engine_limits limits;        /* with the defaults that are used here */
	struct mcp_engine_limits server_limits; /* what the server gets: it carries lists beside the calls */
	struct mcp_server *server;
	enum mcp_phase phase;
	enum engine_health told;  /* what engine.changed was called for last */
	struct capsule_error why; /* of MCP_LOAD_FAILED */
	struct op starting, stopping;
	struct op *load;          /* who waits for it; NULL: nobody */
	struct list_node unloads; /* op.link of those that wait */

	struct mcp_catalog catalog;
	bool listed;     /* it is what the process that runs now has said */
	bool listing;    /* list `list_id` is under way */
	bool list_again; /* and once more then */
	struct pace lists;
	struct timer list_later; /* the next one, when `lists` puts it off */
	int64_t list_id;
	struct mcp_pins pins;

	struct mcp_consents consents;
	struct mcp_calls calls;
	struct list_node asked; /* requests of mcp_engine_request() */
	bool connected;         /* was told, and its end was not */
};

static inline struct mcp_engine *mcp_engine_of(const struct engine *engine)
{
	return (struct mcp_engine *)(uintptr_t)engine;
}

/** "capsule:<id>:<server>". */
static inline const char *mcp_engine_name(const struct mcp_engine *self)
{
	return mcp_server_name(self->server);
}

/** As engine_ops.health(). */
enum engine_health mcp_engine_health(const struct mcp_engine *self, struct capsule_error *why);

/** Fill `err` with why nothing can be asked now: "MCP server not running: <name>: ...". Returns CAPSULE_ESTATE. */
enum capsule_status mcp_engine_refuse(const struct mcp_engine *self, struct capsule_error *err);

/** Tell that its health changed, if it has. */
void mcp_engine_tell_health(struct mcp_engine *self);

/** One line for the log, in front of it the server's name; `text` may hold anything. The second for what a server can
 *  cause again and again, which is bounded. */
void mcp_engine_log(const struct mcp_engine *self, enum capsule_log_level level, const char *what, struct span text);

void mcp_engine_log_bounded(
	const struct mcp_engine *self, enum capsule_log_level level, const char *what, struct span text);

/** Tell of its life, if somebody listens; `note` without the server's name. */
void mcp_engine_tell(const struct mcp_engine *self, struct mcp_life_note note);

/* ---- engine_tools.c ---- */

/** Ask for the list of tools, or once more when the one under way is there, or later when it was asked for too often. A
 *  failure of the request itself is told as that of a list. */
void mcp_engine_list_tools(struct mcp_engine *self);

/** timer.fire of list_later. */
void mcp_engine_list_due(struct timer *timer);

/** There is nobody to ask any more. */
void mcp_engine_list_none(struct mcp_engine *self);

/** MCP_EVENT_LISTED of that list. */
void mcp_engine_listed(struct mcp_engine *self, struct span list, const struct capsule_error *error);

/** The load is over: with a failure, or NULL. */
void mcp_engine_loaded(struct mcp_engine *self, const struct capsule_error *error);

/* ---- engine_events.c ---- */

/** mcp_server_options.event and .changed; `user` is the engine. */
void mcp_engine_event(void *user, const struct mcp_event *event);
void mcp_engine_server_changed(void *user);

/* ---- engine_requests.c ---- */

/** End those that `event` answers: one request, or all that wait for the same list. */
void mcp_engine_answer_asked(struct mcp_engine *self, const struct mcp_event *event);

/** End all of them with `err`. */
void mcp_engine_end_asked(struct mcp_engine *self, const struct capsule_error *err);

#endif
