/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The reserved areas and the two creators that Wasmtime asks for memory and stacks. Wasmtime tells a creator nothing of the
 * store it works for, so the loop says which slot is meant (slab_enter) before it polls; all of that is one thread. */
#include "engine/wasm/slab.h"

#include "base/cleanup.h"
#include "base/limits.h"

#include <errno.h>
#include <sys/mman.h>

#define GUARD ((size_t)64 * KIB)
#define STACK ((size_t)LIMIT_FIBER_STACK)
#define CHUNK_SLOTS 64

struct slab_chunk {
	struct slab_chunk *next;
	uint8_t *base;
	size_t bytes;
	struct slab_slot slots[CHUNK_SLOTS];
};

struct slab {
	size_t area;       /* bytes reserved for either memory: compiled code relies on one size for both */
	size_t kernel_max; /* ceilings */
	size_t guest_max;
	struct slab_chunk *chunks;
	struct list_node free_slots;
	struct slab_slot *current;
};

enum capsule_status slab_new(struct slab **out, const struct wasm_profile *profile, struct capsule_error *err)
{
	struct slab *slab = calloc(1, sizeof *slab);

	if (slab == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for the slab of guests");
	slab->guest_max = (size_t)profile->guest_pages * LIMIT_WASM_PAGE;
	slab->kernel_max = (size_t)profile->kernel_pages * LIMIT_WASM_PAGE;
	slab->area = slab->guest_max > slab->kernel_max ? slab->guest_max : slab->kernel_max;
	list_init(&slab->free_slots);
	*out = slab;
	return CAPSULE_OK;
}

void slab_free(struct slab *slab)
{
	if (slab == NULL)
		return;
	while (slab->chunks != NULL) {
		struct slab_chunk *chunk = slab->chunks;

		slab->chunks = chunk->next;
		(void)munmap(chunk->base, chunk->bytes);
		free(chunk);
	}
	free(slab);
}

static size_t slot_bytes(const struct slab *slab)
{
	return GUARD + STACK + slab->area + GUARD + slab->area;
}

static void slot_init(struct slab_slot *slot, struct slab *slab, uint8_t *base)
{
	slot->slab = slab;
	slot->stack = base + GUARD;
	slot->guest = (struct slab_area){ .slot = slot, .base = slot->stack + STACK };
	slot->kernel = (struct slab_area){ .slot = slot, .base = slot->guest.base + slab->area + GUARD };
	list_init(&slot->link);
	list_append(&slab->free_slots, &slot->link);
}

/* Reserve a chunk; smaller ones where address space is limited (RLIMIT_AS). */
static enum capsule_status slab_grow(struct slab *slab, struct capsule_error *err)
{
	HOLD(free_drop) struct slab_chunk *chunk = calloc(1, sizeof *chunk);
	void *base = MAP_FAILED;
	size_t count = CHUNK_SLOTS;

	if (chunk == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for the book of guest slots");
	for (; count > 0; count /= 4) {
		chunk->bytes = count * slot_bytes(slab) + GUARD;
		base = mmap(NULL, chunk->bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (base != MAP_FAILED)
			break;
	}
	if (base == MAP_FAILED)
		return error_set(err, CAPSULE_ELIMIT,
			"no address space for another capsule: each reserves %zu MiB; raise RLIMIT_AS (ulimit -v) or "
			"vm.max_map_count",
			slot_bytes(slab) / MIB);
	chunk->base = base;
	for (size_t i = 0; i < count; i++)
		slot_init(&chunk->slots[i], slab, chunk->base + i * slot_bytes(slab));
	chunk->next = slab->chunks;
	slab->chunks = GIVE(chunk);
	return CAPSULE_OK;
}

enum capsule_status slab_take(struct slab *slab, struct slab_slot **out, struct capsule_error *err)
{
	struct list_node *node = list_take_first(&slab->free_slots);

	if (node == NULL) {
		enum capsule_status status = slab_grow(slab, err);

		if (status != CAPSULE_OK)
			return status;
		node = list_take_first(&slab->free_slots);
	}
	*out = LIST_ENTRY(node, struct slab_slot, link);
	return CAPSULE_OK;
}

static void area_release(struct slab_area *area)
{
	area->live = false;
	area->size = 0;
}

void slab_return(struct slab_slot *slot)
{
	struct slab *slab = slot->slab;
	size_t low = STACK + slot->guest.writable;

	assert(!slot->stack_live && !slot->guest.live && !slot->kernel.live);
	if (slab->current == slot)
		slab->current = NULL;
	/* Stack and guest memory are neighbours: one call empties both. */
	(void)madvise(slot->stack, low, MADV_DONTNEED);
	if (slot->kernel.writable > 0)
		(void)madvise(slot->kernel.base, slot->kernel.writable, MADV_DONTNEED);
	slot->link.prev = slot->link.next = &slot->link;
	/* Used again first: its page tables are warm. */
	list_append(slab->free_slots.next, &slot->link);
}

void slab_enter(struct slab *slab, struct slab_slot *slot)
{
	slab->current = slot;
}

void slab_trim(struct slab_slot *slot, size_t keep, size_t kernel_keep)
{
	if (slot->stack_live)
		(void)madvise(slot->stack, STACK - keep, MADV_DONTNEED);
	if (slot->kernel.live && slot->kernel.size > kernel_keep)
		(void)madvise(slot->kernel.base + kernel_keep, slot->kernel.size - kernel_keep, MADV_DONTNEED);
}

/* Exactly `size` bytes accessible: Wasmtime relies on a fault behind them. */
static wasmtime_error_t *area_protect(struct slab_area *area, size_t size)
{
	int rc = 0;

	if (size > area->writable)
		rc = mprotect(area->base + area->writable, size - area->writable, PROT_READ | PROT_WRITE);
	else if (size < area->writable)
		rc = mprotect(area->base + size, area->writable - size, PROT_NONE);
	if (rc != 0)
		return wasmtime_error_new(errno == ENOMEM ? "out of memory mappings or memory: raise vm.max_map_count"
							  : "memory can't be made accessible");
	area->writable = size;
	area->size = size;
	return NULL;
}

static uint8_t *area_get(void *env, size_t *size, size_t *capacity)
{
	struct slab_area *area = env;

	*size = area->size;
	*capacity = area->slot->slab->area;
	return area->base;
}

static size_t area_max(const struct slab_area *area)
{
	const struct slab *slab = area->slot->slab;

	if (area != &area->slot->guest)
		return slab->kernel_max;
	return area->slot->guest_max < slab->guest_max ? area->slot->guest_max : slab->guest_max;
}

static wasmtime_error_t *area_grow(void *env, size_t size)
{
	if (size > area_max(env))
		return wasmtime_error_new("oom");
	return area_protect(env, size);
}

static void area_fini(void *env)
{
	area_release(env);
}

static wasmtime_error_t *memory_new(void *env, const wasm_memorytype_t *type, size_t minimum, size_t maximum,
	size_t reserved, size_t guard, wasmtime_linear_memory_t *out)
{
	struct slab_slot *slot = ((struct slab *)env)->current;
	struct slab_area *area = NULL;
	wasmtime_error_t *error = NULL;

	(void)type;
	(void)maximum;
	if (slot != NULL && !slot->kernel.live)
		area = &slot->kernel;
	else if (slot != NULL && !slot->guest.live)
		area = &slot->guest;
	if (area == NULL)
		return wasmtime_error_new("a module may have one memory of its own");
	if (minimum > area_max(area) || reserved > slot->slab->area || guard > GUARD)
		return wasmtime_error_new("oom: the memory that the module declares is above the ceiling");
	error = area_protect(area, minimum);
	if (error != NULL)
		return error;
	area->live = true;
	*out = (wasmtime_linear_memory_t){
		.env = area, .get_memory = area_get, .grow_memory = area_grow, .finalizer = area_fini
	};
	return NULL;
}

static uint8_t *stack_get(void *env, size_t *len)
{
	struct slab_slot *slot = env;

	*len = STACK;
	return slot->stack + STACK;
}

static void stack_fini(void *env)
{
	((struct slab_slot *)env)->stack_live = false;
}

static wasmtime_error_t *stack_new(void *env, size_t size, bool zeroed, wasmtime_stack_memory_t *out)
{
	struct slab_slot *slot = ((struct slab *)env)->current;

	(void)zeroed; /* pages come zeroed from the kernel */
	if (slot == NULL || slot->stack_live || size > STACK)
		return wasmtime_error_new("no stack for this fiber");
	if (!slot->stack_writable && mprotect(slot->stack, STACK, PROT_READ | PROT_WRITE) != 0)
		return wasmtime_error_new("out of memory mappings for a stack: raise vm.max_map_count");
	slot->stack_writable = true;
	slot->stack_live = true;
	*out = (wasmtime_stack_memory_t){ .env = slot, .get_stack_memory = stack_get, .finalizer = stack_fini };
	return NULL;
}

void slab_configure(struct slab *slab, wasm_config_t *config)
{
	wasmtime_memory_creator_t memories = { .env = slab, .new_memory = memory_new };
	wasmtime_stack_creator_t stacks = { .env = slab, .new_stack = stack_new };

	wasmtime_config_host_memory_creator_set(config, &memories);
	wasmtime_config_host_stack_creator_set(config, &stacks);
}
