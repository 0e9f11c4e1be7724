/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Filling and reading error objects. A message is built beside the object, so that the text it holds may be one of the
 * parts, then fitted: cut in its middle when it is too long, cleaned of what could harm a terminal, and made UTF-8 even
 * when a caller cut an operand inside a character. */
#include "base/error.h"

#include "base/cleanup.h"
#include "base/span.h"
#include "base/text.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Messages up to this length are formatted on the stack; only longer ones, which are cut anyway, need memory. */
#define FORMAT_INLINE 2048

#define ELLIPSIS "..."
#define ELLIPSIS_LEN (sizeof ELLIPSIS - 1)

struct formatted {
	char inline_text[FORMAT_INLINE];
	char *heap; /* the whole text when it did not fit inline */
};

struct status_row {
	const char *text;
	int exit_status;
	int rpc_code;
};

static const struct status_row status_rows[] = {
#define STATUS_ROW(name, words, exit_code, code)                                                                       \
	[CAPSULE_##name] = { .text = (words), .exit_status = (exit_code), .rpc_code = (code) },
	CAPSULE_STATUS_TABLE(STATUS_ROW)
#undef STATUS_ROW
};

static_assert(sizeof status_rows / sizeof status_rows[0] == CAPSULE_STATUS_COUNT, "one row for each status");
static_assert(ERROR_TEXT_MAX > 16 * ELLIPSIS_LEN, "a cut message still says something");

static bool is_continuation(uint8_t byte)
{
	return (byte & 0xC0) == 0x80;
}

/* Bytes [from, from + len) of the concatenation of `parts`. */
static void copy_range(uint8_t *out, const struct span *parts, size_t count, size_t from, size_t len)
{
	for (size_t i = 0; i < count && len > 0; i++) {
		size_t here;

		if (from >= parts[i].len) {
			from -= parts[i].len;
			continue;
		}
		here = parts[i].len - from < len ? parts[i].len - from : len;
		memcpy(out, parts[i].data + from, here);
		out += here;
		len -= here;
		from = 0;
	}
}

/* Join `parts` into `out`, which has room for ERROR_TEXT_MAX - 1 bytes, leaving out the middle of what is too long. */
static size_t join_cut(uint8_t *out, const struct span *parts, size_t count)
{
	const size_t room = ERROR_TEXT_MAX - 1;
	size_t total = 0, head = (room - ELLIPSIS_LEN) / 2, tail = room - ELLIPSIS_LEN - head, skip = 0;
	uint8_t *end;

	for (size_t i = 0; i < count; i++)
		total += parts[i].len;
	if (total <= room) {
		copy_range(out, parts, count, 0, total);
		return total;
	}
	copy_range(out, parts, count, 0, head + 1);
	for (int i = 0; i < 3 && is_continuation(out[head]); i++)
		head--;
	memcpy(out + head, ELLIPSIS, ELLIPSIS_LEN);
	end = out + head + ELLIPSIS_LEN;
	copy_range(end, parts, count, total - tail, tail);
	while (skip < 3 && is_continuation(end[skip]))
		skip++;
	memmove(end, end + skip, tail - skip);
	return head + ELLIPSIS_LEN + tail - skip;
}

/* Bytes of the control character at `text`, 0 when there is none. */
static size_t control_at(const uint8_t *text, size_t len)
{
	if ((text[0] < 0x20 && text[0] != '\n' && text[0] != '\t') || text[0] == 0x7F)
		return 1;
	return len >= 2 && text[0] == 0xC2 && text[1] >= 0x80 && text[1] <= 0x9F ? 2 : 0;
}

/* Replace control characters and bytes that are not UTF-8 by '?', in place. Returns the new length. */
static size_t clean(uint8_t *text, size_t len)
{
	size_t in = 0, out = 0, valid_end = text_utf8_valid_prefix(span_of(text, len));

	while (in < len) {
		size_t control = control_at(text + in, len - in);

		if (in == valid_end) {
			text[out++] = '?';
			in++;
			valid_end = in + text_utf8_valid_prefix(span_of(text + in, len - in));
		} else if (control > 0) {
			text[out++] = '?';
			in += control;
		} else {
			text[out++] = text[in++];
		}
	}
	return out;
}

/* Make the joined parts the text of `err`; a part may lie in the text that it replaces. */
static void fit(struct capsule_error *err, const struct span *parts, size_t count)
{
	uint8_t joined[ERROR_TEXT_MAX];
	size_t len = clean(joined, join_cut(joined, parts, count));

	memcpy(err->text, joined, len);
	err->text[len] = '\0';
}

static void formatted_drop(struct formatted *formatted)
{
	free(formatted->heap);
}

/* Format into `formatted` and return the text, which lives as long. Out of memory leaves the beginning of a long one. */
PRINTF_LIKE(2, 0) static struct span format_text(struct formatted *formatted, const char *format, va_list args)
{
	va_list again;
	size_t need;
	int len;

	va_copy(again, args);
	len = vsnprintf(formatted->inline_text, sizeof formatted->inline_text, format, args);
	if (len < 0)
		formatted->inline_text[0] = '\0';
	need = len < 0 ? 0 : (size_t)len;
	if (need >= sizeof formatted->inline_text) {
		formatted->heap = malloc(need + 1);
		if (formatted->heap != NULL)
			(void)vsnprintf(formatted->heap, need + 1, format, again);
	}
	va_end(again);
	if (formatted->heap != NULL)
		return span_of(formatted->heap, need);
	return span_of(formatted->inline_text,
		need < sizeof formatted->inline_text ? need : sizeof formatted->inline_text - 1);
}

enum capsule_status error_set(struct capsule_error *err, enum capsule_status status, const char *format, ...)
{
	HOLD(formatted_drop) struct formatted formatted;
	struct span part;
	va_list args;

	formatted.heap = NULL;
	if (err == NULL)
		return status;
	va_start(args, format);
	part = format_text(&formatted, format, args);
	va_end(args);
	fit(err, &part, 1);
	err->status = status;
	err->os_errno = 0;
	return status;
}

static enum capsule_status status_of_errno(int os_errno)
{
	switch (os_errno) {
	case ENOMEM:
		return CAPSULE_ENOMEM;
	case ENOENT:
		return CAPSULE_ENOTFOUND;
	default:
		return CAPSULE_EIO;
	}
}

enum capsule_status error_os(struct capsule_error *err, int os_errno, const char *format, ...)
{
	HOLD(formatted_drop) struct formatted formatted;
	struct span parts[3];
	va_list args;

	formatted.heap = NULL;
	if (err == NULL)
		return status_of_errno(os_errno);
	va_start(args, format);
	parts[0] = format_text(&formatted, format, args);
	va_end(args);
	parts[1] = span_text(": ");
	parts[2] = span_text(strerror(os_errno)); /* of the calling thread since glibc 2.32 */
	fit(err, parts, 3);
	err->status = status_of_errno(os_errno);
	err->os_errno = os_errno;
	return err->status;
}

enum capsule_status error_in(struct capsule_error *err, const char *format, ...)
{
	HOLD(formatted_drop) struct formatted formatted;
	struct span parts[3];
	va_list args;

	formatted.heap = NULL;
	if (err == NULL)
		return CAPSULE_EINTERNAL;
	va_start(args, format);
	parts[0] = format_text(&formatted, format, args);
	va_end(args);
	parts[1] = span_text(": ");
	parts[2] = span_text(err->text);
	fit(err, parts, 3);
	if (err->status == CAPSULE_OK) /* a failure that nobody described must not pass for success */
		err->status = CAPSULE_EINTERNAL;
	return err->status;
}

enum capsule_status error_copy(struct capsule_error *to, const struct capsule_error *from)
{
	if (to != NULL && to != from) {
		to->status = from->status;
		to->os_errno = from->os_errno;
		memcpy(to->text, from->text, strlen(from->text) + 1);
	}
	return from->status;
}

void error_clear(struct capsule_error *err)
{
	if (err == NULL)
		return;
	err->status = CAPSULE_OK;
	err->os_errno = 0;
	err->text[0] = '\0';
}

struct capsule_error *capsule_error_new(void)
{
	return calloc(1, sizeof(struct capsule_error));
}

void capsule_error_free(struct capsule_error *error)
{
	free(error);
}

enum capsule_status capsule_error_status(const struct capsule_error *error)
{
	return error == NULL ? CAPSULE_OK : error->status;
}

const char *capsule_error_text(const struct capsule_error *error)
{
	return error == NULL ? "" : error->text;
}

int capsule_error_os(const struct capsule_error *error)
{
	return error == NULL ? 0 : error->os_errno;
}

/* NULL for a value outside the table, which a caller in another language can pass. */
static const struct status_row *find_row(enum capsule_status status)
{
	return (unsigned int)status < CAPSULE_STATUS_COUNT ? &status_rows[status] : NULL;
}

const char *capsule_status_text(enum capsule_status status)
{
	const struct status_row *row = find_row(status);

	return row == NULL ? "unknown status" : row->text;
}

int capsule_status_exit(enum capsule_status status)
{
	const struct status_row *row = find_row(status);

	return row == NULL ? status_rows[CAPSULE_EINTERNAL].exit_status : row->exit_status;
}

int capsule_status_rpc(enum capsule_status status)
{
	const struct status_row *row = find_row(status);

	return row == NULL ? status_rows[CAPSULE_EINTERNAL].rpc_code : row->rpc_code;
}
