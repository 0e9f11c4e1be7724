/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Problems found in a file, each with its place, the reason and the fix; collected so that one run tells them all. */
#ifndef MANIFEST_DIAGNOSTIC_H
#define MANIFEST_DIAGNOSTIC_H

#include "base/buffer.h"

enum severity { SEVERITY_ERROR, SEVERITY_WARNING };

struct diagnostic {
	enum severity severity;
	uint32_t line, column, length; /* 1-based, column in bytes; line 0 when the problem has no place */
	char *text;                    /* what is wrong and why */
	char *fix;                     /* what to do about it, NULL when the text says it */
};

struct diagnostics {
	struct diagnostic *items; /* in the order of their places once diagnostics_sort() was called */
	size_t count, capacity;
	size_t errors;  /* how many are errors, also those not kept */
	size_t skipped; /* not kept: over LIMIT_MANIFEST_DIAGNOSTICS, or out of memory */
};

/** Add one; `fix` (borrowed) may be NULL. Control characters, direction marks and bytes that are no UTF-8 become '?' in both
 *  texts. When LIMIT_MANIFEST_DIAGNOSTICS are kept an error takes the place of the last warning; what is not kept, also for
 *  lack of memory, is counted as skipped, and as an error if it was one. */
void diagnostics_add(struct diagnostics *diagnostics, enum severity severity, uint32_t line, uint32_t column,
	uint32_t length, const char *fix, const char *format, ...) PRINTF_LIKE(7, 8);

/** Add those of `from`, which is empty afterwards. */
void diagnostics_take(struct diagnostics *diagnostics, struct diagnostics *from);

/** Order by place; those without a place first, those at one place as they were added. */
void diagnostics_sort(struct diagnostics *diagnostics);

/** The first that is an error, NULL when none is kept. Borrowed until the next change. */
const struct diagnostic *diagnostics_first_error(const struct diagnostics *diagnostics);

/** Append them as text for a person: `path:line:column: error: text`, the line itself (cut to a window around the place when
 *  it is long, control characters replaced), a caret line under the place, `fix: ...`. `source` may be empty. With `colour`
 *  in ANSI colours. Returns false when `out` is or becomes failed. */
bool diagnostics_print(
	const struct diagnostics *diagnostics, const char *path, struct span source, bool colour, struct buffer *out);

/** Append them as a JSON array of {severity, file, line, column, length, message, fix?}. Returns as diagnostics_print(). */
bool diagnostics_json(const struct diagnostics *diagnostics, const char *path, struct buffer *out);

void diagnostics_fini(struct diagnostics *diagnostics);

#endif
