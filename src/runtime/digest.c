/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Digests for those who write manifests. */
#include "process/digest.h"
#include "runtime/internal.h"

#include <capsule/mcp.h>

enum capsule_status capsule_digest(char out[80], const char *path, bool sha256, struct capsule_error *err)
{
	static_assert(DIGEST_TEXT == 80, "what the header promises");

	error_clear(err);
	if (out == NULL || path == NULL || path[0] == '\0')
		return error_set(err, CAPSULE_EINVAL, "no file or folder is named");
	return digest_path(out, path, sha256, err);
}
