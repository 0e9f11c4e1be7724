/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the runtime lends to one capsule: key-value state, trees of files, the gate in front of them, uplinks. Nothing is opened before
 * it is used. All functions: loop thread. */
#ifndef RUNTIME_SERVICES_H
#define RUNTIME_SERVICES_H

#include "base/limits.h"
#include "base/list.h"
#include "engine/engine.h"
#include <capsule/runtime.h>

struct capsule_runtime;
struct children;
struct open_overlay;
struct programs;

struct services {
	struct capsule_runtime *runtime; /* NULL: not opened */
	const char *id;                  /* borrowed */
	const char *state_name;          /* what its key-value state is kept under: the id, or another one. Borrowed */
	const struct manifest *manifest; /* borrowed; NULL: a bare module */
	struct uuid session;             /* of the last load; all zero before */
	struct gate *gate;               /* NULL for a bare module */
	enum capsule_overlay_mode overlay;
	char *workspace_path, *global_path; /* canonical; NULL when there was no such folder at load */
	char *temporary;                    /* the overlay's folder when the home is not to be touched */
	struct vfs *workspace, *global;     /* NULL until they are used */
	struct open_overlay *shared;        /* the overlay that `workspace` belongs to; NULL without one */
	struct list_node commits;           /* of services_commit.c */
	struct kv_store *own_store;         /* of a bare module */
	struct kv_scope *kv;
	struct programs *programs; /* NULL: it may start none */
	struct children *children; /* of its guest; NULL: its guest may start none */
};

/** Set up the services of the capsule `id` of `manifest` (both borrowed; NULL: a bare module): its gate, and which folders there are
 *  now. services_close() in any case. Errors: CAPSULE_ENOMEM, CAPSULE_EINVAL. */
MUST_CHECK enum capsule_status services_open(struct services *services, struct capsule_runtime *runtime, const char *id,
	const struct manifest *manifest, struct capsule_error *err);

/** Whether what the gate allows is what was approved: links, the workspace and the global folder may have changed since. `rights` as
 *  trust_append_rights() words them. Errors: CAPSULE_EMANIFEST, CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status services_check_rights(
	const struct services *services, const char *rights, struct capsule_error *err);

/** Give everything back; calls that wait for a commit end. Harmless when it was not opened. */
void services_close(struct services *services);

/** Put gate and services into the environment of an engine. */
void services_lend(struct services *services, struct engine_env *env);

/** Find out which folders there are and whether there is an overlay. Errors: CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status services_find_files(struct services *services, struct capsule_error *err);

/** host_services.files; `user` is the services. */
enum capsule_status services_files(void *user, enum host_tree tree, struct vfs **vfs, struct capsule_error *err);

/** Close the trees, and remove what was temporary. */
void services_close_files(struct services *services);

/** What the capsule may start, its servers included: found now. Errors: CAPSULE_EIO, CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status services_open_programs(struct services *services, struct capsule_error *err);

/** Give that back: what still runs is killed. Harmless when there is nothing. */
void services_close_programs(struct services *services);

/** Put the guest's programs into what is lent to its host functions. */
void services_lend_programs(struct services *services, struct host_services *lent);

/** The capsule is loaded: its guest may start programs from now on. It ends: those that run are killed, calls that wait for
 *  them go on. */
void services_let_start(struct services *services);
void services_end_children(struct services *services);

/** A call of the capsule has ended well: when its writes are to be committed after each call and there are any, begin. True: `op`, which
 *  has just ended, is pending again with its result; `done` runs when the commit is over. False: there is nothing to wait for. */
bool services_commit(struct services *services, struct op *op, op_done_fn done, void *user);

/** End all commits that wait: their calls end, what is not committed stays in the overlay. */
void services_end_commits(struct services *services);

/** The gate of `services`: what its manifest allows, less what the embedder does not. Errors: CAPSULE_ENOMEM, CAPSULE_EINVAL. */
MUST_CHECK enum capsule_status services_make_gate(struct services *services, struct capsule_error *err);

/** host_services.refused: to the embedder's audit function and into the log, as a warning where nobody audits. `user` is the
 *  services. */
void services_refused(void *user, const struct origin *origin, const struct gate_question *question,
	const struct gate_decision *decision);

/** Take what concerns files out of the options of a runtime. Errors: CAPSULE_EINVAL (the option is named), CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status services_configure(
	struct capsule_runtime *runtime, const struct capsule_runtime_options *options, struct capsule_error *err);

/** Free what services_configure() and capsule_runtime_set_overlay() keep. */
void services_forget(struct capsule_runtime *runtime);

/** How the capsule `id` was set to write, or the runtime's way. */
enum capsule_overlay_mode services_overlay_of(const struct capsule_runtime *runtime, const char *id, bool *explicit);

#endif
