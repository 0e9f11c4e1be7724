/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* UUIDs and the random bytes they are made of. */
#ifndef BASE_UUID_H
#define BASE_UUID_H

#include "base/error.h"
#include "base/span.h"

#define UUID_TEXT_LEN 36

struct uuid {
	uint8_t bytes[16];
};

/** Fill `out` from the kernel's random source. Blocks only before the source was ever ready. Threads: any. */
MUST_CHECK enum capsule_status random_fill(void *out, size_t len, struct capsule_error *err);

/** Make a version 4 UUID. Fails only when random_fill() does. */
MUST_CHECK enum capsule_status uuid_make(struct uuid *uuid, struct capsule_error *err);

/** Write the lower-case hyphenated form and a zero byte. */
void uuid_format(const struct uuid *uuid, char out[UUID_TEXT_LEN + 1]);

/** Accepts the hyphenated, 32-digit, {braced} and urn:uuid: forms in any case. Returns false for anything else. */
bool uuid_parse(struct span text, struct uuid *uuid);

#endif
