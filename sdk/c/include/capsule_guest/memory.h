/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The guest's own memory: two regions that only grow, one emptied before each call, one kept.
 *
 *   guest_alloc(), and everything that the SDK gives    until the next call; nothing is freed one by one
 *   guest_keep()                                        as long as the instance lives
 *   static variables                                    as long as the instance lives
 *
 * An instance ends when a call of it was cut off (a host function failed, a trap, a limit). What must outlive that
 * belongs into the key-value store.
 *
 * Both regions grow by memory.grow, page by page, up to the ceiling that the host sets (64 MiB with what the module
 * itself needs); memory is never given back. With wasi-libc the pages come from malloc().
 * Compiled for the machine itself, for tests, the pages come from one block of guest_native_room bytes.
 * Part of capsule_guest.h, which is the header to include. */
#ifndef CAPSULE_GUEST_MEMORY_H
#define CAPSULE_GUEST_MEMORY_H

#include "bytes.h"

#if !defined(__wasm__) || defined(__wasi__)
#include <stdlib.h>
#endif

#define GUEST_PAGE 65536u

/* A run of pages, its head in its first bytes. */
struct guest_chunk {
	struct guest_chunk *next;
	uintptr_t end;
};

/* One region. Where the next allocation begins, and the chunk in which that is. */
struct guest_arena {
	struct guest_chunk *first, *current;
	uintptr_t top;
};

struct guest_memory {
	struct guest_arena call, kept;
	bool started;
};

extern struct guest_memory guest_memory;
GUEST_SHARED struct guest_memory guest_memory = { .started = false };

/* ---- Pages ---- */

#if defined(__wasi__)

/* `count` more pages; 0 when the memory is at its ceiling. Malloc takes all memory that was there when it is first called for
 * its own, so the pages come from it. */
GUEST_INLINE uintptr_t guest_pages(size_t count)
{
	return count <= SIZE_MAX / GUEST_PAGE ? (uintptr_t)malloc(count * GUEST_PAGE) : 0;
}

/* Where the next page will begin; nobody knows. */
GUEST_INLINE uintptr_t guest_pages_end(void)
{
	return 0;
}

#elif defined(__wasm__)

GUEST_INLINE uintptr_t guest_pages(size_t count)
{
	size_t before = __builtin_wasm_memory_grow(0, count);

	return before == SIZE_MAX ? 0 : (uintptr_t)(before * GUEST_PAGE);
}

GUEST_INLINE uintptr_t guest_pages_end(void)
{
	return (uintptr_t)(__builtin_wasm_memory_size(0) * GUEST_PAGE);
}

#else

extern size_t guest_native_room;
extern uint8_t *guest_native_block;
extern size_t guest_native_used;
GUEST_SHARED size_t guest_native_room = 64u << 20;
GUEST_SHARED uint8_t *guest_native_block = NULL;
GUEST_SHARED size_t guest_native_used = 0;

GUEST_INLINE uintptr_t guest_pages(size_t count)
{
	uint8_t *pages;

	if (guest_native_block == NULL)
		guest_native_block = malloc(guest_native_room);
	if (guest_native_block == NULL || count > (guest_native_room - guest_native_used) / GUEST_PAGE)
		return 0;
	pages = guest_native_block + guest_native_used;
	guest_native_used += count * GUEST_PAGE;
	return (uintptr_t)pages;
}

GUEST_INLINE uintptr_t guest_pages_end(void)
{
	return (uintptr_t)guest_native_block + guest_native_used;
}

/** Forget everything and begin anew with `room` bytes, whole pages. */
GUEST_INLINE void guest_native_restart(size_t room)
{
	if (room != guest_native_room) {
		free(guest_native_block);
		guest_native_block = NULL;
	}
	guest_native_used = 0;
	guest_native_room = room;
	guest_memory = (struct guest_memory){ .started = false };
}

#endif

/* ---- Regions ---- */

/* Make [start, end) the last chunk of `arena`; it is longer than a head. */
GUEST_OUTLINE void guest_arena_add(struct guest_arena *arena, uintptr_t start, uintptr_t end)
{
	struct guest_chunk *chunk = (struct guest_chunk *)start;

	*chunk = (struct guest_chunk){ .end = end };
	if (arena->current != NULL)
		arena->current->next = chunk;
	else
		arena->first = chunk;
	arena->current = chunk;
	arena->top = start + sizeof *chunk;
}

/* More room in or behind the last chunk, which has less than `size` bytes left: enough for `size`. */
GUEST_OUTLINE bool guest_arena_grow(struct guest_arena *arena, size_t size)
{
	bool behind = arena->current != NULL && arena->current->end == guest_pages_end();
	uint64_t wanted = behind ? size - (arena->current->end - arena->top)
				 : size + (uint64_t)sizeof(struct guest_chunk);
	uint64_t pages = (wanted + GUEST_PAGE - 1) / GUEST_PAGE;
	uintptr_t start = pages <= SIZE_MAX / GUEST_PAGE ? guest_pages((size_t)pages) : 0;

	if (start == 0)
		return false;
	if (arena->current != NULL && arena->current->end == start)
		arena->current->end = start + (uintptr_t)pages * GUEST_PAGE;
	else
		guest_arena_add(arena, start, start + (uintptr_t)pages * GUEST_PAGE);
	return true;
}

GUEST_OUTLINE void *guest_arena_alloc(struct guest_arena *arena, size_t size)
{
	uintptr_t start;

	if (size > SIZE_MAX - 7)
		return NULL;
	size = (size + 7) & ~(size_t)7;
	while (arena->current == NULL || arena->current->end - arena->top < size) {
		if (arena->current != NULL && arena->current->next != NULL) { /* left from an earlier call */
			arena->current = arena->current->next;
			arena->top = (uintptr_t)(arena->current + 1);
		} else if (!guest_arena_grow(arena, size)) {
			return NULL;
		}
	}
	start = arena->top;
	arena->top += size;
	return (void *)start;
}

GUEST_INLINE void guest_memory_start(void)
{
	guest_memory.started = true;
#if defined(__wasm__) && !defined(__wasi__)
	extern uint8_t __heap_base; /* the linker's: where the static data ends */
	uintptr_t start = ((uintptr_t)&__heap_base + 15) & ~(uintptr_t)15;
	uintptr_t end = guest_pages_end();

	if (end > start + sizeof(struct guest_chunk))
		guest_arena_add(&guest_memory.call, start, end);
#endif
}

/* ---- For capsules ---- */

/** `size` bytes until the next call, aligned to 8, not zeroed. NULL when the memory is at its ceiling. */
GUEST_INLINE void *guest_alloc(size_t size)
{
	if (!guest_memory.started)
		guest_memory_start();
	return guest_arena_alloc(&guest_memory.call, size);
}

/** As guest_alloc(), but for as long as the instance lives. There is no way to give it back: for tables that are made
 *  once, not for what changes with each call. */
GUEST_INLINE void *guest_keep(size_t size)
{
	if (!guest_memory.started)
		guest_memory_start();
	return guest_arena_alloc(&guest_memory.kept, size);
}

/** Give up everything that was allocated for the call. Done before each call; a run loop does it in each round. */
GUEST_INLINE void guest_reset(void)
{
	struct guest_arena *arena = &guest_memory.call;

	arena->current = arena->first;
	if (arena->first != NULL)
		arena->top = (uintptr_t)(arena->first + 1);
}

/** Lengthen the allocation that ends at `end` by `more` bytes (a multiple of 8), if nothing was allocated behind it and
 *  there is room. */
GUEST_OUTLINE bool guest_extend(const uint8_t *end, size_t more)
{
	struct guest_arena *arena = &guest_memory.call;

	if ((uintptr_t)end != arena->top || arena->current == NULL || more % 8 != 0)
		return false;
	if (arena->current->end - arena->top < more) {
		struct guest_chunk *before = arena->current;

		if (before->next != NULL || !guest_arena_grow(arena, more) || arena->current != before)
			return false;
	}
	arena->top += more;
	return true;
}

#endif
