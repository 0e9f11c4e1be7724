/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A reader of section framing, and of the two sections that matter here. Everything it reads is hostile. */
#include "engine/wasm/module_scan.h"

#define HEADER 8
#define SECTION_TABLE 4
#define SECTION_MEMORY 5
#define REFERENCE_OR_NULL 0x63
#define REFERENCE 0x64
#define WITH_INITIALISER 0x40

struct reader {
	struct span rest;
	bool broken;
};

static uint8_t read_byte(struct reader *reader)
{
	if (reader->rest.len == 0) {
		reader->broken = true;
		return 0;
	}
	reader->rest.len--;
	return *reader->rest.data++;
}

static uint64_t read_leb(struct reader *reader)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t byte = read_byte(reader);

		value |= (uint64_t)(byte & 0x7f) << shift;
		if ((byte & 0x80) == 0)
			return value;
	}
	reader->broken = true;
	return 0;
}

static struct span take(struct reader *reader, uint64_t len)
{
	struct span taken = reader->rest;

	if (len > reader->rest.len) {
		reader->broken = true;
		return span_of(NULL, 0);
	}
	taken.len = (size_t)len;
	reader->rest.data += len;
	reader->rest.len -= (size_t)len;
	return taken;
}

/* flags, minimum, maximum if flag 0 is set. */
static uint64_t read_limits(struct reader *reader, uint64_t *max)
{
	uint8_t flags = read_byte(reader);
	uint64_t min = read_leb(reader);

	*max = (flags & 1) != 0 ? read_leb(reader) : UINT64_MAX;
	return min;
}

static void scan_memories(struct reader *reader, struct module_scan *out)
{
	out->memory_count = read_leb(reader);
	if (out->memory_count > 0)
		out->memory_min = read_limits(reader, &out->memory_max);
}

/* A type of references: one byte, or one that says that a number follows, which tells what is referred to. */
static void skip_reference_type(struct reader *reader, uint8_t first)
{
	if (first == REFERENCE || first == REFERENCE_OR_NULL)
		(void)read_leb(reader);
}

/* Tables with an initialiser expression begin with 0x40 0x00; nothing behind them is read then. */
static void scan_tables(struct reader *reader, struct module_scan *out)
{
	out->table_count = read_leb(reader);
	for (uint64_t i = 0; i < out->table_count && !reader->broken; i++) {
		uint8_t first = read_byte(reader);
		uint64_t max, min;

		if (first == WITH_INITIALISER)
			return;
		skip_reference_type(reader, first);
		min = read_limits(reader, &max);
		out->table_min = min > out->table_min ? min : out->table_min;
	}
}

bool module_is_component(struct span bytes)
{
	return bytes.len >= HEADER && memcmp(bytes.data, "\0asm", 4) == 0 && (bytes.data[6] != 0 || bytes.data[7] != 0);
}

bool module_scan(struct span bytes, struct module_scan *out)
{
	struct reader reader = { .rest = bytes };

	*out = (struct module_scan){ .memory_max = UINT64_MAX };
	if (bytes.len < HEADER || memcmp(bytes.data, "\0asm\1\0\0\0", HEADER) != 0)
		return false;
	(void)take(&reader, HEADER);
	while (reader.rest.len > 0 && !reader.broken) {
		uint8_t id = read_byte(&reader);
		struct reader section = { .rest = take(&reader, read_leb(&reader)) };

		if (id == SECTION_TABLE)
			scan_tables(&section, out);
		else if (id == SECTION_MEMORY)
			scan_memories(&section, out);
		reader.broken = reader.broken || section.broken;
	}
	return !reader.broken;
}
