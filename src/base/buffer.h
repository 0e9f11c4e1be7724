/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A growing block of bytes with a ceiling. A failed append leaves the contents as they were and the buffer marked failed,
 * so that a run of appends needs one check at its end. Zero-initialised is empty and unlimited up to BUFFER_MAX. */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include "base/error.h"
#include "base/span.h"

#define BUFFER_MAX ((size_t)1 << 30)

struct buffer {
	uint8_t *data;
	size_t len;
	size_t capacity;
	size_t limit; /* most bytes it may hold, set before the first append; 0 means BUFFER_MAX */
	bool failed;  /* an append did not fit or memory ran out */
	bool starved; /* with failed: it was memory that ran out */
};

/** Free the bytes (buffer borrowed); afterwards it is empty and usable again, its limit kept. */
void buffer_fini(struct buffer *buffer);

/** Forget the contents and the failure, keep the memory. */
void buffer_clear(struct buffer *buffer);

/** Make room for `extra` more bytes. Returns false, and marks the buffer failed, over the limit or out of memory. */
bool buffer_reserve(struct buffer *buffer, size_t extra);

/** How many bytes may still be appended before the limit is reached. */
size_t buffer_room(const struct buffer *buffer);

/** Append. Return false when the buffer is or becomes failed. */
bool buffer_append(struct buffer *buffer, const void *data, size_t len);
bool buffer_append_span(struct buffer *buffer, struct span bytes);
bool buffer_append_text(struct buffer *buffer, const char *text);
bool buffer_printf(struct buffer *buffer, const char *format, ...) PRINTF_LIKE(2, 3);

static inline bool buffer_append_byte(struct buffer *buffer, uint8_t byte)
{
	if (buffer->failed || (buffer->len == buffer->capacity && !buffer_reserve(buffer, 1)))
		return false;
	buffer->data[buffer->len++] = byte;
	return true;
}

/** The contents with a zero byte behind them (not counted in len). Borrowed until the next change; NULL when out of
 *  memory or failed. */
const char *buffer_text(struct buffer *buffer);

/** What is in it, borrowed until the next change. */
static inline struct span buffer_span(const struct buffer *buffer)
{
	return span_of(buffer->data, buffer->len);
}

/** Hand the bytes over (zero byte behind them, free with free()); the buffer is empty afterwards. NULL as buffer_text(). */
char *buffer_steal(struct buffer *buffer);

/** CAPSULE_OK, or the error that a failed buffer means: CAPSULE_ELIMIT naming the limit, or CAPSULE_ENOMEM. */
MUST_CHECK enum capsule_status buffer_check(const struct buffer *buffer, struct capsule_error *err);

#endif
