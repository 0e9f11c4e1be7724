/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Where guests live: one slot of reserved address space for each instance, with its fiber stack, its own memory and its
 * kernel memory side by side, so that an instance costs four mappings and nothing ever moves.
 *
 *   | guard 64K | stack 1M | guest 64M | guard 64K | kernel 64M |  next slot's guard ...
 *
 * Only what is in use is accessible. Slots come from chunks that are reserved on demand and used again. Threads: loop. */
#ifndef WASM_SLAB_H
#define WASM_SLAB_H

#include "base/error.h"
#include "base/list.h"
#include "engine/wasm/profile.h"
#include <wasm.h>
#include <wasmtime.h>

struct slab;

struct slab_area {
	struct slab_slot *slot;
	uint8_t *base;
	size_t size;     /* bytes that the memory has now */
	size_t writable; /* bytes that are accessible; more than `size` only between two owners */
	bool live;
};

struct slab_slot {
	struct slab *slab;
	struct list_node link; /* the slab's list of free slots */
	uint8_t *stack;        /* lowest byte */
	bool stack_writable, stack_live;
	size_t guest_max; /* most bytes of the guest's own memory, set by the taker */
	struct slab_area guest, kernel;
};

/** Make a slab for memories up to the ceilings of `profile` (filled; borrowed for the call); nothing is reserved yet. Free it with slab_free() after the engine that was configured with it. */
MUST_CHECK enum capsule_status slab_new(
	struct slab **out, const struct wasm_profile *profile, struct capsule_error *err);
void slab_free(struct slab *slab);

/** Have the engine that `config` (borrowed) makes take stacks and memories from `slab` (borrowed until the engine is gone). */
void slab_configure(struct slab *slab, wasm_config_t *config);

/** Take a free slot. Give it back with slab_return() after the store that used it was deleted. CAPSULE_ELIMIT when no address
 *  space or mapping is to be had, with what to raise. */
MUST_CHECK enum capsule_status slab_take(struct slab *slab, struct slab_slot **out, struct capsule_error *err);

/** Give `slot` back (taken): its pages go back to the kernel and read as zero for the next owner. */
void slab_return(struct slab_slot *slot);

/** The slot from which the engine's next requests for stack and memory are served: the first memory is the kernel's, the
 *  second the guest's. */
void slab_enter(struct slab *slab, struct slab_slot *slot);

/** Give back the pages of an idle slot's stack except the topmost `keep` bytes, and those of its kernel memory behind
 *  `kernel_keep` bytes, which the caller knows to be zero. */
void slab_trim(struct slab_slot *slot, size_t keep, size_t kernel_keep);

#endif
