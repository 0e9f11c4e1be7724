/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Inside a capsule: what its parts share. */
#ifndef COMPOSITE_INTERNAL_H
#define COMPOSITE_INTERNAL_H

#include "composite/composite.h"

/* What it is at. */
enum composite_motion {
	MOTION_NONE,
	MOTION_UP,    /* `step` loads engines[loaded] */
	MOTION_GRACE, /* calls in flight may go on until `grace` fires */
	MOTION_DOWN,  /* `step` unloads engines[loaded - 1] */
};

struct composite {
	struct loop *loop;
	const struct log_sink *log;
	char *id;
	size_t refs;
	struct engine **engines;
	size_t count;
	unsigned recovering; /* engines that were when it was last looked */
	size_t loaded;       /* how many of them have to be unloaded, the one whose load failed included */
	enum composite_state state;
	enum composite_motion motion;
	bool again;               /* when it is down, go up: it had failed by itself */
	struct op step;           /* of one engine */
	struct op *load;          /* who waits for the load; NULL: nobody, or it was given up */
	struct list_node unloads; /* op.link of those that wait for the unload */
	struct list_node waits;   /* of composite_ready.c */
	uint64_t grace_ms;
	struct timer grace;
	enum capsule_status why_status; /* of COMPOSITE_FAILED */
	int why_errno;
	char *why; /* NULL: there was no memory for the text */
	void (*changed)(void *user);
	void (*retooled)(void *user);
	void (*gone)(void *user);
	void *user;
};

/** Go over to `state`, which the table has to allow, and tell it. */
void composite_move(struct composite *composite, enum composite_state state);

/** Keep `why` as the reason of a failure; give it. */
void composite_set_reason(struct composite *composite, const struct capsule_error *why);
void composite_reason(const struct composite *composite, struct capsule_error *why);

/** "capsule '<id>' is being unloaded" and so on: CAPSULE_ESTATE. */
enum capsule_status composite_refuse(const struct composite *composite, struct capsule_error *err);

/** Load engines[loaded] and those behind it. */
void composite_go_up(struct composite *composite);

/** Unload every engine that is loaded, the last one first, then decide what it has come to. */
void composite_go_down(struct composite *composite);

/** End the load that somebody waits for with `err`. */
void composite_load_failed(struct composite *composite, const struct capsule_error *err);

/** Begin to unload, from whatever state. */
void composite_leave(struct composite *composite);

/** engine.changed and engine.retooled: `user` is the capsule. */
void composite_engine_changed(struct engine *engine, void *user);
void composite_engine_retooled(struct engine *engine, void *user);

/** Make it FAILED if it is READY and one of its engines has failed. */
void composite_check_health(struct composite *composite);

/** End every wait for readiness with CAPSULE_ESTATE. */
void composite_end_waits(struct composite *composite);

/** Free it; no engine is loaded, nobody waits. */
void composite_free(struct composite *composite);

#endif
