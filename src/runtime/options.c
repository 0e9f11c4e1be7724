/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "runtime/options.h"

#include <stdint.h>
#include <string.h>

#define OPTIONS_SIZE_MAX 4096 /* a larger one is no size but a variable that nobody set */

enum capsule_status options_take(
	void *out, const struct options_kind *kind, const void *given, struct capsule_error *err)
{
	const uint8_t *bytes = given;
	size_t size;

	memcpy(&size, given, sizeof size);
	if (size < kind->first || size > OPTIONS_SIZE_MAX || size % kind->alignment != 0)
		return error_set(err, CAPSULE_EINVAL, "options.size is %zu, expected %zu: set it to sizeof(%s)", size,
			kind->size, kind->type);
	for (size_t i = kind->size; i < size; i++)
		if (bytes[i] != 0)
			return error_set(err, CAPSULE_EINVAL,
				"options hold settings that this release does not know, at byte %zu of options.size %zu",
				i, size);
	memset(out, 0, kind->size);
	memcpy(out, given, size < kind->size ? size : kind->size);
	return CAPSULE_OK;
}
