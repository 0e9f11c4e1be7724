/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A runtime with capsules, through the public API: a temporary home, capsule folders that are written on the spot, calls that
 * must succeed. */
#ifndef BENCH_RIG_H
#define BENCH_RIG_H

#include <capsule/capsule.h>

struct rig {
	const char *guests; /* folder of the compiled guests */
	char folder[64];    /* temporary: the home and the capsules */
	struct capsule_runtime *runtime;
	struct capsule_error *error;
};

/** Make one; `guests` is borrowed. `options` may be NULL; home and size are set here. Free it with rig_close(). */
void rig_open(struct rig *rig, const char *guests, const struct capsule_runtime_options *options);
void rig_close(struct rig *rig);

/** Load the guest `guest` (GUEST.wasm) as a capsule of the name `id`, which has the tools named in `tools` (blanks between
 *  them). Borrowed from the runtime. */
struct capsule *rig_load(struct rig *rig, const char *id, const char *guest, const char *tools);

/** Call a tool, wait, throw the answer away. Returns its length. Any failure ends the program. */
size_t rig_call(struct rig *rig, struct capsule *capsule, const char *tool, const char *arguments, size_t len);

/** Start a call of `tool` with {}; the operation is the caller's. */
struct capsule_op *rig_start(
	struct rig *rig, struct capsule *capsule, const char *tool, capsule_done_fn done, void *user);

/** Turn the runtime for `ms` milliseconds. */
void rig_turn(struct rig *rig, int ms);

#endif
