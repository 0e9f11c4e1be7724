/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Options that a program gives in a struct whose first member is its size. Threads: any. */
#ifndef RUNTIME_OPTIONS_H
#define RUNTIME_OPTIONS_H

#include "base/error.h"

#include <stddef.h>

/* A struct of options as this release knows it. */
struct options_kind {
	const char *type; /* "struct capsule_runtime_options" */
	size_t size;      /* of it */
	size_t first;     /* what the first release had: no program tells a smaller size */
	size_t alignment;
};

/** Copy `given` into `out`, which has room for `kind->size` bytes. Each release appends members, and so that the size
 *  grows: none may hide in the padding of the one before. A program built against an earlier release tells a smaller
 *  size, the rest is zero; one built against a later release tells a larger one, and gets what is known here when it
 *  asks for nothing else. Errors: CAPSULE_EINVAL. */
MUST_CHECK enum capsule_status options_take(
	void *out, const struct options_kind *kind, const void *given, struct capsule_error *err);

#endif
