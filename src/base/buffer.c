/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Growing bytes. One byte more than `capacity` is always allocated, so that the terminator of buffer_text() never fails
 * and never counts against the limit. */
#include "base/buffer.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define CAPACITY_MIN 64

static_assert(BUFFER_MAX < SIZE_MAX / 4, "doubling a capacity and adding the terminator can't overflow");

static size_t limit_of(const struct buffer *buffer)
{
	return buffer->limit > 0 && buffer->limit < BUFFER_MAX ? buffer->limit : BUFFER_MAX;
}

/* Give the buffer room for `need` bytes in all, which is within its limit. */
static bool grow(struct buffer *buffer, size_t need)
{
	size_t limit = limit_of(buffer), capacity = buffer->capacity * 2;
	uint8_t *data;

	if (capacity < CAPACITY_MIN)
		capacity = CAPACITY_MIN;
	if (capacity > limit)
		capacity = limit;
	if (capacity < need)
		capacity = need;
	data = realloc(buffer->data, capacity + 1);
	if (data == NULL) {
		buffer->failed = true;
		buffer->starved = true;
		return false;
	}
	buffer->data = data;
	buffer->capacity = capacity;
	return true;
}

void buffer_fini(struct buffer *buffer)
{
	free(buffer->data);
	*buffer = (struct buffer){ .limit = buffer->limit };
}

void buffer_clear(struct buffer *buffer)
{
	buffer->len = 0;
	buffer->failed = false;
	buffer->starved = false;
}

size_t buffer_room(const struct buffer *buffer)
{
	size_t limit = limit_of(buffer);

	return buffer->len < limit ? limit - buffer->len : 0;
}

bool buffer_reserve(struct buffer *buffer, size_t extra)
{
	if (buffer->failed)
		return false;
	if (extra > buffer_room(buffer)) {
		buffer->failed = true;
		return false;
	}
	if (extra <= buffer->capacity - buffer->len)
		return true;
	return grow(buffer, buffer->len + extra);
}

bool buffer_append(struct buffer *buffer, const void *data, size_t len)
{
	if (!buffer_reserve(buffer, len))
		return false;
	if (len > 0)
		memcpy(buffer->data + buffer->len, data, len);
	buffer->len += len;
	return true;
}

bool buffer_append_span(struct buffer *buffer, struct span bytes)
{
	return buffer_append(buffer, bytes.data, bytes.len);
}

bool buffer_append_text(struct buffer *buffer, const char *text)
{
	return buffer_append(buffer, text, strlen(text));
}

bool buffer_printf(struct buffer *buffer, const char *format, ...)
{
	va_list args;
	size_t room;
	int len;

	if (!buffer_reserve(buffer, 0) || (buffer->data == NULL && !grow(buffer, 0)))
		return false;
	room = buffer->capacity - buffer->len;
	va_start(args, format);
	len = vsnprintf((char *)buffer->data + buffer->len, room + 1, format, args);
	va_end(args);
	if (len < 0 || !buffer_reserve(buffer, (size_t)len)) {
		buffer->failed = true;
		return false;
	}
	if ((size_t)len > room) {
		va_start(args, format);
		(void)vsnprintf((char *)buffer->data + buffer->len, (size_t)len + 1, format, args);
		va_end(args);
	}
	buffer->len += (size_t)len;
	return true;
}

const char *buffer_text(struct buffer *buffer)
{
	if (buffer->failed || (buffer->data == NULL && !grow(buffer, 0)))
		return NULL;
	buffer->data[buffer->len] = '\0';
	return (const char *)buffer->data;
}

char *buffer_steal(struct buffer *buffer)
{
	char *text;

	if (buffer_text(buffer) == NULL)
		return NULL;
	text = (char *)buffer->data;
	*buffer = (struct buffer){ .limit = buffer->limit };
	return text;
}

enum capsule_status buffer_check(const struct buffer *buffer, struct capsule_error *err)
{
	if (!buffer->failed)
		return CAPSULE_OK;
	if (buffer->starved)
		return error_set(err, CAPSULE_ENOMEM, "out of memory after %zu bytes", buffer->len);
	return error_set(err, CAPSULE_ELIMIT, "longer than the limit of %zu bytes", limit_of(buffer));
}
