/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bytes as operations on kernel memory, beside a model that is one list in address order, walked from its start each time.
 * Every offset, length and bound must be equal, no block may be written to by another, and a reset must leave zeroes. */
#include "engine/wasm/kernel_memory.h"

#include "base/limits.h"
#include "fuzz/target.h"
#include <sys/mman.h>

#define PAGES_FIRST 16
#define PAGES_MAX 64
#define BLOCKS_MAX 2048 /* of the model, which walks them all */

struct model_block {
	uint64_t offset, size, used; /* used is 0 in a freed one */
};

struct model {
	struct model_block blocks[BLOCKS_MAX];
	size_t count;
	uint64_t limit, most, left_over; /* records: allowed, ever used, and merged away */
	uint64_t managed, position, pages;
	uint64_t input_offset, input_length, output_offset, output_length, error;
};

struct input {
	const uint8_t *data;
	size_t size;
};

/* A number of `bytes` bytes; what is missing at the end of the input is zero. */
static uint64_t number(struct input *input, size_t bytes)
{
	uint64_t value = 0;

	for (size_t i = 0; i < bytes; i++) {
		value = value << 8 | (input->size > 0 ? *input->data : 0);
		if (input->size > 0) {
			input->data++;
			input->size--;
		}
	}
	return value;
}

/* ---- The model ---- */

static void model_reset(struct model *model)
{
	model->count = 0;
	model->most = model->left_over = model->position = 0;
	model->input_offset = model->input_length = model->output_offset = model->output_length = model->error = 0;
}

static bool model_has_record(const struct model *model)
{
	return model->left_over > 0 || model->most < model->limit;
}

static uint64_t model_insert(struct model *model, size_t at, uint64_t offset, uint64_t size)
{
	memmove(model->blocks + at + 1, model->blocks + at, (model->count - at) * sizeof *model->blocks);
	model->blocks[at] = (struct model_block){ .offset = offset, .size = size, .used = size };
	model->count++;
	if (model->left_over > 0)
		model->left_over--;
	else
		model->most++;
	return offset;
}

static void model_remove(struct model *model, size_t at)
{
	model->count--;
	model->left_over++;
	memmove(model->blocks + at, model->blocks + at + 1, (model->count - at) * sizeof *model->blocks);
}

static uint64_t model_reuse(struct model *model, size_t at, uint64_t len, bool *ok)
{
	struct model_block *block = &model->blocks[at];

	if (block->size - len < KERNEL_SPLIT) {
		block->used = len;
		return block->offset;
	}
	*ok = model_has_record(model);
	if (!*ok)
		return 0;
	block->size -= len + KERNEL_BLOCK_GAP;
	return model_insert(model, at + 1, block->offset + block->size + KERNEL_BLOCK_GAP, len);
}

static uint64_t model_alloc(struct model *model, uint64_t len, bool *ok)
{
	uint64_t left = model->managed - KERNEL_HEADER - model->position, missing;

	*ok = true;
	if (len == 0)
		return 0;
	for (size_t i = 0; len + KERNEL_BLOCK_GAP >= left && i < model->count; i++)
		if (model->blocks[i].used == 0 && model->blocks[i].size >= len)
			return model_reuse(model, i, len, ok);
	*ok = model_has_record(model) && len < PAGES_MAX * (uint64_t)LIMIT_WASM_PAGE;
	if (*ok && len + KERNEL_BLOCK_GAP >= left) {
		missing = (len + KERNEL_BLOCK_GAP - left + LIMIT_WASM_PAGE - 1) / LIMIT_WASM_PAGE;
		*ok = model->pages + missing <= PAGES_MAX;
		model->pages += *ok ? missing : 0;
		model->managed += *ok ? missing * LIMIT_WASM_PAGE : 0;
	}
	if (!*ok)
		return 0;
	model->position += len + KERNEL_BLOCK_GAP;
	return model_insert(model, model->count, KERNEL_FIRST + model->position - len, len);
}

static struct model_block *model_find(struct model *model, uint64_t offset)
{
	for (size_t i = 0; i < model->count; i++)
		if (model->blocks[i].offset == offset && model->blocks[i].used > 0)
			return &model->blocks[i];
	return NULL;
}

static void model_free(struct model *model, uint64_t offset)
{
	struct model_block *block = model_find(model, offset);
	size_t at;

	if (block == NULL)
		return;
	at = (size_t)(block - model->blocks);
	block->used = 0;
	if (offset == model->input_offset)
		model->input_length = 0;
	if (model->most < model->limit / 2)
		return;
	if (at + 1 < model->count && block[1].used == 0) {
		block->size += KERNEL_BLOCK_GAP + block[1].size;
		model_remove(model, at + 1);
	}
	if (at > 0 && block[-1].used == 0) {
		block[-1].size += KERNEL_BLOCK_GAP + block->size;
		model_remove(model, at);
	}
}

/* Whether first and last byte of a range are managed ones, where an empty range ends before its start. */
static bool model_range(const struct model *model, uint64_t offset, uint64_t len)
{
	uint64_t end, managed_end = KERNEL_FIRST + model->managed;

	return offset >= KERNEL_FIRST && offset < managed_end && !__builtin_add_overflow(offset, len, &end) &&
		end > KERNEL_FIRST && end <= managed_end;
}

/* ---- Both ---- */

static bool grow(struct kernel_memory *memory, uint32_t pages)
{
	if (pages > PAGES_MAX - memory->size / LIMIT_WASM_PAGE)
		return false;
	memory->size += (size_t)pages * LIMIT_WASM_PAGE;
	return true;
}

/* What the bytes of the block at `offset` are filled with. */
static uint8_t pattern(uint64_t offset)
{
	return (uint8_t)(offset * 31 + 1);
}

static void check_content(const struct kernel_memory *memory, uint64_t offset)
{
	struct span block = kernel_block(memory, offset);

	for (size_t i = 0; i < block.len; i++)
		CHECK(block.data[i] == pattern(offset));
}

static void both_alloc(struct kernel_memory *memory, struct model *model, uint64_t len)
{
	bool ok, model_ok;
	uint64_t offset, expected;

	if (model->count == BLOCKS_MAX)
		return;
	offset = kernel_alloc(memory, len, &ok);
	expected = model_alloc(model, len, &model_ok);
	CHECK(ok == model_ok);
	CHECK(offset == expected);
	CHECK(kernel_bytes(memory) == model->managed);
	CHECK(memory->size == model->pages * LIMIT_WASM_PAGE);
	if (offset != 0) {
		CHECK(offset + len <= memory->size);
		memset(memory->base + offset, pattern(offset), len);
	}
}

static void both_free(struct kernel_memory *memory, struct model *model, uint64_t offset)
{
	check_content(memory, offset);
	kernel_free(memory, offset);
	model_free(model, offset);
}

static void check_length(struct kernel_memory *memory, struct model *model, uint64_t offset)
{
	const struct model_block *block = model_find(model, offset);

	CHECK(kernel_length(memory, offset) == (block == NULL ? 0 : block->used));
	CHECK(kernel_block(memory, offset).len == kernel_length(memory, offset));
}

static void check_all(struct kernel_memory *memory, struct model *model)
{
	const struct kernel_header *header = kernel_header(memory);

	for (size_t i = 0; i < model->count; i++) {
		check_length(memory, model, model->blocks[i].offset);
		check_content(memory, model->blocks[i].offset);
	}
	CHECK(header->input_offset == model->input_offset);
	CHECK(header->input_length == model->input_length);
	CHECK(header->output_offset == model->output_offset);
	CHECK(header->output_length == model->output_length);
	CHECK(header->error == model->error);
	CHECK(kernel_output(memory).len <= model->output_length);
}

static void both_reset(struct kernel_memory *memory, struct model *model)
{
	uint64_t end = KERNEL_FIRST + model->position;

	check_all(memory, model);
	kernel_reset(memory);
	model_reset(model);
	for (uint64_t i = KERNEL_FIRST; i < end; i++)
		CHECK(memory->base[i] == 0);
}

static void both_set(struct kernel_memory *memory, struct model *model, bool as_input, uint64_t offset, uint64_t len)
{
	if (as_input)
		kernel_input_set(memory, offset, len);
	else
		kernel_output_set(memory, offset, len);
	if (!model_range(model, offset, len))
		return;
	*(as_input ? &model->input_offset : &model->output_offset) = offset;
	*(as_input ? &model->input_length : &model->output_length) = len;
}

/* Offset of some block, live or freed, or some other number. */
static uint64_t some_offset(const struct model *model, struct input *input)
{
	uint64_t which = number(input, 2);

	if (model->count > 0 && which < 0xF000)
		return model->blocks[which % model->count].offset;
	return which < 0xFF00 ? number(input, 3) : which < 0xFFF0 ? number(input, 8) : UINT64_MAX - (which & 0xF);
}

static void step(struct kernel_memory *memory, struct model *model, struct input *input)
{
	uint64_t operation = number(input, 1), offset, left = model->managed - KERNEL_HEADER - model->position;

	switch (operation % 16) {
	case 0:
	case 1:
	case 2:
		both_alloc(memory, model, number(input, 1));
		return;
	case 3:
	case 4:
		both_alloc(memory, model, number(input, 2));
		return;
	case 5:
		both_alloc(memory, model, number(input, 3) % 300000);
		return;
	case 6: /* around what still fits */
		both_alloc(memory, model, left + operation / 16 < 20 ? 0 : left + operation / 16 - 20);
		return;
	case 7:
		both_alloc(memory, model, UINT64_MAX >> (number(input, 1) % 42));
		return;
	case 13:
		check_length(memory, model, some_offset(model, input));
		return;
	case 14:
		offset = some_offset(model, input);
		if (operation / 16 < 8)
			both_set(memory, model, operation / 16 < 2, offset, number(input, operation / 16 + 1));
		else if (operation / 16 < 15)
			kernel_error_set(memory, offset);
		if (operation / 16 >= 8 && operation / 16 < 15 && (offset == 0 || model_range(model, offset, 1)))
			model->error = offset;
		return;
	case 15:
		if (operation / 16 == 15)
			both_reset(memory, model);
		return;
	default:
		both_free(memory, model, some_offset(model, input));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t *base;
	static struct model model;
	struct input input = { data, size };
	struct kernel_memory memory;

	if (base == NULL) {
		base = mmap(NULL, PAGES_MAX * (size_t)LIMIT_WASM_PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		CHECK(base != MAP_FAILED);
	}
	kernel_memory_init(&memory, base, PAGES_FIRST * (size_t)LIMIT_WASM_PAGE, grow, NULL);
	model_reset(&model);
	model.managed = LIMIT_WASM_PAGE - KERNEL_HEADER;
	model.pages = PAGES_FIRST;
	model.limit = number(&input, 1);
	if (model.limit >= 128)
		model.limit = LIMIT_KERNEL_BLOCKS;
	memory.block_limit = (uint32_t)model.limit;
	while (input.size > 0)
		step(&memory, &model, &input);
	both_reset(&memory, &model);
	kernel_memory_fini(&memory);
	return 0;
}
