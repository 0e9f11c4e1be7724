/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "runtime/overlay.h"

#include "base/blake3.h"

#include <stdio.h>

char *overlay_place(const char *home, const char *workspace, const char *id)
{
	uint8_t hash[BLAKE3_SIZE];
	char hex[BLAKE3_HEX], *path = NULL;

	blake3_bytes(span_text(workspace), hash);
	blake3_hex(hash, hex);
	return asprintf(&path, "%s/overlays/%.16s/%s", home, hex, id) < 0 ? NULL : path;
}
