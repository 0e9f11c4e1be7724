/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "mcp/stdio_stderr.h"

#include "base/cleanup.h"
#include "base/text.h"

#define RING_FIRST 1024
#define ESCAPE 0x1b

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Make room for `extra` more bytes as far as the ring may grow; without memory it stays as it is. */
static void ring_grow(struct stderr_ring *ring, size_t extra)
{
	size_t capacity = ring->capacity == 0 ? RING_FIRST : ring->capacity, head;
	uint8_t *bytes;

	while (capacity < MCP_STDERR_RING && capacity - ring->len < extra)
		capacity *= 2;
	if (capacity == ring->capacity || (bytes = malloc(capacity)) == NULL)
		return;
	head = smaller(ring->len, ring->capacity - ring->start);
	if (ring->len > 0) {
		memcpy(bytes, ring->bytes + ring->start, head);
		memcpy(bytes + head, ring->bytes, ring->len - head);
	}
	free(ring->bytes);
	ring->bytes = bytes;
	ring->capacity = capacity;
	ring->start = 0;
}

static void ring_put(struct stderr_ring *ring, struct span bytes)
{
	size_t at, head;

	ring_grow(ring, smaller(bytes.len, MCP_STDERR_RING));
	if (ring->capacity == 0)
		return;
	if (bytes.len > ring->capacity)
		bytes = span_of(bytes.data + bytes.len - ring->capacity, ring->capacity);
	if (bytes.len > ring->capacity - ring->len) {
		size_t over = bytes.len - (ring->capacity - ring->len);

		ring->start = (ring->start + over) % ring->capacity;
		ring->len -= over;
	}
	at = (ring->start + ring->len) % ring->capacity;
	head = smaller(bytes.len, ring->capacity - at);
	memcpy(ring->bytes + at, bytes.data, head);
	memcpy(ring->bytes, bytes.data + head, bytes.len - head);
	ring->len += bytes.len;
}

/* How many bytes at the beginning of `text` set colours or move the cursor (ESC [ ... letter); 0 for others. */
static size_t sequence_len(struct span text)
{
	size_t len = 2;

	if (text.len < 3 || text.data[0] != ESCAPE || text.data[1] != '[')
		return 0;
	while (len < text.len && text.data[len] >= 0x20 && text.data[len] < 0x40)
		len++;
	return len < text.len && text.data[len] >= 0x40 && text.data[len] < 0x7f ? len + 1 : 0;
}

/* Valid UTF-8 without what a terminal would obey. U+0080 to U+009F are controls in two bytes. */
static bool append_clean(struct buffer *out, struct span line)
{
	HOLD(buffer_fini) struct buffer valid = { 0 };

	if (!text_append_lossy(&valid, line))
		return false;
	for (size_t i = 0; i < valid.len;) {
		struct span rest = span_of(valid.data + i, valid.len - i);
		size_t skipped = sequence_len(rest);
		uint8_t byte = rest.data[0];
		bool two = byte == 0xc2 && rest.len > 1 && rest.data[1] < 0xa0;
		bool control = (byte < 0x20 && byte != '\t') || byte == 0x7f || two;

		if (skipped == 0 && !buffer_append_byte(out, control ? '?' : byte))
			return false;
		i += skipped > 0 ? skipped : two ? 2U : 1U;
	}
	return true;
}

static struct span without_return(struct span line)
{
	if (line.len > 0 && line.data[line.len - 1] == '\r')
		line.len--;
	return line;
}

/* Cut at `most` bytes, not inside of a character that is whole. */
static struct span cut_to(struct span line, size_t most)
{
	size_t len = most;

	if (line.len <= most)
		return line;
	while (len > 0 && most - len < 3 && (line.data[len] & 0xc0) == 0x80)
		len--;
	return span_of(line.data, len);
}

static void tell_line(struct stderr_ring *ring, void (*heard)(void *user, struct span line), void *user)
{
	HOLD(buffer_fini) struct buffer clean = { 0 };
	struct span line = without_return(buffer_span(&ring->line));

	if (line.len > 0 && append_clean(&clean, line))
		heard(user, cut_to(buffer_span(&clean), MCP_STDERR_LINE));
	buffer_clear(&ring->line);
}

void stderr_take(struct stderr_ring *ring, struct span bytes, void (*heard)(void *user, struct span line), void *user)
{
	ring_put(ring, bytes);
	while (heard != NULL && bytes.len > 0) {
		const uint8_t *end = memchr(bytes.data, '\n', bytes.len);
		size_t len = end == NULL ? bytes.len : (size_t)(end - bytes.data);
		size_t taken = smaller(len, MCP_STDERR_LINE - ring->line.len);

		(void)buffer_append(&ring->line, bytes.data, taken);
		if (end != NULL)
			tell_line(ring, heard, user);
		len += end != NULL;
		bytes = span_of(bytes.data + len, bytes.len - len);
	}
}

void stderr_end(struct stderr_ring *ring, void (*heard)(void *user, struct span line), void *user)
{
	if (heard != NULL)
		tell_line(ring, heard, user);
}

/* Where the last `lines` lines of `text` begin; empty ones do not count. */
static size_t last_lines(struct span text, size_t lines)
{
	size_t at = text.len;

	while (at > 0) {
		size_t end = at;

		while (at > 0 && text.data[at - 1] != '\n')
			at--;
		if (without_return(span_of(text.data + at, end - at)).len > 0 && lines-- == 0)
			return end < text.len ? end + 1 : end;
		if (at > 0)
			at--;
	}
	return 0;
}

bool stderr_append_last(const struct stderr_ring *ring, size_t lines, struct buffer *out)
{
	HOLD(buffer_fini) struct buffer flat = { 0 };
	size_t head = smaller(ring->len, ring->capacity - ring->start);
	struct span rest;
	bool ok = ring->len == 0 ||
		(buffer_append(&flat, ring->bytes + ring->start, head) &&
			buffer_append(&flat, ring->bytes, ring->len - head));

	rest = buffer_span(&flat);
	rest.len -= last_lines(buffer_span(&flat), lines);
	if (rest.len > 0)
		rest.data += flat.len - rest.len;
	while (ok && rest.len > 0) {
		const uint8_t *end = memchr(rest.data, '\n', rest.len);
		size_t len = end == NULL ? rest.len : (size_t)(end - rest.data);
		struct span line = without_return(span_of(rest.data, len));

		if (line.len > 0)
			ok = buffer_append_text(out, "\n") && append_clean(out, cut_to(line, STDERR_QUOTED_BYTES));
		len += end != NULL;
		rest = span_of(rest.data + len, rest.len - len);
	}
	return ok;
}

void stderr_fini(struct stderr_ring *ring)
{
	free(ring->bytes);
	buffer_fini(&ring->line);
	*ring = (struct stderr_ring){ 0 };
}
