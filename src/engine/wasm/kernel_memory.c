/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* New blocks are taken from the end while the managed bytes last; then the lowest freed block that is large enough is
 * reused; only then the memory grows. The book has one record a block. A hash leads from a data offset to its record, and
 * freed blocks stand in a treap by address in which each node knows the largest block below it, so that the first fit is
 * found without a walk. Which offsets exist is up to the guest, therefore hash and treap are seeded with what it can't know.
 *
 * Blocks are split but, as in the reference, not merged again: a guest that never returns cuts a large freed block into ever
 * more small ones. Before that fills the book, freed neighbours are merged after all; no call of usual size gets there. */
#include "engine/wasm/kernel_book.h"

#include "base/limits.h"
#include "base/uuid.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>

#define TABLE_MAPPED ((size_t)64 * KIB)
#define MANAGED_AT_FIRST (LIMIT_WASM_PAGE - KERNEL_HEADER)
#define ZERO_BY_HAND                                                                                                   \
	((size_t)16 * MIB)    /* bytes; giving less back costs more in page faults of the next call than writing it */
#define OFFSET_END UINT32_MAX /* records hold offsets and sizes in 32 bits */

static_assert((uint64_t)LIMIT_WASM_KERNEL_PAGES * LIMIT_WASM_PAGE < OFFSET_END, "offsets fit 32 bits");
static_assert(sizeof(struct kernel_header) == KERNEL_HEADER, "the kernel module's code knows the layout");

/* ---- The hash: offset -> record ---- */

static uint32_t *slot_of(const struct kernel_memory *memory, uint32_t offset)
{
	return &memory->slots[(uint32_t)((offset * memory->multiplier) >> 32) & (memory->block_capacity - 1)];
}

/* The record of the block, live or freed, that starts at `offset`, or 0. */
static uint32_t find(const struct kernel_memory *memory, uint64_t offset)
{
	uint32_t at;

	if (offset >= OFFSET_END || memory->block_count == 0)
		return 0;
	at = *slot_of(memory, (uint32_t)offset);
	while (at != 0 && memory->blocks[at].offset != offset)
		at = memory->blocks[at].next;
	return at;
}

static void slot_add(struct kernel_memory *memory, uint32_t at)
{
	uint32_t *slot = slot_of(memory, memory->blocks[at].offset);

	memory->blocks[at].next = *slot;
	*slot = at;
}

static void slot_remove(struct kernel_memory *memory, uint32_t at)
{
	uint32_t *link = slot_of(memory, memory->blocks[at].offset);

	while (*link != at)
		link = &memory->blocks[*link].next;
	*link = memory->blocks[at].next;
}

/* ---- The book ---- */

/* Large ones are few and short-lived, and would leave holes in the heap. */
void *kernel_table_new(size_t bytes)
{
	void *table;

	if (bytes < TABLE_MAPPED)
		return calloc(1, bytes);
	table = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return table == MAP_FAILED ? NULL : table;
}

void kernel_table_free(void *table, size_t bytes)
{
	if (bytes < TABLE_MAPPED)
		free(table);
	else if (table != NULL)
		(void)munmap(table, bytes);
}

static size_t blocks_bytes(uint32_t capacity)
{
	return ((size_t)capacity + 1) * sizeof(struct kernel_block);
}

static size_t slots_bytes(uint32_t capacity)
{
	return capacity * sizeof(uint32_t);
}

static void book_free(struct kernel_memory *memory)
{
	kernel_table_free(memory->blocks, blocks_bytes(memory->block_capacity));
	kernel_table_free(memory->slots, slots_bytes(memory->block_capacity));
	memory->blocks = NULL;
	memory->slots = NULL;
	memory->block_capacity = 0;
}

static bool draw_seeds(struct kernel_memory *memory)
{
	if (memory->multiplier == 0) {
		uint64_t random[2];

		if (random_fill(random, sizeof random, NULL) != CAPSULE_OK)
			return false;
		memory->multiplier = random[0] | 1; /* an odd one loses nothing */
		memory->luck = random[1];
	}
	return true;
}

/* Empty tables for `capacity` blocks. */
static bool tables_new(uint32_t capacity, struct kernel_block **blocks, uint32_t **slots)
{
	*blocks = kernel_table_new(blocks_bytes(capacity));
	*slots = *blocks == NULL ? NULL : kernel_table_new(slots_bytes(capacity));
	if (*slots == NULL) {
		kernel_table_free(*blocks, blocks_bytes(capacity));
		return false;
	}
	return true;
}

/* Make the book twice as large. No record is left over then. */
static bool book_grow(struct kernel_memory *memory)
{
	uint32_t capacity = memory->block_capacity == 0 ? BOOK_FIRST : memory->block_capacity * 2, *slots;
	struct kernel_block *blocks;

	if (!draw_seeds(memory) || !tables_new(capacity, &blocks, &slots))
		return false;
	if (memory->block_count > 0)
		memcpy(blocks + 1, memory->blocks + 1, memory->block_count * sizeof *blocks);
	book_free(memory);
	memory->blocks = blocks;
	memory->slots = slots;
	memory->block_capacity = capacity;
	for (uint32_t i = 1; i <= memory->block_count; i++)
		slot_add(memory, i);
	return true;
}

/* Make sure that one record more can be added. */
static bool book_reserve(struct kernel_memory *memory)
{
	if (memory->left_over != 0)
		return true;
	if (memory->block_count >= memory->block_limit)
		return false;
	return memory->block_count < memory->block_capacity || book_grow(memory);
}

/* Enter a live block. A record was reserved. */
static void book_add(struct kernel_memory *memory, uint32_t offset, uint32_t size)
{
	uint32_t at = memory->left_over == 0 ? ++memory->block_count : memory->left_over;
	struct kernel_block *block = &memory->blocks[at];

	if (at == memory->left_over)
		memory->left_over = block->next;
	block->offset = offset;
	block->size = size;
	block->used = size;
	slot_add(memory, at);
}

static void book_remove(struct kernel_memory *memory, uint32_t at)
{
	slot_remove(memory, at);
	memory->blocks[at].next = memory->left_over;
	memory->left_over = at;
}

/* ---- The treap of freed blocks ---- */

static void tree_update(struct kernel_block *blocks, uint32_t at)
{
	struct kernel_block *block = &blocks[at];
	uint32_t left = blocks[block->left].largest, right = blocks[block->right].largest;

	block->largest = left > right ? left : right;
	if (block->size > block->largest)
		block->largest = block->size;
}

/* Part the tree `at` into the blocks below `offset` and those above. */
static void tree_part(struct kernel_block *blocks, uint32_t at, uint32_t offset, uint32_t *below, uint32_t *above)
{
	if (at == 0) {
		*below = 0;
		*above = 0;
		return;
	}
	if (blocks[at].offset < offset) {
		*below = at;
		tree_part(blocks, blocks[at].right, offset, &blocks[at].right, above);
	} else {
		*above = at;
		tree_part(blocks, blocks[at].left, offset, below, &blocks[at].left);
	}
	tree_update(blocks, at);
}

/* One tree of two, all of `left` below all of `right`. */
static uint32_t tree_join(struct kernel_block *blocks, uint32_t left, uint32_t right)
{
	if (left == 0 || right == 0)
		return left + right;
	if (blocks[left].priority > blocks[right].priority) {
		blocks[left].right = tree_join(blocks, blocks[left].right, right);
		tree_update(blocks, left);
		return left;
	}
	blocks[right].left = tree_join(blocks, left, blocks[right].left);
	tree_update(blocks, right);
	return right;
}

static void tree_add(struct kernel_block *blocks, uint32_t *root, uint32_t at)
{
	struct kernel_block *block = &blocks[at];

	while (*root != 0 && blocks[*root].priority >= block->priority) {
		struct kernel_block *above = &blocks[*root];

		if (block->size > above->largest)
			above->largest = block->size;
		root = block->offset < above->offset ? &above->left : &above->right;
	}
	tree_part(blocks, *root, block->offset, &block->left, &block->right);
	tree_update(blocks, at);
	*root = at;
}

/* The block with the lowest address that holds `size` bytes, or 0. */
static uint32_t tree_first(const struct kernel_memory *memory, uint32_t size)
{
	const struct kernel_block *blocks = memory->blocks;
	uint32_t root = memory->free_root;

	if (root == 0 || blocks[root].largest < size)
		return 0;
	for (;;) {
		const struct kernel_block *block = &blocks[root];

		if (blocks[block->left].largest >= size)
			root = block->left;
		else if (block->size >= size)
			return root;
		else
			root = block->right;
	}
}

/* The block with the highest address below `offset`, or 0. */
static uint32_t tree_before(const struct kernel_memory *memory, uint32_t offset)
{
	uint32_t found = 0;

	for (uint32_t at = memory->free_root; at != 0;) {
		const struct kernel_block *block = &memory->blocks[at];

		if (block->offset < offset)
			found = at;
		at = block->offset < offset ? block->right : block->left;
	}
	return found;
}

/* Give the node `at` below `root` another size; 0 takes it out. */
static void tree_resize(struct kernel_block *blocks, uint32_t *root, uint32_t at, uint32_t size)
{
	struct kernel_block *block = &blocks[*root];

	if (*root != at) {
		tree_resize(blocks, blocks[at].offset < block->offset ? &block->left : &block->right, at, size);
	} else if (size == 0) {
		*root = tree_join(blocks, block->left, block->right);
		return;
	} else {
		block->size = size;
	}
	tree_update(blocks, *root);
}

/* ---- Blocks ---- */

/* Bytes that can still be taken from the end. As many as the header has are never handed out. */
static uint64_t room_left(const struct kernel_memory *memory)
{
	return memory->managed - KERNEL_HEADER - memory->position;
}

static bool make_room(struct kernel_memory *memory, uint64_t need)
{
	uint64_t pages = (need - room_left(memory) + LIMIT_WASM_PAGE - 1) / LIMIT_WASM_PAGE;

	if (pages == 0)
		return true;
	if (pages > LIMIT_WASM_KERNEL_PAGES || !memory->grow(memory, (uint32_t)pages))
		return false;
	memory->managed += pages * LIMIT_WASM_PAGE;
	assert(memory->managed <= memory->size - KERNEL_HEADER);
	return true;
}

/* Hand out the freed block `at`, or its end when there is much more than `size`. */
static uint64_t reuse(struct kernel_memory *memory, uint32_t at, uint32_t size, bool *ok)
{
	struct kernel_block *block = &memory->blocks[at];
	uint32_t spare = block->size - size, offset = block->offset + spare;

	if (spare < KERNEL_SPLIT) {
		tree_resize(memory->blocks, &memory->free_root, at, 0);
		block->used = size;
		return block->offset;
	}
	*ok = book_reserve(memory);
	if (!*ok)
		return 0;
	tree_resize(memory->blocks, &memory->free_root, at, spare - KERNEL_BLOCK_GAP);
	book_add(memory, offset, size);
	return offset;
}

uint64_t kernel_alloc(struct kernel_memory *memory, uint64_t len, bool *ok)
{
	uint64_t need = len + KERNEL_BLOCK_GAP, offset = KERNEL_FIRST + memory->position + KERNEL_BLOCK_GAP;

	*ok = len < OFFSET_END - offset;
	if (!*ok || len == 0)
		return 0;
	if (need >= room_left(memory)) {
		uint32_t freed = tree_first(memory, (uint32_t)len);

		if (freed != 0)
			return reuse(memory, freed, (uint32_t)len, ok);
		*ok = book_reserve(memory) && make_room(memory, need);
	} else {
		*ok = book_reserve(memory);
	}
	if (!*ok)
		return 0;
	memory->position += need;
	book_add(memory, (uint32_t)offset, (uint32_t)len);
	return offset;
}

/* Offset of the block that follows, if one does. */
static uint32_t end_of(const struct kernel_block *block)
{
	return block->offset + block->size + KERNEL_BLOCK_GAP;
}

/* Make one block of the freed block `at`, which is not in the tree yet, and its freed neighbours. Returns the record that
 * has to be entered in the tree, 0 when the one in front of it took it in. */
static uint32_t merge(struct kernel_memory *memory, uint32_t at)
{
	struct kernel_block *blocks = memory->blocks, *block = &blocks[at];
	uint32_t before = tree_before(memory, block->offset), after = find(memory, end_of(block));

	if (after != 0 && blocks[after].used == 0) {
		tree_resize(blocks, &memory->free_root, after, 0);
		block->size += KERNEL_BLOCK_GAP + blocks[after].size;
		book_remove(memory, after);
	}
	if (before == 0 || end_of(&blocks[before]) != block->offset)
		return at;
	tree_resize(blocks, &memory->free_root, before, blocks[before].size + KERNEL_BLOCK_GAP + block->size);
	book_remove(memory, at);
	return 0;
}

/* Enter a freed block in the tree. */
static void freed_add(struct kernel_memory *memory, uint32_t at)
{
	memory->luck = memory->luck * 6364136223846793005u + 1442695040888963407u;
	memory->blocks[at].priority = (uint32_t)(memory->luck >> 32);
	tree_add(memory->blocks, &memory->free_root, at);
}

void kernel_free(struct kernel_memory *memory, uint64_t offset)
{
	uint32_t at = find(memory, offset);
	struct kernel_header *header = kernel_header(memory);

	if (at == 0 || memory->blocks[at].used == 0)
		return;
	memory->blocks[at].used = 0;
	if (memory->block_count >= memory->block_limit / 2)
		at = merge(memory, at);
	if (at != 0)
		freed_add(memory, at);
	if (header->input_offset == offset)
		header->input_length = 0;
}

uint64_t kernel_length(const struct kernel_memory *memory, uint64_t offset)
{
	uint32_t at = find(memory, offset);

	return at == 0 ? 0 : memory->blocks[at].used;
}

uint64_t kernel_bytes(const struct kernel_memory *memory)
{
	return memory->managed;
}

uint64_t kernel_end(const struct kernel_memory *memory)
{
	return KERNEL_FIRST + memory->position;
}

struct span kernel_block(const struct kernel_memory *memory, uint64_t offset)
{
	uint64_t len = kernel_length(memory, offset);

	return len == 0 ? span_of(NULL, 0) : span_of(memory->base + offset, len);
}

uint64_t kernel_put(struct kernel_memory *memory, struct span bytes, bool *ok)
{
	uint64_t offset = kernel_alloc(memory, bytes.len, ok);

	if (offset != 0)
		memcpy(memory->base + offset, bytes.data, bytes.len);
	return offset;
}

/* ---- Life cycle ---- */

void kernel_memory_init(struct kernel_memory *memory, uint8_t *base, size_t size,
	bool (*grow)(struct kernel_memory *memory, uint32_t pages), void *user)
{
	assert(size >= LIMIT_WASM_PAGE);
	*memory = (struct kernel_memory){
		.base = base,
		.size = size,
		.grow = grow,
		.user = user,
		.managed = MANAGED_AT_FIRST,
		.block_limit = LIMIT_KERNEL_BLOCKS,
	};
}

void kernel_memory_fini(struct kernel_memory *memory)
{
	book_free(memory);
	*memory = (struct kernel_memory){ 0 };
}

/* Whole pages go back to the system, which has zeroes for the next who touches them. */
static void zero(uint8_t *data, size_t len)
{
	size_t before, whole;

	if (len > ZERO_BY_HAND) {
		before = -(uintptr_t)data % LIMIT_WASM_PAGE; /* no system has larger pages */
		whole = (len - before) / LIMIT_WASM_PAGE * LIMIT_WASM_PAGE;
		if (madvise(data + before, whole, MADV_DONTNEED) == 0) {
			memset(data, 0, before);
			data += before + whole;
			len -= before + whole;
		}
	}
	memset(data, 0, len);
}

void kernel_reset(struct kernel_memory *memory)
{
	struct kernel_header *header = kernel_header(memory);

	zero(memory->base + KERNEL_FIRST, memory->position);
	memory->position = 0;
	if (memory->block_capacity > BOOK_KEPT) {
		book_free(memory);
	} else {
		for (uint32_t i = 1; i <= memory->block_count; i++)
			*slot_of(memory, memory->blocks[i].offset) = 0;
	}
	memory->block_count = 0;
	memory->compacted = 0;
	memory->left_over = 0;
	memory->free_root = 0;
	header->input_offset = header->input_length = 0;
	header->output_offset = header->output_length = 0;
	header->error = 0;
}

bool kernel_book_replace(struct kernel_memory *memory, const struct kernel_block *records, uint32_t count)
{
	uint32_t capacity = BOOK_FIRST, *slots;
	struct kernel_block *blocks;

	while (capacity < count)
		capacity *= 2;
	if (!tables_new(capacity, &blocks, &slots))
		return false;
	book_free(memory);
	memory->blocks = blocks;
	memory->slots = slots;
	memory->block_capacity = capacity;
	memory->block_count = count;
	memory->left_over = 0;
	memory->free_root = 0;
	for (uint32_t at = 1; at <= count; at++) {
		blocks[at] = records[at];
		slot_add(memory, at);
		if (blocks[at].used == 0)
			freed_add(memory, at);
	}
	return true;
}

/* ---- Input, output, error ---- */

static bool in_bounds(const struct kernel_memory *memory, uint64_t offset)
{
	return offset >= KERNEL_FIRST && offset - KERNEL_FIRST < memory->managed;
}

/* Whether first and last byte are managed; an empty range has its last byte before the first. */
static bool range_in_bounds(const struct kernel_memory *memory, uint64_t offset, uint64_t len)
{
	return in_bounds(memory, offset) && len <= memory->managed && in_bounds(memory, offset + len - 1);
}

void kernel_input_set(struct kernel_memory *memory, uint64_t offset, uint64_t len)
{
	if (range_in_bounds(memory, offset, len)) {
		kernel_header(memory)->input_offset = offset;
		kernel_header(memory)->input_length = len;
	}
}

void kernel_output_set(struct kernel_memory *memory, uint64_t offset, uint64_t len)
{
	if (range_in_bounds(memory, offset, len)) {
		kernel_header(memory)->output_offset = offset;
		kernel_header(memory)->output_length = len;
	}
}

void kernel_error_set(struct kernel_memory *memory, uint64_t offset)
{
	if (offset == 0 || in_bounds(memory, offset))
		kernel_header(memory)->error = offset;
}

struct span kernel_output(const struct kernel_memory *memory)
{
	const struct kernel_header *header = kernel_header(memory);
	uint64_t offset = header->output_offset, len = header->output_length;

	if (offset >= memory->size)
		return span_of(NULL, 0);
	if (len > memory->size - offset)
		len = memory->size - offset;
	return len == 0 ? span_of(NULL, 0) : span_of(memory->base + offset, len);
}
