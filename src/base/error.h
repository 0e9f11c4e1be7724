/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Errors as values with context: the innermost function says what and where, each layer above adds only whose.
 * The object lives with the caller, is never allocated on the way of a failure and carries nothing stale. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <capsule/error.h>
#include <stdarg.h>
#include <stddef.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(text_at, args_at) __attribute__((format(printf, text_at, args_at)))

/* Longest message kept, with its terminator. A longer one is cut in its middle, so that beginning and reason survive. */
#define ERROR_TEXT_MAX 1024

struct capsule_error {
	enum capsule_status status;
	int os_errno;              /* 0 when no system call failed */
	char text[ERROR_TEXT_MAX]; /* always terminated, always UTF-8 when the parts were */
};

/** Fill `err` (borrowed, may be NULL) with `status` and a message. Returns `status`, so that callers write
 *  `return error_set(err, ...)`. Control characters in the result are replaced by '?' except newline and tab. */
enum capsule_status error_set(struct capsule_error *err, enum capsule_status status, const char *format, ...)
	PRINTF_LIKE(3, 4);

/** As error_set() with CAPSULE_EIO, the message followed by the text of `os_errno`. Returns CAPSULE_EIO, CAPSULE_ENOMEM
 *  for ENOMEM, CAPSULE_ENOTFOUND for ENOENT. */
enum capsule_status error_os(struct capsule_error *err, int os_errno, const char *format, ...) PRINTF_LIKE(3, 4);

/** Put "<message>: " in front of what `err` says and return its status (CAPSULE_EINTERNAL when err is NULL). */
enum capsule_status error_in(struct capsule_error *err, const char *format, ...) PRINTF_LIKE(2, 3);

/** Copy `from` to `to` (both borrowed, `to` may be NULL). Returns the status. */
enum capsule_status error_copy(struct capsule_error *to, const struct capsule_error *from);

/** Back to CAPSULE_OK with an empty text. */
void error_clear(struct capsule_error *err);

#endif
