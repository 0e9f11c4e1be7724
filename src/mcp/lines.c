/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The common case, a line that came in one piece, is handed on where it lies. */
#include "mcp/lines.h"

#define KEPT_CAPACITY (64u * 1024) /* of memory for parts, between two lines: more was needed for a rare large one */

static enum capsule_status too_long(struct lines *lines, struct capsule_error *err)
{
	lines->failed = true;
	buffer_fini(&lines->part);
	return error_set(err, CAPSULE_ELIMIT, "message exceeds %zu bytes", lines->limit);
}

static bool is_blank(struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] != ' ' && text.data[i] != '\t' && text.data[i] != '\r')
			return false;
	}
	return true;
}

/* Hand on `text`, a line without LF. *more: whether it goes on. */
static enum capsule_status hand_on(struct lines *lines, struct span text, bool (*line)(void *user, struct span text),
	void *user, bool *more, struct capsule_error *err)
{
	if (text.len > 0 && text.data[text.len - 1] == '\r')
		text.len--;
	if (text.len > lines->limit)
		return too_long(lines, err);
	*more = is_blank(text) || line(user, text);
	return CAPSULE_OK;
}

/* Keep `bytes`, the beginning of a line or more of it. One byte over the limit may still become a CR. */
static enum capsule_status keep(struct lines *lines, struct span bytes, struct capsule_error *err)
{
	if (bytes.len > lines->limit + 1 - lines->part.len)
		return too_long(lines, err);
	if (buffer_append_span(&lines->part, bytes))
		return CAPSULE_OK;
	lines->failed = true;
	return buffer_check(&lines->part, err);
}

/* The line that was begun ends with `bytes`. */
static enum capsule_status complete(struct lines *lines, struct span bytes, bool (*line)(void *user, struct span text),
	void *user, bool *more, struct capsule_error *err)
{
	enum capsule_status status = keep(lines, bytes, err);

	if (status == CAPSULE_OK)
		status = hand_on(lines, buffer_span(&lines->part), line, user, more, err);
	if (lines->part.capacity > KEPT_CAPACITY)
		buffer_fini(&lines->part);
	else
		buffer_clear(&lines->part);
	return status;
}

enum capsule_status lines_take(struct lines *lines, struct span bytes, bool (*line)(void *user, struct span text),
	void *user, struct capsule_error *err)
{
	bool more = true;

	if (lines->failed)
		return error_set(err, CAPSULE_ESTATE, "the stream has failed before");
	while (bytes.len > 0 && more) {
		const uint8_t *end = memchr(bytes.data, '\n', bytes.len);
		struct span text = span_of(bytes.data, end != NULL ? (size_t)(end - bytes.data) : bytes.len);
		enum capsule_status status;

		if (end == NULL)
			return keep(lines, text, err);
		if (lines->part.len > 0)
			status = complete(lines, text, line, user, &more, err);
		else
			status = hand_on(lines, text, line, user, &more, err);
		if (status != CAPSULE_OK)
			return status;
		bytes = span_of(end + 1, bytes.len - text.len - 1);
	}
	return CAPSULE_OK;
}

void lines_end(struct lines *lines, bool (*line)(void *user, struct span text), void *user)
{
	bool more;

	if (!lines->failed && lines->part.len > 0)
		(void)complete(lines, span_of(NULL, 0), line, user, &more, NULL);
	lines->failed = true;
}

void lines_fini(struct lines *lines)
{
	buffer_fini(&lines->part);
}
