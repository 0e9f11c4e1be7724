/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A runtime with capsules, through the public API: a temporary home, capsule folders that are written on the spot, calls
 * that must succeed. */
#ifndef BENCH_RIG_H
#define BENCH_RIG_H

#include <capsule/capsule.h>

struct rig {
	const char *guests; /* folder of the compiled guests */
	char folder[64];    /* temporary: the home and the capsules */
	struct capsule_runtime *runtime;
	struct capsule_error *error;
};

/** Make one; `guests` is borrowed. `options` may be NULL; home, workspace (the folder) and size are set here. Free it with
 *  rig_close(). */
void rig_open(struct rig *rig, const char *guests, const struct capsule_runtime_options *options);
void rig_close(struct rig *rig);

/** Write the folder of a capsule of the name `id` with the guest `guest` (GUEST.wasm; NULL: no code) and the tools named in
 *  `tools` (blanks between them); `more` is more TOML, in which its component comes first, "" for none. */
void rig_write(struct rig *rig, const char *id, const char *guest, const char *tools, const char *more);

/** Load the capsule of the name `id`, which was written. Borrowed from the runtime. */
struct capsule *rig_load_written(struct rig *rig, const char *id);

/** Both at once, for a component without more. */
struct capsule *rig_load(struct rig *rig, const char *id, const char *guest, const char *tools);
void rig_unload(struct rig *rig, struct capsule *capsule);

/** Remove all compiled code from the cache, which is the default one, in the home. Returns how many modules that were. */
uint64_t rig_clear_cache(struct rig *rig);

/** Call a tool, wait, throw the answer away. Returns its length. Any failure ends the program. */
size_t rig_call(struct rig *rig, struct capsule *capsule, const char *tool, const char *arguments, size_t len);

/** The same for an export, with bytes. */
size_t rig_call_export(struct rig *rig, struct capsule *capsule, const char *name, const void *input, size_t len);

/** The number that `tool` answers to {}. */
uint64_t rig_ask(struct rig *rig, struct capsule *capsule, const char *tool);

/** Publish an event and leave it to the turns to come. */
void rig_publish(struct rig *rig, const char *topic, const char *payload, size_t len);

/** Publish an event and wait until everybody has it. Returns how many those are. Any failure or loss ends the program. */
uint64_t rig_publish_and_wait(struct rig *rig, const char *topic, const char *payload, size_t len);

/** Start a call of `tool` with {}; the operation is the caller's. */
struct capsule_op *rig_start(
	struct rig *rig, struct capsule *capsule, const char *tool, capsule_done_fn done, void *user);

/** Turn the runtime for `ms` milliseconds. */
void rig_turn(struct rig *rig, int ms);

#endif
